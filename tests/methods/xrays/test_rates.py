"""Areas, operating point and calibration: known answers, and scikit-learn's."""

import numpy as np
import pytest

from aprende.methods.xrays import rates


def test_areas_by_hand() -> None:
    score = np.array([0.1, 0.4, 0.35, 0.8])
    yes = np.array([False, False, True, True])
    assert rates.auroc(rates.ranks(score), yes) == pytest.approx(0.75)
    assert rates.average_precision(rates.ranks(score), yes) == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)


def test_ties_count_half_and_a_constant_tells_nothing() -> None:
    yes = np.array([True, False, True, False, False])
    flat = rates.ranks(np.full(5, 0.3))
    assert rates.auroc(flat, yes) == 0.5
    assert rates.average_precision(flat, yes) == pytest.approx(0.4)


def test_areas_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    rng = np.random.default_rng(0)
    for n in (10, 100, 500):
        yes, score = rng.random(n) < 0.3, rng.integers(0, 30, n) / 30
        yes[:2] = True, False
        assert rates.auroc(rates.ranks(score), yes) == pytest.approx(roc_auc_score(yes, score))
        assert rates.average_precision(rates.ranks(score), yes) == pytest.approx(average_precision_score(yes, score))


def test_one_side_alone_gives_no_figure() -> None:
    score = rates.ranks(np.array([0.2, 0.4]))
    assert np.isnan(rates.auroc(score, np.array([True, True])))
    assert np.isnan(rates.average_precision(score, np.array([False, False])))
    assert np.isnan(rates.share(np.array([1, 0]), np.array([False, False])))


def test_the_operating_point_finds_the_share_asked_for() -> None:
    rng = np.random.default_rng(1)
    yes = rng.random(400) < 0.4
    chance = np.clip(rng.normal(0.4 + 0.3 * yes, 0.2), 0, 1)
    for asked in (0.5, 0.8, 0.95, 1.0):
        threshold = rates.operating_point(chance, yes, asked)
        found = (chance >= threshold)[yes].mean()
        assert asked <= found <= asked + 1 / yes.sum() + 1e-9
    assert rates.operating_point(chance, np.zeros(400, bool), 0.9) == 0.5


def test_calibration_undoes_a_known_bend_and_few_rows_hardly_move_it() -> None:
    rng = np.random.default_rng(2)
    true = rng.normal(0, 2, 4000)
    yes = rng.random(4000) < rates.sigmoid(true)
    found = rates.platt((true - 1) / 0.5, yes)
    assert found.slope == pytest.approx(0.5, rel=0.1)
    assert found.offset == pytest.approx(1.0, abs=0.15)
    few = rates.platt(np.array([3.0, -2.0]), np.array([True, False]), offset=-1.0)
    assert 0.7 < few.slope < 1.6
    assert few.offset == pytest.approx(-1.0, abs=0.3)
    none = rates.platt(np.zeros(0), np.zeros(0, bool), offset=0.7)
    assert (none.slope, none.offset) == pytest.approx((1.0, 0.7))
