"""Softmax regression (multinomial logistic regression) by L-BFGS: the quick head on frozen features. NumPy and SciPy.

Knows only numbers and classes, not where the features come from.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Classes = NDArray[np.int64]
PENALTIES = (0.1, 0.03, 0.01, 0.003, 0.001)


@dataclass(frozen=True)
class Softmax:
    """scores = features @ weights.T + bias: weights (classes, d), bias (classes,); `penalty` is what was chosen."""

    weights: Floats
    bias: Floats
    penalty: float

    def probabilities(self, features: Floats) -> NDArray[np.float64]:
        """features (n, d) → (n, classes)."""
        return _shares(features @ self.weights.T + self.bias)


def fit(features: Floats, truth: Classes, classes: int, penalty: float) -> Softmax:
    """Minimise mean log-loss + penalty/2 · |weights|² on standardised features (n, d); truth (n,) in 0 … classes - 1.

    The search runs in coordinates in which the loss is about round (a Cholesky factor of its curvature, bounded as in
    Böhning 1992), so that a few passes over the rows are enough.
    """
    from scipy.linalg import cholesky, solve_triangular
    from scipy.optimize import minimize

    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    rows = np.hstack([(features - mean) / spread, np.ones((len(features), 1), np.float32)])
    wanted = np.eye(classes, dtype=np.float32)[truth]
    decay = np.full((rows.shape[1], 1), penalty, np.float32)
    decay[-1] = 0
    curvature = rows.T @ rows / (2 * classes * len(rows)) + np.diag(decay[:, 0] + 1e-6)
    unround = solve_triangular(cholesky(curvature), np.eye(len(curvature), dtype=np.float32)).astype(np.float32)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        held = unround @ flat.astype(np.float32).reshape(-1, classes)
        shares = _shares(rows @ held)
        value = log_loss(shares, truth) + 0.5 * float((decay * held * held).sum())
        slope = rows.T @ ((shares - wanted) / len(truth)).astype(np.float32) + decay * held
        return value, (unround.T @ slope).astype(np.float64).ravel()

    found = minimize(loss, np.zeros(rows.shape[1] * classes), jac=True, method="L-BFGS-B", options={"maxiter": 40})
    held = unround @ found.x.astype(np.float32).reshape(-1, classes)
    weights = held[:-1] / spread[:, None]
    return Softmax(np.ascontiguousarray(weights.T), held[-1] - mean @ weights, penalty)


def choose(train: tuple[Floats, Classes], valid: tuple[Floats, Classes], classes: int) -> Softmax:
    """Return the fit whose penalty gives the least log-loss on valid; from strong to weak, until it gets worse."""
    best, least = fit(*train, classes, PENALTIES[0]), np.inf
    for penalty in PENALTIES:
        made = best if penalty == best.penalty else fit(*train, classes, penalty)
        loss = log_loss(made.probabilities(valid[0]), valid[1])
        if loss >= least:
            break
        best, least = made, loss
    return best


def log_loss(probabilities: NDArray[np.float64], truth: Classes) -> float:
    """Mean of -log p(truth): probabilities (n, classes), truth (n,)."""
    if not len(truth):
        return float("inf")
    return float(-np.log(np.maximum(probabilities[np.arange(len(truth)), truth], 1e-12)).mean())


def _shares(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    shares = np.exp(scores - scores.max(axis=1, keepdims=True), dtype=np.float64)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
