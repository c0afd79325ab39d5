"""Report section for models that find things: average precision of each class, and precision by recall.

From the units that `core.precision` keeps; the pictures themselves are drawn in `drawn.py`. Knows no system.
"""

import numpy as np
from numpy.typing import NDArray

from aprende.app.drawing import digits
from aprende.app.drawing.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, Line, lines
from aprende.app.drawing.markup import Markup
from aprende.app.drawing.parts import figure, grid, section
from aprende.app.drawing.rowcharts import Row, row_chart, tip
from aprende.app.drawing.scale import Scale
from aprende.app.report.subject import Subject
from aprende.core import precision
from aprende.core.contract import Arrays
from aprende.core.fields import Boxes
from aprende.core.measure import resamples
from aprende.core.words import t

NEEDED = {"score", "kind", "state", "sure", "truths"}
TIMES = 200  # resamples for a class' interval
MOST, LOOKS, POINTS = 24, "abcd", 150  # classes as rows, as curves; points of a curve
HALF = slice(0, 1)  # the overlap of one half, among `precision.OVERLAPS`


def found(subject: Subject) -> Markup:
    """Return how well each class is found; empty where units do not tell of boxes."""
    names = next((f.options for f in subject.outputs.values() if isinstance(f, Boxes)), ())
    if subject.place or not names or not set(subject.units) >= NEEDED:
        return Markup("")
    units = {name: subject.units[name] for name in NEEDED}
    right = int(((units["state"][:, :, 0] == precision.RIGHT) & units["sure"]).sum())
    lead = t(
        "Of {truths} things in the test pictures {right} were found; {said} boxes were drawn. A box is right where "
        "what it shares with the thing's is half or more of what both cover.",
        truths=digits.count(int(units["truths"].sum())),
        right=digits.count(right),
        said=digits.count(int(units["sure"].sum())),
    )
    charts = grid(_classes(subject, units, names), _curves(units, names))
    return section("found", t("What is found"), charts, lead=lead)


def _classes(subject: Subject, units: Arrays, names: tuple[str, ...]) -> Markup:
    """A row a class: its average precision, with its interval over resampled pictures."""
    own = precision.average_precision(units, HALF)[:, 0]
    drawn = np.array([_again(units, rows) for rows in resamples(subject.run.evaluations["model"])[:TIMES]])
    order = [int(k) for k in np.argsort(own, kind="stable") if np.isfinite(own[k])][:MOST]
    rows = [_row(names[k], float(own[k]), drawn[:, k], int(units["truths"][:, k].sum())) for k in order]
    how = t(
        "Average precision at half an overlap (AP50), from 0 to 100 %: high where a class' boxes are right, and none "
        "of its things is missed. With 95 % intervals over pictures."
    )
    how += " " + t("Only the {n} worst classes are shown.", n=MOST) if len(own) > MOST else ""
    return figure(t("Each class"), how, row_chart(rows, "AP50", "%", bars=True, scale=Scale(0.0, 1.005, 2, 98)))


def _again(units: Arrays, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    return precision.average_precision({name: column[rows] for name, column in units.items()}, HALF)[:, 0]


def _row(name: str, value: float, drawn: NDArray[np.float64], truths: int) -> Row:
    known = drawn[np.isfinite(drawn)]
    low, high = np.quantile(known, [0.025, 0.975]).tolist() if len(known) else (None, None)
    said, ends = digits.measured(value, low, high, "%")
    return Row(name, value, low, high, said, tip(name, said, ends), detail=t("{n} things", n=digits.count(truths)))


def _curves(units: Arrays, names: tuple[str, ...]) -> Markup:
    """Precision by recall of the commonest classes, from the surest box to the least sure."""
    truths = units["truths"].sum(axis=0)
    shown = [int(k) for k in np.argsort(-truths, kind="stable")[: len(LOOKS)] if truths[k]]
    series = [line for look, k in zip(LOOKS, shown, strict=False) if (line := _curve(units, names[k], k, look))]
    if not series:
        return Markup("")
    x = Axis(Scale(0.0, 1.0, LEFT, WIDTH - RIGHT), t("share of things found"), "%")
    y = Axis(Scale(0.0, 1.0, HEIGHT - BOTTOM, TOP), t("share of boxes that are right"), "%")
    how = t(
        "From left to right less sure boxes are taken in, too. The longer a curve stays at the top, the better; it "
        "ends where no box is left."
    )
    title = t("Precision and recall")
    return figure(title, how, lines(series, x, y, title))


def _curve(units: Arrays, name: str, kind: int, look: str) -> Line | None:
    """Of one class: recall and precision after each box, the surest first."""
    own = (units["score"] >= 0) & (units["kind"] == kind)
    order = np.argsort(-units["score"][own], kind="stable")
    if not len(order):
        return None
    recall, right = precision.curve(units["state"][:, :, :1][own][order], int(units["truths"][:, kind].sum()))
    thin = np.unique(np.linspace(0, len(order) - 1, POINTS).astype(int))
    return Line(name, recall[thin, 0], right[thin, 0], look=look)
