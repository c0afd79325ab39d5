"""What matters to a model: how much worse it gets when a column is shuffled, and how its answer follows a column.

Permutation importance (Breiman 2001) with intervals over shuffles and rows; accumulated local effects for numbers
(Apley & Zhu 2020), partial dependence for words and for yes or no (Friedman 2001). Works through `predict` and
`evaluate` alone: knows no system and no kind of model. Pictures and sound, which have no meaningful shuffle, are left
to `explain`.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Array, Data, Evaluation, Predict, System
from aprende.core.fields import Column, Columns, rows_of, take
from aprende.core.measure import Draws, badness, resamples

Floats = NDArray[np.float64]
LEAST, FEW, MANY = 60, 200, 2000  # rows judged at a time: at least, at first, at most
REPEATS = 8
RESAMPLES = 40  # of rows, for each shuffle
TAIL = 0.01  # of a column's values at each end: too few to draw a curve through
DRAWS = 100  # of rows, for a curve's band


def scalar(column: Column) -> bool:
    """Return whether a column holds one value (or one place) a row: numbers (n,) or (n, 2), or words; pictures, held
    here or in files, are not."""
    return hasattr(column, "dtype") and getattr(column, "ndim", 1) <= 2


def importance(
    predict: Predict, system: System, data: Data, seconds: float = 20.0, seed: int = 0
) -> list[dict[str, Any]]:
    """Return [{"column", "loss", "low", "high"}], most important first; empty where no input can be shuffled.

    loss: by how much the main metric worsens on test rows when the column's values are given to other rows, in the
    metric's unit; low to high: 95 % over shuffles and resampled rows. Every column is shuffled at least once, up to
    REPEATS times while `seconds` last; the time also decides on how many rows (LEAST to MANY).
    """
    names = [name for name, column in data.examples("test", 2).items() if scalar(column)]
    if not names:
        return []
    began = time.monotonic()
    limit, whole = _affordable(predict, system, data, seconds / 3 / (len(names) + 1))
    rng = np.random.default_rng(seed)
    draws = resamples(whole, seed)
    drawn: dict[str, list[Floats]] = {name: [] for name in names}
    for repeat in range(REPEATS):
        rows = draws[repeat * RESAMPLES % len(draws) :][:RESAMPLES]
        for name in names:
            shuffled = system.evaluate(_shuffling(predict, name, int(rng.integers(2**31))), data, "test", limit)
            drawn[name].append(_losses(whole, shuffled, rows))
        if time.monotonic() - began > seconds * (1 - 1 / REPEATS):
            break
    found = [_summary(name, np.stack(losses)) for name, losses in drawn.items()]
    return sorted(found, key=lambda f: -f["loss"])


def _affordable(predict: Predict, system: System, data: Data, each: float) -> tuple[int, Evaluation]:
    """Return how many units can be judged in so many seconds, and how the model does on them."""
    began = time.monotonic()
    few = system.evaluate(predict, data, "test", FEW)
    spent = time.monotonic() - began
    limit = int(np.clip(FEW * each / max(spent, 1e-3), LEAST, MANY))
    return (FEW, few) if limit == FEW else (limit, system.evaluate(predict, data, "test", limit))


def _shuffling(predict: Predict, name: str, seed: int) -> Predict:
    def shuffled(columns: Columns) -> Columns:
        order = np.random.default_rng(seed).permutation(rows_of(columns))
        return predict({**columns, name: take({name: columns[name]}, order)[name]})

    return shuffled


def _losses(whole: Evaluation, shuffled: Evaluation, draws: Draws) -> Floats:
    """Return the loss on all units, then on resampled ones (1 + RESAMPLES,)."""
    metric = whole.metrics[whole.main]

    def loss(rows: Any) -> float:
        after, before = (metric.compute({k: v[rows] for k, v in e.units.items()}) for e in (shuffled, whole))
        return float(badness(metric, after) - badness(metric, before))

    return np.array([loss(slice(None)), *(loss(rows) for rows in draws)])


def _summary(name: str, losses: Floats) -> dict[str, Any]:
    """losses (repeats, 1 + RESAMPLES)."""
    low, high = np.nanquantile(losses[:, 1:], [0.025, 0.975])
    return {"column": name, "loss": float(losses[:, 0].mean()), "low": float(low), "high": float(high)}


Score = Callable[[Columns], Floats]  # what an answer comes to, as numbers (n, k): the value, or k probabilities


def effect_of_number(score: Score, columns: Columns, name: str, bins: int = 16, seed: int = 0) -> dict[str, Floats]:
    """Return how the answer follows a number: {"x" (m,), "y", "low", "high" (m, k)}; empty where it hardly varies.

    Accumulated local effects: within each bin of equally many rows, the mean difference between the answers at its two
    ends, summed up, and shifted so that the mean over the rows is the mean answer. low, high: 95 % over resampled rows.
    """
    values = np.asarray(columns[name], dtype=np.float64)
    known = values[np.isfinite(values)]
    edges = np.unique(np.quantile(known, np.linspace(TAIL, 1 - TAIL, bins + 1))) if len(known) else known
    inside = np.flatnonzero((values >= edges.min(initial=np.inf)) & (values <= edges.max(initial=-np.inf)))
    if len(edges) < 3 or len(inside) < 3:
        return {}
    rows = take(columns, inside)
    place = np.clip(np.searchsorted(edges, values[inside], side="left") - 1, 0, len(edges) - 2)
    apart = score({**rows, name: edges[place + 1]}) - score({**rows, name: edges[place]})
    middle = score(rows).mean(axis=0)
    curve = _accumulated(apart, place, len(edges))
    draws = np.random.default_rng(seed).integers(0, len(inside), (DRAWS, len(inside)))
    low, high = np.quantile([_accumulated(apart[r], place[r], len(edges)) for r in draws], [0.025, 0.975], axis=0)
    return {"x": edges, "y": middle + curve, "low": middle + low, "high": middle + high}


def _accumulated(apart: Floats, place: Array, edges: int) -> Floats:
    """Return the centred sum of the mean differences (edges, k). apart (n, k), place (n,): each row's bin."""
    counts = np.bincount(place, minlength=edges - 1).astype(np.float64)
    sums = np.stack([np.bincount(place, weights=a, minlength=edges - 1) for a in apart.T], axis=1)
    means = sums / np.maximum(1, counts)[:, None]
    curve = np.concatenate([np.zeros((1, apart.shape[1])), np.cumsum(means, axis=0)])
    middles = (curve[1:] + curve[:-1]) / 2
    return np.asarray(curve - (middles * counts[:, None]).sum(axis=0) / counts.sum())


def effect_of_values(score: Score, columns: Columns, name: str, values: list[Any], seed: int = 0) -> dict[str, Floats]:
    """Return the mean answer when every row is given a value: {"y", "low", "high" (values, k)}.

    Partial dependence. low, high: 95 % over resampled rows, of the value's difference from the mean over the values.
    """
    n = rows_of(columns)
    answers = np.stack([score({**columns, name: _constant(value, n)}) for value in values])
    apart = answers - answers.mean(axis=0)
    draws = np.random.default_rng(seed).integers(0, n, (DRAWS, n))
    low, high = np.quantile([apart[:, rows].mean(axis=1) for rows in draws], [0.025, 0.975], axis=0)
    middle = answers.mean(axis=(0, 1))
    return {"y": middle + apart.mean(axis=1), "low": middle + low, "high": middle + high}


def _constant(value: Any, n: int) -> Column:
    import polars as pl

    return pl.Series([value] * n, dtype=pl.String) if isinstance(value, str) else np.full(n, value, dtype=np.float64)
