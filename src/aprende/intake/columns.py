"""One polars column of any type → understood: chooses by type, and leaves text to `written`. Knows no file."""

from typing import TYPE_CHECKING

import numpy as np

from aprende.core.fields import Category, Place, Text
from aprende.core.words import t
from aprende.intake import understood
from aprende.intake.understood import Ask, Understood, bad_note
from aprende.intake.written import understand_text, understand_words

if TYPE_CHECKING:
    import polars as pl


def understand(ask: Ask, column: "pl.Series") -> Understood:
    """Return a column of any type as what it is, or as what is wanted."""
    import polars as pl

    kind = column.dtype
    if kind.is_numeric() or kind == pl.Boolean:
        return _numeric(ask, column)
    if kind in (pl.Time, pl.Duration):
        return understood.number(ask, _hours(column), unit="h")
    if kind.is_temporal():
        return _temporal(ask, column)
    if kind.is_nested() or kind in (pl.Object, pl.Binary):
        shown = pl.Series(column.name, [None if v is None else str(v) for v in column], dtype=pl.String)
        return Understood(ask.wanted or Text(), shown, dropped="" if ask.keep else t("holds lists or binary values"))
    return understand_text(ask, column.cast(pl.String))


def _numeric(ask: Ask, column: "pl.Series") -> Understood:
    import polars as pl

    few = ask.target and ask.wanted is None and column.drop_nulls().n_unique() <= 2
    if few or isinstance(ask.wanted, (Category, Text)):
        return understand_words(ask, _as_written(column))
    if isinstance(ask.wanted, Place):
        empty = np.full((len(column), 2), np.nan)
        return Understood(ask.wanted, empty, [bad_note(ask, len(column), t("a latitude and a longitude"), [0])])
    numbers = column.cast(pl.Float64, strict=False)
    if column.dtype == pl.Boolean and ask.wanted is None:
        return understood.boolean(ask, numbers.fill_null(np.nan).to_numpy(), [])
    return understood.number(ask, numbers)


def _as_written(column: "pl.Series") -> "pl.Series":
    """Numbers as a person writes them: 3, not 3.0."""
    import polars as pl

    if column.dtype.is_float():
        column = column.fill_nan(None)
        whole = ((column == column.floor()) & (column.abs() < 1e15)).all()
        column = column.cast(pl.Int64) if whole else column
    return column.cast(pl.String)


def _hours(column: "pl.Series") -> "pl.Series":
    import polars as pl

    nanoseconds = column.cast(pl.Duration("ns")) if column.dtype == pl.Duration else column
    return nanoseconds.to_physical().cast(pl.Float64) / 3.6e12


def _temporal(ask: Ask, column: "pl.Series") -> Understood:
    import polars as pl

    if isinstance(ask.wanted, (Category, Text)):
        return understand_words(ask, column.cast(pl.String))
    days = column.cast(pl.Datetime("us")).to_physical().cast(pl.Float64) / 86_400e6
    return understood.date(ask, days.fill_null(np.nan).to_numpy(), [])
