"""A small model and its parts, made by hand without training: x, y → score (their weighted sum) and a word."""

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from aprende.core import bundle, registry
from aprende.core.contract import Arrays, Card, Columns, Predictor, System, no_network
from aprende.core.fields import Category, Number
from aprende.core.settings import Settings, setting

WEIGHTS = np.array([[2.0], [-1.0]], dtype=np.float32)


def graph(weights: np.ndarray = WEIGHTS) -> bytes:
    """x (n, 2) @ weights (2, 1) → score (n, 1), as ONNX."""
    from onnx import TensorProto, helper, numpy_helper

    made = helper.make_graph(
        [helper.make_node("MatMul", ["xy", "weights"], ["score"])],
        "sum",
        [helper.make_tensor_value_info("xy", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(weights, "weights")],
    )
    return bytes(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString())


@dataclasses.dataclass(frozen=True)
class SumSettings(Settings):
    """One setting of its own."""

    depth: int = setting(2, "How deep.")


class SumNetwork:
    def __call__(self, arrays: Arrays) -> Arrays:
        return {"score": arrays["xy"] @ WEIGHTS}

    def onnx(self) -> bytes:
        return graph()

    def weights(self) -> Arrays:
        return {"weights": WEIGHTS}


class SumPredictor(Predictor):
    def __init__(self, facts: dict[str, Any], arrays: Arrays) -> None:
        self.facts, self.arrays, self.forward = facts, arrays, no_network
        self.inputs = {name: Number(typical=float(facts["typical"][name])) for name in ("x", "y")}
        self.outputs = {"score": Number(), "word": Category(tuple(facts["words"]), closed=True)}

    def predict(self, columns: Columns) -> Columns:
        xy = np.stack([columns["x"], columns["y"]], axis=1).astype(np.float32) + self.arrays["shift"]
        score = self.forward({"xy": xy})["score"][:, 0].astype(np.float64)
        return {"score": score, "word": [self.facts["words"][int(s > 0)] for s in score]}


class SumSystem(System):
    name = "sum_of_two"
    card: ClassVar[Card] = Card("Sum", "Adds.", "supervised", "")
    Settings = SumSettings
    tiny: ClassVar[dict[str, Any]] = {"steps": 1}

    def build(self, settings: Any, facts: dict[str, Any], arrays: Arrays) -> Predictor:
        return SumPredictor(facts, arrays)

    def _none(self, *_: Any) -> Any:
        raise NotImplementedError

    example = accepts = data = test_data = learner = evaluate = baselines = _none


FACTS: dict[str, Any] = {"typical": {"x": 1, "y": 2}, "words": ["no", "yes"], "note": "kept"}


@pytest.fixture
def sum_system(monkeypatch: pytest.MonkeyPatch) -> System:
    """The system, registered for this test."""
    system = SumSystem()
    known = registry.load
    monkeypatch.setattr(registry, "load", lambda name: system if name == system.name else known(name))
    return system


@pytest.fixture
def model_file(sum_system: System, tmp_path: Path) -> Path:
    """A saved model."""
    predictor = sum_system.build(SumSettings(), FACTS, {"shift": np.zeros(2, dtype=np.float32)})
    predictor.network = SumNetwork()
    about = {"scores": {}, "background": [{"x": 1.0, "y": None}]}
    return bundle.save(tmp_path / "m.aprende", sum_system.name, SumSettings(), predictor, graph(), about)
