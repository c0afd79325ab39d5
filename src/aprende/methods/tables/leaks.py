"""Columns that give the target away: from which, alone or with one other number, it can simply be computed.

Looked for in the forms in which tables hold such columns: target = a·x + b, k·x, k·x·m, k·x/m and k·(x ± m), with k the
same for all rows or one for each word of a category, such as a currency; then by whatever tells the target, alone and
nearly without error (`telling`). Knows no column by name.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.fields import Columns, Field
from aprende.core.words import t
from aprende.methods.tables import telling

Floats = NDArray[np.float64]
CLOSE = 0.01  # relative error under which a computed value counts as the target's own
MOST = 0.8  # share of the rows with a value that must be that close
LEAST = 20  # rows
ROWS = 20_000  # rows that are looked at
FEW = 30  # words of a category that may each have its own factor
SCREENED = 150  # rows on which pairs of numbers are tried first
VARIES = 0.5  # share of distinct targets from which agreeing is no accident


PRODUCT, RATIO = "{x} times {m}, times a factor", "{x} divided by {m}, times a factor"
SUM, DIFFERENCE = "{x} plus {m}, times a factor", "{x} minus {m}, times a factor"


def find(columns: Columns, fields: dict[str, Field], target: str) -> list[tuple[str, str]]:
    """Return (column, how the target follows from it) for each that gives the target away, in the table's order."""
    some = _some(len(columns[target]))
    truth = np.asarray(columns[target], dtype=np.float64)[some] if isinstance(columns[target], np.ndarray) else None
    found = [] if truth is None or not _telling(truth) else _formulas(columns, fields, target, truth, some)
    if truth is None or _telling(truth) or telling.are_classes(truth):
        rest = {n: f for n, f in fields.items() if n not in dict(found)}
        found += telling.find(columns, rest, target, some)
    return sorted(found, key=lambda pair: list(columns).index(pair[0]))


def _formulas(
    columns: Columns, fields: dict[str, Field], target: str, truth: Floats, some: NDArray[np.int64]
) -> list[tuple[str, str]]:
    """The columns from which the target, a number, can be computed, and how."""
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
    return found + [(n, how) for n, x in others.items() if (how := _with_another(x, truth, groups, n, others))]


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
    few = np.flatnonzero(np.isfinite(x) & np.isfinite(truth) & (x != 0))
    few = few[:: max(1, len(few) // SCREENED)]
    for group, codes in groups.items() if _promising(x[few], truth[few]) else ():
        if _agrees(_proportional(x, truth, codes), truth, x):
            return _said(t("{x} times a factor", x=name), group)
    return t("a factor times {x}, plus a number", x=name) if _agrees(_line(x, truth), truth, x) else ""


def _with_another(
    x: Floats, truth: Floats, groups: dict[str, NDArray[np.int64]], name: str, others: dict[str, Floats]
) -> str:
    """Return how the target follows from x and one other number that alone tells less; "" where it does not."""
    few = np.flatnonzero(np.isfinite(x) & np.isfinite(truth))
    few = few[:: max(1, len(few) // SCREENED)]
    for other, m in others.items():
        if other == name or not _finer(x[few], m[few]):
            continue
        screened = _forms(x[few], m[few])
        for how in (h for h, value in screened.items() if _promising(value, truth[few])):
            value = _forms(x, m)[how]
            for group, codes in groups.items():
                if _agrees(_proportional(value, truth, codes), truth, x):
                    return _said(t(how, x=name, m=other), group)
    return ""


def _forms(x: Floats, m: Floats) -> dict[str, Floats]:
    """Return what may be the target but for a factor, by how it is computed; NaN where it is nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        forms = {PRODUCT: x * m, RATIO: x / m, SUM: x + m, DIFFERENCE: x - m}
    return {how: np.where(np.isfinite(v) & (v != 0), v, np.nan) for how, v in forms.items()}


def _promising(value: Floats, truth: Floats) -> bool:
    """Tell whether few factors may turn one into the other: most ratios lie close to another ratio."""
    both = np.isfinite(value) & (truth != 0)
    gaps = np.diff(np.sort(np.log(np.abs(truth[both] / value[both]))))
    return int(both.sum()) >= LEAST and float((gaps < CLOSE / 5).mean()) >= 0.6


def _finer(x: Floats, m: Floats) -> bool:
    """Tell whether x is the one to blame: it takes more values than the number it is joined with."""
    both = np.isfinite(m)
    return bool(both.sum() >= LEAST) and len(np.unique(x[both])) > len(np.unique(m[both]))


def _agrees(said: Floats, truth: Floats, x: Floats) -> bool:
    """Tell whether the computed value is the target in most rows where x and the target are known."""
    both = np.isfinite(truth) & np.isfinite(said)
    known = np.isfinite(truth) & np.isfinite(x)
    if both.sum() < max(LEAST, 0.3 * known.sum()) or not _telling(truth[both]):
        return False
    near = np.abs(said[both] - truth[both]) <= CLOSE * np.maximum(np.abs(truth[both]), 1e-12)
    return bool(near.mean() >= MOST)


def _proportional(x: Floats, truth: Floats, codes: NDArray[np.int64]) -> Floats:
    """Return k·x, k the median ratio in each group (n,)."""
    both = np.isfinite(x) & np.isfinite(truth) & (x != 0)
    factor = np.full(len(x), np.nan)
    for code in np.unique(codes[both]):
        here = codes == code
        if (here & both).sum() >= 3:
            factor[here] = np.median(truth[here & both] / x[here & both])
    return factor * x


def _line(x: Floats, truth: Floats) -> Floats:
    """Return a·x + b, through the middles of the lower and the upper third (Tukey's resistant line, 1977)."""
    both = np.flatnonzero(np.isfinite(x) & np.isfinite(truth))
    if len(both) < LEAST:
        return np.full(len(x), np.nan)
    order = both[np.argsort(x[both], kind="stable")]
    low, high = order[: len(order) // 3], order[-(len(order) // 3) :]
    run = float(np.median(x[high]) - np.median(x[low]))
    slope = float(np.median(truth[high]) - np.median(truth[low])) / run if run else 0.0
    return slope * x + float(np.median(truth[both] - slope * x[both]))


def _said(how: str, group: str) -> str:
    return t("{how} that depends on {group}", how=how, group=group) if group else how
