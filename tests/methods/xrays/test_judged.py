"""Evaluations of findings: blanks are left out, every figure has its unit, parts of an answer give parts of it."""

import numpy as np
import pytest

from aprende.core import measure
from aprende.methods.xrays import judged
from aprende.methods.xrays.localisation import GRID

TRUTH = np.array([[1, 0], [0, 1], [1, np.nan], [0, 0], [1, 1], [0, np.nan]])
SCORE = np.array([[0.9, 0.2], [0.1, 0.7], [0.8, 0.99], [0.3, 0.4], [0.2, 0.9], [0.4, 0.01]])


def test_unknown_cells_do_not_count() -> None:
    outputs = {"findings": SCORE, "flagged": (SCORE >= 0.5).astype(np.uint8)}
    found = judged.evaluation(["a", "b"], TRUTH, outputs, {}, None)
    values = {name: metric.compute(found.units) for name, metric in found.metrics.items()}
    assert values["AUROC: b"] == 1.0
    assert values["AUROC: a"] == pytest.approx(7 / 9)
    assert values["mean AUROC"] == pytest.approx((1 + 7 / 9) / 2)
    assert values["sensitivity: a"] == pytest.approx(2 / 3)
    assert values["specificity: a"] == 1.0
    assert (values["sensitivity: b"], values["specificity: b"]) == (1.0, 1.0)
    assert found.main == "mean AUROC"


def test_one_finding_has_an_accuracy_of_flags_and_of_probabilities() -> None:
    outputs = {"findings": SCORE[:, :1], "flagged": (SCORE[:, :1] >= 0.15).astype(np.uint8)}
    found = judged.evaluation(["a"], TRUTH[:, :1], outputs, {}, None)
    values = {name: metric.compute(found.units) for name, metric in found.metrics.items()}
    assert found.main == "AUROC"
    assert values["accuracy at 0.5"] == pytest.approx(5 / 6)
    assert values["accuracy of flags"] == pytest.approx(4 / 6)
    assert values["sensitivity"] == 1.0
    assert values["specificity"] == pytest.approx(1 / 3)


def test_maps_alone_and_findings_alone_can_stand_beside_both() -> None:
    corner = np.zeros((GRID, GRID), np.bool_)
    corner[:16, :16] = True
    places = {(0, 0): corner, (1, 1): corner, (4, 0): corner}
    good = np.zeros((6, 2, 8, 8), np.float32)
    good[:, :, 0, 0] = 1.0
    both = judged.evaluation(["a", "b"], TRUTH, {"findings": SCORE, "where": good}, places, None)
    centre = judged.evaluation(["a", "b"], TRUTH, {"where": good[:, :, ::-1, ::-1]}, places, None)
    chance = judged.evaluation(["a", "b"], TRUTH, {"findings": np.full((6, 2), 0.5)}, places, None)
    scores = measure.score(both, {"chance": chance, "corner": centre})
    pointing = scores["metrics"]["pointing game"]
    assert pointing["value"] == 1.0
    assert pointing["baselines"]["corner"]["value"] == 0.0
    assert "chance" not in pointing["baselines"]
    assert scores["metrics"]["mean AUROC"]["baselines"]["chance"]["value"] == 0.5
    assert "pointing game: b" in scores["metrics"]
    assert "better" in measure.verdict(scores) or "told apart" in measure.verdict(scores)


def test_findings_without_places_have_no_figures_of_maps() -> None:
    corner = np.ones((GRID, GRID), np.bool_)
    found = judged.evaluation(["a", "b"], TRUTH, {"where": np.ones((6, 2, 4, 4), np.float32)}, {(0, 0): corner}, None)
    assert "pointing game: a" in found.metrics
    assert "pointing game: b" not in found.metrics
