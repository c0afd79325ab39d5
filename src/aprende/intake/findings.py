"""What pictures show, as several findings each: from class folders, a column of lists, or columns of 0 and 1.

    pneumonia/1.png, normal/2.png     a finding is the folder's name; "normal" (sano, no finding …) is none
    labels: "Effusion|Mass"           a list in one cell; also with ";" or ","
    Effusion 1, Mass 0                a column each; blank or -1 is not known

Blank is not known, which is not the same as none. Knows a Table with a column `image`, and no picture.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Table, as_array
from aprende.core.errors import DataError, SettingError, unknown
from aprende.core.fields import Boolean, Category, Number, Text
from aprende.core.words import t

NORMAL = {
    *("normal", "normales", "no finding", "no findings", "none", "healthy", "negative", "control", "without findings"),
    *("sano", "sana", "sanos", "sin hallazgos", "sin hallazgo", "ninguno", "ninguna", "negativo", "negativa"),
}
NO, YES = {"0", "0.0", "no", "false", "n"}, {"1", "1.0", "yes", "si", "true", "y", "s"}
HINTS = re.compile(r"find|label|diagnos|disease|patholog|class|target|hallaz|etiquet|clase|enfermedad|patolog")
GENERAL = {"class", "label", "labels", "clase", "etiqueta", "target", "y"}  # names that name no finding
MARKS = ("|", ";", ",")
MOST = 200  # findings
LONGEST = 60  # letters of a finding's name
SHARE = 0.01  # of the cells that must hold a list, for a column to be one of lists

Truth = NDArray[np.float32]


@dataclass(frozen=True)
class Told:
    """truth (rows, K): 1 shown, 0 not shown, NaN not known; `names` (K,) of the findings; `column` that told them.

    closed: what a row does not name is not shown (lists, folders), rather than unknown (a column each).
    """

    names: list[str]
    truth: Truth
    column: str
    closed: bool = True

    def of(self, names: Sequence[str]) -> Truth:
        """Return the truth about these findings, (rows, len(names)); one that was never told is 0 or unknown."""
        known = ~np.isnan(self.truth).all(axis=1) if len(self.names) else np.ones(len(self.truth), bool)
        blank = np.where(known & self.closed, 0.0, np.nan).astype(np.float32)
        columns = [self.truth[:, self.names.index(n)] if n in self.names else blank for n in names]
        return np.stack(columns, axis=1) if columns else self.truth[:, :0]


def read(source: Table, asked: str = "") -> Told:
    """Return what the pictures show; asked: a column of the source, or several, separated by commas.

    Raises SettingError where there is no such column, DataError where nothing tells what they show.
    """
    many = [name.strip() for name in asked.split(",")] if asked and asked not in source.columns else []
    for name in many or [asked] * bool(asked):
        if name not in source.columns:
            raise SettingError(unknown(t("column of findings"), name, usable(source)))
    if many:
        return _columns(source, many)
    if asked:
        return _column(source, asked)
    lists = listed(source)
    if lists:
        return _lists(source, *lists[0])
    if source.target and source.target not in source.dropped:
        return _column(source, source.target)
    return _only(source)


def usable(source: Table) -> list[str]:
    """Return the columns that may tell findings."""
    kinds = (Category, Text, Boolean, Number)
    return [n for n, f in source.fields.items() if isinstance(f, kinds) and n not in source.dropped]


def listed(source: Table) -> list[tuple[str, str]]:
    """Return the columns whose cells are lists of findings, with the mark between them; the likeliest first."""
    found = []
    for name in usable(source):
        mark = _mark(source, name)
        if mark and (mark == "|" or HINTS.search(fold(name))):
            found.append((name, mark))
    return sorted(found, key=lambda pair: (MARKS.index(pair[1]), not HINTS.search(fold(pair[0]))))


def several(source: Table) -> bool:
    """Tell whether the source names several findings a picture."""
    return bool(listed(source)) or (source.target is None and len(_flags(source)) > 1)


def _only(source: Table) -> Told:
    """By the one column that may tell: by its name, a column each, or the only one there is."""
    kinds = (Category, Boolean)
    told = [n for n in usable(source) if isinstance(source.fields[n], kinds) and fold(n) not in NORMAL]
    named = [n for n in told if HINTS.search(fold(n))]
    flags = _flags(source)
    if len(named) == 1:
        return _column(source, named[0])
    if len(flags) > 1:
        return _columns(source, flags)
    if len(told) == 1:
        return _column(source, told[0])
    if not told:
        raise DataError(t("Nothing tells what the pictures show: a folder for each finding, or a column of findings."))
    raise DataError(t("Which column tells the findings? Give --target, one of: {names}.", names=", ".join(told)))


def _column(source: Table, name: str) -> Told:
    """One column: of lists, of yes and no, or of classes."""
    mark, field = _mark(source, name), source.fields[name]
    if mark:
        return _lists(source, name, mark)
    if isinstance(field, Boolean) or (isinstance(field, Number) and _is_flag(source, name)):
        return _columns(source, [name])
    if isinstance(field, Number):
        numbers = as_array(source.columns[name])
        words = [None if np.isnan(v) else f"{v:g}" for v in numbers]
    else:
        words = [w if w and w.strip() else None for w in source.columns[name].to_list()]
    return _classes(words, name)


def _classes(words: Sequence[str | None], column: str) -> Told:
    """One class a picture: a finding each, but for the class that is none; two classes, one of them none: one."""
    counts = Counter(w for w in words if w is not None)
    if len(counts) > MOST:
        raise DataError(t("Column {name} holds {n} different values: too many findings.", name=column, n=len(counts)))
    named = {w: w for w in counts if fold(w) not in NORMAL}
    if len(counts) == 2 and len(named) == 2:
        plain = [w for w in counts if fold(w) in NO]
        if len(plain) == 1:
            (other,) = set(counts) - set(plain)
            general = fold(other) in YES
            name = (t("finding") if fold(column) in GENERAL else column) if general else other
            named = {other: name}
    names = sorted(named.values())
    truth = np.full((len(words), len(names)), np.nan, np.float32)
    for row, word in enumerate(words):
        if word is not None:
            truth[row] = [float(named.get(word) == name) for name in names]
    return Told(names, truth, column)


def _lists(source: Table, column: str, mark: str) -> Told:
    cells = [_parts(cell, mark) for cell in source.columns[column].to_list()]
    counts = Counter(part for parts in cells for part in parts or () if fold(part) not in NORMAL)
    names = sorted(counts)
    place = {name: k for k, name in enumerate(names)}
    truth = np.full((len(cells), len(names)), np.nan, np.float32)
    for row, parts in enumerate(cells):
        if parts is not None:
            truth[row] = 0.0
            truth[row, [place[p] for p in parts if p in place]] = 1.0
    return Told(names, truth, column)


def _columns(source: Table, names: Sequence[str]) -> Told:
    for name in names:
        field = source.fields[name]
        if not isinstance(field, Boolean) and not (isinstance(field, Number) and _is_flag(source, name)):
            said = t("Column {name}: expected 1 (shown), 0 (not shown), or blank (not known).", name=name)
            raise DataError(said)
    held = np.stack([as_array(source.columns[name]) for name in names], axis=1).astype(np.float32)
    truth = np.where(held < 0, np.nan, held).astype(np.float32)
    shown = [k for k, name in enumerate(names) if fold(name) not in NORMAL]
    for k in set(range(len(names))) - set(shown):  # a column for none at all: what it says of a row says all
        truth[np.isnan(truth).any(axis=1) & (held[:, k] == 1)] = 0.0
    return Told([names[k] for k in shown], truth[:, shown], ", ".join(names), closed=False)


def _flags(source: Table) -> list[str]:
    """The columns of 0 and 1."""
    return [n for n in usable(source) if isinstance(source.fields[n], Boolean) or _is_flag(source, n)]


def _is_flag(source: Table, name: str) -> bool:
    if not isinstance(source.fields[name], Number | Boolean):
        return False
    values = as_array(source.columns[name])
    known = values[np.isfinite(values)]
    return bool(len(known) and np.isin(known, (-1, 0, 1)).all() and (known == 1).any())


def _mark(source: Table, name: str) -> str:
    """The mark between the findings of a cell, where the column holds lists of a few recurring names; else ""."""
    if not isinstance(source.fields[name], Category | Text):
        return ""
    cells = [cell for cell in source.columns[name].to_list() if cell]
    for mark in MARKS:
        lists = sum(mark in cell for cell in cells)
        if lists and lists >= SHARE * len(cells):
            counts = Counter(part for cell in cells for part in _parts(cell, mark) or ())
            recur = sum(counts.values()) >= 2 * len(counts)
            if recur and len(counts) <= MOST and max(map(len, counts)) <= LONGEST:
                return mark
    return ""


def _parts(cell: Any, mark: str) -> list[str] | None:
    """The names in a cell; None where it is blank."""
    parts = [part.strip() for part in (cell or "").split(mark)]
    return [part for part in parts if part] or None


def fold(word: str) -> str:
    """Return a word in lower case, without accents, with single blanks between its parts."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c))
    return re.sub(r"[\s_\-]+", " ", plain).strip()
