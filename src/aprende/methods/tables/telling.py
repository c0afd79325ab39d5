"""Columns from which alone the target can be told nearly without error: another spelling of it, whatever the formula.

Each value is told from the others only: a number from the nearest smaller and greater ones and their targets,
so that an identifier which comes back with its row tells nothing; a word from the other rows that have it. Errors are
counted in ranks, so that a few enormous values decide nothing. Knows no column by name.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.fields import Columns, Field
from aprende.core.words import t

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
SURE = 0.999  # R² of ranks, or share of right classes, above which no honest column comes
MAJORITY = 0.95  # share of the commonest class from which being right is no feat
ROWS, ROWS_APART = 200, 1000  # that a word, and a threshold between numbers, need to say anything of a class
ROWS_A_WORD = 20  # on average; rarer words are names of rows
WORDS, CLASS_WORDS = 200, 30  # more words are names


def find(columns: Columns, fields: dict[str, Field], target: str, some: Codes) -> list[tuple[str, str]]:
    """Return (column, how well it tells the target) for each such column. some: the rows that are looked at."""
    truth, classes = _truth(columns[target], some)
    found = []
    for name, field in fields.items():
        if name == target or field.kind not in ("number", "category", "boolean"):
            continue
        x, words = _column(columns[name], some)
        known = np.isfinite(x) & np.isfinite(truth)
        if known.sum() < max(ROWS, 0.3 * np.isfinite(truth).sum()):
            continue
        sure = (_class if classes else _number)(x[known], words, truth[known])
        if sure > SURE:
            said = (
                t("alone it tells the class of {share} % of the rows", share=f"{100 * sure:.2f}")
                if classes
                else t("alone it tells the order of the values, with R² {value}", value=f"{sure:.5f}")
            )
            found.append((name, said))
    return found


def _truth(column: Any, some: Codes) -> tuple[Floats, bool]:
    """The target as numbers or codes (n,), NaN where unknown; and whether these are classes."""
    values, words = _column(column, some)
    return values, words or are_classes(values)


def are_classes(values: Floats) -> bool:
    """Tell whether numbers (n,) are two classes: no more than two of them differ."""
    return len(np.unique(values[np.isfinite(values)])) <= 2


def _column(column: Any, some: Codes) -> tuple[Floats, bool]:
    """Numbers, or codes of words (n,), NaN where unknown; and which of both."""
    if isinstance(column, np.ndarray):
        return np.asarray(column, np.float64)[some], False
    chosen = column.gather(some)
    return chosen.rank("dense").cast(float).fill_null(np.nan).to_numpy(), True


def _number(x: Floats, words: bool, truth: Floats) -> float:
    """R² of the target's ranks told from x (0 where x may be a name)."""
    from scipy.stats import rankdata

    ranks = rankdata(truth)
    values, codes, counts = np.unique(x, return_inverse=True, return_counts=True)
    if not words and len(x) < ROWS_A_WORD * len(values):
        means = np.bincount(codes, ranks) / counts
        told = _between(values, means)[codes]
    elif len(values) <= WORDS and len(x) >= ROWS_A_WORD * len(values):
        told = (np.bincount(codes, ranks)[codes] - ranks) / np.maximum(counts[codes] - 1, 1)
    else:
        return 0.0
    inner = np.isfinite(told)
    apart = ((ranks[inner] - ranks[inner].mean()) ** 2).sum()
    return float(1 - ((ranks - told)[inner] ** 2).sum() / apart) if inner.sum() >= ROWS and apart > 0 else 0.0


def _between(x: Floats, y: Floats) -> Floats:
    """For each of rising x what a straight line between its neighbours says of y (n,); NaN at both ends."""
    told = np.full(len(x), np.nan)
    part = (x[1:-1] - x[:-2]) / (x[2:] - x[:-2])
    told[1:-1] = y[:-2] + part * (y[2:] - y[:-2])
    return told


def _class(x: Floats, words: bool, truth: Floats) -> float:
    """Share of the rows whose class is told from x (0 where x may be a name, or where one class is nearly all)."""
    _, classes, sizes = np.unique(truth, return_inverse=True, return_counts=True)
    values, codes = np.unique(x, return_inverse=True)
    if len(sizes) < 2 or sizes.max() > MAJORITY * len(x):
        return 0.0
    few = len(values) <= CLASS_WORDS and len(x) >= ROWS_A_WORD * len(values)
    if not few and (words or len(x) < ROWS_APART or len(sizes) > CLASS_WORDS):
        return 0.0
    table = np.zeros((len(values), len(sizes)), np.int64)
    np.add.at(table, (codes, classes), 1)
    if few:
        votes = table[codes]
        votes[np.arange(len(x)), classes] -= 1  # the other rows of this word
    else:
        beside = np.zeros_like(table)
        beside[1:] += table[:-1]
        beside[:-1] += table[1:]
        votes = beside[codes]
    return float((votes.argmax(axis=1) == classes).mean())
