"""Drawings of chests to try the system on."""

import numpy as np

from aprende.core.contract import Table
from aprende.core.fields import Category, Image, Text


def drawings(n: int, seed: int = 0) -> Table:
    """Return n drawings, 40 × 40, of two lungs with a disc, a bar, both or neither in one of them, three a patient."""
    import polars as pl

    rng = np.random.default_rng(seed)
    down, across = np.mgrid[:40, :40]
    chest = sum(np.exp(-(((across - x) / 6) ** 2 + ((down - 20) / 11) ** 2)) for x in (12, 28))
    pictures, words, whose = np.empty((n, 40, 40, 1), np.uint8), [], []
    for row in range(n):
        if row % 3 == 0:  # of one patient: the same build
            build = rng.normal(0, 6, (40, 40)).cumsum(axis=0) / 4
        shown = [name for name in ("bar", "disc") if rng.random() < 0.4]
        light = 70 + build - build.mean() + 60 * chest + rng.normal(0, 10, (40, 40))
        for name in shown:
            y, x = rng.uniform(12, 28), float(rng.choice([12, 28])) + rng.uniform(-2, 2)
            disc, bar = np.hypot(down - y, across - x) < 4, (abs(down - y) < 1.5) & (abs(across - x) < 7)
            light = light + 70 * (disc if name == "disc" else bar)
        pictures[row, :, :, 0] = light.clip(0, 255)
        words.append("|".join(shown) or "No Finding")
        whose.append(f"p{row // 3:03d}")
    columns = {"findings": pl.Series(words, dtype=pl.String), "patient": pl.Series(whose, dtype=pl.String)}
    held = {"image": Image(1, 40), "findings": Category(tuple(sorted(set(words)))), "patient": Text()}
    return Table({"image": pictures, **columns}, held, target="findings")
