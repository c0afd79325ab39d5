"""Many pictures: a column that decodes when asked, and `load`, which decodes all of them once into the cache.

Knows neither folders nor classes: it gets a column of pictures and gives pixels of one size, which of them could be
used, a hash of each one's content, and a thumbnail that tells copies.
"""

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from aprende.core import cache
from aprende.core.contract import Note
from aprende.core.errors import InputError
from aprende.core.words import t
from aprende.intake import decoder
from aprende.intake.decoder import Pixels, decode
from aprende.intake.likeness import SIDE, thumbnail, thumbnails

BLOCK = 32  # pictures that a thread takes at a time
SAMPLE = 64  # pictures looked at to choose the size and the channels
SIZE = 160  # the greatest side chosen unless told
FEW = 64  # pictures that are not worth keeping on disk
LARGE = 1024  # sides longer than twice this are not needed at full size
NAMED = 5  # files named in one note
OK, REPAIRED, SET_ASIDE = 0, 1, 2

Progress = Callable[[int, int], None]  # done, of all


class Pictures(Sequence[Any]):
    """A column of picture files; each is decoded (uint8 (H, W, 1 or 3)) when it is asked for.

    An undecodable one raises InputError: `load` and `decodable` set those aside.
    """

    def __init__(self, files: Sequence[Path], root: Path | None = None) -> None:
        self.files, self.root = list(files), root

    @property
    def names(self) -> list[str]:
        """The files' names, within their root where they have one."""
        root = self.root
        return [f.relative_to(root).as_posix() if root and root in f.parents else str(f) for f in self.files]

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, which: int) -> Pixels: ...
    @overload
    def __getitem__(self, which: slice | Sequence[Any] | NDArray[Any]) -> "Pictures": ...
    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, int | np.integer):
            file = self.files[which]
            try:
                return decode(file)
            except InputError as error:
                raise InputError(f"{file.name}: {error}") from None
        rows = range(len(self))[which] if isinstance(which, slice) else np.arange(len(self))[np.asarray(which)]
        return Pictures([self.files[int(row)] for row in rows], self.root)

    def __add__(self, other: "Pictures") -> "Pictures":
        return Pictures([*self.files, *other.files], self.root if self.root == other.root else None)

    def __iter__(self) -> Iterator[Pixels]:
        return (self[row] for row in range(len(self)))


@dataclass(frozen=True)
class Loaded:
    """Pictures as pixels of one size; row i of each array is row `kept[i]` of the column they came from."""

    pixels: Pixels  # (n, height, width, channels) uint8, read-only memory map
    kept: NDArray[np.int64]  # (n,)
    hashes: NDArray[np.uint64]  # (n,) of the content: equal for copies
    thumbs: NDArray[np.uint8]  # (n, 16, 16) grey: `likeness.near_copies` finds copies by them
    notes: tuple[Note, ...]
    sizes: NDArray[np.int32]  # (n, 2): width and height of the pictures, upright, as they came


def natural(column: Sequence[Any]) -> tuple[int, int]:
    """Return (size, channels) that suit the column, judged by up to SAMPLE pictures spread over it.

    size: the median of their shorter sides, at most SIZE (so small pictures of one size stay as they are);
    channels: 1 where all are grey, else 3.
    """
    if isinstance(column, np.ndarray):
        return min(SIZE, *column.shape[1:3]), column.shape[3]
    sides, channels = [], 1
    for row in np.unique(np.linspace(0, len(column) - 1, SAMPLE).astype(int)) if len(column) else ():
        try:
            opened = decoder.open_picture(_reference(column, int(row)), least=64)
        except InputError:
            continue
        sides.append(min(opened.size))
        channels = max(channels, decoder.without_grey_copies(decoder.as_pixels(opened.image)).shape[2])
    return (min(SIZE, sorted(sides)[len(sides) // 2]) if sides else SIZE), channels


def sizes_of(column: Sequence[Any]) -> NDArray[np.int32]:
    """Return the widths and heights (n, 2) of up to SAMPLE pictures spread over the column, upright."""
    if isinstance(column, np.ndarray):
        return np.full((1, 2), column.shape[1:3][::-1], np.int32)
    sizes = []
    for row in np.unique(np.linspace(0, len(column) - 1, SAMPLE).astype(int)) if len(column) else ():
        try:
            sizes.append(decoder.open_picture(_reference(column, int(row)), least=64).size)
        except InputError:
            continue
    return np.array(sizes or [(SIZE, SIZE)], np.int32)


def load(
    column: Sequence[Any],
    size: int | tuple[int, int] = 0,
    channels: int = 0,
    on_progress: Progress | None = None,
    threads: int = 0,
    pressed: bool = False,
) -> Loaded:
    """Return the column's pictures as (n, size, size, channels), decoded once and then taken from the cache.

    column: `Pictures`, an array (n, H, W, C), or a list of paths, bytes or arrays. 0 for size or channels: what suits
    (`natural`). Pictures that cannot be used are left out, with a note. A few pictures are decoded each time instead.
    size: of the square that is cut from each picture's middle (pressed: into which the whole picture is pressed); or
    (height, width) inside which the whole picture is fitted, its shape kept.
    """
    if not size or not channels:
        suits = natural(column)
        size, channels = size or suits[0], channels or suits[1]
    sides = (size, size) if isinstance(size, int) else size
    if isinstance(column, np.ndarray) and column.shape[1:] == (*sides, channels):
        alike = np.full((len(column), 2), sides[::-1], np.int32)
        return Loaded(column, np.arange(len(column)), _content(column), thumbnails(column), (), alike)
    how = "inside" if not isinstance(size, int) else "pressed" if pressed else "centre"
    recipe = (decoder.VERSION, size, channels, len(column), how)
    key, lengths = _key(column, recipe)

    def fill(rows: NDArray[Any]) -> cache.Filled:
        filled = _fill(column, rows, how, on_progress, threads or _cores())
        content = cache.digest(recipe, filled.sides["hashes"].tobytes())
        return replace(filled, facts={"lengths": lengths, "content": content})

    def same(facts: dict[str, Any]) -> bool:
        if not lengths or facts.get("lengths") != lengths:
            return False
        return bool(facts["content"] == cache.digest(recipe, _content(column).tobytes()))

    shape = (len(column), *sides, channels)
    entry = _in_memory(shape, fill) if len(column) <= FEW else cache.array(key, shape, np.uint8, fill, same)
    state = entry.sides["state"]
    kept = np.flatnonzero(state != SET_ASIDE)
    hashes, sizes = entry.sides["hashes"][kept], entry.sides["sizes"][kept]
    return Loaded(entry.rows, kept, hashes, entry.sides["thumbs"], _notes(column, state), sizes)


def _key(column: Sequence[Any], recipe: tuple[Any, ...]) -> tuple[str, str]:
    """Return the key of the column's entry, and a digest of its files' lengths ("" for what is no column of files).

    Files are known by path, length and time of change; where they are not, equal lengths tell which entries' content is
    worth comparing. Anything else is known by its content.
    """
    if not isinstance(column, Pictures):
        return cache.digest(recipe, _content(column).tobytes()), ""
    stats = [_stat(file) for file in column.files]
    paths = [(str(file.absolute()), *stat) for file, stat in zip(column.files, stats, strict=True)]
    return cache.digest(recipe, paths), cache.digest(recipe, [length for length, _ in stats])


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_memory(shape: tuple[int, ...], fill: Callable[[NDArray[Any]], cache.Filled]) -> cache.Entry:
    rows = np.zeros(shape, np.uint8)
    filled = fill(rows)
    return cache.Entry(rows[filled.keep], filled.sides, filled.facts)


def decodable(column: Sequence[Any]) -> tuple[list[Pixels], NDArray[np.int64], tuple[Note, ...]]:
    """Return a few pictures at nearly full size, which rows they are, and notes on those set aside."""
    found, state = [], np.zeros(len(column), np.uint8)
    for row in range(len(column)):
        try:
            image = decoder.open_picture(_reference(column, row), least=LARGE).image
            found.append(decoder.without_grey_copies(decoder.as_pixels(image)))
        except InputError:
            state[row] = SET_ASIDE
    return found, np.flatnonzero(state != SET_ASIDE), _notes(column, state)


def usable(column: Sequence[Any]) -> tuple[NDArray[np.int64], tuple[Note, ...]]:
    """Return which rows can be decoded, and notes on those set aside. They are decoded as small as their format can."""

    def of(row: int) -> int:
        try:
            decoder.open_picture(_reference(column, row), least=1)
        except InputError:
            return SET_ASIDE
        return OK

    with ThreadPoolExecutor(_cores()) as pool:
        state = np.array([*pool.map(of, range(len(column)))], np.uint8)
    return np.flatnonzero(state != SET_ASIDE), _notes(column, state)


def _fill(column: Sequence[Any], rows: Pixels, how: str, on_progress: Progress | None, threads: int) -> cache.Filled:
    """Decode every picture into `rows` on several threads (Pillow decodes outside the interpreter's lock)."""
    n = len(column)
    hashes, thumbs, state = np.zeros(n, np.uint64), np.zeros((n, SIDE, SIDE), np.uint8), np.zeros(n, np.uint8)
    sizes = np.zeros((n, 2), np.int32)

    def block(start: int) -> int:
        for row in range(start, min(start + BLOCK, n)):
            hashes[row], state[row], sizes[row] = _one(_reference(column, row), rows[row], thumbs[row], how)
        return min(BLOCK, n - start)

    done = 0
    with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:
        warnings.filterwarnings("ignore", module=r"PIL\.")  # of large pictures and odd tags: notes tell what matters
        jobs = [pool.submit(block, start) for start in range(0, n, BLOCK)]
        try:
            for job in as_completed(jobs):
                done += job.result()
                if on_progress is not None:
                    on_progress(done, n)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    kept = np.flatnonzero(state != SET_ASIDE)
    return cache.Filled(kept, {"hashes": hashes, "thumbs": thumbs[kept], "state": state, "sizes": sizes})


def _one(picture: Any, pixels: Pixels, thumb: NDArray[np.uint8], how: str) -> tuple[int, int, tuple[int, int]]:
    """Decode one picture into `pixels` (H, W, C) and `thumb`; return the hash of its content, its state and size."""
    try:
        held = decoder.read_bytes(picture) if isinstance(picture, Path) else picture
    except InputError:
        return 0, SET_ASIDE, (0, 0)
    content, (height, width, channels) = _hash(held), pixels.shape
    try:
        opened = decoder.open_picture(held, least=max(height, width))
    except InputError:
        return content, SET_ASIDE, (0, 0)
    if how == "inside":
        pixels[:], thumb[:] = decoder.whole(opened.image, height, width, channels), thumbnail(opened.image)
    else:
        image = decoder.fitted(opened.image, height, channels, how == "pressed")
        pixels[:], thumb[:] = decoder.as_pixels(image), thumbnail(image)
    return content, REPAIRED if opened.remark else OK, _size(opened)


def _size(opened: decoder.Opened) -> tuple[int, int]:
    """Width and height of the picture as it came; where its file was cut, of the rows that are there."""
    scale = opened.size[0] / opened.image.width  # it may have been decoded smaller
    return opened.size[0], min(opened.size[1], round(opened.image.height * scale)) if opened.remark else opened.size[1]


def _hash(held: Any) -> int:
    data = held if isinstance(held, bytes) else repr(held.shape).encode() + np.ascontiguousarray(held).tobytes()
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")


def _content(column: Sequence[Any]) -> NDArray[np.uint64]:
    """Return the content hash of every picture (0 where it cannot be read)."""

    def of(row: int) -> int:
        picture = _reference(column, row)
        try:
            return _hash(decoder.read_bytes(picture) if isinstance(picture, Path) else picture)
        except InputError:
            return 0

    return np.fromiter((of(row) for row in range(len(column))), np.uint64, len(column))


def _reference(column: Sequence[Any], row: int) -> Any:
    """Return what holds the picture: a path, bytes or an array, not yet decoded."""
    held = column.files[row] if isinstance(column, Pictures) else column[row]
    return Path(held) if isinstance(held, str) else held


def _stat(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return (-1, 0)
    return (found.st_size, found.st_mtime_ns)


def _notes(column: Sequence[Any], state: NDArray[np.uint8]) -> tuple[Note, ...]:
    """Return one note a reason, with the names of its first files: set aside, and repaired."""
    notes = []
    for value, level in ((SET_ASIDE, "set aside"), (REPAIRED, "repaired")):
        reasons: dict[str, list[str]] = {}
        for row in np.flatnonzero(state == value):
            held = _reference(column, int(row))
            name = held.name if isinstance(held, Path) else t("row {n}", n=int(row) + 1)
            reasons.setdefault(_remark(held), []).append(name)
        for reason, names in reasons.items():
            shown = ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")
            notes.append(Note(f"{shown}: {reason}", level, "image", len(names)))
    return tuple(notes)


def _remark(held: Any) -> str:
    """Return why a picture was set aside or what was repaired, in the language in force."""
    try:
        return decoder.open_picture(held).remark
    except InputError as error:
        return str(error)
