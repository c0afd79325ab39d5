"""One pass of pictures through a network: what excites each unit most and where, and each layer's features.

Knows no system and no class: pictures in, arrays out.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.insight.opened import Opened

if TYPE_CHECKING:
    import torch

DIMENSIONS = 2048  # features a layer at most: larger maps are averaged into fewer places


@dataclass(frozen=True)
class Surveyed:
    """What a layer answered to n pictures.

    strongest (n, U): the greatest answer of each unit over all places; where (n, U, 2): the middle of that place, down
    and across, in pixels of the picture; features (n, d): the whole map, averaged into few enough places.
    """

    strongest: NDArray[np.float32]
    where: NDArray[np.float32]
    features: NDArray[np.float32]


def survey(network: Opened, pictures: NDArray[np.uint8]) -> list[Surveyed]:
    """Return for each layer what it answers to pictures (n, S, S, C)."""
    batches = [[_noted(found, network.size) for found in batch] for batch in network.seen(pictures)]
    layers = zip(*batches, strict=True)
    return [Surveyed(*(np.concatenate(parts) for parts in zip(*layer, strict=True))) for layer in layers]


def _noted(found: "torch.Tensor", size: int) -> tuple[Any, Any, Any]:
    if found.ndim == 2:
        middle = np.full((*found.shape, 2), size / 2, np.float32)
        return found.numpy(), middle, found.numpy()
    side = found.shape[3]
    strongest, at = found.flatten(2).max(dim=2)
    places = np.stack([at.numpy() // side, at.numpy() % side], axis=2)
    return strongest.numpy(), ((places + 0.5) * size / side).astype(np.float32), features_of(found)


def features_of(found: "torch.Tensor") -> NDArray[np.float32]:
    """Return a map (B, U, h, w) as numbers (B, d), d at most DIMENSIONS (or U, where that is more)."""
    from torch.nn import functional as F

    places = max(1, min(found.shape[3], int((DIMENSIONS / found.shape[1]) ** 0.5)))
    return np.asarray(F.adaptive_avg_pool2d(found, places).flatten(1).numpy())
