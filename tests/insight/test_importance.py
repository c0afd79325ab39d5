"""What matters, known: a model that reads one column, a straight line, words with known effects."""

import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

from aprende.core.contract import Card, Data, Evaluation, Metric, Note, Predict, System
from aprende.core.fields import Category, Columns, Field, Image, Number, take
from aprende.insight.importance import effect_of_number, effect_of_values, importance, scalar

N = 1200
EFFECT = {"a": -5.0, "b": 0.0, "c": 5.0}


class Line(Data):
    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        word = pl.Series(rng.choice(list(EFFECT), N).tolist(), dtype=pl.String)
        self.columns: Columns = {"x": rng.normal(0, 1, N), "word": word, "idle": rng.normal(size=N)}
        self.inputs: dict[str, Field] = {"x": Number(), "word": Category(tuple(EFFECT)), "idle": Number()}
        self.outputs: dict[str, Field] = {"y": Number()}
        self.facts: dict[str, Any] = {}
        self.notes: list[Note] = []
        self.truth = answer(self.columns)["y"]

    def ids(self, part: str) -> set[str]:
        return set()

    def examples(self, part: str, n: int) -> Columns:
        return take(self.columns, slice(0, n))


def answer(c: Columns) -> Columns:
    effect = c["word"].replace_strict(list(EFFECT), list(EFFECT.values()), default=0.0, return_dtype=pl.Float64)
    return {"y": 3 * np.asarray(c["x"]) + effect.to_numpy()}


class Judge(System):
    card: ClassVar[Card] = Card("line", "", "supervised", "mse")
    better_high = False
    pause = 0.0

    def evaluate(self, predict: Predict, data: Any, part: str = "test", limit: int = 0) -> Evaluation:
        time.sleep(self.pause)
        n = min(limit or N, N)
        gap = predict(data.examples(part, n))["y"] - data.truth[:n]
        sign = -1.0 if self.better_high else 1.0
        return Evaluation(
            {"error": gap**2}, {"m": Metric(lambda u: sign * float(u["error"].mean()), self.better_high)}, "m"
        )

    example = accepts = data = test_data = build = learner = baselines = None  # type: ignore[assignment]


def test_the_loss_is_twice_the_variance_that_a_column_brings() -> None:
    found = {f["column"]: f for f in importance(answer, Judge(), Line(), seconds=1.0)}
    assert list(found) == ["word", "x", "idle"]
    assert found["x"]["loss"] == pytest.approx(2 * 9, rel=0.15)  # E(3a - 3b)² = 2 · 9 · var x
    assert found["word"]["loss"] == pytest.approx(2 * 50 / 3, rel=0.1)
    assert found["idle"] == {"column": "idle", "loss": 0.0, "low": 0.0, "high": 0.0}
    assert found["x"]["low"] < 18 < found["x"]["high"]


def test_where_more_is_better_a_loss_is_still_positive() -> None:
    judge = Judge()
    judge.better_high = True
    assert importance(answer, judge, Line(), seconds=0.3)[0]["loss"] > 10


def test_the_same_seed_gives_the_same_figures() -> None:
    found = [importance(answer, Judge(), Line(), seconds=30.0, seed=s) for s in (1, 1, 2)]
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_a_slow_model_is_still_answered_in_time() -> None:
    judge = Judge()
    judge.pause = 0.1
    began = time.monotonic()
    assert len(importance(answer, judge, Line(), seconds=0.5)) == 3
    assert time.monotonic() - began < 1.5


def test_pictures_are_not_shuffled() -> None:
    data = Line()
    data.columns = {"picture": np.zeros((5, 4, 4, 3), dtype=np.uint8)}
    data.inputs = {"picture": Image()}
    assert importance(answer, Judge(), data) == []
    assert not scalar([np.zeros((1, 1, 3))])
    assert scalar(np.zeros((5, 2)))


def score(columns: Columns) -> Any:
    return answer(columns)["y"][:, None]


def test_a_straight_line_comes_back_straight() -> None:
    data = Line()
    found = effect_of_number(score, data.columns, "x")
    slopes = np.diff(found["y"][:, 0]) / np.diff(found["x"])
    np.testing.assert_allclose(slopes, 3.0, atol=1e-9)
    middle = float(np.interp(data.columns["x"], found["x"], found["y"][:, 0]).mean())
    assert middle == pytest.approx(float(data.truth.mean()), abs=0.05)
    assert (found["low"] <= found["y"] + 1e-9).all()
    assert (found["y"] <= found["high"] + 1e-9).all()


def test_words_have_their_effects() -> None:
    found = effect_of_values(score, Line().columns, "word", ["a", "b", "c"])["y"][:, 0]
    np.testing.assert_allclose(np.diff(found), [5.0, 5.0], atol=1e-9)


def test_a_constant_or_empty_column_has_no_curve() -> None:
    columns = Line().columns
    assert effect_of_number(score, {**columns, "x": np.ones(N)}, "x") == {}
    assert effect_of_number(score, {**columns, "x": np.full(N, np.nan)}, "x") == {}


def test_several_classes_at_once(tmp_path: Path) -> None:
    def two(columns: Columns) -> Any:
        y = score(columns)
        return np.concatenate([y, -y], axis=1)

    found = effect_of_number(two, Line().columns, "x")
    assert found["y"].shape[1] == 2
    np.testing.assert_allclose(found["y"][:, 0], -found["y"][:, 1], atol=1e-9)
