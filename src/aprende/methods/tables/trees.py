"""Gradient-boosted trees (Friedman 2001) by LightGBM (Ke et al. 2017) and CatBoost (Prokhorenkova et al. 2018).

A trained model becomes a `Forest`, plain arrays that give exactly the library's answers on float32 rows, from which one
node of an ONNX graph is made. Knows matrices and targets, not what their columns mean.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
Ints = NDArray[np.int64]
LEAST_ROUNDS, MANY = 250, 50_000  # rounds that are always done, while rows are no more than this
BINS, FINE = 63, 6000  # of a column, and rows from which on: as good as 255 on Properati, in six tenths of the time


@dataclass(frozen=True)
class Forest:
    """Trees as arrays: inner nodes of all trees one after another, likewise leaves.

    A row goes to `yes` where row[feature] <= split (where missing_yes, a missing value goes there too), else to `no`;
    a child c >= 0 is a node, c < 0 the leaf -1 - c. All (nodes,). roots (trees,), targets and weights (leaves,): the
    output that a leaf adds its weight to. base (outputs,) is added to all.
    """

    feature: Ints
    split: Matrix
    yes: Ints
    no: Ints
    missing_yes: NDArray[np.bool_]
    roots: Ints
    targets: Ints
    weights: Matrix
    base: Floats

    def predict(self, rows: Matrix) -> Matrix:
        """Return the sums (n, outputs), tree by tree: for tests, not for speed."""
        made = np.repeat(self.base[None], len(rows), axis=0)
        at_row = np.arange(len(rows))
        for root in self.roots:
            node = np.full(len(rows), root)
            while (inner := node >= 0).any():
                safe = np.where(inner, node, 0)
                x = rows[at_row, self.feature[safe]]
                left = np.where(np.isnan(x), self.missing_yes[safe], x <= self.split[safe])
                node = np.where(inner, np.where(left, self.yes[safe], self.no[safe]), node)
            leaf = -1 - node
            made[at_row, self.targets[leaf]] += self.weights[leaf]
        return made.astype(np.float32)


def merged(forests: list[tuple[Forest, float]]) -> Forest:
    """Return the weighted sum of forests of equal outputs as one forest."""
    nodes = np.cumsum([0, *(len(f.feature) for f, _ in forests)])
    leaves = np.cumsum([0, *(len(f.weights) for f, _ in forests)])

    def moved(children: Ints, i: int) -> Ints:
        return np.asarray(np.where(children >= 0, children + nodes[i], children - leaves[i]))

    def joined(parts: list[Any]) -> Any:
        return np.concatenate(parts)

    return Forest(
        joined([f.feature for f, _ in forests]),
        joined([f.split for f, _ in forests]),
        joined([moved(f.yes, i) for i, (f, _) in enumerate(forests)]),
        joined([moved(f.no, i) for i, (f, _) in enumerate(forests)]),
        joined([f.missing_yes for f, _ in forests]),
        joined([moved(f.roots, i) for i, (f, _) in enumerate(forests)]),
        joined([f.targets for f, _ in forests]),
        joined([(f.weights * np.float32(w)).astype(np.float32) for f, w in forests]),
        np.sum([f.base * w for f, w in forests], axis=0),
    )


def parted(forest: Forest, most: int) -> list[Forest]:
    """Return forests of at most so many trees each, whose sum is the forest; the base is in the first."""
    made = []
    for at in range(0, len(forest.roots), most):
        roots = forest.roots[at : at + most]
        reached = [roots]
        while len(inner := reached[-1][reached[-1] >= 0]):
            reached.append(np.concatenate([forest.yes[inner], forest.no[inner]]))
        every = np.unique(np.concatenate(reached))
        nodes, leaves = every[every >= 0], -1 - every[every < 0][::-1]

        def moved(children: Ints, nodes: Ints = nodes, leaves: Ints = leaves) -> Ints:
            inner = np.searchsorted(nodes, children)
            return np.asarray(np.where(children >= 0, inner, -1 - np.searchsorted(leaves, -1 - children)))

        base = forest.base if at == 0 else np.zeros_like(forest.base)
        made.append(
            Forest(
                forest.feature[nodes],
                forest.split[nodes],
                moved(forest.yes[nodes]),
                moved(forest.no[nodes]),
                forest.missing_yes[nodes],
                moved(roots),
                forest.targets[leaves],
                forest.weights[leaves],
                base,
            )
        )
    return made


def rounds(model: str) -> int:
    """Return how many rounds a model took, from the text that its library wrote."""
    if model.startswith("{"):
        return len(json.loads(model)["oblivious_trees"])
    return model.count("\nTree=") // int(_header(model, "num_tree_per_iteration", "1"))


def rounded_down(thresholds: Floats) -> Matrix:
    """Return the greatest float32 at most each threshold: x <= t is the same for every float32 x."""
    near = thresholds.clip(-3.4e38, 3.4e38).astype(np.float32)
    lower = np.nextafter(near, np.float32(-np.inf))
    return np.asarray(np.where(near.astype(np.float64) > thresholds, lower, near))


# ---- LightGBM --------------------------------------------------------------------------------------------------------


def lightgbm(
    rows: Matrix,
    truth: NDArray[Any],
    classes: int,
    parameters: dict[str, Any],
    rounds: int,
    seed: int,
    threads: int,
    over: Callable[[], bool] = lambda: False,
) -> str:
    """Return a trained model as LightGBM's own text. truth (n,): numbers (classes 0), or classes in 0 … classes - 1.

    over(): whether the time is used up, so that no further round begins (after LEAST_ROUNDS: fewer answer almost the
    same for every row, and a machine that is busy must not make the model worse than a line).
    """
    import lightgbm as lgb

    fixed = {
        **_objective(classes),
        **parameters,
        "seed": seed,
        "num_threads": threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }

    least = LEAST_ROUNDS if len(rows) <= MANY else LEAST_ROUNDS // 5

    def stop(env: Any) -> None:
        if env.iteration >= least and over():
            raise lgb.callback.EarlyStopException(env.iteration, [])

    data = lgb.Dataset(rows, truth, params={"verbose": -1, "max_bin": BINS if len(rows) > FINE else 255})
    made = lgb.train(fixed, data, rounds, callbacks=[stop])
    return str(made.model_to_string(num_iteration=-1))


def _objective(classes: int) -> dict[str, Any]:
    if classes == 0:
        return {"objective": "huber", "alpha": 0.2}
    if classes == 2:
        return {"objective": "binary"}
    return {"objective": "multiclass", "num_class": classes}


def lightgbm_scores(model: str, rows: Matrix, threads: int = 0) -> Floats:
    """Return what the library says before any link function: (n, outputs)."""
    import lightgbm as lgb

    said = lgb.Booster(model_str=model).predict(rows, raw_score=True, num_threads=threads)
    return np.asarray(said, dtype=np.float64).reshape(len(rows), -1)


def from_lightgbm(model: str) -> Forest:
    """Return LightGBM's text as a forest."""
    trees = [dict(line.split("=", 1) for line in part.splitlines() if "=" in line)
             for part in model.split("\n\n\nend of trees")[0].split("\nTree=")[1:]]  # fmt: skip
    outputs = int(_header(model, "num_tree_per_iteration", "1"))
    forests = []
    for i, tree in enumerate(trees):
        weights = _numbers(tree["leaf_value"], np.float64).astype(np.float32)
        targets = np.full(len(weights), i % outputs, dtype=np.int64)
        forests.append(_lightgbm_tree(tree, weights, targets, outputs))
    return merged([(f, 1.0) for f in forests])


def _lightgbm_tree(tree: dict[str, str], weights: Matrix, targets: Ints, outputs: int) -> Forest:
    base = np.zeros(outputs)
    if int(tree["num_leaves"]) < 2:
        none = np.zeros(0, dtype=np.int64)
        return Forest(
            none, none.astype(np.float32), none, none, none.astype(bool), np.array([-1]), targets, weights, base
        )
    threshold = _numbers(tree["threshold"], np.float64)
    kind = _numbers(tree["decision_type"], np.int64)
    says_missing = (kind >> 2) & 3  # 0: a missing value counts as zero; 2: it goes to the default side
    missing = np.where(says_missing == 2, (kind & 2) > 0, threshold >= 0)
    left, right = (_numbers(tree[k], np.int64) for k in ("left_child", "right_child"))
    return Forest(_numbers(tree["split_feature"], np.int64), rounded_down(threshold), left, right, missing,
                  np.array([0]), targets, weights, base)  # fmt: skip


def _numbers(text: str, dtype: Any) -> Any:
    return np.array(text.split(), dtype=dtype)


def _header(model: str, name: str, default: str) -> str:
    found = [line for line in model.split("\nTree=", 1)[0].splitlines() if line.startswith(name + "=")]
    return found[0].split("=", 1)[1] if found else default


# ---- CatBoost --------------------------------------------------------------------------------------------------------


class _Until:
    """Tells CatBoost after each round whether to go on."""

    def __init__(self, over: Callable[[], bool]) -> None:
        self.over = over

    def after_iteration(self, info: Any) -> bool:
        return info.iteration < LEAST_ROUNDS or not self.over()


def catboost(
    rows: Matrix,
    truth: NDArray[Any],
    classes: int,
    parameters: dict[str, Any],
    rounds: int,
    seed: int,
    threads: int,
    over: Callable[[], bool] = lambda: False,
) -> str:
    """Return a trained model of symmetric trees as CatBoost's JSON. Arguments as for `lightgbm`."""
    import tempfile
    from pathlib import Path

    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostRegressor if classes == 0 else CatBoostClassifier
    fixed = {"random_seed": seed, "thread_count": threads, "verbose": 0, "allow_writing_files": False}
    made = kind(iterations=rounds, **fixed, **parameters)
    made.fit(rows, truth, callbacks=[_Until(over)])
    with tempfile.TemporaryDirectory(prefix="aprende-") as folder:
        path = Path(folder) / "model.json"
        made.save_model(str(path), format="json")
        return path.read_text(encoding="utf-8")


def from_catboost(model: str) -> Forest:
    """Return CatBoost's JSON as a forest. A row goes right where it is greater than the border; missing goes left."""
    held = json.loads(model)
    columns = {f["feature_index"]: f["flat_feature_index"] for f in held["features_info"]["float_features"]}
    scale, bias = held["scale_and_bias"]
    outputs = len(bias)
    forests = [_symmetric(tree, columns, outputs, scale) for tree in held["oblivious_trees"]]
    forest = merged([(f, 1.0) for f in forests])
    return Forest(forest.feature, forest.split, forest.yes, forest.no, forest.missing_yes, forest.roots, forest.targets,
                  forest.weights, np.array(bias, dtype=np.float64))  # fmt: skip


def _symmetric(tree: dict[str, Any], columns: dict[int, int], outputs: int, scale: float) -> Forest:
    """Every node of a level asks the same; the leaf's number has bit d set where level d's answer is "greater"."""
    splits = tree["splits"] or []
    depth = len(splits)
    values = np.array(tree["leaf_values"], dtype=np.float64).reshape(2**depth, outputs) * scale
    order = splits[::-1]  # the root decides the highest bit
    feature = np.array(
        [columns[order[d]["float_feature_index"]] for d in range(depth) for _ in range(2**d)], dtype=np.int64
    )
    split = rounded_down(np.array([order[d]["border"] for d in range(depth) for _ in range(2**d)], dtype=np.float64))
    node = np.arange(2**depth - 1)
    child = 2 * node + 1
    yes, no = (np.where(c < 2**depth - 1, c, -1 - (c - (2**depth - 1))) for c in (child, child + 1))
    copies = []
    for k in range(outputs):  # one tree an output
        copies.append(Forest(feature, split, yes, no, np.ones(len(feature), dtype=bool), np.array([0 if depth else -1]),
                             np.full(2**depth, k), values[:, k].astype(np.float32), np.zeros(outputs)))  # fmt: skip
    return merged([(f, 1.0) for f in copies])


# ---- ONNX ------------------------------------------------------------------------------------------------------------


def onnx_node(forest: Forest, rows: str, output: str) -> Any:
    """Return the node (ai.onnx.ml TreeEnsemble, version 5) that computes the sums (n, outputs) without the base."""
    from onnx import TensorProto, helper

    single = forest.roots < 0  # a tree of one leaf: a node whose both sides are that leaf
    extra = np.arange(int(single.sum())) + len(forest.feature)
    roots = forest.roots.copy()
    roots[single] = extra
    lone = forest.roots[single]
    yes, no = np.concatenate([forest.yes, lone]), np.concatenate([forest.no, lone])
    count = len(yes)

    def tensor(name: str, kind: Any, values: NDArray[Any]) -> Any:
        return helper.make_tensor(name, kind, [len(values)], values.tobytes(), raw=True)

    splits = np.concatenate([forest.split, np.zeros(len(extra), np.float32)]).astype(np.float32)
    return helper.make_node(
        "TreeEnsemble",
        [rows],
        [output],
        domain="ai.onnx.ml",
        n_targets=len(forest.base),
        aggregate_function=1,
        post_transform=0,
        tree_roots=roots.tolist(),
        nodes_featureids=[*forest.feature.tolist(), *([0] * len(extra))],
        nodes_modes=tensor("modes", TensorProto.UINT8, np.zeros(count, dtype=np.uint8)),
        nodes_splits=tensor("splits", TensorProto.FLOAT, splits),
        nodes_truenodeids=np.where(yes >= 0, yes, -1 - yes).tolist(),
        nodes_trueleafs=(yes < 0).astype(int).tolist(),
        nodes_falsenodeids=np.where(no >= 0, no, -1 - no).tolist(),
        nodes_falseleafs=(no < 0).astype(int).tolist(),
        nodes_missing_value_tracks_true=[*forest.missing_yes.astype(int).tolist(), *([0] * len(extra))],
        leaf_targetids=forest.targets.tolist(),
        leaf_weights=tensor("weights", TensorProto.FLOAT, forest.weights),
    )
