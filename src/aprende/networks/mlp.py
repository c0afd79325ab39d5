"""The multi-layer perceptron (Rumelhart, Hinton and Williams 1986), with ReLU, He initialisation and dropout.

It does not know what its numbers mean (pixels, columns of a table, features of another network) nor its loss.
"""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import nn


class MLP(nn.Module):
    """Float (batch, inputs) -> float (batch, outputs) through `depth` hidden layers of `width` units.

    Dropout (Srivastava et al. 2014) follows every hidden layer. `depth` 0 is the simple perceptron.
    """

    def __init__(self, inputs: int, outputs: int, width: int = 256, depth: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        sizes = [inputs] + [width] * depth
        self.body = nn.Sequential(*_hidden(sizes, dropout))
        self.head = nn.Linear(sizes[-1], outputs)

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """The last hidden layer, (batch, width)."""
        hidden: torch.Tensor = self.body(x)
        return hidden

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, inputs) -> (batch, outputs)."""
        scores: torch.Tensor = self.head(self.embed(x))
        return scores


def _hidden(sizes: list[int], dropout: float) -> Iterator[nn.Module]:
    """Linear, ReLU and (if asked for) dropout, from each size to the next."""
    for before, after in pairwise(sizes):
        layer = nn.Linear(before, after)
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # He et al. 2015
        nn.init.zeros_(layer.bias)
        yield layer
        yield nn.ReLU()
        if dropout > 0:
            yield nn.Dropout(dropout)
