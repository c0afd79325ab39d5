"""What a detector stands beside first: the usual boxes of train, the same in every picture. Looks at no picture."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.precision import iou

MOST = 30  # usual boxes of a class


def usual_boxes(truth: Sequence[NDArray[Any]], classes: int, seed: int) -> NDArray[np.float32]:
    """truth: of each picture its boxes (k, 6) → (m, 6): of each class as many as a picture has on average, the means of
    clusters; a box's score is the share of pictures in which it is right (half an overlap)."""
    found = []
    for kind in range(classes):
        own = [t[(t[:, 4] == kind) & (t[:, 5] > 0), :4] for t in truth]
        every = np.concatenate(own)
        if not len(every):
            continue
        many = int(np.clip(round(len(every) / len(own)), 1, min(MOST, len(every))))
        means = _clusters(every, many, seed)
        right = np.mean([(iou(means, t) >= 0.5).any(axis=1) if len(t) else np.zeros(many, bool) for t in own], axis=0)
        found.append(np.column_stack([means, np.full(many, kind), np.maximum(right, 1e-3)]))
    return np.concatenate(found).astype(np.float32)


def _clusters(boxes: NDArray[Any], many: int, seed: int) -> NDArray[Any]:
    """The means (many, 4) of clusters of boxes (n, 4), by k-means."""
    from sklearn.cluster import KMeans

    made = KMeans(many, n_init=1, random_state=seed, max_iter=50).fit(boxes)
    return np.asarray(made.cluster_centers_)
