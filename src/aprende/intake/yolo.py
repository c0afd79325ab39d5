"""Boxes told by YOLO's text files: for images/…/1.jpg a labels/…/1.txt (or 1.txt beside it), a line a box.

    class  middle across  middle down  width  height        (shares of the picture; an outline of x y … will do, too)

Classes are numbers; data.yaml, classes.txt or *.names give their names. A picture without a file holds nothing. Knows
no picture's content, and of YAML only the list of names.
"""

import re
from pathlib import Path

from aprende.core.words import t
from aprende.intake.boxes import Box, Told, text_of
from aprende.intake.folders import Listing

MOST_BYTES = 1 << 24  # of one file
LOOKED_AT = 20  # files that must look like YOLO's
NAMES = ("classes.txt", "obj.names", "_darknet.labels")


def read(listing: Listing) -> Told | None:
    """Return what YOLO files tell; None where there are none."""
    there = {file for file in listing.others if file.suffix.lower() == ".txt"}
    files = {row: own for row, picture in enumerate(listing.files) if (own := _own(picture, there)) is not None}
    told = Told()
    if not files or not _alike([*files.values()][:LOOKED_AT], told):
        return None
    names = _names(listing, told)
    for row in range(len(listing.files)):
        told.add(row, _boxes(files[row], names, told) if row in files else [])
    told.unknown = len({f for f in there - told.used if f.parent.name == "labels" or "labels" in f.parts})
    return told


def _own(picture: Path, there: set[Path]) -> Path | None:
    """Return the text file of a picture: beside it, or where "images" in its path is "labels"."""
    beside = picture.with_suffix(".txt")
    if beside in there:
        return beside
    places = [place for place, folder in enumerate(picture.parts[:-1]) if folder.lower() == "images"]
    for place in reversed(places):
        other = Path(*picture.parts[:place], "labels", *beside.parts[place + 1 :])
        if other in there:
            return other
    return None


def _alike(files: list[Path], told: Told) -> bool:
    """Tell whether most of these files hold lines as YOLO's do."""
    lines = [line for file in files for line in _lines(file, told)]
    return not lines or sum(_numbers(line) is not None for line in lines) > len(lines) / 2


def _lines(file: Path, told: Told) -> list[str]:
    text = text_of(file, told, MOST_BYTES).decode("utf-8-sig", "replace")
    return [line for line in text.splitlines() if line.strip()]


def _numbers(line: str) -> list[float] | None:
    """Return a line's numbers: a whole one for the class, and four or more; None where it is no such line."""
    try:
        numbers = [float(word) for word in line.split()]
    except ValueError:
        return None
    fits = len(numbers) in (5, 6) or (len(numbers) >= 7 and len(numbers) % 2 == 1)
    return numbers if fits and numbers[0] >= 0 and numbers[0] == round(numbers[0]) else None


def _boxes(file: Path, names: dict[int, str], told: Told) -> list[Box]:
    told.used.add(file)
    found = []
    for line in _lines(file, told):
        numbers = _numbers(line)
        if numbers is None:
            told.unusable += 1
            continue
        name = names.get(int(numbers[0]), str(int(numbers[0])))
        found.append(Box(name, *_ends(numbers[1:]), relative=True))
    return found


def _ends(held: list[float]) -> tuple[float, float, float, float]:
    if len(held) > 5:
        return min(held[::2]), min(held[1::2]), max(held[::2]), max(held[1::2])
    across, down, width, height = held[:4]
    return across - width / 2, down - height / 2, across + width / 2, down + height / 2


def _names(listing: Listing, told: Told) -> dict[int, str]:
    """Return the classes' names by number; {} where no file tells them."""
    for file in listing.others:
        if file.suffix.lower() in (".yaml", ".yml"):
            found = names_in_yaml(text_of(file, told, MOST_BYTES).decode("utf-8-sig", "replace"))
        elif file.name.lower() in NAMES or file.suffix.lower() == ".names":
            found = dict(enumerate(line.strip() for line in _lines(file, told)))
        else:
            continue
        if found:
            told.used.add(file)
            return found
    return {}


def names_in_yaml(text: str) -> dict[int, str]:
    """Return what `names:` tells: [a, b], {0: a}, or one a line, with "- a" or "0: a"."""
    found = re.search(r"^names[ \t]*:[ \t]*(.*)$", text, re.MULTILINE)
    if found is None:
        return {}
    inline = found[1].split(" #")[0].strip()
    if inline.startswith(("[", "{")):
        inner = (inline + text[found.end() :]).split("]" if inline[0] == "[" else "}")[0][1:]
        entries = re.findall(r"""(?:\d+\s*:\s*)?(?:"[^"]*"|'[^']*'|[^,\n]+)""", inner)
        return _named([entry for entry in entries if entry.strip()])
    lines = []
    for line in text[found.end() :].splitlines():
        if line.strip() and not line.startswith((" ", "\t", "-", "#")):
            break
        lines.append(line)
    return _named([line.split(" #")[0] for line in lines if line.strip() and not line.strip().startswith("#")])


def _named(entries: list[str]) -> dict[int, str]:
    names: dict[int, str] = {}
    for place, entry in enumerate(entries):
        numbered = re.match(r"\s*(\d+)\s*:\s*(.+)", entry)
        key, name = (int(numbered[1]), numbered[2]) if numbered else (place, entry.strip().removeprefix("-"))
        names[key] = name.strip().strip("\"'") or t("class {n}", n=key)
    return names
