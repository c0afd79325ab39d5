"""Probabilities that mean what they say, and intervals that cover what they promise. Learnt on valid, never on test."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def temperature(probabilities: Floats, truth: NDArray[np.int64]) -> float:
    """Return the temperature that minimises log-loss (Guo et al. 2017). probabilities (n, k), truth (n,) classes."""
    from scipy.optimize import minimize_scalar

    logits = np.log(np.clip(probabilities, 1e-12, 1.0))

    def loss(log_t: float) -> float:
        scaled = logits / np.exp(log_t)
        scaled -= scaled.max(axis=1, keepdims=True)
        return float((np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(truth)), truth]).mean())

    if len(truth) < 20:
        return 1.0
    return float(np.exp(minimize_scalar(loss, bounds=(-2.0, 2.5), method="bounded").x))


def tempered(probabilities: Floats, temperature: float) -> Floats:
    """Return softmax(log p / T), (n, k)."""
    scaled = np.log(np.clip(probabilities, 1e-12, 1.0)) / temperature
    scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))


def conformal_quantile(scores: Floats, coverage: float = 0.9) -> float:
    """Return the split-conformal quantile: a new score is at most this with probability >= coverage (Vovk 2005)."""
    n = len(scores)
    rank = int(np.ceil((n + 1) * coverage))
    return float(np.sort(scores)[min(rank, n) - 1]) if n else float("inf")


def reliability(probabilities: Floats, truth: NDArray[np.int64], bins: int = 10) -> list[dict[str, float]]:
    """Return the reliability diagram of the top class: per bin its mean confidence, its accuracy and its count."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        {
            "confidence": float(confidence[place == b].mean()),
            "accuracy": float(right[place == b].mean()),
            "count": int((place == b).sum()),
        }
        for b in range(bins)
        if (place == b).any()
    ]


def expected_calibration_error(probabilities: Floats, truth: NDArray[np.int64], bins: int = 10) -> float:
    """Return ECE: the mean gap between confidence and accuracy over the bins, weighted by their counts."""
    rows = reliability(probabilities, truth, bins)
    return float(sum(abs(r["confidence"] - r["accuracy"]) * r["count"] for r in rows) / max(1, len(truth)))
