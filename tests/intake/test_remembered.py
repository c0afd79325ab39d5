"""How train wrote dates and decimal signs is kept in the fields, for a row that cannot tell by itself."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tables_help import said, table

from aprende.core.contract import Table
from aprende.core.errors import InputError
from aprende.core.fields import Date, Field, Number, from_json, read_all
from aprende.intake.inputs import Inputs, columns_from_json
from aprende.intake.tables import read

APRIL, MARCH = (float((dt.date(2016, m, d) - dt.date(1970, 1, 1)).days) for m, d in ((4, 3), (3, 4)))


def learnt(tmp_path: Path, day_first: bool = True, decimal: str = ",") -> Table:
    """Thirty rows of which some show the order of day and month, and the decimal sign."""
    order = "{d:02d}/{m:02d}/2016" if day_first else "{m:02d}/{d:02d}/2016"
    lines = [f"{order.format(d=i % 28 + 1, m=i % 12 + 1)};{i},{i % 10}5;k{i % 3}" for i in range(30)]
    lines = [line.replace(",", decimal) for line in lines]
    return table(tmp_path, "on;size;kind\n" + "\n".join(lines), "train.csv")


def inputs(found: Table) -> dict[str, Field]:
    """The fields as a model's file brings them back."""
    return {n: from_json(f.to_json()) for n, f in found.fields.items()}


def test_fields_keep_how_train_was_written(tmp_path: Path) -> None:
    for day_first, decimal in ((True, ","), (False, ".")):
        fields = inputs(learnt(tmp_path, day_first, decimal))
        assert isinstance(fields["on"], Date)
        assert isinstance(fields["size"], Number)
        assert (fields["on"].day_first, fields["size"].decimal) == (day_first, decimal)


def test_binary_values_leave_nothing_to_keep() -> None:
    frame = pl.DataFrame({"on": pl.Series(range(30)).cast(pl.Date), "size": np.arange(30) / 4, "n": range(30)})
    fields = read(frame).fields
    assert fields["on"].day_first is None  # type: ignore[attr-defined]
    assert fields["size"].decimal == ""  # type: ignore[attr-defined]


def test_models_of_before_still_load() -> None:
    old: list[dict[str, Any]] = [{"kind": "date", "typical": 3.0}, {"kind": "number", "typical": 1.0, "low": None,
                                 "high": None, "unit": "", "whole": False}]  # fmt: skip
    assert [from_json(told) for told in old] == [Date(3.0), Number(typical=1.0)]


@pytest.mark.parametrize(("day_first", "decimal", "day", "size"),
                         [(True, ",", APRIL, 1234.0), (False, ".", MARCH, 1.234)])  # fmt: skip
def test_one_row_is_read_as_train_was(tmp_path: Path, day_first: bool, decimal: str, day: float, size: float) -> None:
    fields = inputs(learnt(tmp_path, day_first, decimal))
    row = {"on": "03/04/2016", "size": "1.234", "kind": "k1"}
    file = tmp_path / "one.csv"
    file.write_text("on,size,kind\n03/04/2016,1.234,k1\n")
    for given in (read(file, fields=fields), read([row], fields=fields), read(pl.DataFrame([row]), fields=fields)):
        assert (given.columns["on"].tolist(), given.columns["size"].tolist()) == ([day], [size])
        assert "two ways" not in said(given)
        assert "taken as" not in said(given)
    alone = Inputs(fields).alone(row)
    assert (alone["on"], alone["size"]) == (day, size)
    for values in ([row], {n: [v] for n, v in row.items()}):
        columns = read_all(fields, columns_from_json(values, fields))
        assert (columns["on"].tolist(), columns["size"].tolist()) == ([day], [size])


def test_money_is_read_as_train_was(tmp_path: Path) -> None:
    lines = [f"$ {i}.{i % 10}5,k{i % 3}" for i in range(30)]
    fields = inputs(table(tmp_path, "price,kind\n" + "\n".join(lines)))
    assert read([{"price": "$ 1.234", "kind": "k1"}], fields=fields).columns["price"].tolist() == [1.234]


def test_what_the_file_proves_wins_and_is_noted(tmp_path: Path) -> None:
    fields = inputs(learnt(tmp_path))
    file = tmp_path / "other.csv"
    file.write_text("on,size,kind\n03/04/2016,1.234,k1\n03/25/2016,2.5,k2\n")
    found = read(file, fields=fields)
    assert found.columns["on"][0] == MARCH
    assert found.columns["size"].tolist() == [1.234, 2.5]
    assert "dates are month/day/year here; they were day/month/year" in said(found, "warning")
    assert "the decimal sign is '.' here; it was ',' where the model learnt" in said(found, "warning")


def test_another_column_proves_only_where_it_differs_from_train(tmp_path: Path) -> None:
    lines = [f'{i}.{i % 10}5,"{i % 9 + 1}.000,{i % 10}5",k{i % 3}' for i in range(30)]
    fields = inputs(table(tmp_path, "lat,price,kind\n" + "\n".join(lines)))
    assert [fields[n].decimal for n in ("lat", "price")] == [".", ","]  # type: ignore[attr-defined]

    def price(lat: str) -> list[float]:
        file = tmp_path / "one.csv"
        file.write_text(f'lat,price,kind\n"{lat}",1.234,k1\n')
        return list(read(file, fields=fields).columns["price"])

    assert price("19.45") == [1234.0]  # latitudes have points as in train: nothing has changed
    assert price("19") == [1234.0]


def test_texts_that_say_nothing_are_refused_with_their_row() -> None:
    fields: dict[str, Field] = {"on": Date(day_first=True), "size": Number(decimal=",")}
    good = {"on": "31/05/2016", "size": "1.234,5"}
    for wrong, where in (({"on": "31/31/2016"}, "on"), ({"size": "big"}, "size"), ({"size": "1e999"}, "size")):
        with pytest.raises(InputError, match=rf"{where}: .*row 2"):
            read_all(fields, columns_from_json([good, {**good, **wrong}], fields))


def test_isodates_and_texts_go_together() -> None:
    fields: dict[str, Field] = {"on": Date(day_first=False)}
    columns = read_all(fields, columns_from_json({"on": ["2016-04-03", "04/03/2016", None, "2016-04-03"]}, fields))
    assert columns["on"].tolist()[:2] == [APRIL, APRIL]
    assert np.isnan(columns["on"][2])
