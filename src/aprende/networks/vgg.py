"""VGG (Simonyan and Zisserman 2015): five stages of 3 × 3 convolutions, the sides halved and the channels doubled.

Configurations A (vgg11: 132,863,336 weights) and D (vgg16: 138,357,544) for 224 px and 1,000 classes. Not as in the
paper: weights begin as He et al. (2015), so that no shallower network must be trained first; dropout is the user's (0.2
unless told, not 0.5). For small pictures a stage does not pool where fewer than `LEAST` pixels would have been halved
(28 px become 14, 7, 3, 3, 3), and the dense layers are a quarter as wide in proportion. It does not know what the
pictures show, nor how it is trained.
"""

from collections import OrderedDict

import torch
from torch import nn

from aprende.networks.initial import he

STAGES = {"vgg11": (1, 1, 2, 2, 2), "vgg16": (2, 2, 3, 3, 3)}  # convolutions of each stage
WIDTHS = (1, 2, 4, 8, 8)  # of the stages, in widths of the first
LEAST = 4  # pixels of a side that pooling may halve
SMALL = 64  # pixels of a picture below which the dense layers are narrower
HIDDEN = 4096


class VGG(nn.Module):
    """Normalised pictures (B, channels, size, size) -> scores (B, outputs). `width` 64 is the published size."""

    def __init__(
        self, name: str, channels: int, outputs: int, size: int, width: int = 64, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.counts = STAGES[name]
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        before, side = channels, size
        for number, (count, times) in enumerate(zip(self.counts, WIDTHS, strict=True), 1):
            layers[f"stage{number}"] = _stage(before, width * times, count, pooled=side >= LEAST)
            before, side = width * times, side // 2 if side >= LEAST else side
        hidden = HIDDEN * width // (256 if size < SMALL else 64)
        layers["flat"] = nn.Flatten()
        layers["fc6"] = nn.Sequential(nn.Linear(before * side * side, hidden), nn.ReLU(), nn.Dropout(dropout))
        layers["fc7"] = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(dropout))
        self.body = nn.Sequential(layers)
        self.head = nn.Linear(hidden, outputs)
        he(self)

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """The last hidden layer, (B, hidden)."""
        hidden: torch.Tensor = self.body(x)
        return hidden

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, size, size) -> (B, outputs)."""
        scores: torch.Tensor = self.head(self.embed(x))
        return scores

    def published(self) -> dict[str, dict[str, str]]:
        """torchvision's names of the layers → ours."""
        names, place = {"classifier.0": "body.fc6.0", "classifier.3": "body.fc7.0", "classifier.6": "head"}, 0
        for number, count in enumerate(self.counts, 1):
            names |= {f"features.{place + 2 * i}": f"body.stage{number}.conv{i + 1}" for i in range(count)}
            place += 2 * count + 1  # each convolution has a ReLU, each stage a pooling
        return {"": names}


def _stage(before: int, after: int, count: int, pooled: bool) -> nn.Sequential:
    """Convolutions with ReLUs, then perhaps a pooling: (B, before, h, w) -> (B, after, h/2, w/2)."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for i in range(1, count + 1):
        layers[f"conv{i}"] = nn.Conv2d(before if i == 1 else after, after, 3, padding=1)
        layers[f"relu{i}"] = nn.ReLU()
    if pooled:
        layers["pool"] = nn.MaxPool2d(2)
    return nn.Sequential(layers)
