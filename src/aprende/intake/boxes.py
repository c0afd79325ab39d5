"""Pictures whose things are told by boxes → which pictures, with which boxes and classes, in which part.

    annotations/instances_train.json   COCO; also Roboflow's train/_annotations.coco.json (`coco.py`)
    Annotations/1.xml                  Pascal VOC, parts by ImageSets/Main; or 1.xml beside 1.jpg (`voc.py`)
    labels/1.txt                       YOLO, names by data.yaml or classes.txt (`yolo.py`)
    boxes.csv                          a row a box: picture, class, and four numbers (`boxtable.py`)

Boxes are checked against their picture's size: cut where they reach out, set aside where nothing is left; every
decision is counted in a note. A box's score is 1, or 0 where it must not count (COCO's crowds, VOC's difficult things).
Decodes no picture; never changes a file.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Note
from aprende.core.errors import InputError
from aprende.core.fields import Boxes
from aprende.core.words import t
from aprende.intake import folders
from aprende.intake.decoder import size_of
from aprende.intake.folders import Listing, natural_order

MOST_BYTES = 1 << 29  # of one file that tells boxes
NAMED = 5  # files named in a note
LIKE = 0.02  # how far the shapes of a picture and of its described size may differ


@dataclass(frozen=True)
class Box:
    """One box as a file tells it: pixels, or shares of the picture where `relative`; `counts`: see above."""

    name: str
    left: float
    top: float
    right: float
    bottom: float
    counts: bool = True
    relative: bool = False


@dataclass
class Told:
    """What files tell: for each row of the listing its boxes, and where they say so its part and its picture's size."""

    boxes: dict[int, list[Box]] = field(default_factory=dict)
    parts: dict[int, str] = field(default_factory=dict)
    sizes: dict[int, tuple[float, float]] = field(default_factory=dict)  # width, height
    used: set[Path] = field(default_factory=set)  # files that told something
    broken: dict[str, list[str]] = field(default_factory=dict)  # why → which files
    unknown: int = 0  # pictures named that are not there
    unusable: int = 0  # boxes that name no class or lack a number
    again: int = 0  # pictures told of a second time

    def refuse(self, file: Path, why: str) -> None:
        """Set a file aside."""
        self.broken.setdefault(why, []).append(file.name)

    def add(self, row: int, boxes: list[Box]) -> None:
        """Keep a picture's boxes, unless another file told of it before."""
        self.again += row in self.boxes
        self.boxes.setdefault(row, boxes)


@dataclass(frozen=True)
class Boxed:
    """`rows` of the listing that are told of, each with float32 (k, 6) boxes (see `core.fields.boxes`) and its part."""

    rows: list[int]
    values: list[NDArray[np.float32]]
    names: tuple[str, ...]
    parts: list[str | None]
    notes: list[Note]


def read(listing: Listing) -> Boxed | None:
    """Return what the folder's files tell of boxes; None where none tells any."""
    from aprende.intake import boxtable, coco, voc, yolo

    readers: list[Callable[[Listing], Told | None]] = [coco.read, voc.read, yolo.read, boxtable.read]
    for reader in readers:
        told = reader(listing)
        if told is not None and any(told.boxes.values()):
            return _cleaned(listing, told)
    return None


def _cleaned(listing: Listing, told: Told) -> Boxed:
    """Check every box against its picture, and say what was done."""
    done: Counter[str] = Counter()
    rows = sorted(told.boxes)
    names = sorted({box.name for boxes in told.boxes.values() for box in boxes}, key=natural_order)
    places = {name: place for place, name in enumerate(names)}
    values = []
    for row in rows:
        try:
            size: tuple[float, float] = size_of(listing.files[row])
        except InputError:
            size = told.sizes.get(row, (0, 0))  # it is set aside when it is decoded
        values.append(_checked(told.boxes[row], told.sizes.get(row), size, places, done))
    parts = [told.parts.get(row, listing.parts[row]) for row in rows]
    return Boxed(rows, values, tuple(names), parts, _notes(listing, told, values, done))


def _checked(
    boxes: list[Box],
    described: tuple[float, float] | None,
    size: tuple[float, float],
    places: dict[str, int],
    done: Counter[str],
) -> NDArray[np.float32]:
    """Return a picture's boxes in its pixels, cut at its border; count what is done."""
    if not boxes:
        return np.zeros((0, 6), np.float32)
    ends = np.array([[b.left, b.top, b.right, b.bottom] for b in boxes], np.float64)
    scale = np.array([size if b.relative else _scale(described, size, done) for b in boxes], np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        ends = ends * np.tile(scale, 2)
        real = np.isfinite(ends).all(axis=1) & (ends[:, 2] > ends[:, 0]) & (ends[:, 3] > ends[:, 1])
        cut = np.clip(ends, 0, np.tile(size, 2))
        left = real & (cut[:, 2] - cut[:, 0] > 0.5) & (cut[:, 3] - cut[:, 1] > 0.5)
        moved = left & (np.abs(cut - ends) > 1).any(axis=1)  # a pixel less or more is how one counts
    kinds = np.array([places[b.name] for b in boxes])
    held = np.column_stack([cut, kinds, [b.counts for b in boxes]]).astype(np.float32)[left]
    once = held[np.sort(np.unique(held, axis=0, return_index=True)[1])]
    done += Counter(empty=int((~left).sum()), cut=int(moved.sum()), twice=len(held) - len(once))
    done["void"] += int((once[:, 5] == 0).sum())
    return once


def _scale(described: tuple[float, float] | None, size: tuple[float, float], done: Counter[str]) -> tuple[float, float]:
    """Return by what to multiply pixels of the described picture to get pixels of the one that is there."""
    if described is None or min(*described, *size) <= 0 or described == size:
        return 1.0, 1.0
    across, down = size[0] / described[0], size[1] / described[1]
    if abs(across / down - 1) > LIKE:
        done["odd"] += 1
        return 1.0, 1.0
    done["scaled"] += 1
    return across, down


def _notes(listing: Listing, told: Told, values: list[NDArray[np.float32]], done: Counter[str]) -> list[Note]:
    """Return a note on each decision; and replace the one on files passed over by one on those not used."""
    unused = [file for file in listing.others if file not in told.used]
    before = [*folders.passed_over(listing.others), *(folders.no_class(note.where) for note in listing.notes)]
    notes = [note for note in listing.notes if note not in before] + folders.passed_over(unused)
    left, blank = len(listing.files) - len(values), sum(not len(v) for v in values)
    said = (
        (done["cut"], "repaired", t("boxes that reach out of their picture: cut at its border")),
        (done["empty"], "set aside", t("boxes without area within their picture, or with numbers that are none")),
        (done["twice"], "repaired", t("boxes told twice: kept once")),
        (done["scaled"], "repaired", t("boxes told for a picture of another size: scaled")),
        (done["odd"], "warning", t("boxes told for a picture of another shape: look whether they fit")),
        (done["void"], "info", t("boxes marked as crowd or difficult: neither learnt nor counted")),
        (told.unusable, "set aside", t("boxes without a known class or with a number missing")),
        (told.unknown, "set aside", t("pictures that are told of but are not in the folder")),
        (told.again, "set aside", t("pictures told of a second time: the first file counts")),
        (left, "left out", t("pictures that no file tells of")),
        (blank, "info", t("pictures without any box: there is nothing to find in them")),
    )
    notes += [Note(text, level, "boxes", n) for n, level, text in said if n]
    for why, files in told.broken.items():
        shown = ", ".join(files[:NAMED]) + (" …" if len(files) > NAMED else "")
        notes.append(Note(f"{shown}: {why}", "set aside", "boxes", len(files)))
    return notes


def alike(field: Boxes, other: Boxes, column: Sequence[NDArray[np.float32]]) -> tuple[Boxes, list[NDArray[np.float32]]]:
    """Return a field with the classes of both, `field`'s first, and `other`'s column with places in it."""
    options = (*field.options, *(name for name in other.options if name not in field.options))
    places = np.array([options.index(name) for name in other.options] or [0], np.float32)
    held = [np.column_stack([b[:, :4], places[b[:, 4].astype(int)], b[:, 5]]).astype(np.float32) for b in column]
    return Boxes(options, field.least), held


def text_of(file: Path, told: Told, most: int = MOST_BYTES) -> bytes:
    """Return a file's content; b"" (and a note) where it cannot be read or is far too long."""
    try:
        if file.stat().st_size <= most:
            return file.read_bytes()
        told.refuse(file, t("too long for what it should tell"))
    except OSError as error:
        told.refuse(file, t("cannot be read: {why}", why=error.strerror or str(error)))
    return b""
