"""What people bring (files of any format, frames, dicts) → a `Grid`: named polars columns, as near to it as can be.

Formats are told by their first bytes, not by their ending. Knows nothing of what columns mean.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aprende.core.contract import Note
from aprende.core.errors import DataError, nearest
from aprende.core.words import t
from aprende.intake.delimited import Grid, read_grid, unique_names
from aprende.intake.dialect import NONE, dialect_of, with_header
from aprende.intake.encoding import EXPECTED, HEAD, as_utf8, damaged_encoding, encoding_of, unpacked

if TYPE_CHECKING:
    import polars as pl

NO_TABLE = {b"%PDF": "PDF", b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"SQLite format 3": "SQLite", b"\x7fELF": "ELF"}


def grid_of_files(
    paths: Sequence[Path], scratch: Path, numbers: set[str] | None = None, most: int | None = None
) -> Grid:
    """Return the rows of one file, or of several one after the other. `most`: bytes to which each may be unpacked."""
    found = [part for path in paths for part in unpacked(_existing(path), scratch, most)]
    if len(found) == 1:
        return _grid_of_file(found[0], scratch, numbers)
    grids = []
    for i, path in enumerate(found):
        (own := scratch / f"file-{i}").mkdir()
        grids.append(_grid_of_file(path, own, set()))
    return _stacked(grids, [p.name for p in found])


def _existing(path: Path) -> Path:
    if path.is_file():
        return path
    if path.is_dir():
        raise DataError(t("{path} is a folder; a table is needed ({expected}).", path=path, expected=EXPECTED))
    near = nearest(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else None
    hint = " " + t("Did you mean {name!r}?", name=near) if near else ""
    raise DataError(t("There is no file {path}.", path=path) + hint)


def _grid_of_file(path: Path, scratch: Path, numbers: set[str] | None) -> Grid:
    import polars as pl

    with path.open("rb") as f:
        head = f.read(HEAD)
    for magic, what in NO_TABLE.items():
        if head.startswith(magic):
            said = t(
                "{path} is a {what} file; a table is needed ({expected}).", path=path.name, what=what, expected=EXPECTED
            )
            raise DataError(said)
    try:
        if head.startswith(b"PAR1"):
            return Grid(_flat(pl.read_parquet(path, glob=False)))
        if head.startswith(b"ARROW1"):
            return Grid(_flat(pl.read_ipc(path)))
        if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
            return _sheet(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as e:
        raise DataError(
            t("{path} is damaged and cannot be read ({why}).", path=path.name, why=_first_line(e))
        ) from None
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and (rows := _json_rows(path)) is not None:
        return rows
    return _text_grid(path, head, scratch, numbers)


def _first_line(error: BaseException) -> str:
    return str(error).split("\n")[0][:200]


def _text_grid(path: Path, head: bytes, scratch: Path, numbers: set[str] | None) -> Grid:
    """The rows as UTF-8 where the first bytes are; where others are not, once more in the encoding of the whole."""
    if not head.strip():
        raise _empty(path)
    encoding, returns = encoding_of(head, len(head) < HEAD), b"\r" in head and b"\n" not in head
    grid = None
    if encoding in ("utf-8", "utf-8-sig") and not returns:
        grid = _utf8_grid(path, scratch, numbers)
        encoding = damaged_encoding(path) if grid is None else encoding
    if grid is None:
        copy, broken = as_utf8(path, encoding, scratch, returns)
        grid = _utf8_grid(copy, scratch, numbers)
        if grid is None:
            said = t("{path} is not a text table that can be read.", path=path.name)
            raise DataError(said + " " + t("Expected: {expected}.", expected=EXPECTED))
        grid.notes[:0] = _encoding_notes(encoding, broken)
    return grid


def _encoding_notes(encoding: str, broken: int) -> list[Note]:
    notes = [Note(t("The file is written in {encoding}.", encoding=encoding))]
    if broken:
        said = t("{n} letters could not be read (the file is cut or damaged); they are shown as �.", n=broken)
        notes.append(Note(said, "repaired", count=broken))
    return notes


def _utf8_grid(path: Path, scratch: Path, numbers: set[str] | None) -> Grid | None:
    """The rows, or None where the bytes are not UTF-8 after all."""
    with path.open("rb") as f:
        text = f.read(HEAD).decode("utf-8-sig", "replace")
    dialect = dialect_of(text, path.stat().st_size < HEAD)
    if not dialect.rows:
        names = ", ".join(dialect.names)[:200]
        raise DataError(t("The file has column names ({names}) but no rows. At least 10 rows are needed.", names=names))
    try:
        grid = read_grid(path, dialect, scratch, numbers)
    except UnicodeError:
        return None
    delimiter = {"\t": t("tab"), NONE: t("none (one column)")}.get(dialect.delimiter, dialect.delimiter)
    told = [Note(t("The delimiter is {delimiter}.", delimiter=delimiter))] if delimiter != "," else []
    grid.notes[:0] = told
    return grid


def _empty(path: Path) -> DataError:
    said = t("{path} is empty.", path=path.name)
    return DataError(said + " " + t("A table with a line of column names and at least 10 rows is needed."))


def _sheet(path: Path) -> Grid:
    """The first sheet that holds something, as text; its header is found as in a text file."""
    import fastexcel
    import polars as pl

    try:
        book = fastexcel.read_excel(path)
        sheets = [
            (name, book.load_sheet(name, header_row=None, dtypes="string").to_polars()) for name in book.sheet_names
        ]
    except fastexcel.FastExcelError as e:
        raise DataError(
            t("{path} cannot be read as a spreadsheet ({why}).", path=path.name, why=_first_line(e))
        ) from None
    filled = [(name, frame) for name, frame in sheets if frame.height and frame.width]
    if not filled:
        raise _empty(path)
    name, frame = filled[0]
    frame = frame.with_columns(pl.all().fill_null(""))
    dialect = with_header(NONE, None, [(i + 1, tuple(r)) for i, r in enumerate(frame.head(500).iter_rows())])
    names, notes = unique_names(dialect.names)
    frame.columns = names
    if len(filled) > 1:
        others = ", ".join(n for n, _ in filled[1:])
        said = t("Only the sheet {name!r} is read; there are also: {others}.", name=name, others=others)
        notes.insert(0, Note(said, "warning"))
    frame = frame[dialect.skip :].filter(~pl.all_horizontal(pl.all() == ""))
    return Grid(frame, [*dialect.notes, *notes], first=dialect.skip + 1, decimal=".")


def _json_rows(path: Path) -> Grid | None:
    """JSON lines, or an array of objects; None where it is neither (a csv may begin with a bracket)."""
    import polars as pl

    try:
        with path.open(encoding="utf-8-sig") as f:
            first = next(line for line in f if line.strip())
        if first.lstrip().startswith("{") and isinstance(json.loads(first), dict):
            return Grid(_flat(pl.read_ndjson(path, infer_schema_length=None)), first=1)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return _json_slowly(path)
    except (ValueError, StopIteration, RecursionError):
        pass
    return _json_slowly(path)


def _json_slowly(path: Path) -> Grid | None:
    """Objects whose values are not of one kind: every value as its own text."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        try:
            rows = json.loads(text)
        except ValueError:
            rows = [json.loads(line) for line in text.split("\n") if line.strip()]
    except (ValueError, RecursionError):
        return None
    if isinstance(rows, dict):
        return grid_of_columns(rows) if all(isinstance(v, list) for v in rows.values()) else None
    return grid_of_rows(rows) if isinstance(rows, list) and rows and all(isinstance(r, dict) for r in rows) else None


def grid_of_rows(rows: Sequence[Mapping[str, Any]]) -> Grid:
    """Return a list of dicts as columns."""
    names = dict.fromkeys(str(k) for row in rows for k in row)
    return grid_of_columns({n: [row.get(n) for row in rows] for n in names})


def grid_of_columns(columns: Mapping[str, Any]) -> Grid:
    """Return a dict of sequences (lists, arrays, Series) as a grid."""
    import polars as pl

    lengths = {str(n): len(v) for n, v in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(t("Columns must be equally long; got {lengths}.", lengths=lengths))
    return Grid(_flat(pl.DataFrame([_series(str(n), v) for n, v in columns.items()])))


def grid_of_frame(frame: Any) -> Grid:
    """Return a polars or pandas DataFrame as a grid."""
    import polars as pl

    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, pl.DataFrame):
        return Grid(_flat(frame))
    names, notes = unique_names([str(c) for c in frame.columns])
    grid = grid_of_columns({n: frame.iloc[:, i] for i, n in enumerate(names)})
    grid.notes[:0] = notes
    return grid


def _series(name: str, values: Any) -> "pl.Series":
    """A column of anything: of one kind where it is, else text."""
    import numpy as np
    import polars as pl

    if isinstance(values, pl.Series):
        return values.alias(name)
    kind = getattr(getattr(values, "dtype", None), "kind", "O")
    if (kind in "biufM" and hasattr(values, "to_numpy")) or (isinstance(values, np.ndarray) and kind in "biufM"):
        array = np.asarray(values)
        if array.ndim == 1 and array.dtype.kind in "biufM":
            array = array.astype("datetime64[us]") if array.dtype.kind == "M" else array
            return pl.Series(name, array, nan_to_null=False)
    items = [None if _is_missing(v) else v for v in _items(values)]
    try:
        return pl.Series(name, items, strict=True)
    except (TypeError, pl.exceptions.PolarsError, OverflowError):
        return pl.Series(
            name, [None if v is None else v if isinstance(v, str) else _plain(v) for v in items], dtype=pl.String
        )


def _items(values: Any) -> Iterable[Any]:
    listed: Iterable[Any] = values.tolist() if hasattr(values, "tolist") else values
    return listed


def _is_missing(value: Any) -> bool:
    return (
        value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)
    )


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (dict, list, bool)) else str(value)


def _flat(frame: "pl.DataFrame") -> "pl.DataFrame":
    """Take structs apart: {"a": {"b": 1}} becomes the column a.b."""
    import polars as pl

    while structs := [n for n, d in frame.schema.items() if isinstance(d, pl.Struct)]:
        name = structs[0]
        parts = frame[name].struct.unnest()
        parts.columns = unique_names([f"{name}.{c}" for c in parts.columns])[0]
        frame = frame.drop(name).hstack(
            [p.alias(unique_names([*frame.columns, p.name])[0][-1]) for p in parts.get_columns()]
        )
    return frame


def _stacked(grids: list[Grid], files: list[str]) -> Grid:
    """Put the rows of several files one below the other, by column name."""
    import polars as pl

    shown = ", ".join(files[:5]) + (" …" if len(files) > 5 else "")
    notes = [Note(t("{n} files are read together: {names}.", n=len(files), names=shown), count=len(files))]
    every = list(dict.fromkeys(n for g in grids for n in g.names))
    for grid, file in zip(grids, files, strict=True):
        notes += [Note(n.text, n.level, f"{file}: {n.where}".rstrip(": "), n.count) for n in grid.notes]
        lacking = [n for n in every if n not in grid.names]
        if len(lacking) > 0.5 * len(every):
            names = ", ".join(grid.names)[:200]
            said = t("{file} has other columns than {first} ({names}).", file=file, first=files[0], names=names)
            raise DataError(said + " " + t("Files that are read together need the same columns."))
        if lacking:
            said = t("{file} has no column {names}; it is missing in its rows.", file=file, names=", ".join(lacking))
            notes.append(Note(said, "warning", file, grid.frame.height))
    frames = [g.frame.with_columns(pl.all().cast(pl.String)) if _differ(grids) else g.frame for g in grids]
    return Grid(pl.concat(frames, how="diagonal"), notes)


def _differ(grids: list[Grid]) -> bool:
    kinds: dict[str, Any] = {}
    return any(kinds.setdefault(n, d) != d for g in grids for n, d in g.frame.schema.items())
