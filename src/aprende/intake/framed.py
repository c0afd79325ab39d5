"""Many pictures with their masks, decoded once into the cache as frames of one size.

Gives the frames, which pictures could be used, a hash of each one's content, and a thumbnail that tells copies; what
was set aside or mended is counted and listed. Knows neither folders nor classes.
"""

import hashlib
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from aprende.core import cache
from aprende.core.contract import Note
from aprende.core.engine import cores
from aprende.core.errors import InputError
from aprende.core.fields import VOID
from aprende.core.fields.masks import resized
from aprende.core.words import t
from aprende.intake import decoder, frames
from aprende.intake.decoder import Pixels
from aprende.intake.frames import Frame
from aprende.intake.likeness import SIDE, thumbnail
from aprende.intake.masks import Masks
from aprende.intake.pictures import FEW, Loaded, Pictures

VERSION = 1
SAMPLE = 64  # pictures looked at to choose the frame
SURVIVORS = 16  # masks that are shrunk to see whether they survive it
ASPECT = 0.02  # relative difference of aspect ratios up to which a mask fits its picture
OVERLAP = 0.1  # of tiles to learn from
NAMED = 5  # files named in one note
OK, REPAIRED, RESIZED, NO_PICTURE, NO_MASK, OTHER_SHAPE, EMPTY = range(7)
USABLE = (OK, REPAIRED, RESIZED)


@dataclass(frozen=True)
class Framed:
    """Frames (m, H, W, C + 1): pixels, and as last channel places or VOID. Frame j is of picture `owner[j]`, a row of
    `pictures` (which holds no pixels; its `kept` are rows of the table)."""

    rows: NDArray[np.uint8]
    owner: NDArray[np.int64]
    pictures: Loaded

    def of(self, pictures: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the frames of these pictures."""
        wanted = np.zeros(len(self.pictures.kept), np.bool_)
        wanted[pictures] = True
        return np.flatnonzero(wanted[self.owner])


def sizes(column: Sequence[Any]) -> list[tuple[int, int]]:
    """Return (height, width) of at most SAMPLE pictures spread over the column, upright, from their headers."""
    rows = np.unique(np.linspace(0, max(0, len(column) - 1), SAMPLE).astype(int))[: len(column)]
    return [size for row in rows if (size := _size(reference(column, int(row))))]


def _size(held: Any) -> tuple[int, int] | None:
    if isinstance(held, np.ndarray):
        return held.shape[0], held.shape[1]
    try:
        with Pillow.open(held) as image:
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            return (image.width, image.height) if turned else (image.height, image.width)
    except decoder.BROKEN:
        return None


def survival(masks: Sequence[Any], frame: Frame) -> float:
    """Return how well a few masks survive being shrunk to the frame and enlarged again: mean IoU of their classes."""
    found = []
    for row in np.unique(np.linspace(0, max(0, len(masks) - 1), SURVIVORS).astype(int))[: len(masks)]:
        try:
            mask = np.asarray(masks[int(row)])
        except InputError:
            continue
        again = resized(resized(mask, *frame.sides(*mask.shape)), *mask.shape)
        for place in np.unique(mask[mask != VOID]):
            both, either = ((mask == place) & (again == place)).sum(), ((mask == place) | (again == place)).sum()
            found.append(both / either)
    return float(np.mean(found)) if found else 1.0


def load(pictures: Sequence[Any], masks: Sequence[Any], frame: Frame) -> Framed:
    """Return the usable pictures with their masks as frames, decoded once and then taken from the cache.

    pictures: a column of pictures. masks: uint8 (H, W) each, or `Masks`. Raises DataError where the disk is full.
    """
    n = len(pictures)
    counts = np.ones(n, np.int64)
    if frame.zoom:
        held = [_size(reference(pictures, row)) or (1, 1) for row in range(n)]
        counts = np.array([len(frame.places(*frame.sides(*size), OVERLAP)) for size in held], np.int64)
    ends = np.cumsum(counts)
    shape = (int(ends[-1]) if n else 0, frame.height, frame.width, frame.channels + 1)

    def fill(rows: NDArray[Any]) -> cache.Filled:
        return _fill(pictures, masks, frame, rows, ends - counts, counts)

    entry = (
        _in_memory(shape, fill) if shape[0] <= FEW else cache.array(_key(pictures, masks, frame), shape, np.uint8, fill)
    )
    return _made(pictures, entry, counts)


def _made(pictures: Sequence[Any], entry: cache.Entry, counts: NDArray[np.int64]) -> Framed:
    state, hashes, thumbs = (entry.sides[name] for name in ("state", "hashes", "thumbs"))
    kept = np.flatnonzero(np.isin(state, USABLE))
    owner = np.repeat(np.arange(len(kept)), counts[kept])
    notes, nothing = _notes(pictures, state), np.zeros((0, 2), np.int32)
    told = Loaded(entry.rows[:0, ..., :-1], kept, hashes[kept], thumbs[kept], notes, nothing)
    return Framed(entry.rows, owner, told)


def _in_memory(shape: tuple[int, ...], fill: Callable[[NDArray[Any]], cache.Filled]) -> cache.Entry:
    rows = np.zeros(shape, np.uint8)
    filled = fill(rows)
    return cache.Entry(rows[filled.keep], filled.sides, filled.facts)


def _fill(
    pictures: Sequence[Any], masks: Sequence[Any], frame: Frame, rows: Pixels, starts: Any, counts: Any
) -> cache.Filled:
    """Decode every pair into `rows`, on several threads; tell each one's state, content and thumbnail."""
    n = len(pictures)
    hashes, state = np.zeros(n, np.uint64), np.zeros(n, np.uint8)
    thumbs = np.zeros((n, SIDE, SIDE), np.uint8)

    def one(row: int) -> None:
        at = slice(int(starts[row]), int(starts[row] + counts[row]))
        hashes[row], state[row] = _pair(reference(pictures, row), masks, row, frame, rows[at], thumbs[row])

    with warnings.catch_warnings(), ThreadPoolExecutor(cores()) as pool:
        warnings.filterwarnings("ignore", module=r"PIL\.")
        list(pool.map(one, range(n)))
    keep = np.flatnonzero(np.repeat(np.isin(state, USABLE), counts))
    return cache.Filled(keep, {"hashes": hashes, "state": state, "thumbs": thumbs})


def _pair(
    held: Any, masks: Sequence[Any], row: int, frame: Frame, rows: Pixels, thumb: NDArray[np.uint8]
) -> tuple[int, int]:
    """Decode one pair; return the hash of its picture's content and its state."""
    try:
        data = decoder.read_bytes(held) if isinstance(held, Path) else held
        content = _hash(data)
        opened = decoder.open_picture(data, least=0 if frame.zoom else max(frame.height, frame.width))
    except InputError:
        return 0, NO_PICTURE
    try:
        mask = np.asarray(masks[row])
    except InputError:
        return content, NO_MASK
    image = opened.image
    if abs(mask.shape[0] * image.width / (mask.shape[1] * image.height) - 1) > ASPECT:
        return content, OTHER_SHAPE
    if (mask == VOID).all():
        return content, EMPTY
    found = frames.framed(image, mask, frame, OVERLAP)
    if len(found) != len(rows):
        return content, NO_PICTURE  # changed since its header was read
    rows[:], thumb[:] = found, thumbnail(image)
    same = mask.shape in (opened.size, opened.size[::-1])
    return content, REPAIRED if opened.remark else OK if same else RESIZED


def reference(column: Sequence[Any], row: int) -> Any:
    """Return what holds the picture: a path, bytes or an array, not yet decoded."""
    held = column.files[row] if isinstance(column, Pictures) else column[row]
    return Path(held) if isinstance(held, str) else held


def _hash(held: Any) -> int:
    data = held if isinstance(held, bytes) else repr(held.shape).encode() + np.ascontiguousarray(held).tobytes()
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")


def _key(pictures: Sequence[Any], masks: Sequence[Any], frame: Frame) -> str:
    """Return the key of the entry: files by path, length and time of change, anything else by its content."""
    known = [_known(reference(pictures, row)) for row in range(len(pictures))]
    if isinstance(masks, Masks):
        coded = [repr(coding) for coding in dict.fromkeys(masks.codings)]
        return cache.digest(
            VERSION, decoder.VERSION, frame, known, [_known(f) for f in masks.files], coded, masks.classes
        )
    return cache.digest(VERSION, decoder.VERSION, frame, known, [_hash(np.asarray(mask)) for mask in masks])


def _known(held: Any) -> tuple[Any, ...]:
    if not isinstance(held, Path):
        return (_hash(held),)
    try:
        found = os.stat(held)
    except OSError:
        return (str(held.absolute()), -1, 0)
    return (str(held.absolute()), found.st_size, found.st_mtime_ns)


def _notes(pictures: Sequence[Any], state: NDArray[np.uint8]) -> tuple[Note, ...]:
    """Return one note a reason, with the names of its first files."""
    reasons = {
        NO_PICTURE: ("set aside", t("pictures that cannot be read")),
        NO_MASK: ("set aside", t("masks that cannot be read")),
        OTHER_SHAPE: ("set aside", t("masks of another shape than their picture")),
        EMPTY: ("set aside", t("masks in which nothing has a class")),
        REPAIRED: ("repaired", t("damaged pictures of which a part is used")),
        RESIZED: ("repaired", t("masks of another size than their picture, resized")),
    }
    notes = []
    for value, (level, said) in reasons.items():
        rows = np.flatnonzero(state == value)
        if len(rows):
            named = ", ".join(_name(pictures, int(row)) for row in rows[:NAMED]) + (" …" if len(rows) > NAMED else "")
            notes.append(Note(f"{said}: {named}", level, "mask", len(rows)))
    return tuple(notes)


def _name(pictures: Sequence[Any], row: int) -> str:
    held = reference(pictures, row)
    return held.name if isinstance(held, Path) else t("row {n}", n=row + 1)
