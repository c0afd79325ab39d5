"""The colour of a dot in the plane: the smallest whole system, as a third party would write it.

Softmax regression on two coordinates: the simple perceptron (Rosenblatt 1958) with soft decisions, trained by gradient
descent on cross-entropy instead of by error correction. Copy this file to begin a system of your own.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from aprende.core import splits
from aprende.core.contract import (
    Array,
    Arrays,
    Card,
    Data,
    Evaluation,
    Learner,
    Metric,
    Note,
    Predict,
    Predictor,
    Source,
    System,
    Table,
    no_network,
)
from aprende.core.engine import Engine
from aprende.core.errors import SettingError, unknown
from aprende.core.fields import Category, Columns, Field, Json, Number, Probabilities, take
from aprende.core.settings import Settings, setting

if TYPE_CHECKING:
    import torch

XY = ("x", "y")


@dataclass(frozen=True)
class DotsSettings(Settings):
    """What one can choose."""

    batch: int = setting(64, "Dots a step.")
    lr: float = setting(0.1, "Highest learning rate.")


class Dots(Data):
    """Dots in three parts. rows: part → row numbers of the source."""

    def __init__(self, source: Table, rows: dict[str, Array], facts: dict[str, Json]) -> None:
        self.source, self.rows, self.facts = source, rows, facts
        self.inputs, self.outputs = fields(facts)
        self.notes: list[Note] = []
        self.groups: Array | None = None

    def ids(self, part: str) -> set[str]:
        keys = content(self.source)
        return {keys[i] for i in self.rows[part]}

    def examples(self, part: str, n: int) -> Columns:
        return take({name: self.source.columns[name] for name in XY}, self.rows[part][:n])

    def truth(self, part: str) -> Array:
        """Return the colours (n,) of a part, as places in the list of colours."""
        colours = list(self.facts["colours"])
        return np.array([colours.index(c) for c in take(self.source.columns, self.rows[part])["colour"]])


class DotsPredictor(Predictor):
    """x, y → standardised (n, 2) float32 → probabilities (n, colours) → colour and probabilities."""

    def __init__(self, facts: dict[str, Json], arrays: Arrays) -> None:
        self.facts, self.arrays, self.forward = facts, arrays, no_network
        self.inputs, self.outputs = fields(facts)

    def predict(self, columns: Columns) -> Columns:
        shares = self.forward({"dots": self.encode(columns)})["shares"].astype(np.float64)
        names = np.array(self.facts["colours"])
        return {"colour": names[shares.argmax(axis=1)].tolist(), "probabilities": shares}

    def encode(self, columns: Columns) -> Array:
        """Return (n, 2) float32; a missing coordinate counts as the mean."""
        xy = np.stack([np.asarray(columns[name], dtype=np.float64) for name in XY], axis=1)
        return np.nan_to_num((xy - self.facts["mean"]) / self.facts["spread"]).astype(np.float32)


class SoftmaxPerceptron:
    """The network: dots (n, 2) → shares (n, colours), softmax(dots @ weightsᵀ + bias)."""

    def __init__(self, colours: int) -> None:
        from aprende.networks.perceptron import Perceptron

        self.module = Perceptron(2, colours)

    def __call__(self, arrays: Arrays) -> Arrays:
        import torch

        with torch.inference_mode():
            return {"shares": self.module(torch.from_numpy(arrays["dots"])).softmax(dim=1).numpy()}

    def weights(self) -> Arrays:
        return {name: tensor.detach().numpy() for name, tensor in self.module.state_dict().items()}

    def onnx(self) -> bytes:
        from onnx import TensorProto, helper, numpy_helper

        held = {name.removeprefix("head."): array for name, array in self.weights().items()}
        nodes = [
            helper.make_node("Gemm", ["dots", "weight", "bias"], ["scores"], transB=1),
            helper.make_node("Softmax", ["scores"], ["shares"], axis=1),
        ]
        dots = helper.make_tensor_value_info("dots", TensorProto.FLOAT, ["n", 2])
        shares = helper.make_tensor_value_info("shares", TensorProto.FLOAT, ["n", len(held["bias"])])
        constants = [numpy_helper.from_array(array, name) for name, array in held.items()]
        graph = helper.make_graph(nodes, "dots", [dots], [shares], constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        return bytes(model.SerializeToString())


class DotsLearner:
    """One descent on one random batch a step."""

    done = False

    def __init__(self, settings: DotsSettings, predictor: DotsPredictor, data: Dots, engine: Engine) -> None:
        engine.begin()
        import torch

        from aprende.methods.descent import Descent, Recipe

        self.dots = torch.from_numpy(predictor.encode(data.examples("train", len(data.rows["train"]))))
        self.truth = torch.from_numpy(data.truth("train"))
        network = SoftmaxPerceptron(len(data.facts["colours"]))
        self.descent = Descent(network.module, Recipe(lr=settings.lr))
        self.order = torch.Generator().manual_seed(settings.seed)
        self.batch = settings.batch
        predictor.network = predictor.forward = network

    def step(self, progress: float) -> dict[str, float]:
        from aprende.methods.descent import cross_entropy

        rows = self._draw()
        scores = self.descent.network(self.dots[rows])
        return {"loss": self.descent.step(cross_entropy(scores, self.truth[rows]), progress)}

    def _draw(self) -> "torch.Tensor":
        import torch

        return torch.randint(len(self.dots), (self.batch,), generator=self.order)

    def state_dict(self) -> dict[str, Any]:
        return {"descent": self.descent.state_dict(), "order": self.order.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.descent.load_state_dict(state["descent"])
        self.order.set_state(state["order"])

    def finish(self) -> None:
        self.descent.finish()


class DotsSystem(System):
    """Two coordinates → a colour."""

    name = "dots"
    card: ClassVar[Card] = Card(
        title="Dots",
        idea="Tells the colour of a dot from its two coordinates.",
        family="supervised",
        metric="accuracy",
        paper="Rosenblatt 1958, The perceptron",
        deviations="Gradient descent on cross-entropy instead of error correction.",
    )
    Settings = DotsSettings
    tiny: ClassVar[dict[str, Any]] = {"steps": 60}

    def example(self) -> Source:
        """Return 300 dots around three corners of a triangle."""
        import polars as pl

        rng = np.random.default_rng(0)
        colour = rng.integers(0, 3, 300)
        xy = np.array([[0.0, 0.0], [4.0, 0.0], [2.0, 3.0]])[colour] + rng.normal(0, 1, (300, 2))
        words = pl.Series([("red", "green", "blue")[c] for c in colour], dtype=pl.String)
        columns = {"x": xy[:, 0], "y": xy[:, 1], "colour": words}
        return Table(columns, {"x": Number(), "y": Number(), "colour": Category()}, target="colour")

    def accepts(self, source: Source) -> str:
        kinds = {name: field.kind for name, field in source.fields.items()}
        wanted = {"x": "number", "y": "number", "colour": "category"}
        return "" if wanted.items() <= kinds.items() else "dots needs the columns x, y (numbers) and colour (words)"

    def data(self, source: Source, settings: DotsSettings) -> Dots:
        groups = group_of(source, settings.group)
        split = splits.split(content(source), settings.seed, test_share=settings.test_share, groups=groups)
        rows: dict[str, Array] = {"train": split.train, "valid": split.valid, "test": split.test}
        xy = np.stack([source.columns[name][split.train] for name in XY], axis=1)
        facts = {
            "colours": sorted(set(source.columns["colour"])),
            "mean": np.nanmean(xy, axis=0).tolist(),
            "spread": np.nanstd(xy, axis=0).clip(1e-9).tolist(),
        }
        data = Dots(source, rows, facts)
        data.groups = None if groups is None else np.array(groups)
        return data

    def test_data(self, source: Source, settings: DotsSettings, facts: dict[str, Json]) -> Dots:
        none = np.array([], dtype=np.int64)
        return Dots(source, {"train": none, "valid": none, "test": np.arange(source.rows)}, facts)

    def build(self, settings: DotsSettings, facts: dict[str, Json], arrays: Arrays) -> DotsPredictor:
        return DotsPredictor(facts, arrays)

    def learner(self, settings: DotsSettings, predictor: Predictor, data: Dots, engine: Engine) -> Learner:
        return DotsLearner(settings, predictor, data, engine)  # type: ignore[arg-type]

    def evaluate(self, predict: Predict, data: Dots, part: str = "test", limit: int = 0) -> Evaluation:
        n = limit or len(data.rows[part])
        truth = data.truth(part)[:n]
        shares = np.asarray(predict(data.examples(part, n))["probabilities"])
        right = shares[np.arange(len(truth)), truth]
        units = {"truth": truth, "prediction": shares.argmax(axis=1), "probabilities": shares, "error": 1 - right}
        groups = None if data.groups is None else data.groups[data.rows[part]][:n]
        return Evaluation(units, {"accuracy": ACCURACY, "log loss": LOG_LOSS}, "accuracy", groups)

    def baselines(self, data: Dots, settings: DotsSettings) -> dict[str, Any]:
        return {"majority": lambda: majority(data), "nearest mean": lambda: nearest_mean(data)}


def fields(facts: dict[str, Json]) -> tuple[dict[str, Field], dict[str, Field]]:
    """Return the input and the output fields."""
    colours = tuple(facts["colours"])
    x, y = (Number(typical=round(v, 2)) for v in facts["mean"])
    return {"x": x, "y": y}, {"colour": Category(colours, closed=True), "probabilities": Probabilities(colours)}


def content(source: Table) -> list[str]:
    """Return the identity of each dot: what stands in its row."""
    return [splits.digest(*row) for row in zip(*(source.columns[n] for n in (*XY, "colour")), strict=True)]


def group_of(source: Table, name: str) -> list[str] | None:
    """Return each dot's group, where a column of groups was named."""
    if not name:
        return None
    if name not in source.columns:
        raise SettingError(unknown("column", name, source.columns))
    return [str(v) for v in source.columns[name]]


def majority(data: Dots) -> Predict:
    """The trivial baseline: the shares of the colours in train, whatever the dot."""
    shares = np.bincount(data.truth("train"), minlength=len(data.facts["colours"])) / len(data.rows["train"])
    return lambda columns: {"probabilities": np.tile(shares, (len(columns["x"]), 1))}


def nearest_mean(data: Dots) -> Predict:
    """The traditional baseline: the colour whose mean is nearest."""
    xy, truth = _plane(data.examples("train", len(data.rows["train"]))), data.truth("train")
    means = np.stack([xy[truth == c].mean(axis=0) for c in range(len(data.facts["colours"]))])

    def predict(columns: Columns) -> Columns:
        apart = ((_plane(columns)[:, None] - means) ** 2).sum(axis=2)
        return {"probabilities": np.eye(len(means))[apart.argmin(axis=1)]}

    return predict


def _plane(columns: Columns) -> Array:
    return np.stack([np.asarray(columns[name]) for name in XY], axis=1)


def _log_loss(units: Arrays) -> float:
    right = units["probabilities"][np.arange(len(units["truth"])), units["truth"]]
    return float(-np.log(np.clip(right, 1e-6, 1)).mean())


ACCURACY = Metric(lambda units: float((units["prediction"] == units["truth"]).mean()), True, "%")
LOG_LOSS = Metric(_log_loss, False)
SYSTEM = DotsSystem()
