"""How well a map tells where: pointing game, boxes and regions against the truth; maps that know nothing, to compare.

A place is a mask (GRID, GRID) over the whole picture, a map is coarse (h, w) over the same. The pointing game asks
whether the highest place lies in the truth (Zhang et al. 2016). T(IoBB) (Wang et al. 2017, ChestX-ray8) asks how much
of a box lies in it: the box around the part of the map, at least half as high as its peak, that holds the peak. Such a
box may be small, so T(IoU) also asks how well all that is half as high covers the truth. Knows no picture.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from aprende.core.fields.findings import spread

GRID = 64  # cells along a side, in which places are held and compared
HALF = 0.5  # of a map's peak: what counts as found
SHARES = (0.1, 0.25, 0.5)  # T: least share that is a hit
LEAST = 20  # pictures with a place below which nothing is said to be better

Maps = NDArray[np.float32]
Mask = NDArray[np.bool_]
Places = Mapping[tuple[int, int], Mask]  # (row, place of finding) → mask (GRID, GRID)


def scored(maps: Maps, places: Places) -> dict[str, NDArray[np.float64]]:
    """Return for maps (n, K, h, w) "pointing" (0 or 1), "iobb" and "iou" (shares), each (n, K); NaN: no place told."""
    empty = np.full(maps.shape[:2], np.nan)
    found = {name: empty.copy() for name in ("pointing", "iobb", "iou")}
    for (row, k), truth in places.items():
        for name, value in judged(maps[row, k], truth).items():
            found[name][row, k] = value
    return found


def judged(cells: NDArray[np.float32], truth: Mask) -> dict[str, float]:
    """Return pointing, IoBB and IoU of one map (h, w) against one mask (GRID, GRID)."""
    from scipy import ndimage

    heat = spread(cells, GRID, GRID)
    peak = np.unravel_index(int(np.argmax(heat)), heat.shape)
    high = heat >= HALF * heat[peak]
    parts, _ = ndimage.label(high)
    rows, cols = ndimage.find_objects((parts == parts[peak]).astype(np.int8))[0]
    box = truth[rows, cols]
    return {
        "pointing": float(truth[peak]),
        "iobb": float(box.mean()),
        "iou": float((high & truth).sum() / max(1, (high | truth).sum())),
    }


def centre_map(n: int, findings: int, cells: int = 14) -> Maps:
    """Return the map that always says the middle: a bell as wide as half the picture, (n, K, cells, cells)."""
    at = (np.arange(cells) + 0.5) / cells - 0.5
    bell = np.exp(-(at[:, None] ** 2 + at**2) / (2 * 0.2**2)).astype(np.float32)
    return np.broadcast_to(bell, (n, findings, cells, cells))


def random_maps(n: int, findings: int, seed: int = 0, cells: int = 7) -> Maps:
    """Return smooth maps of chance, one a picture and finding: (n, K, cells, cells)."""
    return np.random.default_rng(seed).random((n, findings, cells, cells), dtype=np.float32)


def mean_map(places: Places, findings: int, cells: int = 16) -> Maps:
    """Return how often each place is in the truth, by finding (K, cells, cells): what is known without looking."""
    sums, counts = np.zeros((findings, cells, cells), np.float32), np.zeros(findings, np.float32)
    for (_, k), truth in places.items():
        sums[k] += coarse(truth, cells)
        counts[k] += 1
    return np.asarray(sums / np.maximum(counts, 1)[:, None, None], dtype=np.float32)


def coarse(truth: Mask, cells: int) -> NDArray[np.float32]:
    """Return the share of each cell that a mask (GRID, GRID) covers: (cells, cells)."""
    edges = np.linspace(0, len(truth), cells + 1)
    pixel = np.arange(len(truth))
    shared = (np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)).clip(0)
    matrix = (shared * cells / len(truth)).astype(np.float32)
    return np.asarray(matrix @ truth.astype(np.float32) @ matrix.T)
