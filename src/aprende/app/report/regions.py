"""Report section for models that say what is where: overlap of each class, and what is taken for what, by area.

Appears where units hold a "tally" (n, K, 3) of pixels (right, true, said) for an output with K classes of its own.
"""

import numpy as np

from aprende.app.drawing import digits
from aprende.app.drawing.charts import matrix
from aprende.app.drawing.markup import Markup
from aprende.app.drawing.parts import figure, grid, section
from aprende.app.drawing.rowcharts import Row, row_chart, tip
from aprende.app.drawing.scale import Scale
from aprende.app.report.subject import Ints, Subject
from aprende.core.fields import Mask
from aprende.core.words import t

MOST_SQUARES = 20


def regions(subject: Subject) -> Markup:
    """Return overlap by class, and the confusion of areas; empty where units do not tell them."""
    output, tally = subject.output, subject.units.get("tally")
    if not isinstance(output, Mask) or tally is None or tally.shape[1:] != (len(output.classes), 3):
        return Markup("")
    lead = t("Areas of all test pictures together; pixels that belong to no class are not counted.")
    parts = [_each(subject, output.classes, tally.sum(axis=0)), _confused(subject, output.classes)]
    return section(subject.anchor("regions"), subject.titled(t("Class by class")), grid(*parts), lead=lead)


def _each(subject: Subject, names: tuple[str, ...], tally: Ints) -> Markup:
    held = subject.scores["metrics"]
    rows = [_row(name, held[f"IoU: {name}"], int(tally[i, 1]), int(tally[:, 1].sum()))
            for i, name in enumerate(names) if f"IoU: {name}" in held]  # fmt: skip
    how = t("Intersection over union: the area on which answer and truth agree, as a share of the area of either. With "
            "95 % intervals over pictures.")  # fmt: skip
    chart = (
        row_chart(rows, t("intersection over union"), "%", bars=True, scale=Scale(0.0, 1.0, 2, 98))
        if rows
        else Markup("")
    )
    return figure(t("Each class"), how, chart)


def _row(name: str, metric: dict[str, float | None], area: int, whole: int) -> Row:
    value = metric["value"]
    if value is None:
        return Row(name, float("nan"), said=t("nowhere"))
    said, ends = digits.measured(value, metric["low"], metric["high"], "%")
    share = t("{share} of the area", share=digits.figure(area / max(1, whole), "%", 2))
    return Row(name, value, metric["low"], metric["high"], said, tip(name, said, ends), detail=share)


def _confused(subject: Subject, names: tuple[str, ...]) -> Markup:
    held = subject.units.get("confusion")
    if held is None or len(names) > MOST_SQUARES:
        return Markup("")
    counts = held.sum(axis=0).astype(np.float64)
    shares = np.rint(100 * counts / np.maximum(1, counts.sum(axis=1, keepdims=True))).astype(np.int64)
    how = t("Each row is a true class: how many hundredths of its area were said to be which. Blue is right, orange is "
            "wrong.")  # fmt: skip
    return figure(t("Confusion of areas"), how, matrix(shares, names, t("true"), t("said"), t("Confusion of areas")),
                  wide=len(names) > 12)  # fmt: skip
