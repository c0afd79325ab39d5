"""The sections of a report that every system shares: what was learnt, notes, training, measuring.

Knows no system and no modality: all comes from `Subject`. Each section is empty where the run lacks what it needs.
"""

import dataclasses
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from aprende.app.drawing import digits
from aprende.app.drawing.charts import Line, across, lines, upward
from aprende.app.drawing.markup import Child, Markup, join, tag
from aprende.app.drawing.parts import facts, figure, more, section, table, with_small
from aprende.app.drawing.rowcharts import Row, row_chart, tip
from aprende.app.drawing.scale import skewed
from aprende.app.report.glossary import meaning
from aprende.app.report.subject import Subject
from aprende.core import flow
from aprende.core.contract import Note
from aprende.core.measure import direction, times, verdict
from aprende.core.words import listed, t

LEVELS = ("warning", "left out", "set aside", "repaired", "info")
SHOWN_NOTES = 200
FEW_STEPS = 60  # fewer are long ones: not points of one curve


def learnt(subject: Subject) -> Markup:
    """Return what was learnt, from what, and how good it is beside the baselines."""
    main = subject.scores["metrics"][subject.scores["main"]]
    parts = [_verdict(subject), _comparison(subject, main), _margins(main), _all_metrics(subject)]
    return section("scores", t("How good it is"), *parts)


def header(subject: Subject) -> Markup:
    """Return the head of the page."""
    card = subject.run.model.system.card
    several = [part.target for part in subject.parts if part.place]
    asked = listed(several) if several else subject.settings.get("target")
    title = t("Predicting {target}", target=asked) if asked else t(card.title)
    return tag(
        "header",
        tag("p", t("Training report"), class_="eyebrow"),
        tag("h1", title),
        tag("p", t(card.idea), class_="idea") if card.idea else None,
        tag("p", tag("b", t(card.caution)), class_="idea") if card.caution else None,
        facts(_facts(subject)),
    )


def _facts(subject: Subject) -> list[tuple[str, Child]]:
    run, about = subject.run, subject.manifest.get("about") or {}
    sizes = {"train": len(run.data.ids("train")), "valid": len(run.data.ids("valid")), "test": subject.n}
    rows = t("{train} to learn, {valid} to choose, {test} to test", **{k: digits.count(v) for k, v in sizes.items()})
    spent = run.seconds.get("training")
    model = run.folder / flow.MODEL
    size = digits.size(model.stat().st_size) if model.exists() else ""
    return [
        (t("Learnt from"), Path(about["source"]).name if about.get("source") else ""),
        (t("Rows"), rows),
        (t("Columns used"), digits.count(len(subject.inputs)) if len(subject.inputs) > 1 else ""),
        (t("Time to train"), digits.duration(spent) if spent is not None else ""),
        (t("Model"), f"{t(run.model.system.card.title)}{' · ' + size if size else ''}"),
        (t("Date"), datetime.now().strftime("%Y-%m-%d %H:%M")),
    ]


def _standing(main: dict[str, Any]) -> tuple[str, str]:
    """Return the verdict's look and its short words."""
    gaps = [b["better_by"] for b in main["baselines"].values()]
    if not gaps:
        return "none", t("Nothing to compare with")
    if all(g["low"] is not None and g["low"] > 0 for g in gaps):
        return "good", t("Better than every baseline")
    if any(g["high"] is not None and g["high"] < 0 for g in gaps):
        return "bad", t("Worse than a baseline")
    return "even", t("Not clearly better than every baseline")


def _verdict(subject: Subject) -> Markup:
    name = subject.scores["main"]
    main = subject.scores["metrics"][name]
    value, ends = digits.measured(main["value"], main["low"], main["high"], main["unit"])
    look, short = _standing(main)
    none = t("No interval: every test row gave the same result.")
    interval = t("95 % interval: {ends}", ends=ends) if ends else none if main["low"] is not None else ""
    figures = tag(
        "div",
        tag("p", _named(name), class_="metric-name"),
        tag("p", value, class_="metric-value"),
        tag("p", interval, class_="metric-interval"),
        class_="metric",
    )
    words = tag(
        "div",
        tag("p", tag("span", short, class_=f"badge {look}")),
        tag("p", verdict(subject.scores), class_="verdict-words"),
        tag("p", _what_it_means(name, subject), class_="quiet"),
        class_="verdict-text",
    )
    return tag("div", figures, words, class_=f"verdict {look}")


def _named(metric: str) -> str:
    said = t(metric)
    return said[:1].upper() + said[1:]


def _what_it_means(name: str, subject: Subject) -> str:
    n = digits.count(subject.scores["units"])
    tested = t("Measured on {n} test rows that the model never saw while it learnt.", n=n)
    return f"{meaning(name)} {tested}".strip()


def _comparison(subject: Subject, main: dict[str, Any]) -> Markup:
    if not main["baselines"]:
        return Markup("")
    model = _contender(t("This model"), main, main["unit"], "a")
    others = [_contender(_named(name), b, main["unit"], "quiet") for name, b in main["baselines"].items()]
    best, sign = main.get("best"), -1 if main["higher_is_better"] else 1
    rows = sorted([model, *others], key=lambda r: sign * r.value if best is None else abs(r.value - best))
    how = t("A dot is the figure on the test rows, the line its 95 % interval.")
    side = t("Further right is better.") if main["higher_is_better"] else t("Further left is better.")
    side = side if best is None else f"{_named(direction(main))}."
    log = skewed(np.array([r.value for r in rows if r.value == r.value])) and main["unit"] != "%"
    chart = row_chart(rows, _named(subject.scores["main"]), main["unit"], log=log)
    return figure(t("Beside simpler methods"), f"{how} {side}", chart, wide=True)


def _contender(name: str, m: dict[str, Any], unit: str, look: str) -> Row:
    value, ends = digits.measured(m["value"], m["low"], m["high"], unit)
    number = float("nan") if m["value"] is None else m["value"]
    return Row(name, number, m["low"], m["high"], value, tip(name, value, ends), look)


def _margins(main: dict[str, Any]) -> Markup:
    if not main["baselines"]:
        return Markup("")
    rows = []
    for name, base in main["baselines"].items():
        gap = base["better_by"]
        value, ends = digits.difference(gap["value"], gap["low"], gap["high"], main["unit"])
        rows.append([_named(name), with_small(value, ends), _told(gap)])
    head = [t("Against"), t("Better by"), t("So it is")]
    return tag("div", table(head, rows), class_="margins")


def _told(gap: dict[str, Any]) -> Markup:
    if gap["low"] is None or gap["low"] <= 0 <= gap["high"]:
        return tag("span", t("not told apart"), class_="badge even small")
    better = gap["low"] > 0
    return tag("span", t("better") if better else t("worse"), class_=f"badge {'good' if better else 'bad'} small")


def _all_metrics(subject: Subject) -> Markup:
    metrics = subject.scores["metrics"]
    bases = list(dict.fromkeys(name for m in metrics.values() for name in m["baselines"]))
    head = [t("Metric"), t("This model"), *(_named(b) for b in bases)]
    rows: list[list[Child]] = []
    for name, m in metrics.items():
        told = meaning(name) or None
        said = with_small(tag("b", _named(name)), join(told, " " if told else None, tag("i", direction(m))))
        cells = [_cell(m, m["unit"]), *(_cell(m["baselines"].get(b), m["unit"]) for b in bases)]
        rows.append([said, *cells])
    return more(t("All metrics"), table(head, rows, range(1, len(head))), opened=len(metrics) <= 8)


def _cell(m: dict[str, Any] | None, unit: str) -> Child:
    if m is None:
        return "–"
    value, ends = digits.measured(m["value"], m["low"], m["high"], unit)
    return with_small(value, ends)


def notes(subject: Subject) -> Markup:
    """Return every decision on the data, grouped by kind."""
    titles = {
        "warning": t("Please look at these"),
        "left out": t("Left out"),
        "set aside": t("Rows or files set aside"),
        "repaired": t("Values repaired"),
        "info": t("Good to know"),
    }
    held = subject.run.notes
    levels = [*LEVELS, *sorted({n.level for n in held} - set(LEVELS))]
    groups = [_group(level, titles.get(level, level), [n for n in held if n.level == level]) for level in levels]
    lead = t("What was decided about your data before learning. Your files were not changed.")
    return section("data", t("Notes on the data"), *groups, lead=lead)


def _group(level: str, title: str, held: list[Note]) -> Markup:
    if not held:
        return Markup("")
    items = [tag("li", _note(n)) for n in held[:SHOWN_NOTES]]
    rest = len(held) - len(items)
    last = tag("li", t("and {n} more, in the model's manifest", n=digits.count(rest))) if rest else None
    head = join(
        tag("i", class_=f"level {level.replace(' ', '-')}"), title, tag("span", digits.count(len(held)), class_="tally")
    )
    return more(head, tag("ul", *items, last, class_="notes"), opened=level != "info" and len(held) <= 12)


def _note(note: Note) -> Markup:
    where = tag("code", note.where) if note.where and note.where not in note.text else None
    many = tag("span", f"× {digits.count(note.count)}", class_="quiet") if note.count > 1 else None
    return join(where, " " if where else None, note.text, " " if many else None, many)


def training(subject: Subject) -> Markup:
    """Return the curves of learning."""
    history = subject.run.history
    if len(history) < 2:
        return Markup("")
    key, size, unit = _clock(history)
    named = (("loss", t("loss on train rows"), "a"), ("valid", t("loss on validation rows"), "b"))
    curves = [c for name, said, look in named if len((c := _curve(history, key, size, name, said, look)).x)]
    if not curves:
        return Markup("")
    values = np.concatenate([c.y for c in curves])
    x = across(np.concatenate([c.x for c in curves]), t("time") if unit else t("step"), unit, pad=0.0)
    y = upward(values, t("loss"), log=skewed(values))
    falling = t(
        "Falling means learning. When the loss on validation rows rises while the one on train rows "
        "falls, the model learns by heart."
    )
    single = t("Each dot is one step. Where every step trains another member of an ensemble, dots need not fall.")
    how = falling if curves[0].joined else single
    chart = figure(t("Loss over time"), how, lines(curves, x, y, t("Loss over time")), wide=True)
    steps = t(
        "{n} steps in {time}.",
        n=digits.count(len(history)),
        time=digits.duration(float(subject.run.seconds.get("training", 0))),
    )
    return section("training", t("Training"), chart, lead=steps)


def _clock(history: list[dict[str, float]]) -> tuple[str, float, str]:
    """Return what the curves run over: the key of the log, by what to divide it, and its unit."""
    seconds = float(history[-1].get("seconds", 0.0) - history[0].get("seconds", 0.0))
    if seconds < 2:
        return "step", 1.0, ""
    return ("seconds", 60.0, t("min")) if seconds >= 180 else ("seconds", 1.0, t("s"))


def _curve(history: list[dict[str, float]], at: str, size: float, key: str, name: str, look: str) -> Line:
    """One logged figure against time (or steps), where it was logged."""
    rows = flow.thinned([r for r in history if r.get(key) is not None and np.isfinite(r[key])], 300)
    x, few = np.array([r.get(at, float(i)) / size for i, r in enumerate(rows)]), len(history) < FEW_STEPS
    return Line(name, x, np.array([r[key] for r in rows], dtype=np.float64), look=look, dots=few, joined=not few)


def measured(subject: Subject) -> Markup:
    """Return how the figures came about, so that someone can repeat them."""
    prose = tag("ul", *(tag("li", p) for p in _method(subject)), class_="prose")
    return section("method", t("How it was measured"), prose, _settings(subject), _versions(subject))


def _method(subject: Subject) -> list[str]:
    card, seed = subject.run.model.system.card, subject.settings.get("seed", 0)
    alike = t(
        "Baselines are trained on the same rows and judged on the same test rows; differences are resampled together."
    )
    again = t(
        "Seed: {seed}. The same seed with a number of steps (steps=) gives the same model, bit for bit.", seed=seed
    )
    chosen = t("Nothing was chosen on the test rows: early stopping, calibration and blending use the validation rows.")
    papers = {t("Paper"): card.paper, t("Deviations from the paper"): t(card.deviations) if card.deviations else ""}
    told = [f"{name}: {words}" for name, words in papers.items() if words]
    return [_parted(subject.settings), chosen, _resampled(subject), alike, again, *told]


def _parted(settings: dict[str, Any]) -> str:
    said = t(
        "Rows are parted into train, validation and test by a hash of their content, unless the data "
        "came parted. Copies of a row stay together."
    )
    if settings.get("group"):
        said += " " + t("Rows with the same {group} stay together.", group=settings["group"])
    if settings.get("time"):
        said += " " + t("Test rows are the latest by {time}.", time=settings["time"])
    return said


def _resampled(subject: Subject) -> str:
    said = t(
        "Intervals are 95 % bootstrap intervals (percentile; Efron 1979): the test rows are drawn "
        "again with replacement {n} times.",
        n=digits.count(times(subject.n)),
    )
    grouped = subject.run.evaluations["model"].groups is not None
    return said + (" " + t("Whole groups are drawn, because rows of one group are alike.") if grouped else "")


def _settings(subject: Subject) -> Markup:
    rows: list[list[Child]] = []
    for f in dataclasses.fields(subject.run.model.system.Settings):
        value = subject.settings.get(f.name, f.default)
        default = list(f.default) if isinstance(f.default, tuple) else f.default
        text = tag("code", json.dumps(value, ensure_ascii=False))
        rows.append([tag("code", f.name), tag("b", text) if value != default else text, t(f.metadata.get("help", ""))])
    return more(t("Settings (bold: not the default)"), table([t("Setting"), t("Value"), t("What it is")], rows))


def _versions(subject: Subject) -> Markup:
    rows: list[list[Child]] = [[k, tag("code", v)] for k, v in (subject.manifest.get("versions") or {}).items()]
    return more(t("Versions"), table([t("Part"), t("Version")], rows)) if rows else Markup("")
