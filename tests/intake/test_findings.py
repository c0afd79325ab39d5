"""What pictures show: folders, lists, columns; what is none, and what is not known."""

import numpy as np
import polars as pl
import pytest

from aprende.core.contract import Table
from aprende.core.errors import DataError, SettingError
from aprende.core.fields import Boolean, Category, Image, Number, Text
from aprende.intake import findings


def table(target: str | None = None, **columns: list[object]) -> Table:
    """A table of grey pictures with these columns: words, or numbers."""
    held: dict[str, object] = {}
    fields: dict[str, object] = {}
    n = len(next(iter(columns.values())))
    for name, values in columns.items():
        if all(v is None or isinstance(v, str) for v in values):
            held[name], fields[name] = pl.Series(values, dtype=pl.String), Category(tuple({v for v in values if v}))
        else:
            held[name] = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
            fields[name] = Boolean() if set(values) <= {0, 1, None} else Number()
    pixels = np.zeros((n, 8, 8, 1), np.uint8)
    return Table({"image": pixels, **held}, {"image": Image(1, 8), **fields}, target=target)  # type: ignore[dict-item]


def test_a_list_in_one_cell() -> None:
    cells: list[object] = ["Effusion|Mass", "No Finding", "Mass", None, "Effusion", "Mass"]
    told = findings.read(table(labels=cells))
    assert told.names == ["Effusion", "Mass"]
    assert np.array_equal(told.truth, [[1, 1], [0, 0], [0, 1], [np.nan, np.nan], [1, 0], [0, 1]], equal_nan=True)


@pytest.mark.parametrize("mark", [";", ", ", " | "])
def test_other_marks(mark: str) -> None:
    cells: list[object] = [f"a{mark}b", "a", "b", "normal", f"b{mark}a"]
    told = findings.read(table(findings=cells))
    assert told.names == ["a", "b"]
    assert told.truth.tolist() == [[1, 1], [1, 0], [0, 1], [0, 0], [1, 1]]


def test_free_text_with_commas_is_no_list() -> None:
    rows: list[object] = [f"patient {i}, seen in ward {i * 7}" for i in range(12)]
    source = table(findings=rows)
    assert not findings.listed(source)


def test_two_folders_one_of_them_normal_are_one_finding() -> None:
    for none in ("NORMAL", "No Finding", "sano", "sin_hallazgos"):
        told = findings.read(table("class", **{"class": [none, "PNEUMONIA", "PNEUMONIA", None]}))
        assert told.names == ["PNEUMONIA"]
        assert np.array_equal(told.truth[:, 0], [0, 1, 1, np.nan], equal_nan=True)


def test_three_folders_are_a_finding_each_but_for_normal() -> None:
    told = findings.read(table("class", **{"class": ["normal", "covid", "tb", "covid"]}))
    assert told.names == ["covid", "tb"]
    assert told.truth.tolist() == [[0, 0], [1, 0], [0, 1], [1, 0]]


def test_zero_and_one_are_one_finding_named_by_the_column() -> None:
    assert findings.read(table("class", **{"class": ["0", "1", "1"]})).names == ["finding"]
    assert findings.read(table("edema", edema=["no", "yes", "yes"])).names == ["edema"]


def test_a_column_each_with_blanks_and_uncertain_ones() -> None:
    source = table(Edema=[1, 0, None, 1], Mass=[0, 1, 1, 0], Fracture=[-1, 1, 0, 0], age=[50, 60, 70, 80])
    told = findings.read(source)
    assert told.names == ["Edema", "Mass", "Fracture"]
    assert np.isnan(told.truth[2, 0])
    assert np.isnan(told.truth[0, 2])
    assert findings.several(source)
    asked = findings.read(source, "Mass, Edema")
    assert asked.names == ["Mass", "Edema"]


def test_a_column_for_none_says_all() -> None:
    told = findings.read(table(**{"Edema": [1, None], "Mass": [0, None], "No Finding": [0, 1]}))
    assert told.names == ["Edema", "Mass"]
    assert told.truth.tolist() == [[1, 0], [0, 0]]


def test_names_of_another_source() -> None:
    told = findings.read(table(labels=["a|b", "b", "none", None, "a|b"]))
    seen = told.of(["b", "c"])
    assert np.array_equal(seen[:, 0], [1, 1, 0, np.nan, 1], equal_nan=True)
    assert np.array_equal(seen[:, 1], [0, 0, 0, np.nan, 0], equal_nan=True)
    apart = findings.read(table(a=[1, 0], b=[0, 1]))
    assert np.isnan(apart.of(["c"])).all()


def test_what_is_wrong_is_said() -> None:
    source = table(labels=["a|b", "b", "a", "a|b"], sex=["F", "M", "F", "M"])
    with pytest.raises(SettingError, match="labels"):
        findings.read(source, "lables")
    with pytest.raises(DataError, match=r"sex.*0 \(not shown\)"):
        findings.read(source, "sex,labels")
    with pytest.raises(DataError, match="--target"):
        findings.read(table(view=["PA", "AP", "PA"], sex=["F", "M", "F"]))
    with pytest.raises(DataError, match="folder for each finding"):
        findings.read(Table({"image": np.zeros((2, 8, 8, 1), np.uint8)}, {"image": Image(1, 8)}))


def test_text_columns_tell_too() -> None:
    source = table(labels=["a|b", "b|c", "a", "c|a"])
    fields = {**source.fields, "labels": Text()}
    assert findings.read(Table(source.columns, fields)).names == ["a", "b", "c"]
