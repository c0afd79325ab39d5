"""Fields of numbers: Number, Boolean, Date, Place. All are float64 arrays in which NaN is a missing value."""

import contextlib
import datetime as dt
import html
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aprende.core.fields.base import Column, Field, Json, Said, each, refuse, select
from aprende.core.words import t

EPOCH = dt.date(1970, 1, 1)
PLAIN = {int, float, bool, type(None)}  # types that make an array of floats by themselves


def _floats(name: str, values: Column, expected: Said) -> NDArray[np.float64]:
    """Numbers and None as float64 (n,), whatever sequence they came in. expected: says what was, where a value breaks
    it (to make a message that nobody reads takes longer than to read)."""
    if isinstance(values, list) and PLAIN.issuperset(map(type, values)):
        with contextlib.suppress(OverflowError):
            return np.array(values, np.float64)
    try:
        plain = isinstance(values, np.ndarray) and values.dtype.kind != "O"
        given = values if plain else [math.nan if v is None else v for v in values]
        column = np.array(given)
        if column.dtype.kind == "O" and all(map(_is_number, given)):  # whole numbers beyond 64 bits
            column = column.astype(np.float64)
        if (column.dtype.kind not in "fiub" and column.size) or column.ndim != 1:
            raise ValueError
        return column.astype(np.float64)
    except (ValueError, TypeError, OverflowError):
        row, value = next(((i, v) for i, v in enumerate(values) if v is not None and not _is_number(v)), (0, values))
        raise refuse(name, expected, row, value) from None


def _is_number(value: object) -> bool:
    if isinstance(value, int):
        return abs(value) < 2**1023
    return isinstance(value, (float, np.integer, np.floating, np.bool_))


def _check(name: str, expected: Said, column: NDArray[np.float64], wrong: Any) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise refuse(name, expected, row, column[row].tolist())


def _json_number(value: Any) -> Json:
    return None if not math.isfinite(value) else float(value)


@dataclass(frozen=True)
class Number(Field):
    """A number with its unit; `low` and `high` are hard limits, `typical` is what a form starts with.

    decimal: the sign ("," or ".") with which train wrote it, "" where it showed none; for texts that have two readings
    (1.234).
    """

    low: float | None = None
    high: float | None = None
    typical: float = 0.0
    unit: str = ""
    whole: bool = False
    decimal: str = ""
    kind: ClassVar[str] = "number"

    def expected(self) -> str:
        if self.low is None and self.high is None:
            return t("a number")
        if self.high is None:
            return t("a number of at least {low}", low=self.low)
        if self.low is None:
            return t("a number of at most {high}", high=self.high)
        return t("a number from {low} to {high}", low=self.low, high=self.high)

    def read(self, name: str, values: Column) -> NDArray[np.float64]:
        column = _floats(name, values, self.expected)
        wrong = np.isinf(column)
        if self.low is not None:
            wrong |= column < self.low
        if self.high is not None:
            wrong |= column > self.high
        _check(name, self.expected, column, wrong)
        return column

    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        spread = max(1.0, abs(self.typical))
        low = self.typical - spread if self.low is None else max(self.low, self.typical - spread)
        high = self.typical + spread if self.high is None else min(self.high, self.typical + spread)
        drawn = rng.uniform(low, high, n)
        return np.round(drawn) if self.whole else drawn

    def edges(self) -> NDArray[np.float64]:
        return np.array([-1e12 if self.low is None else self.low, 1e12 if self.high is None else self.high, math.nan])

    def schema(self) -> dict[str, Json]:
        limits = {"minimum": self.low, "maximum": self.high}
        known = {k: v for k, v in limits.items() if v is not None}
        return {"type": ["number", "null"], **known, "example": self.typical}

    def widget(self, name: str, value: Json = None) -> str:
        shown = f"{self.typical:g}" if value is None else f"{value:g}"
        limits = "".join(f' {k}="{v}"' for k, v in (("min", self.low), ("max", self.high)) if v is not None)
        return f'<input type="number" step="any" name="{html.escape(name)}" value="{shown}"{limits}>'

    def plain(self, value: Any) -> Json:
        return _json_number(value)

    def show(self, value: Any) -> str:
        if not math.isfinite(value):
            return "–"
        if self.whole and abs(value) < 10_000:  # a year is no amount: 1960, not 1,960
            return f"{value:.0f} {self.unit}".strip()
        digits = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"
        return f"{digits} {self.unit}".strip()


@dataclass(frozen=True)
class Boolean(Field):
    """Yes or no, as 1 and 0."""

    typical: float = 0.0
    kind: ClassVar[str] = "boolean"

    def read(self, name: str, values: Column) -> NDArray[np.float64]:
        def expected() -> str:
            return t("yes or no (true or false)")

        column = _floats(name, values, expected)
        _check(name, expected, column, ~np.isnan(column) & (column != 0) & (column != 1))
        return column

    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        return rng.integers(0, 2, n).astype(np.float64)

    def edges(self) -> NDArray[np.float64]:
        return np.array([0.0, 1.0, math.nan])

    def schema(self) -> dict[str, Json]:
        return {"type": ["boolean", "null"], "example": bool(self.typical)}

    def widget(self, name: str, value: Json = None) -> str:
        on = self.typical if value is None else value
        options = ((1.0, t("yes")), (0.0, t("no")))
        return select(name, [("true" if v else "false", word, v == on) for v, word in options])

    def plain(self, value: Any) -> Json:
        return None if math.isnan(value) else bool(value)

    def show(self, value: Any) -> str:
        return "–" if math.isnan(value) else t("yes") if value else t("no")


@dataclass(frozen=True)
class Date(Field):
    """A day (with a part of a day), as days since 1970-01-01.

    day_first: how train wrote it (True 31/5/2016, False 5/31/2016, None neither); for a text that does not show it.
    """

    typical: float = 0.0
    day_first: bool | None = None
    kind: ClassVar[str] = "date"

    def read(self, name: str, values: Column) -> NDArray[np.float64]:
        if isinstance(values, np.ndarray) and values.dtype.kind in "fiu" and values.ndim == 1:
            return np.where(np.isfinite(values), values, math.nan).astype(np.float64)
        days = each(name, values, lambda: t("a date such as 2016-05-31"), self._days)
        return np.array(days, dtype=np.float64)

    @staticmethod
    def _days(value: Any) -> float:
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return math.nan
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        when = value if isinstance(value, dt.date) else dt.datetime.fromisoformat(value)
        hours = (when.hour * 3600 + when.minute * 60 + when.second) / 86400 if isinstance(when, dt.datetime) else 0.0
        return (when.date() if isinstance(when, dt.datetime) else when).toordinal() - EPOCH.toordinal() + hours

    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        return np.floor(self.typical + rng.uniform(-700, 700, n))

    def edges(self) -> NDArray[np.float64]:
        return np.array([-719162.0, 2932896.0, math.nan])  # 0001-01-01, 9999-12-31

    def schema(self) -> dict[str, Json]:
        return {"type": ["string", "null"], "format": "date", "example": self.show(self.typical)}

    def widget(self, name: str, value: Json = None) -> str:
        shown = self.show(self.typical) if value is None else value
        return f'<input type="date" name="{html.escape(name)}" value="{html.escape(str(shown))}">'

    def plain(self, value: Any) -> Json:
        return None if not math.isfinite(value) else self.show(value)

    def show(self, value: Any) -> str:
        ordinal = EPOCH.toordinal() + value
        return dt.date.fromordinal(int(ordinal)).isoformat() if 1 <= ordinal < 3652060 else "–"


@dataclass(frozen=True)
class Place(Field):
    """A point on the Earth: latitude and longitude in degrees."""

    typical: tuple[float, ...] = (0.0, 0.0)
    kind: ClassVar[str] = "place"

    def read(self, name: str, values: Column) -> NDArray[np.float64]:
        def expected() -> str:
            return t("a place such as [19.43, -99.13] (latitude, longitude in degrees)")

        if isinstance(values, np.ndarray) and values.dtype.kind in "fiu" and values.shape[1:] == (2,):
            column = values.astype(np.float64)
        else:
            column = np.array(each(name, values, expected, self._pair), dtype=np.float64).reshape(len(values), 2)
        _check(name, expected, column, (np.abs(column) > np.array([90.0, 180.0])).any(axis=1))
        return column

    @staticmethod
    def _pair(value: Any) -> tuple[float, float]:
        if value is None:
            return (math.nan, math.nan)
        if isinstance(value, str):
            value = value.split(",")
        if isinstance(value, dict):
            value = [value.get("lat"), value.get("lng", value.get("lon"))]
        latitude, longitude = (math.nan if v is None else float(v) for v in value)
        return latitude, longitude

    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        return (np.array(self.typical) + rng.uniform(-1, 1, (n, 2))).clip([-90, -180], [90, 180])

    def edges(self) -> NDArray[np.float64]:
        return np.array([[-90.0, -180.0], [90.0, 180.0], [math.nan, math.nan]])

    def schema(self) -> dict[str, Json]:
        pair = {"type": "number"}
        return {"type": ["array", "null"], "items": pair, "minItems": 2, "maxItems": 2, "example": list(self.typical)}

    def widget(self, name: str, value: Json = None) -> str:
        shown = ", ".join(f"{v:.5f}" for v in (value or self.typical))
        return f'<input type="text" name="{html.escape(name)}" data-kind="place" value="{shown}">'

    def plain(self, value: Any) -> Json:
        return None if np.isnan(value).any() else [float(v) for v in value]

    def show(self, value: Any) -> str:
        return "–" if np.isnan(value).any() else f"{value[0]:.4f}, {value[1]:.4f}"
