"""Report section: the worst mistakes, as rows of a table or as pictures, each with truth and answer."""

import base64
import io
from typing import Any

import numpy as np

from aprende.app.drawing import digits
from aprende.app.drawing.markup import Child, Markup, tag
from aprende.app.drawing.parts import section, table, with_small
from aprende.app.report.subject import Subject
from aprende.core.fields import Number
from aprende.core.words import t

WORST, PICTURES, COLUMNS, LONG = 10, 12, 5, 44
SIDE = 176  # pixels of a small picture


def mistakes(subject: Subject) -> Markup:
    """Return the test units that went worst; empty where units do not tell truth and prediction."""
    if not subject.columns or subject.error is None or not (subject.numbers or subject.classes):
        return Markup("")
    anchor, title = subject.anchor("mistakes"), subject.titled(t("The worst mistakes"))
    rows = _worst(subject)
    if not len(rows):
        return section(anchor, title, tag("p", t("There is none: every test answer is right.")))
    lead = t(
        "The test answers furthest from the truth. Look for what they share: a wrong value in the "
        "data, or a kind the model saw too little of."
    )
    body = _pictures(subject, rows) if subject.picture else _table(subject, rows)
    return section(anchor, title, body, lead=lead)


def _worst(subject: Subject) -> Any:
    given = np.asarray(subject.error, dtype=np.float64)
    error = np.where(np.isfinite(given), given, -np.inf)[: subject.seen]
    order = np.argsort(-error, kind="stable")[: PICTURES if subject.picture else WORST]
    return order[subject.said[order] != subject.truth[order]]


def _answer(subject: Subject, i: int) -> tuple[str, str, str]:
    """Return truth, answer, and the answer's interval or probability."""
    if subject.numbers:
        truth, said = (digits.of_field(subject.output, v[i]) for v in (subject.truth, subject.said))
        if not {"low", "high"} <= set(subject.units):
            return truth, said, ""
        low, high = (digits.figure(float(subject.units[k][i])) for k in ("low", "high"))
        return truth, said, f"{low} – {high}"
    truth, said = (subject.classes[k] if k >= 0 else "–" for k in (subject.truth[i], subject.said[i]))
    sure = (
        "" if subject.probabilities is None else digits.figure(float(subject.probabilities[i, subject.said[i]]), "%", 3)
    )
    return truth, said, sure


def _table(subject: Subject, rows: Any) -> Markup:
    shown = [n for n in subject.leading if n in subject.columns][:COLUMNS]
    aside = t("90 % interval") if subject.numbers else t("how sure")
    head: list[Child] = [t("True"), with_small(t("Said"), aside if _answer(subject, int(rows[0]))[2] else None), *shown]
    body: list[list[Child]] = []
    for i in rows:
        truth, said, more = _answer(subject, int(i))
        cells = [_short(digits.of_field(subject.inputs[n], subject.columns[n][int(i)])) for n in shown]
        body.append([tag("b", truth), with_small(said, more), *cells])
    numeric = {2 + i for i, n in enumerate(shown) if isinstance(subject.inputs[n], Number)}
    return table(head, body, numeric)


def _short(text: str) -> str:
    return text if len(text) <= LONG else text[: LONG - 1] + "…"


def _pictures(subject: Subject, rows: Any) -> Markup:
    held = subject.columns[subject.picture]
    return tag("div", *(_picture(subject, np.asarray(held[int(i)]), int(i)) for i in rows), class_="pictures")


def _picture(subject: Subject, picture: Any, i: int) -> Markup:
    truth, said, more = _answer(subject, i)
    image = tag(
        "img",
        src=f"data:image/jpeg;base64,{jpeg(picture)}",
        alt=t("true {truth}, said {said}", truth=truth, said=said),
        loading="lazy",
    )
    answer = tag("span", said, tag("small", more) if more else None, class_="wrong-word")
    words = tag(
        "figcaption",
        tag("div", tag("span", t("true"), class_="quiet"), tag("b", truth)),
        tag("div", tag("span", t("said"), class_="quiet"), answer),
    )
    return tag("figure", image, words)


def jpeg(picture: Any, side: int = SIDE) -> str:
    """Return base64 of a small JPEG of a picture (H, W, 1 or 3), uint8. Tiny ones are enlarged in whole steps."""
    from PIL import Image

    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    if max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    elif times := side // (2 * max(image.size)):
        image = image.resize((image.width * (times + 1), image.height * (times + 1)), Image.Resampling.NEAREST)
    held = io.BytesIO()
    image.save(held, "JPEG", quality=82, optimize=True)
    return base64.b64encode(held.getvalue()).decode()
