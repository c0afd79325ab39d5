"""The page of a look: one self-contained HTML file, styled as the report."""

from datetime import datetime
from pathlib import Path

from aprende.app.drawing.document import SCRIPT, STYLE, document
from aprende.app.drawing.markup import Child, Markup, tag
from aprende.app.drawing.parts import facts, section, table
from aprende.app.look import words
from aprende.app.look.experiment import experiment
from aprende.app.look.levels import levels
from aprende.app.look.space import space, sprite
from aprende.core.model import Model
from aprende.core.words import t
from aprende.insight.look import Look


def render(found: Look, model: Model, path: Path) -> str:
    """Return the page in the user's language. path: of the model."""
    made = (short(found), levels(found), experiment(found), space(found), files(found))
    version = model.manifest.get("versions", {}).get("aprende", "")
    return document(
        t("Look"), header(found, model, path), [s for s in made if s], version, (*STYLE, "look.css"),
        (*SCRIPT, "look.js"), sprite(found),
    )  # fmt: skip


def header(found: Look, model: Model, path: Path) -> Markup:
    """Return the head of the page."""
    pairs: list[tuple[str, Child]] = [
        (t("Model"), f"{path.parent.name}/{path.name}"),
        (t("Network"), _network(model)),
        (t("Layers looked at"), str(len(found.places) - 1)),
        (t("It sees"), t("{side} × {side} pixels", side=found.size)),
        (t("Pictures shown to it"), found.sample.source),
        (t("Date"), datetime.now().strftime("%Y-%m-%d %H:%M")),
    ]
    return tag(
        "header",
        tag("p", t("A look inside"), class_="eyebrow"),
        tag("h1", t("What the layers have learnt")),
        tag(
            "p",
            t("What a network of pictures looks for, layer by layer, measured on the network itself."),
            class_="idea",
        ),
        facts(pairs),
    )


def _network(model: Model) -> str:
    """The name of the network, or of its encoder, where the model's facts tell it."""
    shape = model.manifest["facts"].get("shape")
    return str(shape.get("network") or shape.get("encoder", "")) if isinstance(shape, dict) else ""


def short(found: Look) -> Markup:
    """Return whether the lecture's claims hold for this network."""
    claim = words.lecture(found)
    others = [said for said in (words.edges(found), words.cells(found), words.apart(found)) if said]
    box = tag(
        "div",
        tag(
            "div",
            tag("p", t("The lecture says"), class_="metric-name"),
            tag("p", t("Later layers have larger fields, and are less bound to place."), class_="saying"),
            class_="metric",
        ),
        tag(
            "div",
            tag("p", tag("span", claim.short, class_=f"badge {claim.look}")),
            *(tag("p", said, class_="verdict-words") for said in claim.words if said),
            class_="verdict-text",
        ),
        class_=f"verdict {claim.look}",
    )
    warning = None
    if found.sample.made:
        warning = t(
            "No real pictures were at hand: pieces and steadiness are those of gratings, and say little. Give a "
            "folder of pictures: aprende look MODEL FOLDER."
        )
    more = tag("ul", *(tag("li", said) for said in others), class_="prose") if others else None
    return section("short", t("In short"), tag("p", warning, class_="quiet") if warning else None, box, more)


def files(found: Look) -> Markup:
    """Return what lies beside the page."""
    named = [("filters.png", t("the first layer's kernels"))] if found.filters is not None else []
    named += [
        ("level-….png", t("of each layer: a row a unit, first the stimulus made for it, then pieces of pictures")),
        ("fields.png", t("of each layer: which places move the unit in its centre")),
        ("layers.csv", t("every layer's figures")),
        ("units.csv", t("every unit's orientation, period and selectivity")),
        ("space.csv", t("where each picture lies on each plane")),
        ("look.json", t("everything measured")),
    ]
    return section("files", t("Files"), table([t("File"), t("What it holds")], [[tag("code", n), w] for n, w in named]))
