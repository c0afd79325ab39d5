"""Probabilities that mean what they say; intervals that cover what they promise."""

import numpy as np
import pytest

from aprende.core import calibrate


def drawn(sharpness: float, n: int = 20_000, k: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Classes drawn from known probabilities, and those probabilities made `sharpness` times too sure of themselves."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, k))
    honest = calibrate.tempered(np.exp(logits) / np.exp(logits).sum(1, keepdims=True), 1.0)
    truth = (honest.cumsum(1) > rng.random((n, 1))).argmax(1)
    return calibrate.tempered(honest, 1 / sharpness), truth


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0, 5.0])
def test_the_temperature_is_recovered(sharpness: float) -> None:
    probabilities, truth = drawn(sharpness)
    assert calibrate.temperature(probabilities, truth) == pytest.approx(sharpness, rel=0.05)


def test_tempering_makes_an_overconfident_model_honest() -> None:
    probabilities, truth = drawn(3.0)
    before = calibrate.expected_calibration_error(probabilities, truth)
    honest = calibrate.tempered(probabilities, calibrate.temperature(probabilities, truth))
    assert before > 0.15
    assert calibrate.expected_calibration_error(honest, truth) < 0.02
    assert (honest.argmax(1) == probabilities.argmax(1)).all()
    assert honest.sum(1) == pytest.approx(np.ones(len(honest)))


def test_too_few_rows_teach_no_temperature() -> None:
    probabilities, truth = drawn(3.0, n=19)
    assert calibrate.temperature(probabilities, truth) == 1.0


def test_certainties_do_not_break_the_temperature() -> None:
    sure = np.eye(3)[np.arange(60) % 3]
    found = calibrate.temperature(sure, (np.arange(60) + (np.arange(60) < 6)) % 3)  # six of sixty are wrong
    assert 1 < found < 13
    assert np.isfinite(calibrate.tempered(sure, found)).all()


@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.99])
def test_conformal_intervals_cover_what_they_promise(coverage: float) -> None:
    """Over many small valid parts, a new score lies below the quantile at least so often (Vovk 2005)."""
    rng = np.random.default_rng(0)
    n, hits = 150, []
    for _ in range(3000):
        scores = rng.exponential(size=n + 1)
        hits.append(scores[-1] <= calibrate.conformal_quantile(scores[:-1], coverage))
    assert np.mean(hits) == pytest.approx(coverage + (1 - coverage) / (2 * n), abs=0.02)


def test_conformal_quantiles_of_few_scores() -> None:
    assert calibrate.conformal_quantile(np.array([1.0, 2.0, 3.0, 4.0]), 0.5) == 3.0  # ceil(5 × 0.5) = third
    assert calibrate.conformal_quantile(np.array([1.0]), 0.9) == 1.0
    assert calibrate.conformal_quantile(np.array([]), 0.9) == float("inf")


def test_the_reliability_diagram_counts_every_row_once() -> None:
    probabilities, truth = drawn(1.0, n=500)
    rows = calibrate.reliability(probabilities, truth)
    assert sum(r["count"] for r in rows) == 500
    assert all(0.25 <= r["confidence"] <= 1 for r in rows)


def test_the_calibration_error_of_a_known_case() -> None:
    """Ten rows said with 0.8, of which five are right: the gap is 0.3."""
    probabilities = np.tile([0.8, 0.2], (10, 1))
    assert calibrate.expected_calibration_error(probabilities, np.repeat([0, 1], 5)) == pytest.approx(0.3)
