"""Blending and intervals: known answers."""

import numpy as np

from aprende.methods.tables import blend


def test_opposite_errors_are_averaged_away() -> None:
    truth = np.random.default_rng(0).normal(size=(200, 1))
    answers = [truth + 1, truth - 1, truth + 5]
    weights = blend.greedy(answers, lambda said: float(np.abs(said - truth).mean()))
    np.testing.assert_allclose(weights, [0.5, 0.5, 0.0])


def test_one_answer_takes_all() -> None:
    truth = np.zeros((10, 1))
    weights = blend.greedy([truth + 2, truth + 1], lambda said: float(np.abs(said - truth).mean()))
    np.testing.assert_allclose(weights, [0.0, 1.0])


def test_a_model_that_helps_hardly_at_all_is_left_out_and_one_that_helps_is_not() -> None:
    truth = np.zeros((1000, 1))
    rng = np.random.default_rng(0)
    good, other = rng.normal(size=(1000, 1)), rng.normal(size=(1000, 1))

    def error(said: blend.Floats) -> float:
        return float(np.abs(said - truth).mean())

    alike = good + 0.1 * rng.normal(size=(1000, 1))
    assert np.count_nonzero(blend.greedy([good, alike, other], error)) == 3
    weights = blend.frugal([good, alike, other], error)
    assert np.count_nonzero(weights) == 2
    assert weights[2] > 0
    assert error(sum(w * a for w, a in zip(weights, (good, alike, other), strict=True))) < 0.8 * error(good)


def test_intervals_cover_what_they_promise_and_follow_the_spread() -> None:
    rng = np.random.default_rng(0)
    spread = rng.uniform(0.5, 3.0, 4000)
    residuals = rng.exponential(spread) - 0.5 * spread  # lopsided
    low, high = blend.interval(residuals[:2000], spread[:2000])
    inside = (residuals[2000:] >= low * spread[2000:]) & (residuals[2000:] <= high * spread[2000:])
    assert 0.88 <= inside.mean() <= 0.92
    assert -low < high
