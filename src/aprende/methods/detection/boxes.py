"""Boxes as numbers: how much two overlap, and which of many that overlap are kept. NumPy alone; knows no network.

A box is four numbers: left, top, right, bottom, in pixels; an array of them is (n, 4).
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
STEP = 1 / 4096  # scores nearer than this are equal: then the first of them goes first, whatever computed them


def areas(boxes: NDArray[np.floating]) -> NDArray[np.floating]:
    """(n, 4) → (n,) in square pixels."""
    return np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)


def overlaps(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    """The area that each of `a` (n, 4) shares with each of `b` (m, 4): (n, m)."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.asarray(np.maximum(high - low, 0).prod(axis=2))


def iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    """Intersection over union of each of `a` (n, 4) with each of `b` (m, 4): (n, m)."""
    shared = overlaps(a, b)
    return np.asarray(shared / np.maximum(areas(a)[:, None] + areas(b)[None] - shared, 1e-9))


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
