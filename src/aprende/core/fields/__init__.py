"""Kinds of value that go in and out of a model. See `base.py`."""

from aprende.core.fields.base import (
    Column,
    Columns,
    Drawn,
    Field,
    Json,
    Keyed,
    check_columns,
    from_json,
    kinds,
    read_all,
    rows_of,
    take,
)
from aprende.core.fields.boxes import Boxes
from aprende.core.fields.findings import FindingMaps, Findings, Flags
from aprende.core.fields.masks import VOID, Mask
from aprende.core.fields.numeric import Boolean, Date, Number, Place
from aprende.core.fields.perception import Image, png
from aprende.core.fields.verbal import Category, Probabilities, Text

__all__ = [
    "VOID",
    "Boolean",
    "Boxes",
    "Category",
    "Column",
    "Columns",
    "Date",
    "Drawn",
    "Field",
    "FindingMaps",
    "Findings",
    "Flags",
    "Image",
    "Json",
    "Keyed",
    "Mask",
    "Number",
    "Place",
    "Probabilities",
    "Text",
    "check_columns",
    "from_json",
    "kinds",
    "png",
    "read_all",
    "rows_of",
    "take",
]
