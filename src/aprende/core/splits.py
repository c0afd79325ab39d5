"""Train, valid and test by a stable hash of content: a row stays on its side when the file grows or is shuffled.

Rows that belong together (the same group, copies, near-duplicates) are never parted. Knows no modality: whoever calls
gives each row's key and, where there are any, its group, its time and its near-duplicate links.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Row numbers of each part, and how many rows are copies of an earlier one."""

    train: Index
    valid: Index
    test: Index
    copies: int = 0


def digest(*parts: object) -> str:
    """Return a short stable name for content: 16 hex digits of BLAKE2b."""
    held = hashlib.blake2b(digest_size=8)
    for part in parts:
        held.update(part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass"))
        held.update(b"\x1f")
    return held.hexdigest()


def unit_interval(keys: Sequence[str], seed: int) -> NDArray[np.float64]:
    """Return for each key a number in [0, 1) that depends on key and seed alone. Shape (n,)."""
    cache: dict[str, float] = {}
    for key in keys:
        if key not in cache:
            held = hashlib.blake2b(f"{seed}\x1f{key}".encode("utf-8", "surrogatepass"), digest_size=8)
            cache[key] = int.from_bytes(held.digest(), "big") / 2**64
    return np.array([cache[key] for key in keys])


def split(
    keys: Sequence[str],
    seed: int = 0,
    valid_share: float = 0.15,
    test_share: float = 0.2,
    groups: Sequence[str] | None = None,
    times: NDArray[np.float64] | None = None,
    given: Sequence[str | None] | None = None,
) -> Split:
    """Part the rows.

    keys: (n,) content keys (equal = copies). groups: (n,) names that must stay together. times: (n,) — test is the
    latest share, valid the latest of what remains. given: (n,) "train" | "valid" | "test" | None, which is respected.
    """
    owners = _together(keys, groups)
    place = _by_time(times, owners) if times is not None else _ranks(unit_interval(owners, seed), owners)
    test = place >= 1 - test_share
    valid = ~test & (place >= 1 - test_share - valid_share * (1 - test_share))
    part = np.where(test, "test", np.where(valid, "valid", "train"))
    if given is not None:
        part = _respect(part, given, place, valid_share)
    train, valid_rows, test_rows = (np.flatnonzero(part == name) for name in ("train", "valid", "test"))
    return Split(train, valid_rows, test_rows, copies=len(keys) - len(set(keys)))


def folds(keys: Sequence[str], k: int, seed: int = 0, groups: Sequence[str] | None = None) -> NDArray[np.int64]:
    """Return each row's fold in 0 … k-1 (n,), of about equal size; copies and groups stay together."""
    owners = _together(keys, groups)
    return np.minimum((_ranks(unit_interval(owners, seed + 1), owners) * k).astype(np.int64), k - 1)


def _ranks(place: NDArray[np.float64], owners: Sequence[str]) -> NDArray[np.float64]:
    """Spread places so that a share of the rows is a share of the unit interval, small tables included.

    With many rows the hash is even enough, and a row keeps its side when others come; below 2,000 sizes matter more.
    """
    if len(place) >= 2000:
        return place
    order = np.lexsort((np.asarray(owners), place))
    ranks = np.empty(len(place))
    ranks[order] = np.arange(len(place)) / max(1, len(place))
    return _first_of_owner(ranks, owners)


def _by_time(times: NDArray[np.float64], owners: Sequence[str]) -> NDArray[np.float64]:
    filled = np.where(np.isnan(times), -np.inf, times)
    ranks = np.empty(len(times))
    ranks[np.argsort(filled, kind="stable")] = np.arange(len(times)) / max(1, len(times))
    return _first_of_owner(ranks, owners)


def _first_of_owner(ranks: NDArray[np.float64], owners: Sequence[str]) -> NDArray[np.float64]:
    least: dict[str, float] = {}
    for owner, rank in zip(owners, ranks, strict=True):
        least[owner] = min(rank, least.get(owner, 2.0))
    return np.array([least[o] for o in owners])


def _respect(
    part: NDArray[np.str_], given: Sequence[str | None], place: NDArray[np.float64], share: float
) -> NDArray[np.str_]:
    """Keep the parts that came with the data; carve valid out of train where none came."""
    said = np.array([g or "" for g in given])
    made = np.where(said != "", said, part)
    if not (made == "valid").any():
        order = np.flatnonzero(made == "train")
        order = order[np.argsort(place[order], kind="stable")]
        cut = place[order[int(len(order) * (1 - share))]] if len(order) else 1.0
        made = np.where((made == "train") & (place >= cut), "valid", made)
    return made


def _together(keys: Sequence[str], groups: Sequence[str] | None) -> list[str]:
    """Return for each row the name of the set it belongs to: linked through equal keys or equal groups."""
    if groups is None:
        return list(keys)
    parent: dict[str, str] = {}

    def root(x: str) -> str:
        while parent.setdefault(x, x) != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    pairs = [("k" + k, "g" + g) for k, g in zip(keys, groups, strict=True)]
    for a, b in pairs:
        parent[root(a)] = root(b)
    return [root(a) for a, _ in pairs]


def link(n: int, pairs: Iterable[tuple[int, int]]) -> list[str]:
    """Return group names (n,) in which linked rows (near-duplicates) share a name."""
    parent = list(range(n))

    def root(x: int) -> int:
        while parent[x] != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for a, b in pairs:
        ra, rb = root(a), root(b)
        parent[max(ra, rb)] = min(ra, rb)
    return [str(root(i)) for i in range(n)]
