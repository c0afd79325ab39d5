"""What of a table is learnt from: which columns are predicted, which are inputs, which rows are in which part.

Knows settings, fields and notes; no features and no model.
"""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core import splits
from aprende.core.contract import Note, Table
from aprende.core.errors import DataError, SettingError, unknown
from aprende.core.fields import Columns, Field
from aprende.core.settings import Settings
from aprende.core.words import t
from aprende.methods.tables import leaks
from aprende.methods.tables.targets import Target, words

Rows = NDArray[np.int64]
PREDICTABLE = ("number", "category", "boolean")


def chosen_targets(source: Table, settings: Settings) -> list[str]:
    """Return the columns to predict; raise where none is named, or where one is not there or cannot be predicted."""
    asked = settings.target or source.target or ""
    if not asked:
        raise SettingError(
            t("Which column shall be predicted? Give a target: one of {names}.", names=", ".join(source.fields))
        )
    names = [asked] if asked in source.columns else [n.strip() for n in asked.split(",") if n.strip()]
    for name in names:
        if name not in source.columns:
            raise SettingError(unknown(t("column"), name, source.columns))
        kind = source.fields[name].kind
        if kind not in PREDICTABLE:
            said = t(
                "{name} holds {kind}; what can be predicted are numbers, words and yes or no.", name=name, kind=kind
            )
            raise DataError(said)
    return names


def chosen_inputs(source: Table, settings: Settings, names: list[str], notes: list[Note]) -> dict[str, Field]:
    """Return the columns to learn from; those that give a target away are left out, loudly, unless asked for."""
    for name in [*settings.drop, *settings.keep]:
        if name not in source.columns:
            raise SettingError(unknown(t("column"), name, source.columns))
    out = {*names, *settings.drop, *(set(source.dropped) - set(settings.keep))}
    inputs = {n: f for n, f in source.fields.items() if n not in out}
    for target in names:
        for name, how in leaks.find(source.columns, inputs, target):
            said = t("{name} gives {target} away ({how}).", name=name, target=target, how=how)
            if name in settings.keep:
                notes.append(Note(said + " " + t("It is kept, as asked."), "warning", name))
                continue
            inputs.pop(name)
            notes.append(
                Note(said + " " + t("It is left out; --keep {name} would keep it.", name=name), "warning", name)
            )
    if not inputs:
        raise DataError(t("No column is left to learn from."))
    return inputs


def known(source: Table, names: list[str]) -> Rows:
    """Return the rows in which every target has a value."""
    held = np.ones(source.rows, dtype=bool)
    for name in names:
        column = source.columns[name]
        held &= np.isfinite(column) if isinstance(column, np.ndarray) else column.is_not_null().to_numpy()
    return np.flatnonzero(held)


def keys_of(columns: Columns) -> list[str]:
    """Return each row's content as a short name: equal rows share it."""
    listed = [column.tolist() if isinstance(column, np.ndarray) else column.to_list() for column in columns.values()]
    return [splits.digest(row) for row in zip(*listed, strict=True)]


def split(source: Table, settings: Settings, rows: Rows, keys: list[str]) -> tuple[splits.Split, Any]:
    """Return the parts of these rows, and their groups (n,) or None."""
    groups = times = None
    if settings.group:
        groups = np.array([str(v) for v in _column(source, settings.group, rows)])
    if settings.time:
        times = np.asarray(_column(source, settings.time, rows), dtype=np.float64)
    given = None if source.parts is None else [source.parts[i] for i in rows]
    names = None if groups is None else groups.tolist()
    made = splits.split(keys, settings.seed, test_share=settings.test_share, groups=names, times=times, given=given)
    return made, groups


def _column(source: Table, name: str, rows: Rows) -> Any:
    if name not in source.columns:
        raise SettingError(unknown(t("column"), name, source.columns))
    column = source.columns[name]
    return column[rows].tolist() if isinstance(column, np.ndarray) else column.gather(rows).to_list()


def answerable(rows: Rows, truths: list[NDArray[Any]], targets: list[Target]) -> Rows:
    """Return those of these rows whose classes were all seen in training."""
    for truth, target in zip(truths, targets, strict=True):
        if target.classes:
            rows = rows[truth[rows] >= 0]
    return rows


def check_classes(targets: list[Target], columns: Columns, notes: list[Note]) -> None:
    """Raise where a target has a single class; note classes that are rare or were not seen in training."""
    for target in (g for g in targets if g.classes):
        if target.classes == 1:
            said = t("Column {name} has one class only, {only}: there is nothing to tell apart.",
                     name=target.name, only=target.options[0])  # fmt: skip
            raise DataError(said)
        counts = Counter(words(columns[target.name]))
        rare = [w for w in target.options if counts[w] < 5]
        if rare:
            shown = ", ".join(rare[:5])
            notes.append(
                Note(t("classes with fewer than 5 rows: {names}", names=shown), "warning", target.name, len(rare))
            )
        unseen = sum(n for w, n in counts.items() if w not in target.options)
        if unseen:
            notes.append(Note(t("rows of classes that train does not have"), "set aside", target.name, unseen))
