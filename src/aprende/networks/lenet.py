"""LeCun's two networks that read handwritten digits: of 1989 (zip codes) and LeNet-5 of 1998 (cheques).

They do not know what the pictures show, nor how they are trained.
"""

import torch
from torch import nn

MAPS = 12  # of each layer of the network of 1989
SOURCES = 8  # maps of the first layer that a map of the second looks at


class LeNet5(nn.Module):
    """Normalised pictures (B, channels, size, size) -> scores (B, outputs); `size` is 28 for digits, at least 12.

    As in LeCun, Bottou, Bengio and Haffner 1998: 5 × 5 kernels, 6 and 16 maps, averaged 2 × 2, layers of 120 and 84
    units, tanh. Not as in the paper: every map of the second layer sees all maps of the first, the averages have no
    weights of their own, and the last layer is linear instead of distances to drawn characters.
    """

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


class Squash(nn.Module):
    """1.7159 · tanh(2/3 · x), which gives ±1 for ±1: any shape."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 1.7159 * torch.tanh(x * (2 / 3))


class Shared(nn.Module):
    """Kernels 5 × 5 of stride 2, shared over all places, with a bias for every single unit, as in 1989.

    (B, before, s, s) -> (B, MAPS, s/2, s/2). Each map looks at `sources` maps of those before: the j-th at j, j + 1 …,
    counted in a ring. `side` is s/2.
    """

    def __init__(self, before: int, sources: int, side: int) -> None:
        super().__init__()
        table = [(map_ + k) % before for map_ in range(MAPS) for k in range(sources)]
        self.register_buffer("table", torch.tensor(table), persistent=False)
        self.conv = nn.Conv2d(MAPS * sources, MAPS, 5, stride=2, padding=2, groups=MAPS, bias=False)
        self.bias = nn.Parameter(torch.zeros(MAPS, side, side))
        _begin(self.conv.weight, 25 * sources)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.conv(x[:, self.table]) + self.bias  # type: ignore[index]
        return out


class LeNet1989(nn.Module):
    """Normalised pictures (B, channels, size, size) -> scores (B, outputs); 9,760 weights for 16 × 16 and 10 digits.

    As in LeCun, Boser, Denker, Henderson, Howard, Hubbard and Jackel 1989 (Neural Computation 1): two layers of 12 maps
    by 5 × 5 kernels of stride 2 (receptive fields of 5 and 13 pixels), each map of the second seeing 8 of the first,
    a bias for every unit, 30 hidden units, 1.7159 · tanh(2/3 · x), weights that begin within ±2.4 / inputs. Not as in
    the paper: which 8 maps is a ring (the paper does not tell its table), the border is the mean grey instead of the
    background, the last layer is linear, and it is trained like every other network here, not by Newton's diagonal.
    """

    def __init__(self, channels: int, outputs: int, size: int = 16) -> None:
        super().__init__()
        first = -(-size // 2)
        second = -(-first // 2)
        self.h1 = nn.Sequential(Shared(channels, channels, first), Squash())
        self.h2 = nn.Sequential(Shared(MAPS, SOURCES, second), Squash(), nn.Flatten())
        self.h3 = nn.Sequential(nn.Linear(MAPS * second * second, 30), Squash())
        self.head = nn.Linear(30, outputs)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                _begin(layer.weight, layer.in_features)
                nn.init.zeros_(layer.bias)

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """The last hidden layer, (B, 30)."""
        hidden: torch.Tensor = self.h3(self.h2(self.h1(x)))
        return hidden

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, size, size) -> (B, outputs)."""
        scores: torch.Tensor = self.head(self.embed(x))
        return scores


def _begin(weight: torch.Tensor, inputs: int) -> None:
    nn.init.uniform_(weight, -2.4 / inputs, 2.4 / inputs)
