"""The encoding of a table: columns of any kind in, one float32 matrix out, learnt from training rows alone.

Numbers, dates and frequency codes as they are; ratios of the numbers that tell most; target encodings of every view
and of pairs of the best ones; neighbours in place; worth and neighbours of texts. What looks at the target is out of
fold or leave-one-out for training rows. Needs NumPy, SciPy and polars only. Knows no column by name.
"""

import itertools
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Arrays
from aprende.core.fields import Columns, Field, Json
from aprende.methods.tables import encodings, neighbours, rough, texts
from aprende.methods.tables.blocks import Block, Floats, Matrix, pack, unpack
from aprende.methods.tables.encodings import Encoding, Index, Together, key_of, random_folds
from aprende.methods.tables.neighbours import Places
from aprende.methods.tables.rough import Rough
from aprende.methods.tables.texts import Alike, Text
from aprende.methods.tables.views import Keys, Rows, Views, decide

PAIRED = 6  # views whose pairs are encoded
RATIOS = 4  # numbers whose ratios are features
SAME = 0.6  # share of the best number's strength from which another may stand in for it
TEXTS, PLACES = 2, 2  # columns of a kind that get neighbours
SINGLE, PAIR = 10.0, 5.0  # rows that the mean of all counts as


@dataclass(frozen=True)
class Plain:
    """Numbers and ratios as they are, parts of dates, codes of words by frequency (0 the most frequent, -1 unknown).

    known: for each view `sizes[i]` sorted keys; ranks: their codes.
    """

    numbers: list[str]
    dates: list[int]  # positions of dates among the numbers
    ratios: list[list[int]]
    views: list[str]
    sizes: list[int]
    known: Keys
    ranks: NDArray[np.float32]

    @property
    def names(self) -> list[str]:
        """Numbers, ratios, parts of dates, codes, how many are missing."""
        ratios = [f"{self.numbers[a]} / {self.numbers[b]}" for a, b in self.ratios]
        parts = [f"{self.numbers[d]}: {part}" for d in self.dates for part in ("day of week", "day of year")]
        return [*self.numbers, *ratios, *parts, *(f"code of {v}" for v in self.views), "missing values"]

    def transform(self, rows: Rows) -> Matrix:
        """Return (n, len(names))."""
        x = rows.numbers
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = [np.where(x[:, b] != 0, x[:, a] / x[:, b], np.nan) for a, b in self.ratios]
        parts = [p for d in self.dates for p in (np.floor(x[:, d] + 3) % 7, np.floor(x[:, d]) % 365.2425)]
        missing = np.isnan(x).sum(axis=1)
        made = np.concatenate([x.T, *(c[None] for c in (*ratios, *parts)), self._codes(rows), missing[None]]).T
        return np.asarray(np.clip(made, -3e38, 3e38), dtype=np.float32)

    @cached_property
    def _table(self) -> tuple[Index, NDArray[np.float32]]:
        """The views' keys, and the codes of the rows of their table."""
        ends = np.cumsum(self.sizes)[:-1]
        ranks = [np.append(r, np.float32(-1)) for r in np.split(self.ranks, ends)]
        return Index(np.split(self.known, ends)), np.concatenate(ranks)

    def _codes(self, rows: Rows) -> NDArray[np.float32]:
        """Return the codes (views, n)."""
        if not self.views:
            return np.zeros((0, len(rows)), np.float32)
        index, ranks = self._table
        keys = np.concatenate([rows.keys[view] for view in self.views]).reshape(len(self.views), -1)
        return np.asarray(ranks[index.look_up(keys)])


def fit_plain(rows: Rows, views: Views, ratios: list[list[int]]) -> tuple[Plain, Matrix]:
    """Learn the codes."""
    names = views.by_kind.get("category", [])
    known, ranks = [], []
    for name in names:
        keys, counts = np.unique(rows.keys[name], return_counts=True)
        known.append(keys)
        ranks.append(np.argsort(np.argsort(-counts, kind="stable"), kind="stable").astype(np.float32))
    dates = [rows.names.index(d) for d in views.by_kind.get("date", [])]
    sizes = [len(k) for k in known]
    held = np.concatenate([*known, np.zeros(0, np.uint64)]).astype(np.uint64)
    block = Plain(rows.names, dates, ratios, names, sizes, held, np.concatenate([*ranks, np.zeros(0, np.float32)]))
    return block, block.transform(rows)


KINDS: dict[str, type[Any]] = {k.__name__: k for k in (Plain, Rough, Encoding, Places, Text, Alike)}


@dataclass
class Features:
    """The learnt encoding. `kept` (F,) are the columns of the blocks' matrices that are used; others are dropped."""

    views: Views
    blocks: list[Block]
    kept: NDArray[np.int64]
    names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        every = [name for block in self.blocks for name in block.names]
        self.names = [every[i] for i in self.kept]
        ends = np.cumsum([0, *(len(b.names) for b in self.blocks)])
        spans = list(itertools.pairwise(ends.tolist()))
        self._used = [bool(((self.kept >= a) & (self.kept < b)).any()) for a, b in spans]
        made = [np.arange(a, b) for (a, b), used in zip(spans, self._used, strict=True) if used]
        given = np.concatenate([*made, np.zeros(0, np.int64)])
        self._places, self._all = np.searchsorted(given, self.kept), len(given) == len(self.kept)

    def transform(self, columns: Columns) -> Matrix:
        """Return (n, F) for columns that their fields made regular."""
        rows = self.views.rows(columns)
        parts, texts = self._parts
        for block in self.blocks:
            if isinstance(block, Rough):
                rows.rough = block.guess(rows)
            elif isinstance(block, Text) and block.column in texts:
                rows.weighed[block.column] = block.weigh(rows.texts[block.column])
        matrix = np.concatenate([part.transform(rows) for part in parts], axis=1)
        return matrix if self._all else np.take(matrix, self._places, axis=1)

    @cached_property
    def _parts(self) -> tuple[list[Any], set[str]]:
        """The blocks of which something is used, encodings that follow each other as one; and the columns of texts."""
        used = [block for block, used in zip(self.blocks, self._used, strict=True) if used]
        runs: list[tuple[Any, list[Any]]] = [(kind, list(run)) for kind, run in itertools.groupby(used, key=type)]
        parts = [p for kind, run in runs for p in ([Together(run)] if kind is Encoding else run)]
        return parts, {block.column for block in used if isinstance(block, (Text, Alike))}

    def only(self, columns: NDArray[np.int64]) -> "Features":
        """Return the encoding that gives these of its columns alone; blocks without any are not computed."""
        return Features(self.views, self.blocks, self.kept[np.sort(columns)])

    def save(self) -> tuple[dict[str, Json], Arrays]:
        """Return JSON and arrays from which `load` makes the same encoding. Blocks of which nothing is used go."""
        facts: list[dict[str, Json]] = []
        arrays: Arrays = {"kept": self.kept}
        for i, block in enumerate(self.blocks):
            said, held = pack(block, f"block{i}")
            facts.append({"kind": type(block).__name__, "members": said})
            arrays |= held
        return {"views": self.views.facts, "blocks": facts}, arrays


def load(facts: dict[str, Json], arrays: Arrays) -> Features:
    """Return the encoding that `save` took apart."""
    blocks = [unpack(KINDS[b["kind"]], f"block{i}", b["members"], arrays) for i, b in enumerate(facts["blocks"])]
    return Features(Views(facts["views"]), blocks, arrays["kept"])


def fit(
    columns: Columns,
    fields: dict[str, Field],
    targets: Floats,
    owner: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> tuple[Features, Matrix]:
    """Learn the encoding of training rows; return it and their matrix (n, F).

    targets (n, S): what is to be predicted, as numbers of about unit spread (a number, or one indicator a class).
    owner (n,): rows with the same number belong together and tell nothing about each other; None: each row is its own.
    """
    owner = np.arange(len(targets)) if owner is None else owner
    fold = random_folds(owner, seed)
    views = decide(columns, fields)
    rows = views.rows(columns)
    best, strength = _numbers_that_tell(rows, targets)
    guess = rough.fit(rows, targets, [j for j, s in zip(best, strength, strict=True) if s > SAME * strength[0]])
    rows.rough = guess.guess(rows)
    width = targets.shape[1]
    signals = np.concatenate([targets, targets - rows.rough], axis=1) if width <= 2 else targets
    made: list[tuple[Block, Matrix]] = [
        fit_plain(rows, views, [[a, b] for i, a in enumerate(best) for b in best[i + 1 :]]),
        (guess, guess.transform(rows)),
        *_encodings(rows, signals, width, best, fold),
        *(neighbours.fit(rows, p, signals, width, owner) for p in views.by_kind.get("place", [])[:PLACES]),
        *_texts(rows, views, signals, width, owner, seed),
    ]
    matrix = np.concatenate([m for _, m in made], axis=1)
    told = np.flatnonzero(_varies(matrix))
    return Features(views, [b for b, _ in made], told), np.ascontiguousarray(matrix[:, told])


def _varies(matrix: Matrix) -> NDArray[np.bool_]:
    known = ~np.isnan(matrix)
    low = np.where(known, matrix, np.inf).min(axis=0, initial=np.inf)
    high = np.where(known, matrix, -np.inf).max(axis=0, initial=-np.inf)
    return np.asarray((low < high) | (known.any(axis=0) & ~known.all(axis=0)))


def _numbers_that_tell(rows: Rows, targets: Floats) -> tuple[list[int], list[float]]:
    """Return the numbers whose ranks go most with the target's, at most RATIOS, and how much each does."""
    strength = [_rank_correlation(x, targets) for x in rows.numbers.T]
    best = [j for j in sorted(range(len(strength)), key=lambda j: -strength[j])[:RATIOS] if strength[j] > 0.1]
    return best, [strength[j] for j in best]


def _rank_correlation(x: Floats, targets: Floats) -> float:
    from scipy.stats import rankdata

    known = np.isfinite(x) & (x != 0)
    if known.sum() < 20 or np.ptp(x[known]) == 0:
        return 0.0
    ranks = rankdata(x[known])
    return max(abs(float(np.corrcoef(ranks, rankdata(s[known]))[0, 1])) if np.ptp(s[known]) else 0.0 for s in targets.T)


def _encodings(
    rows: Rows, signals: Floats, width: int, best: list[int], fold: NDArray[np.int64]
) -> list[tuple[Block, Matrix]]:
    """Encode every view that repeats, then pairs of those that tell most (and of the number that does)."""
    made: list[tuple[Block, Matrix]] = []
    strength: dict[str, float] = {}
    for view in rows.keys:
        levels = len(np.unique(key_of(rows, [view])))
        if 2 < levels <= 0.8 * len(rows):
            made.append(encodings.fit(rows, [view], signals, width, SINGLE, fold))
            strength[view] = _correlation(made[-1][1][:, :width], signals[:, :width])
        elif levels == 2:
            strength[view] = 0.0
    for j in best[:1]:
        strength["#" + rows.names[j]] = 1.0
    chosen = sorted(strength, key=lambda v: -strength[v])[: PAIRED + 1]
    pairs = [[a, b] for i, a in enumerate(chosen) for b in chosen[i + 1 :]]
    made += [encodings.fit(rows, pair, signals[:, :width], width, PAIR, fold) for pair in pairs]
    return made


def _correlation(means: Matrix, signals: Floats) -> float:
    return max(
        float(np.corrcoef(m, s)[0, 1]) if np.ptp(m) and np.ptp(s) else 0.0
        for m, s in zip(means.T, signals.T, strict=True)
    )


def _texts(
    rows: Rows, views: Views, signals: Floats, width: int, owner: NDArray[np.int64], seed: int
) -> list[tuple[Block, Matrix]]:
    made: list[tuple[Block, Matrix]] = []
    place = next(iter(views.by_kind.get("place", [])), "")
    for column in views.by_kind.get("text", [])[:TEXTS]:
        found = texts.fit(rows, column, signals, width, random_folds(owner, seed), seed)
        if found is not None:
            made += [found, texts.fit_alike(rows, found[0], signals, place, owner, seed)]
    return made
