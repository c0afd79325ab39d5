"""Feature space: classes that a straight cut tells apart, and classes that it cannot."""

import numpy as np
import pytest

from aprende.insight.look import _plain
from aprende.insight.space import planes, probe


def test_separable_classes_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 200)
    features = rng.normal(size=(200, 30)).astype(np.float32)
    features[np.arange(200), truth] += 6
    found = probe(features, truth)
    assert found is not None
    assert found.accuracy > 0.97
    assert found.low < found.accuracy <= found.high


def test_noise_is_told_apart_by_chance_only() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 300)
    found = probe(rng.normal(size=(300, 400)).astype(np.float32), truth)  # more dimensions than rows: easy to overfit
    assert found is not None
    assert found.low < 0.5 < found.high


def test_a_ring_around_a_disc_is_not_linearly_separable_but_its_radius_is() -> None:
    rng = np.random.default_rng(2)
    truth = np.repeat([0, 1], 150)
    far, turn = np.where(truth, rng.uniform(2, 3, 300), rng.uniform(0, 1, 300)), rng.uniform(0, 2 * np.pi, 300)
    at = np.stack([far * np.cos(turn), far * np.sin(turn)], axis=1).astype(np.float32)
    flat, lifted = probe(at, truth), probe(np.c_[at, far].astype(np.float32), truth)
    assert flat is not None
    assert lifted is not None
    assert flat.accuracy < 0.65
    assert lifted.accuracy > 0.97


@pytest.mark.parametrize("truth", [[0] * 10, [0] * 9 + [1]])
def test_classes_too_rare_are_not_judged(truth: list[int]) -> None:
    assert probe(np.zeros((10, 3), np.float32), np.array(truth)) is None


def test_features_that_never_change_give_the_commonest_class() -> None:
    found = probe(np.ones((30, 4), np.float32), np.array([0] * 20 + [1] * 10))
    assert found is not None
    assert found.accuracy == pytest.approx(2 / 3)


def test_planes_keep_groups_apart() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 40)
    features = (10 * np.eye(3)[truth] @ rng.normal(size=(3, 20)) + rng.normal(size=(120, 20))).astype(np.float32)
    found = planes(features)
    assert {"PCA", "t-SNE"} <= set(found)
    for at in found.values():
        assert at.shape == (120, 2)
        middles = np.stack([at[truth == k].mean(axis=0) for k in range(3)])
        nearest = np.linalg.norm(at[:, None] - middles, axis=2).argmin(axis=1)
        assert (nearest == truth).mean() > 0.95
        assert -0.05 < at.min() < at.max() < 1.05


def test_a_single_dimension_has_a_plane_too() -> None:
    assert planes(np.arange(5, dtype=np.float32)[:, None])["PCA"].shape == (5, 2)


def test_large_pictures_are_averaged_before_they_are_points() -> None:
    rng = np.random.default_rng(0)
    small, large = (rng.integers(0, 256, (3, side, side, 2), dtype=np.uint8) for side in (20, 128))
    assert (_plain(small) == small.reshape(3, -1)).all()
    halved = large.reshape(3, 64, 2, 64, 2, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(_plain(large).reshape(3, 64, 64, 2), halved, rtol=1e-5)
