"""A small fast residual network (He et al. 2016) for small pictures on an ordinary processor.

After DAWNBench's ResNet-9 (Page 2018): few wide convolutions, which a processor runs at full speed, and pooling before
each widening, so that most of the work is done on small maps. It does not know what the pictures show, nor how it is
trained.
"""

import torch
from torch import nn


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
    """Normalised pictures (B, channels, size, size) -> scores (B, outputs).

    A first layer of `width` channels, then `stages` that halve the sides and double the channels; all but the first,
    where it would cost most, add `depth` residual layers. With `centred`, for digits and the like that fill their
    picture, the first layer halves the sides too, and the last one tells places apart instead of taking their mean.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        size: int,
        width: int = 32,
        stages: int = 3,
        depth: int = 1,
        dropout: float = 0.0,
        centred: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [convolution(channels, width, *((5, 2) if centred else (3, 1)))]
        for stage in range(stages):
            after = width * 2 ** (stage + 1)
            layers += [nn.MaxPool2d(2), convolution(after // 2, after)]
            layers += [Residual(after) for _ in range(depth if stage else 0)]
        self.body = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        side = (-(-size // 2) if centred else size) // 2**stages
        self.centred = centred
        self.head = nn.Linear(width * 2**stages * (side**2 if centred else 1), outputs)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The last map, (B, C, h', w')."""
        out: torch.Tensor = self.body(x)
        return out

    def pooled(self, features: torch.Tensor) -> torch.Tensor:
        """The last map (B, C, h', w') -> what `head` takes: (B, C), or (B, C·h'·w') with `centred`."""
        return features.flatten(1) if self.centred else features.mean((2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, size, size) -> (B, outputs)."""
        scores: torch.Tensor = self.head(self.dropout(self.pooled(self.features(x))))
        return scores
