"""Kinds of columns, repairs and notes; the same reading in training and prediction."""

from pathlib import Path

import numpy as np
import pytest
from tables_help import PLAIN, column, said, same, table

from aprende.core.errors import DataError, InputError
from aprende.core.fields import Boolean, Category, Date, Number, Place, Text
from aprende.core.words import speaking
from aprende.intake.tables import original, read

DAY = {"2016-05-31": 16952.0, "2016-01-02": 16802.0}


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


def test_decimal_sign_comes_from_the_file(tmp_path: Path) -> None:
    """1.234 is a thousand in a file of decimal commas or of semicolons, and little more than one beside 2.5."""
    spanish = table(tmp_path, "a;b\n" + "".join(f"1.{200 + i};{i},5\n" for i in range(12)))
    assert spanish.columns["a"][0] == 1200.0
    semicolons = table(tmp_path, "a;b\n" + "".join(f"1.{200 + i};x{i % 2}\n" for i in range(12)))
    assert semicolons.columns["a"][0] == 1200.0
    english = table(tmp_path, "a;b\n" + "".join(f"1.{200 + i};{i}.5\n" for i in range(12)))
    assert english.columns["a"][0] == 1.2
    commas = table(tmp_path, "a,b\n" + "".join(f"1.{200 + i},x{i % 2}\n" for i in range(12)))
    assert commas.columns["a"][0] == 1.2
    assert "two ways" in said(commas)


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
