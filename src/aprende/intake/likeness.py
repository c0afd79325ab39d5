"""Which pictures are copies or near-copies of one another: re-encoded, resized, brighter, a next frame.

Two pictures are near-copies when their thumbnails (16 × 16 grey) correlate at least NEAR. Unlike 64-bit picture hashes
this does not take every two digits or X-rays for copies. Knows no file and no class.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

SIDE = 16  # of a thumbnail
NEAR = 0.99  # least correlation of near-copies
FIRST_AXES = 8  # principal axes in which candidates are sought
MOST = 200_000  # pictures compared; of more, only the first so many
MOST_PAIRS = 20_000_000  # candidates looked at
CHUNK = 4096

Thumbs = NDArray[np.uint8]  # (n, SIDE, SIDE)


def thumbnail(image: Pillow.Image) -> Thumbs:
    """Return an "L" or "RGB" image as grey (SIDE, SIDE). Green stands for grey: it is most of it, and quick to get."""
    grey = image.getchannel(1) if image.mode == "RGB" else image
    smaller = grey.reduce(times) if (times := min(grey.size) // SIDE) > 1 else grey
    if smaller.size != (SIDE, SIDE):
        smaller = smaller.resize((SIDE, SIDE), Pillow.Resampling.BOX)
    return np.asarray(smaller)


def thumbnails(pictures: NDArray[np.uint8]) -> Thumbs:
    """Return every picture of an array (n, H, W, C) as grey (n, SIDE, SIDE)."""
    down, across = _cells(pictures.shape[1]), _cells(pictures.shape[2])
    found = np.empty((len(pictures), SIDE, SIDE), np.uint8)
    for start in range(0, len(pictures), CHUNK):
        grey = pictures[start : start + CHUNK, :, :, pictures.shape[3] // 2].astype(np.float32)
        found[start : start + CHUNK] = np.rint(down @ grey @ across.T)
    return found


def _cells(length: int) -> NDArray[np.float32]:
    """Return the matrix (SIDE, length) that averages a line of pixels into SIDE cells of equal width."""
    edges = np.linspace(0, length, SIDE + 1)
    pixel = np.arange(length)
    shared = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return (shared.clip(0) / (length / SIDE)).astype(np.float32)


def near_copies(thumbs: Thumbs) -> NDArray[np.int64]:
    """Return the pairs of rows (pairs, 2) that are near-copies.

    Exact: with unit vectors, correlation NEAR is a distance, and no two points lie farther apart in the first
    principal axes than in all; so a tree over those axes finds every candidate, and all axes decide.
    """
    from scipy.spatial import cKDTree

    unit = _unit(thumbs[:MOST])
    if len(unit) < 2:
        return np.zeros((0, 2), np.int64)
    axes = np.linalg.eigh(unit.T @ unit)[1][:, -FIRST_AXES:]
    reach = float(np.sqrt(2 - 2 * NEAR))
    tree = cKDTree(unit @ axes)
    while tree.count_neighbors(tree, reach) > 2 * MOST_PAIRS:  # many blank pictures: only the nearest are looked at
        reach /= 2
    pairs = tree.query_pairs(reach, output_type="ndarray")
    parts = np.array_split(pairs, len(pairs) // 100_000 + 1)
    near = [(unit[part[:, 0]] * unit[part[:, 1]]).sum(axis=1) >= NEAR for part in parts]
    return np.asarray(pairs[np.concatenate(near)], dtype=np.int64)


def _unit(thumbs: Thumbs) -> NDArray[np.float32]:
    """Return thumbnails as vectors (n, SIDE²) of mean 0 and length 1; flat ones as 0 (a copy of nothing)."""
    flat = thumbs.reshape(len(thumbs), SIDE * SIDE).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.where(lengths > 1e-3, flat / np.maximum(lengths, 1e-3), 0).astype(np.float32)
