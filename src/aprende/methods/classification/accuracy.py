"""How answers of classes are judged, picture by picture. Knows no class name, and not where the answers come from.

Units: "truth" (n,) and "prediction" (n,) are places of classes, "probabilities" (n, classes), "error" (n,) is 1 - the
probability of the true class.
"""

import numpy as np

from aprende.core.contract import Arrays, Metric

MANY = 10  # classes from which on the five likeliest are looked at


def metrics(classes: int) -> dict[str, Metric]:
    """Return the metrics that suit so many classes."""
    return METRICS if classes < MANY else METRICS | TOP_5


def right(units: Arrays) -> float:
    """Share of right answers."""
    return float((units["truth"] == units["prediction"]).mean())


def balanced(units: Arrays) -> float:
    """Mean of the classes' shares of right answers."""
    hits = units["truth"] == units["prediction"]
    counts = np.bincount(units["truth"])
    return float((np.bincount(units["truth"], hits)[counts > 0] / counts[counts > 0]).mean())


def log_loss(units: Arrays) -> float:
    """Mean of minus the logarithm of the true class' probability."""
    return float(-np.log(np.maximum(1 - units["error"], 1e-12)).mean())


def among_five(units: Arrays) -> float:
    """Share of the units whose class is among the five likeliest; of equally likely ones the first come first."""
    order = np.argsort(-units["probabilities"], axis=1, kind="stable")[:, :5]
    return float((order == units["truth"][:, None]).any(axis=1).mean())


METRICS = {
    "accuracy": Metric(right, True, "%"),
    "balanced accuracy": Metric(balanced, True, "%"),
    "log loss": Metric(log_loss, False),
}
TOP_5 = {"top-5 accuracy": Metric(among_five, True, "%")}
