"""Small fast residual networks (He et al. 2016) for small pictures on an ordinary processor: of photos, of drawings.

After DAWNBench's ResNet-9 (Page 2018): few wide convolutions, which a processor runs at full speed, and pooling before
each widening, so that most of the work is done on small maps. They do not know what the pictures show, nor how they are
trained.
"""

import torch
from torch import nn

HIDDEN = 128  # units of the last hidden layer for drawings


def convolution(before: int, after: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU: (B, before, h, w) -> (B, after, h/stride, w/stride)."""
    conv = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after), nn.ReLU(inplace=True))


class Residual(nn.Module):
    """A convolution added to what came in: (B, channels, h, w) both ways."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = convolution(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.body(x)
        return out


class ResNet(nn.Module):
    """Normalised photos (B, channels, h, w) -> scores (B, outputs); h and w at least 2^stages.

    A first layer of `width` channels, then `stages` that halve the sides and double the channels; all but the first,
    where it would cost most, add `depth` residual layers.
    """

    def __init__(
        self, channels: int, outputs: int, width: int = 32, stages: int = 3, depth: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [convolution(channels, width)]
        for stage in range(stages):
            after = width * 2 ** (stage + 1)
            layers += [nn.MaxPool2d(2), convolution(after // 2, after)]
            layers += [Residual(after) for _ in range(depth if stage else 0)]
        self.body = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width * 2**stages, outputs)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The last map, (B, C, h/2^stages, w/2^stages)."""
        out: torch.Tensor = self.body(x)
        return out

    def pooled(self, features: torch.Tensor) -> torch.Tensor:
        """The last map (B, C, h', w') -> what `head` takes: (B, C)."""
        return features.mean((2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, h, w) -> (B, outputs)."""
        scores: torch.Tensor = self.head(self.dropout(self.pooled(self.features(x))))
        return scores


class DrawingNet(nn.Module):
    """Normalised drawings (B, channels, size, size), such as digits that fill their picture -> scores (B, outputs).

    The first layer already halves the sides; a hidden layer, instead of the mean over places, tells places apart.
    """

    def __init__(
        self, channels: int, outputs: int, size: int, width: int = 32, depth: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        wide, side = 2 * width, -(-size // 2) // 4
        self.body = nn.Sequential(
            convolution(channels, width, kernel=5, stride=2),
            *(Residual(width) for _ in range(depth)),
            nn.MaxPool2d(2),
            convolution(width, wide),
            *(Residual(wide) for _ in range(depth)),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(wide * side * side, HIDDEN, bias=False),
            nn.BatchNorm1d(HIDDEN),
            nn.ReLU(inplace=True),
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(HIDDEN, outputs)

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """The hidden layer, (B, HIDDEN)."""
        hidden: torch.Tensor = self.body(x)
        return hidden

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, size, size) -> (B, outputs)."""
        scores: torch.Tensor = self.head(self.dropout(self.embed(x)))
        return scores
