"""Boxes told by a table: a row a box, with the picture's name, four numbers, and a class.

The numbers are two corners (xmin, ymin, xmax, ymax; x1 …; left, top …) or a corner and a size (x, y, width, height). A
row without numbers says that its picture holds nothing. Knows no picture's content.
"""

import csv
import io
import math

from aprende.core.words import t
from aprende.intake.boxes import Box, Told, text_of
from aprende.intake.folders import Listing
from aprende.intake.metadata import FILE_COLUMNS, places_of, plain

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
    """Return what the first table of boxes tells; None where there is none."""
    for file in listing.tables:
        if file.suffix.lower() not in (".csv", ".tsv"):
            continue
        told = Told()
        text = text_of(file, told, MOST_BYTES).decode("utf-8-sig", "replace")
        mark = max(",;\t|", key=text.partition("\n")[0].count)
        rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=mark)
        columns = _columns(rows.fieldnames)
        if columns is not None:
            try:
                _take(listing, rows, columns, places_of(listing, file.parent), told)
            except csv.Error as error:
                told.refuse(file, t("no table that can be read: {why}", why=error))
            return told
    return None


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


def _take(
    listing: Listing, rows: "csv.DictReader[str]", columns: dict[str, str], places: dict[str, int], told: Told
) -> None:
    lost = set()
    for line in rows:
        name = plain((line.get(columns["picture"]) or "").strip())
        row = places.get(name, places.get(name.rsplit("/", 1)[-1]))
        if row is None:
            lost.add(name)
            continue
        own = told.boxes.setdefault(row, [])
        texts = [(line.get(columns[str(i)]) or "").strip() for i in range(4)]
        kind = (line.get(columns["class"]) or "").strip() if columns["class"] else t("thing")
        if not any(texts):
            continue
        if not kind:
            told.unusable += 1
            continue
        left, top, right, bottom = (_number(text) for text in texts)
        if "sized" in columns:
            right, bottom = left + right, top + bottom
        own.append(Box(kind, left, top, right, bottom))
    told.unknown = len(lost)


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return math.nan
