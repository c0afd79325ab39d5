"""Free text as numbers: words and pairs of words, what they are worth, their main directions, and the most alike texts.

TF-IDF (Spärck Jones 1972), ridge on it out of fold, truncated SVD (latent semantic analysis, Deerwester et al. 1990),
and neighbours by cosine similarity less the distance in place and in the rough guess: adverts of the same flat, the
same building or the same seller are often near-duplicates. Knows no language and no column by name.
"""

import itertools
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.engine import side_by_side
from aprende.methods.tables.blocks import Floats, Matrix, beside
from aprende.methods.tables.neighbours import KM_PER_DEGREE
from aprende.methods.tables.views import Rows

Sparse = Any  # scipy.sparse.csr_array
WORD = re.compile(r"[^\W_]+")
VOCABULARY = 30_000
REFERENCE, LEAST = 20_000, 2000  # training texts that others are compared with: at most, at least
PAIRS = 4e8  # pairs of texts that are compared while learning
DIRECTIONS = 16
PENALTIES = ((0.3, 0.3), (1.0, 0.2), (4.0, 0.7))  # what a unit of rough guess, and a km, takes from the cosine
NEAREST = 10
AT_ONCE = 256


def grams(text: str) -> list[str]:
    """Return the words of a text, lower case, and the pairs of words that follow each other."""
    words = WORD.findall(text.casefold())
    return words + [f"{a} {b}" for a, b in itertools.pairwise(words)]


@dataclass(frozen=True)
class Text:
    """What one text column is worth. words: V grams; idf (V,); worth (V, S) and base (S,): ridge; turn (V, d): SVD."""

    column: str
    width: int
    words: list[str]
    idf: Floats
    worth: Floats
    base: Floats
    turn: Floats

    @property
    def names(self) -> list[str]:
        """Ridge guesses, directions, number of words."""
        guesses = [f"{self.column}: worth {i}" for i in range(len(self.base))]
        return [
            *guesses,
            *(f"{self.column}: direction {i}" for i in range(self.turn.shape[1])),
            f"{self.column}: words",
        ]

    @cached_property
    def places(self) -> dict[str, int]:
        return {w: i for i, w in enumerate(self.words)}

    def weigh(self, texts: list[str]) -> Sparse:
        """Return TF-IDF rows of length one (n, V), with logarithmic counts."""
        from scipy import sparse

        starts, places, counts = [0], [], []
        for text in texts:
            found = Counter(self.places[g] for g in grams(text) if g in self.places)
            places += sorted(found)
            counts += [found[place] for place in sorted(found)]
            starts.append(len(places))
        at = np.array(places, dtype=np.int32)
        values = (1.0 + np.log(np.array(counts, dtype=np.float64))) * self.idf[at]
        rows = sparse.csr_array((values, at, np.array(starts, dtype=np.int32)), shape=(len(texts), len(self.words)))
        length = np.sqrt(np.asarray(rows.power(2).sum(axis=1)).ravel())
        rows.data /= np.repeat(np.maximum(length, 1e-12), np.diff(rows.indptr))
        return rows

    def transform(self, rows: Rows) -> Matrix:
        """Return (n, len(names))."""
        weighed = rows.weighed[self.column]
        return self.columns(weighed, weighed @ self.worth + self.base, rows.rough)

    def columns(self, weighed: Sparse, guesses: Floats, rough: Floats) -> Matrix:
        """Return features from TF-IDF rows (n, V) and ridge guesses (n, S)."""
        count = np.log1p(np.diff(weighed.indptr))
        return np.column_stack([beside(guesses, rough, self.width), weighed @ self.turn, count]).astype(np.float32)


def fit(
    rows: Rows, column: str, signals: Floats, width: int, fold: NDArray[np.int64], seed: int
) -> tuple[Text, Matrix] | None:
    """Learn one text column; None where no word repeats. Returns the block and its out-of-fold matrix.

    rows.weighed gets the TF-IDF rows.
    """
    texts = rows.texts[column]
    seen = Counter(
        g for text in texts for g in dict.fromkeys(grams(text))
    )  # in order: a set has another in each process
    words = [w for w, c in seen.most_common(VOCABULARY) if c > 1]
    if len(words) < 2:
        return None
    idf = np.log((1 + len(texts)) / (1 + np.array([seen[w] for w in words]))) + 1.0
    none = np.zeros((len(words), 0))
    bare = Text(column, width, words, idf, none, np.zeros(0), none)
    weighed = rows.weighed[column] = bare.weigh(texts)
    worth, base = ridge(weighed, signals)
    block = Text(column, width, words, idf, worth, base, _directions(weighed, seed))
    held = np.empty_like(signals)
    for k in np.unique(fold):
        part, intercept = ridge(weighed[fold != k], signals[fold != k])
        held[fold == k] = weighed[fold == k] @ part + intercept
    return block, block.columns(weighed, held, rows.rough)


def ridge(weighed: Sparse, signals: Floats, penalty: float = 1.0) -> tuple[Floats, Floats]:
    """Return weights (V, S) and intercepts (S,) that minimise squared error + penalty · |weights|²."""
    from scipy.sparse.linalg import lsqr

    base = signals.mean(axis=0)
    solved = [
        lsqr(weighed, s - b, damp=np.sqrt(penalty), atol=1e-4, btol=1e-4)[0]
        for s, b in zip(signals.T, base, strict=True)
    ]
    return np.stack(solved, axis=1), base


def _directions(weighed: Sparse, seed: int) -> Floats:
    """Return (V, d): the right singular vectors of the largest singular values."""
    from scipy.sparse.linalg import svds

    d = min(DIRECTIONS, min(weighed.shape) - 1)
    start = np.random.default_rng(seed).normal(size=min(weighed.shape))
    _, size, turn = svds(weighed, k=d, v0=start, tol=1e-3)
    order = np.argsort(-size)
    turned = turn[order].T
    return np.ascontiguousarray(turned * np.sign(turned[np.abs(turned).argmax(axis=0), np.arange(d)]))


@dataclass(frozen=True)
class Alike:
    """The training rows whose text, place and rough guess are most alike.

    The m texts compared with are TF-IDF rows: data, indices, starts, of `size` words. coordinates (m, 1 + width):
    what is compared besides; signals (m, S).
    """

    column: str
    place: str  # the place column, "" where there is none
    width: int
    size: int
    latitude: float
    data: NDArray[np.float32]
    indices: NDArray[np.int32]
    starts: NDArray[np.int32]
    coordinates: NDArray[np.float32]
    signals: Floats

    @property
    def names(self) -> list[str]:
        """For each pair of penalties: means of the nearest 1, 3, 10; likeness; spread."""
        means = [f"signal {i} of {k}" for k in (1, 3, NEAREST) for i in range(self.signals.shape[1])]
        each = [*means, "likeness", "spread"]
        return [f"{self.column}: alike {i}, {n}" for i in range(len(PENALTIES)) for n in each]

    @cached_property
    def turned(self) -> Sparse:
        """The reference, words by texts (V, m)."""
        from scipy import sparse

        held = sparse.csr_array((self.data, self.indices, self.starts), shape=(len(self.starts) - 1, self.size))
        return held.T.tocsr()

    def transform(self, rows: Rows) -> Matrix:
        """Return (n, len(names))."""
        return self.find(rows)

    def find(
        self, rows: Rows, owner: NDArray[np.int64] | None = None, others: NDArray[np.int64] | None = None
    ) -> Matrix:
        """Return features. Training rows have an owner (n,), and so have the texts compared with, others (m,)."""
        weighed = rows.weighed[self.column].astype(np.float32)
        beyond = coordinates(rows, self.place, self.width, self.latitude)
        turned = self.turned

        def some(at: int) -> Floats:
            s = slice(at, at + AT_ONCE)
            cosine = (weighed[s] @ turned).toarray()
            apart = _apart(beyond[s], self.coordinates, self.width)
            if owner is not None:
                cosine[owner[s][:, None] == others] = -np.inf
            found = [self._nearest(cosine - a * apart[0] - b * apart[1], rows.rough[s]) for a, b in PENALTIES]
            return np.concatenate(found, axis=1)

        return np.concatenate(side_by_side(some, range(0, weighed.shape[0], AT_ONCE))).astype(np.float32)

    def _nearest(self, score: NDArray[np.float32], rough: Floats) -> Floats:
        k = min(NEAREST, score.shape[1] - 1)
        near = np.argpartition(-score, k, axis=1)[:, :k]
        best = np.take_along_axis(score, near, axis=1)
        order = np.argsort(-best, axis=1, kind="stable")
        near, best = np.take_along_axis(near, order, axis=1), np.take_along_axis(best, order, axis=1)
        values = self.signals[near]
        weights = np.exp(8.0 * (best - best[:, :1]).astype(np.float64))[:, :, None]
        means = [(values[:, :j] * weights[:, :j]).sum(axis=1) / weights[:, :j].sum(axis=1) for j in (1, 3, NEAREST)]
        spread = values[:, :, 0].std(axis=1)
        return np.column_stack([*(beside(m, rough, self.width) for m in means), best[:, 0], spread])


def coordinates(rows: Rows, place: str, width: int, latitude: float) -> NDArray[np.float32]:
    """Return what is compared besides the text (n, width + 2): the rough guess, and the place in km."""
    if not place:
        return rows.rough[:, :width].astype(np.float32)
    km = rows.places[place] * KM_PER_DEGREE * np.array([1.0, np.cos(np.radians(latitude))])
    return np.column_stack([rows.rough[:, :width], km]).astype(np.float32)


def _apart(a: NDArray[np.float32], b: NDArray[np.float32], width: int) -> list[Any]:
    """Return the distances between rows (n, c) and (m, c), each (n, m): in the rough guess, and in km; at most 2 each.

    A missing place is 1 from any place and 0 from another missing one.
    """
    rough = np.zeros((len(a), len(b)), dtype=np.float32)
    for j in range(width):
        rough += np.abs(a[:, None, j] - b[None, :, j])
    if a.shape[1] == width:
        return [np.minimum(rough, 2.0), 0.0]
    km = np.maximum(np.abs(a[:, None, width] - b[None, :, width]), np.abs(a[:, None, -1] - b[None, :, -1]))
    lost = np.isnan(a[:, None, width]) & np.isnan(b[None, :, width])
    return [np.minimum(rough, 2.0), np.where(np.isnan(km), np.where(lost, 0.0, 1.0), np.minimum(km, 2.0))]


def fit_alike(
    rows: Rows, text: Text, signals: Floats, place: str, owner: NDArray[np.int64], seed: int
) -> tuple[Alike, Matrix]:
    """Keep at most REFERENCE training rows; return the block and its matrix, a row's owner left out of its neighbours.

    owner (n,): a number for each set of rows that belong together.
    """
    most = int(np.clip(PAIRS / len(rows), LEAST, REFERENCE))
    kept = np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])
    known = rows.places[place][:, 0] if place else np.zeros(1)
    latitude = float(np.nanmedian(known)) if np.isfinite(known).any() else 0.0
    held = rows.weighed[text.column][kept].astype(np.float32)
    beyond = coordinates(rows, place, text.width, latitude)[kept]
    block = Alike(text.column, place, text.width, held.shape[1], latitude, held.data, held.indices.astype(np.int32),
                  held.indptr.astype(np.int32), beyond, signals[kept])  # fmt: skip
    return block, block.find(rows, owner, owner[kept])
