"""Where findings are, as people keep it beside X-rays: masks, and tables of boxes.

    masks/<image>__<Finding>.png     masks/<Finding>/<image>.png     anything but black is the finding
    boxes.csv: image, label, xmin, ymin, xmax, ymax (of a picture of width × height, where those columns are there)
               or x, y, w, h, as ChestX-ray8 and RSNA have it

Both become masks of GRID × GRID over the whole picture. Knows the files, and not what is done with them.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from aprende.core.contract import Note, Table
from aprende.core.errors import InputError
from aprende.core.fields import take
from aprende.core.words import t
from aprende.intake import decoder
from aprende.intake.findings import fold
from aprende.intake.pictures import Pictures

GRID = 64
COVERED = 0.25  # share of a cell from which it counts as the finding: thin ones, as tubes, must not vanish
FOLDERS = ("masks", "mask", "mascaras", "segmentations")
IMAGES = ("image", "imageindex", "imageid", "imagename", "filename", "file", "imagen", "archivo", "patientid")
LABELS = ("label", "findinglabel", "finding", "classname", "class", "labelname", "hallazgo", "etiqueta", "clase")
CORNERS = ("xmin", "ymin", "xmax", "ymax")
MOST_TABLE = 200 << 20  # bytes of a table that is looked at

Masks = dict[tuple[int, int], NDArray[np.bool_]]  # (row, place of finding) → (GRID, GRID)


def is_mask(file: Path, root: Path | None) -> bool:
    """Tell whether a file lies in a folder of masks below the root."""
    inside = file.relative_to(root).parts[:-1] if root is not None and root in file.parents else ()
    return any(fold(part) in FOLDERS for part in inside)


def without_masks(source: Table) -> Table:
    """Return the table without the pictures that are masks of others."""
    pictures = source.columns["image"]
    if not isinstance(pictures, Pictures):
        return source
    rows = np.array([not is_mask(file, pictures.root) for file in pictures.files], dtype=np.bool_)
    if rows.all() or not rows.any():
        return source
    kept = np.flatnonzero(rows)
    parts = None if source.parts is None else [source.parts[int(row)] for row in kept]
    return replace(source, columns=take(source.columns, kept), parts=parts)


def read(pictures: Pictures, names: Sequence[str]) -> tuple[Masks, list[Note]]:
    """Return the masks of these findings, by row of `pictures`, and what there is to say of them."""
    if pictures.root is None:
        return {}, []
    rows, places = _rows(pictures), {fold(name): k for k, name in enumerate(names)}
    boxed, lost = _boxes(pictures, rows, places)
    masked = dict(_masks(pictures.root, rows, places))
    notes = []
    if masked:
        notes.append(Note(t("Masks tell where the findings are."), "info", "masks", len(masked)))
    if only := len(boxed.keys() - masked.keys()):
        notes.append(Note(t("Boxes tell where findings are."), "info", "boxes", only))
    if lost:
        said = t("boxes that lie outside their picture, or are no boxes: not used")
        notes.append(Note(said, "set aside", "boxes", lost))
    return boxed | masked, notes


def _rows(pictures: Pictures) -> dict[str, int]:
    """The row of every picture by its path below the root, its name, and its name without ending (the first so named
    has it; masks have none)."""
    rows: dict[str, int] = {}
    for row, file in enumerate(pictures.files):
        if not is_mask(file, pictures.root):
            for name in (
                (pictures.names[row], file.name, file.stem) if len(pictures) < 10_000 else (file.name, file.stem)
            ):
                rows.setdefault(name, row)
    return rows


def _masks(
    root: Path, rows: dict[str, int], places: dict[str, int]
) -> Iterator[tuple[tuple[int, int], NDArray[np.bool_]]]:
    folders = [f for f in [*root.glob("*"), *root.glob("*/*")] if f.is_dir() and fold(f.name) in FOLDERS]
    for file in sorted(f for folder in folders for f in folder.rglob("*") if f.suffix.lower() in decoder.ENDINGS):
        image, _, finding = file.stem.rpartition("__")
        image, finding = (image, finding) if image else (file.stem, file.parent.name)
        row, k = rows.get(image), places.get(fold(finding))
        if row is not None and k is not None and (mask := _mask(file)) is not None:
            yield (row, k), mask


def _mask(file: Path) -> NDArray[np.bool_] | None:
    """One mask over the grid; None where it is unreadable or empty."""
    try:
        image = decoder.open_picture(file).image.convert("L")
    except InputError:
        return None
    white = image.point(lambda level: 255 if level else 0)
    share = np.asarray(white.resize((GRID, GRID), Pillow.Resampling.BOX), dtype=np.float32) / 255
    found = share >= min(COVERED, float(share.max()))
    return found if share.any() else None


def _boxes(pictures: Pictures, rows: dict[str, int], places: dict[str, int]) -> tuple[Masks, int]:
    """Masks of boxes, several of one finding joined; and how many could not be used."""
    found: Masks = {}
    lost = 0
    for table in _tables(pictures.root):
        for name, label, box, size in _told(table):
            row = rows.get(name, rows.get(Path(name).name, rows.get(Path(name).stem)))
            k = places.get(fold(label)) if label is not None else (0 if len(places) == 1 else None)
            if row is None or k is None:
                continue
            mask = _boxed(box, size or _size(pictures.files[row]))
            if mask is None:
                lost += 1
            else:
                found[row, k] = found.get((row, k), np.zeros_like(mask)) | mask
    return found, lost


def _tables(root: Path | None) -> list[Path]:
    held = sorted([*root.glob("*.csv"), *root.glob("*/*.csv")]) if root is not None else []
    return [file for file in held if file.stat().st_size <= MOST_TABLE]


Box = tuple[float, float, float, float]  # left, top, right, bottom


def _told(table: Path) -> Iterator[tuple[str, str | None, Box, tuple[float, float] | None]]:
    """The boxes of a table: image, finding (None: no such column), box, size of the picture it is of, if told."""
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        lines = csv.reader(file)
        head = {re.sub(r"[^a-z]", "", name.lower()): i for i, name in reversed(list(enumerate(next(lines, []))))}
        image, label = (next((head[n] for n in known if n in head), None) for known in (IMAGES, LABELS))
        corners = all(n in head for n in CORNERS)
        sides = [
            n for n in (("bboxx", "x"), ("y", "bboxy"), ("w", "width"), ("h", "height")) if any(m in head for m in n)
        ]
        if image is None or not (corners or len(sides) == 4):
            return
        where = [head[n] for n in CORNERS] if corners else [next(head[m] for m in n if m in head) for n in sides]
        size = [head[n] for n in ("width", "height")] if corners and {"width", "height"} <= head.keys() else None
        for line in lines:
            try:
                a, b, c, d = (float(line[i]) for i in where)
                told = (float(line[size[0]]), float(line[size[1]])) if size else None
                yield (
                    line[image],
                    line[label] if label is not None else None,
                    (a, b, *((c, d) if corners else (a + c, b + d))),
                    told,
                )
            except (ValueError, IndexError):
                continue  # a row without a box: the picture shows nothing


def _boxed(box: Box, size: tuple[float, float] | None) -> NDArray[np.bool_] | None:
    """One box over the grid; None where nothing of it lies in the picture."""
    if size is None or not (size[0] > 0 and size[1] > 0):
        return None
    left, right = (np.clip(v / size[0], 0, 1) * GRID for v in (box[0], box[2]))
    top, bottom = (np.clip(v / size[1], 0, 1) * GRID for v in (box[1], box[3]))
    if not (right > left and bottom > top):
        return None
    mask = np.zeros((GRID, GRID), np.bool_)
    rows = slice(int(top), max(int(top) + 1, round(bottom)))
    mask[rows, int(left) : max(int(left) + 1, round(right))] = True
    return mask


def _size(file: Path) -> tuple[float, float] | None:
    try:
        width, height = decoder.open_picture(file).size
    except InputError:
        return None
    return float(width), float(height)
