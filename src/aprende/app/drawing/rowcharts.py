"""Charts of one row a thing: a name, a mark with its interval, the figure in words. Legible at any width.

Marks stand at percentages of the track, so words keep their size on a telephone. Knows no run and no metric.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aprende.app.drawing import digits
from aprende.app.drawing.markup import Markup, join, tag
from aprende.app.drawing.scale import Scale, over
from aprende.core.measure import wilson


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
    also: "Row | None" = None  # a second mark in the same track


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
    ticks = next((found for n in (3, 4, 5) if len(found := scale.ticks(n)) >= 3), scale.ticks(6))
    drawn = [_row(r, scale, ticks, bars, reference) for r in rows]
    labels = digits.ticks(ticks, unit) if not scale.log else [digits.ticks([v], unit)[0] for v in ticks]
    words = [
        _label(w, scale(v), spare=len(ticks) > 3 and i % 2 == 1)
        for i, (v, w) in enumerate(zip(ticks, labels, strict=True))
    ]
    named = f"{title} ({unit})" if unit and unit != "%" else title
    axis = [
        tag("span"),
        tag("div", tag("svg", *words, class_="ticks", height=16), tag("span", named, class_="axis-title")),
        tag("span"),
    ]
    return tag("div", *drawn, *axis, class_="rows")


def _scale(rows: Sequence[Row], log: bool, bars: bool, reference: float | None) -> Scale:
    values = [v for r in rows for v in (r.value, r.low, r.high, *(r.spread or ())) if v is not None]
    values += [0.0] if bars else []
    return over([*values, *([] if reference is None else [reference])], 2.0, 98.0, log)


def _label(word: str, x: float, spare: bool) -> Markup:
    """A tick's text; spare ones are left out on a telephone."""
    return tag("text", word, class_="tick spare" if spare else "tick", x=f"{x}%", y=12, text_anchor=_anchor(x))


def _anchor(place: float) -> str:
    return "start" if place < 6 else "end" if place > 94 else "middle"


def _row(row: Row, scale: Scale, ticks: list[float], bars: bool, reference: float | None) -> Markup:
    marks = [_upright("gridline", scale(v)) for v in ticks]
    marks += [] if reference is None else [_upright("reference", scale(reference))]
    marks += _marks(row, scale, bars, "34%" if row.also else "50%")
    marks += _marks(row.also, scale, bars, "66%") if row.also else []
    track = tag("div", tag("svg", tag("title", row.tip or f"{row.name}: {row.said}"), *marks), class_="track")
    name = tag("span", row.name, tag("small", row.detail) if row.detail else None, class_="row-name")
    return join(name, track, tag("span", row.said, class_="row-said"))


def _upright(look: str, x: float) -> Markup:
    return tag("line", class_=look, x1=f"{x}%", x2=f"{x}%", y1=0, y2="100%")


def _marks(row: Row, scale: Scale, bars: bool, y: str) -> list[Markup]:
    """The mark of a row at the height y of its track: pale range, bar, interval, dot."""
    if not math.isfinite(row.value):
        return []
    marks = [_block(f"spread {row.look}", scale(row.spread[0]), scale(row.spread[1]), y, 10)] if row.spread else []
    marks += [_block(f"bar {row.look}", scale(0.0), scale(row.value), y, 12)] if bars else []
    if row.low is not None and row.high is not None and math.isfinite(row.low + row.high):
        look = "on-bar" if bars else row.look
        marks.append(
            tag("line", class_=f"interval {look}", x1=f"{scale(row.low)}%", x2=f"{scale(row.high)}%", y1=y, y2=y)
        )
    return marks if bars else [*marks, tag("circle", class_=f"dot {row.look}", cx=f"{scale(row.value)}%", cy=y, r=5)]


def _block(look: str, a: float, b: float, y: str, height: int) -> Markup:
    left, width = min(a, b), round(abs(b - a), 2)
    return tag(
        "rect",
        class_=look,
        x=f"{left}%",
        width=f"{width}%",
        y=y,
        height=height,
        rx=2,
        transform=f"translate(0 {-height // 2})",
    )


def tip(name: str, said: str, ends: str) -> str:
    """Return what a row says on hover."""
    return f"{name}: {said} ({ends})" if ends else f"{name}: {said}"


def share_row(name: str, hits: int, n: int, look: str = "a") -> Row:
    """Return the row of a share: hits of n, with its interval."""
    low, high = wilson(hits, n)
    value, many = hits / n if n else math.nan, digits.rows(n)
    said, ends = digits.figure(value, "%", 3), f"{digits.figure(low, '%', 3)} – {digits.figure(high, '%', 3)}"
    return Row(name, value, low, high, said, f"{tip(name, said, ends)}\n{many}", look, many)
