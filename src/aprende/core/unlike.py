"""Is this data like what the model learnt from? A summary of train, the drift of a file, and unlike rows.

Looks at scalar columns (numbers, dates, places, words) through their storage alone; for perception a system gives an
embedding as numbers.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.fields import Columns, Field

BINS = 10
FEW = 1000  # rows
BLOCK = 4096  # rows compared at once


def summarise(columns: Columns, fields: dict[str, Field]) -> dict[str, Any]:
    """Return what train looked like, as JSON: deciles and range of numbers, shares of words and of missing values."""
    return {name: s for name, f in fields.items() if (s := _summary(columns[name], f.kind)) is not None}


def _summary(column: Any, kind: str) -> dict[str, Any] | None:
    if kind in ("number", "date", "boolean"):
        values = np.asarray(column, dtype=np.float64)
        known = values[np.isfinite(values)]
        if not len(known):
            return None
        cuts = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])).tolist()
        shares = _shares(values, cuts)
        return {"cuts": cuts, "shares": shares, "low": float(known.min()), "high": float(known.max())}
    if kind == "category":
        counts = column.value_counts(sort=True).drop_nulls()
        words, n = counts.to_series(0).to_list()[:100], max(1, len(column))
        return {"words": words, "shares": [c / n for c in counts.to_series(1).to_list()[:100]]}
    return None


def _shares(values: NDArray[np.float64], cuts: list[float]) -> list[float]:
    """Share of values in each bin between the cuts, then of missing ones."""
    known = values[np.isfinite(values)]
    place = np.searchsorted(np.array(cuts), known, side="right")
    return [*(np.bincount(place, minlength=len(cuts) + 1) / max(1, len(values))), 1 - len(known) / max(1, len(values))]


def drift(summary: dict[str, Any], columns: Columns) -> dict[str, float]:
    """Return each column's population stability index against train, most drifted first.

    PSI = sum (a - e) ln(a / e); by custom below 0.1 is no change and above 0.25 is a large one.
    """
    found = {name: _psi(s, columns[name]) for name, s in summary.items() if name in columns}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _psi(summary: dict[str, Any], column: Any) -> float:
    if "cuts" in summary:
        actual = np.array(_shares(np.asarray(column, dtype=np.float64), summary["cuts"]))
        expected = np.array(summary["shares"])
    else:
        n = max(1, len(column))
        counts = dict(column.value_counts().iter_rows())
        actual = np.array([counts.get(w, 0) / n for w in summary["words"]])
        expected = np.array(summary["shares"])
        actual, expected = np.append(actual, 1 - actual.sum()), np.append(expected, 1 - expected.sum())
    floor = 0.5 / max(50, len(column))
    actual, expected = np.clip(actual, floor, None), np.clip(expected, floor, None)
    return float(((actual - expected) * np.log(actual / expected)).sum())


class Held:
    """What train held, made ready once to compare rows with: the ranges of numbers, and the words of columns of few."""

    def __init__(self, summary: dict[str, Any]) -> None:
        self.numbers = [name for name, s in summary.items() if "cuts" in s]
        self.low, self.high = (np.array([[summary[n][end]] for n in self.numbers]) for end in ("low", "high"))
        self.words = {n: {*s["words"], None} for n, s in summary.items() if "cuts" not in s and len(s["words"]) < 100}
        self.names = [name for name in summary if name in self.words or "cuts" in summary[name]]

    def outside(self, columns: Columns) -> dict[str, NDArray[np.bool_]]:
        """Return for each column which rows (n,) lie outside: beyond train's range, or a word never seen."""
        found = {name: _unseen(columns[name], words) for name, words in self.words.items()}
        if self.numbers:
            values = np.stack([np.asarray(columns[name], dtype=np.float64) for name in self.numbers])
            found |= zip(self.numbers, (values < self.low) | (values > self.high), strict=True)
        return {name: found[name] for name in self.names}


def _unseen(column: Any, known: set[str | None]) -> NDArray[np.bool_]:
    """Return which values (n,) are none of the known words. Few are looked up one by one: that is 100 times quicker
    than to set up an expression, and a served model does it for each handful of rows."""
    if len(column) > FEW:
        return np.asarray((~column.is_in([w for w in known if w is not None]) & column.is_not_null()).to_numpy())
    words = column.to_list()
    if known.issuperset(words):
        return np.zeros(len(words), dtype=np.bool_)
    return np.array([word not in known for word in words], dtype=np.bool_)


def distances(reference: NDArray[np.float32], rows: NDArray[np.float32], k: int = 5) -> NDArray[np.float64]:
    """Return each row's distance to its k-th nearest reference (n,): how unlike an embedding (n, d) is.

    By matrix products: in hundreds of dimensions a tree is no quicker, and importing one takes half a second.
    """
    k = min(k, len(reference))
    lengths = (reference.astype(np.float64) ** 2).sum(axis=1)
    found = np.empty(len(rows))
    for at in range(0, len(rows), BLOCK):
        block = rows[at : at + BLOCK].astype(np.float64)
        squares = (block**2).sum(axis=1)[:, None] + lengths - 2 * block @ reference.T
        found[at : at + BLOCK] = np.sqrt(np.maximum(0.0, np.partition(squares, k - 1, axis=1)[:, k - 1]))
    return found
