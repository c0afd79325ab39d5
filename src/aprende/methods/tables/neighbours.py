"""What the nearest training rows were worth: near in place, and near in place and in what is roughly expected.

Distance-weighted k-nearest-neighbour means of the target and of its residuals from the rough guess (Fix and Hodges
1951; for house prices: "comparables"), leave-one-out for training rows. Knows no column by name.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.methods.tables.blocks import Floats, Matrix
from aprende.methods.tables.encodings import random_folds
from aprende.methods.tables.views import Rows

KS = (1, 3, 10, 30)
SCALES = (2.0, 8.0)  # kilometres that one unit of the rough guess stands for
KM_PER_DEGREE = 111.2
Ints = NDArray[np.int64]
FEW = 16  # rows
SPARE = 4  # spots that the tree proposes beyond those asked for: some may be equally far
MANY = 4  # times as many neighbours may be asked for where rows of the same owner may be among them
NEAR = 0.05  # km added to distances, so that the same spot does not weigh infinitely


@dataclass(frozen=True)
class Places:
    """Neighbours in one place column. places (m, 2) degrees of the training rows; signals (m, S); rough (m, width)."""

    column: str
    width: int
    latitude: float  # at which degrees of longitude are turned into km
    places: Floats
    signals: Floats
    rough: Floats

    @property
    def names(self) -> list[str]:
        """In the order of `transform`."""
        each = [f"{self.column}: signal {i}" for i in range(self.signals.shape[1])]
        near = [f"{s}, nearest {k}" for k in KS for s in each]
        like = [f"{s}, alike ({scale:g}), nearest {k}" for scale in SCALES for k in (1, 10) for s in each]
        place = ["latitude", "longitude", "sum", "difference", "log distance to 10", "spread of 10"]
        place += [f"log distance to the alike ({scale:g})" for scale in SCALES]
        return [*near, *like, *(f"{self.column}: {p}" for p in place)]

    def transform(self, rows: Rows) -> Matrix:
        """Return (n, len(names)); NaN where the row has no place."""
        return self._columns(rows.places[self.column], rows.rough, None)

    def training(self, rows: Rows, owner: Ints) -> Matrix:
        """Return the same for the training rows, none among the neighbours of a row with the same owner (n,)."""
        return self._columns(rows.places[self.column], rows.rough, owner)

    @cached_property
    def placed(self) -> Ints:
        """Training rows that have a place."""
        return np.flatnonzero(np.isfinite(self.places).all(axis=1))

    @cached_property
    def near(self) -> list["Nearest"]:
        """Of places, then of places and rough guess at each scale."""
        at = self._km(self.places[self.placed])
        guess = self.rough[self.placed]
        return [Nearest(at), *(Nearest(np.hstack([at, guess * scale])) for scale in SCALES)]

    def _km(self, places: Floats) -> Floats:
        across = np.cos(np.radians(self.latitude))
        return np.column_stack([places[:, 0] * KM_PER_DEGREE, places[:, 1] * KM_PER_DEGREE * across])

    def _columns(self, places: Floats, rough: Floats, owner: Ints | None) -> Matrix:
        made = np.full((len(places), len(self.names)), np.nan, dtype=np.float32)
        known = np.flatnonzero(np.isfinite(places).all(axis=1))
        theirs = None if owner is None else owner[known]
        if len(known) and len(self.placed) > 1 and (theirs is None or len(np.unique(theirs)) > 1):
            made[known] = self._known(places[known], rough[known], theirs)
        return made

    @cached_property
    def worth(self) -> Floats:
        """Signals of the training rows that have a place."""
        return self.signals[self.placed]

    def _known(self, places: Floats, rough: Floats, owner: Ints | None) -> Matrix:
        """Features of rows that all have a place."""
        km = self._km(places)
        far, near = _others(self.near[0], km, max(KS), owner)
        parts = [self._means(far, near, KS, rough)]
        extra = [np.log1p(far[:, : KS[2]][:, -1]), self.worth[near[:, : KS[2]], 0].std(axis=1)]
        for scale, nearest in zip(SCALES, self.near[1:], strict=True):
            apart, alike = _others(nearest, np.hstack([km, rough * scale]), 10, owner)
            parts.append(self._means(apart, alike, (1, 10), rough))
            extra.append(np.log1p(apart[:, 0]))
        spot = [places[:, 0], places[:, 1], places.sum(axis=1), places[:, 0] - places[:, 1]]
        return np.column_stack([*parts, *spot, *extra]).astype(np.float32)

    def _means(self, far: Floats, near: Ints, ks: tuple[int, ...], rough: Floats) -> Floats:
        """Return the means of the signals of the nearest k, weighed by inverse distance, for each k: (n, len(ks) · S).

        far, near (n, K); residuals' means have the rough guess added back. Sums go neighbour by neighbour, so that a
        row's bits do not depend on the batch.
        """
        weights = 1.0 / (far + NEAR)
        ends = [min(k, far.shape[1]) - 1 for k in ks]
        sums = np.add.accumulate(self.worth[near] * weights[:, :, None], axis=1)[:, ends]
        sums /= np.add.accumulate(weights, axis=1)[:, ends, None]
        sums[:, :, self.width :] += rough[:, None, : sums.shape[2] - self.width]
        return np.asarray(sums.reshape(len(far), -1))


class Nearest:
    """The nearest of points (m, d); equally far ones in the order of their coordinates, then of their rows.

    The first FEW rows are compared with every point: to import SciPy's tree and to build it takes longer. Then the tree
    proposes and the same arithmetic decides, so that both ways give the same bits.
    """

    def __init__(self, points: Floats) -> None:
        self.points, self._asked = points, 0

    def __len__(self) -> int:
        return len(self.points)

    def query(self, rows: Floats, k: int) -> tuple[Floats, Ints]:
        """Return distances and places (n, k) of the k <= m points nearest to rows (n, d)."""
        self._asked += len(rows)
        squares, found = self._by_all(rows, k) if self._asked <= FEW else self._by_tree(rows, k)
        return np.sqrt(squares), found

    def _by_all(self, rows: Floats, k: int) -> tuple[Floats, Ints]:
        squares, found = np.empty((len(rows), k)), np.empty((len(rows), k), dtype=np.int64)
        for i, row in enumerate(rows):
            every = _squares(row, self.points)
            near = np.flatnonzero(every <= np.partition(every, k - 1)[k - 1])
            found[i] = near[np.lexsort((*self.points[near].T[::-1], every[near]))][:k]
            squares[i] = every[found[i]]
        return squares, found

    @cached_property
    def _spots(self) -> tuple[Any, Floats, Ints, Ints, Ints]:
        """A KD-tree of the distinct points, those points, the rows in their order, where each one's begin, how many."""
        from scipy.spatial import cKDTree

        order = np.lexsort(self.points.T[::-1])
        placed = self.points[order]
        starts = np.flatnonzero(np.append(True, (placed[1:] != placed[:-1]).any(axis=1)))
        counts = np.diff(np.append(starts, len(placed)))
        return cKDTree(placed[starts]), placed[starts], order, starts, counts

    def _by_tree(self, rows: Floats, k: int) -> tuple[Floats, Ints]:
        tree, spots, order, starts, counts = self._spots
        asked = min(len(spots), k + SPARE)
        near = tree.query(rows, k=asked)[1].reshape(len(rows), asked)
        squares = _squares(rows[:, None], spots[near])
        if not (squares[:, 1:] > squares[:, :-1]).all():  # equally far ones in the order of their coordinates
            rank, line = np.lexsort((near, squares)), np.arange(len(rows))[:, None]
            near, squares = near[line, rank], squares[line, rank]
        if len(spots) == len(order):  # no two points are at one spot
            far, found = squares[:, :k], order[near[:, :k]]
        else:
            far, found = _spread(squares, starts[near], counts[near], k)
            found = order[found]
        if asked < len(spots):  # a spot as far as the last one needed may have been left out
            unsure = np.flatnonzero(far[:, -1] >= squares[:, -1] * (1 - 1e-9))
            if len(unsure):
                far[unsure], found[unsure] = self._by_all(rows[unsure], k)
        return far, found


def _spread(squares: Floats, starts: Ints, counts: Ints, k: int) -> tuple[Floats, Ints]:
    """Return distances and places (n, k) of the first k points at spots (n, s) that begin at `starts`."""
    ends = counts.cumsum(axis=1)
    used = np.diff(np.minimum(ends, k), axis=1, prepend=0)  # of each spot's points
    at = np.repeat(np.arange(squares.size), used.ravel())  # k a row
    before = (ends - counts).ravel()[at]
    found = starts.ravel()[at] - before + np.tile(np.arange(k), len(squares))
    return squares.ravel()[at].reshape(-1, k), found.reshape(-1, k)


def _squares(a: Floats, b: Floats) -> Floats:
    """Return squared distances along the last axis, summed in one order whatever the shapes."""
    total = np.square(a[..., 0] - b[..., 0])
    for j in range(1, a.shape[-1]):
        total += np.square(a[..., j] - b[..., j])
    return np.asarray(total)


def _others(nearest: Nearest, rows: Floats, k: int, owner: Ints | None) -> tuple[Floats, Ints]:
    """Return distances and places of the nearest k (n, k). owner (n,): the rows are the points, in their order."""
    k = min(k, len(nearest) - 1)
    if owner is None:
        return nearest.query(rows, k)
    most = int(np.unique(owner, return_counts=True)[1].max())
    if most > (MANY - 1) * k:
        return _of_other_folds(nearest, rows, k, owner)
    far, near = nearest.query(rows, min(len(nearest), k + most))
    mine = owner[near] == owner[:, None]
    order = np.argsort(mine, axis=1, kind="stable")[:, :k]  # the others first, by distance
    return np.take_along_axis(far, order, axis=1), np.take_along_axis(near, order, axis=1)


def _of_other_folds(nearest: Nearest, rows: Floats, k: int, owner: Ints) -> tuple[Floats, Ints]:
    """The same where an owner has so many rows that all near ones may be its own: owners are dealt into folds, and
    neighbours are sought in the other folds. Where those hold too few, the farthest counts again."""
    far, near = np.empty((len(rows), k)), np.empty((len(rows), k), dtype=np.int64)
    fold = random_folds(owner, 0)
    for held in np.unique(fold):
        mine, rest = np.flatnonzero(fold == held), np.flatnonzero(fold != held)
        some = np.minimum(np.arange(k), len(rest) - 1)
        apart, found = Nearest(nearest.points[rest]).query(rows[mine], int(some[-1]) + 1)
        far[mine], near[mine] = apart[:, some], rest[found[:, some]]
    return far, near


def fit(rows: Rows, column: str, signals: Floats, width: int, owner: Ints) -> tuple[Places, Matrix]:
    """Keep the training rows; return the block and its matrix, each row's owner left out of its neighbours."""
    places = rows.places[column]
    known = np.isfinite(places).all(axis=1)
    latitude = float(np.median(places[known, 0])) if known.any() else 0.0
    block = Places(column, width, latitude, places, signals, rows.rough)
    return block, block.training(rows, owner)
