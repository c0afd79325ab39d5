"""Report section: what matters to the model, and how its answer follows the columns that matter most."""

from typing import Any

import numpy as np

from aprende.app.drawing import digits
from aprende.app.drawing.charts import Line, across, lines, upward
from aprende.app.drawing.markup import Markup
from aprende.app.drawing.parts import figure, grid, section
from aprende.app.drawing.rowcharts import Row, row_chart, tip
from aprende.app.drawing.scale import skewed
from aprende.app.report.subject import Subject
from aprende.core.fields import Boolean, Category, Number
from aprende.core.words import t
from aprende.insight.importance import effect_of_number, effect_of_values

MOST, CURVES, WORDS, LOOKS = 15, 4, 8, "abcd"


def matters(subject: Subject) -> Markup:
    """Return permutation importance and effect curves; empty where inputs cannot be shuffled."""
    if not subject.importance or not subject.columns:
        return Markup("")
    lead = t(
        "For the model, not for the world: a column may matter because it goes with something else. "
        "Columns that tell the same thing share their weight."
    )
    curves = [chart for part in subject.parts for chart in _curves(part)]
    return section("matters", t("What matters"), _importance(subject), grid(*curves, packed=True), lead=lead)


def _importance(subject: Subject) -> Markup:
    metric = subject.scores["metrics"][subject.scores["main"]]
    rows = [_row(f, metric["unit"]) for f in subject.importance[:MOST]]
    unit = t("points") if metric["unit"] == "%" else metric["unit"]
    how = t(
        "How much worse the {metric} gets when a column's values are shuffled among the test rows, "
        "with 95 % intervals.",
        metric=t(subject.scores["main"]),
    )
    left = len(subject.importance) - len(rows)
    how += " " + t("{n} columns that matter less are not shown.", n=digits.count(left)) if left else ""
    return figure(
        t("Which columns the model leans on"),
        how,
        row_chart(rows, t("worse by"), unit, bars=True, reference=0.0),
        wide=True,
    )


def _row(found: dict[str, Any], unit: str) -> Row:
    value, ends = digits.difference(found["loss"], found["low"], found["high"], unit)
    look, times = "a" if found["low"] > 0 else "quiet", 100.0 if unit == "%" else 1.0
    loss, low, high = (times * found[k] for k in ("loss", "low", "high"))
    return Row(found["column"], loss, low, high, value, tip(found["column"], value, ends), look)


def _curves(subject: Subject) -> list[Markup]:
    drawn: list[Markup] = []
    for name in subject.clear:
        if len(drawn) < max(1, CURVES // len(subject.whole.parts)) and name in subject.columns:
            chart = _curve(subject, name)
            drawn += [chart] if chart else []
    return drawn


def _shown(subject: Subject) -> list[int]:
    """The classes whose probabilities are drawn: the second of two, else the commonest."""
    if not subject.classes:
        return [0]
    if len(subject.classes) == 2:
        return [1]
    counts = np.bincount(subject.truth[subject.truth >= 0], minlength=len(subject.classes))
    return [int(i) for i in np.argsort(-counts, kind="stable")[: len(LOOKS)]]


def _names(subject: Subject, shown: list[int]) -> list[str]:
    return [subject.classes[i] for i in shown] if subject.classes else [subject.target]


def _curve(subject: Subject, name: str) -> Markup:
    field, shown = subject.inputs[name], _shown(subject)
    score = subject.score(shown)
    if isinstance(field, Number):
        return _number_curve(
            subject, name, effect_of_number(score, subject.sampled, name), _names(subject, shown), field.unit
        )
    if isinstance(field, Boolean):
        values: list[Any] = [0.0, 1.0]
    elif isinstance(field, Category):
        values = subject.columns[name].drop_nulls().value_counts(sort=True).to_series(0).to_list()[:WORDS]
    else:
        return Markup("")
    if len(values) < 2:
        return Markup("")
    found = effect_of_values(score, subject.sampled, name, values)
    return _value_rows(subject, name, [field.show(v) for v in values], found, _names(subject, shown)[0])


def _answered(subject: Subject) -> tuple[str, str]:
    """The title and the unit of what is answered."""
    return (t("probability"), "%") if subject.classes else (subject.target, subject.unit)


def _number_curve(subject: Subject, name: str, found: dict[str, Any], names: list[str], unit: str) -> Markup:
    if not found:
        return Markup("")
    title, said_unit = _answered(subject)
    if subject.classes:  # summed effects can leave the range of a probability by a little
        found = {k: v if k == "x" else np.clip(v, 0.0, 1.0) for k, v in found.items()}
    series = [
        Line(n, found["x"], found["y"][:, i], found["low"][:, i], found["high"][:, i], look=LOOKS[i])
        for i, n in enumerate(names)
    ]
    title = t("probability of {name}", name=names[0]) if subject.classes and len(names) == 1 else title
    log = skewed(found["x"]) and found["x"][-1] > 20 * found["x"][0]
    x, y = (
        across(found["x"], name, unit, log, pad=0.0),
        upward(np.stack([found["low"], found["high"]]), title, said_unit),
    )
    how = t("The mean answer as {column} changes and the rest stays as it is (accumulated local effects).", column=name)
    return figure(t("How the answer follows {column}", column=name), how, lines(series, x, y, name))


def _value_rows(subject: Subject, name: str, words: list[str], found: dict[str, Any], answer: str) -> Markup:
    title, unit = _answered(subject)
    title = t("probability of {name}", name=answer) if subject.classes else title
    rows = []
    for i, word in enumerate(words):
        value, low, high = (float(found[k][i, 0]) for k in ("y", "low", "high"))
        said, ends = _short(value, unit), f"{_short(low, unit)} – {_short(high, unit)}"
        rows.append(Row(word, value, low, high, said, tip(word, said, ends)))
    rows.sort(key=lambda r: -r.value)
    how = t(
        "The mean answer if every row had this value of {column} and the rest stayed as it is (partial dependence).",
        column=name,
    )
    return figure(t("How the answer follows {column}", column=name), how, row_chart(rows, title, unit))


def _short(value: float, unit: str) -> str:
    return digits.figure(value, unit, 3) if unit == "%" else digits.with_unit(digits.compact(value), unit)
