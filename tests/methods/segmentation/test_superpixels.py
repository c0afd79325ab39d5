"""The traditional way: superpixels, features, forest."""

import numpy as np

from aprende.methods.segmentation import superpixels
from aprende.methods.segmentation.drawings import drawings


def test_tells_drawings_and_repeats_itself() -> None:
    made = drawings(30)
    pictures, masks = made.columns["image"], made.columns["mask"]
    forest = superpixels.fit(pictures[:24], masks[:24], 2, 0)
    right = np.mean([(forest.mask(p) == m).mean() for p, m in zip(pictures[24:], masks[24:], strict=True)])
    assert right > 0.85
    again = superpixels.fit(pictures[:24], masks[:24], 2, 0)
    assert np.array_equal(again.mask(pictures[25]), forest.mask(pictures[25]))


def test_any_size_and_grey() -> None:
    made = drawings(20)
    grey = made.columns["image"][..., :1]
    forest = superpixels.fit(grey, made.columns["mask"], 1, 0)
    for size in ((1, 1, 1), (7, 90, 1), (300, 200, 1)):
        assert forest.mask(np.zeros(size, np.uint8)).shape == size[:2]


def test_features_are_finite_and_one_row_a_superpixel() -> None:
    labels, features = superpixels.described(drawings(1).columns["image"][0])
    assert len(features) == labels.max() + 1
    assert np.isfinite(features).all()
