"""Fields of findings in a picture: how likely each one is, which are flagged, and where each one is.

Findings are independent of one another: a picture may show none, one or several. Knows no network and no file.

How a column is stored:
    Findings      float64 array (n, K): the probability of each finding
    Flags         uint8 array (n, K): 1 where a finding is flagged
    FindingMaps   float32 array (n, K, h, w), 0 to 1: how much each place speaks for each finding; covers the picture
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aprende.core.fields.base import Column, Field, Json, each, refuse, refuse_outside
from aprende.core.fields.verbal import Shares
from aprende.core.words import t

COLOURS = ((230, 85, 30), (0, 150, 215), (0, 165, 105), (205, 110, 170), (240, 190, 30), (120, 95, 200))
MOST_DRAWN = 4  # findings drawn over one picture
SURE = 0.5  # least peak of a map that is drawn; only the highest one where none has it


@dataclass(frozen=True)
class Findings(Shares):
    """The probability of each finding, independent of the others."""

    kind: ClassVar[str] = "findings"

    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        return rng.random((n, len(self.options)))

    def edges(self) -> NDArray[np.float64]:
        return np.array([[0.0] * len(self.options), [1.0] * len(self.options)])


@dataclass(frozen=True)
class Flags(Field):
    """Which of the findings are flagged."""

    options: tuple[str, ...] = ()
    kind: ClassVar[str] = "flags"

    def read(self, name: str, values: Column) -> NDArray[np.uint8]:
        expected = t("some of {options}", options=", ".join(self.options[:20]))
        if isinstance(values, np.ndarray) and values.dtype.kind in "fiub" and values.shape[1:] == (len(self.options),):
            column = values
        else:
            held = each(name, values, expected, self._flags)
            column = np.array(held, dtype=np.float64).reshape(len(values), len(self.options))
        refuse_outside(name, expected, column, values)
        return column.astype(np.uint8)

    def _flags(self, value: Any) -> list[float]:
        if isinstance(value, np.ndarray):
            return [float(v) for v in value.reshape(len(self.options))]
        named = [value] if isinstance(value, str) else list(value)
        if not set(named) <= set(self.options):
            raise ValueError
        return [float(o in named) for o in self.options]

    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.uint8]:
        return rng.integers(0, 2, (n, len(self.options)), dtype=np.uint8)

    def edges(self) -> NDArray[np.uint8]:
        return np.array([[0] * len(self.options), [1] * len(self.options)], dtype=np.uint8)

    def schema(self) -> dict[str, Json]:
        return {"type": "array", "items": {"type": "string", "enum": list(self.options)}}

    def widget(self, name: str, value: Json = None) -> str:
        return ""

    def plain(self, value: Any) -> Json:
        return [o for o, flagged in zip(self.options, value, strict=True) if flagged]

    def show(self, value: Any) -> str:
        return ", ".join(self.plain(value)) or "–"


@dataclass(frozen=True)
class FindingMaps(Field):
    """How much each place of a picture speaks for each finding; a coarse map each, over the whole picture."""

    options: tuple[str, ...] = ()
    kind: ClassVar[str] = "finding_maps"
    heavy: ClassVar[bool] = True

    def read(self, name: str, values: Column) -> NDArray[np.float32]:
        expected = t("a map of places from 0 to 1 for each finding")
        if isinstance(values, np.ndarray) and values.dtype.kind == "f" and values.ndim == 4:
            column = values
        else:
            held = each(name, values, expected, self._maps)
            if len({maps.shape for maps in held}) > 1:
                row = next(i for i, maps in enumerate(held) if maps.shape != held[0].shape)
                raise refuse(name, expected, row, values[row])
            column = np.stack(held) if held else np.zeros((0, len(self.options), 1, 1), np.float32)
        if column.shape[1] != len(self.options) or 0 in column.shape[1:]:
            raise refuse(name, expected, 0, column.shape)
        refuse_outside(name, expected, column.reshape(len(column), math.prod(column.shape[1:])), values)
        return column.astype(np.float32, copy=False)

    def _maps(self, value: Any) -> NDArray[np.float64]:
        if isinstance(value, dict) and set(value) != set(self.options):
            raise ValueError
        maps = np.asarray([value[o] for o in self.options] if isinstance(value, dict) else value, dtype=np.float64)
        if maps.ndim != 3 or len(maps) != len(self.options) or not maps.size:
            raise ValueError
        return maps

    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.float32]:
        return rng.random((n, len(self.options), 7, 7), dtype=np.float32)

    def edges(self) -> NDArray[np.float32]:
        ends = [np.full((len(self.options), 7, 7), level, np.float32) for level in (0.0, 1.0)]
        return np.stack(ends)

    def schema(self) -> dict[str, Json]:
        line = {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}}
        return {"type": "object", "additionalProperties": {"type": "array", "items": line}}

    def widget(self, name: str, value: Json = None) -> str:
        return ""

    def plain(self, value: Any) -> Json:
        rounded = np.asarray(value, dtype=np.float64).round(3)
        return {o: each_map.tolist() for o, each_map in zip(self.options, rounded, strict=True)}

    def show(self, value: Any) -> str:
        said = [f"{self.options[k]}: {_place(value[k])}" for k in shown_of(value)]
        return "; ".join(said)

    def drawn(self, value: Any, over: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The maps of the surest findings over their picture, each in its colour (`colour`): uint8 (H, W, 3)."""
        picture = np.repeat(over, 3, axis=2) if over.shape[2] == 1 else over
        canvas = picture.astype(np.float32)
        for k in shown_of(value):
            heat = spread(value[k], *picture.shape[:2])
            inside = heat >= 0.5 * max(float(heat.max()), 1e-6)
            alpha = np.where(_rim(inside), 0.9, 0.45 * heat)[:, :, None]
            canvas = canvas * (1 - alpha) + alpha * np.array(colour(k), np.float32)
        return np.rint(canvas).clip(0, 255).astype(np.uint8)

    def colours(self) -> dict[str, str]:
        """Return the colour of each finding, #rrggbb."""
        return {name: "#{:02x}{:02x}{:02x}".format(*colour(k)) for k, name in enumerate(self.options)}


def colour(k: int) -> tuple[int, int, int]:
    """Return the colour (red, green, blue) in which the k-th finding is drawn."""
    return COLOURS[k % len(COLOURS)]


def shown_of(maps: NDArray[np.float32]) -> list[int]:
    """Return which findings of one picture's maps (K, h, w) are worth drawing, the surest first."""
    peaks = np.asarray(maps).reshape(len(maps), -1).max(axis=1)
    order = np.argsort(-peaks, kind="stable")[:MOST_DRAWN]
    return [int(k) for k in order if peaks[k] >= SURE] or [int(k) for k in order[:1]]


def spread(cells: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Return a coarse map (h, w) over a whole picture, linear between the cells' centres: (height, width)."""
    rows, cols = (_between(size, n) for size, n in zip((height, width), cells.shape, strict=True))
    return np.asarray(rows @ np.asarray(cells, np.float32) @ cols.T, dtype=np.float32)


def _between(size: int, cells: int) -> NDArray[np.float32]:
    """The matrix (size, cells) that interpolates a line of cells at every pixel's centre."""
    at = np.clip((np.arange(size) + 0.5) * cells / size - 0.5, 0, cells - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells))), dtype=np.float32)


def _rim(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels of a region that touch what is not of it."""
    wide = np.pad(inside, 1, mode="edge")
    around = wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
    return np.asarray(inside & ~around)


def _place(cells: NDArray[np.float32]) -> str:
    """Where a map is highest, in words."""
    row, col = np.unravel_index(int(np.argmax(cells)), cells.shape)
    down, across = (row + 0.5) / cells.shape[0], (col + 0.5) / cells.shape[1]
    return t("{across} across, {down} down", across=f"{across:.0%}", down=f"{down:.0%}")
