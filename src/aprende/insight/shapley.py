"""How much each scalar column moved an answer: Shapley values (Shapley 1953), sampled by permutations (Štrumbelj and
Kononenko 2014) against rows of train. Works through `predict` alone; knows no system."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import from_rows
from aprende.core.fields import Columns, rows_of
from aprende.core.model import Model, join
from aprende.insight.watched import Watched


def shapley(
    model: Model, row: Columns, watch: Watched, seed: int, permutations: int = 12
) -> tuple[dict[str, float], float]:
    """Return each column's sampled Shapley value, and the base. Effects sum to answer - base exactly.

    Columns enter in random order, each order against one background row; antithetic orders (forwards and backwards)
    halve the variance. All coalitions of all orders are predicted as one batch.
    """
    names = list(model.inputs)
    background = from_rows(model.manifest["background"], model.inputs)
    rng = np.random.default_rng(seed)
    orders: list[Any] = [o for _ in range(permutations) for p in [rng.permutation(len(names))] for o in (p, p[::-1])]
    against = np.repeat(rng.permutation(np.resize(np.arange(rows_of(background)), permutations)), 2)
    present = np.array([[np.flatnonzero(o == c)[0] for c in range(len(names))] for o in orders])  # when c enters
    steps = np.arange(len(names) + 1)
    batch = {
        name: _mixed(row[name], background[name], against, (present[:, c, None] < steps).ravel(), len(steps))
        for c, name in enumerate(names)
    }
    values = watch.values(model.predict(batch)).reshape(len(orders), len(steps))
    gains = np.diff(values, axis=1)
    effects = {n: float(np.mean([gains[i, present[i, c]] for i in range(len(orders))])) for c, n in enumerate(names)}
    return effects, float(values[:, 0].mean())


def _mixed(own: Any, background: Any, against: NDArray[np.int64], inside: NDArray[np.bool_], repeats: int) -> Any:
    """The row's own value where it is inside the coalition, else the background's."""
    both = join([own, background])
    picked = np.where(inside, 0, 1 + np.repeat(against, repeats))
    return both[picked]
