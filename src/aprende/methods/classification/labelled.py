"""Pictures with their classes as training takes them: rows of an array in memory or on disk. Knows no class name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Shares = NDArray[np.float64]  # probabilities (n, classes)


@dataclass(frozen=True)
class Labelled:
    """`rows` (n,) of pictures uint8 (m, H, W, C) and of their classes (m,), which are places in a list."""

    pixels: NDArray[np.uint8]
    truth: NDArray[np.int64]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def pictures(self, places: Any) -> torch.Tensor:
        """uint8 (B, H, W, C) of these places in `rows`."""
        import torch

        return torch.from_numpy(np.ascontiguousarray(self.pixels[self.rows[places]]))

    def classes(self, places: Any = slice(None)) -> NDArray[np.int64]:
        """The class of each of these places in `rows`, (B,)."""
        return np.asarray(self.truth[self.rows[places]])

    def first(self, n: int) -> Labelled:
        """The first n rows."""
        return Labelled(self.pixels, self.truth, self.rows[:n])

    def __add__(self, other: Labelled) -> Labelled:
        """The rows of both (of the same pictures)."""
        return Labelled(self.pixels, self.truth, np.concatenate([self.rows, other.rows]))
