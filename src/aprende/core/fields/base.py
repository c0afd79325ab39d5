"""Kinds of value that go in and out of a model, as whole columns. A new modality is one class, and nothing else.

CLI, page, REST schema, report, fuzzing and explanation derive from a Field; none of them asks what kind it is.
Knows no file format: what people have on disk becomes columns in `intake`.

How a column is stored (what `Field.read` returns):
    Number, Boolean, Date   float64 array (n,), missing = NaN (Boolean 0/1; Date days since 1970-01-01, UTC)
    Place                   float64 array (n, 2): latitude, longitude in degrees, missing = NaN
    Category, Text          polars String Series (n,), missing = null
    Probabilities           float array (n, options)
Pictures, sound and the rest: `perception.py`.
"""

import dataclasses
import html
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from aprende.core.errors import InputError, unknown
from aprende.core.words import t

Column = Any  # a sequence of values: NumPy array, polars Series, list or memory map
Columns = dict[str, Column]
Json = Any
T = TypeVar("T")
Said = str | Callable[[], str]  # a text, or what makes it where it is needed: a message may take longer than the work


class Field(ABC):
    """One kind of value. Subclasses are frozen dataclasses whose members are plain JSON."""

    kind: ClassVar[str]
    heavy: ClassVar[bool] = False  # a value takes much memory (a picture, a sound): few at once, none in a manifest

    @abstractmethod
    def read(self, name: str, values: Column) -> Column:
        """Return the column checked and made regular; raise InputError naming the first value that breaks it."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, n: int) -> Column:
        """Return n random valid values, as `read` returns them."""

    @abstractmethod
    def edges(self) -> Column:
        """Return valid values at the limits: least, greatest, empty, missing."""

    @abstractmethod
    def schema(self) -> dict[str, Json]:
        """Return the JSON schema of one value, for REST."""

    @abstractmethod
    def widget(self, name: str, value: Json = None) -> str:
        """Return the HTML form element with which a person gives one value."""

    @abstractmethod
    def plain(self, value: Any) -> Json:
        """Return one stored value as JSON."""

    @abstractmethod
    def show(self, value: Any) -> str:
        """Return one stored value as a short text for people."""

    def to_json(self) -> dict[str, Json]:
        """Return the field as JSON, for a model's manifest."""
        members = dataclasses.asdict(self)  # type: ignore[call-overload]
        return {"kind": self.kind, **{k: list(v) if isinstance(v, tuple) else v for k, v in members.items()}}


@runtime_checkable
class Drawn(Protocol):
    """A field whose values have a place in a picture: a mask of classes, boxes, a map of findings."""

    def drawn(self, value: Any, over: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return one value drawn over its picture (H, W, 1 or 3): uint8 (H, W, 3)."""


@runtime_checkable
class Keyed(Protocol):
    """A drawn field whose colours mean something: they are shown beside what is drawn."""

    def colours(self) -> dict[str, str]:
        """Return the colour (#rrggbb) in which each name is drawn."""


def kinds() -> dict[str, type[Field]]:
    """Return every Field class by its kind."""
    every = Field.__subclasses__()
    for known in every:
        every += known.__subclasses__()
    return {c.kind: c for c in every if "kind" in vars(c)}


def from_json(described: dict[str, Json]) -> Field:
    """Return the field that `to_json` described."""
    members = {k: tuple(v) if isinstance(v, list) else v for k, v in described.items() if k != "kind"}
    return kinds()[described["kind"]](**members)


def refuse(name: str, expected: Said, row: int, value: object) -> InputError:
    """Return the error for a value that breaks its field."""
    said = t(
        "{name}: expected {expected}, got {value} (row {row}).",
        name=name,
        expected=expected() if callable(expected) else expected,
        value=repr(value)[:60],
        row=row + 1,
    )
    return InputError(said)


def refuse_outside(name: str, expected: Said, column: NDArray[Any], values: Column) -> None:
    """Raise InputError naming the first row of a column (n, K) that has a number outside 0 to 1, or none."""
    wrong = (~((column >= -1e-6) & (column <= 1 + 1e-6))).any(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise refuse(name, expected, row, values[row])


def each(name: str, values: Column, expected: Said, read: Callable[[Any], T]) -> list[T]:
    """Return every value as `read` makes it; where it cannot, refuse the value with its row and what was expected."""
    found = []
    for row, value in enumerate(values):
        try:
            found.append(read(value))
        except (ValueError, TypeError, OverflowError, AttributeError):
            raise refuse(name, expected, row, value) from None
    return found


def select(name: str, options: Sequence[tuple[str, str, bool]]) -> str:
    """Return an HTML select; options: (value, words, whether it is chosen)."""
    rows = "".join(
        f'<option value="{html.escape(v)}"{" selected" if on else ""}>{html.escape(w)}</option>' for v, w, on in options
    )
    return f'<select name="{html.escape(name)}">{rows}</select>'


def read_all(fields: dict[str, Field], columns: Columns) -> Columns:
    """Return these columns, each made regular by its field; raise InputError where one cannot be."""
    check_columns(fields, columns)
    return {name: field.read(name, columns[name]) for name, field in fields.items()}


def check_columns(fields: dict[str, Field], columns: Columns) -> None:
    """Raise InputError unless there is one column for each field, and all are equally long."""
    if columns.keys() != fields.keys():
        for name in columns:
            if name not in fields:
                raise InputError(unknown(t("column"), name, fields))
        named = ", ".join(name for name in fields if name not in columns)
        raise InputError(t("Missing column {names}. Needed: {all}.", names=named, all=", ".join(fields)))
    lengths = {name: _length(name, column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(t("Columns must be equally long; got {lengths}.", lengths=lengths))


def _length(name: str, column: Column) -> int:
    if not isinstance(column, (str, bytes, dict)):
        try:
            return len(column)
        except TypeError:
            pass
    raise InputError(t("{name}: expected a list of values, got {value}.", name=name, value=repr(column)[:60]))


def rows_of(columns: Columns) -> int:
    """Return how many rows the columns hold."""
    return len(next(iter(columns.values()))) if columns else 0


def take(columns: Columns, rows: Any) -> Columns:
    """Return these rows (an index array or a slice) of every column."""
    return {name: _take(column, rows) for name, column in columns.items()}


def _take(column: Column, rows: Any) -> Column:
    if isinstance(column, list):
        return column[rows] if isinstance(rows, slice) else [column[int(i)] for i in np.arange(len(column))[rows]]
    return column[rows]
