"""Report sections for models that tell findings and where they are: ROC, operating point, calibration, maps.

Derives from the fields (Findings, FindingMaps) and the units; knows no system. What has too few pictures is said to be
so, not judged.
"""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from aprende.app.drawing import digits
from aprende.app.drawing.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, Line, lines
from aprende.app.drawing.markup import Child, Markup, join, tag
from aprende.app.drawing.parts import figure, grid, more, section, table, with_small
from aprende.app.drawing.scale import Scale
from aprende.app.report.classes import roc
from aprende.app.report.mistakes import jpeg
from aprende.app.report.subject import Subject
from aprende.core.fields import FindingMaps, Findings, take
from aprende.core.measure import wilson
from aprende.core.words import t

MOST, PICTURES, SIDE = 14, 12, 320  # findings with curves; pictures; pixels of one
LEAST = 20  # pictures with a place, below which nothing is said to be better or worse
BINS = 8
FIGURES = ("AUROC", "average precision", "sensitivity", "specificity")
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@runtime_checkable
class Located(Protocol):
    """Data that know where findings are."""

    def places(self, part: str, n: int) -> Mapping[tuple[int, int], Mask]:
        """Return masks over the whole picture of the first n units of a part, by (unit, finding)."""


def findings(subject: Subject) -> Markup:
    """Return how well each finding is told; empty where the model tells none."""
    field = next((f for f in subject.outputs.values() if isinstance(f, Findings)), None)
    if field is None or "score" not in subject.units:
        return Markup("")
    names = field.options
    charts = [
        chart
        for k, name in list(enumerate(names))[:MOST]
        for chart in (_roc(subject, k, name), _honest(subject, k, name))
    ]
    lead = t(
        "Each finding has its own operating point, chosen on the validation pictures so that the share asked for is"
        " found there. Sensitivity: the share of pictures with the finding that are flagged; specificity: the share of"
        " the others that are not."
    )
    caution = subject.run.model.system.card.caution
    said = tag("p", tag("span", t(caution), class_="badge bad")) if caution else None
    return section("findings", t("Each finding"), said, _table(subject, names), grid(*charts), lead=lead)


def where(subject: Subject) -> Markup:
    """Return how well maps tell where, beside maps that know nothing, and pictures; empty without maps."""
    name = next((n for n, f in subject.outputs.items() if isinstance(f, FindingMaps)), "")
    if not name or not subject.columns:
        return Markup("")
    lead = t(
        "Pointing game: the highest place of the map lies in the finding. T(IoBB): the box around the peak lies in it"
        " to that share. T(IoU): what is at least half as high as the peak covers it to that share. Fewer than {n}"
        " pictures are too few to say more.",
        n=LEAST,
    )
    judged = [_beside(subject, title) for title in _titles(subject)]
    return section("where", t("Where they are"), *judged, _pictures(subject, name), lead=lead)


def _metric(subject: Subject, title: str, name: str) -> dict[str, Any] | None:
    """The metric of one finding: "title: name", or "title" where there is one finding only."""
    metrics: dict[str, dict[str, Any]] = subject.scores["metrics"]
    return metrics.get(f"{title}: {name}") or (metrics.get(title) if len(_names(subject)) == 1 else None)


def _names(subject: Subject) -> tuple[str, ...]:
    return next(f.options for f in subject.outputs.values() if isinstance(f, Findings))


def _table(subject: Subject, names: tuple[str, ...]) -> Markup:
    head = [t("finding"), t("test pictures"), *(t(title) for title in FIGURES)]
    rows: list[list[Child]] = []
    for k, name in enumerate(names):
        truth = subject.units["truth"][:, k]
        many = t(
            "{n} of {all}", n=digits.count(int((truth == 1).sum())), all=digits.count(int(np.isfinite(truth).sum()))
        )
        lacking = name in subject.run.model.predictor.facts.get("few_on_valid", [])
        few = t("operating point from train too: validation shows too few") if lacking else None
        rows.append(
            [with_small(tag("b", name), few), many, *(_figure(_metric(subject, title, name)) for title in FIGURES)]
        )
    return table(head, rows, range(1, len(head)))


def _figure(metric: dict[str, Any] | None) -> Child:
    if metric is None or metric["value"] is None:
        return "–"
    value, ends = digits.measured(metric["value"], metric["low"], metric["high"], metric["unit"])
    return with_small(value, ends)


def _axes(x_title: str, y_title: str) -> tuple[Axis, Axis]:
    across = Axis(Scale(0.0, 1.0, LEFT, WIDTH - RIGHT), x_title, "%")
    return across, Axis(Scale(0.0, 1.0, HEIGHT - BOTTOM, TOP), y_title, "%")


def _roc(subject: Subject, k: int, name: str) -> Markup:
    """The ROC curve of one finding, with its operating point."""
    truth, score = subject.units["truth"][:, k], subject.units["score"][:, k]
    known = np.isfinite(truth)
    yes = truth[known] == 1
    if not yes.any() or yes.all():
        return Markup("")
    x, y, _ = roc(yes, score[known])
    thin = np.unique(np.linspace(0, len(x) - 1, 200).astype(int))
    drawn = [Line("ROC", x[thin], y[thin])]
    if "flagged" in subject.units:
        flags = subject.units["flagged"][known, k] == 1
        at = np.array([flags[~yes].mean()]), np.array([flags[yes].mean()])
        drawn.append(Line(t("operating point"), *at, look="b", dots=True, joined=False))
    across, up = _axes(
        t("share of pictures without it that are flagged"), t("share of pictures with it that are flagged")
    )
    how = t("The dot is the operating point. The nearer to the upper left corner, the better.")
    title = t("{name}: ROC curve", name=name)
    return figure(title, how, lines(drawn, across, up, title, diagonal=True))


def _honest(subject: Subject, k: int, name: str) -> Markup:
    """How often the finding is there where the model gives it a probability."""
    truth, score = subject.units["truth"][:, k], subject.units["score"][:, k]
    known = np.isfinite(truth)
    yes, said = truth[known] == 1, score[known]
    if len(yes) < 2 * BINS:
        return Markup("")
    groups = [g for g in np.array_split(np.argsort(said, kind="stable"), min(BINS, len(yes) // 8)) if len(g)]
    x, y = (np.array([column[g].mean() for g in groups]) for column in (said, yes))
    ends = np.array([wilson(int(yes[g].sum()), len(g)) for g in groups])
    gap = float(sum(abs(a - b) * len(g) for a, b, g in zip(x, y, groups, strict=True)) / len(yes))
    across, up = _axes(t("probability that is given"), t("how often it is there"))
    how = t(
        "On the dashed line, what is given 80 % is there 80 times in 100. Each dot is as many pictures; on average the"
        " two are {gap} apart.",
        gap=digits.with_unit(digits.number(100 * gap, 2), t("points")),
    )
    title = t("{name}: is the probability honest?", name=name)
    chart = lines([Line(name, x, y, ends[:, 0], ends[:, 1], dots=True)], across, up, title, diagonal=True)
    return figure(title, how, chart)


def _titles(subject: Subject) -> list[str]:
    """The figures of maps that were measured."""
    metrics = subject.scores["metrics"]
    return [name for name in metrics if (name == "pointing game" or name.startswith("T(")) and ": " not in name]


def _beside(subject: Subject, title: str) -> Markup:
    """One figure of maps: each finding, this model beside maps that know nothing."""
    whole = subject.scores["metrics"][title]
    bases = list(whole["baselines"])
    rows: list[list[Child]] = []
    told = np.isfinite(subject.units["iou"])
    for k, name in enumerate(_names(subject)):
        metric, many = _metric(subject, title, name), int(told[:, k].sum())
        if metric is not None and many:
            others = [_figure({**metric["baselines"][b], "unit": "%"}) for b in bases]
            rows.append([tag("b", name), digits.count(many), _figure(metric), *others, _verdict(metric, many)])
    if len(rows) > 1:
        others = [_figure({**whole["baselines"][b], "unit": "%"}) for b in bases]
        total = int(told.sum())
        rows.append([tag("i", t("all")), digits.count(total), _figure(whole), *others, _verdict(whole, total)])
    head = [t("finding"), t("places"), t("This model"), *(t(b) for b in bases), t("So it is")]
    return more(t(title), table(head, rows, range(1, len(head) - 1)), opened=title in ("pointing game", "T(IoU) 0.25"))


def _verdict(metric: dict[str, Any], many: int) -> Markup:
    """Better than all maps that know nothing, worse than one, or neither (and which it is better than); too few."""
    if many < LEAST:
        return tag("span", t("too few"), class_="badge small")
    gaps = {n: b["better_by"] for n, b in metric["baselines"].items() if b["better_by"]["low"] is not None}
    beaten = [t(name) for name, gap in gaps.items() if gap["low"] > 0]
    if gaps and len(beaten) == len(gaps):
        return tag("span", t("better"), class_="badge good small")
    worse = any(gap["high"] < 0 for gap in gaps.values())
    badge = tag(
        "span", t("worse") if worse else t("not told apart"), class_=f"badge {'bad' if worse else 'even'} small"
    )
    return join(badge, tag("small", t("better than: {names}", names=", ".join(beaten))) if beaten else None)


def _pictures(subject: Subject, name: str) -> Markup:
    """Test pictures with the map of one finding and, where it is known, the outline of where it truly is."""
    data, truth = subject.run.data, subject.units["truth"][: subject.seen]
    known = data.places("test", subject.seen) if isinstance(data, Located) else {}
    pairs = sorted(known) or [(int(i), int(k)) for i, k in zip(*np.nonzero(truth == 1), strict=True)]
    if not pairs:
        return Markup("")
    order = np.random.default_rng(0).permutation(len(pairs))[:PICTURES]
    chosen = sorted((pairs[i] for i in order), key=lambda pair: (pair[1], pair[0]))
    answers = subject.run.model.predict(take(subject.columns, np.array([i for i, _ in chosen])))
    field: Any = subject.outputs[name]
    drawn = [
        _picture(subject, i, k, field, answers[name][place], known.get((i, k)), float(answers["findings"][place][k]))
        for place, (i, k) in enumerate(chosen)
    ]
    how = t("Test pictures drawn by chance. Coloured: where the model sees it; white line: where it truly is.")
    return tag("div", tag("p", how, class_="quiet"), tag("div", *drawn, class_="pictures"))


def _picture(subject: Subject, i: int, k: int, field: Any, maps: Any, mask: Mask | None, chance: float) -> Markup:
    name = field.options[k]
    picture = enlarged(np.asarray(subject.columns[subject.picture][i]))
    alone = np.zeros_like(maps)
    alone[k] = maps[k]
    seen = field.drawn(alone, picture)
    if mask is not None:
        seen = outlined(seen, mask)
    said = digits.figure(chance, "%", 3)
    image = tag("img", src=f"data:image/jpeg;base64,{jpeg(seen, SIDE)}", alt=f"{name}, {said}", loading="lazy")
    words = tag("figcaption", tag("b", name), " ", tag("span", said, class_="quiet"))
    return tag("figure", image, words)


def enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a small picture (H, W, C) enlarged in whole steps, so that lines over it are thin."""
    times = max(1, SIDE // max(picture.shape[:2]))
    return np.asarray(picture.repeat(times, axis=0).repeat(times, axis=1))


def outlined(picture: NDArray[np.uint8], mask: Mask) -> NDArray[np.uint8]:
    """Return the picture (H, W, 3) with the outline of a mask (G, G) over the whole of it, white on black."""
    rows, cols = (np.arange(size) * g // size for size, g in zip(picture.shape[:2], mask.shape, strict=True))
    inside = np.pad(mask[np.ix_(rows, cols)], 2, mode="constant")
    made = picture.copy()
    for width, level in ((2, 0), (1, 255)):
        near = inside[2:-2, 2:-2].copy()
        for down, right in ((width, 0), (-width, 0), (0, width), (0, -width)):
            near &= np.roll(inside, (down, right), (0, 1))[2:-2, 2:-2]
        made[inside[2:-2, 2:-2] & ~near] = level
    return made
