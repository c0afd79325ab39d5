"""Small drawings with boxes, made here: for the checks, and for a first try where there are no pictures."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Table
from aprende.core.fields import Boxes, Image

KINDS = ("disc", "square")
APART = 22  # pixels between the middles of two things: those that hide one another would have doubtful boxes


def drawings(n: int, seed: int = 0, side: int = 64) -> Table:
    """Return n grey drawings of one to four discs and squares, of any size and place, on noise, with their boxes."""
    rng = np.random.default_rng(seed)
    pictures, column = np.empty((n, side, side, 1), np.uint8), []
    for row in range(n):
        light, boxes = rng.normal(40, 12, (side, side)), np.zeros((0, 6), np.float32)
        for _ in range(int(rng.integers(1, 5))):
            kind, half = int(rng.integers(0, 2)), float(rng.uniform(6, 11))
            x, y = rng.uniform(half, side - half, 2)
            middles = (boxes[:, :2] + boxes[:, 2:4]) / 2
            if (np.abs(middles - (x, y)).max(axis=1) < APART).any():
                continue
            light = np.where(_inside(kind, x, y, half, side), rng.uniform(120, 220), light)
            boxes = np.vstack([boxes, [x - half, y - half, x + half, y + half, kind, 1.0]]).astype(np.float32)
        pictures[row, :, :, 0] = np.clip(light, 0, 255)
        column.append(boxes)
    columns: dict[str, Any] = {"image": pictures, "boxes": column}
    return Table(columns, {"image": Image(1, side), "boxes": Boxes(KINDS)}, target="boxes")


def _inside(kind: int, x: float, y: float, half: float, side: int) -> NDArray[np.bool_]:
    """Where a disc (0) or a square (1) covers the pixels: (side, side)."""
    down, across = np.mgrid[:side, :side] + 0.5
    far = np.hypot(down - y, across - x) if kind == 0 else np.maximum(abs(down - y), abs(across - x))
    return np.asarray(far < half)
