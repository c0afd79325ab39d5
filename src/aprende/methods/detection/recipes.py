"""How large pictures are seen, on which maps things are sought, and how it is learnt: by the dial and the boxes.

Knows the sizes of pictures and boxes, and none of their pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.errors import SettingError
from aprende.core.settings import Settings, setting
from aprende.core.words import t
from aprende.methods.descent import Recipe

LEAST_SIDE, MOST_SIDE = 32, 640  # of a picture as it is seen, in pixels
AUTO_SIDE = 160  # the least chosen unless told
EPOCHS = 45  # that shall fit in the time
SECONDS = 1.6e-6  # of one core, to learn from one pixel once (measured)
SPEED_OF_TWO = 1.8  # cores
STEP = 8  # sides are multiples of it
FROZEN = 4  # parts of the body: stem and three stages, whose features suit all pictures


@dataclass(frozen=True)
class DetectSettings(Settings):
    """What one can choose; 0 and "auto" leave it to the pictures, their boxes and the minutes."""

    size: int = setting(0, "Longer side in pixels at which the network looks at pictures (0: auto).")
    flips: str = setting(
        "sideways", "Mirrored pictures are as good: left to right, or also upside down.", ("none", "sideways", "both")
    )
    zoom: float = setting(1.5, "Most by which pictures are shrunk or enlarged while learning.", low=1, high=4)
    colour: float = setting(0.2, "Brightness, contrast and saturation change by up to this share.", low=0, high=0.9)
    mosaic: float = setting(0.0, "Share of batches in which four pictures are joined into one.", low=0, high=1)
    batch: int = setting(0, "Pictures a step (0: auto).", low=0)
    lr: float = setting(2e-3, "Highest learning rate.", low=0)
    weight_decay: float = setting(0.02, "Pull of the weights towards zero.", low=0)
    frozen: int = setting(FROZEN, "Parts of the pretrained network that stay as they are.", low=0, high=8)
    overlap: float = setting(0.6, "Of two boxes of one class that overlap more, the surer is kept.", low=0, high=1)
    soft: float = setting(0.0, "Lower the surer box's rivals by their overlap instead (Soft-NMS; such as 0.5).", low=0)


def canvas(settings: DetectSettings, sizes: NDArray[Any], count: int) -> tuple[int, int]:
    """Return the height and width in which pictures are seen: of their usual shape, as large as the time allows.

    sizes: (n, 2) widths and heights of some pictures; count: how many there are to learn from.
    """
    if 0 < settings.size < LEAST_SIDE:
        said = t("size: expected at least {least} pixels, got {size}.", least=LEAST_SIDE, size=settings.size)
        raise SettingError(said)
    usual = np.median(sizes, axis=0)
    shape = float(np.clip(np.median(sizes[:, 0] / sizes[:, 1]), 0.25, 4.0))  # width by height
    pixels = settings.minutes * 60 * SPEED_OF_TWO / (EPOCHS * max(1, count) * SECONDS)
    longer = math.sqrt(pixels * max(shape, 1 / shape))
    longer = settings.size or min(max(longer, AUTO_SIDE), MOST_SIDE, float(usual.max()))
    sides = longer * min(1.0, 1 / shape), longer * min(1.0, shape)
    height, width = (max(LEAST_SIDE, STEP * round(side / STEP)) for side in sides)
    return height, width


def strides(sides: NDArray[np.floating]) -> tuple[int, ...]:
    """Return the strides of the maps on which things of these sizes are sought (n,): square roots of boxes' areas."""
    small, large = np.quantile(sides, [0.1, 0.9]) if len(sides) else (32.0, 32.0)
    found = [4] if small < 10 else []
    found += [8] if small < 96 else []
    found += [16] if large > 96 or small >= 96 else []
    return (*found, 32) if large > 192 else tuple(found)


def usual(sides: NDArray[np.floating], maps: tuple[int, ...]) -> float:
    """Return half of the side that a box on the finest map is thought to have before anything is learnt."""
    if len(maps) == 1 and len(sides):
        return float(np.clip(np.median(sides) / 2, maps[0], 16 * maps[0]))
    return 4.0 * maps[0]


def recipe(settings: DetectSettings) -> Recipe:
    """Return how to go down."""
    return Recipe(lr=settings.lr, weight_decay=settings.weight_decay, warmup=0.05, clip=10.0)
