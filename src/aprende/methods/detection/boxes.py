"""Which of many boxes that overlap are kept: non-maximum suppression in NumPy. Knows no network.

A box is four numbers: left, top, right, bottom, in pixels; an array of them is (n, 4).
"""

import numpy as np
from numpy.typing import NDArray

from aprende.core.precision import iou

Floats = NDArray[np.float32]
STEP = 1 / 4096  # scores nearer than this are equal: then the first of them goes first, whatever computed them


def suppressed(boxes: Floats, scores: Floats, most: float, soft: float = 0.0) -> Floats:
    """Return the scores (n,) after non-maximum suppression: 0 where a better box overlaps by more than `most`.

    soft: where given, the score falls with the overlap by exp(-iou² / soft) instead (Soft-NMS, Bodla et al. 2017).
    """
    left, over = scores.copy(), iou(boxes, boxes)
    waiting = np.ones(len(boxes), bool)
    for _ in range(len(boxes)):
        best = int(np.argmax(np.where(waiting, np.floor(left / STEP), -1.0)))
        if left[best] <= 0 or not waiting[best]:
            break
        waiting[best] = False
        factor = np.exp(-(over[best] ** 2) / soft) if soft else over[best] <= most
        left = np.where(waiting, left * factor, left).astype(np.float32)
    return left


def kept(
    scores: Floats, boxes: Floats, least: float, most: float, soft: float = 0.0, at_most: int = 100
) -> tuple[NDArray[np.int64], Floats]:
    """Choose among the boxes of one picture: scores (A, K), boxes (A, 4) → places (m, 2) of cell and class, and the
    scores (m,) that they are left with, cell by cell. Each class is suppressed by itself.

    least: the lowest score kept. At most `at_most` boxes a picture; four times as many of a class are looked at.
    """
    places, left = [], []
    for kind in range(scores.shape[1]):
        cells = np.flatnonzero(scores[:, kind] >= least)
        order = np.argsort(-np.floor(scores[cells, kind] / STEP), kind="stable")[: 4 * at_most]
        cells = cells[order]
        now = suppressed(boxes[cells], scores[cells, kind], most, soft)
        good = now >= least
        places.append(np.stack([cells[good], np.full(int(good.sum()), kind)], axis=1))
        left.append(now[good])
    every, now = np.concatenate(places), np.concatenate(left).astype(np.float32)
    best = np.argsort(-np.floor(now / STEP), kind="stable")[:at_most]
    best = best[np.lexsort((every[best, 1], every[best, 0]))]
    return every[best], now[best]
