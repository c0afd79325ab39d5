"""A text table with a known dialect → polars columns, read in Rust. Rows that are too long or too short are set aside.

Columns whose first rows are plain numbers are read as Float64 at once; the cells that were no number are looked at in a
second pass (`odd_cells`). All others are String. Knows nothing of what columns mean.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aprende.core.contract import Note
from aprende.core.errors import DataError
from aprende.core.words import t
from aprende.intake.dialect import NONE, NUMBER, Dialect

if TYPE_CHECKING:
    import polars as pl

ROW = "\0row"  # a name that no column has
BAD_SHARE = 0.5  # more rows of another length than this, and the file is no table


@dataclass
class Grid:
    """A table as read. `first` is the line of its first row, or None where rows and lines do not go together."""

    frame: "pl.DataFrame"
    notes: list[Note] = field(default_factory=list)
    first: int | None = None
    path: Path | None = None
    dialect: Dialect | None = None
    decimal: str = ""  # the decimal sign, where the format leaves no doubt
    gone: Any = None  # rows of the file (indices, rising) that are not in the frame

    @property
    def names(self) -> list[str]:
        return self.frame.columns


def unique_names(given: Sequence[str]) -> tuple[list[str], list[Note]]:
    """Return names that are filled and all different, and a note for each that had to be changed."""
    names: list[str] = []
    notes: list[Note] = []
    for i, name in enumerate(given):
        new = name if name else t("column {n}", n=i + 1)
        k = 2
        while new in names or (new != name and new in given):
            new, k = f"{name or t('column {n}', n=i + 1)} ({k})", k + 1
        if name and new != name:
            said = t(
                "Columns {a} and {b} have the same name {name!r}; the second was renamed {new!r}.",
                a=given.index(name) + 1,
                b=i + 1,
                name=name,
                new=new,
            )
            notes.append(Note(said, "repaired", new))
        names.append(new)
    if any(given) and not all(given):
        unnamed = [str(i + 1) for i, name in enumerate(given) if not name]
        notes.append(
            Note(t("Column {list} had no name.", list=", ".join(unnamed[:10])), "repaired", count=len(unnamed))
        )
    return names, notes


def read_grid(path: Path, dialect: Dialect, scratch: Path, numbers: set[str] | None = None) -> Grid:
    """Return the file's rows. `numbers`: the columns that may be read as Float64 (default: as the first rows show).

    Raises polars' ComputeError where the bytes are not UTF-8, DataError where there is no table.
    """
    names, notes = unique_names(dialect.names)
    plain = _plain_numbers(names, dialect.rows)
    schema = _schema(names, plain if numbers is None else plain & numbers)
    frame = _attempt(path, dialect, schema)
    if frame is None or _short_rows_possible(frame):
        bad, kept, quote = _sieve(path, dialect, len(names))
        if len(bad):
            notes.append(_ragged_note(bad, len(kept), len(names)))
            path = _write_kept(kept, scratch / "kept.csv")
            dialect = Dialect(dialect.delimiter, quote, 0, dialect.names, dialect.rows)
            frame = _attempt(path, dialect, schema)
        elif frame is None:
            frame = _attempt(path, Dialect(dialect.delimiter, None, dialect.skip, dialect.names, dialect.rows), schema)
        if frame is None:
            raise DataError(t("The rows of this file cannot be told apart (quotes that do not close?)."))
    first = None if (len(notes) and path.name == "kept.csv") or _has_inner_lines(frame) else dialect.skip + 1
    grid = Grid(frame, [*dialect.notes, *notes], first, path, dialect)
    return _without_empty_rows(grid)


def odd_cells(grid: Grid, columns: Sequence[str]) -> dict[str, "pl.DataFrame"]:
    """Return, for columns read as numbers, the cells that are filled but no number: frames of `row`, `value`."""
    import polars as pl

    if grid.path is None or grid.dialect is None or not columns:
        return {}
    cells = scan(grid.path, grid.dialect, _schema(grid.names, set()), counted=True)
    odd = [
        pl.struct(pl.col(ROW).alias("row"), pl.col(c).alias("value"))
        .filter((pl.col(c) != "") & pl.col(c).cast(pl.Float64, strict=False).is_null())
        .implode()
        .alias(f"{i}")
        for i, c in enumerate(columns)
    ]
    found = cells.select(odd).collect(engine="streaming")
    return {
        c: _kept_rows(found[f"{i}"].explode(empty_as_null=False).struct.unnest(), grid.gone)
        for i, c in enumerate(columns)
    }


def as_text(grid: Grid, column: str) -> "pl.Series":
    """Return a column that had been read as numbers as the text it is in the file."""
    if grid.path is None or grid.dialect is None:
        raise ValueError("only a file can be read again")
    whole = scan(grid.path, grid.dialect, _schema(grid.names, set())).select(column).collect(engine="streaming")[column]
    if grid.gone is None:
        return whole
    import numpy as np

    return whole.gather(np.setdiff1d(np.arange(len(whole)), grid.gone, assume_unique=True))


def scan(path: Path, dialect: Dialect, schema: dict[str, Any], counted: bool = False) -> "pl.LazyFrame":
    """Return the lazy frame of the file (`counted`: with the column ROW); what a Float64 column cannot read becomes null."""
    import polars as pl

    return pl.scan_csv(
        path,
        has_header=False,
        separator=dialect.delimiter,
        quote_char=dialect.quote,
        skip_lines=dialect.skip,
        schema=schema,
        empty_string_is_null=False,
        ignore_errors=True,
        extra_columns="raise",
        missing_columns="insert",
        row_index_name=ROW if counted else None,
        glob=False,
    )


def _schema(names: Sequence[str], numbers: set[str]) -> dict[str, Any]:
    """The last column is always String: only there an empty cell and a missing one look alike."""
    import polars as pl

    return {n: pl.Float64 if n in numbers and n != names[-1] else pl.String for n in names}


def _plain_numbers(names: Sequence[str], rows: Sequence[Sequence[str]]) -> set[str]:
    columns = zip(*(r for r in rows if len(r) == len(names)), strict=True)
    return {name for name, cells in zip(names, columns, strict=False) if _plain(cells)}


def _plain(cells: Sequence[str]) -> bool:
    """True where the cells are surely numbers: no codes like 08020, no dates like 20160531, no 1.234 for 1234."""
    filled = [c for c in cells if c]
    if not filled or not all(NUMBER.fullmatch(c) for c in filled):
        return False
    if any(re.match(r"[-+]?0\d", c) for c in filled):
        return False
    whole, dotted = (
        [c for c in filled if c.lstrip("+-").isdigit()],
        [c for c in filled if re.fullmatch(r"[-+]?[1-9]\d{0,2}\.\d{3}", c)],
    )
    return len(dotted) + len(whole) < len(filled) or (not dotted and not all(len(c) == 8 for c in whole))


def _attempt(path: Path, dialect: Dialect, schema: dict[str, Any]) -> "pl.DataFrame | None":
    """The frame, or None where a row is too long or a quote goes wrong; broken UTF-8 is raised."""
    import polars as pl

    try:
        return scan(path, dialect, schema).collect(engine="streaming")
    except pl.exceptions.PolarsError as e:
        if "utf-8" in str(e) or "utf8" in str(e).lower():
            raise
        return None
    except pl.exceptions.PanicException:
        return None


def _short_rows_possible(frame: "pl.DataFrame") -> bool:
    return frame.width > 1 and bool((frame[:, -1] == "").any())


def _has_inner_lines(frame: "pl.DataFrame") -> bool:
    import polars as pl

    text = [
        c.str.contains("\n", literal=True).any() for c in (pl.col(n) for n, d in frame.schema.items() if d == pl.String)
    ]
    return any(frame.select(text).row(0)) if text and frame.height else False


def _sieve(path: Path, dialect: Dialect, width: int) -> tuple["pl.DataFrame", "pl.DataFrame", str | None]:
    """Return bad records, good records (columns line, text) and the quote with which fewer are bad."""
    tried = [
        (*_records(path, dialect, quote, width), quote)
        for quote in ((dialect.quote, None) if dialect.quote else (None,))
    ]
    return min(tried[:1] if len(tried[0][0]) <= 0.05 * (len(tried[0][1]) + 1) else tried, key=lambda r: len(r[0]))


def _records(path: Path, dialect: Dialect, quote: str | None, width: int) -> tuple["pl.DataFrame", "pl.DataFrame"]:
    import polars as pl

    whole = Dialect(NONE, None, dialect.skip, ("text",), ())
    lines = scan(path, whole, {"text": pl.String}).with_row_index("line", offset=dialect.skip + 1)
    lines = _joined(lines, quote) if quote else lines.with_columns(bare=pl.col("text"), broken=False)
    apart = dialect.delimiter
    bad = (pl.col("bare").str.count_matches(apart, literal=True) != width - 1) | pl.col("broken")
    told = lines.filter(pl.col("text") != "").with_columns(bad=bad).select("line", "text", "bad").collect()
    return told.filter("bad"), told.filter(~pl.col("bad"))


def _joined(lines: "pl.LazyFrame", quote: str) -> "pl.LazyFrame":
    """Lines → records: a line break within quotes ends none. `bare` is the record without its quoted parts."""
    import polars as pl

    quotes = pl.col("text").str.count_matches(quote, literal=True)
    begins = (quotes.cum_sum().shift(1, fill_value=0) % 2 == 0).cum_sum()
    records = lines.group_by(begins.alias("record"), maintain_order=True).agg(
        pl.col("line").first(), pl.col("text").str.join("\n")
    )
    bare = pl.col("text").str.replace_all(f"{quote}[^{quote}]*{quote}", "\0")
    return records.with_columns(bare=bare).with_columns(
        broken=pl.col("bare").str.contains(quote, literal=True)
        | pl.col("bare").str.contains("\0[^\0,;|\t]|[^\0,;|\t]\0")
    )


def _write_kept(kept: "pl.DataFrame", to: Path) -> Path:
    to.write_bytes("\n".join(kept["text"].to_list()).encode() + b"\n")
    return to


def _ragged_note(bad: "pl.DataFrame", kept: int, width: int) -> Note:
    if len(bad) > BAD_SHARE * (len(bad) + kept):
        said = t(
            "{bad} of {all} rows do not have the {n} values that the header promises, so this is not read as a table. Is the delimiter the same everywhere, are texts that hold it in quotes?",
            bad=len(bad),
            all=len(bad) + kept,
            n=width,
        )
        raise DataError(said)
    lines = ", ".join(map(str, bad["line"][:5])) + (" …" if len(bad) > 5 else "")
    said = t(
        "{n} rows do not have {width} values and were set aside (lines {lines}).", n=len(bad), width=width, lines=lines
    )
    return Note(said, "set aside", count=len(bad))


def _without_empty_rows(grid: Grid) -> Grid:
    """Leave out rows without any value (a blank line is one)."""
    import polars as pl

    frame, last = grid.frame, grid.frame.columns[-1]
    suspects = frame.select((pl.col(last) == "").arg_true()).to_series()
    if not len(suspects):
        return grid
    some = frame[suspects]
    filled = [(pl.col(n) != "") if d == pl.String else pl.col(n).is_not_null() for n, d in frame.schema.items()]
    empty = suspects.filter(some.select(~pl.any_horizontal(filled)).to_series())
    numbers = [n for n, d in frame.schema.items() if d == pl.Float64]
    empty = _not_odd(grid, numbers, empty)
    if len(empty):
        grid.gone = empty.to_numpy()
        grid.frame = frame.with_row_index(ROW).filter(~pl.col(ROW).is_in(empty.implode())).drop(ROW)
        if int(empty[0]) < frame.height - len(empty):  # not only blank lines at the end
            grid.first = None
            grid.notes.append(Note(t("{n} empty rows were left out.", n=len(empty)), "set aside", count=len(empty)))
    return grid


def _not_odd(grid: Grid, numbers: list[str], rows: "pl.Series") -> "pl.Series":
    """Keep only rows that hold no odd cell in a number column."""
    if not len(rows) or not numbers:
        return rows
    odd = [f["row"] for f in odd_cells(grid, numbers).values()]
    import polars as pl

    return rows.filter(~rows.is_in(pl.concat(odd).cast(rows.dtype).implode())) if odd else rows


def _kept_rows(cells: "pl.DataFrame", gone: Any) -> "pl.DataFrame":
    """Turn rows of the file into rows of the frame."""
    import numpy as np
    import polars as pl

    if gone is None:
        return cells
    rows = cells["row"].to_numpy()
    return cells.with_columns(pl.Series("row", rows - np.searchsorted(gone, rows), dtype=pl.UInt32))
