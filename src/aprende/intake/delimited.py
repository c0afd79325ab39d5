"""A text table with a known dialect → polars columns, in one pass, batch by batch, in Rust.

Columns whose first rows are plain numbers become Float64 in each batch, and the cells that are none are kept aside
(`Grid.odd`), so that memory holds little more than the result. All others stay String. Knows nothing of their meaning.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Note
from aprende.core.errors import DataError
from aprende.core.words import t
from aprende.intake.dialect import NUMBER, ROW, Dialect, scan
from aprende.intake.lexicon import is_missing
from aprende.intake.ragged import sieve, without_bad

if TYPE_CHECKING:
    import polars as pl

BATCH_CELLS = 1_200_000
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}")


@dataclass
class Grid:
    """A table as read. `odd`: cells (row, value) of number columns that are filled but no number.

    `first` is the line of row 0, None where there are no lines; `gone` are rows of the file (rising) that were empty.
    """

    frame: "pl.DataFrame"
    notes: list[Note] = field(default_factory=list)
    odd: dict[str, "pl.DataFrame"] = field(default_factory=dict)
    first: int | None = None
    path: Path | None = None
    dialect: Dialect | None = None
    decimal: str = ""  # the decimal sign, where the format leaves no doubt
    gone: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def names(self) -> list[str]:
        return self.frame.columns

    def first_line(self) -> int | None:
        """Return the line of row 0, or None where rows and lines do not go together (a row holds line breaks)."""
        if self.first is not None and self.path is not None and _has_inner_lines(self.frame):
            self.first = None
        return self.first


def _has_inner_lines(frame: "pl.DataFrame") -> bool:
    import polars as pl

    text = [pl.col(n).str.contains("\n", literal=True).any() for n, kind in frame.schema.items() if kind == pl.String]
    return bool(text) and any(frame.select(text).row(0))


def unique_names(given: Sequence[str]) -> tuple[list[str], list[Note]]:
    """Return names that are filled and all different, and a note for each that had to be changed."""
    names: list[str] = []
    notes: list[Note] = []
    for at, name in enumerate(given, 1):
        wish = name or f"column {at}"  # in no language: a model knows it by this name
        new, k = wish, 2
        while new in names or (new != name and new in given):
            new, k = f"{wish} ({k})", k + 1
        if name and new != name:
            said = t(
                "Columns {a} and {b} have the same name {name!r}; the second was renamed {new!r}.",
                a=given.index(name) + 1,
                b=at,
                name=name,
                new=new,
            )
            notes.append(Note(said, "repaired", new))
        names.append(new)
    unnamed = [str(at) for at, name in enumerate(given, 1) if not name]
    if unnamed and any(given):
        said = t("These columns have no name: {list}.", list=", ".join(unnamed[:10]))
        notes.append(Note(said, "repaired", count=len(unnamed)))
    return names, notes


def read_grid(path: Path, dialect: Dialect, scratch: Path, numbers: set[str] | None = None) -> Grid:
    """Return the file's rows. `numbers`: the columns that may become Float64 (default: as the first rows show).

    Raises UnicodeError where the bytes are not UTF-8, DataError where there is no table.
    """
    names, notes = unique_names(dialect.names)
    plain = _plain_numbers(names, dialect.rows)
    plain = plain if numbers is None else plain & numbers
    grid = _attempt(path, dialect, names, plain)
    if grid is None or _short_row_possible(grid):
        found = sieve(path, dialect, len(names))
        if len(found.bad):
            kept = scratch / "kept.csv"
            notes.append(without_bad(found, len(names), kept))
            grid = _attempt(kept, replace(dialect, quote=found.quote, skip=0), names, plain)
        elif grid is None:
            grid = _attempt(path, replace(dialect, quote=found.quote), names, plain)
        if grid is None:
            raise DataError(t("The rows of this file cannot be told apart (quotes that do not close?)."))
        grid.first = None if len(found.bad) else grid.first
    grid.notes = [*dialect.notes, *notes, *grid.notes]
    return grid


def _attempt(path: Path, dialect: Dialect, names: list[str], plain: set[str]) -> Grid | None:
    """The rows, or None where one is too long or a quote goes wrong."""
    import polars as pl

    try:
        return _in_batches(path, dialect, names, sorted(plain, key=names.index))
    except pl.exceptions.PolarsError as e:
        if "utf-8" in str(e).lower() or "utf8" in str(e).lower():
            raise UnicodeError(str(e)) from None
        return None
    except pl.exceptions.PanicException:
        return None


def _in_batches(path: Path, dialect: Dialect, names: list[str], plain: list[str]) -> Grid:
    import polars as pl

    kept: list[pl.DataFrame] = []
    odd: list[pl.DataFrame] = []
    gone: list[NDArray[np.int64]] = []
    floats = [pl.col(n).cast(pl.Float64, strict=False).alias(ROW + n) for n in plain]
    whole = [pl.col(ROW + n if n in plain else n).alias(n) for n in names]
    rows = max(1, BATCH_CELLS // len(names))
    for batch in scan(path, dialect, names, counted=True).collect_batches(chunk_size=rows, maintain_order=True):
        both = _without_empty_rows(batch, names, gone).with_columns(floats)
        kept.append(both.select(whole))
        odd.append(both.select(_odd(n) for n in plain))
    frame = pl.concat(kept) if kept else pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    grid = Grid(
        frame, first=dialect.skip + 1, path=path, dialect=dialect, gone=np.concatenate([np.empty(0, np.int64), *gone])
    )
    grid.odd = {
        n: _rows_of_frame(cells, grid.gone)
        for n in plain
        if len(cells := pl.concat([o[n] for o in odd]).explode(empty_as_null=False))
    }
    _note_gone(grid)
    return grid


def _odd(name: str) -> "pl.Expr":
    """The cells of a number column that are filled but became null, as one list of (row, value)."""
    import polars as pl

    cell = pl.struct(pl.col(ROW).alias("row"), pl.col(name).alias("value"))
    return cell.filter((pl.col(name) != "") & pl.col(ROW + name).is_null()).implode().alias(name)


def _rows_of_frame(cells: "pl.Series", gone: NDArray[np.int64]) -> "pl.DataFrame":
    """Turn rows of the file into rows of the frame, which lacks the empty ones."""
    import polars as pl

    frame = cells.struct.unnest()
    rows = frame["row"].to_numpy().astype(np.int64)
    return frame.with_columns(row=pl.Series(rows - np.searchsorted(gone, rows)))


def _without_empty_rows(batch: "pl.DataFrame", names: list[str], gone: list[NDArray[np.int64]]) -> "pl.DataFrame":
    """Leave out rows without any value (a blank line is one)."""
    import polars as pl

    suspects = (batch[names[-1]] == "").arg_true()
    if not len(suspects):
        return batch
    empty = suspects.filter(batch[suspects].select(pl.all_horizontal(pl.col(names) == "")).to_series())
    if not len(empty):
        return batch
    gone.append(batch[ROW].gather(empty).to_numpy().astype(np.int64))
    return batch[np.setdiff1d(np.arange(batch.height), empty.to_numpy(), assume_unique=True)]


def _note_gone(grid: Grid) -> None:
    """Note the empty rows, unless they are only blank lines at the end."""
    if len(grid.gone) and grid.gone[0] < grid.frame.height:
        grid.first = None
        grid.notes.append(Note(t("{n} empty rows were left out.", n=len(grid.gone)), "set aside", count=len(grid.gone)))


def _short_row_possible(grid: Grid) -> bool:
    """Only where the last value is empty may it be absent."""
    last = grid.frame[:, -1]
    return grid.frame.width > 1 and bool((last.is_null() if last.dtype.is_float() else last == "").any())


def as_text(grid: Grid, column: str) -> "pl.Series":
    """Return a column that had been read as numbers as the text it is in the file."""
    if grid.path is None or grid.dialect is None:
        raise ValueError("only a file can be read again")
    whole = scan(grid.path, grid.dialect, grid.names).select(column).collect(engine="streaming")[column]
    return whole.gather(np.setdiff1d(np.arange(len(whole)), grid.gone, assume_unique=True)) if len(grid.gone) else whole


def may_hide_thousands(grid: Grid, column: str) -> bool:
    """True where the first rows hold whole numbers alone and later ones have dots: 350 … 1.200 may mean 1200."""
    values = grid.frame[column]
    if grid.dialect is None or not values.dtype.is_float():
        return False
    at = grid.names.index(column)
    if any("." in row[at] for row in grid.dialect.rows if len(row) > at):
        return False
    return bool((values != values.floor()).any())


def with_points(grid: Grid) -> set[str]:
    """Return the number columns with decimal points, as far as the first rows show (never 1.234 alone)."""
    if grid.dialect is None:
        return set()
    numeric = [(i, n) for i, (n, kind) in enumerate(grid.frame.schema.items()) if kind.is_float()]
    rows = [r for r in grid.dialect.rows[:1000] if len(r) == grid.frame.width]
    return {n for i, n in numeric if any("." in r[i] and not THOUSANDS.fullmatch(r[i]) for r in rows)}


def _plain_numbers(names: Sequence[str], rows: Sequence[Sequence[str]]) -> set[str]:
    columns = zip(*(r for r in rows if len(r) == len(names)), strict=True)
    return {name for name, cells in zip(names, columns, strict=False) if _plain(cells)}


def _plain(cells: Sequence[str]) -> bool:
    """True where the cells are surely numbers: no codes like 08020, no dates like 20160531, no 1.234 for 1234.

    A few odd cells are no hindrance: they are all found later.
    """
    filled = [c for c in cells if not is_missing(c)]
    good = [c for c in filled if NUMBER.fullmatch(c)]
    if not good or len(good) < 0.98 * len(filled) or any(re.match(r"[-+]?0\d", c) for c in good):
        return False
    if all(len(c) == 8 and c.isdigit() for c in good):
        return False
    dotted = [c for c in good if "." in c]
    return not dotted or not all(THOUSANDS.fullmatch(c) for c in dotted)
