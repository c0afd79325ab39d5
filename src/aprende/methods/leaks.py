"""Columns that give the target away: from which, alone or with one other number, it can simply be computed.

Looked for in the forms in which tables hold such columns: target = k·x, a·x + b, k·x·m and k·x/m, with k (and b) the
same for all rows or one for each word of a category, such as a currency. Knows no column by name.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.fields import Columns, Field
from aprende.core.words import t

Floats = NDArray[np.float64]
CLOSE = 0.01  # relative error under which a computed value counts as the target's own
MOST = 0.8  # share of the rows with a value that must be that close
LEAST = 20  # rows
ROWS = 20_000  # rows that are looked at
FEW = 30  # words of a category that may each have its own factor
VARIES = 0.5  # share of distinct targets from which agreeing is no accident


def find(columns: Columns, fields: dict[str, Field], target: str) -> list[tuple[str, str]]:
    """Return (column, how the target follows from it) for each that gives the target away, in the table's order."""
    some = _some(len(columns[target]))
    truth = np.asarray(columns[target], dtype=np.float64)[some] if isinstance(columns[target], np.ndarray) else None
    if truth is None or not _telling(truth):
        return []
    numbers = {
        n: np.asarray(columns[n], np.float64)[some] for n, f in fields.items() if f.kind == "number" and n != target
    }
    words = {n: codes for n, f in fields.items() if f.kind == "category" and n != target
             and (codes := _codes(columns[n], some)) is not None}  # fmt: skip
    groups: dict[str, NDArray[np.int64]] = {"": np.zeros(len(truth), np.int64), **words}
    found = []
    for name, x in numbers.items():
        how = _alone(x, truth, groups, name)
        if how:
            found.append((name, how))
    leaky = {name for name, _ in found}
    others = {n: x for n, x in numbers.items() if n not in leaky}
    found += [(name, how) for name, x in others.items() if (how := _with_another(x, truth, groups, name, others))]
    return sorted(found, key=lambda pair: list(columns).index(pair[0]))


def _some(n: int) -> NDArray[np.int64]:
    return np.arange(n) if n <= ROWS else np.sort(np.random.default_rng(0).permutation(n)[:ROWS])


def _telling(truth: Floats) -> bool:
    """Tell whether the target varies so much that agreeing with it is no accident."""
    known = truth[np.isfinite(truth)]
    return len(known) >= LEAST and len(np.unique(known)) >= max(LEAST, min(200, VARIES * len(known)))


def _codes(column: Any, some: NDArray[np.int64]) -> NDArray[np.int64] | None:
    words = np.array([w or "" for w in column.to_list()], dtype=object)[some]
    found, codes = np.unique(words.astype(str), return_inverse=True)
    return codes.astype(np.int64) if 1 < len(found) <= FEW else None


def _alone(x: Floats, truth: Floats, groups: dict[str, NDArray[np.int64]], name: str) -> str:
    for group, codes in groups.items():
        if _agrees(_proportional(x, truth, codes), truth, x):
            return _said(t("{x} times a factor", x=name), group)
        if _agrees(_linear(x, truth, codes), truth, x):
            return _said(t("a factor times {x}, plus a number", x=name), group)
    return ""


def _with_another(
    x: Floats, truth: Floats, groups: dict[str, NDArray[np.int64]], name: str, others: dict[str, Floats]
) -> str:
    """Return how the target follows from x and one other number that alone tells less; "" where it does not."""
    for other, m in others.items():
        if other == name or not _stronger(x, m, truth):
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            forms = (
                (x * m, t("{x} times {m}, times a factor", x=name, m=other)),
                (x / m, t("{x} divided by {m}, times a factor", x=name, m=other)),
            )
        for value, how in forms:
            value = np.where(np.isfinite(value) & (value != 0), value, np.nan)
            for group, codes in groups.items():
                if _agrees(_proportional(value, truth, codes), truth, x):
                    return _said(how, group)
    return ""


def _stronger(x: Floats, m: Floats, truth: Floats) -> bool:
    """Tell whether x is the one to blame: it is finer (takes more values) than the number it is joined with."""
    both = np.isfinite(x) & np.isfinite(m) & np.isfinite(truth)
    return bool(both.sum() >= LEAST) and len(np.unique(x[both])) > len(np.unique(m[both]))


def _agrees(said: Floats, truth: Floats, x: Floats) -> bool:
    """Tell whether the computed value is the target in most rows where x and the target are known."""
    both = np.isfinite(truth) & np.isfinite(said)
    known = np.isfinite(truth) & np.isfinite(x)
    if both.sum() < max(LEAST, 0.3 * known.sum()) or not _telling(truth[both]):
        return False
    near = np.abs(said[both] - truth[both]) <= CLOSE * np.maximum(np.abs(truth[both]), 1e-12)
    return bool(near.mean() >= MOST)


def _each(
    codes: NDArray[np.int64], both: NDArray[np.bool_], fit: Callable[[NDArray[np.bool_]], tuple[float, float]]
) -> Any:
    """Return slope and intercept of each row's group (n, 2)."""
    made = np.full((len(codes), 2), np.nan)
    for code in np.unique(codes[both]):
        here = codes == code
        if (here & both).sum() >= 3:
            made[here] = fit(here & both)
    return made


def _proportional(x: Floats, truth: Floats, codes: NDArray[np.int64]) -> Floats:
    """Return k·x, k the median ratio in each group."""
    both = np.isfinite(x) & np.isfinite(truth) & (x != 0)
    line = _each(codes, both, lambda rows: (float(np.median(truth[rows] / x[rows])), 0.0))
    return np.asarray(line[:, 0] * x)


def _linear(x: Floats, truth: Floats, codes: NDArray[np.int64]) -> Floats:
    """Return a·x + b, through the middles of the lower and the upper half of each group (Tukey's resistant line)."""
    both = np.isfinite(x) & np.isfinite(truth)

    def fit(rows: NDArray[np.bool_]) -> tuple[float, float]:
        order = np.argsort(x[rows], kind="stable")
        a, b = x[rows][order], truth[rows][order]
        third = max(1, len(a) // 3)
        run = float(np.median(a[-third:]) - np.median(a[:third]))
        slope = float(np.median(b[-third:]) - np.median(b[:third])) / run if run else 0.0
        return slope, float(np.median(b - slope * a))

    line = _each(codes, both, fit)
    return np.asarray(line[:, 0] * x + line[:, 1])


def _said(how: str, group: str) -> str:
    return t("{how} that depends on {group}", how=how, group=group) if group else how
