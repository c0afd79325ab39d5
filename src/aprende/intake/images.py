"""Pictures as people keep them → a Table with a column `image`, a column `class` where classes are told, and the rest.

One picture, a list of them, a folder (see `folders.py`), a zip of one, .npz, .npy or IDX files. Nothing is decoded
here but a few pictures, to know their size: `pictures.load` does that once for all.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aprende.core.contract import Note, Table
from aprende.core.errors import DataError, nearest
from aprende.core.fields import Category, Columns, Field, Image
from aprende.core.words import t
from aprende.intake import archives, arrays, folders, metadata
from aprende.intake.decoder import ENDINGS
from aprende.intake.folders import natural_order
from aprende.intake.pictures import Pictures, natural

if TYPE_CHECKING:
    import polars as pl

ARRAYS = (".npz", ".npy")
PARTS = ("train", "valid", "test")

Source = str | Path | Sequence[str | Path]


def suits(source: Source) -> bool:
    """Tell, by names alone, whether this is likely a source of pictures: a folder, a picture, arrays, a zip, a list."""
    if not isinstance(source, str | Path):
        return all(Path(s).suffix.lower() in ENDINGS for s in source)
    path = Path(source)
    return path.is_dir() or path.suffix.lower() in (*ENDINGS, *ARRAYS, ".zip") or bool(arrays.idx_pairs([path]))


def read(source: Source) -> Table:
    """Return the pictures of a file, folder or list as a Table; raise DataError where there are none.

    Columns: `image` (`Pictures`, or uint8 (n, H, W, C) where the source is arrays), `class` and `split` (polars String)
    where they are told, and the columns of a metadata file.
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


def _not_there(path: Path) -> str:
    known = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, known)
    said = t("There is no file or folder {path}.", path=path)
    return said + (" " + t("Did you mean {name!r}?", name=close) if close else "")


def _unlabelled(files: list[Path], source: str) -> Table:
    if not files:
        raise DataError(t("No pictures: the list is empty. Expected at least one file."))
    return _table(Pictures(files), {}, {}, [], source, None)


def _from_folder(root: Path, source: str, notes: Sequence[Note] = ()) -> Table:
    listing = folders.read(root)
    told = metadata.read(listing)
    listing.notes[:0] = notes
    if told is None:
        folders.by_class(listing)
        return _labelled(Pictures(listing.files), listing.classes, listing.parts, listing.notes, source)
    table, rows = told
    columns, fields, dropped = dict(table.columns), dict(table.fields), dict(table.dropped)
    notes = [*listing.notes, *table.notes, *_add_parts(columns, fields, dropped, [listing.parts[row] for row in rows])]
    pictures = Pictures([listing.files[row] for row in rows])
    return _table(pictures, columns, fields, notes, source, metadata.target(table), dropped)


def _from_arrays(held: arrays.Held, source: str) -> Table:
    return _labelled(held.pixels, held.labels, held.parts, held.notes, source)


def _labelled(
    pictures: Any, classes: list[str | None], parts: list[str | None], notes: list[Note], source: str
) -> Table:
    """Return the table with `class` and `split`, each only where it is told."""
    notes = [*notes]
    columns: Columns = {}
    fields: dict[str, Field] = {}
    dropped: dict[str, str] = {}
    counts = Counter(name for name in classes if name is not None)
    if counts:
        columns["class"] = _words(classes)
        fields["class"] = Category(tuple(sorted(counts, key=natural_order)), counts.most_common(1)[0][0])
    notes += _add_parts(columns, fields, dropped, parts)
    return _table(pictures, columns, fields, notes, source, "class" if counts else None, dropped)


def _add_parts(
    columns: Columns, fields: dict[str, Field], dropped: dict[str, str], parts: list[str | None]
) -> list[Note]:
    """Add the column `split` where the source itself has more than one part; return what there is to say of it."""
    if len(set(parts)) < 2:
        return []
    notes = []
    if "test" not in parts and "train" in parts:
        held = parts.count("valid")
        notes.append(Note(t("validation part kept as the test: there is no other"), "info", "split", held))
        parts = ["test" if part == "valid" else part for part in parts]
    columns["split"] = _words(parts)
    fields["split"] = Category(PARTS, "train", closed=True)
    dropped["split"] = t("the part that the source gives")
    return notes


def _table(
    pictures: Any,
    columns: Columns,
    fields: dict[str, Field],
    notes: list[Note],
    source: str,
    target: str | None,
    dropped: dict[str, str] | None = None,
) -> Table:
    size, channels = natural(pictures)
    every: dict[str, Field] = {"image": Image(channels, size), **fields}
    return Table({"image": pictures, **columns}, every, tuple(notes), source, target, dropped or {})


def _words(values: Sequence[str | None]) -> "pl.Series":
    import polars as pl

    return pl.Series(values, dtype=pl.String)
