"""Columns → a table file, by its ending: csv, tsv, parquet, xlsx, jsonl. Written whole or not at all.

A text that a spreadsheet would take for a formula is disarmed. Knows nothing of how tables are read.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aprende.core.errors import DataError, MissingExtra
from aprende.core.fields import Date, Field, Probabilities, rows_of
from aprende.core.words import t

if TYPE_CHECKING:
    import polars as pl

MOST_SHEET_ROWS = 1_048_575
DANGEROUS = r"^[=+\-@\t\r]"  # what makes a spreadsheet compute (OWASP, CSV injection)
HARMLESS = r"^[-+]?[\d.,\s]*\d[\d.,\s]*%?$"  # −12,5 and +52 55 1234 only look so


def write(columns: Mapping[str, Any], path: str | Path, fields: Mapping[str, Field] | None = None) -> Path:
    """Write columns (a dict of arrays, Series or lists) as the file's ending says; `fields` tell dates from numbers.

    Raises DataError for an unknown ending or a table too long for a sheet; OSError where it cannot be written.
    """
    to = Path(path)
    writer = _writers().get(to.suffix.lower())
    if writer is None:
        known = ", ".join(_writers())
        raise DataError(
            t(
                "{path}: a table cannot be written as {ending!r}. Known: {known}.",
                path=to.name,
                ending=to.suffix,
                known=known,
            )
        )
    frame = frame_of(columns, fields or {})
    partial = to.with_name(f".{to.name}.partial{to.suffix}")
    try:
        writer(frame, partial)
        os.replace(partial, to)
    finally:
        partial.unlink(missing_ok=True)
    return to


def frame_of(columns: Mapping[str, Any], fields: Mapping[str, Field]) -> "pl.DataFrame":
    """Return stored columns as people read them: dates as dates, a place as "lat, lng", a column a probability."""
    import polars as pl

    series = [s for name, values in columns.items() for s in _shown(name, values, fields.get(name))]
    return pl.DataFrame(series) if rows_of(dict(columns)) else pl.DataFrame({s.name: s for s in series})


def _shown(name: str, values: Any, field: Field | None) -> list["pl.Series"]:
    import polars as pl

    if isinstance(field, Probabilities):
        return [pl.Series(f"{name}: {o}", np.asarray(values)[:, i]) for i, o in enumerate(field.options)]
    if isinstance(field, Date) and isinstance(values, np.ndarray):
        days = pl.Series(name, values, nan_to_null=True)
        kind = pl.Date if ((days == days.floor()) | days.is_null()).all() else pl.Datetime("us")
        return [
            days.cast(pl.Int32).cast(kind) if kind == pl.Date else (days * 86_400e6).round().cast(pl.Int64).cast(kind)
        ]
    if isinstance(values, np.ndarray) and values.ndim > 1:
        rows = [
            None if np.isnan(row).any() else ", ".join(f"{v:.6g}" for v in row)
            for row in values.reshape(len(values), -1)
        ]
        return [pl.Series(name, rows, dtype=pl.String)]
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return [pl.Series(name, values, nan_to_null=True)]
    return [values.alias(name) if isinstance(values, pl.Series) else pl.Series(name, list(values), strict=False)]


def _writers() -> dict[str, Callable[["pl.DataFrame", Path], Any]]:
    return {
        ".csv": lambda frame, to: disarmed(frame).write_csv(to),
        ".tsv": lambda frame, to: disarmed(frame).write_csv(to, separator="\t"),
        ".parquet": lambda frame, to: frame.write_parquet(to),
        ".jsonl": lambda frame, to: frame.write_ndjson(to),
        ".ndjson": lambda frame, to: frame.write_ndjson(to),
        ".xlsx": _write_sheet,
    }


def disarmed(frame: "pl.DataFrame") -> "pl.DataFrame":
    """Put an apostrophe before texts (and names) that a spreadsheet would compute."""
    import polars as pl

    text = pl.col(pl.String)
    risky = text.str.contains(DANGEROUS) & ~text.str.contains(HARMLESS)
    out = (
        frame.with_columns(pl.when(risky).then("'" + text).otherwise(text).name.keep())
        if pl.String in frame.dtypes
        else frame
    )
    return out.rename({n: f"'{n}" for n in frame.columns if n[:1] in "=+-@\t\r" and n})


def _write_sheet(frame: "pl.DataFrame", to: Path) -> None:
    if frame.height > MOST_SHEET_ROWS:
        raise DataError(
            t(
                "A sheet holds {most} rows and the table has {n}; write csv or parquet.",
                most=MOST_SHEET_ROWS,
                n=frame.height,
            )
        )
    try:
        frame.write_excel(to, autofit=frame.height < 5000)  # as polars does it, no text becomes a formula
    except ModuleNotFoundError:
        raise MissingExtra(
            t("Writing xlsx needs the package xlsxwriter (pip install xlsxwriter); csv needs nothing.")
        ) from None
