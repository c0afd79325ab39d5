"""One door for what people bring: `read` tells tables from pictures and hands over to the room's readers."""

from pathlib import Path
from typing import Any

from aprende.core.contract import Note, Table
from aprende.core.errors import DataError
from aprende.core.fields import Boxes, Field, rows_of
from aprende.core.model import join
from aprende.core.words import t
from aprende.intake import boxes


def read(source: Any, target: str | list[str] | None = None, fields: dict[str, Field] | None = None) -> Table:
    """Return the source as a Table. source: path(s), DataFrame or dict of columns. fields: those of a trained model."""
    from aprende.intake import images, tables

    if isinstance(source, Table):
        return source
    if not is_pictures(source):
        return tables.read(source, target=target, fields=fields)
    return images.read(source)


def is_pictures(source: Any) -> bool:
    """Tell whether the source is a folder or file(s) of pictures, rather than a table."""
    from aprende.intake import images

    paths = source if isinstance(source, (list, tuple)) else [source]
    if not paths or not all(isinstance(p, (str, Path)) for p in paths):
        return False
    if len(paths) == 1 and Path(paths[0]).suffix.lower() == ".zip":
        return _holds_pictures(Path(paths[0]))
    return images.suits(source)


def _holds_pictures(path: Path) -> bool:
    """A zip may hold one table, or pictures."""
    import zipfile

    from aprende.intake.decoder import ENDINGS

    try:
        with zipfile.ZipFile(path) as archive:
            return any(Path(name).suffix.lower() in ENDINGS for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def with_test(train: Table, test: Table) -> Table:
    """Return both as one table whose `parts` says which rows are for the test alone."""
    missing = [name for name in train.fields if name not in test.columns]
    if missing:
        raise DataError(t("The test data lack the columns {names}.", names=", ".join(missing)))
    fields, others = dict(train.fields), dict(test.columns)
    for name, field in train.fields.items():
        own = test.fields.get(name)
        if isinstance(field, Boxes) and isinstance(own, Boxes):
            fields[name], others[name] = boxes.alike(field, own, test.columns[name])
    columns = {name: join([train.columns[name], others[name]]) for name in train.fields}
    parts = [*(train.parts or [None] * train.rows), *["test"] * rows_of(test.columns)]
    said = Note(
        t("{n} rows of {source} are for the test alone.", n=test.rows, source=test.source), "info", count=test.rows
    )
    return Table(columns, fields, (*train.notes, *test.notes, said), train.source, train.target, train.dropped, parts)
