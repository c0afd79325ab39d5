"""Drawings with masks to try the system on."""

import numpy as np

from aprende.core.contract import Table
from aprende.core.fields import Image, Mask


def drawings(n: int, seed: int = 0) -> Table:
    """Return n drawings, 48 × 48, of a disc and a square, of any size and place, on noise, with their masks."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[:48, :48]
    pictures, masks = np.empty((n, 48, 48, 3), np.uint8), np.zeros((n, 48, 48), np.uint8)
    shades = np.array([(90, 90, 90), (200, 90, 60), (60, 120, 210)])
    for row in range(n):
        (y, x), (v, u), sizes = rng.uniform(8, 40, 2), rng.uniform(8, 40, 2), rng.uniform(5, 11, 2)
        masks[row][np.maximum(abs(down - v), abs(across - u)) < sizes[1]] = 2
        masks[row][np.hypot(down - y, across - x) < sizes[0]] = 1
        pictures[row] = np.clip(shades[masks[row]] + rng.normal(0, 25, (48, 48, 3)), 0, 255)
    held = {"image": Image(3, 48), "mask": Mask(("background", "disc", "square"), 48)}
    return Table({"image": pictures, "mask": masks}, dict(held), target="mask")
