"""What a feature block is: learnt members in, one matrix out; and how its members are saved with a model.

A block is a frozen dataclass whose members are NumPy arrays (saved as arrays) or JSON (saved as facts). It knows
neither files nor which other blocks there are.
"""

import dataclasses
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Arrays
from aprende.core.fields import Json
from aprende.methods.tables.views import Rows

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
B = TypeVar("B", bound="Block")


class Block(Protocol):
    """A learnt part of the encoding. `names` tells what each column of its matrix is."""

    @property
    def names(self) -> list[str]:
        """Name every column of the matrix."""

    def transform(self, rows: Rows) -> Matrix:
        """Return (n, len(names)); each row depends on its own values alone."""


def pack(block: Block, prefix: str) -> tuple[dict[str, Json], Arrays]:
    """Return the block's JSON members, and its arrays under "prefix/member"."""
    members = {f.name: getattr(block, f.name) for f in dataclasses.fields(block)}  # type: ignore[arg-type]
    arrays = {f"{prefix}/{k}": v for k, v in members.items() if isinstance(v, np.ndarray)}
    return {k: v for k, v in members.items() if not isinstance(v, np.ndarray)}, arrays


def unpack(kind: type[B], prefix: str, facts: dict[str, Json], arrays: Arrays) -> B:
    """Return the block that `pack` took apart."""
    held: dict[str, Any] = {k.removeprefix(prefix + "/"): v for k, v in arrays.items() if k.startswith(prefix + "/")}
    return kind(**facts, **held)


def beside(values: Floats, rough: Floats, width: int) -> Floats:
    """Return means of signals (n, S) as features: as they are, and the residuals' with the rough guess added back.

    The first `width` signals are the target's own; where more follow, they are its residuals from `rough` (n, width).
    """
    return np.concatenate([values[:, :width], values[:, width:] + rough[:, : values.shape[1] - width]], axis=1)
