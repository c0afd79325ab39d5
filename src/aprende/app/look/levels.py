"""Section of the page of a look: filters, and of each layer the pieces and the stimuli that excite its units."""

from aprende.app.drawing import digits
from aprende.app.drawing.markup import Markup, join, tag
from aprende.app.drawing.parts import figure, section
from aprende.app.drawing.rasters import img
from aprende.core.words import t
from aprende.insight.levels import Excited
from aprende.insight.look import Level, Look, Place

FILTERS = 64  # shown at most


def levels(found: Look) -> Markup:
    """Return what each layer looks for."""
    lead = t(
        "From edges to parts to forms? Look for yourself. Of each unit: first a stimulus made for it, by climbing from "
        "noise to whatever it answers most to; then the pieces of real pictures that it answers most to. Each piece is "
        "about as large as what the unit sees."
    )
    each = (_level(found, level) for level in found.levels)
    return section("levels", t("What each layer looks for"), _filters(found), *each, lead=lead)


def _filters(found: Look) -> Markup:
    if found.filters is None:
        return Markup("")
    side = found.filters.shape[1]
    many = len(found.filters)
    shown = [img(kernel, t("kernel {n}", n=i), 96, look="kernel") for i, kernel in enumerate(found.filters[:FILTERS])]
    how = t("The weights of the first layer as pictures, {side} × {side} pixels each: grey is zero.", side=side)
    how += " " + t("The first {n} of {all}.", n=FILTERS, all=many) if many > FILTERS else ""
    return figure(t("Kernels of the first layer"), how, tag("div", *shown, class_="kernels"), wide=True)


def place_of(found: Look, level: Level) -> tuple[int, Place]:
    """Return a level's place among the layers, from 1, and its row."""
    return next((i, p) for i, p in enumerate(found.places) if p.name == level.layer.name)


def titled(n: int, place: Place) -> str:
    """Return a layer's title: its place and what it is."""
    return t("Layer {n}: {kind}", n=n, kind=place.kind)


def _level(found: Look, level: Level) -> Markup:
    n, place = place_of(found, level)
    used = digits.number(place.used, 2)
    if place.used != place.used:
        how = t("What a unit uses of the picture is not known: no gradient passes.")
    elif place.field and place.field < found.size:
        how = t("A unit sees {field} × {field} pixels, and uses about {used} × {used}.", field=place.field, used=used)
    else:
        how = t("A unit can see the whole picture, and uses about {used} × {used} pixels.", used=used)
    units = (_unit(found, level, one) for one in level.excited)
    return figure(titled(n, place), how, tag("div", *units, class_="units"), wide=True)


def _unit(found: Look, level: Level, one: Excited) -> Markup:
    named = t("unit {n}", n=one.unit)
    if level.layer.last and one.unit < len(found.sample.answers):
        named = found.sample.answers[one.unit]
    made = img(one.stimulus, t("stimulus for {unit}", unit=named), tip=_said(t("made for it"), one.made), look="made")
    cut = [
        img(piece, t("piece {n} for {unit}", n=i, unit=named), tip=_said(t("a real piece"), float(answer)))
        for i, (piece, answer) in enumerate(zip(one.pieces, one.answers, strict=True), 1)
    ]
    times = one.made / float(one.answers[0]) if one.answers[0] > 0 else float("nan")
    ratio = t("made: {times} × the best piece", times=digits.number(times, 2)) if times > 0 else ""
    ratio = t("the climb did not succeed") if times <= 0 else ratio
    return tag(
        "div", tag("p", named, tag("small", ratio)), tag("div", join(made, *cut), class_="strip-of"), class_="unit"
    )


def _said(what: str, answer: float) -> str:
    return t("{what}: it answers {answer}", what=what, answer=digits.number(answer, 3))
