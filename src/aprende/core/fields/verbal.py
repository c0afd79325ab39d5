"""Fields of words: Category, Text, Probabilities (of words). Strings are polars Series in which null is missing."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aprende.core.fields.base import Column, Field, Json, Said, each, refuse, refuse_outside, select
from aprende.core.words import t

WORDS = {str, type(None)}


@dataclass(frozen=True)
class Category(Field):
    """One of some words. Unless `closed`, an unseen word is allowed: the model treats it as unknown."""

    options: tuple[str, ...] = ()
    typical: str = ""
    closed: bool = False
    kind: ClassVar[str] = "category"

    def read(self, name: str, values: Column) -> Column:
        column = _strings(name, values, lambda: t("a word"))
        if self.closed:
            wrong = (~column.is_in(list(self.options)) & column.is_not_null()).arg_true()
            if len(wrong):
                expected = t("one of {options}", options=", ".join(self.options[:20]))
                raise refuse(name, expected, int(wrong[0]), column[int(wrong[0])])
        return column

    def sample(self, rng: np.random.Generator, n: int) -> Column:
        return _series([str(v) for v in rng.choice(self.options, n)] if self.options else [""] * n)

    def edges(self) -> Column:
        ends = [*self.options[:1], *self.options[-1:]]
        return _series([*ends, None] if self.closed else [*ends, "", "никогда", None])

    def schema(self) -> dict[str, Json]:
        limits = {"enum": [*self.options, None]} if self.closed else {}
        return {"type": ["string", "null"], **limits, "example": self.typical or (self.options or ("",))[0]}

    def widget(self, name: str, value: Json = None) -> str:
        chosen = self.typical if value is None else value
        if len(self.options) <= 200:
            return select(name, [("", "–", not chosen), *((o, o, o == chosen) for o in self.options)])
        return f'<input type="text" name="{html.escape(name)}" value="{html.escape(chosen)}">'

    def plain(self, value: Any) -> Json:
        return value

    def show(self, value: Any) -> str:
        return "–" if value is None else str(value)


@dataclass(frozen=True)
class Text(Field):
    """Free text."""

    max_chars: int = 20_000
    typical: str = ""
    kind: ClassVar[str] = "text"

    def read(self, name: str, values: Column) -> Column:
        column = _strings(name, values, lambda: t("text"))
        long = (column.str.len_chars() > self.max_chars).arg_true()
        if len(long):
            raise refuse(
                name, t("text of at most {n} characters", n=self.max_chars), int(long[0]), column[int(long[0])]
            )
        return column

    def sample(self, rng: np.random.Generator, n: int) -> Column:
        letters = list("abcdefghijklmnñopqrstuvwxyz áéíóú")
        return _series(["".join(rng.choice(letters, min(30, self.max_chars))) for _ in range(n)])

    def edges(self) -> Column:
        return _series(["", ("é中\n\"',;" * 20)[: self.max_chars], None])

    def schema(self) -> dict[str, Json]:
        return {"type": ["string", "null"], "maxLength": self.max_chars, "example": self.typical}

    def widget(self, name: str, value: Json = None) -> str:
        shown = self.typical if value is None else value
        return f'<textarea name="{html.escape(name)}" maxlength="{self.max_chars}">{html.escape(shown)}</textarea>'

    def plain(self, value: Any) -> Json:
        return value

    def show(self, value: Any) -> str:
        return "–" if value is None else value if len(value) <= 80 else value[:77] + "…"


@dataclass(frozen=True)
class Shares(Field):
    """A number from 0 to 1 for each of some options."""

    options: tuple[str, ...] = ()

    def read(self, name: str, values: Column) -> NDArray[np.float64]:
        def expected() -> str:
            return t("probabilities from 0 to 1")

        if isinstance(values, np.ndarray) and values.dtype.kind == "f" and values.shape[1:] == (len(self.options),):
            column = values.astype(np.float64)
        else:
            rows = each(name, values, expected, self._shares)
            column = np.array(rows, dtype=np.float64).reshape(len(values), len(self.options))
        refuse_outside(name, expected, column, values)
        return column

    def _shares(self, value: Any) -> list[float]:
        """The numbers in order; what an object lacks is 0."""
        if isinstance(value, dict) and not set(value) <= set(self.options):
            raise ValueError
        shares = [float(v) for v in ([value.get(o, 0.0) for o in self.options] if isinstance(value, dict) else value)]
        if len(shares) != len(self.options):
            raise ValueError
        return shares

    def schema(self) -> dict[str, Json]:
        return {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}}

    def widget(self, name: str, value: Json = None) -> str:
        return ""

    def plain(self, value: Any) -> Json:
        return {o: round(float(p), 6) for o, p in zip(self.options, value, strict=True)}

    def show(self, value: Any) -> str:
        order = np.argsort(-np.asarray(value), kind="stable")[:3]
        return "  ".join(f"{self.options[i]} {value[i]:.1%}" for i in order)


@dataclass(frozen=True)
class Probabilities(Shares):
    """The probability of each of some options, of which one is true; an output of classifiers."""

    kind: ClassVar[str] = "probabilities"

    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        return rng.dirichlet(np.ones(len(self.options)), n)

    def edges(self) -> NDArray[np.float64]:
        return np.eye(len(self.options))[[0, -1]]


def _series(values: Sequence[Any]) -> Column:
    import polars as pl

    return pl.Series(values, dtype=pl.String)


def _strings(name: str, values: Column, expected: Said) -> Column:
    """Words and None as a polars String Series (n,)."""
    import polars as pl

    if isinstance(values, pl.Series) and values.dtype == pl.String:
        return values
    rows = list(values)
    if not WORDS.issuperset(map(type, rows)):  # a text of NumPy's is one too
        for row, value in enumerate(rows):
            if value is not None and not isinstance(value, str):
                raise refuse(name, expected, row, value)
    try:
        return pl.Series("", rows, pl.String)
    except UnicodeEncodeError:  # half a surrogate pair
        return pl.Series("", each(name, rows, expected, lambda v: v and v.encode().decode()), pl.String)
