"""Pictures as people keep them → a Table with a column `image`, a column `class` where classes are told, and the rest.

One picture, a list of them, a folder (see `folders.py`), a zip of one, .npz, .npy or IDX files. Nothing is decoded
here but a few pictures, to know their size: `pictures.load` does that once for all.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aprende.core.contract import Note, Table
from aprende.core.errors import DataError, nearest
from aprende.core.fields import Boxes, Category, Columns, Field, Image, Text, take
from aprende.core.words import t
from aprende.intake import archives, arrays, boxes, classnames, folders, masks, metadata
from aprende.intake.decoder import ENDINGS
from aprende.intake.folders import natural_order
from aprende.intake.pictures import Pictures, Progress, decodable, load, natural, usable

if TYPE_CHECKING:
    import polars as pl

ARRAYS = (".npz", ".npy")
FEW = 16  # pictures that may be held at full size

Source = str | Path | Sequence[str | Path]


def suits(source: Source) -> bool:
    """Tell, by names alone, whether this is likely a source of pictures: a folder, a picture, arrays, a zip, a list."""
    if not isinstance(source, str | Path):
        return all(Path(s).suffix.lower() in ENDINGS for s in source)
    path = Path(source)
    return path.is_dir() or path.suffix.lower() in (*ENDINGS, *ARRAYS, ".zip") or bool(arrays.idx_pairs([path]))


def read(source: Source) -> Table:
    """Return the pictures of a file, folder or list as a Table; raise DataError where there are none.

    Columns: `image` (`Pictures`, or uint8 (n, H, W, C) where the source is arrays), `file` (its name), `class` (polars
    String) where it is told, and the columns of a metadata file; `parts` where the source has a train and a test part.
    """
    if not isinstance(source, str | Path):
        return _unlabelled([Path(s) for s in source], t("{n} files", n=len(source)))
    path = Path(source)
    if not path.exists():
        raise DataError(_not_there(path))
    if path.is_dir():
        found = arrays.idx_pairs(path.iterdir())
        return _from_arrays(arrays.read_idx_folder(found), str(path)) if found else _from_folder(path, str(path))
    if path.suffix.lower() in ARRAYS or arrays.idx_pairs([path]):
        return _from_arrays(arrays.read(path), str(path))
    if path.suffix.lower() == ".zip":
        unpacked, notes = archives.unpack(path)
        return _from_folder(unpacked, str(path), notes)
    return _unlabelled([path], str(path))


def prepared(table: Table, size: int, channels: int, on_progress: Progress | None = None, whole: bool = False) -> Table:
    """Return the table with its pictures decoded to (n, size, size, channels), and without those that cannot be.

    For predictions on many files: memory stays flat, and one bad file ends nothing. Raises DataError where all are bad.
    whole: pictures stay as they are, and are decoded when they are asked for.
    """
    if whole and isinstance(table.columns["image"], Pictures):
        kept, notes = usable(table.columns["image"])
        return _kept(table, take({"image": table.columns["image"]}, kept)["image"], kept, notes)
    if table.rows <= FEW:  # at full size, for heat maps; and nothing of a single photo is left in the cache
        pixels, kept, notes = decodable(table.columns["image"])
        return _kept(table, pixels, kept, notes)
    loaded = load(table.columns["image"], size, channels, on_progress)
    return _kept(table, loaded.pixels, loaded.kept, loaded.notes)


def _kept(table: Table, pixels: Any, kept: Any, notes: tuple[Note, ...]) -> Table:
    if not len(kept):
        raise DataError(t("No picture can be used. {why}", why="; ".join(note.text for note in notes)))
    columns = {**take(table.columns, kept), "image": pixels}
    parts = [table.parts[int(row)] for row in kept] if table.parts is not None else None
    return replace(table, columns=columns, notes=(*table.notes, *notes), parts=parts)


def _not_there(path: Path) -> str:
    known = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, known)
    said = t("There is no file or folder {path}.", path=path)
    return said + (" " + t("Did you mean {name!r}?", name=close) if close else "")


def _unlabelled(files: list[Path], source: str) -> Table:
    if not files:
        raise DataError(t("No pictures: the list is empty. Expected at least one file."))
    return _table(Pictures(files), {}, {}, [], source)


def _from_arrays(held: arrays.Held, source: str) -> Table:
    return _labelled(held.pixels, held.labels, held.parts, held.notes, source)


def _from_folder(root: Path, source: str, notes: Sequence[Note] = ()) -> Table:
    found = folders.walk(root)
    if (paired := masks.table(root, found, source, notes)) is not None:
        return paired
    listing = folders.read(root, found)
    listing.notes[:0] = notes
    if (boxed := boxes.read(listing)) is not None:
        return _with_boxes(listing, boxed, root, source)
    told = metadata.read(listing)
    if told is None:
        folders.by_class(listing)
        named, said = classnames.words(listing.others, {name for name in listing.classes if name is not None})
        every = [*listing.notes, *said]
        return _labelled(Pictures(listing.files, root), listing.classes, listing.parts, every, source, named)
    table, rows = told
    parts, said = folders.parts_of([listing.parts[row] for row in rows])
    pictures = Pictures([listing.files[row] for row in rows], root)
    every = [*listing.notes, *table.notes, *said]
    target = metadata.target(table)
    fields = {name: _naturally(f) if isinstance(f, Category) else f for name, f in table.fields.items()}
    return _table(pictures, table.columns, fields, every, source, target, table.dropped, parts)


def _naturally(field: Category) -> Category:
    """The options with "grade 2" before "grade 10", as folders are ordered."""
    return replace(field, options=tuple(sorted(field.options, key=natural_order)))


def _with_boxes(listing: folders.Listing, boxed: boxes.Boxed, root: Path, source: str) -> Table:
    parts, said = folders.parts_of(boxed.parts)
    pictures = Pictures([listing.files[row] for row in boxed.rows], root)
    columns, fields = {"boxes": boxed.values}, {"boxes": Boxes(boxed.names)}
    return _table(pictures, columns, {**fields}, [*boxed.notes, *said], source, "boxes", parts=parts)


def _labelled(
    pictures: Any,
    classes: list[str | None],
    parts: list[str | None],
    notes: list[Note],
    source: str,
    named: dict[str, str] | None = None,
) -> Table:
    """Return the table with `class` where any is told, in the order of the folders even where words are `named`."""
    kept, said = folders.parts_of(parts)
    counts = Counter(name for name in classes if name is not None)
    if not counts:
        return _table(pictures, {}, {}, [*notes, *said], source, parts=kept)
    called = {name: (named or {}).get(name, name) for name in counts}
    field = Category(
        tuple(called[name] for name in sorted(counts, key=natural_order)), called[counts.most_common(1)[0][0]]
    )
    classes = [None if name is None else called[name] for name in classes]
    return _table(pictures, {"class": _words(classes)}, {"class": field}, [*notes, *said], source, "class", parts=kept)


def _table(
    pictures: Any,
    columns: Columns,
    fields: dict[str, Field],
    notes: list[Note],
    source: str,
    target: str | None = None,
    dropped: dict[str, str] | None = None,
    parts: Sequence[str | None] | None = None,
) -> Table:
    size, channels = natural(pictures)
    every: dict[str, Field] = {"image": Image(channels, size), **fields}
    held: Columns = {"image": pictures, **columns}
    left = dict(dropped or {})
    if isinstance(pictures, Pictures) and "file" not in held:
        held["file"], every["file"] = _words(pictures.names), Text()
        left["file"] = t("the name of the file")
    return Table(held, every, tuple(notes), source, target, left, parts)


def _words(values: Sequence[str | None]) -> "pl.Series":
    import polars as pl

    return pl.Series(values, dtype=pl.String)
