"""From an encoded table to a network that answers with numbers and intervals, or calibrated probabilities.

`EnsembleTraining` trains members fold by fold, blends them and measures how sure they are on out-of-fold answers;
`DescentTraining` takes one network of the lecture down a chosen loss. Both know matrices and targets, no column.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.calibrate import temperature
from aprende.methods.tables import blend, trees
from aprende.methods.tables.encodings import random_folds
from aprende.methods.tables.ensemble import Ensemble, use_threads
from aprende.methods.tables.graph import EnsembleGraph, Head
from aprende.methods.tables.targets import Target
from aprende.methods.tables.trees import Forest

if TYPE_CHECKING:
    from aprende.core.engine import Engine

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
COVERAGE = 0.9
SPREAD = {"objective": "regression", "learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 20,
          "feature_fraction": 0.3, "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 5.0}  # fmt: skip
SPREAD_ROUNDS, LEAST = 120, 1e-3
SMALL = 3000  # rows up to which one thread is as quick as several
RESERVE, LAST = 0.08, 8.0  # kept for blending, intervals and the graph: share of the time, and seconds


class EnsembleTraining:
    """Steps of an `Ensemble`; `finish` gives the graph."""

    def __init__(
        self,
        matrix: Matrix,
        targets: list[Target],
        truths: list[NDArray[Any]],
        folds: NDArray[np.int64],
        members: tuple[str, ...],
        engine: Engine,
        refit: bool = False,
    ) -> None:
        budget = engine.budget
        seconds = budget.minutes * 60
        reserve = max(RESERVE * seconds, min(LAST, seconds / 4))
        at_once = 1 if budget.steps else min(engine.threads, len(targets) * int(folds.max() + 1))
        threads = engine.threads // at_once if len(matrix) > SMALL else 1
        use_threads(threads)
        self.ensemble = Ensemble(matrix, targets, truths, folds, members, engine.seed, threads,
                                 lambda: budget.left() - reserve, at_once, refit)  # fmt: skip

    @property
    def done(self) -> bool:
        """Nothing is left to be trained."""
        return not self.ensemble.tasks()

    def step(self, progress: float) -> dict[str, float]:
        return self.ensemble.step()

    def state_dict(self) -> dict[str, Any]:
        return self.ensemble.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.ensemble.load_state_dict(state)

    def finish(self) -> EnsembleGraph:
        """Return what was learnt as one network."""
        self.ensemble.end()
        heads = [self._head(i) for i in range(len(self.ensemble.targets))]
        return EnsembleGraph(heads, self.ensemble.matrix.shape[1], self.ensemble.threads)

    def _head(self, i: int) -> Head:
        e = self.ensemble
        target, truth, names = e.targets[i], e.truths[i], e.whole(i)
        if not names:  # the time ended within the first member: what there is answers
            return self._partial(i)
        answers = [e.answers[f"{m}/{i}"] for m in names]
        weights = blend.frugal(answers, _error(target, truth))
        chosen = {m: float(w) for m, w in zip(names, weights, strict=True) if w > 0}
        said = sum(w * a for w, a in zip(weights, answers, strict=True))
        return self._judged(
            Head(target, {m: e.models(m, i) for m in chosen}, chosen), np.asarray(said), truth, e.matrix
        )

    def _partial(self, i: int) -> Head:
        e = self.ensemble
        member = next(t.task.member for t in e.trained if t.task.target == i)
        held = e.answers[f"{member}/{i}"]
        known = np.isfinite(held).all(axis=1)
        head = Head(e.targets[i], {member: e.models(member, i)}, {member: 1.0})
        return self._judged(head, held[known], e.truths[i][known], e.matrix[known])

    def _judged(self, head: Head, said: Floats, truth: NDArray[Any], matrix: Matrix) -> Head:
        """Calibrate on out-of-fold answers said (n, outputs)."""
        if head.target.classes:
            head.temperature = temperature(said, truth)
            return head
        residuals = head.target.inside(truth) - said[:, 0]
        head.spread, apart = spread_of(matrix, residuals, self.ensemble.seed, self.ensemble.threads)
        head.low, head.high = blend.interval(residuals, apart, COVERAGE)
        return head


def _error(target: Target, truth: NDArray[Any]) -> Callable[[Floats], float]:
    """Return what blending makes small: the absolute error in the target's own unit, or log-loss."""
    if target.classes:
        rows = np.arange(len(truth))
        return lambda said: float(-np.log(np.clip(said[rows, truth], 1e-9, 1)).mean())
    return lambda said: float(np.abs(target.outside(said[:, 0]) - truth).mean())


def spread_of(matrix: Matrix, residuals: Floats, seed: int, threads: int) -> tuple[Forest, Floats]:
    """Return trees that tell the logarithm of how far off an answer is, and exp of what they say out of fold (n,)."""
    wanted = np.log(np.abs(residuals) + LEAST + 0.05 * float(np.median(np.abs(residuals))))

    def fit(rows: NDArray[Any]) -> Forest:
        chosen = {**SPREAD, "min_data_in_leaf": min(20, max(2, len(rows) // 20))}
        model = trees.lightgbm(matrix[rows], wanted[rows], 0, chosen, SPREAD_ROUNDS, seed, threads)
        return trees.from_lightgbm(model)

    fold, held = random_folds(np.arange(len(matrix)), seed + 1), np.empty(len(matrix))
    for k in range(int(fold.max()) + 1):
        held[fold == k] = fit(np.flatnonzero(fold != k)).predict(matrix[fold == k])[:, 0]
    return fit(np.arange(len(matrix))), np.exp(held)
