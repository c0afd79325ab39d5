"""Report sections for models that answer with a number: predicted against true, intervals, errors by column.

Errors are shares of the true value where that is positive and spans much (prices), else differences in its unit.
"""

import math
from typing import Any

import numpy as np

from aprende.app.drawing import digits
from aprende.app.drawing.atlas import atlas, signed, usable
from aprende.app.drawing.charts import across, histogram, scatter, upward
from aprende.app.drawing.markup import Markup
from aprende.app.drawing.parts import figure, grid, section
from aprende.app.drawing.rowcharts import Row, row_chart, share_row
from aprende.app.drawing.scale import Floats, Scale, skewed
from aprende.app.report.subject import Subject
from aprende.core.fields import Boolean, Category, Field, Number, Place
from aprende.core.words import t

PROMISED = 0.9
COLUMNS, WORDS, BINS = 6, 12, 8
ENOUGH = 12  # rows that a group should hold


def numbers(subject: Subject) -> Markup:
    """Return what the model's numbers look like beside the true ones."""
    if not subject.numbers or subject.n < 2:
        return Markup("")
    log = skewed(np.concatenate([subject.truth, subject.said]))
    errors, unit = residuals(subject, log)
    known = errors[np.isfinite(errors)]
    first = grid(_against(subject, log), _spread(known, unit))
    maps = [_map(name, subject, errors, unit) for name, f in subject.inputs.items() if isinstance(f, Place)]
    rest = grid(_coverage(subject, log), *_by_columns(subject, errors, unit), packed=True)
    title, lead = subject.titled(t("Predicted against true")), _typical(known, unit)
    return section(subject.anchor("answers"), title, first, *maps, rest, lead=lead)


def residuals(subject: Subject, log: bool) -> tuple[Floats, str]:
    """Return predicted minus true (n,) and its unit: "%" of the true value where a log axis suits it."""
    gap = subject.said - subject.truth
    return (gap / subject.truth, "%") if log else (gap, subject.unit)


def _typical(errors: Floats, unit: str) -> str:
    half, most = np.quantile(np.abs(errors), [0.5, 0.9])
    return t(
        "Half of the answers are within {half} of the truth, nine out of ten within {most}.",
        half=digits.figure(float(half), unit, 2),
        most=digits.figure(float(most), unit, 2),
    )


def _against(subject: Subject, log: bool) -> Markup:
    both = np.concatenate([subject.truth, subject.said])
    both = both[np.isfinite(both)]
    unit = subject.unit
    x = across(both, t("true {target}", target=subject.target), unit, log)
    y = upward(both, t("predicted {target}", target=subject.target), unit, log)

    def tip(i: int) -> str:
        said = (t("true"), subject.truth[i]), (t("predicted"), subject.said[i])
        return "\n".join(f"{word} {digits.figure(float(v), unit, 4)}" for word, v in said)

    title = t("Each test row")
    how = t("On the dashed line the prediction is exact; above it too high, below it too low.")
    how += " " + t("Both axes are logarithmic.") if log else ""
    return figure(title, how, scatter(x, y, subject.truth, subject.said, title, tip, diagonal=True))


def _spread(errors: Floats, unit: str) -> Markup:
    ends = np.quantile(errors, [0.01, 0.99])
    reach = max(abs(float(e)) for e in ends) or 1.0
    low, high = (max(-reach, -1.0), min(reach, 2.5)) if unit == "%" else (-reach, reach)
    x = across([low, high], t("predicted minus true"), unit, pad=0.0)
    middle = float(np.median(errors))
    how = t("Errors beyond the axis count at its ends. The median error is {value}.", value=signed(middle, unit))
    return figure(
        t("How large the errors are"), how, histogram(errors, x, t("rows"), t("How large the errors are"), zero=True)
    )


def _coverage(subject: Subject, log: bool) -> Markup:
    """How often the truth lies within the interval, in all and by the size of the prediction."""
    if not {"low", "high"} <= set(subject.units) or subject.units["low"].ndim != 1:
        return Markup("")
    low, high = (subject.units[k].astype(np.float64) for k in ("low", "high"))
    inside = (subject.truth >= low) & (subject.truth <= high)
    order = np.argsort(subject.said, kind="stable")
    bands = [b for b in np.array_split(order, min(5, max(1, subject.n // 40))) if len(b)]
    rows = [_share(t("all rows"), inside, "a")]
    rows += [_share(_range(subject.said[b], subject.unit), inside[b], "quiet") for b in bands] if len(bands) > 1 else []
    wide = float(np.median((high - low) / np.abs(subject.said) if log else high - low))
    how = t(
        "The model promises that {promised} of the true values lie in its interval (dashed line); "
        "{measured} of the {n} test rows do. Below: by predicted value. Half of the intervals are "
        "narrower than {width}.",
        promised=digits.figure(PROMISED, "%"),
        measured=digits.figure(float(inside.mean()), "%", 3),
        n=digits.count(subject.n),
        width=t("{share} of the prediction", share=digits.figure(wide, "%", 2))
        if log
        else digits.figure(wide, subject.unit),
    )
    floor = min(0.7, *(r.low for r in rows if r.low is not None)) - 0.02
    chart = row_chart(
        rows, t("share of rows within the interval"), "%", reference=PROMISED, scale=Scale(max(0.0, floor), 1.01, 2, 98)
    )
    return figure(t("Do the intervals keep their promise?"), how, chart)


def _range(values: Floats, unit: str) -> str:
    return digits.with_unit(f"{digits.compact(float(values.min()))} – {digits.compact(float(values.max()))}", unit)


def _share(name: str, inside: Any, look: str) -> Row:
    return share_row(name, int(inside.sum()), len(inside), look)


def _map(name: str, subject: Subject, errors: Floats, unit: str) -> Markup:
    """Errors by place: always, because a map shows what no column tells."""
    places = subject.columns.get(name)
    if places is None or not usable(places):
        return Markup("")
    title = t("Errors by {column}", column=name)
    how = t("Blue: the model says too little there; orange: too much. Larger dots hold more rows.")
    return figure(title, how, atlas(places, errors[: subject.seen], title, unit), wide=True)


def _by_columns(subject: Subject, errors: Floats, unit: str) -> list[Markup]:
    """Errors by the columns that matter most."""
    drawn: list[Markup] = []
    for name in subject.clear:
        if name not in subject.columns or len(drawn) >= COLUMNS:
            continue
        chart = _by_column(name, subject.inputs[name], subject.columns[name], errors[: subject.seen], unit)
        if chart:
            drawn.append(chart)
    return drawn


def _by_column(name: str, field: Field, column: Any, errors: Floats, unit: str) -> Markup:
    title = t("Errors by {column}", column=name)
    if isinstance(field, Category):
        groups = _words(column)
    elif isinstance(field, Boolean):
        groups = [(field.show(v), np.flatnonzero(column == v)) for v in (0.0, 1.0)]
    elif getattr(column, "ndim", 0) == 1 and isinstance(column, np.ndarray):
        groups = _binned(column, field)
    else:
        return Markup("")
    rows = [_group(word, errors[rows], unit) for word, rows in groups if len(rows)]
    how = t(
        "The dot is the median error with its 95 % interval, the pale bar holds the middle half of "
        "the rows. Zero is right on average."
    )
    return (
        figure(title, how, row_chart(rows, t("predicted minus true"), unit, reference=0.0))
        if len(rows) > 1
        else Markup("")
    )


def _words(column: Any) -> list[tuple[str, Any]]:
    """The commonest words with their rows, the rest together."""
    counts = column.drop_nulls().value_counts(sort=True)
    common = [w for w, n in counts.iter_rows() if n >= ENOUGH][:WORDS] or counts.to_series(0).to_list()[:1]
    groups = [(w, column.eq_missing(w).arg_true().to_numpy()) for w in common]
    taken = column.is_in(common) & column.is_not_null()
    rest, empty = (~taken & column.is_not_null()).arg_true().to_numpy(), column.is_null().arg_true().to_numpy()
    return [*groups, (t("all others"), rest), (t("(empty)"), empty)]


def _binned(column: Floats, field: Field) -> list[tuple[str, Any]]:
    """Bins of about equally many rows."""
    known = column[np.isfinite(column)]
    bins = int(np.clip(len(known) // ENOUGH, 2, BINS))
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1))) if len(known) else np.array([])
    if len(edges) < 2:
        return []
    place = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, len(edges) - 2)
    groups = []
    for b in range(len(edges) - 1):
        rows = np.flatnonzero((place == b) & np.isfinite(column))
        if len(rows):
            groups.append((_span(field, column[rows]), rows))
    return [*groups, (t("(empty)"), np.flatnonzero(~np.isfinite(column)))]


def _span(field: Field, values: Floats) -> str:
    low, high = float(values.min()), float(values.max())
    if isinstance(field, Number):
        ends = list(dict.fromkeys(digits.compact(v) for v in (low, high)))
        return digits.with_unit(" – ".join(ends), field.unit)
    return " – ".join(dict.fromkeys((field.show(low), field.show(high))))


def _group(word: str, errors: Floats, unit: str) -> Row:
    held = errors[np.isfinite(errors)]
    middle = float(np.median(held)) if len(held) else math.nan
    low, high = _median_interval(held)
    spread = tuple(float(q) for q in np.quantile(held, [0.25, 0.75])) if len(held) >= 5 else None
    said, many = signed(middle, unit), digits.rows(len(errors))
    return Row(
        word, middle, low, high, said, f"{word}: {said} ({many})", "a", many, (spread[0], spread[1]) if spread else None
    )


def _median_interval(values: Floats) -> tuple[float | None, float | None]:
    """Return the 95 % interval of a median from order statistics (David & Nagaraja 2003); None below 6 values."""
    n = len(values)
    if n < 6:
        return None, None
    ordered, half = np.sort(values), 0.98 * math.sqrt(n)
    return float(ordered[max(0, math.floor(n / 2 - half))]), float(ordered[min(n - 1, math.ceil(n / 2 + half))])
