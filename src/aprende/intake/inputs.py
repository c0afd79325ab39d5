"""What is handed to a trained model → columns for `Model.predict`: JSON, form fields, uploads, tables of pictures.

Uploads are a stranger's: names are labels, never paths; a table is written inside the folder that the caller gives, and
pictures are not written at all; what unpacks to too much is refused before it is unpacked. Knows no model, no server.
"""

import base64
import binascii
import datetime as dt
import itertools
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from aprende.core.contract import Note, Table
from aprende.core.errors import DataError, InputError, unknown
from aprende.core.fields import Category, Columns, Date, Field, Json, Number, Text, rows_of
from aprende.core.words import t
from aprende.intake import bombs

TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".parquet", ".pq", ".jsonl", ".ndjson", ".json")
MOST_RATIO = 8  # an upload may unpack to so many times the most bytes that may be uploaded

Unpack = Callable[[Any], Any]


@dataclass(frozen=True)
class Upload:
    """Uploaded files as rows: `shown` (JSON values) is what a person knows them by, `columns` goes to `predict`."""

    shown: dict[str, list[Json]]
    columns: Columns
    notes: tuple[Note, ...] = ()


class Inputs:
    """A model's input fields, looked at once. `needed` cannot be left out; `files` travel as base64 of a file;
    `words` are categories and texts; `written` are dates and numbers, which may also come as people write them:
    31/05/2016, 1.234,50."""

    def __init__(self, fields: dict[str, Field]) -> None:
        schemas = {name: field.schema() for name, field in fields.items()}
        self.fields = fields
        self.types = {name: schema["type"] for name, schema in schemas.items()}
        self.needed = frozenset(name for name, kinds in self.types.items() if "null" not in kinds)
        self.files = frozenset(name for name, schema in schemas.items() if schema.get("contentEncoding") == "base64")
        self.words = tuple(name for name, field in fields.items() if isinstance(field, Category | Text))
        self.written = tuple(name for name, field in fields.items() if isinstance(field, Date | Number))

    def check(self, row: Any) -> dict[str, Json]:
        """Return the row; raise InputError where it is no object, has an unknown name, or lacks one that is needed."""
        if not isinstance(row, dict):
            raise InputError(t('Expected a row such as {{"column": value}}, got {value}.', value=repr(row)[:60]))
        if not (self.needed <= row.keys() <= self.fields.keys()):
            self.check_names(row)
        return row

    def check_names(self, names: Iterable[str]) -> None:
        """Raise InputError where a name is unknown (with the nearest one), or one that is needed is lacking."""
        given = set(names)
        for name in sorted(given - self.fields.keys()):
            raise InputError(unknown(t("column"), name, self.fields))
        if lacking := self.needed - given:
            named = ", ".join(n for n in self.fields if n in lacking)
            raise InputError(t("Missing column {names}. Needed: {all}.", names=named, all=", ".join(self.fields)))

    def of_rows(self, rows: Sequence[dict[str, Json]], unpack: Unpack | None = None) -> Columns:
        """Return checked rows as columns; what a row leaves out is missing."""
        if not rows:
            raise InputError(t("There are no rows to predict."))
        columns = map(list, zip(*(map(row.get, self.fields) for row in rows), strict=True))
        return self._unpacked(self._worded(dict(zip(self.fields, columns, strict=True)), len(rows)), unpack)

    def _worded(self, columns: Columns, n: int) -> Columns:
        """Return columns of words as slices of one Series: to make each alone takes three times as long. What is no
        word stays for its field to refuse."""
        words = list(itertools.chain.from_iterable([columns[name] for name in self.words]))
        if not words or not {str, type(None)}.issuperset(map(type, words)):
            return columns
        import polars as pl

        try:
            every = pl.Series("", words, pl.String)
        except UnicodeEncodeError:  # half a surrogate pair
            return columns
        return columns | {name: every.slice(i * n, n) for i, name in enumerate(self.words)}

    def of_columns(self, columns: dict[str, Sequence[Json]], unpack: Unpack | None = None) -> Columns:
        """Return columns (an object of lists) with the left-out ones added as missing."""
        self.check_names(columns)
        for name, column in columns.items():
            if isinstance(column, str | bytes | dict) or not hasattr(column, "__len__"):
                raise InputError(
                    t("{name}: expected a list of values, got {value}.", name=name, value=repr(column)[:60])
                )
        if not (n := rows_of(columns)):
            raise InputError(t("There are no rows to predict."))
        return self._unpacked({name: columns[name] if name in columns else [None] * n for name in self.fields}, unpack)

    def alone(self, row: dict[str, Json]) -> dict[str, Json]:
        """Return the row with its written dates and numbers read, whatever rows it may be put together with later."""
        if str not in set(map(type, map(row.get, self.written))):
            return row
        texts = {n: [row[n]] for n in self.written if isinstance(row.get(n), str)}
        return {**row, **{n: self._read(n, column)[0] for n, column in texts.items()}}

    def _read(self, name: str, column: Any) -> Any:
        """A column with the texts of dates and numbers read as the field says; what cannot be read stays a text."""
        field = self.fields[name]
        known = _is_iso if isinstance(field, Date) else _never
        rows = [i for i, v in enumerate(column) if isinstance(v, str) and not known(v)]
        if not rows:
            return column
        import polars as pl

        from aprende.intake.columns import understand
        from aprende.intake.understood import Ask, learnt

        given = list(column)
        texts = pl.Series(name, [given[i] for i in rows], dtype=pl.String)
        found = understand(Ask(name, hints=learnt(field), wanted=field), texts).values
        for i, value in zip(rows, found.tolist(), strict=True):
            given[i] = value if value == value else given[i]
        return given

    def _unpacked(self, columns: Columns, unpack: Unpack | None) -> Columns:
        columns = columns | {n: self._read(n, columns[n]) for n in self.written if _holds_text(columns[n])}
        for name in self.files:
            columns[name] = [(unpack or picture)(value) for value in columns[name]]
        return columns

    def of_text(self, name: str, text: str) -> Json:
        """Return the JSON value that a form's text means; empty text is a missing value."""
        kinds = self.types.get(name, "string")
        if not text and "null" in kinds:
            return None
        if "number" in kinds:
            try:
                return float(text)
            except ValueError:
                return text  # its field will say what is wrong with it
        if "boolean" in kinds:
            return {"true": True, "1": True, "on": True, "false": False, "0": False}.get(text.lower(), text)
        return text


def _holds_text(column: Any) -> bool:
    if isinstance(column, list):
        return str in map(type, column)
    return not hasattr(column, "dtype") or str(column.dtype).startswith(("object", "String", "<U"))


def _never(text: str) -> bool:
    return False


def _is_iso(text: str) -> bool:
    try:
        return bool(dt.datetime.fromisoformat(text))
    except ValueError:
        return False


def columns_from_json(
    values: Sequence[dict[str, Json]] | dict[str, Sequence[Json]],
    fields: dict[str, Field],
    pictures: Unpack | None = None,
) -> Columns:
    """Return columns for `predict` from rows (a list of objects) or columns (an object of lists).

    Left-out columns are missing values where their field allows those. pictures: turns one given value into pixels
    (default: `picture`). Raises InputError on an unknown name, with the nearest, and on a lacking one.
    """
    inputs = Inputs(fields)
    if isinstance(values, dict):
        return inputs.of_columns(values, pictures)
    return inputs.of_rows([inputs.check(row) for row in values], pictures)


def picture(value: Any) -> Any:
    """Return one picture (base64 text, a data URL, a file's bytes, or an array) as uint8 (H, W, 1 or 3)."""
    from aprende.intake.decoder import decode

    said = t("Expected a picture as base64, got {value}.", value=repr(value)[:60])
    if isinstance(value, str):
        try:
            value = base64.b64decode(value.partition(",")[2] if value.startswith("data:") else value, validate=True)
        except (binascii.Error, ValueError):
            raise InputError(said) from None
    if not isinstance(value, bytes | np.ndarray):
        raise InputError(said)
    return decode(value)


def pictures_for(table: Table, fields: dict[str, Field]) -> Columns:
    """Return a table of pictures as the model's columns: its pictures under the model's own name, the rest by name.

    Raises InputError where the model takes no picture, or more than one a row.
    """
    inputs = Inputs(fields)
    if len(inputs.files) != 1:
        raise InputError(t("This model does not take one picture a row. It takes: {names}.", names=", ".join(fields)))
    others = {name: table.columns[name] for name in fields if name in table.columns and name not in inputs.files}
    inputs.check_names([*inputs.files, *others])
    missing = [None] * table.rows
    return {n: table.columns["image"] if n in inputs.files else others.get(n, missing) for n in fields}


def columns_from_upload(
    files: Sequence[tuple[str, bytes]], fields: dict[str, Field], folder: Path, most_bytes: int, most_rows: int
) -> Upload:
    """Return uploaded files as rows: one table, or pictures, or zips of pictures.

    files: (name, content) each. folder: a temporary one, in which a table may be written. most_bytes: of one upload.
    Raises InputError or DataError with the reason.
    """
    if not files:
        raise InputError(t("No file came. Send at least one."))
    if not any(suffix(name) in TABLES for name, _ in files):
        return _pictures(files, fields, most_bytes * MOST_RATIO, most_rows)
    if len(files) > 1:
        raise InputError(t("Send one table, or pictures; not both, and not several tables."))
    return _table(*files[0], fields, folder, most_bytes * MOST_RATIO, most_rows)


def suffix(name: str) -> str:
    """Return the ending of a name that a stranger gave: ".csv"."""
    return PurePosixPath(name.replace("\\", "/")).suffix.lower()


def _table(name: str, data: bytes, fields: dict[str, Field], folder: Path, most: int, most_rows: int) -> Upload:
    from aprende.intake import tables

    path = folder / f"upload{suffix(name)}"
    path.write_bytes(data)
    bombs.check_table(name, path, most, most_rows)
    try:
        table = tables.read(path, fields=fields)
    except (DataError, InputError) as error:
        raise DataError(_renamed(str(error), path, name)) from None
    bombs.check_rows(name, table.rows, most_rows)
    shown = {n: [table.fields[n].plain(v) for v in column] for n, column in table.columns.items()}
    notes = tuple(replace(note, text=_renamed(note.text, path, name)) for note in table.notes)
    return Upload(shown, {n: table.columns[n] for n in fields}, notes)


def _renamed(said: str, path: Path, name: str) -> str:
    """Return what was said of the file under the name that the person knows."""
    return said.replace(str(path), name).replace(path.name, name)


class Files(Sequence[Any]):
    """A column of pictures (a name and what reads the file), each decoded (uint8 (H, W, 1 or 3)) when asked for."""

    def __init__(self, members: Sequence[tuple[str, Callable[[], Any]]]) -> None:
        self.members = members

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, slice):
            return Files(self.members[which])
        name, read = self.members[which]
        try:
            return picture(read())
        except (InputError, *bombs.BAD_ZIP) as error:
            raise InputError(f"{name}: {error}") from None


def _pictures(files: Sequence[tuple[str, bytes]], fields: dict[str, Field], most: int, most_rows: int) -> Upload:
    from aprende.core.fields import Image

    members = [member for name, data in files for member in _members(name, data, most)]
    bombs.check_rows(t("What came"), len(members), most_rows)
    if not members:
        raise DataError(t("There is no picture in what came."))
    table = Table({"image": Files(members)}, {"image": Image()})
    return Upload({"file": [name for name, _ in members]}, pictures_for(table, fields))


def _members(name: str, data: bytes, most: int) -> list[tuple[str, Callable[[], bytes]]]:
    """Return a picture file, or those in a zip, each as its name and what reads it."""
    if suffix(name) != ".zip":
        return [(name, lambda: data)]
    held = bombs.open_zip(name, data, most)
    return [(m.filename, _reader(held, m)) for m in held.infolist() if not m.is_dir() and not _hidden(m.filename)]


def _reader(held: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[], bytes]:
    return lambda: held.read(member)  # never longer than its file_size, which was checked


def _hidden(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return not parts or parts[-1] == "Thumbs.db" or any(p.startswith((".", "__MACOSX")) for p in parts)
