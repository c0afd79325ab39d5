"""The traditional pipeline: learns what can be learnt, says what it did, the same each time."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from aprende.core.errors import DataError
from aprende.methods import traditional


def drawings(n: int, seed: int, channels: int = 3, side: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Discs, squares and crosses on noise, at random places."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 90, (n, side, side, channels), dtype=np.uint8)
    kinds = rng.integers(0, 3, n)
    down, across = np.mgrid[:side, :side]
    for picture, kind in zip(pictures, kinds, strict=True):
        y, x, size = *rng.integers(8, side - 8, 2), rng.integers(4, 7)
        far = np.maximum(abs(down - y), abs(across - x))
        cross = (np.minimum(abs(down - y), abs(across - x)) < 2) & (far < size)
        inside = [np.hypot(down - y, across - x) < size, far < size, cross][kind]
        picture[inside] = rng.integers(150, 255, channels)
    return pictures, np.array(["disc", "square", "cross"])[kinds]


@pytest.mark.parametrize("channels", [1, 3])
def test_learns_shapes(channels: int) -> None:
    model = traditional.fit(*drawings(300, 0, channels), seconds=10)
    pictures, labels = drawings(200, 1, channels)
    chances = model.predict_proba(pictures)
    assert model.classes == ["cross", "disc", "square"]
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    said = np.array(model.classes)[chances.argmax(axis=1)]
    assert (said == labels).mean() > 0.9
    truth = chances[np.arange(200), np.searchsorted(model.classes, labels)]
    assert -np.log(truth).mean() < 0.35  # probabilities mean what they say


def test_same_seed_same_model() -> None:
    pictures, labels = drawings(120, 0)
    first, again = (traditional.fit(pictures, labels, seconds=5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.predict_proba(pictures), again.predict_proba(pictures))
    assert first.describe() == again.describe()


def test_one_by_one_equals_a_batch() -> None:
    pictures, labels = drawings(100, 0)
    model = traditional.fit(pictures, labels, seconds=5)
    single = np.concatenate([model.predict_proba(pictures[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(single, model.predict_proba(pictures[:5]), atol=1e-5)
    assert model.predict_proba(pictures[:0]).shape == (0, 3)


@pytest.mark.parametrize("kind", ["rbf", "linear", "logistic"])
@pytest.mark.parametrize("classes", [2, 3])
def test_every_classifier(kind: str, classes: int) -> None:
    rng = np.random.default_rng(0)
    target = np.arange(90) % classes
    features = (rng.normal(0, 1, (90, 30)) + 3 * np.eye(30)[target]).astype(np.float32)
    decision = traditional._train(traditional.Choice(kind, 0.5, 1.0), features, target, classes)
    assert (decision.scores(features).argmax(axis=1) == target).mean() > 0.9
    assert set(range(classes)) <= set(decision.kept.tolist())  # those that tell are kept
    assert len(decision.kept) == 15


def test_big_sets_are_drawn_by_class_and_said_so() -> None:
    pictures, labels = drawings(400, 0)
    model = traditional.fit(pictures, labels, seconds=1)
    assert (model.used, model.given) == (pytest.approx(200, abs=3), 400)
    assert "of 400 pictures" in model.describe()
    assert "visual words" in model.describe()


def test_class_with_one_member() -> None:
    pictures, labels = drawings(60, 0)
    labels[0] = "alone"
    model = traditional.fit(pictures, labels, seconds=2)
    assert model.classes == ["alone", "cross", "disc", "square"]
    assert np.isfinite(model.predict_proba(pictures)).all()


def test_oblong_and_large_pictures_are_made_smaller() -> None:
    assert traditional.smaller(np.zeros((2, 130, 300, 3), np.uint8)).shape == (2, 65, 65, 3)
    assert traditional.smaller(np.full((1, 128, 128, 1), 77, np.uint8)).tolist() == np.full((1, 64, 64, 1), 77).tolist()
    assert traditional.smaller(np.zeros((1, 20, 10, 3), np.uint8)).shape == (1, 10, 10, 3)


def test_too_little_is_refused() -> None:
    pictures, labels = drawings(10, 0)
    with pytest.raises(DataError, match="at least 2 classes"):
        traditional.fit(pictures, ["a"] * 10)
    with pytest.raises(DataError, match="label for each of 10"):
        traditional.fit(pictures, labels[:9])


def test_few_tiny_pictures() -> None:
    pictures, labels = drawings(12, 0, side=24)
    model = traditional.fit(pictures[:, 8:16, 8:16], labels, seconds=2)
    assert "visual words" not in model.describe()
    assert model.predict_proba(pictures[:, 8:16, 8:16]).shape == (12, 3)
