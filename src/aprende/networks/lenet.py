"""LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998): the convolutional network that read handwritten digits.

As in the paper: 5 × 5 kernels, 6 and 16 maps, averaged 2 × 2, layers of 120 and 84 units, tanh. Not as in the paper:
every map of the second layer sees all maps of the first, the averages have no weights of their own, and the last layer
is linear instead of distances to drawn characters. It does not know what the pictures show, nor how it is trained.
"""

import torch
from torch import nn


class LeNet5(nn.Module):
    """Normalised pictures (B, channels, size, size) -> scores (B, outputs); `size` is 28 for digits, at least 12."""

    def __init__(self, channels: int, outputs: int, size: int = 28) -> None:
        super().__init__()
        side = (size // 2 - 4) // 2  # the first layer keeps the size, the second loses 4, each pooling halves
        self.body = nn.Sequential(
            nn.Conv2d(channels, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
            nn.Linear(16 * side * side, 120), nn.Tanh(),
            nn.Linear(120, 84), nn.Tanh(),
        )  # fmt: skip
        self.head = nn.Linear(84, outputs)

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """The last hidden layer, (B, 84)."""
        hidden: torch.Tensor = self.body(x)
        return hidden

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, size, size) -> (B, outputs)."""
        scores: torch.Tensor = self.head(self.embed(x))
        return scores
