"""Files of every format, encoding and dialect, frames and dicts; and what cannot be read."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tables_help import PLAIN, said, same, table

from aprende.core.errors import DataError
from aprende.intake.tables import read


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-32"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    same(table(tmp_path, PLAIN), table(tmp_path, PLAIN, "other.csv", encoding))


@pytest.mark.parametrize("delimiter", ";\t|")
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(tmp_path: Path, delimiter: str, end: str) -> None:
    text = PLAIN.replace(",", delimiter)
    path = tmp_path / "t.txt"
    path.write_bytes(text.replace("\n", end).encode())
    same(table(tmp_path, PLAIN), read(path))


def test_latin_letters_after_a_long_ascii_head(tmp_path: Path) -> None:
    text = "a,b\n" + "1,x\n" * 400_000 + "2,Peñón\n3,Ñuñoa\n"
    found = table(tmp_path, text, encoding="cp1252")
    assert found.columns["b"].to_list()[-2:] == ["Peñón", "Ñuñoa"]
    assert "cp1252" in said(found)


def test_compressed(tmp_path: Path) -> None:
    plain = table(tmp_path, PLAIN)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(PLAIN.encode()))
    same(plain, read(tmp_path / "t.csv.gz"))
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as z:
        z.writestr("a.csv", PLAIN)
        z.writestr("b.csv", PLAIN)
    assert read(tmp_path / "two.zip").rows == 60
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(PLAIN.encode())[:-40])
    with pytest.raises(DataError, match="cannot be unpacked"):
        read(tmp_path / "cut.csv.gz")
    with pytest.raises(DataError, match="more than 100 bytes"):
        read(tmp_path / "t.csv.gz", most_bytes=100)


def test_binary_formats(tmp_path: Path) -> None:
    frame = pl.read_csv(PLAIN.encode())
    plain = table(tmp_path, PLAIN)
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_ndjson(tmp_path / "t.jsonl")
    frame.write_json(tmp_path / "t.json")
    frame.write_ipc(tmp_path / "t.arrow")
    for ending in ("parquet", "jsonl", "json", "arrow"):
        same(plain, read(tmp_path / f"t.{ending}"))
    (tmp_path / "bad.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:300])
    with pytest.raises(DataError, match="damaged"):
        read(tmp_path / "bad.parquet")


def test_spreadsheet(tmp_path: Path) -> None:
    writer = pytest.importorskip("xlsxwriter")
    path = tmp_path / "t.xlsx"
    with writer.Workbook(str(path)) as book:
        book.add_worksheet("vacía")
        sheet = book.add_worksheet("datos")
        sheet.write(0, 0, "Reporte de ventas")
        for i, line in enumerate(PLAIN.splitlines()):
            for j, cell in enumerate(line.split(",")):
                sheet.write(i + 2, j, float(cell) if i and j == 0 else cell)
    same(table(tmp_path, PLAIN), read(path))


def test_frames_and_dicts(tmp_path: Path) -> None:
    plain = table(tmp_path, PLAIN)
    frame = pl.read_csv(PLAIN.encode())
    same(plain, read(frame))
    same(plain, read(frame.to_dict(as_series=False)))
    same(plain, read(frame.to_dicts()))
    pandas = pytest.importorskip("pandas")
    same(plain, read(pandas.DataFrame(frame.to_dict(as_series=False))))
    with pytest.raises(DataError, match="equally long"):
        read({"a": [1, 2], "b": [1]})
    with pytest.raises(DataError, match="int"):
        read(3)


def test_typed_columns() -> None:
    n = 12
    found = read({
        "when": pl.Series([f"2016-05-{d + 1:02d}" for d in range(n)]).str.to_datetime(),
        "flag": [True, False, None] * 4,
        "mixed": [1, "2", None] * 4,
        "inf": [1.0, float("inf"), 2.5, float("nan")] * 3,
        "deep": [{"x": i, "y": "a" if i % 2 else "b"} for i in range(n)],
        "list": [[1, i] for i in range(n)],
    })  # fmt: skip
    kinds = {name: f.kind for name, f in found.fields.items()}
    assert kinds["when"] == "date"
    assert kinds["flag"] == "boolean"
    assert kinds["mixed"] == kinds["inf"] == kinds["deep.x"] == "number"
    assert kinds["deep.y"] == "category"
    assert "list" in found.dropped
    assert found.columns["when"][0] == 16922.0
    assert np.isnan(found.columns["inf"]).sum() == 6


def test_headers(tmp_path: Path) -> None:
    bare = table(tmp_path, "".join(f"{i * 2},{i * i},{i % 7}.5\n" for i in range(12)))
    assert list(bare.columns) == ["column 1", "column 2", "column 3"]
    assert bare.rows == 12
    assert "first line holds values" in said(bare)
    words = table(tmp_path, "".join(f"Centro {i % 2},{i * 3}\n" for i in range(12)))
    assert words.rows == 12
    years = table(tmp_path, "país,2015,2016\n" + "".join(f"p{i % 3},{i * 3},{i * i}\n" for i in range(12)))
    assert list(years.columns) == ["país", "2015", "2016"]
    title = table(tmp_path, "Ventas 2016\n\na;b\n" + "".join(f"{i * 3};{i * i}\n" for i in range(12)))
    assert list(title.columns) == ["a", "b"]
    excel = table(tmp_path, "sep=;\na;b\n" + "".join(f"{i * 3};{i % 2},5\n" for i in range(12)))
    assert excel.columns["b"][1] == 1.5
    unnamed = table(tmp_path, ",b,b,b\n" + "".join(f"{i * 3},{i * i},x,{i}\n" for i in range(12)))
    assert list(unnamed.columns) == ["column 1", "b", "b (2)", "b (3)"]
    r_style = table(tmp_path, "a b\tc\n" + "".join(f"{i}\t{i * i}\tx{i % 2}\n" for i in range(12)))
    assert list(r_style.columns) == ["column 1", "a b", "c"]


def test_one_column(tmp_path: Path) -> None:
    found = table(tmp_path, "número\n" + "".join(f"{i},5\n" for i in range(12)))
    assert found.columns["número"][3] == 3.5


def test_quotes(tmp_path: Path) -> None:
    loose = "a,b\n" + "".join(f'{i * 2},tubo de {i}"\n' for i in range(15))
    found = table(tmp_path, loose)
    assert found.rows == 15
    assert found.columns["b"][4] == 'tubo de 4"'
    single = "a,b\n" + "".join(f"{i * 2},'x, {i % 3}'\n" for i in range(15))
    assert set(table(tmp_path, single).columns["b"]) == {"x, 0", "x, 1", "x, 2"}
    inner = "a,b,c\n" + "".join(f'{i},"uno\ndos",{i * i}\n' for i in range(15)) + "1,2\n" + '7,"x\n",8,9\n' + "3,z,4\n"
    mixed = table(tmp_path, inner)
    assert mixed.rows == 16
    assert "(lines 32, 33)" in said(mixed)


def test_empty_rows_and_last_cells(tmp_path: Path) -> None:
    found = table(tmp_path, "a,b\n" + "1.5,\n" * 12 + ",\n\n2,x\n\n\n")
    assert found.rows == 13
    assert "4 empty rows were left out" in said(found)
    trailing = table(tmp_path, "a,b\n" + "".join(f"{i},x{i % 2}\n" for i in range(12)) + "\n\n")
    assert trailing.rows == 12
    assert said(trailing) == "a is left out: it only counts the rows (an identifier)."


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "is empty"),
        (b"%PDF-1.4 x", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (bytes(range(256)) * 20, "not a text table|not be read|rows"),
        (b"PK\x03\x04 no zip at all", "cannot"),
        (b"a,b,c\n" + b"1,2\n1,2,3,4\n1,2,3,4,5\n1,2,3\n1,2,3\n1,2,3,4,5,6\n1\n" * 6, "no table"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, data: bytes, what: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(data)
    with pytest.raises(DataError, match=what):
        read(path)


def test_paths(tmp_path: Path) -> None:
    table(tmp_path, PLAIN, "casas.csv")
    with pytest.raises(DataError, match=r"Did you mean 'casas\.csv'"):
        read(tmp_path / "casa.csv")
    with pytest.raises(DataError, match="is a folder"):
        read(tmp_path)
    both = read([tmp_path / "casas.csv", str(tmp_path / "casas.csv")])
    assert both.rows == 60
    assert both.source.count("casas.csv") == 2
