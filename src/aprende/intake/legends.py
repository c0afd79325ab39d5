"""What the values of masks are called, where a file beside them says so.

class_dict.csv      name,r,g,b
labelmap.txt        name:r,g,b:parts:actions           (CVAT)
label_colors.txt    64 128 64  Animal                  (CamVid)
classes.txt …       one name a line, in the order of the indices
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from aprende.core.contract import Note
from aprende.core.words import t

TABLES = ("class_dict.csv", "classes.csv", "class_dict_seg.csv", "labels.csv", "classes_rgb.csv")
LISTS = ("labelmap.txt", "label_colors.txt", "classes.txt", "codes.txt", "labels.txt", "clases.txt", "class_names.txt")
VOID_WORDS = (
    *("void", "unlabelled", "unlabeled", "ignore", "ignored", "ignore_label", "unknown", "no class", "undefined"),
    *("sin etiqueta", "sin clase", "vacio", "vacío", "ignorar", "desconocido"),
)
_COLOUR_FIRST = re.compile(r"^\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)[\s,]+(\S.*?)\s*$")
_COLOUR_LAST = re.compile(r"^\s*([^#:]+?)\s*:\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*(?::.*)?$")


@dataclass(frozen=True)
class Legend:
    """Names by index, and by colour (0xRRGGBB); either may be empty."""

    names: tuple[str, ...] = ()
    colours: dict[int, str] = field(default_factory=dict)

    def of_index(self, value: int) -> str:
        """Return the name of an index: itself where there is none."""
        return self.names[value] if value < len(self.names) else str(value)

    def of_colour(self, colour: int) -> str:
        """Return the name of a colour: itself where there is none."""
        return self.colours.get(colour, f"#{colour:06x}")

    def two(self) -> tuple[str, str]:
        """Return the names of the two classes of masks in black and white."""
        if len(self.names) != 2:
            return "background", "object"
        if 0 in self.colours:
            dark = self.colours[0]
            return dark, next(name for name in self.names if name != dark)
        return self.names[0], self.names[1]


def read(places: Iterable[Path]) -> tuple[Legend, list[Note]]:
    """Return the first list of classes in these folders, with a note; an empty legend where there is none."""
    for folder in places:
        for name in (*TABLES, *LISTS):
            file = folder / name
            if not file.is_file():
                continue
            text = file.read_text(encoding="utf-8-sig", errors="replace")
            legend = _table(text) if name in TABLES else _list(text)
            if legend.names:
                shown = ", ".join(legend.names[:12]) + (" …" if len(legend.names) > 12 else "")
                said = t("names of the classes from {file}: {names}", file=name, names=shown)
                return legend, [Note(said, "info", "mask", len(legend.names))]
    return Legend(), []


def _table(text: str) -> Legend:
    rows = [row for row in csv.reader(text.splitlines()) if row]
    found = [(row[0].strip(), row[1:4]) for row in rows if len(row) >= 4 and all(v.strip().isdigit() for v in row[1:4])]
    if not found:
        names = [row[-1].strip() for row in rows if not row[-1].strip().isdigit()]
        return Legend(tuple(names[1:] if names and names[0].lower() in ("name", "class", "label") else names))
    return _coloured([(name, int(rgb[0]), int(rgb[1]), int(rgb[2])) for name, rgb in found])


def _list(text: str) -> Legend:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    first, last = [_COLOUR_FIRST.match(line) for line in lines], [_COLOUR_LAST.match(line) for line in lines]
    if lines and all(first):
        return _coloured([(m[4], int(m[1]), int(m[2]), int(m[3])) for m in first if m])
    if lines and all(last):
        return _coloured([(m[1], int(m[2]), int(m[3]), int(m[4])) for m in last if m])
    return Legend(tuple(line.strip() for line in lines))


def _coloured(rows: list[tuple[str, int, int, int]]) -> Legend:
    colours = {(r << 16) | (g << 8) | b: name for name, r, g, b in rows if max(r, g, b) <= 255}
    return Legend(tuple(name for name, *_ in rows), colours)
