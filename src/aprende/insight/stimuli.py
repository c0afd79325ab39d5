"""What Hubel and Wiesel (1959, 1962) showed to cats, as pictures: gratings and bars of every orientation and place.

An orientation is that of the stripes, in degrees against the clock from the horizontal. Knows no network.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]  # pictures (…, S, S) of 0 to 255

ORIENTATIONS, PHASES, PERIODS, PLACES = 12, 6, 6, 13
GREY, SWING = 127.5, 127.5


@dataclass(frozen=True)
class Gratings:
    """pictures (orientations, periods, phases, S, S): waves of light and dark over the whole picture.

    orientations in degrees, periods in pixels, phases in turns.
    """

    pictures: Floats
    orientations: NDArray[np.float64]
    periods: NDArray[np.float64]
    phases: NDArray[np.float64]


@dataclass(frozen=True)
class Bars:
    """pictures (orientations, kinds, places, S, S): one bar on grey, across the whole picture.

    kinds: (width in pixels, light or dark: ±1) each. places: of the bar's middle, in pixels beside the picture's
    middle, at a right angle to the bar; finer near the middle, where small fields are.
    """

    pictures: Floats
    orientations: NDArray[np.float64]
    kinds: list[tuple[float, int]]
    places: NDArray[np.float64]


def orientations(n: int = ORIENTATIONS) -> NDArray[np.float64]:
    """Return n orientations in degrees, from 0 to below 180."""
    return np.arange(n) * 180.0 / n


def across(side: int, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each pixel lies from the picture's middle, across stripes of these orientations: (n, S, S)."""
    down, right = np.mgrid[:side, :side] - (side - 1) / 2
    turned = np.deg2rad(degrees)[:, None, None]
    return np.asarray(right * np.sin(turned) + down * np.cos(turned))


def gratings(side: int, periods: int = PERIODS, phases: int = PHASES) -> Gratings:
    """Return gratings for pictures of this side: periods from 3 pixels to half of the side."""
    degrees, lengths = orientations(), np.geomspace(3.0, max(4.0, side / 2), periods)
    turns = np.arange(phases) / phases
    far = across(side, degrees)[:, None, None]
    waves = np.cos(2 * np.pi * (far / lengths[:, None, None, None] - turns[:, None, None]))
    return Gratings((GREY + SWING * waves).astype(np.float32), degrees, lengths, turns)


def bars(side: int, places: int = PLACES) -> Bars:
    """Return bars for pictures of this side: 2 pixels and a tenth of the side wide, light and dark."""
    degrees, far = orientations(), across(side, orientations())
    kinds = [(width, sign) for width in sorted({2.0, max(2.0, round(side / 10))}) for sign in (1, -1)]
    half = np.r_[0, np.geomspace(1.0, 0.45 * side, places // 2)]
    at = np.r_[-half[:0:-1], half]
    shown = np.empty((len(degrees), len(kinds), len(at), side, side), np.float32)
    for k, (width, sign) in enumerate(kinds):
        edge = np.clip(width / 2 + 0.5 - abs(far[:, None] - at[:, None, None]), 0, 1)  # soft by one pixel
        shown[:, k] = GREY + SWING * sign * edge
    return Bars(shown, degrees, kinds, at)
