"""What a stranger's file would unpack to, told before it is unpacked: zips, spreadsheets, parquet, JSON.

A few bytes can mean milliards of cells: a zip of zeros, a sheet whose only values lie in its first and its last cell, a
parquet column of equal rows, JSON objects of which each has a name of its own. Knows no table's meaning.
"""

import io
import re
import zipfile
import zlib
from pathlib import Path

from aprende.core.errors import DataError
from aprende.core.words import t

MOST_CELLS = 50_000_000
BAD_ZIP = (zipfile.BadZipFile, zlib.error, RuntimeError, OSError, EOFError, ValueError)  # what zipfile raises
REFERENCE = re.compile(rb"""\br=["']([A-Za-z]{0,3})([0-9]{1,7})["']""")  # of a cell ("AB12") or a row ("12")
KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:')


def check_table(name: str, path: Path, most_bytes: int, most_rows: int) -> None:
    """Raise DataError where the file would become more than may be: bytes unpacked, rows, cells."""
    data = path.read_bytes()
    if zipfile.is_zipfile(io.BytesIO(data)):
        with open_zip(name, data, most_bytes) as held:
            check_cells(name, sum(_cells(_read(name, held, member)) for member in held.infolist()))
    elif data[:4] == b"PAR1":
        _check_parquet(name, path, most_bytes, most_rows)
    elif data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        check_cells(name, len({key[1] for key in KEY.finditer(data)}) * data.count(b"{"))


def check_cells(name: str, cells: int) -> None:
    """Raise DataError for more cells than may be."""
    if cells > MOST_CELLS:
        millions = MOST_CELLS // 1_000_000
        raise DataError(t("{name} has room for more than {most} million cells.", name=name, most=millions))


def check_rows(name: str, rows: int, most: int) -> None:
    """Raise DataError for more rows than may be."""
    if rows > most:
        raise DataError(t("{name} has {n} rows; at most {most} are answered at once.", name=name, n=rows, most=most))


def open_zip(name: str, data: bytes, most: int) -> zipfile.ZipFile:
    """Return the zip; raise DataError where it is damaged or unpacks to more than `most` bytes."""
    try:
        held = zipfile.ZipFile(io.BytesIO(data))
    except BAD_ZIP as error:
        raise DataError(t("{file} is no whole zip file: {why}", file=name, why=error)) from None
    _check_size(name, sum(member.file_size for member in held.infolist()), most)
    return held


def _check_size(name: str, size: int, most: int) -> None:
    if size > most:
        said = t("{name} unpacks to {size} MB; at most {n} MB are read.", name=name, size=size >> 20, n=most >> 20)
        raise DataError(said)


def _read(name: str, held: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        return held.read(member)  # never longer than its file_size, which was checked
    except BAD_ZIP as error:
        raise DataError(t("{file} is no whole zip file: {why}", file=name, why=error)) from None


def _cells(sheet: bytes) -> int:
    """Return how many cells lie between the first and the last that a sheet's XML names (0 for other members)."""
    columns, last = set(), 0
    for found in REFERENCE.finditer(sheet):
        columns.add(found[1].upper())
        last = max(last, int(found[2]))
    return last * max(map(_number, columns), default=0)


def _number(letters: bytes) -> int:
    """Return the number of a column: A → 1, AA → 27."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number


def _check_parquet(name: str, path: Path, most_bytes: int, most_rows: int) -> None:
    import polars as pl

    try:
        frame = pl.scan_parquet(path)
        schema = frame.collect_schema()
        rows = int(frame.select(pl.len()).collect().item())
        check_rows(name, rows, most_rows)
        check_cells(name, rows * len(schema))
        if any(kind.is_nested() for kind in schema.dtypes()):
            raise DataError(t("{name} has columns of lists or structures; give one value a cell.", name=name))
        words = [pl.col(n).str.len_bytes().cast(pl.Int64).sum() for n, kind in schema.items() if kind == pl.String]
        size = sum(frame.select(words).collect(engine="streaming").row(0)) if words else 0
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        raise DataError(t("{name} is no parquet file, or is damaged.", name=name)) from None
    _check_size(name, size, most_bytes)
