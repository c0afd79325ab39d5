"""A map equal to the truth is found to be more faithful than random ones; a wrong one is found out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aprende.core.contract import Arrays, Predictor, no_network
from aprende.core.errors import InputError, SettingError
from aprende.core.fields import Columns, Field, Image, Number, Probabilities
from aprende.core.model import Model
from aprende.core.words import speaking
from aprende.insight.explain import compare, explain
from aprende.insight.faithfulness import faithfulness, in_words, order_of, reduced
from aprende.insight.maps import heat_map, over_whole
from aprende.insight.watched import Watched, watched

CORNER = (slice(0, 8), slice(0, 8))
TRUE = np.zeros((4, 4))
TRUE[0, 0] = 1.0


class Looks(Predictor):
    """Says how bright the upper left corner is (against the rest of the picture)."""

    def __init__(self, outputs: dict[str, Field], answer: Callable[[Any], Any]) -> None:
        self.inputs, self.outputs, self.answer = {"image": Image(1)}, outputs, answer
        self.facts, self.arrays, self.forward = {}, {}, no_network

    def predict(self, columns: Columns) -> Columns:
        bright = np.array([p[CORNER].mean() / 255 for p in columns["image"]])
        return {next(iter(self.outputs)): self.answer(bright)}


def classifier(predictor: type[Looks] = Looks) -> Model:
    outputs: dict[str, Field] = {"p": Probabilities(("dark", "bright"))}
    made = predictor(outputs, lambda b: np.stack([1 - b, b], axis=1))
    return Model(None, made, {}, None)  # type: ignore[arg-type]


def picture() -> Any:
    made = np.random.default_rng(0).integers(0, 60, (32, 32, 1)).astype(np.uint8)
    made[CORNER] = 255
    return made


def test_the_truth_is_faithful() -> None:
    model = classifier()
    row = {"image": [picture()]}
    found = faithfulness(model, row, "image", watched(model, row, None), TRUE)
    assert found.best
    assert found.own.deletion < found.random.deletion
    assert found.own.insertion > found.random.insertion
    assert found.own.score > found.random.score + 0.3
    assert abs(found.random.deletion - found.random.insertion) < 0.45
    assert in_words(found).startswith("Faithful")


def test_the_opposite_of_the_truth_is_found_out() -> None:
    model = classifier()
    row = {"image": [picture()]}
    found = faithfulness(model, row, "image", watched(model, row, None), -TRUE)
    assert not found.best
    assert found.own.score < found.random.score
    assert in_words(found).startswith("Not faithful")
    with speaking("es"):
        assert in_words(found).startswith("No es fiel")


def test_numbers_of_any_unit_count_as_shares_of_the_answer() -> None:
    made = Looks({"light": Number(unit="lm")}, lambda b: 5000 + 1000 * b)
    model = Model(None, made, {}, None)  # type: ignore[arg-type]
    row = {"image": [picture()]}
    found = faithfulness(model, row, "image", watched(model, row, None), TRUE)
    assert found.best
    assert -0.5 < found.own.deletion < found.own.insertion < 1.5


def test_what_the_network_does_not_see_comes_last() -> None:
    heat = over_whole(np.array([[0.0, 1.0], [0.0, 0.0]]), 1.0, 0.5)
    assert heat.shape == (2, 4)
    order = order_of(heat, (16, 32, 1), np.random.default_rng(0))
    columns = order % 32
    assert sorted(order) == list(range(16 * 32))
    assert ((columns[:60] >= 12) & (columns[:60] <= 26)).all()
    assert ((columns[-60:] < 8) | (columns[-60:] >= 24)).mean() > 0.9


def test_large_pictures_are_reduced() -> None:
    assert reduced(np.zeros((1000, 500, 3), np.uint8)).shape == (256, 128, 3)
    assert reduced(np.zeros((100, 50, 1), np.uint8)).shape == (100, 50, 1)


class Findings(Looks):
    """Several findings at once, each with its own probability: a field of options that need not sum to one."""


def test_fields_of_several_findings_are_watched_by_their_options() -> None:
    model = classifier(Findings)
    row = {"image": [picture()]}
    assert watched(model, row, None) == Watched("bright", "p", 1)
    assert watched(model, row, "dark") == Watched("dark", "p", 0)
    assert watched(model, row, "p") == Watched("bright", "p", 1)
    with pytest.raises(InputError, match="brigth"):
        watched(model, row, "brigth")


def test_explanations_carry_the_figure_for_one_picture_only() -> None:
    model = classifier()
    one = explain(model, {"image": [picture()]})[0]
    assert one.faithfulness is not None
    assert one.faithfulness.best
    assert one.attributions[0].method == "occlusion"
    two = explain(model, {"image": [picture(), picture()]})
    assert [e.faithfulness for e in two] == [None, None]


def test_methods_that_cannot_be_used_say_so() -> None:
    model = classifier()
    row = {"image": [picture()]}
    watch = watched(model, row, None)
    with pytest.raises(InputError, match="occlusion"):
        heat_map(model, row, "image", watch, "cam")
    with pytest.raises(SettingError, match="occlusion"):
        heat_map(model, row, "image", watch, "oclusion")
    with pytest.raises(InputError, match="looked into"):
        heat_map(model, row, "image", watch, "integrated_gradients")
    assert [e.attributions[0].method for e in compare(model, row)] == ["occlusion"]


class Segments(Looks):
    """Says what is where by itself."""

    def place_map(self, picture: Any, name: str) -> Any:
        return TRUE.astype(np.float32)


def test_what_a_model_says_of_places_explains_it() -> None:
    model = classifier(Segments)
    row = {"image": [picture()]}
    found = explain(model, row)[0]
    assert found.attributions[0].method == "own"
    assert np.array_equal(found.attributions[0].map, TRUE)
    assert {e.attributions[0].method for e in compare(model, row)} == {"own", "occlusion"}
    with pytest.raises(InputError, match="what is where"):
        explain(classifier(), row, method="own")


class Linear(Looks):
    """The share of "bright" is a sum over pixels, with a torch module that says the same."""

    weights = np.zeros((32, 32, 1), np.float32)

    def predict(self, columns: Columns) -> Columns:
        return {"p": self._shares(np.stack(columns["image"]).astype(np.float32))}

    def _shares(self, pixels: Any) -> Any:
        bright = 0.5 + (pixels * self.weights).sum(axis=(1, 2, 3)) / 255
        return np.stack([1 - bright, bright], axis=1)

    def encode(self, pictures: Any) -> Arrays:
        return {"pictures": np.stack([np.resize(p, (32, 32, 1)) for p in pictures])}

    def reach(self, height: int, width: int) -> tuple[float, float]:
        return 1.0, 1.0

    def opened(self, weights: Arrays) -> Any:
        import torch
        from torch import nn

        class Sum(nn.Module):
            def __init__(self, kernel: Any) -> None:
                super().__init__()
                self.net = nn.Sequential(nn.Flatten(), nn.Linear(1024, 2))
                self.net[1].weight.data[:] = torch.tensor(np.stack([-kernel, kernel]).reshape(2, -1) / 255)
                self.net[1].bias.data[:] = 0.5

            def prepare(self, x: Any) -> Any:
                return x

            def forward(self, pictures: Any) -> tuple[Any, ...]:
                return (self.net(pictures.permute(0, 3, 1, 2).float()),)

        return Sum(self.weights)


class NoWeights:
    def only(self, prefix: str) -> Arrays:
        return {}


def test_integrated_gradients_of_a_sum_are_its_terms() -> None:
    """And they are complete: they add up to the difference between the answers to the picture and to plain grey."""
    model = classifier(Linear)
    model.parts = NoWeights()  # type: ignore[assignment]
    weights = np.random.default_rng(1).normal(0, 0.01, (32, 32, 1)).astype(np.float32)
    model.predictor.weights = weights  # type: ignore[attr-defined]
    shown = picture()
    row = {"image": [shown]}
    heat, used = heat_map(model, row, "image", watched(model, row, "bright"), "integrated_gradients")
    assert used == "integrated_gradients"
    terms = (weights * (shown - shown.mean()) / 255)[..., 0]
    at = np.linspace(0, 32, 15).astype(int)
    assert heat[0, 0] == pytest.approx(terms[at[0] : at[1], at[0] : at[1]].sum(), abs=1e-5)
    plain = np.broadcast_to(shown.mean(), shown.shape).astype(np.float32)
    shares = model.predictor._shares(np.stack([shown.astype(np.float32), plain]))[:, 1]  # type: ignore[attr-defined]
    assert heat.sum() == pytest.approx(shares[0] - shares[1], abs=1e-4)
