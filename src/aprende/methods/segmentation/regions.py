"""How well one mask meets another: confusion of classes by area, overlap (Jaccard 1912), and agreement of boundaries.

Masks are uint8 (H, W) of places in a list of classes; where the true one is VOID nothing is counted. Knows no class.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Arrays, Metric

VOID = 255
TOLERANCE = 0.0075  # of the diagonal, within which boundaries agree (Csurka et al. 2013)
CONFUSED = 30  # classes up to which the confusion of every picture is kept, and each class is measured by itself
LONGEST = 640  # side at which boundaries are compared, in pixels

Places = NDArray[np.uint8]
Counts = NDArray[np.int64]


def confusion(truth: Places, said: Places, classes: int) -> Counts:
    """Return counts of pixels (K, K): rows are what is true, columns what was said."""
    known = (truth < classes) & (said < classes)
    pairs = truth[known].astype(np.int64) * classes + said[known]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def tallied(counts: Counts) -> Counts:
    """Return (…, K, 3) of confusions (…, K, K): pixels right, pixels true, pixels said, of each class."""
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    return np.stack([right, counts.sum(axis=-1), counts.sum(axis=-2)], axis=-1)


def overlap(tally: Counts) -> NDArray[np.float64]:
    """Return the intersection over union of each class (…, K) of a tally (…, K, 3); NaN where it is nowhere."""
    right, true, said = (tally[..., i].astype(np.float64) for i in range(3))
    union = true + said - right
    return np.where(union > 0, right / np.maximum(union, 1), np.nan)


def mean_overlap(tally: Counts) -> float:
    """Return the mean intersection over union of the classes that are anywhere in a tally (K, 3)."""
    held = overlap(tally)
    return float(np.nanmean(held)) if np.isfinite(held).any() else float("nan")


def boundary_score(truth: Places, said: Places, classes: int) -> float:
    """Return the mean over the true classes of the F1 of their boundaries (Csurka et al. 2013); NaN without any.

    A pixel of a boundary counts where the other mask's boundary of that class is within TOLERANCE of the diagonal.
    """
    step = max(1, math.ceil(max(truth.shape) / LONGEST))
    truth, said = truth[::step, ::step], said[::step, ::step]
    said = np.where(truth == VOID, np.uint8(VOID), said)
    reach = max(1.0, TOLERANCE * math.hypot(*truth.shape))
    found = [_agreement(_boundary(truth, k), _boundary(said, k), reach) for k in range(classes) if (truth == k).any()]
    held = [score for score in found if not math.isnan(score)]
    return float(np.mean(held)) if held else float("nan")


def _boundary(mask: Places, place: int) -> NDArray[np.bool_]:
    """Where a pixel of the class touches one of another class (not VOID), (H, W)."""
    inside, other = mask == place, (mask != place) & (mask != VOID)
    found = np.zeros(mask.shape, np.bool_)
    found[:-1] |= other[1:]
    found[1:] |= other[:-1]
    found[:, :-1] |= other[:, 1:]
    found[:, 1:] |= other[:, :-1]
    return np.asarray(found & inside)


def _agreement(truth: NDArray[np.bool_], said: NDArray[np.bool_], reach: float) -> float:
    """F1 of two boundaries; NaN where there is neither."""
    if not truth.any() and not said.any():
        return math.nan
    if not truth.any() or not said.any():
        return 0.0
    precision, recall = _near(said, truth, reach), _near(truth, said, reach)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _near(points: NDArray[np.bool_], others: NDArray[np.bool_], reach: float) -> float:
    """Share of these points that lie within `reach` pixels of one of the others."""
    from scipy.ndimage import distance_transform_edt

    return float((distance_transform_edt(~others)[points] <= reach).mean())


def units(confusions: Sequence[Counts], boundaries: Sequence[float], classes: int) -> Arrays:
    """Return what an Evaluation keeps of each picture: "tally" (n, K, 3), "boundary" (n,), "error" (n,): the share of
    its area that is wrong, and, where there are few classes, its "confusion" (n, K, K)."""
    counts = np.stack(confusions) if len(confusions) else np.zeros((0, classes, classes), np.int64)
    tally = tallied(counts)
    wrong = 1 - tally[..., 0].sum(axis=1) / np.maximum(1, tally[..., 1].sum(axis=1))
    held: Arrays = {"tally": tally, "boundary": np.asarray(boundaries, np.float64), "error": wrong}
    return held | ({"confusion": counts} if classes <= CONFUSED else {})


def metrics(names: Sequence[str]) -> dict[str, Metric]:
    """Return what is measured of such units: overlap, share of the area, boundaries, and the overlap of each class."""

    def one(place: int) -> Callable[[Arrays], float]:
        return lambda held: float(overlap(held["tally"].sum(axis=0))[place])

    found = {
        "mean IoU": Metric(lambda held: mean_overlap(held["tally"].sum(axis=0)), True, "%"),
        "pixel accuracy": Metric(_accuracy, True, "%"),
        "boundary F1": Metric(_boundaries, True, "%"),
    }
    each = {f"IoU: {name}": Metric(one(place), True, "%") for place, name in enumerate(names)}
    return found | (each if len(names) <= CONFUSED else {})


def _accuracy(held: Arrays) -> float:
    right, true = held["tally"][..., 0].sum(), held["tally"][..., 1].sum()
    return float(right / max(1, true))


def _boundaries(held: Arrays) -> float:
    known = held["boundary"][np.isfinite(held["boundary"])]
    return float(known.mean()) if len(known) else math.nan
