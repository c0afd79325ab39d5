"""The odd tables in shared/odd, and real ones: each has its right outcome."""

from pathlib import Path

import numpy as np
import pytest
from tables_help import said

from aprende.core.errors import DataError
from aprende.core.fields import Boolean, Category, Number, Place, Text
from aprende.intake.tables import read


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
