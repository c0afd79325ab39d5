"""Section of the page of a look: pictures as points in each layer's space, and how far a straight cut tells classes."""

import base64
import io

import numpy as np

from aprende.app.drawing import digits
from aprende.app.drawing.markup import Markup, join, tag
from aprende.app.drawing.parts import figure, section
from aprende.app.drawing.rasters import EXACT
from aprende.app.drawing.rowcharts import Row, row_chart, tip
from aprende.app.look.words import number_of
from aprende.core.words import t
from aprende.insight.look import Features, Look

COLOURS, LEGEND = 10, 20  # class colours there are; classes named at most
PLANE, EDGE = 200, 6  # side of a plane, and room around its points
TILE, ACROSS = 48, 20  # side of a thumbnail, and how many lie side by side in the sprite


def space(found: Look) -> Markup:
    """Return how the classes lie at each layer; empty where there are no real pictures."""
    if not found.features:
        return Markup("")
    lead = t(
        "What a layer answers to a picture is a point in a space of many dimensions. Do pictures of a class come "
        "together, and where?"
    )
    return section("space", t("Feature space"), _probes(found), _planes(found), lead=lead)


def _probes(found: Look) -> Markup:
    rows = [_probe(found, f) for f in found.features if f.probe]
    if not rows:
        return Markup("")
    n = next(f.probe.n for f in found.features if f.probe)
    how = t(
        "The share of {n} pictures whose class a linear classifier tells from a layer's answers (logistic regression, "
        "each picture judged by one that had not seen it; 95 % intervals). Grey: pixels, and features made by hand.",
        n=n,
    )
    if found.sample.learnt:
        how += " " + t("The network itself has learnt from {n} of them.", n=found.sample.learnt)
    return figure(
        t("How far a straight cut tells the classes apart"), how, row_chart(rows, t("told right"), "%"), wide=True
    )


def name_of(found: Look, f: Features) -> tuple[str, str]:
    """Return what a space is called, and its small print."""
    if f.handmade:
        return t("by hand"), f.kind
    return (t("layer {n}", n=number_of(found, f)), f.kind) if f.name else (f.kind, "")


def _probe(found: Look, f: Features) -> Row:
    name, detail = name_of(found, f)
    if f.probe is None:
        return Row(name, float("nan"))
    value, ends = digits.measured(f.probe.accuracy, f.probe.low, f.probe.high, "%")
    look = "a" if f.name and not f.handmade else "quiet"
    return Row(name, f.probe.accuracy, f.probe.low, f.probe.high, value, tip(name, value, ends), look, detail)


def _planes(found: Look) -> Markup:
    kinds = list(found.features[0].planes)
    order = [*(k for k in kinds if k != "PCA"), *(k for k in kinds if k == "PCA")]
    choice, shown = [], []
    for i, kind in enumerate(order):
        box = tag("input", type="radio", name="plane", id=f"plane-{i}", checked="" if i == 0 else None)
        choice.append(join(box, tag("label", kind, for_=f"plane-{i}")))
        each = (_plane(found, f, kind) for f in found.features)
        shown.append(tag("div", *each, class_=f"planes plane-{i}"))
    how = t(
        "{n} of the pictures; each point is one: hover over it to see it. t-SNE shows who is near whom, not how far "
        "groups lie apart; PCA is a plain shadow of the space.", n=len(found.shown),
    )  # fmt: skip
    peek = tag("div", tag("i"), tag("span"), id="peek", data_names="\n".join(found.sample.classes) or None)
    caption = tag("figcaption", tag("h3", t("Pictures in each layer's space")), tag("p", how))
    return tag("figure", caption, _legend(found), *choice, *shown, peek, class_="wide spaces")


def _legend(found: Look) -> Markup:
    if found.sample.truth is None:
        return Markup("")
    entries = [(name, f"k{i % COLOURS}") for i, name in enumerate(found.sample.classes[:LEGEND])]
    return tag("div", *(tag("span", tag("i", class_=f"key {look}"), name) for name, look in entries), class_="legend")


def _plane(found: Look, f: Features, kind: str) -> Markup:
    name, detail = name_of(found, f)
    truth = found.sample.truth
    points = []
    for i, (x, y) in enumerate(EDGE + (PLANE - 2 * EDGE) * f.planes[kind]):
        place = 0 if truth is None else int(truth[found.shown[i]])
        known = f'class="k{place % COLOURS}" data-i="{i}" data-k="{place}"'
        points.append(f'<circle {known} cx="{x:.0f}" cy="{PLANE - y:.0f}" r="3"/>')
    view = f"0 0 {PLANE} {PLANE}"
    drawn = tag("svg", Markup("".join(points)), viewBox=view, role="img", aria_label=f"{kind} · {name} {detail}")
    told = "" if f.probe is None else " · " + digits.figure(f.probe.accuracy, "%", 3)
    return tag("div", tag("p", f"{name}{told}", tag("small", detail or None)), drawn, class_="plane")


def sprite(found: Look) -> str:
    """Return the style that holds a thumbnail of each picture on the planes, as one picture in a data URI."""
    if not found.features:
        return ""
    from PIL import Image

    rows = -(-len(found.shown) // ACROSS)
    page = Image.new("RGB", (ACROSS * TILE, rows * TILE))
    for i, row in enumerate(found.shown):
        picture = found.pixels[row]
        image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).convert("RGB")
        how = Image.Resampling.NEAREST if max(image.size) < TILE else Image.Resampling.LANCZOS
        page.paste(image.resize((TILE, TILE), how), (i % ACROSS * TILE, i // ACROSS * TILE))
    held = io.BytesIO()
    page.save(held, "JPEG", quality=78, optimize=True)
    blur = "pixelated" if max(np.shape(found.pixels)[1:3]) <= EXACT else "auto"
    uri = f"data:image/jpeg;base64,{base64.b64encode(held.getvalue()).decode()}"
    return (
        f"#peek i{{background-image:url({uri});background-size:{ACROSS * 2 * TILE}px auto;image-rendering:{blur};"
        f"width:{2 * TILE}px;height:{2 * TILE}px}}"
    )
