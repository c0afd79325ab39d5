"""Random changes of pictures together with their boxes, on whole batches of tensors at once.

Flips, another size and place (one reading of the batch at a grid), colours; a mosaic of four pictures. Boxes move with
their pictures; what is cut away is cut from them, and a box of which little is left goes. Knows no class, no network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aprende.methods.augment import coloured, uniform

if TYPE_CHECKING:
    import torch

GREY = 127.0


@dataclass(frozen=True)
class Augment:
    """How much each change may do; 0 is off."""

    sideways: bool = True  # mirrored left to right, one picture in two
    upside: bool = False  # and top to bottom
    smaller: float = 0.6  # the least size, as a share of the picture's
    larger: float = 1.5  # the greatest
    colour: float = 0.2  # brightness, contrast and saturation, up to this share
    mosaic: float = 0.0  # share of batches in which each picture is joined with three others
    seen: float = 0.3  # share of a box that must be left

    def __call__(
        self, pictures: torch.Tensor, truth: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """uint8 (B, H, W, C), truth (B, M, 6) -> float32 (B, C, H, W), 0 to 255; truth (B, M', 6)."""
        import torch

        x = pictures.permute(0, 3, 1, 2).float()
        height, width = x.shape[2:]
        if self.mosaic and float(torch.rand((), generator=generator)) < self.mosaic:
            x, truth = joined(x, truth, generator)
        turn, move = self._drawn(len(x), generator)
        x = read_at(x, _grid(turn, move, height, width))
        truth = moved(truth, turn, move, width, height, self.seen)
        return (coloured(x, self.colour, generator) if self.colour else x), truth

    def _drawn(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Sizes with sign (B, 2), across and down, and moves (B, 2), the whole side being 2 long."""
        import torch

        low, high = math.log(self.smaller), math.log(self.larger)
        size = (torch.rand((count, 1), generator=generator) * (high - low) + low).exp()
        size = size * uniform((count, 2), 0.1, generator).exp()
        move = uniform((count, 2), 1.0, generator) * (size - 1).abs()
        signs = torch.where(torch.rand((count, 2), generator=generator) < 0.5, -1.0, 1.0)
        allowed = torch.tensor([self.sideways, self.upside])
        return torch.where(allowed, signs, 1.0) * size, move


def _grid(turn: torch.Tensor, move: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Where every pixel is read from, -1 to 1: (B, H, W, 2). A place p of the old picture goes to turn · p + move."""
    import torch

    across, down = ((torch.arange(side) * 2 + 1) / side - 1 for side in (width, height))
    xs = (across[None] - move[:, :1]) / turn[:, :1]
    ys = (down[None] - move[:, 1:]) / turn[:, 1:]
    count = len(turn)
    return torch.stack([xs[:, None].expand(count, height, width), ys[:, :, None].expand(count, height, width)], 3)


def read_at(x: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) read at `grid` (B, H, W, 2), linearly between pixels; outside it is grey."""
    import torch
    from torch.nn import functional as F

    out = F.grid_sample(x - GREY, grid, mode="bilinear", padding_mode="zeros", align_corners=False) + GREY
    return out.contiguous(memory_format=torch.channels_last)


def moved(
    truth: torch.Tensor, turn: torch.Tensor, move: torch.Tensor, width: int, height: int, seen: float
) -> torch.Tensor:
    """Truth (B, M, 6) after the same change, cut at the border; boxes of which less than `seen` is left are taken away
    (and not judged, where something is left)."""
    import torch

    side = torch.tensor([width, height], dtype=torch.float32)
    corners = truth[..., :4].reshape(*truth.shape[:2], 2, 2) / side * 2 - 1  # (B, M, low and high, across and down)
    ends = ((corners * turn[:, None, None] + move[:, None, None]) + 1) / 2 * side
    low, high = ends.amin(2), ends.amax(2)
    whole = (high - low).prod(2)
    low, high = (torch.minimum(end.clamp(min=0), side) for end in (low, high))
    left = (high - low).clamp(min=0).prod(2) / whole.clamp(min=1e-6)
    state = torch.where(left >= seen, truth[..., 5], torch.where(left > 0.05, 0.0, -1.0))
    state = torch.where(truth[..., 5] < 0, truth[..., 5], state)
    return torch.cat([low, high, truth[..., 4:5], state[..., None]], 2)


def joined(x: torch.Tensor, truth: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Each picture (B, C, H, W) at half its size beside three others of the batch (mosaic, Bochkovskiy et al. 2020),
    and the truth of all four: (B, 4 · M, 6)."""
    import torch
    from torch.nn import functional as F

    count, _, height, width = x.shape
    top, left = height // 2, width // 2
    orders = [torch.arange(count), *(torch.randperm(count, generator=generator) for _ in range(3))]
    sizes = [(h, w) for h in (top, height - top) for w in (left, width - left)]
    parts = [F.interpolate(x[o], size=list(s), mode="area") for o, s in zip(orders, sizes, strict=True)]
    whole = torch.cat([torch.cat(parts[:2], 3), torch.cat(parts[2:], 3)], 2)
    boxes = []
    for order, (h, w), (y, x0) in zip(orders, sizes, [(0, 0), (0, left), (top, 0), (top, left)], strict=True):
        scale = torch.tensor([w / width, h / height, w / width, h / height, 1, 1])
        boxes.append(truth[order] * scale + torch.tensor([x0, y, x0, y, 0, 0]))
    return whole, torch.cat(boxes, 1)
