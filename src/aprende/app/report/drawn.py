"""Report section: test pictures with what is true and what was said drawn over them, side by side, the worst first.

For every output that has a place in its picture (`Drawn`: masks, boxes), where the data tell the truth of a unit
(`Known`). Knows no system and no kind of field.
"""

from typing import Any

import numpy as np

from aprende.app.answers import drawable
from aprende.app.drawing import digits
from aprende.app.drawing.markup import Markup, join, tag
from aprende.app.drawing.parts import section
from aprende.app.report.mistakes import jpeg
from aprende.app.report.subject import Subject
from aprende.core.contract import Known
from aprende.core.fields import Drawn, Keyed, take
from aprende.core.words import t

WORST, BEST, SIDE = 8, 2, 320  # pictures from each end; pixels of their longer side


def drawn(subject: Subject) -> Markup:
    """Return the worst test pictures, and the two best; empty where nothing has a place in a picture."""
    data, fields = subject.run.data, drawable(subject.outputs)
    if subject.place or not fields or not subject.picture or subject.error is None:
        return Markup("")
    if not isinstance(data, Known) or not data.ids("test"):
        return Markup("")
    return join(*(_section(subject, name, field, data) for name, field in fields.items()))


def _section(subject: Subject, name: str, field: Drawn, data: Known) -> Markup:
    rows = _rows(np.asarray(subject.error, dtype=np.float64))
    pictures = [np.asarray(p) for p in take(subject.run.data.examples("test", subject.n), rows)[subject.picture]]
    truths = data.truths("test", rows)[name]
    said = subject.run.model.predict({subject.picture: pictures})[name]
    errors = np.asarray(subject.error, dtype=np.float64)[rows]
    shown = [_shown(field, *one) for one in zip(pictures, truths, said, errors, strict=True)]
    lead = t("Each test picture as it is, with what is true, and with what the model said: the worst first, then the "
             "two best.")  # fmt: skip
    return section(subject.anchor(f"drawn-{name}".replace(" ", "-")), t("Seen in the pictures: {name}", name=t(name)),
                   _legend(field), tag("div", *shown, class_="triples"), lead=lead)  # fmt: skip


def _rows(error: Any) -> list[int]:
    """The places of the worst units, then of the best."""
    order = np.argsort(-np.where(np.isfinite(error), error, -np.inf), kind="stable")
    worst = order[:WORST]
    return [int(i) for i in [*worst, *order[len(worst) :][-BEST:]]]


def _shown(field: Drawn, picture: Any, truth: Any, said: Any, error: float) -> Markup:
    views = [(t("picture"), picture), (t("true"), field.drawn(truth, picture)), (t("said"), field.drawn(said, picture))]
    images = [_image(name, pixels) for name, pixels in views]
    caption = tag("figcaption", t("error {value}", value=digits.figure(error)))
    return tag("figure", tag("div", *images, class_="triple"), caption)


def _image(name: str, pixels: Any) -> Markup:
    image = tag("img", src=f"data:image/jpeg;base64,{jpeg(pixels, SIDE)}", alt=name)
    return tag("div", image, tag("small", name))


def _legend(field: Drawn) -> Markup:
    if not isinstance(field, Keyed):
        return Markup("")
    named = field.colours().items()
    patches = [tag("span", tag("i", class_="patch", style=f"background:{c}"), name) for name, c in named]
    return tag("div", *patches, class_="legend")
