"""Figures of answers of classes, by hand."""

import numpy as np

from aprende.methods.classification import accuracy


def units(truth: list[int], shares: np.ndarray) -> dict[str, np.ndarray]:
    places = np.array(truth)
    error = 1 - shares[np.arange(len(places)), places]
    return {"truth": places, "prediction": shares.argmax(1), "probabilities": shares, "error": error}


def test_top_five_is_told_of_ten_classes_and_more() -> None:
    assert "top-5 accuracy" in accuracy.metrics(10)
    assert "top-5 accuracy" not in accuracy.metrics(9)


def test_top_five_counts_the_five_likeliest_and_ties_by_place() -> None:
    falling = np.linspace(0.2, 0, 10)
    assert accuracy.among_five(units([4, 5], np.stack([falling, falling]))) == 0.5
    assert accuracy.among_five(units([4, 5], np.full((2, 10), 0.1))) == 0.5


def test_balanced_accuracy_is_the_mean_of_the_classes() -> None:
    held = units([0, 0, 0, 1], np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]]))
    assert accuracy.right(held) == 0.75
    assert np.isclose(accuracy.balanced(held), (2 / 3 + 1) / 2)
    assert np.isclose(accuracy.log_loss(held), -np.log([0.9, 0.8, 0.3, 0.6]).mean())
