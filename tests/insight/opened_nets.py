"""Networks made by hand for the tests of looking inside: their filters, fields and answers are known."""

from typing import Any

import numpy as np
import torch
from torch import nn

from aprende.insight.opened import Opened
from aprende.networks.pictures import PictureNet


class Chain(nn.Module):
    """Layers one after the other; `net` of a PictureNet."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


def opened(net: nn.Module, size: int = 28, channels: int = 1) -> Opened:
    """A network, opened, that sees pictures from -1 to 1."""
    return Opened(PictureNet(net, size, channels, [127.5], [127.5]).eval(), size, channels)


def gabors(angles: list[float], side: int = 9, period: float = 6.0) -> Any:
    """Kernels (n, 1, side, side) that like stripes of these orientations (degrees), as simple cells do."""
    down, right = np.mgrid[:side, :side] - (side - 1) / 2
    kernels = []
    for angle in np.deg2rad(angles):
        far = right * np.sin(angle) + down * np.cos(angle)
        kernels.append(np.cos(2 * np.pi * far / period) * np.exp(-(down**2 + right**2) / 9))
    made = np.stack(kernels)[:, None]
    return torch.tensor(made - made.mean(axis=(2, 3), keepdims=True), dtype=torch.float32)


def filtering(kernels: Any) -> nn.Module:
    """A layer of these kernels, rectified."""
    conv = nn.Conv2d(1, len(kernels), kernels.shape[-1], padding=kernels.shape[-1] // 2, bias=False)
    conv.weight.data[:] = kernels
    return Chain(conv, nn.ReLU())
