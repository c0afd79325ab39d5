"""Target encodings: the mean of the target over rows that share a key, shrunk towards the mean of all.

Micci-Barreca (2001) for the shrinkage; out of fold, so that no training row sees its own target (Prokhorenkova et al.
2018 tell why). Knows no column by name.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aprende.methods.tables.blocks import Floats, Matrix, beside
from aprende.methods.tables.views import Keys, Rows, mixed, of_numbers

FOLDS = 5
MANY = 50_000  # distinct keys beyond which those seen once are left to the mean of all
Codes = NDArray[np.int64]


def look_up(keys: Keys, known: Keys) -> Codes:
    """Return the place of each key in the sorted `known`, len(known) where it is not there. Shape (n,)."""
    if not len(known):
        return np.zeros(len(keys), dtype=np.int64)
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[at] == keys, at, len(known))


class Index:
    """Several sorted arrays of keys as one table: the rows of each, then one for the keys that it lacks."""

    def __init__(self, known: list[Keys]) -> None:
        sizes = np.array([len(k) + 1 for k in known])
        self.known = known
        self.starts = (sizes.cumsum() - sizes)[:, None]
        self.lacking = self.starts + sizes[:, None] - 1
        self.every = np.concatenate([np.append(k, np.uint64(0)) for k in known])

    def look_up(self, keys: Keys) -> Codes:
        """Return for each array's keys (arrays, n) their rows in the table (arrays, n)."""
        at = np.concatenate([k.searchsorted(asked) for k, asked in zip(self.known, keys, strict=True)])
        rows = at.reshape(keys.shape) + self.starts
        return np.asarray(np.where((self.every[rows] == keys) & (rows < self.lacking), rows, self.lacking))


def random_folds(owner: Codes, seed: int, k: int = FOLDS) -> Codes:
    """Return a fold (n,) for each row; rows with the same owner (n,) are in the same fold."""
    found, codes = np.unique(owner, return_inverse=True)
    return np.random.default_rng(seed).permutation(np.arange(len(found)) % k)[codes]


def means(codes: Codes, signals: Floats, levels: int, smooth: float, prior: Floats) -> Floats:
    """Return the shrunk mean of signals (n, S) for each level, and the prior as one more: (levels + 1, S)."""
    count = np.bincount(codes, minlength=levels)[:levels, None]
    total = np.stack([np.bincount(codes, s, minlength=levels)[:levels] for s in signals.T], axis=1)
    return np.concatenate([(total + smooth * prior) / (count + smooth), prior[None]])


@dataclass(frozen=True)
class Encoding:
    """Means of the target by key. `views` names the key, or the two whose pair is the key.

    known (U,) sorted keys; values (U + 1, S) means, the last for unknown keys; counts (U + 1,) log1p of rows seen.
    """

    views: list[str]
    width: int  # how many signals are the target's own
    known: Keys
    values: NDArray[np.float32]
    counts: NDArray[np.float32]

    @property
    def names(self) -> list[str]:
        """ "mean of <view>" for each signal, then "rows of <view>"."""
        name = " × ".join(self.views)
        return [f"mean {i} of {name}" for i in range(self.values.shape[1])] + [f"rows of {name}"]

    def transform(self, rows: Rows) -> Matrix:
        """Return (n, S + 1)."""
        codes = look_up(key_of(rows, self.views), self.known)
        return self.columns(self.values[codes].astype(np.float64), codes, rows.rough)

    def columns(self, values: Floats, codes: Codes, rough: Floats) -> Matrix:
        """Return means (n, S) and counts as features."""
        return np.column_stack([beside(values, rough, self.width), self.counts[codes]]).astype(np.float32)


class Together:
    """Encodings of one width side by side: a few operations for all, where each alone needs a dozen."""

    def __init__(self, blocks: list[Encoding]) -> None:
        self.blocks = blocks
        self.pairs = [i for i, b in enumerate(blocks) if len(b.views) == 2]
        self.views = list(dict.fromkeys(v for b in blocks for v in b.views))
        self.first = [self.views.index(b.views[0]) for b in blocks]
        self.second = [self.views.index(blocks[i].views[1]) for i in self.pairs]
        self.index = Index([b.known for b in blocks])
        signals = [b.values.shape[1] for b in blocks]
        self.width, self.most = blocks[0].width, max(signals)
        gaps = [np.zeros((len(b.values), self.most - s), np.float32) for b, s in zip(blocks, signals, strict=True)]
        rows = [np.column_stack([b.values, g, b.counts]) for b, g in zip(blocks, gaps, strict=True)]
        self.table = np.concatenate(rows)  # means, zeros where a block has fewer, counts
        columns = np.arange(len(blocks) * (self.most + 1)).reshape(len(blocks), -1)
        self.used = np.concatenate([np.append(c[:s], c[-1]) for c, s in zip(columns, signals, strict=True)])

    def transform(self, rows: Rows) -> Matrix:
        """Return the blocks' matrices (n, columns): the same bits as from each alone."""
        made = self.table[self.index.look_up(self._keys(rows))]  # (blocks, n, columns)
        means = made[:, :, self.width : self.most]
        means[:] = means.astype(np.float64) + rows.rough[:, : self.most - self.width]
        return np.asarray(made.transpose(1, 0, 2).reshape(len(rows), -1)[:, self.used])

    def _keys(self, rows: Rows) -> Keys:
        """Return the keys (blocks, n)."""
        made = [rows.keys[v] if v in rows.keys else key_of(rows, [v]) for v in self.views]
        held = np.concatenate(made).reshape(len(made), -1)
        keys = held[self.first]
        if self.pairs:
            keys[self.pairs] = mixed(keys[self.pairs], held[self.second])
        return np.asarray(keys)


def key_of(rows: Rows, views: list[str]) -> Keys:
    """Return the key (n,) of a view, or of a pair; "#name" is a number as a key."""
    keys = [of_numbers(rows.numbers[:, rows.names.index(v[1:])]) if v[0] == "#" else rows.keys[v] for v in views]
    return keys[0] if len(keys) == 1 else mixed(keys[0], keys[1])


def fit(
    rows: Rows, views: list[str], signals: Floats, width: int, smooth: float, fold: Codes
) -> tuple[Encoding, Matrix]:
    """Learn one encoding; return it and its out-of-fold matrix for these training rows."""
    known, codes, counts = np.unique(key_of(rows, views), return_inverse=True, return_counts=True)
    if len(known) > MANY:
        often = counts > 1
        codes = np.where(often, np.cumsum(often) - 1, int(often.sum()))[codes]
        known, counts = known[often], counts[often]
    levels, prior = len(known), signals.mean(axis=0)
    values = means(codes, signals, levels, smooth, prior)
    logs = np.log1p(np.append(counts, 0)).astype(np.float32)
    block = Encoding(views, width, known, values.astype(np.float32), logs)
    held = np.empty_like(signals)
    for k in np.unique(fold):
        out = fold == k
        held[out] = means(codes[~out], signals[~out], levels, smooth, prior)[codes[out]]
    return block, block.columns(held, codes, rows.rough)
