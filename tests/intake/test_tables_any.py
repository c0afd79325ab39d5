"""Any table in any dialect reads back equal; any bytes give a table or a DataError; tables are written as they are."""

import csv
import io
import math
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aprende.core.errors import DataError
from aprende.core.fields import Category, Date, Number, Place, Probabilities, Text
from aprende.intake.tables import read
from aprende.intake.writing import write

FINITE = st.floats(-1e9, 1e9, allow_nan=False).map(lambda v: round(v, 4) + 0.0)
LATIN = st.characters(codec="cp1252", exclude_categories=["Cc", "Cs"], exclude_characters="\xa0\xad")
WORDS = st.text(LATIN, min_size=1, max_size=12).map(lambda s: "w" + s.strip() + "w")
DAYS = st.integers(-700_000, 2_000_000)


def written(value: float, decimal: str, grouped: bool) -> str:
    text = f"{value:,.4f}" if grouped else f"{value:.4f}"
    return text.translate(str.maketrans({",": ".", ".": ","})) if decimal == "," else text


def iso(days: int) -> str:
    return str(np.datetime64(days, "D"))


@st.composite
def tables(draw: st.DrawFn) -> tuple[bytes, list[float], list[str], list[int]]:
    n = draw(st.integers(12, 40))
    numbers, words, days = (draw(st.lists(s, min_size=n, max_size=n)) for s in (FINITE, WORDS, DAYS))
    delimiter, decimal = draw(st.sampled_from([",", ";", "\t", "|"])), draw(st.sampled_from([".", ","]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    quoting, end = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])), draw(st.sampled_from(["\n", "\r\n"]))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerow(["precio", "zona", "fecha"])
    grouped = draw(st.booleans())
    writer.writerows([written(v, decimal, grouped), w, iso(d)] for v, w, d in zip(numbers, words, days, strict=True))
    return out.getvalue().encode(encoding), numbers, words, days


@given(tables())
def test_any_dialect_reads_back(made: tuple[bytes, list[float], list[str], list[int]]) -> None:
    data, numbers, words, days = made
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(data)
        found = read(path, fields={"precio": Number(), "zona": Category(), "fecha": Date()})
        np.testing.assert_allclose(found.columns["precio"], numbers, rtol=0, atol=1e-9)
        assert found.columns["zona"].to_list() == words
        assert found.columns["fecha"].tolist() == days
        learnt = read(path)
    kinds = {n: f.kind for n, f in learnt.fields.items()}
    np.testing.assert_allclose(learnt.columns["precio"], numbers, rtol=0, atol=1e-9)
    assert learnt.columns["zona"].to_list() == words
    assert kinds["fecha"] == "date" or len(set(days)) == 1
    assert kinds["precio"] in ("number", "boolean")
    assert kinds["zona"] in ("category", "text")


@given(st.binary(max_size=600))
@example(b'a,b\n"1,2\n' * 20)
@example(b"\xff\xfea\x00,\x00" * 20)
@example(b"{}\n{}\n" * 20)
@example(b"[[1,2],[3,4]]")
@example(b'{"a": [1, {"b": 2}]}\n' * 12)
@example(b"\x1f\x8b\x08\x00")
@example(b"PK\x03\x04")
@example(b"ARROW1xxxxxxxxxxxxx")
@example(b",\n" * 30)
@example(b"\x1f\n" * 30)
@example(b"a\x00b,c\n1,2\n" * 30)
@example(("x" * 140_000 + ",1\n").encode() * 3)
def test_any_bytes_give_a_table_or_a_data_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(data)
        try:
            found = read(path)
        except DataError:
            return
    assert found.rows >= 10
    assert set(found.columns) == set(found.fields)


@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=8),
            min_size=3,
            max_size=3,
        ),
        min_size=10,
        max_size=30,
    )
)
def test_any_cells_survive_quoting(rows: list[list[str]]) -> None:
    """Whatever the cells hold, as many rows come back, and text that is no missing word comes back trimmed."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["uno", "dos", "tres"], *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(out.getvalue().encode())
        try:
            found = read(path, fields={"uno": Text(), "dos": Category(), "tres": Text()})
        except DataError:
            assert not any(any(row) for row in rows)
            return
    assert found.rows == sum(any(row) for row in rows)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=9),
        st.lists(
            st.one_of(st.none(), FINITE, st.booleans(), st.text(max_size=6), st.integers()), min_size=11, max_size=11
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_dict_gives_a_table(columns: dict[str, list[object]]) -> None:
    found = read(columns)
    assert found.rows == 11


def test_writing(tmp_path: Path) -> None:
    columns = {
        "=texto": pl.Series(["=1+1", "-5,3", "+52 55", "@x", None, "a"]),
        "día": np.array([16952.0, np.nan, 1, 2, 3, 4]),
        "lugar": np.array([[19.4, -99.1]] * 5 + [[np.nan, np.nan]]),
        "clase": np.tile([0.25, 0.75], (6, 1)),
        "valor": np.array([1.5, np.nan, 3, 4, 5, 6]),
    }
    fields = {"día": Date(), "lugar": Place(), "clase": Probabilities(options=("a", "b"))}
    for ending in ("csv", "tsv", "parquet", "jsonl"):
        path = write(columns, tmp_path / f"t.{ending}", fields)
        back = read(path, fields={"valor": Number(), "día": Date(), "lugar": Place(), "clase: b": Number()})
        np.testing.assert_array_equal(back.columns["valor"], columns["valor"])
        np.testing.assert_array_equal(back.columns["día"], columns["día"])
        np.testing.assert_array_equal(back.columns["lugar"], columns["lugar"])
        assert back.columns["clase: b"].tolist() == [0.75] * 6
    cells = pl.read_csv(tmp_path / "t.csv", infer_schema=False)
    assert cells["'=texto"].to_list() == ["'=1+1", "-5,3", "+52 55", "'@x", None, "a"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.csv", "t.jsonl", "t.parquet", "t.tsv"]
    with pytest.raises(DataError, match=r"\.docx"):
        write(columns, tmp_path / "t.docx")


def test_writing_a_sheet(tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter")
    path = write({"a": ["=1+1", "https://x.mx"] * 6, "b": [1.5, math.nan] * 6}, tmp_path / "t.xlsx")
    back = read(path)
    assert back.columns["a"].to_list() == ["=1+1", "https://x.mx"] * 6
    assert np.isnan(back.columns["b"]).sum() == 6


def test_writing_nothing(tmp_path: Path) -> None:
    assert write({"a": [], "b": np.empty(0)}, tmp_path / "t.csv").read_text() == "a,b\n"
