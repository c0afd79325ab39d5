"""Small tables for the tests of intake/tables."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import polars as pl

from aprende.core.contract import Table
from aprende.core.fields import Field, Number
from aprende.intake.tables import read

ROWS = "".join(f"{i * 1.5},Peñón {i % 3},{i % 28 + 1:02d}/03/2016\n" for i in range(30))
PLAIN = "valor,zona,día\n" + ROWS


def same(a: Table, b: Table) -> None:
    assert {n: unsigned(f) for n, f in a.fields.items()} == {n: unsigned(f) for n, f in b.fields.items()}
    for name, values in a.columns.items():
        if isinstance(values, pl.Series):
            assert values.to_list() == b.columns[name].to_list()
        else:
            np.testing.assert_array_equal(values, b.columns[name])


def unsigned(field: Field) -> Field:
    """The field without the decimal sign, of which a binary format knows nothing."""
    return dataclasses.replace(field, decimal="") if isinstance(field, Number) else field


def table(tmp_path: Path, text: str, name: str = "t.csv", encoding: str = "utf-8", **options: object) -> Table:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return read(path, **options)  # type: ignore[arg-type]


def column(tmp_path: Path, cells: list[str], **options: object) -> Table:
    """A table whose column c holds these cells, and whose column k keeps its rows apart."""
    quoted = ('"' + c.replace('"', '""') + '"' for c in cells)
    lines = [f"{math.sqrt(i)},{c},x{i % 3}" for i, c in enumerate(quoted)]
    return table(tmp_path, "k,c,z\n" + "\n".join(lines) + "\n", **options)  # type: ignore[arg-type]


def said(found: Table, level: str | None = None) -> str:
    return "\n".join(n.text for n in found.notes if level in (None, n.level))
