"""Known answers: overlap, and which of many boxes are kept."""

import numpy as np
import pytest

from aprende.core.precision import iou, overlaps
from aprende.methods.detection.boxes import kept, suppressed

A = np.array([[0, 0, 10, 10]], np.float32)


def test_overlap_of_boxes() -> None:
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 10, 20, 20], [2, 2, 4, 4]], np.float32)
    assert overlaps(A, others)[0].tolist() == [100, 50, 0, 4]
    assert iou(A, others)[0] == pytest.approx([1, 50 / 150, 0, 0.04])
    assert iou(A, np.zeros((1, 4), np.float32))[0, 0] == 0


def test_the_surer_of_two_that_overlap_is_kept() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]], np.float32)
    scores = np.array([0.6, 0.9, 0.3], np.float32)
    assert suppressed(boxes, scores, 0.5).tolist() == pytest.approx([0, 0.9, 0.3])
    assert suppressed(boxes, scores, 0.9).tolist() == pytest.approx([0.6, 0.9, 0.3])


def test_soft_suppression_lowers_by_overlap() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 0, 30, 10]], np.float32)
    left = suppressed(boxes, np.array([0.9, 0.6, 0.3], np.float32), 0.5, soft=0.5)
    assert left.tolist() == pytest.approx([0.9, 0.6 * np.exp(-((1 / 3) ** 2) / 0.5), 0.3], rel=1e-5)


def test_a_suppressed_box_suppresses_nothing() -> None:
    """b falls to a; c overlaps b alone, and stays."""
    boxes = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], np.float32)
    assert (suppressed(boxes, np.array([0.9, 0.8, 0.7], np.float32), 0.4) > 0).tolist() == [True, False, True]


def test_classes_are_suppressed_by_themselves_and_ties_go_to_the_first() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 10]], np.float32)
    places, left = kept(np.array([[0.8, 0.1], [0.8, 0.7]], np.float32), boxes, 0.05, 0.5)
    assert places.tolist() == [[0, 0], [1, 1]]
    assert left.tolist() == pytest.approx([0.8, 0.7])


def test_at_most_so_many_and_none_below_the_least() -> None:
    boxes = np.array([[20 * i, 0, 20 * i + 10, 10] for i in range(6)], np.float32)
    scores = np.array([[0.1 * i] for i in range(6)], np.float32)
    places, _ = kept(scores, boxes, 0.15, 0.5, at_most=3)
    assert places[:, 0].tolist() == [3, 4, 5]
    assert kept(scores, boxes, 0.9, 0.5)[0].shape == (0, 2)
