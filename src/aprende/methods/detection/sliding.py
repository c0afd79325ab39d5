"""Things in pictures as they were found before networks: a window slides over the picture at many sizes.

Histograms of oriented gradients in the window and a linear classifier for each class, trained on windows that hold a
thing and windows that do not, then again with the false alarms among the latter (Dalal and Triggs 2005). Knows pictures
of one size and places of classes, and no file.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from aprende.core.precision import iou
from aprende.methods.detection.boxes import kept

CELL, ANGLES = 8, 9  # pixels of a cell's side; directions of edges
CELLS = 36  # of a window, about
FINER = 2 ** (1 / 3)  # from one size of the picture to the next
POSITIVES, NEGATIVES, HARD = 500, 1200, 1500  # windows, at most
MOST_ALARMS = 10  # taken from one picture
AWAY = 0.3  # overlap with every thing below which a window holds none
OVERLAP = 0.3  # of two found windows, above which the surer is kept
COST = 0.01  # of the classifier's errors

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass
class Window:
    """What is sought of one class: rows × columns blocks, their weights, and the sizes (in pixels, down) looked for."""

    kind: int
    rows: int
    columns: int
    smallest: float
    largest: float
    weights: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    bias: float = 0.0

    @property
    def height(self) -> int:
        """Pixels of the window, down (a block is two cells wide and begins at every cell)."""
        return (self.rows + 1) * CELL

    @property
    def width(self) -> int:
        """Pixels of the window, across."""
        return (self.columns + 1) * CELL


@dataclass
class Sliding:
    """The windows of all classes. `least`: the score of a window that is taken for a thing."""

    windows: list[Window]
    least: float = 0.5

    def predict(self, picture: Pixels) -> Floats:
        """Return the boxes found in a picture (H, W, C), with their scores: (k, 6)."""
        found = [scan(window, picture, -1.0) for window in self.windows]
        held = [np.column_stack([boxes, np.full(len(boxes), w.kind), _share(values)])
                for w, (boxes, values) in zip(self.windows, found, strict=True)]  # fmt: skip
        every = np.concatenate([np.zeros((0, 6)), *held]).astype(np.float32)
        classes = max((w.kind for w in self.windows), default=0) + 1
        scores = np.zeros((len(every), classes), np.float32)
        scores[np.arange(len(every)), every[:, 4].astype(int)] = every[:, 5]
        places, left = kept(scores, every[:, :4], 0.05, OVERLAP)
        return np.column_stack([every[places[:, 0], :4], places[:, 1], left]).astype(np.float32)


def _share(values: Any) -> Any:
    return 1 / (1 + np.exp(-2 * values))


def fit(
    pictures: Pixels, truth: Sequence[Any], rows: NDArray[np.int64], classes: int, seconds: float, seed: int
) -> Sliding:
    """Learn from these rows of pictures (n, H, W, C) with boxes, n arrays (k, 6), in about so many seconds of
    processor time."""
    rng, began = np.random.default_rng(seed), time.process_time()
    order = rng.permutation(rows)
    windows = []
    for kind in range(classes):
        own = [(row, box) for row in order for box in truth[row] if box[4] == kind and box[5] > 0]
        if not own:
            continue
        window = _shaped(kind, np.array([box for _, box in own]))
        good = np.stack([_features(window, pictures[row], box[:4]) for row, box in own[:POSITIVES]])
        bad = np.stack([*_random(window, pictures, truth, order, rng)])
        _learn(window, good, bad, seed)
        until = began + seconds * (kind + 1) / classes
        hard = [*_alarms(window, pictures, truth, order, until)]
        if hard:
            _learn(window, good, np.concatenate([bad, np.stack(hard)]), seed)
        windows.append(window)
    return Sliding(windows)


def _shaped(kind: int, boxes: Any) -> Window:
    """The window of a class with these boxes (n, 6)."""
    wide, high = np.maximum(boxes[:, 2] - boxes[:, 0], 1), np.maximum(boxes[:, 3] - boxes[:, 1], 1)
    shape = float(np.clip(np.median(wide / high), 0.3, 3.0))
    rows, columns = (int(np.clip(round((CELLS * s) ** 0.5), 3, 10)) - 1 for s in (1 / shape, shape))
    low, top = np.quantile(high, [0.05, 0.95])
    return Window(kind, rows, columns, float(low), float(top))


def edges(picture: Any) -> Floats:
    """Blocks of 2 × 2 cells of oriented gradients of a picture (H, W, C): (rows, columns, 36)."""
    from skimage.feature import hog

    shape = {"orientations": ANGLES, "pixels_per_cell": (CELL, CELL), "cells_per_block": (2, 2)}
    found = hog(picture, block_norm="L2-Hys", feature_vector=False, channel_axis=-1, **shape)
    return np.asarray(found, np.float32).reshape(*found.shape[:2], -1)


def _resized(picture: Any, height: int, width: int, box: Any = None) -> Any:
    from PIL import Image

    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, box=box))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _features(window: Window, picture: Pixels, box: Any) -> Floats:
    """What the window sees where the box is: (rows · columns · 36,)."""
    height, width = picture.shape[:2]
    left, top = (min(max(0.0, float(end)), side - 2.0) for end, side in zip(box[:2], (width, height), strict=True))
    ends = (left, top, min(width, max(float(box[2]), left + 1)), min(height, max(float(box[3]), top + 1)))
    return edges(_resized(picture, window.height, window.width, ends)).ravel()


def _random(
    window: Window, pictures: Pixels, truth: Sequence[Any], order: Any, rng: np.random.Generator
) -> Iterator[Floats]:
    """What the window sees where there is none of its things."""
    height, width = pictures.shape[1:3]
    each = max(2, NEGATIVES // max(1, len(order)))
    for row in order[: NEGATIVES // each]:
        high = rng.uniform(window.smallest, window.largest, each)
        wide = high * window.width / window.height
        top, left = rng.random(each) * np.maximum(1, height - high), rng.random(each) * np.maximum(1, width - wide)
        boxes = np.column_stack([left, top, left + wide, top + high])
        for box in boxes[_away(boxes, truth[row], window.kind)]:
            yield _features(window, pictures[row], box)


def _away(boxes: Any, truth: Any, kind: int) -> Any:
    """Which boxes (n, 4) overlap no thing of the class: (n,)."""
    own = truth[truth[:, 4] == kind, :4]
    return (iou(boxes, own) < AWAY).all(axis=1) if len(own) else np.ones(len(boxes), bool)


def _alarms(window: Window, pictures: Pixels, truth: Sequence[Any], order: Any, until: float) -> Iterator[Floats]:
    """What the window sees where it wrongly takes it for a thing, until the time is over."""
    many = 0
    for row in order:
        if time.process_time() >= until or many >= HARD:
            return
        boxes, values = scan(window, pictures[row], -0.5)
        away = np.flatnonzero(_away(boxes, truth[row], window.kind))
        for place in away[np.argsort(-values[away], kind="stable")][:MOST_ALARMS]:
            many += 1
            yield _features(window, pictures[row], boxes[place])


def _learn(window: Window, good: Floats, bad: Floats, seed: int) -> None:
    from sklearn.svm import LinearSVC

    seen, wanted = np.concatenate([good, bad]), np.r_[np.ones(len(good)), np.zeros(len(bad))]
    made = LinearSVC(C=COST, class_weight="balanced", dual="auto", random_state=seed).fit(seen, wanted)
    window.weights, window.bias = made.coef_[0].astype(np.float32), float(made.intercept_[0])


def scan(window: Window, picture: Pixels, least: float) -> tuple[Floats, Floats]:
    """Slide the window over the picture at all sizes: boxes (n, 4) and values (n,) of at least `least`."""
    height, width = picture.shape[:2]
    boxes, values = [np.zeros((0, 4))], [np.zeros(0)]
    size = window.smallest
    while size <= window.largest * 1.01:
        factor = window.height / size
        h, w = round(height * factor), round(width * factor)
        if h >= window.height and w >= window.width and h * w < 4_000_000:
            rows, columns, found = _at_one_size(window, edges(_resized(picture, h, w)), least)
            low = np.column_stack([columns, rows]) * CELL
            ends = np.hstack([low, low + (window.width, window.height)])
            boxes.append(ends * np.array([width / w, height / h] * 2))
            values.append(found)
        size *= FINER
    return np.concatenate(boxes).astype(np.float32), np.concatenate(values).astype(np.float32)


def _at_one_size(window: Window, blocks: Floats, least: float) -> tuple[Any, Any, Any]:
    """Rows, columns and values (n,) of the places in blocks (r, c, 36) where the window's value is high enough."""
    views = sliding_window_view(blocks, (window.rows, window.columns), axis=(0, 1))  # (r', c', 36, rows, columns)
    weights = window.weights.reshape(window.rows, window.columns, -1).transpose(2, 0, 1)
    found = np.tensordot(views, weights, axes=3) + window.bias
    rows, columns = np.nonzero(found >= least)
    return rows, columns, found[rows, columns]
