"""Boxes told by Pascal VOC's XML: one file a picture, beside it or in Annotations/; parts by ImageSets/Main/*.txt.

XML is read without a document type: no entity can be defined, so none can be expanded or fetched. Knows no picture's
content.
"""

import math
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from aprende.core.words import t
from aprende.intake.boxes import Box, Told, text_of
from aprende.intake.folders import PARTS, Listing
from aprende.intake.metadata import plain

MOST_BYTES = 1 << 24  # of one XML file
DEEPEST = 30
SIDES = ("xmin", "ymin", "xmax", "ymax")


class Refused(ValueError):
    """This XML is not read, and why."""


def read(listing: Listing) -> Told | None:
    """Return what VOC files tell; None where there is none."""
    files = [file for file in listing.others if file.suffix.lower() == ".xml"]
    if not files:
        return None
    told, rows = Told(), _rows(listing)
    for file in files:
        root = _parsed(file, told)
        if root is None or root.tag != "annotation":
            continue
        told.used.add(file)
        row = _row(rows, file, root)
        if row is None:
            told.unknown += 1
        else:
            told.add(row, _boxes(root, told))
            told.sizes |= _size(row, root)
    _take_parts(listing, rows, told)
    return told if told.used else None


def parsed(data: bytes) -> Element:
    """Return the XML's root; raise Refused where it is broken, too deep, or brings a document type."""
    parser, builder, depth = expat.ParserCreate(), TreeBuilder(), 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise Refused(t("nested too deep"))
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: Any) -> None:
        raise Refused(t("XML with a document type or entities is not read"))

    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, builder.data
    try:
        parser.Parse(data, True)
        return builder.close()
    except (expat.ExpatError, AssertionError, LookupError) as error:
        raise Refused(t("no XML that can be read: {why}", why=error)) from None


def _parsed(file: Path, told: Told) -> Element | None:
    data = text_of(file, told, MOST_BYTES)
    if not data:
        return None
    try:
        return parsed(data)
    except Refused as error:
        told.refuse(file, str(error))
        return None


def _rows(listing: Listing) -> dict[str, list[int]]:
    """Return the rows by a picture's name, with and without its ending."""
    rows: dict[str, list[int]] = {}
    for row, file in enumerate(listing.files):
        for name in {plain(file.name), plain(file.stem)}:
            rows.setdefault(name, []).append(row)
            rows.setdefault(plain((file.parent / name).as_posix()), []).append(row)
    return rows


def _row(rows: dict[str, list[int]], file: Path, root: Element) -> int | None:
    """Return the picture that an XML file tells of: beside it, of its own name, or the one that it names."""
    named = plain(_text(root, "filename")).rsplit("/", 1)[-1]
    for name in (plain(file.with_suffix("").as_posix()), plain(file.stem), named):
        if len(found := rows.get(name, [])) == 1:
            return found[0]
    return None


def _boxes(root: Element, told: Told) -> list[Box]:
    found = []
    for thing in root.iter("object"):
        name, held = _text(thing, "name"), thing.find("bndbox")
        if not name or held is None:
            told.unusable += 1
            continue
        left, top, right, bottom = (_number(_text(held, side)) for side in SIDES)
        found.append(Box(name, left, top, right, bottom, counts=_text(thing, "difficult") != "1"))
    return found


def _size(row: int, root: Element) -> dict[int, tuple[float, float]]:
    width, height = (_number(_text(root, f"size/{side}")) for side in ("width", "height"))
    return {row: (width, height)} if width > 0 and height > 0 else {}


def _take_parts(listing: Listing, rows: dict[str, list[int]], told: Told) -> None:
    """Take the parts from ImageSets/Main/train.txt and its like: a picture's name a line."""
    for file in listing.others:
        part = PARTS.get(file.stem.lower())
        if file.suffix.lower() != ".txt" or part is None or file.parent.parent.name.lower() != "imagesets":
            continue
        told.used.add(file)
        for line in text_of(file, told, MOST_BYTES).decode("utf-8", "replace").splitlines():
            for row in rows.get(plain(line.split()[0]), []) if line.strip() else []:
                told.parts[row] = part
    told.used |= {f for f in listing.others if f.suffix == ".txt" and f.parent.parent.name.lower() == "imagesets"}


def _text(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
