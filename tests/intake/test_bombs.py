"""Small files that mean much: each is refused by what it tells, before it is unpacked."""

import io
import json
import zipfile
from pathlib import Path

import polars as pl
import pytest

from aprende.core.errors import DataError
from aprende.intake.bombs import MOST_CELLS, check_table, open_zip

SHEET = """<worksheet><sheetData>
<row r="1"><c r="A1"/></row><row r="{row}"><c r="{cell}{row}"/></row>
</sheetData></worksheet>"""


def zipped(**members: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return held.getvalue()


def parquet(frame: pl.DataFrame) -> bytes:
    held = io.BytesIO()
    frame.write_parquet(held)
    return held.getvalue()


def sheet(cell: str, row: int) -> bytes:
    return zipped(sheet1=SHEET.format(cell=cell, row=row).encode())


BOMBS = {
    "zeros": zipped(a=b"\0" * 20_000_000),
    "sparse sheet": sheet("XFD", 1_048_576),
    "several sheets": zipped(**{f"s{i}": SHEET.format(cell="ZZ", row=30_000).encode() for i in range(3)}),
    "long parquet": parquet(pl.select(a=pl.repeat(1, 2_000_000))),
    "wide parquet": parquet(pl.select(**{f"c{i}": pl.repeat(1, 60_000) for i in range(1_000)})),
    "long words": parquet(pl.select(a=pl.repeat("x" * 100_000, 1_000))),
    "lists": parquet(pl.DataFrame({"a": [[1, 2]] * 3})),
    "names": "\n".join(json.dumps({f"k{i}": 1}) for i in range(MOST_CELLS // 5_000)).encode(),
    "damaged parquet": b"PAR1" + b"\0" * 40 + b"PAR1",
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_bombs_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.bin"):
        check_table("x.bin", tmp_path / "upload", most_bytes=10_000_000, most_rows=1_000_000)


GOOD = {
    "sheet": sheet("BX", 50_000),
    "parquet": parquet(pl.select(a=pl.repeat(1.5, 500_000), b=pl.repeat("word", 500_000))),
    "json lines": b'{"a": 1, "b": {"c": "x: y"}}\n' * 10_000,
    "csv": b"a,b\n1,2\n",
    "empty": b"",
}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD)
def test_ordinary_files_pass(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(content)
    check_table("x", tmp_path / "upload", most_bytes=10_000_000, most_rows=1_000_000)


def test_a_damaged_zip_is_told() -> None:
    with pytest.raises(DataError, match="zip"):
        open_zip("x.zip", zipped(a=b"1" * 1000)[:-30], 10**6)
