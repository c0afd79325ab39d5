"""What is where, as it was told before networks learnt features: superpixels → hand-made features → random forest.

Pictures are cut into superpixels (SLIC; Achanta et al. 2012); each is described by its colour, texture (local binary
patterns; Ojala et al. 2002), place and surroundings, and a random forest (Breiman 2001) names it. The plan follows from
`seconds` by constants, not by a clock, so that a seed gives the same model. Knows no file and no class name.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from aprende.core.engine import cores
from aprende.core.fields.masks import resized
from aprende.core.fields.palette import rgb
from aprende.methods.segmentation.regions import VOID

SIDE = 160  # pixels of the longer side at which superpixels are sought
SUPERPIXELS = 200  # of a picture
PICTURES_A_SECOND = 10  # learnt from, for each second planned
LEAST, MOST = 20, 2000
TREES, LEAST_LEAF = 100, 3
PATTERNS = 10  # bins of local binary patterns (8 neighbours, uniform)

Places = NDArray[np.uint8]
Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class SuperpixelForest:
    """What `fit` gives. `places` (m,): the class of each of the forest's answers."""

    forest: Any
    places: Places

    def mask(self, picture: NDArray[np.uint8]) -> Places:
        """Return the classes (H, W) of a picture (H, W, 1 or 3)."""
        labels, features = described(picture)
        named = self.places[self.forest.predict(features)]
        return resized(np.asarray(named[labels], np.uint8), *picture.shape[:2])


def fit(pictures: Any, masks: Any, seconds: float, seed: int) -> SuperpixelForest:
    """Train on pictures (n of (H, W, 1 or 3)) with their masks; plan for about so many seconds on one core."""
    from sklearn.ensemble import RandomForestClassifier

    many = int(np.clip(seconds * PICTURES_A_SECOND, LEAST, MOST))
    rows = np.unique(np.linspace(0, len(pictures) - 1, many).astype(int))
    features, truth, sizes = (
        np.concatenate(part) for part in zip(*(_learnt(pictures[i], masks[i]) for i in rows), strict=True)
    )
    known = truth != VOID
    places, answers = np.unique(truth[known], return_inverse=True)
    counts = np.bincount(answers, weights=sizes[known])
    weights = sizes[known] * (counts.sum() / counts)[answers] ** 0.5
    forest = RandomForestClassifier(TREES, min_samples_leaf=LEAST_LEAF, random_state=seed, n_jobs=cores())
    return SuperpixelForest(forest.fit(features[known], answers, weights), places.astype(np.uint8))


def _learnt(picture: NDArray[np.uint8], mask: Places) -> tuple[Numbers, Places, NDArray[np.float64]]:
    """Features of a picture's superpixels (s, F), each one's commonest class (s,), VOID where it has none, and size."""
    labels, features = described(picture)
    known = resized(mask, *labels.shape)
    counts = np.zeros((len(features), 256), np.int64)
    np.add.at(counts, (labels.ravel(), known.ravel()), 1)
    sizes = counts.sum(axis=1).astype(np.float64)
    counts[:, VOID] = np.where(counts[:, :VOID].any(axis=1), 0, counts[:, VOID])
    return features, counts.argmax(axis=1).astype(np.uint8), sizes


def described(picture: NDArray[np.uint8]) -> tuple[NDArray[np.int64], Numbers]:
    """Return the superpixel of each pixel (h, w) of a picture made smaller, and the features of each (s, F)."""
    from skimage.color import rgb2lab
    from skimage.feature import local_binary_pattern
    from skimage.segmentation import slic

    image = Pillow.fromarray(rgb(picture))
    image.thumbnail((SIDE, SIDE), Pillow.Resampling.BILINEAR)
    lab = rgb2lab(np.asarray(image)).astype(np.float32)
    labels = slic(lab, SUPERPIXELS, compactness=10, convert2lab=False, start_label=0, channel_axis=2)
    _, labels = np.unique(labels, return_inverse=True)
    labels = labels.reshape(lab.shape[:2])
    grey = lab[..., 0].clip(0, 100).astype(np.uint8)
    patterns = local_binary_pattern(grey, 8, 1, "uniform").astype(np.int64)  # type: ignore[no-untyped-call]
    return labels, _features(labels, lab, patterns)


def _features(labels: NDArray[np.int64], lab: Numbers, patterns: NDArray[np.int64]) -> Numbers:
    """Colour (mean, spread), texture, place, size, and the colour of the surroundings, of each superpixel: (s, F)."""
    flat, count = labels.ravel(), int(labels.max()) + 1
    size = np.bincount(flat, minlength=count).astype(np.float64)

    def mean(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(flat, values.ravel(), count) / size

    colours = [mean(lab[..., i]) for i in range(3)]
    spreads = [np.sqrt(np.maximum(0, mean(lab[..., i] ** 2) - colours[i] ** 2)) for i in range(3)]
    textures = [mean(patterns == i) for i in range(PATTERNS)]
    down, across = np.mgrid[: labels.shape[0], : labels.shape[1]]
    place = [mean(down) / labels.shape[0], mean(across) / labels.shape[1], size / labels.size]
    around = _around(labels, count, np.stack(colours, axis=1))
    return np.concatenate([np.stack([*colours, *spreads, *textures, *place], axis=1), around], axis=1).astype(
        np.float32
    )


def _around(labels: NDArray[np.int64], count: int, colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean colour of the superpixels that touch each one, (s, 3)."""
    pairs = np.concatenate([
        np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()], 1),
        np.stack([labels[:-1].ravel(), labels[1:].ravel()], 1),
    ])  # fmt: skip
    pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    touching = np.bincount(pairs[:, 0], minlength=count)
    sums = np.stack([np.bincount(pairs[:, 0], colours[pairs[:, 1], i], count) for i in range(3)], axis=1)
    return np.where(touching[:, None] > 0, sums / np.maximum(1, touching)[:, None], colours)
