"""How well probabilities of yes or no do: area under the ROC curve, average precision, operating point, calibration.

NumPy (SciPy for the calibration). Knows columns of truth and score, and not what they are about.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Yes = NDArray[np.bool_]


def ranks(score: Floats) -> Ints:
    """Return the rank of each score among the distinct ones (n,): what the areas need, so that they sort once only."""
    return np.unique(score, return_inverse=True)[1].reshape(score.shape).astype(np.int64)


def _counts(rank: Ints, yes: Yes) -> tuple[Ints, Ints]:
    """How many yes, and how many no, there are at each rank."""
    size = int(rank.max(initial=0)) + 1
    return np.bincount(rank[yes], minlength=size), np.bincount(rank[~yes], minlength=size)


def auroc(rank: Ints, yes: Yes) -> float:
    """Return the chance that a yes ranks above a no, ties half (Hanley and McNeil 1982); NaN where one is lacking."""
    of_yes, of_no = _counts(rank, yes)
    pairs = float(of_yes.sum()) * float(of_no.sum())
    return float((of_yes * (np.cumsum(of_no) - of_no / 2)).sum() / pairs) if pairs else float("nan")


def average_precision(rank: Ints, yes: Yes) -> float:
    """Return the mean over the yes of the precision at their own score; NaN where there is none."""
    of_yes, of_no = (counts[::-1] for counts in _counts(rank, yes))
    if not of_yes.sum():
        return float("nan")
    found, said = np.cumsum(of_yes), np.cumsum(of_yes + of_no)
    return float((of_yes * found / np.maximum(said, 1)).sum() / of_yes.sum())


def share(flags: NDArray[Any], of: Yes) -> float:
    """Return the share of these rows that are flagged; NaN where there are none."""
    return float(flags[of].mean()) if of.any() else float("nan")


@dataclass(frozen=True)
class Platt:
    """probability = 1 / (1 + exp(-(slope · score + offset)))."""

    slope: float
    offset: float

    def __call__(self, score: Floats) -> Floats:
        """score (n,) → probability (n,)."""
        return sigmoid(self.slope * np.asarray(score, dtype=np.float64) + self.offset)


def sigmoid(score: Floats) -> Floats:
    """1 / (1 + exp(-score)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * score)))


def platt(score: Floats, yes: Yes, offset: float = 0.0) -> Platt:
    """Return the calibration that valid asks for (Platt 1999), held near slope 1 and this offset where rows are few.

    offset: what is known beforehand, the log-odds of train. The pull is that of a normal prior with deviation 0.5 for
    log(slope) and 1 for the offset: a dozen rows hardly move it, hundreds do as they like.
    """
    from scipy.optimize import minimize

    signs = np.where(yes, 1.0, -1.0)

    def loss(at: Floats) -> float:
        margins = signs * (np.exp(at[0]) * score + at[1])
        prior = 2 * at[0] ** 2 + 0.5 * (at[1] - offset) ** 2
        return float(np.logaddexp(0.0, -margins).sum() + prior)

    found = minimize(loss, np.array([0.0, offset]), method="L-BFGS-B", bounds=[(-3, 3), (-30, 30)]).x
    return Platt(float(np.exp(found[0])), float(found[1]))


def operating_point(probability: Floats, yes: Yes, sensitivity: float) -> float:
    """Return the greatest threshold at or above which this share of the yes lie; 0.5 where there is no yes.

    Half-way to the next lower probability, so that a hair's breadth does not decide.
    """
    held = np.sort(probability[yes])[::-1]
    if not len(held):
        return 0.5
    least = float(held[min(len(held), max(1, int(np.ceil(sensitivity * len(held))))) - 1])
    lower = probability[probability < least]
    return (least + float(lower.max())) / 2 if len(lower) else least
