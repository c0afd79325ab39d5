"""Fields of places: Mask, which says for every pixel of a picture what is there.

A mask column is a sequence of uint8 arrays (H, W), each as large as its picture: a list, or one array (n, H, W). A
value is a place in `classes`, or VOID where nothing is known. How files become such arrays is `intake`'s business.
"""

import base64
import binascii
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aprende.core.fields.base import Column, Field, Json, refuse
from aprende.core.fields.palette import css, palette, rgb
from aprende.core.words import t

VOID = 255  # the place of no class
UNPAINTED = ("background", "fondo")  # classes that are drawn as the picture itself
STRENGTH = 0.55  # of a class's colour over the picture

Places = NDArray[np.uint8]


@dataclass(frozen=True)
class Mask(Field):
    """What is where: a class for every pixel. size: the usual side of masks, for samples."""

    classes: tuple[str, ...] = ()
    size: int = 64
    kind: ClassVar[str] = "mask"
    heavy: ClassVar[bool] = True

    def read(self, name: str, values: Column) -> Column:
        if isinstance(values, np.ndarray) and values.dtype == np.uint8 and values.ndim == 3:
            return self._known(name, values)
        if isinstance(values, Sequence) and not isinstance(values, list | tuple | str | bytes):
            return values  # masks held elsewhere (files): read one by one when asked for
        return [self._mask(name, row, value) for row, value in enumerate(values)]

    def _known(self, name: str, values: Places) -> Places:
        """Refuse places that are no class."""
        wrong = ((values >= len(self.classes)) & (values != VOID)).any(axis=(1, 2))
        if wrong.any():
            row = int(wrong.argmax())
            raise refuse(name, self._expected(), row, int(values[row][values[row] != VOID].max()))
        return values

    def _mask(self, name: str, row: int, value: Any) -> Places:
        held = _from_text(value) if isinstance(value, str) else value
        if not isinstance(held, np.ndarray) or held.dtype != np.uint8 or held.ndim != 2 or not held.size:
            got = value if isinstance(value, str) else f"{type(value).__name__} {getattr(value, 'shape', '')}"
            raise refuse(name, self._expected(), row, got)
        if ((held >= len(self.classes)) & (held != VOID)).any():
            raise refuse(name, self._expected(), row, int(held[held != VOID].max()))
        return held

    def _expected(self) -> str:
        return t("a mask: uint8 array of height × width, each value a class from 0 to {most} or 255 for none",
                 most=max(0, len(self.classes) - 1))  # fmt: skip

    def sample(self, rng: np.random.Generator, n: int) -> Column:
        return rng.integers(0, max(1, len(self.classes)), (n, self.size, self.size), dtype=np.uint8)

    def edges(self) -> Column:
        last = max(0, len(self.classes) - 1)
        return [np.full((1, 1), VOID, np.uint8), np.zeros((1, 7), np.uint8), np.full((9, 5), last, np.uint8)]

    def schema(self) -> dict[str, Json]:
        return {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"}

    def widget(self, name: str, value: Json = None) -> str:
        return f'<input type="file" accept="image/png" name="{html.escape(name)}">'

    def plain(self, value: Any) -> Json:
        """Return the mask as base64 of a PNG file whose palette indices are the places."""
        return base64.b64encode(indexed(value)).decode()

    def show(self, value: Any) -> str:
        shares = self.shares(value)
        order = [int(i) for i in np.argsort(-shares, kind="stable")[:3] if shares[i] > 0]
        return ", ".join(f"{self.classes[i]} {shares[i]:.0%}" for i in order) or "–"

    def shares(self, value: Places) -> NDArray[np.float64]:
        """Return the share of each class in the area where one is known, (classes,)."""
        counts = np.bincount(np.asarray(value).ravel(), minlength=256)[: len(self.classes)]
        return np.asarray(counts / max(1, counts.sum()))

    def drawn(self, value: Any, over: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the mask drawn over its picture (H, W, 1 or 3): a colour a class, outlined; uint8 (H, W, 3)."""
        picture, places = rgb(over), resized(np.asarray(value), *over.shape[:2])
        bare = [i for i, name in enumerate(self.classes) if name.lower() in UNPAINTED and len(self.classes) > 1]
        strength = np.full(256, STRENGTH, np.float32)
        strength[[*bare, VOID]] = 0
        weight = strength[places][..., None]
        mixed = picture * (1 - weight) + palette()[places] * weight
        outline = _outline(places) & ~np.isin(places, [*bare, VOID])
        mixed[outline] = 0.25 * mixed[outline] + 0.75 * palette()[places[outline]]
        return np.asarray(mixed.round(), dtype=np.uint8)

    def colours(self) -> dict[str, str]:
        """Return the colour in which each class is drawn, for a legend."""
        return {name: css(i) for i, name in enumerate(self.classes) if name.lower() not in UNPAINTED}


def indexed(value: Places) -> bytes:
    """Return a mask (H, W) as a PNG file with the fixed palette: its indices are the places."""
    from PIL import Image as Pillow

    picture = Pillow.fromarray(np.ascontiguousarray(value))
    picture.putpalette(palette().tobytes())  # grey bytes become indices: the mode is "P" then
    held = io.BytesIO()
    picture.save(held, "PNG")
    return held.getvalue()


def resized(places: Places, height: int, width: int) -> Places:
    """Return a mask (h, w) as (height, width): of each new place the nearest old one."""
    if places.shape == (height, width):
        return places
    rows = ((np.arange(height) + 0.5) * places.shape[0] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * places.shape[1] / width).astype(np.int64)
    return np.ascontiguousarray(places[rows[:, None], columns])


def _outline(places: Places) -> NDArray[np.bool_]:
    """Where a neighbour on the right or below is of another class, (H, W)."""
    found = np.zeros(places.shape, np.bool_)
    found[:, :-1] |= places[:, :-1] != places[:, 1:]
    found[:-1] |= places[:-1] != places[1:]
    return found


def _from_text(text: str) -> Places | None:
    """Return the mask that base64 of a PNG holds; None where it holds none."""
    from PIL import Image as Pillow

    try:
        held = base64.b64decode(text, validate=True)
        with Pillow.open(io.BytesIO(held), formats=["PNG"]) as picture:
            return np.asarray(picture) if picture.mode in ("P", "L") else None
    except (binascii.Error, ValueError, OSError, SyntaxError, Pillow.DecompressionBombError):
        return None
