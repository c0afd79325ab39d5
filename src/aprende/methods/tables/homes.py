"""Invented sales of homes: a table with every kind of column, for checks and a first try. No data of anybody."""

import numpy as np

from aprende.core.contract import Table
from aprende.core.fields import Boolean, Category, Date, Field, Number, Place, Text

KINDS = ("flat", "house", "studio")
AREAS = ("centre", "north", "port", "south")
WORTH = {"centre": 1.5, "north": 1.1, "port": 0.9, "south": 0.7}
CORNERS = {"centre": (40.0, -3.0), "north": (40.1, -3.0), "port": (40.0, -2.9), "south": (39.9, -3.0)}
WORDS = ("sunny", "quiet", "renovated", "garden", "terrace", "view", "bright", "to be repaired")


def homes(n: int, seed: int = 0) -> Table:
    """Return n sales: the price follows all columns, with noise; some values are missing."""
    import polars as pl

    rng = np.random.default_rng(seed)
    kind, area = rng.choice(KINDS, n, p=[0.6, 0.3, 0.1]), rng.choice(AREAS, n)
    size = np.round(rng.lognormal(4.4, 0.4, n))
    rooms = np.clip(np.round(size / 28 + rng.normal(0, 0.6, n)), 1, 9)
    built = rng.integers(1950, 2020, n).astype(np.float64)
    garage = (rng.random(n) < 0.4).astype(np.float64)
    corner = np.array([CORNERS[a] for a in area])
    place = corner + rng.normal(0, 0.02, (n, 2))
    said = [" ".join(rng.choice(WORDS, 3, replace=False)) for _ in range(n)]
    worth = np.array([WORTH[a] for a in area]) * np.where(kind == "house", 1.2, 1.0)
    price = 2000 * size * worth * np.exp(0.004 * (built - 1985) + 0.08 * garage + rng.normal(0, 0.12, n))
    price *= np.array([0.8 if "repaired" in text else 1.1 if "view" in text else 1.0 for text in said])
    columns = {
        "kind": pl.Series(kind.tolist(), dtype=pl.String),
        "area": pl.Series([None if rng.random() < 0.02 else a for a in area.tolist()], dtype=pl.String),
        "size": size,
        "rooms": np.where(rng.random(n) < 0.1, np.nan, rooms),
        "built": built,
        "garage": garage,
        "sold": np.floor(rng.uniform(17_000, 19_000, n)),
        "place": place,
        "text": pl.Series(said, dtype=pl.String),
        "price": np.round(price, -2),
    }
    fields: dict[str, Field] = {
        "kind": Category(KINDS, "flat"),
        "area": Category(AREAS, "centre"),
        "size": Number(typical=80.0, unit="m²", whole=True),
        "rooms": Number(typical=3.0, whole=True),
        "built": Number(typical=1985.0, whole=True),
        "garage": Boolean(),
        "sold": Date(typical=18_000.0),
        "place": Place((40.0, -3.0)),
        "text": Text(typical="sunny quiet view"),
        "price": Number(typical=180_000.0, unit="€", whole=True),
    }
    return Table(columns, fields, target="price", source="homes")
