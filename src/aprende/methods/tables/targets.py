"""What is to be predicted, as members of an ensemble see it: a number of unit spread, or a class by its place.

Knows fields and storage, no table. JSON says how to come back.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.fields import Category, Field, Json, Number

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """One target column. A number is (log of) it, less `middle`, over `spread`; a class is its place in `options`."""

    name: str
    options: list[str]
    log: bool = False
    middle: float = 0.0
    spread: float = 1.0
    unit: str = ""
    whole: bool = False
    typical: float = 0.0

    @property
    def classes(self) -> int:
        """How many classes; 0 for a number."""
        return len(self.options)

    def to_json(self) -> dict[str, Json]:
        """Return the target as JSON, for the facts."""
        return asdict(self)

    def read(self, column: Any) -> NDArray[Any]:
        """Return numbers (n,) with NaN, or places of classes (n,) with -1, for what is missing or unknown."""
        if not self.options:
            return np.asarray(column, dtype=np.float64)
        places = {word: i for i, word in enumerate(self.options)}
        return np.array([-1 if word is None else places.get(word, -1) for word in words(column)], dtype=np.int64)

    def inside(self, values: Floats) -> Floats:
        """Return numbers as members see them."""
        return np.asarray(((np.log(values) if self.log else values) - self.middle) / self.spread)

    def outside(self, values: Floats) -> Floats:
        """Return what members say as numbers of the target."""
        held = values * self.spread + self.middle
        return np.asarray(np.exp(held) if self.log else held)

    def signals(self, truth: NDArray[Any], most: int = 8) -> Floats:
        """Return what features average (n, S): the number, or indicators of the most frequent classes."""
        if not self.options:
            return self.inside(truth)[:, None]
        if self.classes == 2:
            return np.asarray(truth == 1, dtype=np.float64)[:, None]
        often = np.argsort(-np.bincount(truth, minlength=self.classes), kind="stable")[:most]
        return np.asarray(truth[:, None] == often, dtype=np.float64)


def words(column: Any) -> list[str | None]:
    """Return a column of words, or of the numbers 0 and 1, as words; None where missing."""
    if isinstance(column, np.ndarray):
        return [None if np.isnan(v) else str(int(v)) for v in column.astype(np.float64)]
    return list(column.to_list())


def is_class(column: Any, field: Field) -> bool:
    """Tell whether a target is a class: words, or a number that is 0 or 1."""
    if not isinstance(column, np.ndarray):
        return True
    known = column[np.isfinite(column)]
    return not isinstance(field, Number) or bool(len(known) and np.isin(known, (0.0, 1.0)).all())


def learn(name: str, column: Any, field: Field) -> Target:
    """Return the target as the training rows (none missing) show it."""
    if is_class(column, field):
        found = {w for w in words(column) if w is not None}
        known = [o for o in field.options if o in found] if isinstance(field, Category) else []
        return Target(name, [*known, *sorted(found - set(known))])
    values = np.asarray(column, dtype=np.float64)
    log = bool((values > 0).all()) and _skew(np.log(values)) < _skew(values)
    held = np.log(values) if log else values
    unit, whole = (field.unit, field.whole) if isinstance(field, Number) else ("", False)
    spread = float(held.std()) or 1.0
    return Target(name, [], log, float(np.median(held)), spread, unit, whole, float(np.median(values)))


def _skew(values: Floats) -> float:
    spread = values.std()
    return abs(float((((values - values.mean()) / spread) ** 3).mean())) if spread > 0 else 0.0
