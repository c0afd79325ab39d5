"""How much of a column shows something: what the decisions on whole columns rest on."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


def share(values: "pl.Series") -> float:
    """Return the mean of a column of numbers, or the share that is true; missing values do not count, none is 0."""
    found: Any = values.mean()
    return float(found or 0.0)
