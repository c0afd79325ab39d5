"""The page of a served model and its documentation, as HTML. Everything on it derives from the model's Fields and card.

What a model or a person says (column names, words, notes) is escaped by `markup`; scripts and styles are files of ours
(`assets/`), so that the browser may be told to run no other. Knows no modality.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from aprende.app.answers import drawable
from aprende.app.drawing import digits
from aprende.app.drawing.markup import Child, Markup, join, tag
from aprende.app.drawing.parts import table
from aprende.app.drawing.rowcharts import Row, row_chart
from aprende.app.server.guard import Limits
from aprende.app.server.service import FEW_INPUTS
from aprende.core import words
from aprende.core.fields import Boxes, Drawn, Field, Findings, Json, Keyed
from aprende.core.measure import verdict
from aprende.core.model import Model
from aprende.core.words import language, t
from aprende.intake.inputs import TABLES, Inputs

ASSETS = Path(__file__).parent.parent / "assets"
SERVED = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
OPEN_FIELDS = 12  # inputs that are seen at once where there are many; the rest opens at a touch
FLAG = "unlike"  # the output with which a system says that a row is unlike those it learnt from
LANGUAGES = {"en": "English", "es": "Español"}


@dataclass(frozen=True)
class Asset:
    """A file of ours, as it is sent."""

    content: bytes
    kind: str
    etag: str


@cache
def assets() -> dict[str, Asset]:
    """Return the files that pages link to, by name."""
    found = {}
    for name, kind in SERVED.items():
        content = (ASSETS / name).read_bytes()
        found[name] = Asset(content, kind, f'"{hashlib.sha256(content).hexdigest()[:16]}"')
    return found


@cache
def _template() -> Template:
    return Template((ASSETS / "page.html").read_text(encoding="utf-8"))


def home(model: Model, limits: Limits, order: Sequence[str]) -> str:
    """Return the page of a model. order: in which its inputs are asked for."""
    main = join(
        _hero(model),
        tag("div", _ask(model, order), _answer(), class_="two"),
        _drop(model, limits),
        _scores(model),
        _notes(model),
    )
    return _page(t("Predict {names}", names=", ".join(headline(model.outputs))), main, data(model))


def _page(title: str, main: Markup, held: dict[str, Json] | None = None) -> str:
    here = language()
    others = [
        tag("a", LANGUAGES.get(c, c), href=f"?lang={c}", lang=c, hreflang=c) for c in words.languages() if c != here
    ]
    return _template().substitute(
        lang=here,
        title=join(f"{title} · aprende"),
        skip=join(t("To the content")),
        nav=join(
            tag("a", t("Predict"), href=f"/?lang={here}"),
            tag("a", t("For programs"), href=f"/docs?lang={here}"),
            *others,
        ),
        main=main,
        data=_inert(held or {}),
        foot=join(
            t("This page loads nothing from elsewhere. What you enter goes to this server only, and is not kept.")
        ),
    )


def _inert(held: dict[str, Json]) -> str:
    """Return JSON that no HTML parser can take for markup."""
    text = json.dumps(held, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def intervals(outputs: dict[str, Field]) -> dict[str, tuple[str, str]]:
    """Return for each output that has an interval the names of its lower and upper end ("price": "price low" …)."""
    return {n: ends for n in outputs if (ends := (f"{n} low", f"{n} high"))[0] in outputs and ends[1] in outputs}


def headline(outputs: dict[str, Field]) -> list[str]:
    """Return the outputs that are the answer itself: no ends of intervals; no chances or pictures if words say it; of
    the rest what has a place in the picture."""
    ends = {end for pair in intervals(outputs).values() for end in pair} | {FLAG}
    short = [
        n
        for n, f in outputs.items()
        if n not in ends and _kind(f)["types"] not in (["object"], ["array"]) and not _kind(f)["file"]
    ]
    if places := [n for n, f in outputs.items() if isinstance(f, Boxes)]:
        return places
    told = [n for n, f in outputs.items() if isinstance(f, Findings)]
    return short or told or [n for n in drawable(outputs) if n not in ends] or list(outputs)


def data(model: Model) -> dict[str, Json]:
    """Return what the script needs: fields, and its texts in the language in force."""
    ends = intervals(model.outputs)
    return {
        "lang": language(),
        "flag": FLAG if FLAG in model.outputs else "",
        "inputs": [{"name": n, **_kind(f)} for n, f in model.inputs.items()],
        "outputs": [{"name": n, **_kind(f), "ends": ends.get(n)} for n, f in model.outputs.items()],
        "texts": texts(),
    }


def _kind(field: Field) -> dict[str, Json]:
    schema = field.schema()
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    file = schema.get("contentEncoding") == "base64"
    return {
        "types": kinds,
        "file": file,
        "drawn": isinstance(field, Drawn),
        "colours": field.colours() if isinstance(field, Keyed) else {},
        "unit": field.to_json().get("unit", ""),
        "whole": field.to_json().get("whole", False),
    }


def texts() -> dict[str, str]:
    """Return the script's texts."""
    return {
        "interval": t("90 of 100 such cases lie between {low} and {high}."),
        "unlike": t("Unlike anything in training: {names}. Trust this answer less."),
        "unlikeWhole": t("This is unlike anything in training. Trust this answer less."),
        "why": t("The usual answer is {base}; this one is {answer}. What moved it:"),
        "whyPicture": t("What the answer rests on, in the picture: the redder, the more."),
        "others": t("all others ({n})"),
        "working": t("Working …"),
        "failed": t("The server could not be reached. Is it still running?"),
        "rows": t("Rows answered: {n}"),
        "shownRows": t("The first {n} are shown; the download holds all."),
        "badRows": t("Rows that could not be answered: {n}. The column error says why."),
        "download": t("Download as CSV"),
        "yes": t("yes"),
        "no": t("no"),
        "picture": t("picture"),
        "choose": t("Choose a picture first."),
    }


def _hero(model: Model) -> Markup:
    card = model.system.card
    units = model.manifest.get("scores", {}).get("units")
    chip = tag("span", t("tested on {n} cases it never saw", n=digits.count(units)), class_="chip") if units else None
    return tag(
        "section",
        tag("p", t(card.title), class_="over"),
        tag("h1", t("Predict {names}", names=", ".join(headline(model.outputs)))),
        tag("p", t(card.idea), class_="idea"),
        tag("p", tag("b", t(card.caution)), class_="idea") if card.caution else None,
        chip,
        class_="hero",
    )


def _ask(model: Model, order: Sequence[str]) -> Markup:
    """The form: a widget for each input, the first dozen seen at once."""
    fields = [_field(i, name, model.inputs[name]) for i, name in enumerate(order)]
    rest = fields[OPEN_FIELDS:] if len(fields) > FEW_INPUTS else []
    seen = fields[: len(fields) - len(rest)]
    more = tag(
        "details",
        tag("summary", t("More values ({n})", n=len(rest))),
        tag("div", *rest, class_="fields"),
        class_="rest",
    )
    buttons = tag(
        "div",
        tag("button", t("Predict"), type="submit", class_="main"),
        tag("button", t("Why?"), type="button", id="why", disabled="", class_="second"),
        class_="buttons",
    )
    form = tag("form", tag("div", *seen, class_="fields"), more if rest else None, buttons, id="form", novalidate="")
    return tag("section", tag("h2", t("What is known")), form, class_="card ask", aria_label=t("What is known"))


def _field(number: int, name: str, field: Field) -> Markup:
    kind, known = _kind(field), f"field-{number}"
    unit = tag("small", kind["unit"]) if kind["unit"] else None
    widget = Markup(field.widget(name).replace(" ", f' id="{known}" ', 1))  # <input …> → <input id="…" …>
    preview = tag("div", class_="preview", hidden="") if kind["file"] else None
    label = tag("label", name, unit, for_=known, class_="name")
    return tag("div", label, widget, preview, class_="field file" if kind["file"] else "field", data_name=name)


def _answer() -> Markup:
    empty = tag(
        "p", t("Fill in what you know and press Predict. What you leave empty counts as unknown."), class_="quiet"
    )
    return tag(
        "section",
        tag("h2", t("Answer")),
        tag("div", empty, id="answer", aria_live="polite"),
        tag("div", id="reason", aria_live="polite"),
        tag("p", id="wrong", class_="wrong", role="alert", hidden=""),
        class_="card answer",
        aria_label=t("Answer"),
    )


def _drop(model: Model, limits: Limits) -> Markup:
    inputs = Inputs(model.inputs)
    pictures = bool(inputs.files)
    said = t("Drop pictures here, or a zip of them") if pictures else t("Drop a table here: csv, xlsx, parquet, jsonl")
    accepts = "image/*,.dcm,.zip" if pictures else ",".join(TABLES)
    most = t("at most {mb} MB and {n} rows", mb=f"{limits.body / 2**20:g}", n=digits.count(limits.rows))
    file = tag("input", type="file", id="file", accept=accepts, multiple="" if pictures else None)
    zone = tag(
        "label",
        file,
        tag("strong", said),
        tag("span", t("or choose a file"), class_="link"),
        tag("small", most),
        class_="drop",
        id="drop",
    )
    lead = tag("p", t("The same rows come back with their answers."), class_="lead")
    wrong = tag("p", id="wrong-file", class_="wrong", role="alert", hidden="")
    return tag(
        "section",
        tag("h2", t("Many at once")),
        lead,
        zone,
        wrong,
        tag("div", id="many", aria_live="polite"),
        class_="card",
    )


def _scores(model: Model) -> Markup:
    """The main metric beside its baselines, each with its interval; the other metrics as a table."""
    scores = model.manifest.get("scores") or {}
    if not scores.get("metrics"):
        return Markup("")
    main = scores["metrics"][scores["main"]]
    better = t("higher is better") if main["higher_is_better"] else t("lower is better")
    chart = row_chart(_rows(main), f"{t(scores['main'])} ({better})", main["unit"])
    return tag(
        "section",
        tag("h2", t("How good it is")),
        tag("p", verdict(scores), class_="lead"),
        tag(
            "p",
            t("Measured on {n} cases that it never saw; bars are 95 % intervals.", n=digits.count(scores["units"])),
            class_="quiet",
        ),
        chart,
        _other_metrics(scores),
        class_="card",
        id="scores",
    )


def _rows(metric: dict[str, Any]) -> list[Row]:
    held = [(t("this model"), metric, "a"), *((t(n), m, "quiet") for n, m in metric["baselines"].items())]
    return [_row(name, m, look, metric["unit"]) for name, m, look in held if m["value"] is not None]


def _row(name: str, m: dict[str, Any], look: str, unit: str) -> Row:
    value, ends = digits.measured(m["value"], m["low"], m["high"], unit)
    return Row(name, m["value"], m["low"], m["high"], value, f"{name}: {value} ({ends})", look)


def _other_metrics(scores: dict[str, Any]) -> Markup:
    rows: list[Sequence[Child]] = []
    for name, metric in scores["metrics"].items():
        if name != scores["main"]:
            value, ends = digits.measured(metric["value"], metric["low"], metric["high"], metric["unit"])
            rows.append([t(name), value, ends])
    return table([t("also measured"), t("value"), t("95 % interval")], rows, {1, 2}) if rows else Markup("")


def _notes(model: Model) -> Markup:
    notes = [note["text"] for note in model.manifest.get("notes", [])]
    if not notes:
        return Markup("")
    rows = [tag("li", text) for text in notes]
    return tag(
        "section",
        tag("details", tag("summary", t("Notes on the data it learnt from ({n})", n=len(notes))), tag("ul", *rows)),
        class_="card notes",
    )


def docs(described: dict[str, Any], address: str) -> str:
    """Return the documentation for programs, from the OpenAPI description. address: the server's own."""
    schemas = described["components"]["schemas"]
    paths = [
        _path(path, method, held) for path, methods in described["paths"].items() for method, held in methods.items()
    ]
    row = described["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["example"]
    sent = json.dumps(row, ensure_ascii=False).replace("'", "'\\''")
    curl = f"curl -s {address}/predict -H 'content-type: application/json' -d '{sent}'"
    said = t("Every address takes and gives JSON; an error comes as text under the name error. The same for machines: ")
    link = tag("a", "/openapi.json", href="/openapi.json")
    top = (
        tag("p", described["info"]["title"], class_="over"),
        tag("h1", t("For programs")),
        tag("p", said, link, class_="idea"),
    )
    main = join(
        tag("section", *top, class_="hero"),
        tag("section", tag("h2", t("Try it")), tag("pre", tag("code", curl), tabindex="0"), class_="card"),
        tag("section", tag("h2", t("Addresses")), *paths, class_="card"),
        _schema(t("What goes in"), schemas["Row"]),
        _schema(t("What comes out"), schemas["Answer"]),
    )
    return _page(t("For programs"), main)


def _path(path: str, method: str, held: dict[str, Any]) -> Markup:
    content = held.get("requestBody", {}).get("content", {})
    takes = tag("small", t("takes {kinds}", kinds=", ".join(content))) if content else None
    name = tag("code", tag("b", method.upper()), f" {path}")
    return tag("div", name, tag("p", held["summary"]), takes, class_="path")


def _schema(title: str, schema: dict[str, Any]) -> Markup:
    rows: list[Sequence[Child]] = []
    for name, held in schema["properties"].items():
        kinds = held["type"] if isinstance(held["type"], list) else [held["type"]]
        limits = {k: v for k, v in held.items() if k not in ("type", "example", "items", "additionalProperties")}
        said = json.dumps(limits, ensure_ascii=False)[:120] if limits else ""
        shown = json.dumps(held["example"], ensure_ascii=False)[:80] if "example" in held else ""
        rows.append([tag("code", name), t(" or ").join(kinds), said, tag("code", shown) if shown else None])
    head = [t("name"), t("kind"), t("limits"), t("example")]
    return tag("section", tag("h2", title), table(head, rows), class_="card")
