"""Random changes of pictures that keep their class, on whole batches of tensors at once.

Pictures come as the cache keeps them, uint8 (B, H, W, C), and leave as float32 (B, C, H, W), 0 to 255, in the
channels-last memory layout. Every picture of a batch draws its own change from the generator that is handed in, so the
same generator state gives the same batch. A map of classes moves with its picture (`pair`). It does not know classes,
networks or normalisation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

KNOTS = 5  # of the elastic displacement, along a side
VOID = 255  # in a map of classes: no class


@dataclass(frozen=True)
class Augment:
    """How much each change may do; 0 is off. Sizes are shares of a side, angles are degrees."""

    flip: bool = False  # left to right, one picture in two
    shift: float = 0.0  # up to this share of a side, both ways, the border mirrored
    rotate: float = 0.0  # up to so many degrees, both ways
    scale: float = 0.0  # 0.2: from 1/1.2 to 1.2 times as large, each side for itself
    zoom: float = 0.0  # the same for both sides alike, anywhere in the picture; of pairs only
    shear: float = 0.0  # up to so many degrees
    elastic: float = 0.0  # smooth random displacement, standard deviation as a share of a side (Simard et al. 2003)
    colour: float = 0.0  # brightness, contrast and saturation, up to this share
    cutout: float = 0.0  # one square of this side turned grey (DeVries and Taylor 2017)

    def __call__(self, pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """uint8 (B, H, W, C) -> float32 (B, C, H, W), 0 to 255."""
        x = shifted(pictures, self.shift, self.flip, generator).permute(0, 3, 1, 2).float()
        if self.rotate or self.scale or self.shear or self.elastic:
            x = warped(x, self.grid(x, generator))
        if self.colour:
            x = coloured(x, self.colour, generator)
        return cut_out(x, self.cutout, generator) if self.cutout else x

    def pair(
        self, pictures: torch.Tensor, masks: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """uint8 (B, H, W, C) and its classes uint8 (B, H, W) -> float32 (B, C, H, W), int64 (B, H, W).

        Both are moved alike: the picture read linearly, the classes at the nearest place; outside there is no class.
        """
        import torch

        both = torch.cat([pictures, masks[..., None]], 3)
        both = shifted(both, self.shift, self.flip, generator).permute(0, 3, 1, 2).float()
        x, y = both[:, :-1], both[:, -1:]
        if self.rotate or self.scale or self.shear or self.elastic or self.zoom:
            grid = self.grid(x, generator)
            x, y = warped(x, grid), moved(y, grid)
        if self.colour:
            x = coloured(x, self.colour, generator)
        return x.contiguous(memory_format=torch.channels_last), y[:, 0].long()

    def grid(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Where every pixel of (B, C, H, W) is read from, -1 to 1: (B, H, W, 2).

        Turning and the elastic displacement are linear in a few numbers a picture: one product gives the whole batch.
        """
        import torch

        count, _, height, width = x.shape
        numbers = affine(count, self.rotate, self.scale, self.shear, generator)
        if self.zoom:
            numbers = zoomed(numbers, self.zoom, generator)
        numbers = numbers.view(2 * count, 3)
        places = turned(height, width)
        if self.elastic:  # the whole side is 2 long
            knots = torch.randn((2 * count, KNOTS * KNOTS), generator=generator) * (2 * self.elastic)
            numbers, places = torch.cat([numbers, knots], 1), torch.cat([places, bent(height, width)])
        return (numbers @ places).view(count, 2, height, width).permute(0, 2, 3, 1)


def uniform(size: tuple[int, ...], most: float, generator: torch.Generator) -> torch.Tensor:
    """Float (size), even between -most and most."""
    import torch

    return (torch.rand(size, generator=generator) * 2 - 1) * most


def shifted(pictures: torch.Tensor, most: float, flip: bool, generator: torch.Generator) -> torch.Tensor:
    """(B, H, W, C) of any type moved by whole pixels, at most `most` of a side, and flipped: one gather."""
    import torch

    count, height, width = pictures.shape[:3]
    if not (most or flip):
        return pictures
    down = uniform((count, 1), most * height, generator).round().long()
    right = uniform((count, 1), most * width, generator).round().long()
    columns = torch.arange(width).expand(count, width)
    if flip:
        turn = torch.rand((count, 1), generator=generator) < 0.5
        columns = torch.where(turn, columns.flip(1), columns)
    rows, columns = mirrored(torch.arange(height) + down, height), mirrored(columns + right, width)
    places = rows[:, :, None] * width + columns[:, None, :] + torch.arange(count)[:, None, None] * (height * width)
    return pictures.reshape(count * height * width, -1)[places.flatten()].reshape(pictures.shape)


def mirrored(index: torch.Tensor, size: int) -> torch.Tensor:
    """Indices a little outside 0 .. size - 1 reflected at the border."""
    return (size - 1 - (size - 1 - index.abs()).abs()).clamp(0, size - 1)


def affine(count: int, rotate: float, scale: float, shear: float, generator: torch.Generator) -> torch.Tensor:
    """Random matrices (count, 2, 3) that turn, scale and shear around the centre."""
    import torch

    angle = uniform((count,), math.radians(rotate), generator)
    slant = uniform((count,), math.radians(shear), generator).tan()
    size = uniform((count, 2), math.log1p(scale), generator).exp()
    wide, high = size.unbind(1)
    across = [angle.cos() * wide, slant * angle.cos() * wide - angle.sin() * high, torch.zeros(count)]
    down = [angle.sin() * wide, slant * angle.sin() * wide + angle.cos() * high, torch.zeros(count)]
    return torch.stack(across + down, 1).view(count, 2, 3)


def zoomed(matrices: torch.Tensor, most: float, generator: torch.Generator) -> torch.Tensor:
    """(count, 2, 3) with a window 1/(1 + most) to 1 + most times as wide, its middle moved by at most what is left."""
    import torch

    size = uniform((len(matrices), 1, 1), math.log1p(most), generator).exp()
    aside = uniform((len(matrices), 2, 1), 1.0, generator) * (1 - size).abs()
    return torch.cat([matrices[..., :2] * size, matrices[..., 2:] + aside], 2)


@cache
def turned(height: int, width: int) -> torch.Tensor:
    """Every pixel's place (3, H·W): across, down, 1; -1 to 1 from border to border."""
    import torch

    across, down = ((torch.arange(size) * 2 + 1) / size - 1 for size in (width, height))
    return torch.stack([across.repeat(height), down.repeat_interleave(width), torch.ones(height * width)])


@cache
def bent(height: int, width: int) -> torch.Tensor:
    """The matrix (KNOTS², H·W) that interpolates values at evenly spaced knots by cubics."""
    import torch
    from torch.nn import functional as F

    each = torch.eye(KNOTS * KNOTS).view(KNOTS * KNOTS, 1, KNOTS, KNOTS)
    return F.interpolate(each, size=[height, width], mode="bicubic", align_corners=True).flatten(1)


def warped(x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) read at `grid` (B, H, W, 2), linearly between pixels, the border continued outside."""
    import torch
    from torch.nn import functional as F

    out = F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return out.contiguous(memory_format=torch.channels_last)


def moved(y: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Classes (B, 1, H, W), as floats, read at `grid` (B, H, W, 2), each at the nearest place; outside: VOID."""
    from torch.nn import functional as F

    out = F.grid_sample(y - VOID, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return out.round() + VOID


def coloured(x: torch.Tensor, most: float, generator: torch.Generator) -> torch.Tensor:
    """(B, C, H, W) with other brightness, contrast and (with three channels) saturation, within 0 to 255."""
    brightness, contrast, saturation = 1 + uniform((3, len(x), 1, 1, 1), most, generator)
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * contrast + mean * brightness
    if x.shape[1] == 3:
        grey = x.mean(1, keepdim=True)
        x = (x - grey) * saturation + grey
    return x.clamp(0, 255)


def cut_out(x: torch.Tensor, side: float, generator: torch.Generator) -> torch.Tensor:
    """(B, C, H, W) with one square of `side` of the shorter side, anywhere, set to the picture's mean."""
    import torch

    count, _, height, width = x.shape
    half = side * min(height, width) / 2
    down, right = torch.rand((2, count, 1), generator=generator)
    rows = (torch.arange(height) - down * height).abs() < half
    columns = (torch.arange(width) - right * width).abs() < half
    hole = (rows[:, :, None] & columns[:, None, :])[:, None]
    return torch.where(hole, x.mean((1, 2, 3), keepdim=True), x)
