"""Is this like what a network learnt from? What train looked like in its embedding, and how far a row lies from that.

Embeddings are laid along the main axes of train, each scaled, so that strange rows stand out along short axes; far is
what lies farther from train than nearly all of valid does. Knows neither networks nor what is embedded.
"""

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Array, Arrays
from aprende.core.unlike import distances

AXES, REFERENCE, NEIGHBOURS, LEAST_VALID = 64, 500, 5, 10
USUAL = 0.995  # of valid


def remember(train: Array, valid: Array) -> tuple[Arrays, float] | None:
    """Return what to keep of train's embeddings (n, D), and from which distance on a row is unlike them; None where
    there are too few rows to tell."""
    train, valid = train[:REFERENCE], valid[:REFERENCE]
    if len(train) <= NEIGHBOURS or len(valid) < LEAST_VALID:
        return None
    mean = train.mean(axis=0)
    _, lengths, turned = np.linalg.svd(train - mean, full_matrices=False)
    axes = (turned / (lengths + 0.1 * lengths[0] + 1e-12)[:, None])[:AXES].T
    kept = {"mean": mean, "axes": axes, "reference": (train - mean) @ axes}
    arrays = {f"unlike/{name}": np.ascontiguousarray(value, np.float32) for name, value in kept.items()}
    return arrays, float(np.quantile(farness(arrays, valid), USUAL))


def farness(arrays: Arrays, embedding: Array) -> NDArray[np.float64]:
    """Return each embedding's distance to the nearest ones of train: (n, D) → (n,)."""
    placed = (embedding - arrays["unlike/mean"]) @ arrays["unlike/axes"]
    return np.asarray(distances(arrays["unlike/reference"], placed, NEIGHBOURS))


def unlike(arrays: Arrays, limit: float, embedding: Array) -> NDArray[np.float64]:
    """Return 1 where a row is unlike train, else 0 (0 everywhere where nothing was remembered): (n, D) → (n,)."""
    if "unlike/reference" not in arrays:
        return np.zeros(len(embedding))
    return np.asarray(farness(arrays, embedding) > limit, dtype=np.float64)
