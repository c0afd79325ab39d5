"""A network on an encoded table, whole: it scales the rows, and answers with numbers and intervals or probabilities.

Knows neither what the columns mean nor how it is trained.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from aprende.networks.mlp import MLP
from aprende.networks.perceptron import Perceptron


def make(kind: str, inputs: int, outputs: int, width: int, depth: int) -> nn.Module:
    """Return the perceptron, or the multi-layer perceptron."""
    if kind == "perceptron":
        return Perceptron(inputs, outputs)
    return MLP(inputs, outputs, width, depth, dropout=0.1)


class Answers(nn.Module):
    """rows (batch, F) with NaN → value, low and high (batch,) of a number, or probabilities (batch, classes)."""

    mean: torch.Tensor
    spread: torch.Tensor
    ends: torch.Tensor
    temperature: torch.Tensor

    def __init__(
        self, inner: nn.Module, rows: torch.Tensor, classes: bool, log: bool, middle: float, scale: float
    ) -> None:
        super().__init__()
        known = torch.nan_to_num(rows, nan=0.0).double()
        count = (~torch.isnan(rows)).double().sum(0).clamp_min(1)
        mean = known.sum(0) / count
        apart = torch.where(torch.isnan(rows), torch.zeros_like(known), (known - mean) ** 2)
        self.inner, self.classes, self.log, self.middle, self.scale = inner, classes, log, middle, scale
        self.register_buffer("mean", mean.float())
        self.register_buffer("spread", (apart.sum(0) / count).sqrt().clamp_min(1e-6).float())
        self.register_buffer("ends", torch.zeros(2))
        self.register_buffer("temperature", torch.ones(()))

    def scores(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, F) → (batch, outputs), before any link function; values beyond 5 spreads are drawn in."""
        filled = torch.where(torch.isnan(x), self.mean, x)
        scores: torch.Tensor = self.inner(((filled - self.mean) / self.spread).clamp(-5, 5))
        return scores

    def said(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return standardised numbers (n, 1) or probabilities (n, classes), before calibration."""
        self.eval()
        with torch.inference_mode():
            found = self.scores(torch.as_tensor(rows)).double()
            return np.asarray((torch.softmax(found, 1) if self.classes else found).numpy())

    def forward(self, x: torch.Tensor) -> Any:
        """(batch, F) → the answers."""
        scores = self.scores(x)
        if self.classes:
            return torch.softmax(scores / self.temperature, dim=1)
        held = [scores[:, 0], scores[:, 0] + self.ends[0], scores[:, 0] + self.ends[1]]
        scaled = [v * self.scale + self.middle for v in held]
        return tuple(torch.exp(v) if self.log else v for v in scaled)
