"""A map without a map service: places coloured by a signed value, with a scale in kilometres.

Knows no run. Many places are gathered in cells, each coloured by its median.
"""

import math

import numpy as np
from numpy.typing import NDArray

from aprende.app import digits
from aprende.app.charts import picture, titled
from aprende.app.markup import Markup, join, tag
from aprende.app.scale import Floats
from aprende.core.words import t

WIDTH, MOST_HIGH, EDGE = 460, 460, 10
CELLS = 46  # along the longer side
KM_A_DEGREE = 111.195


def atlas(places: Floats, values: Floats, label: str, unit: str = "%") -> Markup:
    """Return the map. places (n, 2): latitude, longitude; values (n,): negative blue, positive orange."""
    known = np.isfinite(places).all(axis=1) & np.isfinite(values)
    places, values = places[known], values[known]
    (south, west), (north, east) = np.quantile(places, 0.005, axis=0), np.quantile(places, 0.995, axis=0)
    inside = ((places >= [south, west]) & (places <= [north, east])).all(axis=1)
    places, values = places[inside], values[inside]
    narrow = math.cos(math.radians((south + north) / 2))
    wide, high = max((east - west) * narrow, 1e-4), max(north - south, 1e-4)
    grain = min((WIDTH - 2 * EDGE) / wide, (MOST_HIGH - 2 * EDGE) / high)  # pixels a degree of latitude
    x = EDGE + (places[:, 1] - west) * narrow * grain + (WIDTH - 2 * EDGE - wide * grain) / 2
    y = EDGE + (north - places[:, 0]) * grain
    height = high * grain + 2 * EDGE + 26
    limit = float(np.quantile(np.abs(values), 0.9)) or 1.0
    marks = _gathered(x, y, values, limit, unit)
    return join(picture(join(*marks, _kilometres(grain, height)), WIDTH, round(height, 1), label), _key(limit, unit))


def _gathered(x: Floats, y: Floats, values: Floats, limit: float, unit: str) -> list[Markup]:
    side = max(float(np.ptp(x)), float(np.ptp(y)), 1.0) / CELLS
    keys = np.stack([x // side, y // side], 1)
    _, cell, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(cell.ravel(), kind="stable")
    members = np.split(order, np.cumsum(counts)[:-1])
    most = max(len(m) for m in members)
    marks = sorted(members, key=len, reverse=True)
    return [_mark(x[m], y[m], values[m], limit, unit, side, most) for m in marks]


def _mark(x: Floats, y: Floats, values: Floats, limit: float, unit: str, side: float, most: int) -> Markup:
    middle, n = float(np.median(values)), len(values)
    strength = min(1.0, abs(middle) / limit)
    look = "high" if middle > 0 else "low"
    radius = side * (0.32 + 0.38 * math.sqrt(n / most))
    said = f"{digits.rows(n)}\n{t('median error {value}', value=signed(middle, unit))}"
    dot = tag(
        "circle",
        class_=f"place {look}",
        cx=f"{x.mean():.1f}",
        cy=f"{y.mean():.1f}",
        r=f"{max(2.2, radius):.1f}",
        fill_opacity=f"{0.15 + 0.85 * strength:.2f}",
    )
    return titled(dot, said)


def signed(value: float, unit: str) -> str:
    """Return a value with its sign."""
    return ("+" if value > 0 else "") + digits.figure(value, unit, 2)


def _kilometres(grain: float, height: float) -> Markup:
    wanted = 90 / grain * KM_A_DEGREE
    length = max(s for p in range(-3, 5) for m in (1, 2, 5) if (s := m * 10.0**p) <= max(wanted, 1e-3))
    pixels = length / KM_A_DEGREE * grain
    y = round(height - 10, 1)
    bar = tag("path", class_="scale-bar", d=f"M{EDGE} {y - 4}V{y}H{EDGE + pixels:.1f}V{y - 4}")
    return join(bar, tag("text", f"{digits.number(length)}\u00a0km", class_="tick", x=f"{EDGE + pixels + 7:.1f}", y=y))


def _key(limit: float, unit: str) -> Markup:
    """What the colours mean."""
    ends = f"−{digits.figure(limit, unit, 2)}", f"+{digits.figure(limit, unit, 2)}"
    return tag(
        "div",
        tag("span", t("said too little {value}", value=ends[0])),
        tag("i", class_="ramp"),
        tag("span", t("said too much {value}", value=ends[1])),
        class_="legend ramped",
    )


def usable(places: NDArray[np.float64]) -> bool:
    """Return whether enough places are known to draw them."""
    return int(np.isfinite(places).all(axis=1).sum()) >= 20
