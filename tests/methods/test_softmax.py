"""Softmax regression: the same answer as scikit-learn's, and a penalty chosen on valid."""

import numpy as np
import pytest

from aprende.methods import softmax


def clouds(n: int, seed: int, d: int = 8, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    centres = np.random.default_rng(9).normal(0, 1, (classes, d))
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, n)
    return (centres[truth] + rng.normal(0, 1, (n, d))).astype(np.float32), truth


def test_equals_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    features, truth = clouds(300, 0)
    ours = softmax.fit(features, truth, 3, 0.01).probabilities(features)
    scaled = (features - features.mean(0)) / features.std(0)
    theirs = linear.LogisticRegression(C=1 / (0.01 * 300), tol=1e-8, max_iter=1000).fit(scaled, truth)
    assert np.abs(ours - theirs.predict_proba(scaled)).max() < 5e-3


def test_probabilities_are_probabilities_and_generalise() -> None:
    made = softmax.choose(clouds(300, 0), clouds(200, 1), 3)
    features, truth = clouds(500, 2)
    shares = made.probabilities(features)
    assert np.allclose(shares.sum(1), 1)
    assert (shares.argmax(1) == truth).mean() > 0.75
    assert made.penalty in softmax.PENALTIES


def test_more_features_than_rows_and_an_absent_class_are_fine() -> None:
    features = np.random.default_rng(0).normal(0, 1, (12, 50)).astype(np.float32)
    made = softmax.fit(features, np.arange(12) % 2, 3, 0.1)
    shares = made.probabilities(features)
    assert np.isfinite(shares).all()
    assert (shares.argmax(1) == np.arange(12) % 2).all()
    assert shares[:, 2].max() < 0.3


def test_log_loss_of_certainty_and_of_nothing() -> None:
    assert softmax.log_loss(np.array([[0.25, 0.75]]), np.array([1])) == pytest.approx(-np.log(0.75))
    assert softmax.log_loss(np.zeros((0, 2)), np.array([], dtype=np.int64)) == float("inf")
