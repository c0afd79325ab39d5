"""Nearest points: the same bits alone and in a batch, with many rows on the same spot and many equally far."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from aprende.methods.tables import neighbours
from aprende.methods.tables.neighbours import FEW, Nearest
from aprende.methods.tables.views import Rows

RNG = np.random.default_rng(0)
SPREAD = RNG.normal(size=(500, 3)) * 100
POINTS = {
    "spread": SPREAD,
    "grid": np.round(SPREAD / 50) * 50,
    "one spot": np.where(RNG.random((500, 1)) < 0.8, 7.0, SPREAD),
    "all the same": np.zeros((500, 3)),
    "two": SPREAD[:2],
}


@pytest.mark.parametrize("points", POINTS.values(), ids=POINTS)
@pytest.mark.parametrize("k", [1, 10, 120])
def test_alone_and_in_a_batch_are_the_same_bit_for_bit(points: np.ndarray, k: int) -> None:
    k = min(k, len(points))
    asked = np.concatenate([points[:60], points[:60] + 25.0])
    far, near = Nearest(points).query(asked, k)
    alone = [Nearest(points).query(row[None], k) for row in asked]
    np.testing.assert_array_equal(far, np.concatenate([f for f, _ in alone]))
    np.testing.assert_array_equal(near, np.concatenate([n for _, n in alone]))


@pytest.mark.parametrize("n", [1, FEW + 1])
def test_they_are_the_nearest_and_equally_far_ones_in_order(n: int) -> None:
    points = np.array([[3.0, 0], [1, 0], [-1, 0], [1, 0], [0, 2], [1, 0]])
    far, near = Nearest(points).query(np.zeros((n, 2)), 5)
    assert near[-1].tolist() == [2, 1, 3, 5, 4]  # by distance, then by place, then by row
    assert far[-1].tolist() == [1, 1, 1, 1, 2]


def test_a_tree_comes_only_with_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Nearest, "_by_tree", None)
    nearest = Nearest(SPREAD)
    for row in SPREAD[:FEW]:
        nearest.query(row[None], 3)
    with pytest.raises(TypeError):
        nearest.query(SPREAD[:1], 3)


def test_columns_of_rows_on_the_same_spot_do_not_depend_on_the_batch() -> None:
    n = 200
    places = np.where(RNG.random((n, 1)) < 0.7, [19.4, -99.1], RNG.normal(size=(n, 2)) + [19.4, -99.1])
    signals = RNG.normal(size=(n, 2))

    def rows(which: slice) -> Rows:
        return Rows([], np.zeros((n, 0))[which], {}, {"at": places[which]}, {}, rough=np.round(signals[which, :1]))

    block, _ = neighbours.fit(rows(slice(n)), "at", signals, 1, np.arange(n))
    fresh = dataclasses.replace(block)  # has built no tree yet
    alone = [fresh.transform(rows(slice(i, i + 1))) for i in range(FEW)]
    np.testing.assert_array_equal(block.transform(rows(slice(n)))[:FEW], np.concatenate(alone))


def test_a_model_of_tables_loads_without_scipy() -> None:
    """Its import takes longer than to answer one row."""
    asked = "import sys, aprende.systems.tables; print(*(m for m in sys.modules if m in ('scipy', 'sklearn', 'torch')))"
    assert (
        subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split() == []
    )
