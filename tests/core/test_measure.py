"""Intervals that cover, differences that are paired, groups that widen, verdicts in words."""

import json
from typing import Any

import numpy as np
import pytest

from aprende.core import measure
from aprende.core.contract import Arrays, Evaluation, Metric
from aprende.core.measure import Figure, direction, score, verdict

MEAN = Metric(lambda units: float(units["error"].mean()), higher_is_better=False)
SHARE = Metric(lambda units: float(units["error"].mean()), higher_is_better=True, unit="%")


def evaluation(error: Any, metric: Metric = MEAN, groups: Any = None, paired: bool = True) -> Evaluation:
    return Evaluation({"error": np.asarray(error, dtype=float)}, {"error": metric}, "error", groups, paired)


def interval(held: Evaluation, seed: int = 0) -> Figure:
    found = score(held, {}, seed)["metrics"]["error"]
    return Figure(found["value"], found["low"], found["high"])


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """120 samples of a skewed population with mean 1: a 95 % interval should cover 1 in 88 to 99 % of them."""
    covered = 0
    for seed in range(120):
        found = interval(evaluation(np.random.default_rng(seed).exponential(1.0, 150)), seed)
        covered += found.low <= 1.0 <= found.high
    assert 0.88 <= covered / 120 <= 0.99


def test_the_interval_is_about_two_standard_errors_each_way() -> None:
    held = np.random.default_rng(0).normal(5, 2, 10_000)
    found = interval(evaluation(held))
    assert found.value == pytest.approx(held.mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * held.std() / 100, rel=0.08)


def test_groups_widen_the_interval() -> None:
    """Twenty groups of fifty equal rows hold twenty independent values, not a thousand."""
    values = np.repeat(np.random.default_rng(0).normal(size=20), 50)
    rows, groups = interval(evaluation(values)), interval(evaluation(values, groups=np.repeat(np.arange(20), 50)))
    assert (groups.high - groups.low) / (rows.high - rows.low) == pytest.approx(np.sqrt(50), rel=0.2)


def test_groups_may_be_words_of_any_size() -> None:
    values = np.array([0.0, 0.0, 1.0, 2.0])
    found = interval(evaluation(values, groups=np.array(["b", "b", "a", "c"])))
    assert (found.low, found.high) == (0.0, 2.0)


def test_the_difference_is_paired() -> None:
    """The model is better by 0.1 on every row, though rows differ by far more than that: certain when paired."""
    rows = np.random.default_rng(0).normal(10, 5, 300)
    paired = score(evaluation(rows), {"base": evaluation(rows + 0.1)})
    gap = paired["metrics"]["error"]["baselines"]["base"]["better_by"]
    assert gap["value"] == pytest.approx(0.1)
    assert gap["low"] == pytest.approx(0.1)
    assert verdict(paired) == "The model is better than: base."
    other = score(evaluation(rows), {"base": evaluation(rows + 0.1, paired=False)})
    assert other["metrics"]["error"]["baselines"]["base"]["better_by"]["low"] < 0
    assert "cannot be told apart from: base" in verdict(other)


def test_better_by_counts_in_the_metrics_own_direction() -> None:
    rows = np.random.default_rng(0).random(500)
    lower = score(evaluation(rows), {"base": evaluation(rows + 1)})["metrics"]["error"]["baselines"]["base"]
    higher = score(evaluation(rows, SHARE), {"base": evaluation(rows + 1, SHARE)})["metrics"]["error"]["baselines"][
        "base"
    ]
    assert lower["better_by"]["value"] == pytest.approx(1)
    assert higher["better_by"]["value"] == pytest.approx(-1)


def test_closer_to_a_promise_is_better() -> None:
    promised = Metric(lambda u: float(u["error"].mean()), True, "%", best=0.9)
    rng = np.random.default_rng(0)

    def covered(share: float) -> Evaluation:
        return Evaluation({"error": (rng.random(4000) < share).astype(float)}, {"error": promised}, "error")

    scores = score(covered(0.9), {"all": covered(0.99), "few": covered(0.8), "alike": covered(0.9)})
    main = scores["metrics"]["error"]
    assert main["baselines"]["all"]["better_by"]["value"] == pytest.approx(0.09, abs=0.02)
    assert verdict(scores).startswith("The model is better than: all, few. It cannot be told apart from: alike")
    assert "It is worse than: alike" in verdict(score(covered(0.97), {"alike": covered(0.9)}))
    assert direction(main) == "closer to 90 % is better"
    assert [direction({"higher_is_better": h, "unit": ""}) for h in (True, False)] == [
        "higher is better", "lower is better"]  # fmt: skip


def test_the_verdict_names_all_three_kinds() -> None:
    rows = np.random.default_rng(0).normal(0, 1, 400)
    noise = np.random.default_rng(1).normal(0, 1, 400)
    bases = {"bad": evaluation(rows + 1), "alike": evaluation(noise), "good": evaluation(rows - 1)}
    said = verdict(score(evaluation(rows), bases))
    assert said == ("The model is better than: bad. It cannot be told apart from: alike (the interval of the difference"
                    " holds zero). It is worse than: good.")  # fmt: skip


def test_no_baseline_is_said() -> None:
    assert verdict(score(evaluation([1.0, 2.0]), {})) == "There is no baseline to compare with."


def test_equal_rows_have_an_interval_of_no_width_and_a_tie() -> None:
    found = score(evaluation([3.0] * 9), {"base": evaluation([3.0] * 9)})
    main = found["metrics"]["error"]
    assert (main["value"], main["low"], main["high"]) == (3.0, 3.0, 3.0)
    assert "cannot be told apart" in verdict(found)


def test_a_metric_that_some_resamples_lack_has_an_interval_all_the_same() -> None:
    """The score of a class with one member is undefined in the resamples that miss it."""

    def rare(units: Arrays) -> float:
        chosen = units["error"][units["error"] > 5]
        return float(chosen.mean()) if len(chosen) else float("nan")

    held = evaluation([1.0] * 30 + [9.0], Metric(rare, True))
    found = score(held, {"base": held})["metrics"]["error"]
    assert (found["value"], found["low"], found["high"]) == (9.0, 9.0, 9.0)


def test_a_metric_without_a_value_is_null_in_json() -> None:
    held = evaluation([1.0, 2.0], Metric(lambda units: float("nan"), True))
    scores = score(held, {"base": held})
    assert json.loads(json.dumps(scores, allow_nan=False))["metrics"]["error"]["value"] is None
    assert "cannot be told apart" in verdict(scores)


def test_scores_are_json_and_repeatable() -> None:
    held = evaluation(np.random.default_rng(0).random(50))
    once, twice = (json.dumps(score(held, {"base": held}, seed=4), allow_nan=False) for _ in range(2))
    assert once == twice


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [(0.1234, "%", "12.34 %"), (123456.7, "USD", "123,457 USD"), (0.012341, "", "0.01234"), (None, "", "–"),
     (float("nan"), "%", "–"), (float("inf"), "", "–"), (7.0, "", "7")],
)  # fmt: skip
def test_figures_are_shown_for_people(value: float | None, unit: str, said: str) -> None:
    assert measure.shown(value, unit) == said


def test_wilson_known() -> None:
    assert measure.wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert measure.wilson(0, 0) == (0.0, 1.0)
    assert measure.wilson(10, 10)[1] == 1.0


def test_all_right_is_not_certain() -> None:
    """30 of 30: the bootstrap would say 100 to 100 %."""
    share = Metric(lambda u: float(u["right"].mean()), True, "%")
    figure = measure.score(Evaluation({"right": np.ones(30)}, {"accuracy": share}, "accuracy"), {})["metrics"][
        "accuracy"
    ]
    assert (figure["value"], figure["high"]) == (1.0, 1.0)
    assert figure["low"] == pytest.approx(0.8865, abs=1e-4)
