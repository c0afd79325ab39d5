"""Tables as people have them → `core.contract.Table`: decided on whole-column evidence, and every decision a note.

`read` is the same for training and for prediction (`fields`: the model's). No user file is ever changed. Knows no
system: what to do with rows without a target, with copies, or with a column that gives the answer away comes later.
"""

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Note, Table
from aprende.core.engine import side_by_side
from aprende.core.errors import DataError, InputError, nearest, unknown
from aprende.core.fields import Boolean, Column, Date, Field, Number, Place
from aprende.core.words import t
from aprende.intake import numbers, places
from aprende.intake.columns import understand
from aprende.intake.delimited import Grid, as_text, may_hide_thousands, with_points
from aprende.intake.formats import grid_of_columns, grid_of_files, grid_of_frame, grid_of_rows
from aprende.intake.lexicon import MISSING
from aprende.intake.understood import SHOWN, Ask, Hints, Understood, bad_note, learnt, missing_note, place
from aprende.intake.writing import write as write

if TYPE_CHECKING:
    import polars as pl

LEAST_ROWS = 10
Found = dict[str, Understood]


def read(
    source: Any,
    target: str | Sequence[str] | None = None,
    fields: Mapping[str, Field] | None = None,
    least: int | None = None,
    most_bytes: int | None = None,
) -> Table:
    """Return a table from a path, several paths, a DataFrame (polars, pandas), a dict of columns or a list of dicts.

    `target`: the column(s) to be predicted; never left out, and a class stays in its own words. `fields`: a model's
    fields; columns are read as these, further columns are passed over, and an absent target is no error. `least`: rows
    that must be there (default: LEAST_ROWS to learn, 1 to predict); `most_bytes`: to which a file may be unpacked.
    Raises DataError where there is no usable table, InputError where a column that `fields` needs is absent.
    """
    targets = [target] if isinstance(target, str) else list(target or ())
    with tempfile.TemporaryDirectory(prefix="aprende-") as scratch:
        grid = _grid(source, Path(scratch), _number_names(fields), most_bytes)
        _check_size(grid, least if least is not None else LEAST_ROWS if fields is None else 1)
        table = _to_learn(grid, targets) if fields is None else _to_predict(grid, fields, targets)
    one = targets[0] if len(targets) == 1 and targets[0] in table.columns else None
    return dataclasses.replace(table, source=", ".join(map(str, _paths(source))), target=one)


def original(source: Any) -> dict[str, "pl.Series"]:
    """Return the source's own cells, unchanged, in the rows that `read` returns: to write results beside them."""
    with tempfile.TemporaryDirectory(prefix="aprende-") as scratch:
        frame = _grid(source, Path(scratch), set()).frame
    return {name: frame[name] for name in frame.columns}


def _paths(source: Any) -> list[Path]:
    """The paths that the source is made of; none where it is no path."""
    many = source if isinstance(source, (list, tuple)) else [source]
    return [Path(p) for p in many] if all(isinstance(p, (str, Path)) for p in many) else []


def _grid(source: Any, scratch: Path, wanted_numbers: set[str] | None, most_bytes: int | None = None) -> Grid:
    if paths := _paths(source):
        return grid_of_files(paths, scratch, wanted_numbers, most_bytes)
    if isinstance(source, Mapping):
        return grid_of_columns(source)
    if hasattr(source, "columns"):
        return grid_of_frame(source)
    if isinstance(source, (list, tuple)) and source and all(isinstance(r, Mapping) for r in source):
        return grid_of_rows(source)
    kind = type(source).__name__
    said = t("Expected a file, files, a DataFrame, a dict of columns or a list of dicts; got {kind}.", kind=kind)
    raise DataError(said)


def _number_names(fields: Mapping[str, Field] | None) -> set[str] | None:
    """The columns that may be read as numbers at once, at prediction: not codes, which keep their zeros."""
    if fields is None:
        return None
    halves = {half for n, f in fields.items() if isinstance(f, Place) for half in n.split(", ")}
    return halves | {n for n, f in fields.items() if isinstance(f, (Number, Boolean))}


def _check_size(grid: Grid, least: int) -> None:
    rows, names = grid.frame.height, ", ".join(grid.names)[:200]
    if rows < least or not names:
        counts = {"rows": rows, "least": least, "names": names}
        said = t("The table has {rows} rows; at least {least} are needed. Columns: {names}.", **counts)
        raise DataError(said + " " + t("Add rows, or give another file."))


def _to_learn(grid: Grid, targets: list[str]) -> Table:
    for name in targets:
        if name not in grid.names:
            raise DataError(unknown(t("target column"), name, grid.names))
    rows, found = grid.frame.height, _understood(grid, targets, None)
    notes = list(grid.notes)
    found = _with_places(found, targets, notes)
    notes += [note for c in found.values() for note in c.notes]
    for name in targets:
        notes += _target_notes(name, found[name], rows)
    dropped = {name: c.dropped for name, c in found.items() if c.dropped}
    said = {name: t("{name} is left out: it {reason}.", name=name, reason=why) for name, why in dropped.items()}
    notes += [Note(text, "left out", name) for name, text in said.items()]
    return _table(found, {n: _remembering(c) for n, c in found.items()}, notes, dropped)


def _remembering(column: Understood) -> Field:
    """The column's field, which keeps how it was written for texts that can be read in two ways."""
    field = column.field
    if isinstance(field, Number):
        return dataclasses.replace(field, decimal=column.decimal)
    return dataclasses.replace(field, day_first=column.day_first) if isinstance(field, Date) else field


def _to_predict(grid: Grid, fields: Mapping[str, Field], targets: list[str]) -> Table:
    wanted, notes = _wanted(grid, fields, targets), list(grid.notes)
    extra = [n for n in grid.names if n not in wanted]
    if extra:
        said = t("{n} columns are not used by the model: {names}.", n=len(extra), names=", ".join(extra)[:200])
        notes.append(Note(said, count=len(extra)))
    read, found = _understood(grid, targets, wanted), {}
    for name, field in fields.items():
        parts = places.parts_of(name, set(read)) if isinstance(field, Place) and name not in read else None
        if parts:
            found[name] = _joined(Ask(name, wanted=field), read[parts[0]], read[parts[1]])
        elif name in read:
            found[name] = read[name]
    notes += [note for c in found.values() for note in c.notes]
    notes += [note for name, c in found.items() for note in _written_otherwise(name, c, fields[name])]
    return _table(found, {n: fields[n] for n in found}, notes, {})


def _written_otherwise(name: str, column: Understood, field: Field) -> list[Note]:
    """A note where the table leaves no doubt that it is not written as train was."""
    known, n = learnt(field), len(column.values)
    if column.unsure:
        return []
    if known.decimal and column.decimal not in ("", known.decimal):
        said = t("{name}: the decimal sign is {sign!r} here; it was {other!r} where the model learnt.", name=name,
                 sign=column.decimal, other=known.decimal)  # fmt: skip
        return [Note(said, "warning", name, n)]
    if known.day_first is not None and column.day_first not in (None, known.day_first):
        orders = t("day/month/year"), t("month/day/year")
        first, other = orders if column.day_first else orders[::-1]
        said = t("{name}: dates are {order} here; they were {other} where the model learnt.", name=name, order=first,
                 other=other)  # fmt: skip
        return [Note(said, "warning", name, n)]
    return []


def _wanted(grid: Grid, fields: Mapping[str, Field], targets: list[str]) -> dict[str, Field]:
    """The table's columns that are to be read, each with its field; a place may be in two of them."""
    wanted: dict[str, Field] = {}
    for name, field in fields.items():
        parts = places.parts_of(name, set(grid.names)) if isinstance(field, Place) else None
        if name in grid.names:
            wanted[name] = field
        elif parts:
            wanted |= dict.fromkeys(parts, Number())
        elif name not in targets:
            near = nearest(name, grid.names)
            hint = " " + t("Did you mean {name!r}?", name=near) if near else ""
            said = t("The column {name!r} is needed and absent.", name=name) + hint
            raise InputError(said + " " + t("The table has: {names}.", names=", ".join(grid.names)[:300]))
    return wanted


def _table(found: Found, fields: dict[str, Field], notes: list[Note], dropped: dict[str, str]) -> Table:
    return Table({n: c.values for n, c in found.items()}, fields, tuple(notes), dropped=dropped)


def _understood(grid: Grid, targets: list[str], wanted: Mapping[str, Field] | None) -> Found:
    """Every column (or every wanted one) understood.

    What has two readings is read as the rest of the file is; at prediction as train was, unless the file is otherwise.
    """
    names = [n for n in grid.names if wanted is None or n in wanted]
    pointed = with_points(grid)

    def one(name: str, hints: Hints) -> Understood:
        ask = Ask(name, grid.first_line, hints, name in targets, wanted[name] if wanted else None)
        column, notes = _repaired(grid, ask, grid.odd.get(name))
        found = understand(ask, column)
        found.notes[:0] = notes
        found.decimal = found.decimal or "." * (name in pointed)
        return found

    found = dict(zip(names, side_by_side(lambda name: one(name, Hints(grid.decimal)), names), strict=True))
    hints = {n: _hints(found, grid, n, wanted or {}) for n in names if found[n].unsure}
    return found | {name: one(name, hint) for name, hint in hints.items() if hint != Hints(grid.decimal)}


def _hints(found: Found, grid: Grid, name: str, wanted: Mapping[str, Field]) -> Hints:
    """How to read a column with two readings: as the columns that leave no doubt show, but for those written as the
    model knows them; else as the model knows it; else a file of semicolons has decimal commas."""
    sure = [(c, learnt(wanted.get(n))) for n, c in found.items() if not c.unsure]
    decimals = [c.decimal for c, known in sure if c.decimal and c.decimal != known.decimal]
    orders = [c.day_first for c, known in sure if c.day_first is not None and c.day_first != known.day_first]
    known = learnt(wanted.get(name))
    if (known.decimal and not decimals and not grid.decimal) or (known.day_first is not None and not orders):
        return known
    habit = "," if grid.dialect is not None and grid.dialect.delimiter == ";" else ""
    decimal = max(",.", key=decimals.count) if decimals else habit
    return Hints(grid.decimal or decimal, sum(orders) * 2 >= len(orders) if orders else None)


def _repaired(grid: Grid, ask: Ask, odd: "pl.DataFrame | None") -> tuple["pl.Series", list[Note]]:
    """A column read as numbers with its odd cells accounted for; as text again where these say something else."""
    import polars as pl

    column, notes = grid.frame[ask.name], []
    if grid.path and column.dtype.is_float() and (n := int(column.is_nan().sum())):
        notes, column = [missing_note(ask.name, n, ["NaN"])], column.fill_nan(None)
    if may_hide_thousands(grid, ask.name):
        return as_text(grid, ask.name), []
    if odd is None:
        return column, notes
    none = odd.select(pl.col("value").str.strip_chars().str.to_lowercase().is_in([*MISSING, ""])).to_series()
    others = odd.filter(~none)
    if not len(others):
        return column, [*notes, *_missing_cells(ask.name, odd)]
    filled = len(column) - column.null_count() + len(others)
    once = pl.repeat(1, len(others), dtype=pl.UInt32, eager=True)
    read = numbers.parse(others["value"], once, learnt(ask.wanted).decimal, forced=True)
    if read is None or read.decimal == "," or read.unit or len(others) > (1 - numbers.ENOUGH) * filled:
        return as_text(grid, ask.name), []
    good = read.values.is_not_null()
    column = column.scatter(others.filter(good)["row"], read.values.filter(good)) if good.any() else column
    return column, [*notes, *_missing_cells(ask.name, odd.filter(none)), *_no_numbers(ask, others.filter(~good))]


def _missing_cells(name: str, cells: "pl.DataFrame") -> list[Note]:
    words = cells.filter(cells["value"].str.strip_chars() != "")["value"]
    return [missing_note(name, len(words), words.unique(maintain_order=True).head(4).to_list())] if len(words) else []


def _no_numbers(ask: Ask, cells: "pl.DataFrame") -> list[Note]:
    if not len(cells):
        return []  # numbers after all, in another notation
    values = cells["value"].unique(maintain_order=True).head(SHOWN).to_list()
    return [bad_note(ask, len(cells), t("a number"), cells["row"].head(SHOWN).to_list(), values)]


def _with_places(found: Found, targets: list[str], notes: list[Note]) -> Found:
    """Join each latitude with its longitude, in the place of the first; a column that repeats a place is left out."""
    halves: dict[str, str] = {}
    joined: Found = {}
    numeric = [n for n, c in found.items() if isinstance(c.field, Number) and n not in targets]
    for lat, lng in places.pairs(numeric):
        if places.are_degrees(found[lat].values, found[lng].values):
            name = places.joined_name(lat, lng)
            joined[name] = _joined(Ask(name), found[lat], found[lng])
            halves |= {lat: name, lng: name}
            said = t("{lat} and {lng} are one place.", lat=lat, lng=lng)
            notes.append(Note(said, where=name, count=len(joined[name].values)))
    out: Found = {}
    for name, column in found.items():
        if name not in halves:
            out[name] = column
        elif halves[name] not in out:
            out[halves[name]] = joined[halves[name]]
    _leave_out_copies(out, joined)
    return out


def _joined(ask: Ask, lat: Understood, lng: Understood) -> Understood:
    both, impossible = places.place(lat.values, lng.values)
    notes = [*lat.notes, *lng.notes]
    if impossible:
        said = t("{name}: {n} places are impossible (or 0, 0) and are missing now.", name=ask.name, n=impossible)
        notes.append(Note(said, "repaired", ask.name, impossible))
    return place(ask, both, notes)


def _leave_out_copies(found: Found, joined: Found) -> None:
    for name, column in found.items():
        for other, pair in joined.items():
            if name != other and isinstance(column.field, Place) and _same_place(column.values, pair.values):
                column.dropped = t("says the same as {other}", other=other)


def _same_place(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    near = np.isclose(a, b, rtol=0, atol=1e-4, equal_nan=True).all(axis=1)
    return bool(near.mean() > 0.99)


def _target_notes(name: str, column: Understood, rows: int) -> list[Note]:
    """Count the rows without a target; refuse a target from which nothing can be learnt."""
    known, distinct = _known(column.values)
    if not known:
        raise DataError(t("The target {name!r} is empty in every row; there is nothing to learn from.", name=name))
    if distinct == 1:
        raise DataError(t("The target {name!r} has the same value in every row; there is nothing to learn.", name=name))
    lonely = _lonely_classes(name, column)
    if known == rows:
        return lonely
    said = t("{name}: {n} of {rows} rows have no usable target.", name=name, n=rows - known, rows=rows)
    return [Note(said, "set aside", name, rows - known), *lonely]


def _known(values: Column) -> tuple[int, int]:
    """How many rows of a stored column have a value, and how many values differ."""
    import polars as pl

    if isinstance(values, pl.Series):
        filled = values.drop_nulls()
        return len(filled), filled.n_unique()
    rows = values[~np.isnan(values.reshape(len(values), -1)).any(axis=1)]
    return len(rows), len(np.unique(rows, axis=0))


def _lonely_classes(name: str, column: Understood) -> list[Note]:
    import polars as pl

    if not isinstance(column.values, pl.Series):
        return []
    counts = column.values.drop_nulls().value_counts(sort=True, name="n")
    lonely = sorted(counts.filter(pl.col("n") == 1)[column.values.name].to_list())
    if not lonely or len(lonely) > len(counts) / 2:
        return []
    shown = ", ".join(repr(w) for w in lonely[:5])
    said = t("{name}: {n} classes have one member only ({names}).", name=name, n=len(lonely), names=shown)
    return [Note(said, "warning", name, len(lonely))]
