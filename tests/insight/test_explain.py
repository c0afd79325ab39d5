"""Explanations: Shapley values of known functions, occlusion of a picture whose answer lies in one corner."""

from typing import Any

import numpy as np
import pytest

from aprende.core.contract import Predictor, no_network
from aprende.core.errors import InputError
from aprende.core.fields import Category, Columns, Field, Image, Number, Probabilities
from aprende.core.model import Model
from aprende.insight.explain import explain


class Given(Predictor):
    """A predictor that is one function of columns."""

    def __init__(self, inputs: dict[str, Field], outputs: dict[str, Field], function: Any) -> None:
        self.inputs, self.outputs, self.function = inputs, outputs, function
        self.facts, self.arrays, self.forward = {}, {}, no_network

    def predict(self, columns: Columns) -> Columns:
        return self.function(columns)


def model(
    inputs: dict[str, Field], outputs: dict[str, Field], function: Any, background: list[dict[str, Any]]
) -> Model:
    return Model(None, Given(inputs, outputs, function), {"background": background}, None)  # type: ignore[arg-type]


def test_shapley_values_of_a_sum_are_its_terms() -> None:
    def price(c: Columns) -> Columns:
        town = np.array([{"A": 10.0, "B": 0.0}.get(v, 5.0) for v in c["town"]])
        return {"price": 3 * c["area"] + town}

    inputs: dict[str, Field] = {"area": Number(), "town": Category(("A", "B"))}
    valuer = model(inputs, {"price": Number()}, price, [{"area": 50.0, "town": "B"}])
    found = explain(valuer, {"area": [80.0], "town": ["A"]})[0]
    effects = {a.column: a.effect for a in found.attributions}
    assert effects == pytest.approx({"area": 90.0, "town": 10.0})
    assert (found.base, found.answer) == (150.0, 250.0)
    assert [a.column for a in found.attributions] == ["area", "town"]  # the greatest first


def test_shapley_values_share_an_interaction_and_sum_to_the_answer() -> None:
    inputs: dict[str, Field] = {"a": Number(), "b": Number(), "idle": Number()}
    product = model(inputs, {"y": Number()}, lambda c: {"y": c["a"] * c["b"]}, [{"a": 0.0, "b": 0.0, "idle": 1.0}])
    found = explain(product, {"a": [2.0], "b": [3.0], "idle": [9.0]})[0]
    effects = {a.column: a.effect for a in found.attributions}
    assert effects == pytest.approx({"a": 3.0, "b": 3.0, "idle": 0.0})
    assert found.base + sum(effects.values()) == pytest.approx(found.answer)


def test_the_winning_class_is_explained_unless_another_is_asked_for() -> None:
    def classes(c: Columns) -> Columns:
        right = 1 / (1 + np.exp(-c["x"]))
        return {"p": np.stack([1 - right, right], axis=1)}

    two = model({"x": Number()}, {"p": Probabilities(("left", "right"))}, classes, [{"x": 0.0}])
    assert explain(two, {"x": [2.0]})[0].output == "right"
    asked = explain(two, {"x": [2.0]}, "left")[0]
    assert asked.output == "left"
    assert asked.attributions[0].effect == pytest.approx(asked.answer - 0.5)


def test_occlusion_finds_the_corner_that_decides() -> None:
    def bright_corner(c: Columns) -> Columns:
        return {"bright": np.array([p[:8, :8].mean() / 255 for p in c["image"]])}

    watcher = model({"image": Image(1)}, {"bright": Number()}, bright_corner, [])
    picture = np.zeros((32, 40, 1), np.uint8)
    picture[:8, :8] = 255
    heat = explain(watcher, {"image": [picture]})[0].attributions[0].map
    assert heat is not None
    assert heat[0, 0] > 0.2
    assert heat[6:, 6:].max() == pytest.approx(0.0, abs=1e-9)


class WithMap(Given):
    """A predictor that knows where: the second row of its 4 × 4 map."""

    def class_map(self, picture: Any, name: str) -> Any:
        return np.repeat([[0.0], [1.0], [0.0], [0.0]], 4, axis=1).astype(np.float32)

    def reach(self, height: int, width: int) -> tuple[float, float]:
        return min(height, width) / height, min(height, width) / width


def test_a_class_map_is_set_into_the_whole_picture() -> None:
    outputs: dict[str, Field] = {"p": Probabilities(("a", "b"))}
    predictor = WithMap({"image": Image(1)}, outputs, lambda c: {"p": np.tile([0.2, 0.8], (len(c["image"]), 1))})
    model = Model(None, predictor, {"background": []}, None)  # type: ignore[arg-type]
    heat = explain(model, {"image": [np.zeros((40, 80, 1), np.uint8)]})[0].attributions[0].map
    assert heat is not None
    assert heat.shape == (4, 8)
    assert np.argwhere(heat).tolist() == [[1, 2], [1, 3], [1, 4], [1, 5]]


def test_nothing_numeric_cannot_be_explained() -> None:
    words = model({"x": Number()}, {"word": Category(("a",))}, lambda c: {"word": ["a"] * len(c["x"])}, [{"x": 0.0}])
    with pytest.raises(InputError, match="word"):
        explain(words, {"x": [1.0]})
