"""Hubel and Wiesel's experiment on a layer: to what orientation, size and place its units answer.

Works on answers alone, arrays by stimulus and unit: knows neither networks nor pictures. An answer is what a unit gives
above what it gives to plain grey; below counts as silence, as in a neuron that cannot fire less than not at all.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
FAINT = 0.01  # of the strongest unit's answer: less is silence


@dataclass(frozen=True)
class Tuning:
    """What gratings tell of the units of a layer, (U,) each, NaN where a unit is silent.

    curves (U, orientations): the strongest answer over phases, at the period that the unit likes best.
    selectivity: 1 − circular variance (Ringach et al. 2002): 0 any orientation will do, 1 only one.
    preferred: degrees. period: pixels. modulation: F1/F0 (Skottun et al. 1991), above 1 where the phase, that is the
    exact place of the stripes, matters ("simple" cells), below where it does not ("complex" cells).
    """

    curves: Floats
    selectivity: Floats
    preferred: Floats
    period: Floats
    modulation: Floats

    @property
    def silent(self) -> float:
        """The share of units that answer to no grating."""
        return float(np.isnan(self.selectivity).mean())


def tuned(answers: Floats, blank: Floats, orientations: Floats, periods: Floats) -> Tuning:
    """Return the tuning of units that answered (orientations, periods, phases, U) to gratings, and (U,) to grey."""
    above = np.maximum(answers - blank, 0).astype(np.float64)
    best = above.max(axis=(0, 2)).argmax(axis=0)  # (U,)
    units = np.arange(above.shape[-1])
    liked = above[:, best, :, units]  # (U, orientations, phases)
    curves = liked.max(axis=2)
    strong = curves.max(axis=1)
    heard = strong > FAINT * strong.max(initial=0.0)
    vectors = curves @ np.exp(2j * np.deg2rad(orientations)) / np.maximum(curves.sum(axis=1), 1e-30)
    top = liked[units, curves.argmax(axis=1)]  # (U, phases)
    modulation = 2 * abs(np.fft.rfft(top, axis=1)[:, 1]) / np.maximum(top.sum(axis=1), 1e-30)
    preferred = np.rad2deg(np.angle(vectors)) / 2 % 180
    known = [np.where(heard, v, np.nan) for v in (abs(vectors), preferred, periods[best], modulation)]
    return Tuning(curves, *known)


def of_kernels(weights: NDArray[np.float32], waves: NDArray[np.float32], orientations: Floats) -> Floats:
    """Return the selectivity of kernels (n, k, k, C) themselves, without what follows them: (n,).

    waves (orientations, periods, phases, S, S): gratings of 0 to 255; the kernel looks at their middle.
    """
    side, size = weights.shape[1], waves.shape[-1]
    at = (size - side) // 2
    cut = waves[..., at : at + side, at : at + side].reshape(-1, side * side) - 127.5
    answers = cut @ weights.sum(axis=3).reshape(len(weights), -1).T
    n = np.zeros(waves.shape[1])
    return tuned(answers.reshape(*waves.shape[:3], -1), np.zeros(len(weights)), orientations, n).selectivity


def shuffled(weights: NDArray[np.float32], times: int = 8, seed: int = 0) -> NDArray[np.float32]:
    """Return kernels (times · n, k, k, C) of the same weights, each kernel's in a random order of places."""
    rng = np.random.default_rng(seed)
    flat = np.concatenate([weights.reshape(len(weights), -1, weights.shape[3])] * times)
    order = rng.random(flat.shape[:2]).argsort(axis=1)
    return np.take_along_axis(flat, order[..., None], axis=1).reshape(-1, *weights.shape[1:])


def freedom(answers: Floats, blank: Floats, places: Floats) -> Floats:
    """Return over how many pixels a bar may lie and still get half of the unit's strongest answer: (U,), NaN: silent.

    answers (orientations, kinds, places, U) to bars, blank (U,) to grey. At the orientation and the kind of bar that
    the unit likes best.
    """
    above = np.maximum(answers - blank, 0).astype(np.float64)
    flat = above.max(axis=2).reshape(-1, above.shape[-1])
    strong = flat.max(axis=0)
    along = above.reshape(len(flat), len(places), -1)[flat.argmax(axis=0), :, np.arange(len(strong))]  # (U, places)
    widths = np.gradient(places)
    found = ((along >= strong[:, None] / 2) * widths).sum(axis=1)
    return np.asarray(np.where(strong > FAINT * strong.max(initial=0.0), found, np.nan))


def steadiness(base: Floats, shifted: Floats, draws: int = 200, seed: int = 0) -> tuple[float, float, float]:
    """Return how alike answers stay when pictures are shifted, with its 95 % interval (bootstrap over pictures).

    base (n, U): answers to n pictures; shifted (directions, n, U): to the same, shifted. For each unit the correlation
    over the pictures, then the mean over units and directions: 1 as if nothing had moved, 0 as if to other pictures.
    Units that answer to all pictures alike do not count.
    """
    rng, n = np.random.default_rng(seed), len(base)
    weights = np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), draws)]) / n  # (1 + draws, n)
    found = np.mean([_correlation(base, other, weights) for other in shifted], axis=0)
    low, high = np.nanquantile(found[1:], [0.025, 0.975])
    return float(found[0]), float(low), float(high)


def _correlation(a: Floats, b: Floats, weights: Floats) -> Floats:
    """Mean over units of the weighted correlation over rows of a and b (n, U), for each row of weights (W, n): (W,)."""
    live = (a.std(axis=0) > 1e-6 * (abs(a).max() + 1e-30)) & (b.std(axis=0) > 1e-6 * (abs(b).max() + 1e-30))
    if not live.any():
        return np.full(len(weights), np.nan)
    a, b = (_standard(v[:, live].astype(np.float64)) for v in (a, b))
    ma, mb = weights @ a, weights @ b
    both = weights @ (a * b) - ma * mb
    spread = np.sqrt(np.maximum((weights @ a**2 - ma**2) * (weights @ b**2 - mb**2), 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nanmean(np.where(spread > 1e-9, both / spread, np.nan), axis=1))


def _standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean(axis=0)) / values.std(axis=0))


def moved(pictures: NDArray[np.uint8], down: int, right: int) -> NDArray[np.uint8]:
    """Return pictures (n, H, W, C) shifted by so many pixels; what comes in at the edge is the edge repeated."""
    height, width = pictures.shape[1:3]
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return pictures[:, rows][:, :, columns]


def rising(values: Floats) -> float:
    """Return the rank correlation (Spearman 1904) of values with their order: 1 where each is above the one before."""
    from scipy.stats import spearmanr

    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if len(known) < 3 or np.ptp(known) == 0:
        return float(np.sign(known[-1] - known[0])) if len(known) == 2 else 0.0
    return float(spearmanr(np.arange(len(known)), known).statistic)
