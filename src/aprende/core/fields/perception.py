"""Fields of perception: pictures now; sound, masks, boxes, notes, frames and boards as their systems come.

A picture column is a sequence of uint8 arrays (H, W, C), C = 1 (grey) or 3 (RGB): a list, or one array (n, H, W, C).
How a file becomes such an array is `intake`'s business.
"""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aprende.core.fields.base import Column, Field, Json, refuse
from aprende.core.words import t


def centred(values: NDArray[Any], height: int, width: int, empty: float) -> NDArray[Any]:
    """Return values (h, w, …) as (height, width, …): what is longer loses its ends, beside what is shorter is
    `empty`."""
    whole = np.full((height, width, *values.shape[2:]), empty, values.dtype)
    rows, own_rows = _shared(height, values.shape[0])
    columns, own_columns = _shared(width, values.shape[1])
    whole[rows, columns] = values[own_rows, own_columns]
    return whole


def _shared(side: int, own: int) -> tuple[slice, slice]:
    """The middle that two lengths share: where it lies in each."""
    length = min(side, own)
    first, second = (side - length) // 2, (own - length) // 2
    return slice(first, first + length), slice(second, second + length)


@dataclass(frozen=True)
class Image(Field):
    """A picture of any size; `channels` is what the model looks at, `size` its usual side in pixels. `whole`: answers
    are places in the picture, so it must come as it is, not cut to a square."""

    channels: int = 3
    size: int = 64
    whole: bool = False
    kind: ClassVar[str] = "image"
    heavy: ClassVar[bool] = True

    def read(self, name: str, values: Column) -> Column:
        if (
            isinstance(values, np.ndarray)
            and values.dtype == np.uint8
            and values.ndim == 4
            and values.shape[3] in (1, 3)
        ):
            return values
        if isinstance(values, Sequence) and not isinstance(values, list | tuple | str | bytes):
            return values  # pictures held elsewhere (files): read, and checked, one by one when asked for
        return [self._picture(name, row, v) for row, v in enumerate(values)]

    @staticmethod
    def _picture(name: str, row: int, value: Any) -> Any:
        ok = isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 3 and value.shape[2] in (1, 3)
        if not ok or not value.size:
            got = f"{type(value).__name__} {getattr(value, 'shape', '')} {getattr(value, 'dtype', '')}"
            raise refuse(name, t("a picture: uint8 array of height × width × 1 or 3 channels"), row, got)
        return value

    def sample(self, rng: np.random.Generator, n: int) -> Column:
        return rng.integers(0, 256, (n, self.size, self.size, self.channels), dtype=np.uint8)

    def edges(self) -> Column:
        wide = np.full((1, 7, self.channels), 255, dtype=np.uint8)
        return [np.zeros((1, 1, self.channels), dtype=np.uint8), wide, np.zeros((9, 5, 1), dtype=np.uint8)]

    def schema(self) -> dict[str, Json]:
        return {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/*"}

    def widget(self, name: str, value: Json = None) -> str:
        return f'<input type="file" accept="image/*,.dcm" name="{html.escape(name)}">'

    def plain(self, value: Any) -> Json:
        return png(value)

    def show(self, value: Any) -> str:
        height, width = np.asarray(value).shape[:2]
        return t("picture {width} × {height}", width=width, height=height)


def png(picture: NDArray[np.uint8]) -> str:
    """Return the picture (H, W, 1 or 3) as base64 of a PNG file."""
    from PIL import Image as Pillow

    held = io.BytesIO()
    Pillow.fromarray(picture[..., 0] if picture.shape[2] == 1 else np.asarray(picture)).save(held, "PNG")
    return base64.b64encode(held.getvalue()).decode()
