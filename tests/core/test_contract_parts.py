"""The small things of the contract's module: tables, rows as JSON and back."""

import numpy as np
import polars as pl
import pytest

from aprende.core.contract import Table, as_rows, from_rows, no_network
from aprende.core.errors import AprendeError
from aprende.core.fields import Category, Date, Field, Number

FIELDS: dict[str, Field] = {"n": Number(), "w": Category(), "d": Date()}
COLUMNS = {"n": np.array([1.5, np.nan]), "w": pl.Series(["a", None]), "d": np.array([0.0, 1.0])}
ROWS = [{"n": 1.5, "w": "a", "d": "1970-01-01"}, {"n": None, "w": None, "d": "1970-01-02"}]


def test_columns_become_rows_and_come_back() -> None:
    assert as_rows(COLUMNS, FIELDS) == ROWS
    assert as_rows(from_rows(ROWS, FIELDS), FIELDS) == ROWS
    assert as_rows(from_rows([], FIELDS), FIELDS) == []


def test_a_table_counts_its_rows() -> None:
    assert Table(COLUMNS, FIELDS).rows == 2
    assert Table({}, {}).rows == 0


def test_an_untrained_predictor_says_so() -> None:
    with pytest.raises(RuntimeError, match="neither been trained nor loaded"):
        no_network({})


def test_every_error_for_people_has_one_root_and_a_line_in_the_drawing() -> None:
    from aprende.core import errors

    found = {e.__name__ for e in AprendeError.__subclasses__() if e.__module__ == errors.__name__}
    drawn = {line.split()[1] for line in (errors.__doc__ or "").splitlines() if line.startswith(("├", "└"))}
    assert found == drawn
