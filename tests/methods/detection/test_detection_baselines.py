"""What a detector stands beside: usual boxes, and a window that slides over the picture."""

import numpy as np
import pytest

from aprende.core.precision import iou
from aprende.methods.detection.baselines import usual_boxes
from aprende.methods.detection.drawings import drawings

pytest.importorskip("sklearn")


def test_usual_boxes_are_the_means_of_train() -> None:
    truth = [np.array([[0, 0, 10, 10, 0, 1], [50, 50, 70, 70, 1, 1]], np.float32)] * 3
    truth.append(np.array([[0, 0, 10, 10, 0, 1]], np.float32))
    found = usual_boxes(truth, 3, seed=0)
    assert found[:, :5].tolist() == [[0, 0, 10, 10, 0], [50, 50, 70, 70, 1]]
    assert found[:, 5].tolist() == pytest.approx([1, 0.75])


def test_the_sliding_window_finds_drawings() -> None:
    pytest.importorskip("skimage")
    from aprende.methods.detection.sliding import fit

    table = drawings(40)
    pictures, truth = table.columns["image"], table.columns["boxes"]
    made = fit(pictures, truth, np.arange(30), 2, seconds=2, seed=0)
    found = [made.predict(pictures[row]) for row in range(30, 40)]
    sure = [boxes[boxes[:, 5] >= made.least] for boxes in found]
    hits = [
        ((iou(true[:, :4], boxes[:, :4]) > 0.5) & (true[:, None, 4] == boxes[None, :, 4])).any(axis=1)
        for true, boxes in zip(truth[30:], sure, strict=True)
    ]
    assert np.concatenate(hits).mean() > 0.7
    assert all((boxes[:, 2:4] > boxes[:, :2]).all() for boxes in found)
