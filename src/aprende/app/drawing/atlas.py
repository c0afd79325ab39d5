"""A map without a map service: places coloured by a signed value, with a scale in kilometres.

Many places are gathered in cells, each coloured by its median. Where they crowd in a few spots of a wide land, those
are shown large beside the whole. Knows no run.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aprende.app.drawing import digits
from aprende.app.drawing.charts import picture, titled
from aprende.app.drawing.markup import Markup, join, tag
from aprende.app.drawing.scale import Floats
from aprende.core.words import t

SIDE, EDGE, FOOT = 360, 10, 24  # pixels: a map's longest side, its margin, the room for its scale
FEW, MANY = 20, 40  # cells along the longest side
KM_A_DEGREE = 111.195
WINDOWS, CROWD = 24, 0.08  # windows along the longest side; share of all places that makes a window worth showing
MOST_AREAS = 3


@dataclass(frozen=True)
class View:
    """A window on the Earth: degrees at its edges."""

    south: float
    west: float
    north: float
    east: float

    @property
    def narrow(self) -> float:
        """How much shorter a degree of longitude is than one of latitude here."""
        return math.cos(math.radians((self.south + self.north) / 2))

    @property
    def span(self) -> float:
        """The longer side, in degrees of latitude."""
        return max((self.east - self.west) * self.narrow, self.north - self.south, 1e-4)

    @property
    def grain(self) -> float:
        """Pixels a degree of latitude."""
        return (SIDE - 2 * EDGE) / self.span

    def pixels(self, places: Floats) -> Floats:
        """Return places (n, 2: latitude, longitude) in pixels (n, 2: x, y), centred from left to right."""
        left = (SIDE - (self.east - self.west) * self.narrow * self.grain) / 2
        x = left + (places[:, 1] - self.west) * self.narrow * self.grain
        return np.stack([x, EDGE + (self.north - places[:, 0]) * self.grain], axis=1)

    def holds(self, places: Floats) -> NDArray[np.bool_]:
        """Return which places lie within, (n,)."""
        low, high = (self.south, self.west), (self.north, self.east)
        return np.asarray(((places >= low) & (places <= high)).all(axis=1))


def view_of(places: Floats, tail: float = 0.005) -> View:
    """Return the window that holds nearly all of the places."""
    (south, west), (north, east) = np.quantile(places, tail, axis=0), np.quantile(places, 1 - tail, axis=0)
    return View(float(south), float(west), float(north), float(east))


def usable(places: Floats) -> bool:
    """Return whether enough places are known to draw them."""
    return int(np.isfinite(places).all(axis=1).sum()) >= 20


def atlas(places: Floats, values: Floats, label: str, unit: str = "%") -> Markup:
    """Return the maps. places (n, 2): latitude, longitude; values (n,): negative blue, positive orange."""
    known = np.isfinite(places).all(axis=1) & np.isfinite(values)
    places, values = places[known], values[known]
    limit = float(np.quantile(np.abs(values), 0.9)) or 1.0
    whole = view_of(places)
    areas = crowded(places, whole)
    letters = [(chr(ord("A") + i), view) for i, view in enumerate(areas)]
    drawn = [_map(places, values, whole, limit, unit, label, letters)]
    for letter, view in letters:
        share = digits.figure(float(view.holds(places).mean()), "%", 2)
        name = tag("p", tag("b", letter), " · ", t("{share} of the rows", share=share), class_="quiet")
        drawn.append(join(name, _map(places, values, view, limit, unit, f"{label} {letter}", [])))
    return join(tag("div", *(tag("div", m) for m in drawn), class_="maps"), _key(limit, unit))


def crowded(places: Floats, whole: View) -> list[View]:
    """Return the windows in which many places crowd, if they are much smaller than the whole."""
    rest, found = places[whole.holds(places)], list[View]()
    many = CROWD * max(len(rest), 1)
    step = np.array([whole.span, whole.span / whole.narrow]) / WINDOWS
    while len(found) < MOST_AREAS and len(rest):
        cells, counts = np.unique(rest // step, axis=0, return_counts=True)
        middle = (cells[counts.argmax()] + 0.5) * step
        near = (np.abs(rest - middle) <= 1.5 * step).all(axis=1)
        if near.sum() < max(many, 30):
            break
        found.append(view_of(rest[near], 0.01))
        rest = rest[~near]
    return [view for view in found if view.span < whole.span / 3]


def _map(
    places: Floats, values: Floats, view: View, limit: float, unit: str, label: str, letters: list[tuple[str, View]]
) -> Markup:
    inside = view.holds(places)
    at = view.pixels(places[inside])
    height = round((view.north - view.south) * view.grain + 2 * EDGE + FOOT, 1)
    marks = _gathered(at, values[inside], limit, unit)
    names = [_letter(letter, view.pixels(np.array([[v.north, (v.west + v.east) / 2]]))[0]) for letter, v in letters]
    return picture(join(*marks, *names, _kilometres(view.grain, height)), SIDE, height, label)


def _letter(letter: str, at: Floats) -> Markup:
    return tag("text", letter, class_="letter", x=f"{at[0]:.1f}", y=f"{max(11.0, at[1] - 8):.1f}", text_anchor="middle")


def _gathered(at: Floats, values: Floats, limit: float, unit: str) -> list[Markup]:
    """One mark for each square cell that holds places; at (n, 2) in pixels."""
    side = (SIDE - 2 * EDGE) / float(np.clip(math.sqrt(len(at) / 4), FEW, MANY))
    _, cell, counts = np.unique(at // side, axis=0, return_inverse=True, return_counts=True)
    members = np.split(np.argsort(cell.ravel(), kind="stable"), np.cumsum(counts)[:-1])
    most = int(counts.max(initial=1))
    return [_mark(at[m], values[m], limit, unit, side, most) for m in sorted(members, key=len, reverse=True) if len(m)]


def _mark(at: Floats, values: Floats, limit: float, unit: str, side: float, most: int) -> Markup:
    middle, n = float(np.median(values)), len(values)
    (x, y), radius = at.mean(axis=0), max(2.2, side * (0.32 + 0.4 * math.sqrt(n / most)))
    said = f"{digits.rows(n)}\n{t('median error {value}', value=signed(middle, unit))}"
    strength = 0.15 + 0.85 * min(1.0, abs(middle) / limit)
    look = "place high" if middle > 0 else "place low"
    dot = tag("circle", class_=look, cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{radius:.1f}", fill_opacity=f"{strength:.2f}")
    return titled(dot, said)


def signed(value: float, unit: str) -> str:
    """Return a value with its sign; shares to a tenth of a per cent at most."""
    value = round(value, 3) if unit == "%" else value
    return ("+" if value > 0 else "") + digits.figure(value, unit, 2)


def _kilometres(grain: float, height: float) -> Markup:
    wanted = max(90 / grain * KM_A_DEGREE, 1e-3)
    length = max(s for p in range(-3, 5) for m in (1, 2, 5) if (s := m * 10.0**p) <= wanted)
    right, y = EDGE + length / KM_A_DEGREE * grain, round(height - 9, 1)
    bar = tag("path", class_="scale-bar", d=f"M{EDGE} {y - 4}V{y}H{right:.1f}V{y - 4}")
    return join(bar, tag("text", f"{digits.number(length)}\u00a0km", class_="tick", x=f"{right + 7:.1f}", y=y))


def _key(limit: float, unit: str) -> Markup:
    """What the colours mean."""
    end = digits.figure(limit, unit, 2)
    low = tag("span", t("said too little {value}", value=f"−{end}"))
    high = tag("span", t("said too much {value}", value=f"+{end}"))
    return tag("div", low, tag("i", class_="ramp"), high, class_="legend ramped")
