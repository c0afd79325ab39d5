"""What lies far from all that a network learnt from is told; what lies among it is not."""

import numpy as np
import pytest

from aprende.core import embedded


def rows(n: int, seed: int = 0) -> np.ndarray:
    """Embeddings that fill a plane in 16 dimensions."""
    rng = np.random.default_rng(seed)
    plane = np.random.default_rng(9).normal(size=(2, 16))
    return (rng.normal(size=(n, 2)) @ plane + 0.01 * rng.normal(size=(n, 16))).astype(np.float32)


def test_usual_rows_are_usual_and_strange_ones_are_told() -> None:
    remembered = embedded.remember(rows(300), rows(100, 1))
    assert remembered is not None
    arrays, limit = remembered
    assert embedded.unlike(arrays, limit, rows(200, 2)).mean() < 0.05
    aside = rows(50, 3) + 2 * np.eye(16, dtype=np.float32)[0]  # out of the plane by less than rows spread in it
    assert embedded.unlike(arrays, limit, aside).mean() > 0.95


@pytest.mark.parametrize(("train", "valid"), [(3, 100), (300, 2), (0, 0)])
def test_too_few_rows_tell_nothing(train: int, valid: int) -> None:
    assert embedded.remember(rows(train), rows(valid)) is None
    assert embedded.unlike({}, 0.0, rows(4)).tolist() == [0, 0, 0, 0]
