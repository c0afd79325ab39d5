"""How good found boxes are: matches picture by picture, and average precision from them, as COCO counts it.

    matches   found and true boxes of one picture → which found ones are right, at ten overlaps (greedy, best first)
    AP        of these, over all pictures: precision at 101 recalls (Lin et al. 2014), mean over overlaps and classes

A true box with score 0 does not count: it need not be found, and what is found in it is neither right nor wrong (COCO's
crowds, VOC's difficult things). Matches are kept a picture, so that pictures can be resampled. Knows no network.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Arrays

OVERLAPS = np.linspace(0.5, 0.95, 10)  # T
RECALLS = np.linspace(0.0, 1.0, 101)
RIGHT, WRONG, NEITHER = 1, 0, 2


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


def matches(found: NDArray[Any], truth: NDArray[Any], classes: int) -> NDArray[np.uint8]:
    """found (m, 6), truth (k, 6) of one picture → RIGHT, WRONG or NEITHER at each overlap: (m, T)."""
    state = np.zeros((len(found), len(OVERLAPS)), np.uint8)
    for kind in range(classes):
        own = np.flatnonzero(found[:, 4] == kind)
        own = own[np.argsort(-found[own, 5], kind="mergesort")]
        true = truth[truth[:, 4] == kind]
        if len(own) and len(true):
            state[own] = _matched(found[own, :4], true)
    return state


def _matched(found: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.uint8]:
    """The states (m, T) of boxes (m, 4) of one class, best first; truth (k, 6) of that class."""
    truth = truth[np.argsort(truth[:, 5] == 0, kind="mergesort")]  # those that count come first
    void = truth[:, 5] == 0
    found, true = found.astype(np.float64), truth[:, :4].astype(np.float64)
    within = overlaps(found, true) / np.maximum(areas(found)[:, None], 1e-9)
    over = np.where(void, within, iou(found, true))
    state = np.zeros((len(found), len(OVERLAPS)), np.uint8)
    for place, least in enumerate(OVERLAPS):
        free = np.ones(len(truth), bool)
        for row in range(len(found)):
            able = (over[row] >= min(least, 1 - 1e-10)) & free
            counted = able & ~void
            if counted.any():
                free[_last_best(over[row], counted)] = False
                state[row, place] = RIGHT
            elif able.any():  # a region that does not count may hold several
                state[row, place] = NEITHER
    return state


def _last_best(over: NDArray[Any], able: NDArray[np.bool_]) -> int:
    """The place of the greatest overlap among the able; of equals the last, as COCO's evaluator takes it."""
    held = np.where(able, over, -1.0)
    return len(held) - 1 - int(np.argmax(held[::-1]))


def units(found: Sequence[NDArray[Any]], truth: Sequence[NDArray[Any]], sure: NDArray[Any], classes: int) -> Arrays:
    """Return what is kept of n pictures, m being the most found in one:

    "score" (n, m) (-1: no box), "kind" (n, m), "state" (n, m, T), "sure" (n, m): among the picture's `sure` (n,) best;
    "truths" (n, K): how many true boxes count; "error" (n,): wrong and missed boxes, half an overlap being enough.
    """
    n, most = len(found), max([1, *map(len, found)])
    score, kind = np.full((n, most), -1.0, np.float32), np.zeros((n, most), np.int16)
    state, certain = np.zeros((n, most, len(OVERLAPS)), np.uint8), np.zeros((n, most), bool)
    truths = np.zeros((n, classes), np.int64)
    for row, (boxes, true) in enumerate(zip(found, truth, strict=True)):
        boxes = boxes[np.argsort(-boxes[:, 5], kind="mergesort")]
        many = len(boxes)
        score[row, :many], kind[row, :many] = boxes[:, 5], boxes[:, 4]
        state[row, :many] = matches(boxes, true, classes)
        certain[row, : int(sure[row])] = True
        truths[row] = np.bincount(true[true[:, 5] > 0, 4].astype(int), minlength=classes)
    certain &= score >= 0
    right, wrong = (((state[:, :, 0] == s) & certain).sum(1) for s in (RIGHT, WRONG))
    error = (truths.sum(1) - right + wrong).astype(np.float64)
    return {"score": score, "kind": kind, "state": state, "sure": certain, "truths": truths, "error": error}


def average_precision(held: Arrays, at: slice = slice(None)) -> NDArray[np.float64]:
    """Return AP by class and overlap (K, T'): NaN where no true box of the class counts. at: which of OVERLAPS."""
    real = held["score"] >= 0
    score, kind, state = held["score"][real], held["kind"][real], held["state"][..., at][real]
    order = np.argsort(-score, kind="stable")
    kind, state, total = kind[order], state[order], held["truths"].sum(axis=0)
    found = np.full((len(total), state.shape[1]), np.nan)
    for place in np.flatnonzero(total):
        found[place] = _areas(state[kind == place], int(total[place]))
    return found


def _areas(state: NDArray[np.uint8], truths: int) -> NDArray[np.float64]:
    """Area under precision by recall (T',): states (m, T'), best first."""
    recall, precision = curve(state, truths)
    if not len(precision):
        return np.zeros(state.shape[1])
    highest = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    places = [np.searchsorted(recall[:, i], RECALLS, side="left") for i in range(state.shape[1])]
    padded = np.vstack([highest, np.zeros(state.shape[1])])
    return np.array([padded[p, i].mean() for i, p in enumerate(places)])


def curve(state: NDArray[np.uint8], truths: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Recall and precision (m, T') after each box, best first."""
    right, wrong = (np.cumsum(state == s, axis=0, dtype=np.float64) for s in (RIGHT, WRONG))
    return right / max(1, truths), right / (right + wrong + np.spacing(1))


def mean_precision(held: Arrays, at: slice = slice(None)) -> float:
    """Return AP, mean over the classes that are there and over overlaps; NaN where nothing is there to find."""
    found = average_precision(held, at)
    known = found[np.isfinite(found).all(axis=1)]
    return float(known.mean()) if len(known) else float("nan")


def recall(held: Arrays) -> float:
    """Return the share of true boxes that a sure box overlaps by half or more."""
    total = held["truths"].sum()
    return float(((held["state"][:, :, 0] == RIGHT) & held["sure"]).sum() / total) if total else float("nan")


def precision(held: Arrays) -> float:
    """Return the share of sure boxes that overlap a true one by half or more; 1 where there are none."""
    right, wrong = (((held["state"][:, :, 0] == s) & held["sure"]).sum() for s in (RIGHT, WRONG))
    return float(right / (right + wrong)) if right + wrong else 1.0


def best_threshold(held: Arrays) -> tuple[float, float]:
    """Return the score from which on boxes are best taken for true (the highest F1 over all classes), and that F1."""
    real = held["score"] >= 0
    score, state = held["score"][real], held["state"][:, :, 0][real]
    order = np.argsort(-score, kind="stable")
    right, wrong = (np.cumsum(state[order] == s) for s in (RIGHT, WRONG))
    if not len(order) or not right[-1]:
        return 0.5, 0.0
    f1 = 2 * right / (right + wrong + held["truths"].sum())
    best = int(np.argmax(f1))
    after = score[order][best + 1] if best + 1 < len(order) else 0.0
    return float((score[order][best] + after) / 2), float(f1[best])
