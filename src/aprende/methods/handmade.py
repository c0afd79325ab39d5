"""Hand-made features of pictures, as they were made before networks learnt them: edges, textures, colours, words.

Each takes pictures (n, S, S, C) uint8 and gives numbers (n, d) float32, for a whole batch at once in NumPy. Knows no
class and no classifier.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Numbers = NDArray[np.float32]

ANGLES = 9  # of edges, over half a turn
EDGE_CELLS = 7  # cells along a side, about
PATCH = 6  # side of a visual word in pixels


def grey(pictures: Pixels) -> Numbers:
    """Return the brightness (n, S, S) in [0, 1], by ITU-R BT.601 weights."""
    weights = np.array([1.0] if pictures.shape[3] == 1 else [0.299, 0.587, 0.114], np.float32)
    return np.asarray(pictures.astype(np.float32) @ (weights / 255))


def edges(pictures: Pixels) -> Numbers:
    """Return histograms of oriented gradients (Dalal and Triggs, 2005): about 7 × 7 cells, blocks of 2 × 2, L2-Hys."""
    light = grey(pictures)
    n, side = light.shape[:2]
    cell = max(2, side // EDGE_CELLS)
    cells = side // cell
    down, across = np.zeros_like(light), np.zeros_like(light)
    down[:, 1:-1] = light[:, 2:] - light[:, :-2]
    across[:, :, 1:-1] = light[:, :, 2:] - light[:, :, :-2]
    angle = np.floor(np.rad2deg(np.arctan2(down, across)) % 180 / (180 / ANGLES)).astype(np.int8) % ANGLES
    strength = np.hypot(down, across)[:, : cells * cell, : cells * cell]
    angle = angle[:, : cells * cell, : cells * cell]
    sums = [_cell_sums(np.where(angle == a, strength, 0), cells) for a in range(ANGLES)]
    return _blocks(np.stack(sums, axis=-1) / cell**2).reshape(n, -1)


def _cell_sums(values: Numbers, cells: int) -> Numbers:
    """Return sums over cells × cells squares: (n, S, S) → (n, cells, cells)."""
    n, side = values.shape[:2]
    cell = side // cells
    return np.asarray(values.reshape(n, cells, cell, cells, cell).sum(axis=(2, 4)))


def _blocks(cells: Numbers) -> Numbers:
    """Return overlapping blocks of 2 × 2 cells, each normalised, cut at 0.2 and normalised again."""
    corners = [cells[:, y : cells.shape[1] - 1 + y, x : cells.shape[2] - 1 + x] for y in (0, 1) for x in (0, 1)]
    blocks = np.concatenate(corners, axis=-1)
    for most in (0.2, np.inf):
        blocks = np.minimum(blocks / np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + 1e-10), most)
    return blocks.astype(np.float32)


def textures(pictures: Pixels) -> Numbers:
    """Return histograms of uniform local binary patterns (Ojala, 2002) in 4 × 4 cells, at two scales."""
    light = grey(pictures)
    half = light[:, ::2, ::2] if light.shape[1] >= 24 else light[:, :0]
    return np.concatenate([_patterns(scale) for scale in (light, half) if scale.size], axis=1)


def _patterns(light: Numbers, cells: int = 4) -> Numbers:
    """Return the histograms (n, cells² · 59) of the patterns that the 8 neighbours of each pixel make."""
    n, side = light.shape[0], light.shape[1] - 2
    around = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    centre = light[:, 1:-1, 1:-1]
    code = np.zeros(centre.shape, np.int64)
    for bit, (y, x) in enumerate(around):
        code |= (light[:, y : y + side, x : x + side] >= centre).astype(np.int64) << bit
    names = _uniform_names()
    place = np.minimum(np.arange(side) * cells // side, cells - 1)
    cell = place[:, None] * cells + place
    kinds = int(names.max()) + 1
    index = (np.arange(n)[:, None, None] * cells**2 + cell) * kinds + names[code]
    counts = np.bincount(index.ravel(), minlength=n * cells**2 * kinds).reshape(n, cells**2, kinds)
    shares: Numbers = np.sqrt(counts / np.maximum(counts.sum(axis=2, keepdims=True), 1)).astype(np.float32)
    return shares.reshape(n, -1)


def _uniform_names() -> NDArray[np.int64]:
    """Return a number for each of 256 patterns: its own where it is uniform (at most 2 changes), else a shared one."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    uniform = (bits != np.roll(bits, 1, axis=1)).sum(axis=1) <= 2
    return np.where(uniform, np.cumsum(uniform) - 1, uniform.sum())


def colours(pictures: Pixels) -> Numbers:
    """Return histograms of colours (6 × 6 × 6, or 32 greys) of the whole, and of 4 × 4 × 4 (or 16) in each quarter."""
    side, channels = pictures.shape[1], pictures.shape[3]
    fine, coarse = (6, 4) if channels == 3 else (32, 16)
    half = side // 2
    quarters = [pictures[:, y : y + half, x : x + half] for y in (0, side - half) for x in (0, side - half)]
    return np.concatenate([_histogram(pictures, fine), *(_histogram(q, coarse) for q in quarters)], axis=1)


def _histogram(pictures: Pixels, bins: int) -> Numbers:
    n, channels = len(pictures), pictures.shape[3]
    binned = pictures.reshape(n, -1, channels).astype(np.int64) * bins // 256
    index = binned @ (bins ** np.arange(channels)) + np.arange(n)[:, None] * bins**channels
    counts = np.bincount(index.ravel(), minlength=n * bins**channels).reshape(n, -1)
    return np.sqrt(counts / binned.shape[1]).astype(np.float32)


@dataclass(frozen=True)
class Words:
    """A vocabulary of small patches, whitened and clustered by k-means (Coates, Lee and Ng, 2011).

    centre (p,), whiten (p, p) with p = PATCH² · channels; vocabulary (k, p).
    """

    centre: Numbers
    whiten: Numbers
    vocabulary: Numbers
    stride: int

    def __call__(self, pictures: Pixels) -> Numbers:
        """Return how much each word is there in each quarter of the picture: (n, 4 · k), by "triangle" activation."""
        words = self.vocabulary
        found = np.empty((len(pictures), 4 * len(words)), np.float32)
        square = (words**2).sum(axis=1)
        for row, picture in enumerate(pictures):
            patches, across = patches_of(picture[None], self.stride)
            white = (patches - self.centre) @ self.whiten
            far = np.sqrt(np.maximum((white**2).sum(axis=1)[:, None] - 2 * white @ words.T + square, 0))
            near = np.maximum(far.mean(axis=1, keepdims=True) - far, 0).reshape(across, across, -1)
            half = (across + 1) // 2
            quarters = [near[y : y + half, x : x + half] for y in (0, across - half) for x in (0, across - half)]
            found[row] = np.concatenate([q.mean(axis=(0, 1)) for q in quarters])
        return found


def patches_of(pictures: Pixels, stride: int) -> tuple[Numbers, int]:
    """Return all patches (n · across², p), each brought to mean 0 and contrast 1, and how many lie along a side."""
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (PATCH, PATCH), axis=(1, 2))[:, ::stride, ::stride]
    across = windows.shape[1]
    flat = windows.reshape(-1, PATCH * PATCH * pictures.shape[3]).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.sqrt(flat.var(axis=1, keepdims=True) + 10), across


def learn_words(pictures: Pixels, count: int, stride: int, rng: np.random.Generator) -> Words:
    """Return a vocabulary of `count` words learnt from up to 40,000 patches of these pictures."""
    from sklearn.cluster import MiniBatchKMeans

    some = pictures[rng.permutation(len(pictures))[:2000]]
    patches = np.concatenate([patches_of(some[i : i + 100], 3)[0] for i in range(0, len(some), 100)])
    patches = patches[rng.permutation(len(patches))[:40_000]]
    centre = patches.mean(axis=0)
    spread, axes = np.linalg.eigh(np.cov((patches - centre).T))
    whiten = (axes / np.sqrt(np.maximum(spread, 0) + 0.1) @ axes.T).astype(np.float32)
    seed = int(rng.integers(2**31))
    means: Any = MiniBatchKMeans(count, batch_size=4096, max_iter=20, n_init=1, random_state=seed)
    means.fit((patches - centre) @ whiten)
    return Words(centre, whiten, means.cluster_centers_.astype(np.float32), stride)
