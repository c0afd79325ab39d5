"""Known answers of what compares masks: confusion, overlap, boundaries."""

import numpy as np
import pytest

from aprende.methods.segmentation import regions

TRUTH = np.zeros((20, 20), np.uint8)
TRUTH[5:15, 5:15] = 1
SHIFTED = np.zeros((20, 20), np.uint8)
SHIFTED[5:15, 10:20] = 1


def test_confusion_leaves_void_out() -> None:
    truth = np.array([[0, 1, 1, 255]], np.uint8)
    said = np.array([[0, 0, 1, 1]], np.uint8)
    assert regions.confusion(truth, said, 2).tolist() == [[1, 0], [1, 1]]


def test_overlap_of_a_square_half_aside() -> None:
    tally = regions.tallied(regions.confusion(TRUTH, SHIFTED, 2))
    assert tally.tolist() == [[250, 300, 300], [50, 100, 100]]
    assert regions.overlap(tally) == pytest.approx([250 / 350, 50 / 150])
    assert regions.mean_overlap(tally) == pytest.approx((250 / 350 + 50 / 150) / 2)


def test_a_class_that_is_nowhere_does_not_count() -> None:
    tally = regions.tallied(regions.confusion(TRUTH, TRUTH, 3))
    assert np.isnan(regions.overlap(tally)[2])
    assert regions.mean_overlap(tally) == 1


def test_boundaries() -> None:
    assert regions.boundary_score(TRUTH, TRUTH, 2) == 1
    assert regions.boundary_score(TRUTH, np.zeros_like(TRUTH), 2) == 0
    near = np.roll(TRUTH, 1, axis=1)  # the tolerance is at least one pixel
    assert regions.boundary_score(TRUTH, near, 2) == 1
    assert 0 < regions.boundary_score(TRUTH, SHIFTED, 2) < 1
    assert np.isnan(regions.boundary_score(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8), 2))


def test_boundaries_do_not_judge_where_nothing_is_known() -> None:
    truth, said = TRUTH.copy(), TRUTH.copy()
    truth[0:5], said[0:5] = 255, 1
    assert regions.boundary_score(truth, said, 2) == 1


def test_units_and_metrics() -> None:
    counts = [regions.confusion(TRUTH, said, 2) for said in (TRUTH, SHIFTED)]
    units = regions.units(counts, [1.0, np.nan], 2)
    assert units["error"] == pytest.approx([0, 100 / 400])
    metrics = regions.metrics(["ground", "square"])
    assert metrics["pixel accuracy"].compute(units) == pytest.approx(700 / 800)
    assert metrics["boundary F1"].compute(units) == 1
    assert metrics["IoU: square"].compute(units) == pytest.approx(150 / 250)
    assert "IoU: a" not in regions.metrics(["a"] * 40)
