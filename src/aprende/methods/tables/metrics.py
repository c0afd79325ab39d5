"""Per-row results of predicted columns, and the figures made of them. Knows targets and output columns, no model."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Array, Arrays, Evaluation, Metric
from aprende.core.fields import Columns
from aprende.methods.tables.targets import Target


def evaluation(said: Columns, targets: list[Target], truths: list[NDArray[Any]], groups: Array | None) -> Evaluation:
    """Return the results of rows whose true values are `truths` (one array (n,) a target)."""
    if len(targets) > 1:
        return _several(said, targets, truths, groups)
    if targets[0].classes:
        return _class(np.asarray(said["probabilities"]), truths[0], groups)
    return _number(said, targets[0], truths[0], groups)


def _number(said: Columns, target: Target, truth: Array, groups: Array | None) -> Evaluation:
    value = np.asarray(said[target.name], dtype=np.float64)
    units: Arrays = {"truth": truth, "prediction": value, "error": np.abs(value - truth)}
    metrics = {
        "mean absolute error": Metric(lambda u: float(u["error"].mean()), False, target.unit),
        "median absolute error": Metric(lambda u: float(np.median(u["error"])), False, target.unit),
        "R²": Metric(_r2, True),
    }
    if (truth > 0).all():
        metrics["median relative error"] = Metric(lambda u: float(np.median(u["error"] / u["truth"])), False, "%")
    if f"{target.name} low" in said:
        units |= {end: np.asarray(said[f"{target.name} {end}"], dtype=np.float64) for end in ("low", "high")}
        metrics["coverage of the 90 % interval"] = Metric(_coverage, True, "%", best=0.9)
    return Evaluation(units, metrics, "mean absolute error", groups)


def _r2(units: Arrays) -> float:
    apart = ((units["truth"] - units["truth"].mean()) ** 2).sum()
    return float(1 - ((units["truth"] - units["prediction"]) ** 2).sum() / apart) if apart > 0 else float("nan")


def _coverage(units: Arrays) -> float:
    return float(((units["low"] <= units["truth"]) & (units["truth"] <= units["high"])).mean())


def _class(shares: Array, truth: Array, groups: Array | None) -> Evaluation:
    units = {
        "truth": truth,
        "prediction": shares.argmax(axis=1),
        "probabilities": shares,
        "error": 1 - shares[np.arange(len(truth)), truth],
    }
    metrics = {
        "accuracy": Metric(lambda u: float((u["truth"] == u["prediction"]).mean()), True, "%"),
        "balanced accuracy": Metric(_balanced, True, "%"),
        "log loss": Metric(lambda u: float(-np.log(np.maximum(1 - u["error"], 1e-12)).mean()), False),
    }
    if shares.shape[1] == 2:
        metrics["area under the ROC curve"] = Metric(_auc, True)
    return Evaluation(units, metrics, "accuracy", groups)


def _balanced(units: Arrays) -> float:
    """Mean of the classes' shares of right answers."""
    counts = np.bincount(units["truth"])
    right = np.bincount(units["truth"], units["truth"] == units["prediction"])
    return float((right[counts > 0] / counts[counts > 0]).mean())


def _auc(units: Arrays) -> float:
    """How often a row of the second class scores above one of the first (Mann and Whitney 1947)."""
    from scipy.stats import rankdata

    positive = units["truth"] == 1
    many, few = int(positive.sum()), int((~positive).sum())
    if not many or not few:
        return float("nan")
    ranks = rankdata(units["probabilities"][:, 1])
    return float((ranks[positive].sum() - many * (many + 1) / 2) / (many * few))


def _several(said: Columns, targets: list[Target], truths: list[NDArray[Any]], groups: Array | None) -> Evaluation:
    """Every target's error, and their mean: numbers in spreads of train, classes as the chance given to others."""
    units: Arrays = {}
    metrics: dict[str, Metric] = {}
    errors: Arrays = {}
    for target, truth in zip(targets, truths, strict=True):
        name = f"error of {target.name}"
        if target.classes:
            own = _class(np.asarray(said[f"{target.name} probabilities"]), truth, None).units
            errors[name] = own["error"]
        else:
            own = _number(said, target, truth, None).units
            errors[name] = np.abs(target.inside(truth) - target.inside(own["prediction"]))
        units |= {f"{kind} of {target.name}": column for kind, column in own.items()}
        metrics[name] = Metric(lambda u, name=name: float(u[name].mean()), False)  # type: ignore[misc]
    units |= {**errors, "error": np.mean(list(errors.values()), axis=0)}
    metrics["mean error of all"] = Metric(lambda u: float(u["error"].mean()), False)
    return Evaluation(units, metrics, "mean error of all", groups)
