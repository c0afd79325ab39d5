"""The classes of pictures: which column tells them, as words, and which pictures may stand on which side of a test.

Knows a Table with a column `image`, and no network.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aprende.core import splits
from aprende.core.contract import Table, as_array
from aprende.core.errors import DataError, SettingError, unknown
from aprende.core.fields import Boolean, Category, Number
from aprende.core.settings import Settings
from aprende.core.words import t
from aprende.intake.likeness import near_copies
from aprende.intake.pictures import Loaded

SOUGHT = 20_000  # pictures among which near-copies are sought although the parts are given
MOST = 1000  # distinct numbers that may still be classes
Words = list[str | None]


def candidates(source: Table) -> list[str]:
    """Return the columns that may tell classes, best first."""
    kinds = (Category, Boolean, Number)
    usable = [n for n, f in source.fields.items() if isinstance(f, kinds) and n not in source.dropped]
    return sorted(usable, key=lambda n: (n != source.target, not isinstance(source.fields[n], Category)))


def target_of(source: Table, asked: str) -> str:
    """Return the column of classes: the one asked for, the one that the layout names, or the only one there is."""
    known = candidates(source)
    if asked and asked not in known:
        raise SettingError(unknown(t("column of classes"), asked, known))
    if not asked and source.target is None and len(known) > 1:
        raise DataError(t("Which column tells the class? Give --target, one of: {names}.", names=", ".join(known)))
    return asked or source.target or known[0]


def words(source: Table, target: str, rows: NDArray[np.int64]) -> Words:
    """Return the class of each of these rows as a word; None where there is none."""
    if target not in source.columns:
        raise DataError(unknown(t("column"), target, source.columns))
    column, field = source.columns[target], source.fields[target]
    if isinstance(field, Category):
        held = column.to_list()
        return [held[row] or None for row in rows]
    numbers = as_array(column)[rows]
    known = numbers[np.isfinite(numbers)]
    if (known != np.round(known)).any() or len(np.unique(known)) > MOST:
        raise DataError(t("Column {name} holds quantities, not classes.", name=target))
    return [f"{value:.0f}" if np.isfinite(value) else None for value in numbers]


def part(source: Table, loaded: Loaded, settings: Settings, valid_share: float) -> splits.Split:
    """Part the loaded pictures (row numbers are places in `loaded`): copies, near-copies and groups stay together."""
    times = as_array(source.columns[settings.time])[loaded.kept] if settings.time else None
    return splits.split(
        keys(loaded),
        settings.seed,
        valid_share,
        settings.test_share,
        together(loaded, group_names(source, settings.group, loaded.kept), source.parts is not None),
        times,
        None if source.parts is None else [source.parts[row] for row in loaded.kept],
    )


def keys(loaded: Loaded) -> list[str]:
    """Return the identity of each picture by its content."""
    return [f"{value:016x}" for value in loaded.hashes]


def group_names(source: Table, name: str, rows: NDArray[np.int64]) -> list[str] | None:
    """Return the group of each row, where a column of groups was asked for."""
    if not name:
        return None
    if name not in source.columns:
        raise SettingError(unknown(t("column"), name, source.columns))
    column = list(source.columns[name])
    return [str(column[row]) for row in rows]


def together(loaded: Loaded, groups: Sequence[str] | None, parted: bool) -> list[str]:
    """Return names (n,) in which copies, near-copies, and pictures of one group, share a name (of their content).

    parted: the source tells train from test itself; near-copies are then not sought among very many pictures.
    """
    names = keys(loaded)
    members: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(names):
        members[name].append(row)
    for row, name in enumerate(groups or ()):
        members[f"group {name}"].append(row)
    pairs = [(held[0], other) for held in members.values() for other in held[1:]]
    if not parted or len(names) <= SOUGHT:
        pairs += [(int(a), int(b)) for a, b in near_copies(loaded.thumbs)]
    linked = splits.link(len(names), pairs)
    least: dict[str, str] = {}
    for owner, name in zip(linked, names, strict=True):
        least[owner] = min(name, least.get(owner, name))
    return [least[owner] for owner in linked]
