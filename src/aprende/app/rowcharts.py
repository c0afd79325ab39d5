"""Charts of one row a thing: a name, a mark with its interval, the figure in words. Legible at any width.

Marks stand at percentages of the track, so words keep their size on a telephone. Knows no run and no metric.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aprende.app import digits
from aprende.app.markup import Markup, join, tag
from aprende.app.scale import Scale, over
from aprende.core.words import t

MIDDLE = 15  # height of a track's middle in pixels


@dataclass(frozen=True)
class Row:
    """value with its interval; `said` stands at the right; `tip` shows on hover; look: "a" … "d" or "quiet"."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    said: str = ""
    tip: str = ""
    look: str = "a"
    detail: str = ""  # small print under the name
    spread: tuple[float, float] | None = None  # a wider, paler range: where most single values lie


def row_chart(
    rows: Sequence[Row],
    title: str,
    unit: str = "",
    log: bool = False,
    bars: bool = False,
    reference: float | None = None,
    scale: Scale | None = None,
) -> Markup:
    """Return the chart. bars: marks grow from zero. reference: a value that a dashed line marks in every row."""
    scale = scale or _scale(rows, log, bars, reference)
    ticks = scale.ticks(4)
    drawn = [_row(r, scale, ticks, bars, reference) for r in rows]
    labels = digits.ticks(ticks, unit) if not scale.log else [digits.ticks([v], unit)[0] for v in ticks]
    words = [tag("text", w, class_="tick", x=f"{scale(v)}%", y=12, text_anchor=_anchor(scale(v))) for v, w in zip(ticks, labels, strict=True)]
    named = f"{title} ({unit})" if unit and unit != "%" else title
    axis = [tag("span"), tag("div", tag("svg", *words, class_="track", height=16), tag("span", named, class_="axis-title")), tag("span")]
    return tag("div", *drawn, *axis, class_="rows")


def _scale(rows: Sequence[Row], log: bool, bars: bool, reference: float | None) -> Scale:
    values = [v for r in rows for v in (r.value, r.low, r.high, *(r.spread or ())) if v is not None]
    values += [0.0] if bars else []
    return over([*values, *([] if reference is None else [reference])], 2.0, 98.0, log)


def _anchor(place: float) -> str:
    return "start" if place < 6 else "end" if place > 94 else "middle"


def _row(row: Row, scale: Scale, ticks: list[float], bars: bool, reference: float | None) -> Markup:
    marks = [tag("line", class_="gridline", x1=f"{scale(v)}%", x2=f"{scale(v)}%", y1=0, y2="100%") for v in ticks]
    if reference is not None:
        marks.append(tag("line", class_="reference", x1=f"{scale(reference)}%", x2=f"{scale(reference)}%", y1=0, y2="100%"))
    if math.isfinite(row.value):
        marks += _marks(row, scale, bars)
    track = tag("svg", tag("title", row.tip or f"{row.name}: {row.said}"), *marks, class_="track", height=2 * MIDDLE)
    name = tag("span", row.name, tag("small", row.detail) if row.detail else None, class_="row-name")
    return join(name, track, tag("span", row.said, class_="row-said"))


def _marks(row: Row, scale: Scale, bars: bool) -> list[Markup]:
    at, marks = scale(row.value), []
    if bars:
        zero = scale(0.0)
        marks.append(tag("rect", class_=f"bar {row.look}", x=f"{min(at, zero)}%", width=f"{round(abs(at - zero), 2)}%", y=MIDDLE - 6, height=12, rx=2))
    if row.spread:
        a, b = (scale(v) for v in row.spread)
        marks.append(tag("rect", class_=f"spread {row.look}", x=f"{a}%", width=f"{round(b - a, 2)}%", y=MIDDLE - 5, height=10, rx=3))
    if row.low is not None and row.high is not None and math.isfinite(row.low + row.high):
        marks.append(tag("line", class_=f"interval {'on-bar' if bars else row.look}", x1=f"{scale(row.low)}%", x2=f"{scale(row.high)}%", y1=MIDDLE, y2=MIDDLE))
    if not bars:
        marks.append(tag("circle", class_=f"dot {row.look}", cx=f"{at}%", cy=MIDDLE, r=5))
    return marks


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    share, edge = hits / n, z * z / n
    middle, half = share + edge / 2, z * math.sqrt(share * (1 - share) / n + edge / (4 * n))
    return max(0.0, (middle - half) / (1 + edge)), min(1.0, (middle + half) / (1 + edge))


def share_row(name: str, hits: int, n: int, look: str = "a") -> Row:
    """Return the row of a share: hits of n, with its interval."""
    low, high = wilson(hits, n)
    value, many = hits / n if n else math.nan, t("{n} rows", n=digits.count(n))
    said, ends = digits.figure(value, "%", 3), f"{digits.figure(low, '%', 3)} – {digits.figure(high, '%', 3)}"
    return Row(name, value, low, high, said, f"{name}: {said} ({ends})\n{many}", look, many)
