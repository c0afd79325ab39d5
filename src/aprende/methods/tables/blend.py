"""Averaging models: which to take and how often, and how sure the average is. All on out-of-fold answers.

Greedy selection with replacement (Caruana et al. 2004); conformal intervals (Vovk et al. 2005) of residuals divided
by a predicted spread (Lei et al. 2018). Knows arrays only.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from aprende.core.calibrate import conformal_quantile

Floats = NDArray[np.float64]
SPARED = 0.001


def greedy(answers: Sequence[Floats], error: Callable[[Floats], float], rounds: int = 25) -> Floats:
    """Return weights (m,), summing to one, of the average of answers (each (n, k)) that has the least error.

    Starts from the best, then adds whichever helps most, again and again; the best average on the way is kept.
    """
    counts = np.zeros(len(answers))
    total = np.zeros_like(answers[0])
    best, kept = np.inf, counts
    for size in range(1, rounds + 1):
        errors = [error((total + a) / size) for a in answers]
        chosen = int(np.argmin(errors))
        counts = counts.copy()
        counts[chosen] += 1
        total = total + answers[chosen]
        if errors[chosen] < best - 1e-12:
            best, kept = errors[chosen], counts
    return np.asarray(kept / kept.sum())


def frugal(answers: Sequence[Floats], error: Callable[[Floats], float]) -> Floats:
    """Return the weights of `greedy` without those models that lessen the error by less than SPARED of it: each costs
    time and memory for every row that is ever asked."""
    weights = greedy(answers, error)
    least = error(np.asarray(sum(w * a for w, a in zip(weights, answers, strict=True))))
    for one in np.argsort(weights, kind="stable").tolist():
        kept = [i for i in np.flatnonzero(weights).tolist() if i != one]
        if weights[one] == 0 or not kept:
            continue
        without = np.zeros(len(answers))
        without[kept] = greedy([answers[i] for i in kept], error)
        if error(np.asarray(sum(w * a for w, a in zip(without, answers, strict=True)))) <= least * (1 + SPARED):
            weights = without
    return weights


def interval(residuals: Floats, spread: Floats, coverage: float = 0.9) -> tuple[float, float]:
    """Return (low, high): prediction + low * spread to prediction + high * spread covers so many new rows.

    residuals (n,): truth less out-of-fold prediction; spread (n,): predicted out of fold too. Each side gets half.
    """
    scores, side = residuals / spread, (1 + coverage) / 2
    return -conformal_quantile(-scores, side), conformal_quantile(scores, side)
