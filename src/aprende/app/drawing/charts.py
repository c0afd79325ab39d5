"""Charts as SVG: lines, scatter, matrix, histogram. Nice ticks, titles and units on every axis, values on hover.

Knows no run and no metric: numbers and texts in, markup out. Colours are CSS variables of `assets/report.css`, so that
one chart serves light, dark and print. A chart is WIDTH units wide: half a page, or a whole telephone. Many points are
binned, so that a chart of a million rows is as small as one of a thousand.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aprende.app.drawing import digits
from aprende.app.drawing.markup import Markup, join, tag
from aprende.app.drawing.scale import Floats, Scale, over
from aprende.core.words import t

WIDTH, HEIGHT = 460, 310
LEFT, RIGHT, TOP, BOTTOM = 72, 12, 12, 46
MANY = 900  # points beyond which cells are drawn
HOVERS = 90
LETTER = 6.9  # width of a letter


@dataclass(frozen=True)
class Axis:
    """A scale with its title and its unit ("%": values are shares)."""

    scale: Scale
    title: str
    unit: str = ""

    def labels(self, ticks: list[float]) -> list[str]:
        """Return the ticks' texts."""
        if self.scale.log:
            return [digits.ticks([v], self.unit)[0] for v in ticks]
        return digits.ticks(ticks, self.unit)

    @property
    def named(self) -> str:
        """The title with its unit."""
        return f"{self.title} ({self.unit})" if self.unit and self.unit != "%" else self.title


@dataclass(frozen=True)
class Line:
    """One line: x and y (n,), optionally a band from low to high (n,), and its look: "a" … "d" or "quiet"."""

    name: str
    x: Floats
    y: Floats
    low: Floats | None = None
    high: Floats | None = None
    look: str = "a"
    dots: bool = False
    joined: bool = True


def across(values: Sequence[float] | Floats, title: str, unit: str = "", log: bool = False, pad: float = 0.04) -> Axis:
    """Return a horizontal axis that holds the values."""
    return Axis(over(np.ravel(values).tolist(), LEFT, WIDTH - RIGHT, log, pad), title, unit)


def upward(values: Sequence[float] | Floats, title: str, unit: str = "", log: bool = False, pad: float = 0.06) -> Axis:
    """Return a vertical axis that holds the values."""
    return Axis(over(np.ravel(values).tolist(), HEIGHT - BOTTOM, TOP, log, pad), title, unit)


def plot(x: Axis, y: Axis, body: Markup, label: str) -> Markup:
    """Return the body within its axes. label: what a screen reader says."""
    grid = [*_columns(x), *_lines(y)]
    titles = [
        tag("text", x.named, class_="title", x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6, text_anchor="middle"),
        tag(
            "text",
            y.named,
            class_="title",
            transform=f"translate(11 {(HEIGHT - BOTTOM + TOP) / 2}) rotate(-90)",
            text_anchor="middle",
        ),
    ]
    return picture(join(*grid, body, *titles), WIDTH, HEIGHT, label)


def picture(body: Markup, width: float, height: float, label: str) -> Markup:
    """Return an SVG that scales with the page."""
    return tag("svg", body, class_="plot", viewBox=f"0 0 {width} {height}", role="img", aria_label=label)


def _columns(axis: Axis) -> list[Markup]:
    ticks = axis.scale.ticks(5)
    floor = HEIGHT - BOTTOM
    return [
        join(
            tag("line", class_="gridline", x1=axis.scale(v), x2=axis.scale(v), y1=TOP, y2=floor),
            tag("text", word, class_="tick", x=axis.scale(v), y=floor + 17, text_anchor="middle"),
        )
        for v, word in zip(ticks, axis.labels(ticks), strict=True)
    ]


def _lines(axis: Axis) -> list[Markup]:
    ticks = axis.scale.ticks(5)
    return [
        join(
            tag("line", class_="gridline", x1=LEFT, x2=WIDTH - RIGHT, y1=axis.scale(v), y2=axis.scale(v)),
            tag("text", word, class_="tick", x=LEFT - 7, y=axis.scale(v) + 4, text_anchor="end"),
        )
        for v, word in zip(ticks, axis.labels(ticks), strict=True)
    ]


def titled(element: Markup, words: str) -> Markup:
    """Return the element with what it says on hover."""
    return tag("g", tag("title", words), element)


def lines(series: list[Line], x: Axis, y: Axis, label: str, diagonal: bool = False) -> Markup:
    """Return lines with their bands; hovering shows every line's value at that x."""
    marks = [_diagonal(x.scale, y.scale)] if diagonal else []
    marks += [_band(s, x.scale, y.scale) for s in series]
    marks += [_line(s, x.scale, y.scale) for s in series]
    return join(
        legend([(s.name, s.look) for s in series]),
        plot(x, y, join(*marks, *_hovers(series, x, y)), label),
    )


def legend(entries: list[tuple[str, str]]) -> Markup:
    """Return the names of what is drawn, each with its colour; nothing where there is only one."""
    if len(entries) < 2:
        return Markup("")
    return tag("div", *(tag("span", tag("i", class_=f"key {look}"), name) for name, look in entries), class_="legend")


def _path(x: Floats, y: Floats) -> str:
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def _line(s: Line, x: Scale, y: Scale) -> Markup:
    known = np.isfinite(s.y) & np.isfinite(s.x)
    at, up = x.at(s.x[known]), y.at(s.y[known])
    dots = [
        tag("circle", class_=f"dot {s.look}", cx=f"{a:.1f}", cy=f"{b:.1f}", r=3.6) for a, b in zip(at, up, strict=True)
    ]
    return join(
        tag("path", class_=f"line {s.look}", d=_path(at, up)) if s.joined and len(at) > 1 else None,
        *(dots if s.dots or len(at) == 1 else []),
    )


def _band(s: Line, x: Scale, y: Scale) -> Markup:
    if s.low is None or s.high is None:
        return Markup("")
    at = x.at(s.x)
    outline = np.r_[at, at[::-1]], np.r_[y.at(s.low), y.at(s.high)[::-1]]
    return tag("path", class_=f"band {s.look}", d=_path(*outline) + "Z")


def _diagonal(x: Scale, y: Scale) -> Markup:
    low, high = max(x.low, y.low), min(x.high, y.high)
    return tag("line", class_="reference", x1=x(low), y1=y(low), x2=x(high), y2=y(high))


def _hovers(series: list[Line], x: Axis, y: Axis) -> list[Markup]:
    """Invisible strips, each of which tells the lines' values at its x."""
    base = series[0].x
    rows = np.unique(np.linspace(0, len(base) - 1, min(HOVERS, len(base))).astype(int))
    places = x.scale.at(base[rows])
    edges = np.r_[LEFT, (places[1:] + places[:-1]) / 2, WIDTH - RIGHT]
    return [
        _strip(series, float(base[r]), a, b, x, y) for r, (a, b) in zip(rows, itertools.pairwise(edges), strict=True)
    ]


def _strip(series: list[Line], value: float, left: float, right: float, x: Axis, y: Axis) -> Markup:
    at = x.scale(value)
    said, dots = [f"{x.title} {digits.figure(value, x.unit)}"], []
    for s in series:
        known = np.flatnonzero(np.isfinite(s.y))
        if len(known):
            near = known[np.argmin(np.abs(s.x[known] - value))]
            said.append(f"{s.name} {digits.figure(float(s.y[near]), y.unit, 4)}")
            dots.append(
                tag("circle", class_=f"dot {s.look}", cx=x.scale(float(s.x[near])), cy=y.scale(float(s.y[near])), r=4)
            )
    strip = tag(
        "rect",
        class_="hit",
        x=f"{left:.1f}",
        y=TOP,
        width=f"{max(0.5, right - left):.1f}",
        height=HEIGHT - BOTTOM - TOP,
    )
    guide = tag("line", class_="guide", x1=at, x2=at, y1=TOP, y2=HEIGHT - BOTTOM)
    return tag("g", tag("title", "\n".join(said)), strip, tag("g", guide, *dots, class_="shown"), class_="strip")


def scatter(
    x: Axis, y: Axis, at: Floats, up: Floats, label: str, tip: Callable[[int], str], diagonal: bool = False
) -> Markup:
    """Return points (n,) against points (n,); many of them as cells that are darker where there are more.

    tip: what point i says on hover.
    """
    known = np.isfinite(at) & np.isfinite(up)
    rows = np.flatnonzero(known)
    px, py = x.scale.at(at[rows]), y.scale.at(up[rows])
    marks = _points(px, py, rows, tip) if len(rows) <= MANY else _cells(px, py)
    return plot(x, y, join(*marks, _diagonal(x.scale, y.scale) if diagonal else None), label)


def _points(px: Floats, py: Floats, rows: NDArray[np.int64], tip: Callable[[int], str]) -> list[Markup]:
    return [
        titled(tag("circle", class_="point", cx=f"{a:.1f}", cy=f"{b:.1f}", r=3), tip(int(i)))
        for a, b, i in zip(px, py, rows, strict=True)
    ]


def _cells(px: Floats, py: Floats, side: float = 7.0) -> list[Markup]:
    """Square cells whose opacity grows with the root of their count."""
    cells, counts = np.unique(np.stack([px // side, py // side], 1), axis=0, return_counts=True)
    most = counts.max()
    return [
        titled(
            tag(
                "rect",
                class_="cell",
                x=f"{a * side:g}",
                y=f"{b * side:g}",
                width=side,
                height=side,
                fill_opacity=f"{0.12 + 0.88 * (n / most) ** 0.5:.2f}",
            ),
            digits.rows(int(n)),
        )
        for (a, b), n in zip(cells, counts, strict=True)
    ]


def histogram(values: Floats, x: Axis, y_title: str, label: str, bins: int = 40, zero: bool = False) -> Markup:
    """Return how many values lie in each of some equal bins; those outside the axis count at its ends."""
    edges = np.linspace(x.scale.low, x.scale.high, bins + 1)
    counts, _ = np.histogram(np.clip(values[np.isfinite(values)], edges[0], edges[-1]), edges)
    y = upward([0.0, float(counts.max())], y_title)
    bars = [_bar(x, y, edges[i], edges[i + 1], int(n)) for i, n in enumerate(counts) if n]
    middle = (
        tag("line", class_="reference", x1=x.scale(0.0), x2=x.scale(0.0), y1=TOP, y2=HEIGHT - BOTTOM) if zero else None
    )
    return plot(x, y, join(*bars, middle), label)


def _bar(x: Axis, y: Axis, low: float, high: float, n: int) -> Markup:
    left, right, top = x.scale(low), x.scale(high), y.scale(float(n))
    said = f"{digits.figure(low, x.unit)} – {digits.figure(high, x.unit)}\n{digits.rows(n)}"
    bar = tag(
        "rect",
        class_="bar",
        x=f"{left + 0.5:.1f}",
        y=top,
        width=f"{max(0.5, right - left - 1):.1f}",
        height=f"{y.scale.start - top:.1f}",
    )
    return titled(bar, said)


def matrix(counts: NDArray[np.int64], names: Sequence[str], down: str, along: str, label: str) -> Markup:
    """Return a confusion matrix (k, k): rows are the truth, columns the answers; darker: more of its row."""
    words = [n if len(n) <= 14 else n[:13] + "…" for n in names]
    longest, k = LETTER * max(len(w) for w in words), len(names)
    width = WIDTH if k <= 12 else 1.6 * WIDTH
    side = min(72.0, (width - longest - 50) / k)
    tilt = longest > side - 6
    side -= 0.6 * longest / k if tilt else 0.0  # room for the last column's name
    left = round(max(longest + 30, (width - side * k + longest) / 2), 1)
    top = 40 + (0.72 * longest if tilt else 4)
    place = Places(left, top, side, tilt)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    cells = [_square(counts, float(shares[i, j]), names, i, j, place) for i in range(k) for j in range(k)]
    middle = round(side * k / 2, 1)
    titles = [
        tag("text", along, class_="title", x=left + middle, y=14, text_anchor="middle"),
        tag(
            "text",
            down,
            class_="title",
            transform=f"translate({left - longest - 18:.1f} {top + middle:.1f}) rotate(-90)",
            text_anchor="middle",
        ),
    ]
    return picture(join(*cells, *_heads(words, place), *titles), width, round(top + side * k + 6, 1), label)


@dataclass(frozen=True)
class Places:
    """Where the squares of a matrix lie; tilt: whether column names need a slope."""

    left: float
    top: float
    side: float
    tilt: bool

    def middle(self, i: int) -> float:
        """The middle of square i, from the matrix' edge."""
        return self.side * (i + 0.5)


def _heads(words: list[str], place: Places) -> list[Markup]:
    drawn = []
    for i, word in enumerate(words):
        x, y = place.left + place.middle(i), place.top - 8
        turned = f"translate({x + 3:.1f} {y:.1f}) rotate(-45)" if place.tilt else f"translate({x:.1f} {y:.1f})"
        drawn.append(
            tag("text", word, class_="tick", transform=turned, text_anchor="start" if place.tilt else "middle")
        )
        drawn.append(
            tag(
                "text",
                word,
                class_="tick",
                x=place.left - 8,
                y=f"{place.top + place.middle(i) + 4:.1f}",
                text_anchor="end",
            )
        )
    return drawn


def _square(counts: NDArray[np.int64], share: float, names: Sequence[str], i: int, j: int, place: Places) -> Markup:
    n, strength = int(counts[i, j]), 0.08 + 0.92 * share**0.7
    said = t("True: {truth} · said: {said}", truth=names[i], said=names[j])
    many = t("{n} of {all}", n=digits.count(n), all=digits.count(int(counts[i].sum())))
    corner = {"x": f"{place.left + place.side * j + 1:.1f}", "y": f"{place.top + place.side * i + 1:.1f}", "rx": 3}
    size = {"width": f"{place.side - 2:.1f}", "height": f"{place.side - 2:.1f}"}
    marks = [tag("rect", class_="empty", **corner, **size)]
    if n:
        look = "right" if i == j else "wrong"
        marks.append(tag("rect", class_=f"square {look}", fill_opacity=f"{strength:.2f}", **corner, **size))
        marks.append(_count(n, strength > 0.55, place.left + place.middle(j), place.top + place.middle(i), place.side))
    return titled(join(*marks), f"{said}\n{many} ({digits.figure(share, '%')})")


def _count(n: int, strong: bool, x: float, y: float, side: float) -> Markup:
    word = digits.count(n)
    if len(word) * LETTER > side:
        return Markup("")
    return tag(
        "text", word, class_="count strong" if strong else "count", x=f"{x:.1f}", y=f"{y + 4:.1f}", text_anchor="middle"
    )
