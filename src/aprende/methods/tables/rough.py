"""A rough guess of the target from numbers alone, so that "dearer than its size tells" can be learnt of a street.

Ridge regression (Hoerl and Kennard 1970) on robustly scaled signed logarithms. The number that tells most, its gaps
filled from the next ones ("size"), is one of them. What is averaged over keys and neighbours is the target, and what
the guess leaves of it. Knows no column by name.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aprende.methods.tables.blocks import Floats, Matrix
from aprende.methods.tables.views import Rows

AT_ONCE = 4096  # rows


@dataclass(frozen=True)
class Rough:
    """order: numbers that tell about the same, the best first; shifts: what makes their logarithms the first's.

    middle, spread (N + 1,) scale the numbers and, last, the size; weights and missing (N + 1, S), base (S,).
    """

    order: list[int]
    shifts: list[float]
    middle: Floats
    spread: Floats
    weights: Floats
    missing: Floats
    base: Floats

    @property
    def names(self) -> list[str]:
        """The size, then the guess of each signal."""
        return ["size", *(f"rough guess {i}" for i in range(len(self.base)))]

    def transform(self, rows: Rows) -> Matrix:
        """Return (n, 1 + S); rows.rough holds the guess."""
        return np.column_stack([size(rows, self.order, self.shifts), rows.rough]).astype(np.float32)

    def guess(self, rows: Rows) -> Floats:
        """Return the guess (n, S): a sum column by column, so that a row's bits do not depend on the batch."""
        logs = _logs(rows, self.order, self.shifts)
        return np.concatenate([self._sums(logs[at : at + AT_ONCE]) for at in range(0, len(logs), AT_ONCE)])

    def _sums(self, logs: Floats) -> Floats:
        scaled = _scaled(logs, self.middle, self.spread).T[:, :, None]
        known = np.where(np.isnan(scaled), 0.0, scaled) * self.weights[:, None]
        parts = np.where(np.isnan(scaled), self.missing[:, None], known)  # (N + 1, n, S)
        first = np.broadcast_to(self.base, (1, *parts.shape[1:]))
        return np.asarray(np.add.accumulate(np.concatenate([first, parts]))[-1])


def size(rows: Rows, order: list[int], shifts: list[float]) -> Floats:
    """Return the logarithm of the first number of `order` that a row has (n,), NaN where it has none."""
    found = np.full(len(rows), np.nan)
    for j, shift in zip(order, shifts, strict=True):
        found = np.where(np.isnan(found), log_size(rows.numbers[:, j]) + shift, found)
    return found


def log_size(values: Floats) -> Floats:
    """Return signed logarithms; zero, which often stands for "none" or "unknown", counts as missing."""
    return np.asarray(np.where(values == 0, np.nan, np.sign(values) * np.log1p(np.abs(values))))


def _logs(rows: Rows, order: list[int], shifts: list[float]) -> Floats:
    return np.column_stack([log_size(rows.numbers), size(rows, order, shifts)])


def _scaled(logs: Floats, middle: Floats, spread: Floats) -> Floats:
    return np.asarray(np.clip((logs - middle) / spread, -4.0, 4.0))


def fit(rows: Rows, signals: Floats, best: list[int], penalty: float = 3.0) -> Rough:
    """Learn the guess of signals (n, S). best: the numbers that tell about the same, the most telling first."""
    shifts = [_shift(rows, best[0], j) for j in best]
    logs = _logs(rows, best, shifts)
    middle, spread = np.zeros(logs.shape[1]), np.ones(logs.shape[1])
    for j, x in enumerate(logs.T):
        known = x[np.isfinite(x)]
        if len(known):
            low, middle[j], high = np.quantile(known, [0.1, 0.5, 0.9])
            spread[j] = max((high - low) / 2, float(known.std()) / 2, 1e-3)
    scaled = _scaled(logs, middle, spread)
    weights, base = _ridge(np.concatenate([np.nan_to_num(scaled), np.isnan(scaled)], axis=1), signals, penalty)
    known, missing = np.split(weights, 2)
    return Rough(best, shifts, middle, spread, known, missing, base)


def _shift(rows: Rows, first: int, other: int) -> float:
    gap = log_size(rows.numbers[:, first]) - log_size(rows.numbers[:, other])
    return float(np.median(gap[np.isfinite(gap)])) if np.isfinite(gap).any() else 0.0


def _ridge(design: NDArray[np.float64], signals: Floats, penalty: float) -> tuple[Floats, Floats]:
    """Return weights (d, S) and intercepts (S,) for a design (n, d)."""
    base, mean = signals.mean(axis=0), design.mean(axis=0)
    centred = design - mean
    gram = centred.T @ centred + penalty * np.eye(design.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (signals - base))
    return weights, base - mean @ weights
