"""Field of boxes: what is where in a picture, each thing with its class and how sure it is.

A boxes column is a list of float32 arrays (k, 6), one a picture: left, top, right, bottom in pixels of the whole
picture, the place of its class, and its score. How files become such arrays is `intake`'s business.
"""

import html
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aprende.core.fields.base import Column, Field, Json, each
from aprende.core.fields.palette import css, palette, rgb
from aprende.core.words import t

Values = NDArray[np.float32]  # (k, 6)
SIDES = ("left", "top", "right", "bottom")
THICK = 0.006  # of a line, as a share of the picture's longer side


@dataclass(frozen=True)
class Boxes(Field):
    """Things with their places. `least`: boxes of lower score are too unsure to be told or drawn; the column keeps them
    because average precision is measured over all scores."""

    options: tuple[str, ...] = ()
    least: float = 0.0
    kind: ClassVar[str] = "boxes"

    def read(self, name: str, values: Column) -> Column:
        expected = t("boxes: numbers (k, 6), or a list of objects with class, score, left, top, right and bottom")
        return each(name, values, expected, self._boxes)

    def _boxes(self, value: Any) -> Values:
        if isinstance(value, np.ndarray):
            held = np.asarray(value, dtype=np.float32)
        elif isinstance(value, list):
            held = np.array([self._box(b) for b in value], dtype=np.float32).reshape(-1, 6)
        else:
            raise ValueError
        kinds = held[:, 4] if held.ndim == 2 and held.shape[1] == 6 else np.array([-1.0])
        known = (kinds >= 0) & (kinds < len(self.options)) & (kinds == np.round(kinds))
        if not (known.all() and np.isfinite(held).all() and (held[:, 2:4] >= held[:, :2]).all()):
            raise ValueError
        return held

    def _box(self, box: dict[str, Json]) -> list[float]:
        if not isinstance(box, dict) or any(side not in box for side in SIDES):
            raise ValueError
        return [*(float(box[side]) for side in SIDES), self.options.index(box["class"]), float(box.get("score", 1.0))]

    def sample(self, rng: np.random.Generator, n: int) -> Column:
        return [self._random(rng, int(k)) for k in rng.integers(0, 5, n)]

    def _random(self, rng: np.random.Generator, k: int) -> Values:
        ends = np.sort(rng.uniform(0, 64, (k, 2, 2)), axis=1).reshape(k, 4)
        return np.column_stack([ends, rng.integers(0, len(self.options), k), rng.random(k)]).astype(np.float32)

    def edges(self) -> Column:
        last = max(0, len(self.options) - 1)
        return [
            np.zeros((0, 6), np.float32),
            np.array([[0, 0, 0, 0, 0, 0]], np.float32),
            np.array([[0, 0, 1e4, 1e4, last, 1]], np.float32),
        ]

    def schema(self) -> dict[str, Json]:
        number = {"type": "number"}
        sides: dict[str, Json] = dict.fromkeys(SIDES, number)
        box = {"class": {"type": "string", "enum": list(self.options)}, "score": number, **sides}
        return {"type": "array", "items": {"type": "object", "properties": box, "required": ["class", *SIDES]}}

    def widget(self, name: str, value: Json = None) -> str:
        return f'<textarea name="{html.escape(name)}" rows="3"></textarea>'

    def sure(self, value: Values) -> Values:
        """Return those of a picture's boxes that are told, the surest first."""
        held = value[value[:, 5] >= self.least]
        return held[np.argsort(-held[:, 5], kind="stable")]

    def plain(self, value: Any) -> Json:
        return [
            {"class": self.options[int(b[4])], "score": round(float(b[5]), 4)}
            | {side: round(float(end), 1) for side, end in zip(SIDES, b, strict=False)}
            for b in self.sure(value)
        ]

    def show(self, value: Any) -> str:
        counts = Counter(self.options[int(kind)] for kind in self.sure(value)[:, 4])
        return ", ".join(f"{n} {name}" for name, n in counts.most_common()) or t("nothing")

    def colours(self) -> dict[str, str]:
        """Return the colour in which each class is drawn, for a legend."""
        return {name: css(place) for place, name in enumerate(self.options)}

    def drawn(self, value: Any, over: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the sure boxes with their names over the picture (H, W, 1 or 3): uint8 (H, W, 3)."""
        from PIL import Image, ImageDraw, ImageFont

        image = Image.fromarray(np.ascontiguousarray(rgb(over)))
        pen, longer = ImageDraw.Draw(image), max(image.size)
        font = ImageFont.load_default(max(9, round(longer / 40)))
        for box in self.sure(value)[::-1]:  # the surest on top
            colour = tuple(palette()[int(box[4]) % 255].tolist())
            ends = [float(v) for v in box[:4]]
            pen.rectangle(ends, outline=colour, width=max(1, round(THICK * longer)))
            if longer >= 200:  # on smaller pictures words would cover what they name
                sure = f" {box[5]:.0%}" if box[5] < 1 else ""  # what is true has no doubt
                _label(pen, font, ends, self.options[int(box[4])] + sure, colour, image.size)
        return np.asarray(image, dtype=np.uint8)


def _label(pen: Any, font: Any, ends: list[float], text: str, colour: tuple[int, ...], size: Any) -> None:
    """Write the text on a patch of the colour, above the box where there is room, else within it."""
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    wide, high = right - left + 4, bottom - top + 4
    x = min(max(0.0, ends[0]), max(0.0, size[0] - wide))
    y = ends[1] - high if ends[1] >= high else max(0.0, ends[1])
    pen.rectangle([x, y, x + wide, y + high], fill=colour)
    light = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    pen.text((x + 2 - left, y + 2 - top), text, font=font, fill=(0, 0, 0) if light > 140 else (255, 255, 255))
