"""What a table beside pictures tells of them: metadata.csv with `file_name`, or any table with a column of their names.

The table is read as every table is (`tables.read`); here its rows are matched with the pictures found in the folder,
so a name can never lead out of it. Knows no picture's content.
"""

import os
import posixpath
import tempfile
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Note, Table
from aprende.core.words import t
from aprende.intake.folders import Listing

if TYPE_CHECKING:
    import polars as pl

FILE_COLUMNS = ("file_name", "filename", "file", "image", "image_path", "path", "archivo", "imagen", "foto")
TARGETS = ("class", "label", "clase", "etiqueta", "category", "categoria", "categoría", "target")
LEAST_MATCHED = 0.5  # share of a table's rows that must name a picture, unless it is called metadata


def read(listing: Listing) -> tuple[Table, NDArray[np.int64]] | None:
    """Return the columns told of the pictures, and for each row which picture it is; None where no table tells any."""
    told = [table for table in listing.tables if table.stem.lower() == "metadata"]
    found = _matched(listing, told) if told else None
    for table in () if told else listing.tables:
        found = found or _matched(listing, [table])
    return found


def target(table: Table) -> str | None:
    """Return the column whose name says that it is the class."""
    return next((name for name in table.columns if name.lower() in TARGETS), None)


def _matched(listing: Listing, tables: list[Path]) -> tuple[Table, NDArray[np.int64]] | None:
    from aprende.intake import tables as reader

    column = file_column(tables[0])
    if column is None:
        return None
    frame, notes = _as_one(tables, column)
    places = places_of(listing, tables[0].parent)
    rows = np.array([places.get(plain(name), -1) for name in frame[column]], dtype=np.int64)
    first = np.zeros(len(rows), bool)
    first[np.unique(rows, return_index=True)[1]] = True
    good = np.flatnonzero((rows >= 0) & first)
    is_metadata = tables[0].stem.lower() == "metadata"
    if not len(good) or (not is_metadata and len(good) < LEAST_MATCHED * len(rows)):
        return None
    notes += _lost(listing, rows, good, column)
    frame = frame[good].drop(column)
    told = reader.read(frame, least=1) if frame.width else Table({}, {})
    return replace(told, notes=(*notes, *told.notes)), rows[good]


def _lost(listing: Listing, rows: NDArray[np.int64], good: NDArray[np.int64], column: str) -> list[Note]:
    missing, again, unnamed = int((rows < 0).sum()), int((rows >= 0).sum()) - len(good), len(listing.files) - len(good)
    told = (
        (missing, "set aside", t("{n} rows name a picture that is not in the folder: set aside.", n=missing)),
        (again, "set aside", t("{n} rows name a picture again: set aside.", n=again)),
        (unnamed, "left out", t("{n} pictures are not named by the table: left out.", n=unnamed)),
    )
    return [Note(said, level, column, n) for n, level, said in told if n]


def file_column(table: Path) -> str | None:
    """Return the column of file names, by the table's header alone."""
    import polars as pl

    try:
        if table.suffix.lower() == ".parquet":
            header = list(pl.read_parquet_schema(table))
        elif table.suffix.lower() == ".jsonl":
            header = pl.read_ndjson(table, n_rows=1).columns
        else:
            with table.open(encoding="utf-8-sig", errors="replace") as held:
                line = held.readline(100_000)
            mark = max(",;\t|", key=line.count)
            header = [name.strip().strip('"') for name in line.split(mark)]
    except (OSError, pl.exceptions.PolarsError):
        return None
    return next((name for wanted in FILE_COLUMNS for name in header if name.lower() == wanted), None)


def _as_one(tables: list[Path], column: str) -> tuple["pl.DataFrame", list[Note]]:
    """Return the tables (one a part) as one of text; the names of files lead from the first table's folder."""
    import polars as pl

    from aprende.intake.formats import grid_of_files

    frames, notes = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for i, table in enumerate(tables):
            (own := Path(scratch) / str(i)).mkdir()
            grid = grid_of_files([table], own, set())
            base = os.path.relpath(table.parent, tables[0].parent)
            lead = "" if base == "." else base + "/"
            frames.append(grid.frame.with_columns((pl.lit(lead) + pl.col(column).cast(pl.String)).alias(column)))
            notes += grid.notes
    return pl.concat(frames, how="diagonal_relaxed"), notes


def plain(name: str | None) -> str:
    """Return a file's name in one spelling: forward slashes, no "./", accents composed."""
    return unicodedata.normalize("NFC", posixpath.normpath((name or "").replace("\\", "/")))


def places_of(listing: Listing, base: Path) -> dict[str, int]:
    """Return the row for every way to name a picture: whole, from the table's folder, or bare if only one has it."""
    places: dict[str, int] = {}
    bare: dict[str, list[int]] = {}
    for row, file in enumerate(listing.files):
        bare.setdefault(plain(file.name), []).append(row)
        places[plain(file.as_posix())] = row
        places[plain(Path(os.path.relpath(file, base)).as_posix())] = row
    return {name: rows[0] for name, rows in bare.items() if len(rows) == 1} | places
