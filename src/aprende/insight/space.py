"""Examples as points in a layer's space: on a plane, and how far a straight cut tells the classes apart.

Works on features and classes alone, as numbers: knows neither networks nor pictures.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.measure import wilson

Floats = NDArray[np.float64]
FOLDS, AXES = 5, 50
LOOSE = 100.0  # inverse of the penalty on the weights, for rows of length about 1


@dataclass(frozen=True)
class Probe:
    """How many of the examples a linear classifier on these features tells right, with its 95 % interval (Wilson)."""

    accuracy: float
    low: float
    high: float
    n: int


def probe(features: NDArray[np.float32], truth: NDArray[np.int64], seed: int = 0) -> Probe | None:
    """Return the cross-validated accuracy of a linear probe (Alain and Bengio 2016); None where classes are too rare.

    features (n, d), truth (n,). Multinomial logistic regression on standardised features, each example judged by the
    fold that did not hold it. The rows are first turned into as many axes as there are rows, which changes nothing: the
    best weights lie among the rows.
    """
    from sklearn.model_selection import StratifiedKFold

    counts = np.bincount(truth)
    folds = min(FOLDS, int(counts[counts > 0].min()))
    if folds < 2 or (counts > 0).sum() < 2:
        return None
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed).split(features, truth)
    hits = sum(_hits(features, truth, train, test) for train, test in parts)
    return Probe(hits / len(truth), *wilson(hits, len(truth)), len(truth))


def _hits(features: Any, truth: Any, train: Any, test: Any) -> int:
    from sklearn.linear_model import LogisticRegression

    mean, spread = features[train].mean(axis=0), features[train].std(axis=0)
    live = spread > 1e-6 * max(float(spread.max()), 1e-30)
    scaled = ((features - mean)[:, live] / spread[live] / np.sqrt(max(1, live.sum()))).astype(np.float64)
    if not live.any():
        return int((truth[test] == np.bincount(truth[train]).argmax()).sum())
    turned = scaled @ np.linalg.svd(scaled[train], full_matrices=False)[2].T
    made = LogisticRegression(C=LOOSE, max_iter=300)
    made.fit(turned[train], truth[train])
    return int((made.predict(turned[test]) == truth[test]).sum())


def planes(features: NDArray[np.float32], seed: int = 0) -> dict[str, Floats]:
    """Return features (n, d) on planes (n, 2), from 0 to 1: "PCA", "t-SNE", and "UMAP" where it is installed."""
    flat = features.astype(np.float64) - features.mean(axis=0)
    turned, lengths, _ = np.linalg.svd(flat, full_matrices=False)
    axes = (turned * lengths)[:, :AXES]
    found = {"PCA": axes[:, :2] if axes.shape[1] > 1 else np.pad(axes, ((0, 0), (0, 1)))}
    if len(axes) >= 10:
        found |= {"t-SNE": _tsne(axes, seed), **_umap(axes, seed)}
    return {name: _boxed(at) for name, at in found.items()}


def _tsne(axes: Floats, seed: int) -> Floats:
    """By van der Maaten and Hinton 2008."""
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(axes) - 1) / 3)
    scale = axes.std() or 1.0
    made = TSNE(2, perplexity=perplexity, init="pca", max_iter=500, random_state=seed)
    return np.asarray(made.fit_transform(axes / scale))


def _umap(axes: Floats, seed: int) -> dict[str, Floats]:
    """By McInnes et al. 2018; nothing where the package is not installed."""
    try:
        from umap import UMAP
    except ModuleNotFoundError:
        return {}
    return {"UMAP": np.asarray(UMAP(random_state=seed).fit_transform(axes))}


def _boxed(at: Floats) -> Floats:
    low, high = np.quantile(at, [0.005, 0.995], axis=0)
    return np.asarray(np.clip((at - low) / np.maximum(high - low, 1e-12), -0.02, 1.02), dtype=np.float64)
