"""Folders of pictures as people keep them: class folders, parts (train/, val/, test/), metadata.csv, or all in one.

    fotos/perro/1.jpg                      the class is the folder's name
    fotos/train/perro/1.jpg                … and the part is given (ImageNet too)
    fotos/classes.txt                      words for the classes, where the folders are only numbered (`classnames.py`)
    fotos/metadata.csv + fotos/1.jpg       columns of the file, by `file_name`
    fotos/1.jpg                            no labels

Looks at names only (and at the first bytes where a name tells nothing). Never changes a file.
"""

import itertools
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from aprende.core.contract import Note
from aprende.core.errors import DataError
from aprende.core.words import t
from aprende.intake import dicom
from aprende.intake.classnames import is_names
from aprende.intake.decoder import ENDINGS

PARTS = {
    "train": "train",
    "training": "train",
    "entrenamiento": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "validacion": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
    "prueba": "test",
}
SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", ".ds_store", "icon\r", "dicomdir"}
SYSTEM_FOLDERS = {"__macosx", "@eadir", "$recycle.bin"}
TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")
HEAD = 256  # bytes that tell a kind of file
NAMED = 5  # names shown in a note


@dataclass
class Listing:
    """The pictures of a folder: for each its file, class and part (None where the folders tell none)."""

    root: Path
    files: list[Path]
    classes: list[str | None]
    parts: list[str | None]
    tables: list[Path] = field(default_factory=list)  # files that may tell more about the pictures
    notes: list[Note] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)  # files that are neither: they may tell more, too


def read(root: Path, found: "Walked") -> Listing:
    """List the pictures among what a folder holds, with classes and parts; raise DataError where it holds none."""
    pictures, notes = found.pictures, found.notes
    if not pictures:
        raise DataError(_no_pictures(root, found.tables, [*notes, *passed_over(found.others)]))
    lead = _wrapper(pictures)
    rest = [path.parts[len(lead) :] for path in pictures]
    parted = _has_parts({p[0] for p in rest if len(p) > 1})
    parts = [_part(p) if parted else None for p in rest]
    below = [p[1:] if part else p for p, part in zip(rest, parts, strict=True)]
    classes = [unicodedata.normalize("NFC", p[0]) if len(p) > 1 else None for p in below]
    files, notes = [root / p for p in pictures], [*notes, *passed_over(found.others)]
    listing = Listing(root.joinpath(*lead), files, classes, parts, found.tables, notes, found.others)
    if parted and (gone := _keep(listing, [part is not None for part in parts])):
        said = t("{n} pictures lie outside the folders of train, valid and test: left out.", n=gone)
        listing.notes.append(Note(said, "left out", "", gone))
    if any(name is not None for name in classes):
        _note_empty(listing, [f.parts[len(lead) :] for f in found.folders if f.parts[: len(lead)] == lead], parted)
    return listing


def by_class(listing: Listing) -> None:
    """Take the folders as classes: leave out pictures beside them; a part without class folders stays, unlabelled."""
    labelled = {part for part, name in zip(listing.parts, listing.classes, strict=True) if name is not None}
    rows = zip(listing.parts, listing.classes, strict=True)
    if gone := _keep(listing, [name is not None or part not in labelled for part, name in rows]):
        said = t("{n} pictures lie outside any class folder: left out.", n=gone)
        listing.notes.append(Note(said, "left out", "", gone))
    blank = sum(name is None for name in listing.classes)
    if blank and labelled:
        listing.notes.append(
            Note(t("{n} pictures have no class: used as unlabelled.", n=blank), "info", "class", blank)
        )
    known = {name for name, part in zip(listing.classes, listing.parts, strict=True) if part == "train"}
    for name in sorted({c for c in listing.classes if c is not None} - known if "train" in listing.parts else ()):
        said = t("{name}: train holds no picture of this class, so it cannot be learnt.", name=name)
        listing.notes.append(Note(said, "warning", name, listing.classes.count(name)))


def _keep(listing: Listing, which: list[bool]) -> int:
    """Keep these pictures; return how many go."""
    listing.files = list(itertools.compress(listing.files, which))
    listing.classes = list(itertools.compress(listing.classes, which))
    listing.parts = list(itertools.compress(listing.parts, which))
    return which.count(False)


def parts_of(parts: list[str | None]) -> tuple[list[str | None] | None, list[Note]]:
    """Return the parts where the source tells more than one, and what there is to say of them."""
    if len(set(parts)) < 2:
        return None, []
    if "test" in parts or "train" not in parts:
        return parts, []
    n = parts.count("valid")
    note = Note(t("The validation part ({n} pictures) is kept as the test: there is no other.", n=n), "info", "", n)
    return ["test" if part == "valid" else part for part in parts], [note]


def _has_parts(tops: set[str]) -> bool:
    """Tell whether the top folders are parts: all of them, or at least two (a class may be called "train")."""
    parts = [PARTS[fold(name)] for name in tops if fold(name) in PARTS]
    return bool(tops) and (len(parts) == len(tops) or ("train" in parts and len(set(parts)) > 1))


def _part(path: tuple[str, ...]) -> str | None:
    return PARTS.get(fold(path[0])) if len(path) > 1 else None


def passed_over(others: list[Path]) -> list[Note]:
    """Return the note on files that are no pictures and tell nothing."""
    endings = Counter(file.suffix.lower() or file.name for file in others if not is_names(file))
    told = ", ".join(f"{n} {ending}" for ending, n in endings.most_common(NAMED))
    said = t("Files that are no pictures passed over: {told}.", told=told)
    return [Note(said, "left out", "", endings.total())] if endings else []


@dataclass
class Walked:
    """What a folder holds: pictures and folders by their way from it, files that may tell more, and notes."""

    pictures: list[PurePosixPath] = field(default_factory=list)
    folders: list[PurePosixPath] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def walk(root: Path) -> Walked:
    """Return what the folder holds, in natural order."""
    found = Walked()
    system = 0
    closed: list[str] = []
    seen: set[str] = set()
    for at, inner, names in os.walk(root, onerror=lambda error: closed.append(str(error.filename)), followlinks=True):
        if (real := os.path.realpath(at)) in seen:  # links may lead in circles
            inner.clear()
            continue
        seen.add(real)
        inner[:] = sorted(d for d in inner if d.lower() not in SYSTEM_FOLDERS and not d.startswith("."))
        here = PurePosixPath(Path(at).relative_to(root).as_posix())
        found.folders.append(here)
        for name in names:
            kind = _kind(Path(at, name))
            system += kind == "system"
            if kind == "picture":
                found.pictures.append(here / name)
            elif kind == "table":
                found.tables.append(Path(at, name))
            elif kind == "other":
                found.others.append(Path(at, name))
    if system:
        said = t("{n} system files passed over (Thumbs.db, .DS_Store …).", n=system)
        found.notes.append(Note(said, "info", "", system))
    for folder in closed:
        found.notes.append(Note(t("{folder} cannot be opened.", folder=folder), "set aside", folder, 1))
    found.pictures.sort(key=natural_order)
    found.tables.sort()
    found.others.sort()
    return found


def _kind(file: Path) -> str:
    """Return "picture", "table", "system" or "other": by name, else by the first bytes."""
    if file.name.lower() in SYSTEM_FILES or file.name.startswith("."):
        return "system"
    ending = file.suffix.lower()
    if ending in ENDINGS:
        return "picture"
    if ending in TABLES:
        return "table"
    try:
        with file.open("rb") as held:
            head = held.read(HEAD)
            return "picture" if head.startswith(MAGIC) or dicom.is_dicom(head) else "other"
    except OSError:
        return "other"


def natural_order(name: object) -> list[tuple[int, int, str]]:
    """Return a sort key in which "2" comes before "10"."""
    return [(0, int(w), "") if w.isdecimal() else (1, 0, w) for w in re.split(r"(\d+)", str(name)) if w]


def _wrapper(pictures: list[PurePosixPath]) -> tuple[str, ...]:
    """Return the folders that only wrap the data (as an unzipped folder in a folder): shared by all, not the class."""
    shared = pictures[0].parts[:-1]
    for path in pictures:
        same = 0
        while same < min(len(shared), len(path.parts) - 1) and shared[same] == path.parts[same]:
            same += 1
        shared = shared[:same]
    if shared and all(len(path.parts) == len(shared) + 1 for path in pictures):
        shared = shared[:-1]  # the last one holds the pictures themselves: it is the class
    return shared[:-1] if shared and fold(shared[-1]) in PARTS else shared


def fold(name: str) -> str:
    """Return the name in lower case without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", name.lower()) if not unicodedata.combining(c))


def _note_empty(listing: Listing, folders: Iterable[tuple[str, ...]], parted: bool) -> None:
    """Note the folders that would be classes but hold no picture."""
    depth = 2 if parted else 1
    held = {file.relative_to(listing.root).parts[:depth] for file in listing.files}
    for folder in sorted(f for f in folders if len(f) == depth and f not in held and (not parted or _part((*f, "")))):
        listing.notes.append(no_class("/".join(folder)))


def no_class(folder: str) -> Note:
    """Return the note on a folder that would be a class."""
    return Note(t("{folder} holds no picture: it is no class.", folder=folder), "left out", folder, 1)


def _no_pictures(root: Path, tables: list[Path], notes: list[Note]) -> str:
    came = [table.name for table in tables[:NAMED]] + [note.text for note in notes]
    return t(
        "No pictures in {folder}. It holds: {came}. Expected one folder a class with pictures in it (JPEG,"
        " PNG …), or a metadata.csv with a column file_name.",
        folder=root,
        came="; ".join(came) or t("nothing"),
    )
