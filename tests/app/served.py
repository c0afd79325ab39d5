"""Small models made by hand, so that the server is tested without training: a valuation and a picture classifier."""

from typing import Any, ClassVar

import numpy as np

from aprende.core import bundle, unlike
from aprende.core.contract import Arrays, Card, Predictor, System, as_rows
from aprende.core.fields import (
    Boolean,
    Category,
    Columns,
    Date,
    Field,
    Image,
    Number,
    Place,
    Probabilities,
    Text,
    read_all,
)  # fmt: skip
from aprende.core.model import Model, OnnxForward
from aprende.core.settings import Settings

HOSTILE = '<script>alert("x")</script>'
TOWNS = ("Jalisco", "Puebla", "Yucatán", HOSTILE)
COLOURS = ("azul", "rojo", "verde")


class Valuation(Predictor):
    """Ten columns of every scalar kind → price = 1000 area + 50 000 rooms + …, with an interval of ± 10 %."""

    inputs: ClassVar[dict[str, Field]] = {
        "area": Number(low=0, high=100_000, typical=90.0, unit="m²"),
        "rooms": Number(typical=3, whole=True),
        "town": Category(TOWNS, "Jalisco"),
        "garden": Boolean(1.0),
        "sold on": Date(17_000.0),
        "where": Place((19.43, -99.13)),
        "description": Text(typical="A house with a view."),
        'precio: "$"': Number(typical=1.5),
        HOSTILE: Number(typical=2.0),
        "__proto__": Number(typical=0.0),
    }
    outputs: ClassVar[dict[str, Field]] = {
        "price": Number(unit="USD", whole=True),
        "price low": Number(unit="USD", whole=True),
        "price high": Number(unit="USD", whole=True),
    }

    def __init__(self) -> None:
        self.facts, self.arrays = {}, {}
        self.forward = OnnxForward(linear([1000.0, 50_000.0, 20_000.0, 10_000.0], "price"), threads=1)

    def predict(self, columns: Columns) -> Columns:
        place = {word: i for i, word in enumerate(TOWNS)}
        town = [place.get(word, 0) for word in columns["town"].to_list()]
        given = np.stack([columns["area"], columns["rooms"], columns["garden"], town], axis=1)
        price = self.forward({"x": np.nan_to_num(given).astype(np.float32)})["price"][:, 0].astype(np.float64)
        return {"price": price, "price low": 0.9 * price, "price high": 1.1 * price}


class Colour(Predictor):
    """A picture → which colour it has most of, with probabilities, and the picture in grey."""

    inputs: ClassVar[dict[str, Field]] = {"photo": Image(3, 32), "caption": Text()}
    outputs: ClassVar[dict[str, Field]] = {
        "colour": Category(COLOURS, closed=True),
        "chances": Probabilities(COLOURS),
        "grey": Image(1, 32),
    }

    def __init__(self) -> None:
        self.facts, self.arrays = {}, {}
        self.forward = lambda arrays: arrays

    def predict(self, columns: Columns) -> Columns:
        mean = np.stack([np.resize(p.reshape(-1, p.shape[2]).mean(axis=0), 3) for p in columns["photo"]]) / 255
        shares = np.exp(4 * mean[:, [2, 0, 1]])
        shares /= shares.sum(axis=1, keepdims=True)
        grey = [p.mean(axis=2, keepdims=True).astype(np.uint8) for p in columns["photo"]]
        return {"colour": [COLOURS[i] for i in shares.argmax(axis=1)], "chances": shares, "grey": grey}


def linear(weights: list[float], output: str) -> bytes:
    """Return y = x @ weights as ONNX: x (n, k) float32, y (n, 1)."""
    from onnx import TensorProto, helper, numpy_helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", len(weights)])
    y = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", 1])
    held = numpy_helper.from_array(np.array(weights, dtype=np.float32)[:, None], "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], [output])], "linear", [x], [y], [held])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(made.SerializeToString())


class _Made(System):
    """The system that the models of this file belong to: only its card and its builder are used."""

    name = "made"
    Settings = Settings
    tiny: ClassVar[dict[str, Any]] = {}
    example = accepts = data = test_data = learner = evaluate = baselines = None  # type: ignore[assignment]


class ValuationSystem(_Made):
    card: ClassVar[Card] = Card("Tables", "Predicts a column of a table from the others.", "supervised", "MAE")

    def build(self, settings: Any, facts: Any, arrays: Arrays) -> Predictor:
        return Valuation()


class ColourSystem(_Made):
    card: ClassVar[Card] = Card("Pictures", "Tells the class of a picture.", "supervised", "accuracy")

    def build(self, settings: Any, facts: Any, arrays: Arrays) -> Predictor:
        return Colour()


def valuation() -> Model:
    """Return the valuation as a model, with scores, notes and a background as training would give them."""
    predictor = Valuation()
    train = predictor.inputs
    rng = np.random.default_rng(0)
    columns = read_all(train, {name: field.sample(rng, 40) for name, field in train.items()})
    figure = {"value": 57_000.0, "low": 54_800.0, "high": 59_300.0}
    worse = {"value": 98_000.0, "low": 95_000.0, "high": 101_500.0}
    baselines = {"median": {**worse, "better_by": {"value": 41_000.0, "low": 38_000.0, "high": 44_000.0}}}
    error = {**figure, "higher_is_better": False, "unit": "USD", "baselines": baselines}
    r2 = {"value": 0.81, "low": 0.79, "high": 0.83, "higher_is_better": True, "unit": "", "baselines": {}}
    return _model(ValuationSystem(), predictor, {
        "facts": {"summary": unlike.summarise(columns, train)},
        "scores": {"main": "mean absolute error", "units": 4200, "metrics": {"mean absolute error": error, "R²": r2}},
        "notes": [{"text": f"{HOSTILE}: 3 values are missing.", "level": "info", "where": "", "count": 3}],
        "background": as_rows(columns, train),
        "about": {"source": "/home/someone/private.csv"},
    })  # fmt: skip


def colour() -> Model:
    """Return the picture classifier as a model."""
    figure = {"value": 0.97, "low": 0.94, "high": 0.99}
    metric = {**figure, "higher_is_better": True, "unit": "%", "baselines": {}}
    scores = {"main": "accuracy", "units": 300, "metrics": {"accuracy": metric}}
    return _model(ColourSystem(), Colour(), {"facts": {}, "scores": scores, "notes": [], "background": []})


def _model(system: System, predictor: Predictor, manifest: dict[str, Any]) -> Model:
    described = {
        "system": system.name,
        "settings": {},
        "inputs": {n: f.to_json() for n, f in predictor.inputs.items()},
        "outputs": {n: f.to_json() for n, f in predictor.outputs.items()},
    }
    return Model(system, predictor, {**described, **manifest}, bundle.Parts({**described, **manifest}, {}, b""))
