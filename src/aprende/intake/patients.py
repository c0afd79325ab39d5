"""Whose picture is it? The patient of each picture, so that none is ever on two sides of a split.

In this order: the column asked for; a column called patient (subject, paciente …); the patient number in DICOM files
(as a hash); numbers after "patient" or "person" in the files' paths; a patient's number before the picture's, as in
00000001_000.png; names that differ only by a day, a view or a part of a figure. Knows names and headers, no picture.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aprende.core import splits
from aprende.core.contract import Note, Table, as_array
from aprende.core.errors import SettingError, unknown
from aprende.core.settings import Settings
from aprende.core.words import t
from aprende.intake import classes, dicom
from aprende.intake.findings import fold
from aprende.intake.pictures import Loaded, Pictures

COLUMNS = re.compile(r"^(patient|subject|person|paciente|sujeto|persona|pid)( ?(id|number|no|name|code|num|numero))?$")
WORD = re.compile(r"(?:^|[^a-z])(?:patient|person|subject|paciente|persona|sujeto)[-_ ]?0*(\d+)", re.I)
NUMBERED = re.compile(r"^([a-z]{0,12}[-_]?\d{3,})[-_](\d{1,4}|[a-z])$", re.I)  # of a patient, then of a picture
DAY = re.compile(
    r"[-_. ](?:(?:day|dia|week|visit|fup)[-_]?\d+|d\d+|\d+[-_]?(?:days?|dias?|hours?|h|weeks?)|admission)(?=[-_. ]|$)",
    re.I,
)
VIEW = re.compile(r"[-_. ](?:pa|ap|lat|lateral|frontal|supine)$", re.I)
PART = re.compile(r"(?:(?<=\d)|(?<=[-_. ]))[a-h](?=[-_. ]|$)", re.I)  # of a figure: Fig4a, Fig4b
LEAST_NUMBERED = 0.8  # share of the names that must be of that form
MOST_OF_ONE, MOST_SHARE = 12, 0.1  # pictures of one patient, or share of all: more are no patient's
LEAST_SHARED = 0.05  # share of the pictures that must have a companion, for numbers to be a patient's


@dataclass(frozen=True)
class Patients:
    """`names` (rows,): who each row is of (None: alone). `told`: whether anything told them. `note` says what did."""

    names: list[str] | None
    told: bool
    note: Note


def find(source: Table, asked: str = "") -> Patients:
    """Return the patient of every row, as far as the source tells; raise SettingError where `asked` is no column."""
    if asked:
        if asked not in source.columns:
            raise SettingError(unknown(t("column"), asked, source.columns))
        said = t("Patients are told apart by the column {name}.", name=asked)
        return _found([_word(v) for v in source.columns[asked]], said)
    for name in source.columns:
        if name != "image" and COLUMNS.match(fold(name)):
            said = t("Patients are told apart by the column {name}.", name=name)
            return _found([_word(v) for v in source.columns[name]], said)
    pictures = source.columns["image"]
    if isinstance(pictures, Pictures):
        return _by_files(pictures)
    return _nobody()


def part(
    source: Table, loaded: Loaded, patients: Patients, settings: Settings, valid_share: float
) -> tuple[splits.Split, list[Note]]:
    """Part the loaded pictures (row numbers are places in `loaded`): copies, near-copies and patients stay together.

    Where the source itself has a patient in two parts, those of its pictures that are to be learnt from are left out.
    """
    names = None if patients.names is None else [patients.names[row] for row in loaded.kept]
    parts = None if source.parts is None else [source.parts[row] for row in loaded.kept]
    keys = classes.keys(loaded)
    made = splits.split(
        keys,
        settings.seed,
        valid_share,
        settings.test_share,
        classes.together(loaded, names, parts is not None),
        as_array(source.columns[settings.time])[loaded.kept] if settings.time else None,
        parts,
    )
    if names is None or parts is None:
        return made, []
    held = np.array(names)
    train = made.train[~np.isin(held[made.train], held[np.concatenate([made.valid, made.test])])]
    valid = made.valid[~np.isin(held[made.valid], held[made.test])]
    gone = len(made.train) + len(made.valid) - len(train) - len(valid)
    said = t("pictures to learn from of patients who are also in the test: left out")
    return replace(made, train=train, valid=valid), [Note(said, "left out", "image", gone)] if gone else []


def _by_files(pictures: Pictures) -> Patients:
    hashed = [dicom.patient(file) for file in pictures.files]
    if any(hashed):
        return _found(hashed, t("Patients are told apart by the patient number in the DICOM files (kept as a hash)."))
    names = pictures.names
    words = [f"{m.group(1)}" if (m := WORD.search(name)) else None for name in names]
    if sum(w is not None for w in words) >= len(names) / 2:
        return _found(words, t("Patients are told apart by their numbers in the files' names."))
    stems = [re.sub(r"\.\w{1,5}$", "", name.rsplit("/", 1)[-1]) for name in names]
    numbers = [m.group(1) if (m := NUMBERED.match(stem)) else None for stem in stems]
    if _strong(numbers):
        return _found(numbers, t("Patients are told apart by the number with which the files' names begin."))
    alike = _series(stems)
    if _shared(alike) and _many_enough(alike):
        said = t("Pictures whose names differ only by a day, a view or a part are taken to be of one patient.")
        return _found(alike, said)
    return _nobody()


def _strong(numbers: Sequence[str | None]) -> bool:
    """Nearly all names have the form, and the numbers are shared by some pictures, but not by most."""
    known = sum(n is not None for n in numbers)
    return (
        known >= LEAST_NUMBERED * len(numbers)
        and _shared(numbers) >= LEAST_SHARED * len(numbers)
        and _many_enough(numbers)
    )


def _many_enough(names: Sequence[str | None]) -> bool:
    """No name has so many pictures that it cannot be a patient's."""
    counts = Counter(n for n in names if n is not None)
    return max(counts.values()) <= max(MOST_OF_ONE, MOST_SHARE * len(names))


def _shared(names: Sequence[str | None]) -> int:
    """How many rows have a companion."""
    counts = Counter(n for n in names if n is not None)
    return sum(c for c in counts.values() if c > 1)


def _series(stems: Sequence[str]) -> list[str | None]:
    """The name without day, view and part, where other pictures share it."""
    shorter = [PART.sub("", VIEW.sub("", DAY.sub("", stem))).rstrip("-_. ") for stem in stems]
    counts = Counter(shorter)
    return [s if counts[s] > 1 else None for s in shorter]


def _found(names: list[str | None], said: str) -> Patients:
    count = len({n for n in names if n is not None}) + sum(n is None for n in names)
    told = said + " " + t("{n} patients; none of them is on two sides of the test.", n=count)
    return Patients([n if n is not None else f"row {i}" for i, n in enumerate(names)], True, Note(told, "info"))


def _nobody() -> Patients:
    said = t(
        "Nothing tells the patients apart: pictures of one patient may be on both sides of the test, and the figures"
        " too good. Give --group with the column of patients."
    )
    return Patients(None, False, Note(said, "warning"))


def _word(value: Any) -> str | None:
    return None if value is None or value != value or str(value).strip() == "" else str(value)
