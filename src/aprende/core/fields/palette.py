"""The fixed colours of classes, wherever they are drawn: in masks, around boxes, in legends. Knows no class.

The first twenty are told apart by most people; those that follow go round the circle of hues by the golden angle.
"""

import colorsys
from functools import cache

import numpy as np
from numpy.typing import NDArray

FIRST = (
    "1f77b4", "ff7f0e", "2ca02c", "d62728", "9467bd", "8c564b", "e377c2", "bcbd22", "17becf", "f2d024",
    "0a3d91", "7fc97f", "800040", "00b894", "ff9da6", "5d4037", "b39ddb", "33691e", "ffab40", "607d8b",
)  # fmt: skip
GOLDEN = 0.618034  # of the circle


@cache
def palette() -> NDArray[np.uint8]:
    """Return the colour of every place in a list of classes: uint8 (256, 3); the last, of no class, is black."""
    known = [tuple(bytes.fromhex(colour)) for colour in FIRST]
    others = [colorsys.hsv_to_rgb((i * GOLDEN) % 1, (0.85, 0.55)[i % 2], (0.9, 0.65)[i // 2 % 2]) for i in range(235)]
    rest = [tuple(round(255 * part) for part in colour) for colour in others]
    colours = np.array([*known, *rest, (0, 0, 0)], dtype=np.uint8)
    colours.setflags(write=False)
    return colours


def css(place: int) -> str:
    """Return the colour of a class as a style sheet wants it: "#1f77b4"."""
    return "#" + bytes(palette()[place % 255]).hex()


def rgb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture (H, W, 1 or 3) with three channels."""
    return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture
