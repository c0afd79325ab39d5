"""Is this data like what the model learnt from?"""

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from aprende.core import unlike
from aprende.core.fields import Boolean, Category, Date, Field, Image, Number, Place

FIELDS: dict[str, Field] = {"area": Number(), "town": Category(), "lift": Boolean(), "day": Date()}


def houses(
    n: int = 2000, seed: int = 0, shift: float = 0.0, towns: str = "abc", missing: float = 0.0
) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    area = rng.normal(100 + shift, 20, n)
    area[rng.random(n) < missing] = np.nan
    return {
        "area": area,
        "town": pl.Series(rng.choice(list(towns), n)),
        "lift": rng.integers(0, 2, n).astype(float),
        "day": rng.uniform(15_000, 17_000, n),
    }


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    return unlike.summarise(houses(), FIELDS)


def test_the_summary_is_json_and_holds_no_row(summary: dict[str, Any]) -> None:
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert len(json.dumps(summary)) < 3000


def test_the_same_population_has_not_drifted(summary: dict[str, Any]) -> None:
    assert max(unlike.drift(summary, houses(seed=1)).values()) < 0.05


@pytest.mark.parametrize(
    ("changed", "column"),
    [({"shift": 30.0}, "area"), ({"missing": 0.5}, "area"), ({"towns": "xyz"}, "town"), ({"towns": "a"}, "town")],
)
def test_drift_is_found_and_comes_first(summary: dict[str, Any], changed: dict[str, Any], column: str) -> None:
    found = unlike.drift(summary, houses(seed=1, **changed))
    assert next(iter(found)) == column
    assert found[column] > 0.25
    assert all(v < 0.05 for k, v in found.items() if k != column)


def test_the_index_of_a_known_case() -> None:
    """Half and half in train, 80 and 20 now: PSI = 0.3 ln(1.6) + (-0.3) ln(0.4) = 0.4159."""
    summary = unlike.summarise({"lift": np.repeat([0.0, 1.0], 500)}, {"lift": Boolean()})
    found = unlike.drift(summary, {"lift": np.repeat([0.0, 1.0], [800, 200])})
    assert found["lift"] == pytest.approx(0.4159, abs=0.01)


def test_one_row_does_not_break_the_index(summary: dict[str, Any]) -> None:
    assert all(np.isfinite(v) for v in unlike.drift(summary, houses(n=1)).values())


def test_values_outside_of_train_are_found(summary: dict[str, Any]) -> None:
    rows = {"area": np.array([100.0, 1e6, np.nan]), "town": pl.Series(["a", "q", None]), "lift": np.array([0.0, 1, 1]),
            "day": np.array([16_000.0, 16_000, 1e9])}  # fmt: skip
    found = {name: v.tolist() for name, v in unlike.Held(summary).outside(rows).items()}
    assert found == {
        "area": [False, True, False],
        "town": [False, True, False],
        "lift": [False] * 3,
        "day": [False, False, True],
    }


def test_a_column_with_very_many_words_flags_none() -> None:
    column = pl.Series([f"w{i}" for i in range(500)])
    summary = unlike.summarise({"name": column}, {"name": Category()})
    assert "name" not in unlike.Held(summary).outside({"name": pl.Series(["new"])})
    assert unlike.drift(summary, {"name": column})["name"] < 0.05


def test_constant_empty_and_perceived_columns() -> None:
    columns = {
        "constant": np.full(50, 3.0),
        "empty": np.full(50, np.nan),
        "nothing": pl.Series([None] * 50, dtype=pl.String),
        "place": np.zeros((50, 2)),
        "photo": np.zeros((50, 2, 2, 3), np.uint8),
    }
    fields: dict[str, Field] = {
        "constant": Number(),
        "empty": Number(),
        "nothing": Category(),
        "place": Place(),
        "photo": Image(),
    }
    summary = unlike.summarise(columns, fields)
    assert "empty" not in summary
    assert "photo" not in summary
    assert unlike.drift(summary, columns)["constant"] == pytest.approx(0)
    assert unlike.Held(summary).outside(columns)["constant"].sum() == 0


def test_distances_tell_strange_rows_from_known_ones() -> None:
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(500, 8)).astype(np.float32)
    alike, strange = rng.normal(size=(50, 8)).astype(np.float32), (rng.normal(size=(50, 8)) + 6).astype(np.float32)
    assert unlike.distances(reference, alike).max() < unlike.distances(reference, strange).min()
    assert unlike.distances(reference[:2], alike, k=5).shape == (50,)
    assert unlike.distances(reference, reference[:3], k=1) == pytest.approx([0, 0, 0], abs=1e-6)
