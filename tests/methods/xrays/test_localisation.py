"""Pointing, T(IoBB) and T(IoU): answers known by hand; maps that know nothing do no better than chance."""

import numpy as np
import pytest

from aprende.methods.xrays import localisation
from aprende.methods.xrays.localisation import GRID


def mask(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """A box, in shares of the side."""
    held = np.zeros((GRID, GRID), np.bool_)
    held[int(top * GRID) : int(bottom * GRID), int(left * GRID) : int(right * GRID)] = True
    return held


def cells(*at: tuple[int, int], n: int = 8) -> np.ndarray:
    held = np.zeros((n, n), np.float32)
    for row, col in at:
        held[row, col] = 1.0
    return held


def test_a_map_that_is_the_mask_is_right_in_everything() -> None:
    truth = mask(0.25, 0.25, 0.75, 0.75)
    found = localisation.judged(truth.astype(np.float32), truth)
    assert found == {"pointing": 1.0, "iobb": 1.0, "iou": 1.0}


def test_a_map_elsewhere_is_wrong_in_everything() -> None:
    found = localisation.judged(cells((7, 7)), mask(0, 0, 0.5, 0.5))
    assert found == {"pointing": 0.0, "iobb": 0.0, "iou": 0.0}


def test_shares_by_hand() -> None:
    """The map is the left half; the truth is the upper half: a quarter is shared by both."""
    left = np.zeros((GRID, GRID), np.float32)
    left[:, : GRID // 2] = 0.9
    left[10, 10] = 1.0
    found = localisation.judged(left, mask(0, 0, 1, 0.5))
    assert found["pointing"] == 1.0
    assert found["iobb"] == pytest.approx(0.5, abs=0.03)
    assert found["iou"] == pytest.approx(1 / 3, abs=0.02)


def test_iobb_looks_at_the_part_that_holds_the_peak_and_iou_at_all() -> None:
    both = np.zeros((GRID, GRID), np.float32)
    both[:16, :16] = 1.0
    both[48:, 48:] = 0.8
    found = localisation.judged(both, mask(0, 0, 0.25, 0.25))
    assert found["iobb"] > 0.95
    assert found["iou"] == pytest.approx(0.5, abs=0.05)


def test_only_places_that_are_told_are_scored() -> None:
    maps = np.stack([np.stack([cells((0, 0)), cells((7, 7))])] * 3)
    found = localisation.scored(maps, {(1, 0): mask(0, 0, 0.25, 0.25), (2, 1): mask(0, 0, 0.25, 0.25)})
    assert np.isnan(found["pointing"]).sum() == 4
    assert (found["pointing"][1, 0], found["pointing"][2, 1]) == (1.0, 0.0)


def test_the_centre_map_points_to_the_middle() -> None:
    centre = localisation.centre_map(2, 3)
    assert centre.shape[:2] == (2, 3)
    assert localisation.judged(centre[0, 0], mask(0.45, 0.45, 0.55, 0.55))["pointing"] == 1.0
    assert localisation.judged(centre[0, 0], mask(0, 0, 0.3, 0.3))["pointing"] == 0.0


def test_random_maps_point_by_chance() -> None:
    maps = localisation.random_maps(400, 1)
    truth = mask(0, 0, 0.5, 0.5)
    hits = np.mean([localisation.judged(m[0], truth)["pointing"] for m in maps])
    assert 0.17 < hits < 0.33


def test_the_mean_map_is_the_mean_of_the_masks() -> None:
    places = {(0, 0): mask(0, 0, 0.5, 1), (1, 0): mask(0, 0, 1, 1), (1, 1): mask(0, 0.5, 1, 1)}
    found = localisation.mean_map(places, 3, 4)
    assert found[0].tolist() == [[1, 1, 0.5, 0.5]] * 4
    assert found[1].tolist() == [[0] * 4] * 2 + [[1] * 4] * 2
    assert not found[2].any()


def test_coarse_keeps_the_area() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((GRID, GRID)) < 0.3
    for n in (3, 7, 14, 64):
        assert localisation.coarse(truth, n).mean() == pytest.approx(truth.mean(), abs=1e-5)
