"""Report sections for models that answer with one of some words: confusion, honest probabilities, classes, ROC."""

import math

import numpy as np
from numpy.typing import NDArray

from aprende.app.drawing import digits
from aprende.app.drawing.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, Line, legend, lines, matrix
from aprende.app.drawing.markup import Markup, join
from aprende.app.drawing.parts import figure, grid, section
from aprende.app.drawing.rowcharts import Row, row_chart, share_row
from aprende.app.drawing.scale import Floats, Scale
from aprende.app.report.subject import Ints, Subject
from aprende.core.calibrate import expected_calibration_error, reliability
from aprende.core.measure import wilson
from aprende.core.words import t

MOST_SQUARES, MOST_PAIRS, MOST_CLASSES = 20, 15, 24


def classes(subject: Subject) -> Markup:
    """Return how the answers of a classifier stand to the truth."""
    if not subject.classes or subject.n < 2:
        return Markup("")
    known = (subject.truth >= 0) & (subject.said >= 0)
    counts = confusion(subject.truth[known], subject.said[known], len(subject.classes))
    right = int(np.trace(counts))
    lead = t("{right} of {n} test answers are right.", right=digits.count(right), n=digits.count(int(counts.sum())))
    pictures = [_confused(counts, subject.classes), _honest(subject), _roc(subject), _each(counts, subject.classes)]
    return section(subject.anchor("answers"), subject.titled(t("What is taken for what")), grid(*pictures), lead=lead)


def confusion(truth: Ints, said: Ints, k: int) -> NDArray[np.int64]:
    """Return counts (k, k): rows are what is true, columns what was said."""
    return np.bincount(truth * k + said, minlength=k * k).reshape(k, k)


def _confused(counts: NDArray[np.int64], names: tuple[str, ...]) -> Markup:
    k = len(names)
    if k <= MOST_SQUARES:
        how = t(
            "Each row is a true class; the darker a square, the larger its share of the row. Blue is "
            "right, orange is wrong."
        )
        return figure(
            t("Confusion matrix"), how, matrix(counts, names, t("true"), t("said"), t("Confusion matrix")), wide=k > 12
        )
    off = counts.copy()
    np.fill_diagonal(off, 0)
    order = np.argsort(-off, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = [(int(i) // k, int(i) % k) for i in order if off.flat[i]]
    rows = [_pair(names[i], names[j], int(off[i, j]), int(counts[i].sum())) for i, j in pairs]
    if not rows:
        return Markup("")
    return figure(
        t("The most confused pairs"),
        t("How often the first was taken for the second."),
        row_chart(rows, t("rows"), bars=True),
        wide=True,
    )


def _pair(truth: str, said: str, n: int, of: int) -> Row:
    share = t("{n} of {all}", n=digits.count(n), all=digits.count(of))
    return Row(f"{truth} → {said}", float(n), said=digits.count(n), look="d", detail=share)


def _square_axes(x_title: str, y_title: str) -> tuple[Axis, Axis]:
    across = Axis(Scale(0.0, 1.0, LEFT, WIDTH - RIGHT), x_title, "%")
    return across, Axis(Scale(0.0, 1.0, HEIGHT - BOTTOM, TOP), y_title, "%")


def _honest(subject: Subject) -> Markup:
    """The reliability diagram, and in words how far confidence and accuracy are apart."""
    if subject.probabilities is None:
        return Markup("")
    bins = reliability(subject.probabilities, subject.truth, bins=int(np.clip(subject.n // 30, 3, 10)))
    bins = [b for b in bins if b["count"] * 500 >= subject.n]  # a handful of rows tells nothing
    at = np.array([b["confidence"] for b in bins])
    share = np.array([b["accuracy"] for b in bins])
    ends = np.array([wilson(round(b["accuracy"] * b["count"]), int(b["count"])) for b in bins])
    ece = expected_calibration_error(subject.probabilities, subject.truth)
    x, y = _square_axes(t("how sure the model is"), t("how often it is right"))
    line = Line(t("right"), at, share, ends[:, 0], ends[:, 1], dots=True)
    how = t(
        "On the dashed line, answers given with 80 % are right 80 times in 100. On average confidence"
        " and truth are {ece} apart (expected calibration error).",
        ece=digits.with_unit(digits.number(100 * ece, 2), t("points")),
    )
    return figure(
        t("Are the probabilities honest?"), how, lines([line], x, y, t("Are the probabilities honest?"), diagonal=True)
    )


def roc(positive: NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats, float]:
    """Return false-positive and true-positive rates (m,) at all thresholds, and the area under them (Fawcett 2006)."""
    order = np.argsort(-score, kind="stable")
    last = np.r_[np.flatnonzero(np.diff(score[order])), len(score) - 1]
    hits = np.cumsum(positive[order])[last]
    misses = last + 1 - hits
    y, x = np.r_[0.0, hits / hits[-1]], np.r_[0.0, misses / misses[-1]]
    return x, y, float(np.trapezoid(y, x))


def _roc(subject: Subject) -> Markup:
    if len(subject.classes) != 2 or subject.probabilities is None or len(np.unique(subject.truth)) < 2:
        return Markup("")
    positive, score = subject.truth == 1, subject.probabilities[:, 1]
    x, y, area = roc(positive, score)
    low, high = _area_interval(positive, score)
    thin = np.unique(np.linspace(0, len(x) - 1, 200).astype(int))
    across, up = _square_axes(
        t("share of {name} taken for {other}", name=subject.classes[0], other=subject.classes[1]),
        t("share of {name} found", name=subject.classes[1]),
    )
    value, ends = digits.measured(area, low, high)
    how = t(
        "Every point is a threshold; the nearer to the upper left corner, the better. Area: {area} "
        "(95 %: {ends}); 0.5 is guessing.",
        area=value,
        ends=ends,
    )
    return figure(
        t("ROC curve"), how, lines([Line("ROC", x[thin], y[thin])], across, up, t("ROC curve"), diagonal=True)
    )


def _area_interval(positive: NDArray[np.bool_], score: Floats, times: int = 300) -> tuple[float, float]:
    rng, n = np.random.default_rng(0), len(score)
    draws = (rng.integers(0, n, n) for _ in range(times))
    areas = [roc(positive[r], score[r])[2] for r in draws if 0 < positive[r].sum() < n]
    return tuple(np.quantile(areas, [0.025, 0.975]).tolist())


def _each(counts: NDArray[np.int64], names: tuple[str, ...]) -> Markup:
    """Of each class how much is found (recall), and how often its name is right (precision)."""
    hits, truth, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    f1 = 2 * hits / np.maximum(1, truth + said)
    worst = np.argsort(f1, kind="stable")[:MOST_CLASSES] if len(names) > MOST_CLASSES else np.arange(len(names))
    rows = [_class(names[i], int(hits[i]), int(truth[i]), int(said[i])) for i in worst if truth[i] or said[i]]
    lows = [m.low for r in rows for m in (r, r.also) if m and m.low is not None and math.isfinite(m.value)]
    scale = Scale(max(0.0, math.floor(min(lows, default=0.0) * 10) / 10), 1.005, 2, 98)
    how = t(
        "Found (recall): of the rows that truly are of a class, the share that was found. Trusted "
        "(precision): when the model says a class, how often it is right. With 95 % intervals."
    )
    how += " " + t("Only the {n} worst classes are shown.", n=MOST_CLASSES) if len(names) > MOST_CLASSES else ""
    key = legend([(t("found"), "a"), (t("trusted"), "b")])
    return figure(
        t("Each class"), how, join(key, row_chart(rows, t("share of rows"), "%", scale=scale)), wide=len(rows) > 6
    )


def _class(name: str, hits: int, truth: int, said: int) -> Row:
    found, trusted = share_row(name, hits, truth), share_row(name, hits, said, "b")
    tip = f"{name}\n{t('found')} {found.said}\n{t('trusted')} {trusted.said}"
    many = digits.rows(truth)
    return Row(name, found.value, found.low, found.high, f"{found.said} · {trusted.said}", tip, "a", many, also=trusted)
