"""The trained ensemble as one network: encoded rows in, final numbers with their intervals or probabilities out.

Each model's trees are one node; networks are exported by torch and joined; weights, links and heads are nodes too,
so that ONNX Runtime does everything. `__call__` gives the same through the libraries that trained the members.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Arrays
from aprende.methods.tables import trees
from aprende.methods.tables.ensemble import FORESTS, Trained, scores, spoken
from aprende.methods.tables.targets import Target
from aprende.methods.tables.trees import Forest

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
OPSET, TREES_OPSET, IR = 18, 5, 10
TREES = 100  # in a node


@dataclass
class Head:
    """What answers for one target: models by member, each member's weight, and what the answer becomes.

    spread: the forest that tells the logarithm of how far off a number may be; low, high: how many spreads away the
    interval ends. temperature divides the logarithms of probabilities.
    """

    target: Target
    members: dict[str, list[Trained]]
    weights: dict[str, float]
    spread: Forest | None = None
    low: float = 0.0
    high: float = 0.0
    temperature: float = 1.0


@dataclass
class EnsembleGraph:
    """Rows (n, F) → for target i "value i", "low i", "high i" (n,), or "probabilities i" (n, classes)."""

    heads: list[Head]
    width: int  # F
    threads: int = 1
    extra: Arrays = field(default_factory=dict)  # what else was learnt, for people who look inside

    def __call__(self, arrays: Arrays) -> Arrays:
        made: Arrays = {}
        for i, head in enumerate(self.heads):
            said = _said(head, arrays["rows"], self.threads)
            if head.target.classes:
                logs = np.log(np.clip(said, 1e-12, 1)) / head.temperature
                shares = np.exp(logs - logs.max(axis=1, keepdims=True))
                made[f"probabilities {i}"] = shares / shares.sum(axis=1, keepdims=True)
            elif head.spread is not None:
                apart = np.exp(head.spread.predict(arrays["rows"])[:, 0].astype(np.float64))
                ends = (("value", 0.0), ("low", head.low), ("high", head.high))
                made |= {f"{name} {i}": head.target.outside(said[:, 0] + k * apart) for name, k in ends}
        return made

    def weights(self) -> Arrays:
        """Return the networks' weights by member and fold, and what else was learnt."""
        nets = {
            f"{i}/{member}/{t.task.fold}/{name}": array
            for i, head in enumerate(self.heads)
            for member, models in head.members.items()
            if member not in FORESTS
            for t in models
            for name, array in t.model.items()
        }
        return nets | self.extra

    def onnx(self) -> bytes:
        """Return the graph as an ONNX model with a free batch axis."""
        from onnx import TensorProto, helper

        made = _Nodes()
        outputs = []
        for i, head in enumerate(self.heads):
            names = _class_nodes(made, head, i) if head.target.classes else _number_nodes(made, head, i)
            shape: list[str | int | None] = ["batch", *([head.target.classes] if head.target.classes else [])]
            outputs += [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in names]
        rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["batch", self.width])
        graph = helper.make_graph(made.nodes, "encoded_rows", [rows], outputs, made.constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", TREES_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="aprende")
        return bytes(model.SerializeToString())


def _said(head: Head, rows: Matrix, threads: int) -> Floats:
    """Return the weighted mean of the members (n, outputs); a member is the mean of its models' scores."""
    total: Any = 0.0
    for member, models in head.members.items():
        mean = np.mean([scores(t, rows, threads) for t in models], axis=0)
        total = total + head.weights[member] * spoken(head.target, mean, member)
    return np.asarray(total)


# ---- nodes -----------------------------------------------------------------------------------------------------------


class _Nodes:
    """Collects nodes and constants; every operation returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def op(self, kind: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = out or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def forest(self, forest: Forest) -> str:
        """Return the sums of a forest (n, outputs), base included."""
        name = f"n{len(self.nodes)}"
        self.nodes.append(trees.onnx_node(forest, "rows", name))
        return self.op("Add", name, self.constant(forest.base))

    def forests(self, weighted: list[tuple[Forest, float]]) -> str:
        """Return the weighted sum of forests (n, outputs). A node holds TREES trees at most: what ONNX Runtime needs to
        start grows with the square of a node's trees."""
        parts = [p for pair in weighted for p in trees.parted(trees.merged([pair]), TREES)]
        names = [self.forest(part) for part in parts]
        return names[0] if len(names) == 1 else self.op("Sum", *names)

    def network(self, trained: Trained) -> str:
        """Return the output of a torch module (n, outputs), joined under a prefix."""
        import onnx
        from onnx import compose

        from aprende.methods.tables import nets
        from aprende.networks.graph import Graph

        module = nets.revive(trained.task.member, trained.model)
        example = {"rows": np.zeros((1, trained.model["numbers.low"].shape[0]), np.float32)}
        graph = onnx.load_from_string(Graph(module, example, ["said"]).onnx()).graph
        prefix = f"m{len(self.nodes)}/"
        joined = compose.add_prefix_graph(graph, prefix)
        self.op("Identity", "rows", out=prefix + "rows")
        self.nodes += joined.node
        self.constants += joined.initializer
        return prefix + "said"

    def mean(self, names: list[str]) -> str:
        return names[0] if len(names) == 1 else self.op("Mean", *names)


def forest_of(trained: Trained) -> Forest:
    """Return the trees of a model."""
    return (
        trees.from_catboost(trained.model) if trained.task.member == "catboost" else trees.from_lightgbm(trained.model)
    )


def _number_nodes(made: _Nodes, head: Head, i: int) -> list[str]:
    """z = forests + networks; value = outside(z), low and high likewise."""
    forests, parts = [], []
    for member, models in head.members.items():
        share = head.weights[member] / len(models)
        if member in FORESTS:
            forests += [(forest_of(t), share) for t in models]
        else:
            parts += [made.op("Mul", made.network(t), made.constant(share)) for t in models]
    if forests:
        parts.append(made.forests(forests))
    z = parts[0] if len(parts) == 1 else made.op("Sum", *parts)
    if head.spread is None:
        raise ValueError("a number needs its spread")
    apart = made.op("Exp", made.forest(head.spread))
    ends = [("value", z)]
    for name, k in (("low", head.low), ("high", head.high)):
        ends.append((name, made.op("Add", z, made.op("Mul", apart, made.constant(k)))))
    return [_outside(made, head.target, at, f"{name} {i}") for name, at in ends]


def _outside(made: _Nodes, target: Target, z: str, out: str) -> str:
    scaled = made.op("Add", made.op("Mul", z, made.constant(target.spread)), made.constant(target.middle))
    held = made.op("Exp", scaled) if target.log else scaled
    return made.op("Squeeze", held, made.constant([1], np.int64), out=out)


def _class_nodes(made: _Nodes, head: Head, i: int) -> list[str]:
    """Each member's mean score becomes probabilities; their weighted mean is tempered."""
    parts = []
    for member, models in head.members.items():
        if member in FORESTS:
            said = made.forests([(forest_of(t), 1 / len(models)) for t in models])
            if head.target.classes == 2:
                said = made.op("Concat", made.op("Sub", said, said), said, axis=1)
        else:
            said = made.mean([made.network(t) for t in models])
        shares = said if member == "nca" else made.op("Softmax", said, axis=1)
        parts.append(made.op("Mul", shares, made.constant(head.weights[member])))
    total = parts[0] if len(parts) == 1 else made.op("Sum", *parts)
    logs = made.op("Log", made.op("Clip", total, made.constant(1e-12), made.constant(1.0)))
    tempered = made.op("Div", logs, made.constant(head.temperature))
    return [made.op("Softmax", tempered, axis=1, out=f"probabilities {i}")]
