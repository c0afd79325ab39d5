"""Section of the page of a look: Hubel and Wiesel's experiment on the network, as charts and a table."""

import math
from typing import Any

import numpy as np

from aprende.app.drawing import digits
from aprende.app.drawing.charts import Line, across, lines, upward
from aprende.app.drawing.markup import Child, Markup, join, tag
from aprende.app.drawing.parts import figure, grid, section, table, with_small
from aprende.app.drawing.rasters import heat, img
from aprende.app.drawing.rowcharts import Row, row_chart
from aprende.app.drawing.scale import Scale
from aprende.app.look.levels import place_of, titled
from aprende.core.words import t
from aprende.insight.look import EIGHTH, Look, Place

ROSE, ROUND = 56, 24  # units of a rosette's side and of its radius
LOOKS = "abcd"


def experiment(found: Look) -> Markup:
    """Return what gratings, bars and shifted pictures say of each layer."""
    lead = t(
        "Hubel and Wiesel showed bars to cats and listened to single cells (1959, 1962). Here the network is shown "
        "gratings and bars of {n} orientations, of several sizes and at many places, and the unit in the middle of "
        "each layer's map is listened to.", n=len(found.orientations),
    )  # fmt: skip
    charts = grid(_fields(found), _steadiness(found), _selectivity(found), _influence(found))
    return section(
        "experiment", t("Hubel and Wiesel's experiment"), charts, _roses(found), _table(found), _how(), lead=lead
    )


def _layers(found: Look) -> list[Place]:
    return found.places[1:]


def _fields(found: Look) -> Markup:
    layers = _layers(found)
    at = np.arange(1.0, len(layers) + 1)
    allowed = np.array([min(p.field or found.size, found.size) for p in layers], dtype=float)
    used = np.array([p.used for p in layers])
    both = [
        Line(t("allowed by kernels and strides"), at, allowed, look="quiet", dots=True),
        Line(t("used (gradients)"), at, used, look="a", dots=True),
    ]
    y = upward([1.0, *allowed, *used[np.isfinite(used)]], t("side of the field"), "px")
    how = t(
        "How much of the {side} pixels a unit sees. Fields longer than the picture are cut at its side.",
        side=found.size,
    )
    return figure(t("Fields"), how, lines(both, across(at, t("layer")), y, t("Fields")))


def _steadiness(found: Look) -> Markup:
    layers, series = _layers(found), []
    at = np.arange(1.0, len(layers) + 1)
    for k, (far, *_) in enumerate(layers[0].steady):
        value, low, high = (np.array([p.steady[k][i] for p in layers]) for i in (1, 2, 3))
        series.append(Line(digits.with_unit(str(far), "px"), at, value, low, high, LOOKS[k % 4], dots=True))
    lowest = (one[2] for p in layers for one in p.steady if math.isfinite(one[2]))
    y = upward(np.array([0.0, 1.0, *lowest]), t("correlation"))
    how = t(
        "How alike answers stay when the picture moves by so many pixels: 1 as if nothing had moved, 0 as if it were "
        "another picture. With 95 % intervals."
    )
    return figure(
        t("Steadiness under shifts"), how, lines(series, across(at, t("layer")), y, t("Steadiness under shifts"))
    )


def known(values: Any) -> Any:
    """Return the values of units that answered at all."""
    return values[np.isfinite(values)]


def _selectivity(found: Look) -> Markup:
    rows = []
    for n, place in enumerate(_layers(found), 1):
        own = known(place.tuning.selectivity) if place.tuning else np.zeros(0)
        if len(own):
            rows.append(_spread(str(n), place.kind, own))
    if found.by_chance is not None and rows:
        rows.append(
            _spread(t("by chance"), t("first layer's weights in random order"), known(found.by_chance), "quiet")
        )
    how = t(
        "0: any orientation will do, 1: one only (1 − circular variance). The dot is the median unit; half of the "
        "units lie within the pale range."
    )
    scale = Scale(0.0, 1.0, 2, 98)
    return (
        figure(t("Orientation selectivity"), how, row_chart(rows, t("selectivity"), scale=scale))
        if rows
        else Markup("")
    )


def _spread(name: str, kind: str, values: Any, look: str = "a") -> Row:
    low, middle, high = (float(v) for v in np.quantile(values, [0.25, 0.5, 0.75]))
    said = digits.number(middle, 2)
    tip = f"{name}: {said} ({digits.number(low, 2)} – {digits.number(high, 2)})"
    return Row(name, middle, said=said, tip=tip, look=look, detail=kind, spread=(low, high))


def _influence(found: Look) -> Markup:
    shown = [
        tag("div", img(heat(values), titled(n, p), 64), tag("small", str(n)), class_="felt")
        for n, (p, values) in enumerate(zip(_layers(found), found.influence, strict=True), 1)
    ]
    how = t("Which places of the picture move the unit in the centre of each layer: the darker, the more.")
    return figure(t("Where a unit looks"), how, tag("div", *shown, class_="fields-of"))


def _roses(found: Look) -> Markup:
    rows = []
    for level in found.levels:
        n, place = place_of(found, level)
        if place.tuning is None:
            continue
        drawn = [
            rose(place.tuning.curves[e.unit], found.orientations, float(place.tuning.selectivity[e.unit]), e.unit)
            for e in level.excited
            if math.isfinite(place.tuning.selectivity[e.unit])
        ]
        if drawn:
            rows.append(tag("div", tag("p", titled(n, place)), tag("div", *drawn, class_="strip-of"), class_="unit"))
    how = t(
        "How strongly units answer to stripes of each orientation: the farther out, the stronger. A thin figure likes "
        "one orientation, a round one any. The units are those shown above."
    )
    return (
        figure(t("Orientation tuning"), how, tag("div", *rows, class_="units roses"), wide=True) if rows else Markup("")
    )


def rose(curve: Any, orientations: Any, selectivity: float, unit: int) -> Markup:
    """Return a unit's answers (orientations,) as a figure around a point; stripes lie along its longest axis."""
    turned = np.deg2rad(np.r_[orientations, orientations + 180])
    far = ROUND * np.tile(curve, 2) / max(float(curve.max()), 1e-12)
    middle = ROSE / 2
    x, y = middle + far * np.cos(turned), middle - far * np.sin(turned)
    outline = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True)) + "Z"
    said = t("unit {n}: selectivity {value}", n=unit, value=digits.number(selectivity, 2))
    return tag(
        "svg", tag("title", said), tag("circle", class_="round", cx=middle, cy=middle, r=ROUND),
        tag("path", class_="rose", d=outline), class_="rosette", viewBox=f"0 0 {ROSE} {ROSE}", role="img",
        aria_label=said,
    )  # fmt: skip


def _table(found: Look) -> Markup:
    head: list[Child] = [
        t("Layer"), with_small(t("Field allowed"), "px"), with_small(t("Field used"), "px"),
        with_small(t("Selectivity"), t("median")), with_small(t("Silent"), t("units")),
        with_small("F1/F0", t("median")), with_small(t("A bar may move"), "px"),
        with_small(t("Steadiness"), t("{n} px", n=found.places[0].steady[EIGHTH][0])),
        with_small(t("the same"), t("in disorder")),
    ]  # fmt: skip
    body = [_row(found, n, place) for n, place in enumerate(found.places)]
    return table(head, body, range(1, len(head)))


def _row(found: Look, n: int, place: Place) -> list[Child]:
    value, low, high = (digits.fixed(v, 2) for v in place.steady[EIGHTH][1:])
    name: Child = with_small(tag("b", str(n)), place.kind) if n else place.kind
    steady = with_small(value, f"{low} – {high}")
    if place.tuning is None or place.freedom is None:
        return [name, "1", "1", "–", "–", "–", "–", steady, "–"]
    tuned, free = place.tuning, known(place.freedom)
    own, swing = known(tuned.selectivity), known(tuned.modulation)
    quartiles = np.quantile(own, [0.25, 0.5, 0.75]) if len(own) else [math.nan] * 3
    low, middle, high = (digits.fixed(v, 2) if math.isfinite(v) else "–" for v in quartiles)
    allowed = str(place.field) if place.field else t("the whole")
    return [
        name, allowed, digits.number(place.used, 3),
        with_small(middle, f"{low} – {high}"),
        digits.figure(tuned.silent, "%", 2), digits.fixed(float(np.median(swing)), 2) if len(swing) else "–",
        digits.number(float(np.median(free)), 2) if len(free) else "–", steady,
        "–" if place.built is None else digits.fixed(place.built[1], 2),
    ]  # fmt: skip


def _how() -> Markup:
    told = (
        t(
            "Field allowed: the pixels that can have any influence, traced through kernels, strides and branches. A "
            "gate that looks at the whole picture, as in squeeze-and-excitation, allows all."
        ),
        t(
            "Field used: the side of a square as large as the places whose influence is above 4.55 % of the strongest "
            "(Luo et al. 2016)."
        ),
        t("Selectivity: 1 − circular variance of the answers to gratings (Ringach et al. 2002), with its quartiles."),
        t("F1/F0: how much the answer swings with the phase of the stripes (Skottun et al. 1991)."),
        t("A bar may move: over how many pixels a bar gets at least half of the strongest answer."),
        t(
            "Steadiness: correlation, over pictures, of each unit's answers before and after a shift; mean over units "
            "and four directions."
        ),
        t(
            "In disorder: the steadiness of the same network with each layer's weights in a random order, so what "
            "kernels, strides and poolings do by themselves."
        ),
        t("Silent: units that answer to no grating more than a hundredth of what the layer's strongest unit does."),
    )
    return tag("ul", *(tag("li", join(said)) for said in told), class_="prose small")
