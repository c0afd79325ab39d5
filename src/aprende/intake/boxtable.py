"""Boxes told by a table: a row a box, with the picture's name, four numbers, and a class.

The numbers are two corners (xmin, ymin, xmax, ymax; x1 …; left, top …) or a corner and a size (x, y, width, height). A
row without numbers says that its picture holds nothing. Knows no picture's content.
"""

import csv
import io
import math
from pathlib import Path

from aprende.core.words import t
from aprende.intake.boxes import Box, Told, text_of
from aprende.intake.folders import Listing
from aprende.intake.metadata import FILE_COLUMNS, file_column, places_of, plain

MOST_BYTES = 1 << 28
PICTURES = (*FILE_COLUMNS, "image_name", "image_id", "img", "picture")
CLASSES = ("class", "label", "class_name", "name", "category", "clase", "etiqueta", "categoria", "type")
CORNERS = (
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
)
SIZES = (("x", "y", "w", "h"), ("x", "y", "width", "height"), ("left", "top", "width", "height"))


def read(listing: Listing) -> Told | None:
    """Return what tables of boxes tell; None where there is none, or where another table tells of whole pictures."""
    told, found = Told(), False
    for file in listing.tables:
        text = text_of(file, told, MOST_BYTES).decode("utf-8-sig", "replace") if _may_be(file) else ""
        mark = max(",;\t|", key=text.partition("\n")[0].count)
        rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=mark)
        columns = _columns(rows.fieldnames)
        if columns is not None:
            found = True
            _take(listing, file, rows, columns, told)
        elif file_column(file) is not None:
            return None
    return told if found else None


def _may_be(file: Path) -> bool:
    return file.suffix.lower() in (".csv", ".tsv")


def _columns(header: object) -> dict[str, str] | None:
    """Return which column holds the picture, the class, and the four numbers; None where that is no table of boxes."""
    if not isinstance(header, list):
        return None
    known = {str(name).strip().lower(): str(name) for name in reversed(header)}
    picture = next((known[name] for name in PICTURES if name in known), None)
    numbers = next((names for names in (*CORNERS, *SIZES) if all(n in known for n in names)), None)
    if picture is None or numbers is None:
        return None
    others = (name for name in CLASSES if name in known and known[name] != picture)
    found = {"picture": picture, "class": known.get(next(others, ""), "")}
    found |= {str(i): known[name] for i, name in enumerate(numbers)}
    return found | ({"sized": "1"} if numbers in SIZES else {})


def _take(listing: Listing, file: Path, rows: "csv.DictReader[str]", columns: dict[str, str], told: Told) -> None:
    """Take one table's boxes; what follows a line that cannot be read is lost, with a note."""
    places, lost = places_of(listing, file.parent), set()
    try:
        for line in rows:
            name = plain((line.get(columns["picture"]) or "").strip())
            row = places.get(name, places.get(name.rsplit("/", 1)[-1]))
            if row is None:
                lost.add(name)
            else:
                told.boxes.setdefault(row, []).extend(_box(line, columns, told))
    except csv.Error as error:
        told.refuse(file, t("no table that can be read: {why}", why=error))
    told.unknown += len(lost)


def _box(line: dict[str, str], columns: dict[str, str], told: Told) -> list[Box]:
    """Return the line's box; none where it says that its picture holds nothing, or not what its box holds."""
    texts = [(line.get(columns[str(i)]) or "").strip() for i in range(4)]
    kind = (line.get(columns["class"]) or "").strip() if columns["class"] else t("thing")
    if not any(texts) or not kind:
        told.unusable += any(texts)
        return []
    left, top, right, bottom = (_number(text) for text in texts)
    if "sized" in columns:
        right, bottom = left + right, top + bottom
    return [Box(kind, left, top, right, bottom)]


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return math.nan
