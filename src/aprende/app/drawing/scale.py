"""Where a value lies on an axis, and which values deserve a tick. Knows no chart: numbers in, numbers out."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic map from [low, high] to [start, stop] (pixels or per cent)."""

    low: float
    high: float
    start: float = 0.0
    stop: float = 100.0
    log: bool = False

    def at(self, values: Floats) -> Floats:
        """Return where the values lie, those outside at the nearer end."""
        low, high = self._seen(self.low), self._seen(self.high)
        held = np.clip(np.asarray(values, dtype=np.float64), self.low, self.high)
        share = ((np.log10(held) if self.log else held) - low) / ((high - low) or 1.0)
        return np.asarray(self.start + share * (self.stop - self.start))

    def __call__(self, value: float) -> float:
        return round(float(self.at(np.array(value))), 2)

    def ticks(self, wanted: int = 5) -> list[float]:
        """Return round values within the scale: steps of 1, 2 or 5 times a power of ten."""
        return _log_ticks(self.low, self.high, wanted) if self.log else _ticks(self.low, self.high, wanted)

    def _seen(self, value: float) -> float:
        return math.log10(value) if self.log else value


def over(
    values: Iterable[float], start: float = 0.0, stop: float = 100.0, log: bool = False, pad: float = 0.04
) -> Scale:
    """Return a scale that holds every finite value, with a little room at both ends."""
    held = np.array([v for v in values if v is not None and math.isfinite(v) and (v > 0 or not log)], dtype=np.float64)
    if not len(held):
        return Scale(0.0, 1.0, start, stop)
    low, high = float(held.min()), float(held.max())
    if low == high:
        low, high = (low / 2, high * 2) if log else (low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2)
    if log:
        room = (high / low) ** pad
        return Scale(low / room, high * room, start, stop, log=True)
    room = (high - low) * pad
    floor = 0.0 if low >= 0 and low - room < 0 else low - room
    return Scale(floor, high + room, start, stop)


def skewed(values: Floats) -> bool:
    """Return whether positive values span so much that a log axis shows them better."""
    if not len(values) or values.min() <= 0:
        return False
    low, high = np.quantile(values, [0.02, 0.98])
    return bool(high / low >= 8)


def _ticks(low: float, high: float, wanted: int) -> list[float]:
    rough = (high - low) / max(1, wanted)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def _log_ticks(low: float, high: float, wanted: int) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for multiples in ((1, 2, 5), (1, 3), (1,)):
        found = [m * 10.0**p for p in powers for m in multiples if low <= m * 10.0**p <= high]
        if len(found) <= wanted + 1:
            break
    every = max(1, math.ceil(len(found) / (wanted + 1)))
    return found[::every] if len(found) > 1 else _ticks(low, high, wanted)
