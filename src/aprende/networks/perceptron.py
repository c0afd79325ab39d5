"""The simple perceptron: one layer of weights from numbers to scores.

It does not know what the numbers mean, nor which loss trains it: squared error gives Widrow and Hoff's Adaline
(1960), cross-entropy gives logistic regression. Rosenblatt (1958) trained it by error correction; here it is trained
by gradient descent like every other network.
"""

import torch
from torch import nn


class Perceptron(nn.Module):
    """Float (batch, inputs) -> float (batch, outputs): `inputs @ weights + bias`, nothing else."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.head = nn.Linear(inputs, outputs)
        nn.init.zeros_(self.head.weight)  # a convex problem needs no random start
        nn.init.zeros_(self.head.bias)

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """What the last layer sees: here the inputs themselves, (batch, inputs)."""
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, inputs) -> (batch, outputs)."""
        scores: torch.Tensor = self.head(self.embed(x))
        return scores
