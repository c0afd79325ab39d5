"""Pictures and masks of any size in frames of one size: fitted whole, or cut into tiles that overlap.

A picture that is fitted keeps its aspect ratio; what it leaves of the frame is grey, and of no class. The same code for
training and for prediction. Knows no file, no class and no network.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from aprende.core.fields import VOID
from aprende.core.fields.masks import resized
from aprende.core.fields.perception import centred
from aprende.intake import decoder

EMPTY = 127  # of the frame beside a picture
STRIP = 1 << 20  # pixels of a map enlarged at a time
MOST_TILES = 4  # along the longer side of a picture
LEAST = 32  # pixels of a frame's side
TURNED = 0.1  # share of pictures of the other orientation from which the frame is square

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """Height, width and channels of what a network sees. zoom: 0 where pictures are fitted whole, else the factor by
    which they are resized before they are cut into tiles."""

    height: int
    width: int
    channels: int
    zoom: float = 0.0

    def scale(self, height: int, width: int) -> float:
        """Return the factor by which a picture of this size is resized."""
        return self.zoom or min(self.height / height, self.width / width)

    def sides(self, height: int, width: int) -> tuple[int, int]:
        """Return the size that a picture of this size is resized to."""
        times = self.scale(height, width)
        high, wide = max(1, round(height * times)), max(1, round(width * times))
        return (high, wide) if self.zoom else (min(high, self.height), min(wide, self.width))

    def reach(self, height: int, width: int) -> tuple[float, float]:
        """Return which shares of the height and the width of a picture of this size `middle` shows."""
        high, wide = self.sides(height, width)
        return min(self.height, self.width) / high, min(self.height, self.width) / wide

    def places(self, height: int, width: int, overlap: float) -> list[tuple[int, int]]:
        """Return where frames lie (top, left) over a resized picture, each over the next by at least this share."""
        tops, lefts = _starts(height, self.height, overlap), _starts(width, self.width, overlap)
        return [(top, left) for top in tops for left in lefts]


def _starts(length: int, side: int, overlap: float) -> list[int]:
    """Where windows of `side` begin, evenly, so that they cover `length` and overlap."""
    if length <= side:
        return [0]
    count = math.ceil((length - side) / (side * (1 - overlap))) + 1
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


def tiled(sizes: Sequence[tuple[int, int]], longest: int, least: int, channels: int) -> Frame:
    """Return the frame with which pictures of these sizes are cut into tiles: at their own scale, or where they are
    more than MOST_TILES frames long, at a smaller one."""
    long = float(np.median([max(size) for size in sizes]))
    side = max(least, LEAST, min(longest, round(long)))
    return Frame(side, side, channels, min(1.0, MOST_TILES * side / long))


def suited(sizes: Sequence[tuple[int, int]], longest: int, least: int, channels: int) -> Frame:
    """Return the frame for whole pictures of these sizes (height, width). longest, least: of its longer, its shorter
    side."""
    high, wide = (float(np.median([size[axis] for size in sizes])) for axis in (0, 1))
    turned = np.mean([float((h > w) != (high > wide)) for h, w in sizes if h != w] or [0.0])
    if turned > TURNED:
        high = wide = max(high, wide)
    times = min(1.0, longest / max(high, wide))
    times = max(times, max(least, LEAST) / min(high * times, wide * times) * times)
    limit = 4 * longest  # of very long pictures
    return Frame(min(limit, round(high * times)), min(limit, round(wide * times)), channels)


def resize(picture: Pillow.Image, height: int, width: int) -> Pillow.Image:
    """Return an "L" or "RGB" picture in this size, antialiased where it shrinks."""
    if picture.size == (width, height):
        return picture
    shrinks = picture.width >= width
    if (times := min(picture.width // width, picture.height // height)) >= 2:
        picture = picture.reduce(next(k for k in (8, 4, 2) if times >= k))
    how = Pillow.Resampling.BILINEAR if shrinks else Pillow.Resampling.BICUBIC
    return picture.resize((width, height), how)


def shown(picture: Any, frame: Frame) -> Pixels:
    """Return a picture (array or Pillow image) resized for the frame: uint8 (h, w, channels)."""
    image = picture if isinstance(picture, Pillow.Image) else decoder.from_array(picture)
    image = resize(image, *frame.sides(image.height, image.width))
    mode = "L" if frame.channels == 1 else "RGB"
    return decoder.as_pixels(image if image.mode == mode else image.convert(mode))


def cut(pixels: NDArray[Any], frame: Frame, at: tuple[int, int], empty: int) -> NDArray[Any]:
    """Return the part of a resized picture or mask (h, w, …) that a frame at (top, left) sees, filled up: (H, W, …)."""
    part = pixels[at[0] : at[0] + frame.height, at[1] : at[1] + frame.width]
    if part.shape[:2] == (frame.height, frame.width):
        return part
    whole = np.full((frame.height, frame.width, *pixels.shape[2:]), empty, pixels.dtype)
    whole[: part.shape[0], : part.shape[1]] = part
    return whole


def middle(picture: Any, frame: Frame) -> Pixels:
    """Return the square in the middle of a picture, at the frame's scale, as long as the frame's shorter side; what
    lies outside the picture is grey: uint8 (S, S, C)."""
    side = min(frame.height, frame.width)
    return centred(shown(picture, frame), side, side, EMPTY)


def framed(picture: Any, mask: Pixels | None, frame: Frame, overlap: float) -> Pixels:
    """Return the frames of one picture, with the mask as last channel where it is given: (tiles, H, W, C or C + 1)."""
    pixels = shown(picture, frame)
    places = frame.places(pixels.shape[0], pixels.shape[1], overlap)
    views = np.stack([cut(pixels, frame, at, EMPTY) for at in places])
    if mask is None:
        return views
    known = resized(mask, *pixels.shape[:2])
    return np.concatenate([views, np.stack([cut(known, frame, at, VOID) for at in places])[..., None]], axis=3)


def joined(shares: NDArray[np.float32], frame: Frame, height: int, width: int, overlap: float) -> NDArray[np.float32]:
    """Return one map (K, h, w) of a resized picture from those of its frames (tiles, K, H, W): where frames overlap,
    their mean, in which what lies near a frame's middle weighs more."""
    places = frame.places(height, width, overlap)
    if len(places) == 1:
        return np.asarray(shares[0][:, :height, :width])
    weight = np.minimum.outer(_hill(frame.height), _hill(frame.width)).astype(np.float32)
    sums = np.zeros((shares.shape[1], height, width), np.float32)
    weights = np.zeros((height, width), np.float32)
    for part, (top, left) in zip(shares, places, strict=True):
        at = slice(top, min(height, top + frame.height)), slice(left, min(width, left + frame.width))
        seen = weight[: at[0].stop - top, : at[1].stop - left]
        sums[:, at[0], at[1]] += part[:, : seen.shape[0], : seen.shape[1]] * seen
        weights[at] += seen
    return np.asarray(sums / weights)


def _hill(side: int) -> NDArray[np.float64]:
    """From 1 at the ends to side / 2 in the middle."""
    return np.minimum(np.arange(side), np.arange(side)[::-1]) + 1.0


def enlarged(shares: NDArray[np.float32], height: int, width: int) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Give maps (K, h, w) in another size, linearly between pixels, some rows at a time so that memory stays flat: the
    rows, and of them (K, rows, width)."""
    if shares.shape[1:] == (height, width):
        yield slice(0, height), shares
        return
    rows, columns = _between(shares.shape[1], height), _between(shares.shape[2], width)
    step = max(1, STRIP // width)
    for at in (slice(top, min(height, top + step)) for top in range(0, height, step)):
        low, high, far = rows[0][at], rows[1][at], rows[2][at, None]
        tall = shares[:, low] * (1 - far) + shares[:, high] * far
        wide = tall[:, :, columns[0]] * (1 - columns[2]) + tall[:, :, columns[1]] * columns[2]
        yield at, wide.astype(np.float32)


def _between(before: int, after: int) -> tuple[Any, Any, NDArray[np.float32]]:
    """For each new place the two old ones that it lies between, and how far it is from the first."""
    at = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)
    low = np.floor(at).astype(np.int64)
    return low, np.minimum(low + 1, before - 1), (at - low).astype(np.float32)
