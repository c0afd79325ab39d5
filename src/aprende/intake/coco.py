"""Boxes told by COCO's JSON: {"images": […], "annotations": […], "categories": […]}, one file a part or one in all.

Knows no picture's content. Where a thing is told by its outline alone, its box is the outline's.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

from aprende.core.words import t
from aprende.intake.boxes import Box, Told, text_of
from aprende.intake.folders import PARTS, Listing
from aprende.intake.metadata import places_of, plain

BEST = ("instances", "_annotations.coco")  # of several files on the same pictures, those called so


def read(listing: Listing) -> Told | None:
    """Return what COCO files tell; None where there is none."""
    told = Told()
    files = [file for file in listing.others if file.suffix.lower() == ".json"]
    found = {file: held for file in files if (held := _parsed(file, told)) is not None}
    best = [file for file in found if any(word in file.name for word in BEST)]
    for file in best or found:
        told.used.add(file)
        _take(listing, file, found[file], told)
    return told if found else None


def _parsed(file: Path, told: Told) -> dict[str, Any] | None:
    """Return the file's content if it is COCO's with boxes; a file that is no JSON is noted, any other passed over."""
    data = text_of(file, told)
    if b'"annotations"' not in data and b'"images"' not in data:
        return None
    try:
        held = json.loads(data)
    except (ValueError, RecursionError):
        told.refuse(file, t("no JSON that can be read"))
        return None
    if not isinstance(held, dict) or not all(isinstance(held.get(k), list) for k in ("images", "annotations")):
        return None
    some = [a for a in held["annotations"] if isinstance(a, dict) and ("bbox" in a or "segmentation" in a)]
    return held if some or not held["annotations"] else None


def _take(listing: Listing, file: Path, held: dict[str, Any], told: Told) -> None:
    """Take one file's boxes."""
    rows = _rows(listing, file, held["images"], told)
    categories = held.get("categories")
    kinds = {c.get("id"): str(c["name"]) for c in _objects(categories) if c.get("name") and _key(c.get("id"))}
    boxes: dict[int, list[Box]] = {row: [] for row in rows.values() if row >= 0}
    for one in _objects(held["annotations"]):
        place = one.get("image_id")
        row, box = rows.get(place) if _key(place) else None, _box(one, kinds)
        if row is None or box is None:
            told.unusable += 1
        elif row >= 0:
            boxes[row].append(box)
    for row, own in boxes.items():
        told.add(row, own)


def _rows(listing: Listing, file: Path, images: Any, told: Told) -> dict[Any, int]:
    """Return the row of each picture by its id in the file, -1 where it is not there; parts and sizes go to `told`."""
    places, part = places_of(listing, file.parent), _part(file)
    rows: dict[Any, int] = {}
    for image in _objects(images):
        name, key = image.get("file_name"), image.get("id")
        row = _row(listing, places, plain(name), part) if isinstance(name, str) else None
        if _key(key):
            rows[key] = -1 if row is None else row
        if row is None or not _key(key):
            told.unknown += 1
            continue
        if part:
            told.parts.setdefault(row, part)
        width, height = _number(image.get("width")), _number(image.get("height"))
        if width > 0 and height > 0:
            told.sizes.setdefault(row, (width, height))
    return rows


def _row(listing: Listing, places: dict[str, int], name: str, part: str) -> int | None:
    """Return the picture of this name: as it is told, or the only one of that name among the file's part."""
    if name in places:
        return places[name]
    bare = name.rsplit("/", 1)[-1]
    if bare in places:
        return places[bare]
    named = [row for row, file in enumerate(listing.files) if file.name == bare] if part else []
    alike = [row for row in named if _of_part(listing.files[row], part)]
    return alike[0] if len(alike) == 1 else None


def _of_part(file: Path, part: str) -> bool:
    return any(PARTS.get(re.sub(r"[^a-z]", "", folder.lower())) == part for folder in file.parts[:-1])


def _part(file: Path) -> str:
    """Return the part that a file's name or its folder's tells ("instances_val2017.json": valid), or ""."""
    words = [*re.split(r"[^a-z]+", file.stem.lower()), file.parent.name.lower()]
    return next((PARTS[word] for word in words if word in PARTS), "")


def _box(one: dict[str, Any], kinds: dict[Any, str]) -> Box | None:
    kind = one.get("category_id")
    name = kinds.get(kind) if _key(kind) else None
    held = one.get("bbox")
    ends = _of_bbox(held) if isinstance(held, list) and len(held) == 4 else _of_outline(one.get("segmentation"))
    if name is None or ends is None:
        return None
    return Box(name, *ends, counts=one.get("iscrowd") not in (1, True))


def _of_bbox(held: list[Any]) -> tuple[float, float, float, float]:
    left, top, width, height = map(_number, held)
    return left, top, left + width, top + height


def _of_outline(held: Any) -> tuple[float, float, float, float] | None:
    """Return the box around polygons [[x, y, x, y …] …]."""
    if not isinstance(held, list) or not held or not all(isinstance(p, list) and len(p) >= 6 for p in held):
        return None
    xs, ys = ([_number(v) for polygon in held for v in polygon[i::2]] for i in (0, 1))
    return min(xs), min(ys), max(xs), max(ys)


def _objects(held: Any) -> list[dict[str, Any]]:
    return [one for one in held if isinstance(one, dict)] if isinstance(held, list) else []


def _key(value: Any) -> bool:
    return isinstance(value, int | str)


def _number(value: Any) -> float:
    """Return the number, NaN where it is none (a box with it is set aside later)."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
