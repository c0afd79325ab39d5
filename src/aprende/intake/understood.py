"""Values of a known kind → what is stored: the Field, the column, the notes, and why nothing can be learnt from it.

Knows neither files nor text: `written` reads text, `columns` chooses. Storage is that of `core.fields`.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Note
from aprende.core.fields import Boolean, Column, Date, Field, Number, Place
from aprende.core.words import t
from aprende.intake.lexicon import IDENTITY

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
SHOWN = 3  # rows and values that a note names


@dataclass(frozen=True)
class Hints:
    """How to read what has two readings: the decimal sign, whether the day comes before the month.

    decided: not by a guess from the rest of the file, but as train was written.
    """

    decimal: str = ""
    day_first: bool | None = None
    decided: bool = False


@dataclass(frozen=True)
class Ask:
    """Which column is read, and how: `target` is never left out and keeps its own words; `wanted` is a model's field.

    `first_line` gives the line of row 0, or None where lines and rows do not go together.
    """

    name: str
    first_line: Callable[[], int | None] = lambda: None
    hints: Hints = Hints()
    target: bool = False
    wanted: Field | None = None

    @property
    def keep(self) -> bool:
        return self.target or self.wanted is not None

    def where(self, rows: Sequence[int], total: int) -> str:
        """Say where rows are, so that a person finds them in the file."""
        first = self.first_line()
        shown = ", ".join(str(r + (first or 1)) for r in rows[:SHOWN]) + (" …" if total > SHOWN else "")
        return t("line {list}", list=shown) if first else t("row {list}", list=shown)


@dataclass
class Understood:
    """A column as it will be stored. `decimal`, `day_first`: how it was read; `unsure`: that was one of two ways."""

    field: Field
    values: Column
    notes: list[Note] = dataclasses.field(default_factory=list)
    dropped: str = ""
    decimal: str = ""
    day_first: bool | None = None
    unsure: bool = False


def learnt(field: Field | None) -> Hints:
    """Return how train wrote what a model's field holds."""
    decimal = field.decimal if isinstance(field, Number) else ""
    day_first = field.day_first if isinstance(field, Date) else None
    return Hints(decimal, day_first, decided=True)


def missing_note(name: str, n: int, words: Sequence[str]) -> Note:
    """Return the note on words that stand for a missing value."""
    shown = ", ".join(map(repr, words))
    said = t("{name}: {n} cells say {words}; they are missing values.", name=name, n=n, words=shown)
    return Note(said, "repaired", name, n)


def bad_note(ask: Ask, n: int, expected: str, rows: Sequence[int], values: Sequence[str] = ()) -> Note:
    """Return the note on values that are not what their column is."""
    what = ", ".join([*(repr(v)[:30] for v in values[:SHOWN]), ask.where(rows, n)])
    said = t(
        "{name}: {n} values are not {expected} and are missing now ({what}).",
        name=ask.name,
        n=n,
        expected=expected,
        what=what,
    )
    return Note(said, "repaired", ask.name, n)


def number(ask: Ask, column: "pl.Series", notes: Sequence[Note] = (), unit: str = "") -> Understood:
    """Return a Float64 column as Number, or Boolean where it holds 0 and 1 alone; infinite values become missing."""
    told = list(notes)
    values = column.fill_null(np.nan).to_numpy()
    infinite = np.isinf(values)
    if infinite.any():
        rows = np.flatnonzero(infinite)
        where = ask.where(rows[:SHOWN].tolist(), len(rows))
        said = t("{name}: {n} infinite values are missing now ({where}).", name=ask.name, n=len(rows), where=where)
        told.append(Note(said, "repaired", ask.name, len(rows)))
        values = np.where(infinite, np.nan, values)
    known = np.isfinite(values)
    filled = values if known.all() else values[known]
    if isinstance(ask.wanted, Boolean) or (not ask.keep and _zero_and_one(filled)):
        return boolean(ask, values, told)
    if isinstance(ask.wanted, Date):
        return Understood(ask.wanted, values, told)
    whole = _whole(filled)
    made = ask.wanted if isinstance(ask.wanted, Number) else Number(typical=middle(filled), unit=unit, whole=whole)
    return Understood(made, values, told, "" if ask.keep else _nothing_in_numbers(ask.name, len(values), filled, whole))


def _whole(filled: Floats) -> bool:
    return bool(len(filled)) and all(bool((part == np.floor(part)).all()) for part in (filled[:100], filled))


def _zero_and_one(filled: Floats) -> bool:
    if not len(filled) or filled.min() != 0 or filled.max() != 1:
        return False
    return bool(((filled == 0) | (filled == 1)).all())


def middle(filled: Floats) -> float:
    """Return about the median: of at most 10,000 values spread over the column; 0 where there are none."""
    some = np.sort(filled[:: max(1, len(filled) // 10_000)])
    return float(some[len(some) // 2]) if len(some) else 0.0


def _nothing_in_numbers(name: str, rows: int, filled: Floats, whole: bool) -> str:
    if len(filled) < rows:
        return "" if len(filled) else t("is empty")
    if filled.min() == filled.max():
        return same_value(f"{filled[0]:g}")
    if not whole or rows < 10:
        return ""
    if np.abs(filled[1] - filled[0]) == 1 and (np.diff(filled) == filled[1] - filled[0]).all():
        return t("only counts the rows (an identifier)")
    named = IDENTITY.search(name) and len(np.unique(filled)) == rows
    return t("has a different value in every row (an identifier)") if named else ""


def same_value(value: str) -> str:
    """Return the reason to leave out a constant."""
    return t("has the same value {value} in every row", value=value)


def boolean(ask: Ask, values: Floats, notes: Sequence[Note]) -> Understood:
    """Return 1, 0 and NaN (n,) as Boolean; any other number becomes missing."""
    told = list(notes)
    wrong = ~np.isnan(values) & (values != 0) & (values != 1)
    if wrong.any():
        told.append(bad_note(ask, int(wrong.sum()), t("yes or no"), np.flatnonzero(wrong)[:SHOWN].tolist()))
        values = np.where(wrong, np.nan, values)
    filled = values[~np.isnan(values)]
    made = ask.wanted or Boolean(typical=float(len(filled) > 0 and filled.mean() > 0.5))
    constant = len(filled) == len(values) and filled.min() == filled.max()
    reason = same_value(t("yes") if filled[0] else t("no")) if constant else "" if len(filled) else t("is empty")
    return Understood(made, values, told, "" if ask.keep else reason)


def date(ask: Ask, days: Floats, notes: Sequence[Note]) -> Understood:
    """Return days since 1970-01-01 (n,) as Date."""
    filled = days[~np.isnan(days)]
    made = ask.wanted or Date(typical=float(np.floor(middle(filled))))
    constant = len(filled) == len(days) and len(days) and filled.min() == filled.max()
    reason = same_value(made.show(filled[0])) if constant else "" if len(filled) else t("is empty")
    return Understood(made, days, list(notes), "" if ask.keep else reason)


def place(ask: Ask, both: Floats, notes: Sequence[Note]) -> Understood:
    """Return degrees (n, 2) as Place."""
    filled: Any = both[~np.isnan(both).any(axis=1)]
    made = ask.wanted or Place(typical=(middle(filled[:, 0]), middle(filled[:, 1])))
    reason = "" if ask.keep or len(filled) else t("is empty")
    return Understood(made, both, list(notes), reason)
