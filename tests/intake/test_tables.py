"""Tables as people have them: kinds, repairs, notes, errors; training and prediction."""

import gzip
import math
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from aprende.core.contract import Table
from aprende.core.errors import DataError, InputError
from aprende.core.fields import Boolean, Category, Date, Number, Place, Text
from aprende.core.words import speaking
from aprende.intake.tables import original, read

DAY = {"2016-05-31": 16952.0, "2016-01-02": 16802.0}


def table(tmp_path: Path, text: str, name: str = "t.csv", encoding: str = "utf-8", **options: object) -> Table:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return read(path, **options)  # type: ignore[arg-type]


def column(tmp_path: Path, cells: list[str], **options: object) -> Table:
    """A table whose column c holds these cells, and whose column k keeps its rows apart."""
    quoted = ('"' + c.replace('"', '""') + '"' for c in cells)
    lines = [f"{math.sqrt(i)},{c},x{i % 3}" for i, c in enumerate(quoted)]
    return table(tmp_path, "k,c,z\n" + "\n".join(lines) + "\n", **options)  # type: ignore[arg-type]


def said(found: Table, level: str | None = None) -> str:
    return "\n".join(n.text for n in found.notes if level in (None, n.level))


# ---- the shared odd files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["decimal_comma_latin1.csv", "bom_semicolon.csv"])
def test_odd_decimal_comma(odd_dir: Path, name: str) -> None:
    found = read(odd_dir / "tables" / name, target="precio")
    assert list(found.columns) == ["dirección", "metros", "zona", "precio", "publicado"]
    assert np.isfinite(found.columns["precio"]).sum() == 240
    assert found.fields["metros"] == Number(typical=found.fields["metros"].typical, unit="m²", whole=True)  # type: ignore[attr-defined]
    assert found.columns["publicado"][:3].tolist() == [16801.0, 16833.0, 16863.0]  # 1/1, 2/2 and 3/3/2016
    assert set(found.columns["zona"].unique()) == {"Centro", "Norte", "Peñón", "São José"}
    assert isinstance(found.fields["dirección"], Text)
    assert found.columns["dirección"][0] == "Av. Ñandú 0, 3º B"
    assert "comma is the decimal sign" in said(found)


def test_odd_cut(odd_dir: Path) -> None:
    found = read(odd_dir / "tables" / "cut_utf8.csv", target="precio")
    assert found.rows == 239
    assert "could not be read" in said(found, "repaired")
    assert "lines 241" in said(found, "set aside")


@pytest.mark.parametrize(("name", "what"), [("empty", "is empty"), ("header_only", "no rows"), ("one_row", "1 rows")])
def test_odd_too_small(odd_dir: Path, name: str, what: str) -> None:
    with pytest.raises(DataError, match=what) as caught:
        read(odd_dir / "tables" / f"{name}.csv", target="precio")
    assert "10" in str(caught.value)


def test_odd_ragged(odd_dir: Path) -> None:
    found = read(odd_dir / "tables" / "ragged.csv", target="precio")
    assert found.rows == 235
    assert "5 rows do not have 3 values and were set aside (lines 3, 4, 5, 8, 13)" in said(found, "set aside")


def test_odd_names(odd_dir: Path) -> None:
    twice = read(odd_dir / "tables" / "duplicate_columns.csv", target="precio")
    assert list(twice.columns) == ["m", "m (2)", "precio"]
    assert "Columns 1 and 2" in said(twice)
    odd = read(odd_dir / "tables" / "odd_names.csv", target="precio: $")
    assert list(odd.columns) == ["m[2]", "zona, barrio {x}", "precio: $"]


def test_odd_target(odd_dir: Path) -> None:
    found = read(odd_dir / "tables" / "missing_and_infinite_target.csv", target="precio")
    assert np.isnan(found.columns["precio"]).sum() == 3
    assert "3 of 240 rows have no usable target" in said(found, "set aside")
    assert "infinite" in said(found, "repaired")


def test_odd_left_out(odd_dir: Path) -> None:
    found = read(odd_dir / "tables" / "constant_and_id.csv", target="precio")
    assert set(found.dropped) == {"id", "pais", "vacia"}
    assert found.columns["id"][0] == "A00000"  # still readable
    assert said(found, "left out").count("\n") == 2


def test_odd_classes(odd_dir: Path) -> None:
    with pytest.raises(DataError, match="nothing to learn"):
        read(odd_dir / "tables" / "single_class.csv", target="clase")
    found = read(odd_dir / "tables" / "one_member_class.csv", target="clase")
    assert found.fields["clase"] == Category(("no", "si", "tal vez"), typical="si")
    assert "'tal vez'" in said(found, "warning")


def test_odd_dates(odd_dir: Path) -> None:
    found = read(odd_dir / "tables" / "dates_out_of_range.csv", target="precio")
    assert np.isnan(found.columns["fecha"]).sum() == 60
    assert found.columns["fecha"][1:4].tolist() == [-719162.0, 376199.0, 16593.0]
    assert "60 values are not a date" in said(found)


def test_odd_kinds(odd_dir: Path) -> None:
    place = read(odd_dir / "tables" / "lat_lon_joined.csv", target="precio")
    assert place.columns["lat-lon"][1].tolist() == [19.3001, -99.1001]
    words = read(odd_dir / "tables" / "yes_no_words.csv", target="precio")
    assert isinstance(words.fields["piscina"], Boolean)
    assert words.columns["gimnasio"][:2].tolist() == [0.0, 1.0]
    lines = read(odd_dir / "tables" / "quoted_newlines.csv", target="precio")
    assert lines.rows == 240
    assert isinstance(lines.fields["descripcion"], Text)
    assert "\n" in lines.columns["descripcion"][0]


# ---- real data ------------------------------------------------------------------------------------------------------


def test_mexico(data_dir: Path) -> None:
    found = read(data_dir / "properati" / "mexico.csv.gz", target="price_aprox_usd")
    assert found.rows == 23140
    assert isinstance(found.fields["lat-lon"], Place)
    assert isinstance(found.fields["properati_url"], Text)
    assert found.dropped.keys() == {"operation"}


def test_zonaprop(data_dir: Path) -> None:
    found = read(data_dir / "zonaprop" / "listings_with_price.csv", target="precio")
    assert found.rows == 193
    kinds = {n: f.kind for n, f in found.fields.items()}
    assert kinds["lat, lng"] == "place"
    assert kinds["descripcion"] == "text"
    assert kinds["fecha"] == "date"
    assert kinds["gimnasio"] == "boolean"  # 0.0, 1.0, False, True
    assert kinds["provincia"] == "category"
    assert found.dropped.keys() == {"id"}


# ---- kinds, on small columns ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["$ 1.234.567,89", "$ 4.000,00"], [1234567.89, 4000.0]),
        (["80 m²", "120 m²"], [80.0, 120.0]),
        (["45 %", "3.5 %"], [45.0, 3.5]),
        (["1,234.5", "12,000.25"], [1234.5, 12000.25]),
        (["(1.234,5)", "7,25"], [-1234.5, 7.25]),
        (["1 234,5", "2\u202f000 000,25"], [1234.5, 2000000.25]),
        (["350", "1.200", "12.500"], [350.0, 1200.0, 12500.0]),
        (["1.234", "2.345"], [1.234, 2.345]),
        (["150.000 €", "85.000 €"], [150000.0, 85000.0]),
        (["-5", "+7", "1e3"], [-5.0, 7.0, 1000.0]),
        (["USD 1,200,000", "USD 350"], [1200000.0, 350.0]),
    ],
)
def test_numbers(tmp_path: Path, cells: list[str], values: list[float]) -> None:
    found = column(tmp_path, cells * 12)
    assert isinstance(found.fields["c"], Number)
    assert found.columns["c"].tolist() == values * 12


@pytest.mark.parametrize(
    "cells",
    [
        ["08020", "28001", "08021"],  # postcodes keep their zeros
        ["1.2.3", "1.10.0", "2.0.1"],  # versions
        ["80 m²", "900 ft²", "70 m²", "800 ft²"],  # units must not be mixed
        ["A1", "B2", "C3"],
        ["2-3", "4-5"],
    ],
)
def test_no_numbers(tmp_path: Path, cells: list[str]) -> None:
    found = column(tmp_path, cells * 12)
    assert found.fields["c"].kind == "category"
    assert found.columns["c"].to_list() == cells * 12


def test_mixed_column_is_a_number_with_gaps(tmp_path: Path) -> None:
    found = column(tmp_path, [str(i * 7) for i in range(60)] + ["consultar", "n/d", ""])
    assert isinstance(found.fields["c"], Number)
    assert np.isnan(found.columns["c"]).sum() == 3
    assert "1 values are not a number and are missing now ('consultar', line 62)" in said(found)
    assert "1 cells say 'n/d'" in said(found)


def test_too_mixed_column_stays_words(tmp_path: Path) -> None:
    found = column(tmp_path, [str(i % 5) for i in range(40)] + ["bajo", "medio", "alto"] * 4)
    assert found.fields["c"].kind == "category"


def test_late_words_are_found(tmp_path: Path) -> None:
    """What the first rows do not show counts too."""
    found = column(tmp_path, [str(i % 90) for i in range(3000)] + ["SI"] * 900)
    assert found.fields["c"].kind == "category"
    late = column(tmp_path, [str(i % 900) for i in range(60_000)] + ["1.200", "12.500", "3.750"] * 10)
    assert late.columns["c"][-3:].tolist() == [1200.0, 12500.0, 3750.0]


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["31/05/2016", "02/01/2016"], ["2016-05-31", "2016-01-02"]),
        (["05/31/2016", "01/02/2016"], ["2016-05-31", "2016-01-02"]),
        (["2016-05-31", "2016-01-02"], ["2016-05-31", "2016-01-02"]),
        (["20160531", "20160102", "20160102"], ["2016-05-31", "2016-01-02", "2016-01-02"]),
        (["31.5.2016", "2.1.2016"], ["2016-05-31", "2016-01-02"]),
        (["31 de mayo de 2016", "2 ene 2016"], ["2016-05-31", "2016-01-02"]),
        (["May 31, 2016", "January 2nd, 2016"], ["2016-05-31", "2016-01-02"]),
        (["31-may-16", "02-ene-16"], ["2016-05-31", "2016-01-02"]),
    ],
)
def test_dates(tmp_path: Path, cells: list[str], days: list[str]) -> None:
    found = column(tmp_path, cells * 12)
    assert isinstance(found.fields["c"], Date)
    assert found.columns["c"].tolist() == [DAY[d] for d in days] * 12


def test_dates_with_times(tmp_path: Path) -> None:
    found = column(tmp_path, ["2016-05-31T06:00:00", "2016-01-02 18:00", "2016-01-02T18:00:00-06:00"] * 5)
    assert found.columns["c"][:3].tolist() == [16952.25, 16802.75, 16803.0]


def test_order_of_day_and_month_comes_from_the_file(tmp_path: Path) -> None:
    rows = "".join(f"{i % 9 + 1:02d}/0{i % 4 + 1}/2016;{1 + i % 12}/{13 + i % 15}/2016\n" for i in range(30))
    found = table(tmp_path, "a;b\n" + rows)
    assert found.columns["a"][1] == 16833.0  # 02/02
    assert found.columns["a"][4] == 16922.0  # 05/01 is the first of May here


def test_ambiguous_dates_are_said(tmp_path: Path) -> None:
    found = column(tmp_path, ["01/02/2016", "03/04/2016"] * 6)
    assert found.columns["c"][0] == 16832.0  # 1 February
    assert "day/month/year" in said(found, "warning")


@pytest.mark.parametrize(
    "pair",
    [("sí", "no"), ("Yes", "No"), ("VERDADERO", "FALSO"), ("true", "false"), ("S", "N"), ("1", "0"), ("1.0", "False")],
)
def test_booleans(tmp_path: Path, pair: tuple[str, str]) -> None:
    found = column(tmp_path, [*pair, ""] * 6)
    assert isinstance(found.fields["c"], Boolean)
    np.testing.assert_array_equal(found.columns["c"], [1.0, 0.0, np.nan] * 6)


def test_places(tmp_path: Path) -> None:
    rows = "".join(f"{19 + i / 100:.3f},{-99 - i / 100:.3f},{i}\n" for i in range(60)) + "0,0,20\n95.5,10.2,21\n"
    found = table(tmp_path, "Latitud,Longitud,v\n" + rows)
    assert list(found.columns) == ["Latitud, Longitud", "v"]
    assert found.columns["Latitud, Longitud"][3].tolist() == [19.03, -99.03]
    assert np.isnan(found.columns["Latitud, Longitud"][60:]).all()
    assert "2 places are impossible" in said(found)
    again = read(tmp_path / "t.csv", fields=found.fields)
    np.testing.assert_array_equal(again.columns["Latitud, Longitud"], found.columns["Latitud, Longitud"])


def test_well_known_text_has_longitude_first(tmp_path: Path) -> None:
    found = column(tmp_path, [f"POINT(-99.1{i} 19.4{i})" for i in range(12)])
    assert found.columns["c"][3].tolist() == [19.43, -99.13]


def test_left_out(tmp_path: Path) -> None:
    rows = "".join(f"{i + 7},u{i:03d}x,{i % 2},igual,,{i % 5}\n" for i in range(20))
    found = table(tmp_path, "n,codigo,b,c,e,v\n" + rows)
    assert set(found.dropped) == {"n", "codigo", "c", "e"}
    assert "identifier" in found.dropped["codigo"]
    assert "'igual'" in found.dropped["c"]
    kept = read(tmp_path / "t.csv", target="n")
    assert "n" not in kept.dropped


def test_target_kinds(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i % 2},{('sí', 'no')[i % 2]},{i % 4}\n" for i in range(20))
    text = "a,two,word,four\n" + rows
    assert table(tmp_path, text, target="two").fields["two"] == Category(("0", "1"), typical="0")
    assert table(tmp_path, text, target="word").fields["word"] == Category(("no", "sí"), typical="no")
    assert isinstance(table(tmp_path, text, target="four").fields["four"], Number)
    several = table(tmp_path, text, target=["two", "four"])
    assert several.target is None
    assert set(several.fields) == {"a", "two", "word", "four"}
    with pytest.raises(DataError, match="Did you mean 'word'"):
        table(tmp_path, text, target="words")


def test_text_and_category(tmp_path: Path) -> None:
    assert column(tmp_path, [f"https://x.mx/{i}" for i in range(30)]).fields["c"].kind == "text"
    assert column(tmp_path, [f"casa grande con patio número {i}" for i in range(30)]).fields["c"].kind == "text"
    assert column(tmp_path, [f"Barrio {i % 9}" for i in range(30)]).fields["c"].kind == "category"
    trimmed = column(tmp_path, [" Centro", "Centro ", "Norte"] * 5)
    assert trimmed.fields["c"] == Category(("Centro", "Norte"), typical="Centro")
    assert "spaces around 10 values" in said(trimmed)


# ---- files of every kind --------------------------------------------------------------------------------------------

ROWS = "".join(f"{i * 1.5},Peñón {i % 3},{i % 28 + 1:02d}/03/2016\n" for i in range(30))
PLAIN = "valor,zona,día\n" + ROWS


def same(a: Table, b: Table) -> None:
    assert a.fields == b.fields
    for name, values in a.columns.items():
        if isinstance(values, pl.Series):
            assert values.to_list() == b.columns[name].to_list()
        else:
            np.testing.assert_array_equal(values, b.columns[name])


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


# ---- prediction -----------------------------------------------------------------------------------------------------


def test_prediction_reads_as_the_model_does(tmp_path: Path) -> None:
    rows = "".join(
        f"0{i % 5}100,{i * 1.5},{'sí' if i % 2 else 'no'},{i % 28 + 1}/5/2016,{i * 100}\n" for i in range(40)
    )
    learnt = table(tmp_path, "cp,m,alberca,fecha,precio\n" + rows, target="precio")
    assert {n: f.kind for n, f in learnt.fields.items()} == {
        "cp": "category", "m": "number", "alberca": "boolean", "fecha": "date", "precio": "number"
    }  # fmt: skip
    fields = learnt.fields
    given = table(
        tmp_path,
        "extra;fecha;m;cp;alberca\nx;31/05/2016;1.234,5 m²;09999;true\n",
        "new.csv",
        target="precio",
        fields=fields,
    )
    assert given.rows == 1
    assert given.columns["cp"].to_list() == ["09999"]
    assert given.columns["m"].tolist() == [1234.5]
    assert given.columns["alberca"].tolist() == [1.0]
    assert given.columns["fecha"].tolist() == [16952.0]
    assert "precio" not in given.columns
    assert "1 columns are not used" in said(given)
    with pytest.raises(InputError, match=r"'alberca' is needed and absent\. Did you mean 'albercas'"):
        table(tmp_path, "cp,m,albercas,fecha\n1,2,3,4\n", "bad.csv", target="precio", fields=fields)


def test_prediction_counts_what_does_not_fit() -> None:
    fields = {"m": Number(), "b": Boolean(), "d": Date(), "p": Place(), "c": Category(("a",)), "t": Text()}
    found = read(
        {
            "m": ["x", "3"],
            "b": [2, 1],
            "d": ["never", "2016-05-31"],
            "p": ["here", "19.4, -99.1"],
            "c": [1, 2],
            "t": [None, "n/a"],
        },
        fields=fields,
    )
    np.testing.assert_array_equal(found.columns["m"], [np.nan, 3])
    np.testing.assert_array_equal(found.columns["b"], [np.nan, 1])
    np.testing.assert_array_equal(found.columns["d"], [np.nan, 16952])
    np.testing.assert_array_equal(found.columns["p"], [[np.nan, np.nan], [19.4, -99.1]])
    assert found.columns["c"].to_list() == ["1", "2"]
    assert found.columns["t"].to_list() == [None, None]
    assert len([n for n in found.notes if n.level == "repaired"]) == 5


def test_same_columns_in_training_and_prediction(tmp_path: Path) -> None:
    learnt = table(tmp_path, PLAIN)
    again = read(tmp_path / "t.csv", fields=learnt.fields)
    same(learnt, again)


def test_original_keeps_cells_and_rows(tmp_path: Path) -> None:
    table(tmp_path, "a;b\n" + "".join(f"0{i};$ {i},5\n" for i in range(12)) + "1;2;3\n")
    cells = original(tmp_path / "t.csv")
    assert cells["a"].to_list()[:2] == ["00", "01"]
    assert cells["b"][1] == "$ 1,5"
    assert len(cells["a"]) == 12


def test_nothing_is_written_beside_the_file(tmp_path: Path) -> None:
    before = PLAIN.encode("cp1252")
    (tmp_path / "t.csv").write_bytes(before)
    read(tmp_path / "t.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]
    assert (tmp_path / "t.csv").read_bytes() == before


def test_spanish_notes(tmp_path: Path) -> None:
    with speaking("es"):
        found = column(tmp_path, ["80 m²", "n/d"] * 10)
    assert "la unidad 'm²'" in said(found)
