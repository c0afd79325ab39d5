"""The lecture's networks on a table: one layer or several, down a chosen loss by gradient descent.

The encoded matrix is standardised inside the network, gaps filled with the mean. Valid rows choose nothing but tell how
sure the answers are. Knows matrices and one target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.calibrate import temperature
from aprende.core.contract import Arrays
from aprende.core.engine import one_thread
from aprende.methods.descent import LOSSES, Descent, Recipe
from aprende.methods.tables import blend
from aprende.methods.tables.targets import Target

if TYPE_CHECKING:
    import torch

    from aprende.core.engine import Engine

Matrix = NDArray[np.float32]
SLICE = 20  # batches a step
BATCH = 128
NUMBER_LOSSES = ("absolute", "squared", "huber")
CLASS_LOSSES = tuple(LOSSES)


class DescentTraining:
    """Descent of one network on one target. kind: "perceptron" or "mlp"."""

    done = False

    def __init__(
        self, kind: str, loss: str, matrix: Matrix, target: Target, truth: NDArray[Any], valid: tuple[Matrix, Any],
        engine: Engine, width: int = 256, depth: int = 2,
    ) -> None:  # fmt: skip
        import torch

        from aprende.networks.tabular import Answers, make

        self.target, self.valid, self.loss = target, valid, loss
        self.x = torch.as_tensor(matrix)
        wanted = truth.astype(np.int64) if target.classes else target.inside(truth).astype(np.float32)[:, None]
        self.y = torch.as_tensor(wanted)
        torch.manual_seed(engine.seed)
        inner = make(kind, matrix.shape[1], max(1, target.classes), width, depth)
        self.network = Answers(inner, self.x, bool(target.classes), target.log, target.middle, target.spread)
        rate = 1e-2 if kind == "perceptron" else 2e-3
        self.descent = Descent(self.network, Recipe(lr=rate, weight_decay=0.05 if kind == "mlp" else 0.0))
        self.generator = torch.Generator().manual_seed(engine.seed)

    def step(self, progress: float) -> dict[str, float]:
        import torch

        total = 0.0
        with one_thread():
            for _ in range(SLICE):
                rows = torch.randint(len(self.x), (min(BATCH, len(self.x)),), generator=self.generator)
                total += self.descent.step(self._loss(self.network.scores(self.x[rows]), self.y[rows]), progress)
        return {"loss": total / SLICE}

    def _loss(self, said: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        from torch.nn import functional as F

        if self.target.classes:
            return LOSSES[self.loss](said, wanted)
        if self.loss == "absolute":
            return F.l1_loss(said, wanted)
        return F.mse_loss(said, wanted) if self.loss == "squared" else F.huber_loss(said, wanted)

    def state_dict(self) -> dict[str, Any]:
        return {"descent": self.descent.state_dict(), "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.descent.load_state_dict(state["descent"])
        self.generator.set_state(state["generator"])

    def finish(self) -> Any:
        """Return the network with its averaged weights, calibrated on valid."""
        from aprende.networks.graph import Graph

        self.descent.finish()
        rows, truth = self.valid
        if len(rows) == 0:
            rows, truth = (
                self.x.numpy(),
                self.target.outside(self.y.numpy()[:, 0]) if not self.target.classes else self.y.numpy(),
            )
        said = self.network.said(rows)
        if self.target.classes:
            self.network.temperature.fill_(temperature(said, truth))
        else:
            gaps = self.target.inside(truth) - said[:, 0]
            low, high = blend.interval(gaps, np.ones(len(gaps)))
            self.network.ends.copy_(_tensor([low, high]))
        names = ["probabilities 0"] if self.target.classes else ["value 0", "low 0", "high 0"]
        example: Arrays = {"rows": self.x[:1].numpy()}
        return Graph(self.network, example, names)


def _tensor(values: list[float]) -> Any:
    import torch

    return torch.tensor(values)
