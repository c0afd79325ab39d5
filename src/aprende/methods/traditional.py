"""Pictures into classes as it was done before networks learnt features: hand-made features → selection → classifier.

Features (`handmade.py`) are standardised, the most telling share of them is kept (F test of class means), and a linear
or RBF support vector machine or a logistic regression decides. Share and classifier are chosen by cross-validation on
the pictures given. The plan follows from `seconds` by constants, not by a clock, so that a seed gives the same model.
Knows no file and no network.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.errors import DataError
from aprende.core.words import t
from aprende.methods import handmade
from aprende.methods.handmade import Numbers, Pixels

SIDE = 64  # pictures are averaged down to about this
ROWS_A_SECOND = 200  # pictures trained on, for each second planned
CV_ROWS_A_SECOND = 40  # pictures cross-validated on
WORDS_A_SECOND = 5
MOST_ROWS, MOST_WORDS = 12_000, 400
MOST_SUPPORT = 6000  # rows of a kernel, which grows with their square
FOLDS = 3
FLOOR = 0.3  # of a family's mean variance, added to each feature's: faint ones are not blown up
BATCH = 500

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Choice:
    """A classifier: the share of features kept, its kind, its cost C and (for RBF) its width relative to the usual."""

    kind: str  # "rbf" | "linear" | "logistic"
    share: float
    cost: float
    width: float = 1.0

    def name(self) -> str:
        """Return the classifier's name for people."""
        names = {
            "rbf": t("RBF support vector machine"),
            "linear": t("linear support vector machine"),
            "logistic": t("logistic regression"),
        }
        return names[self.kind]


@dataclass(frozen=True)
class TraditionalModel:
    """What `fit` gives. `used` of `given` pictures were trained on; `accuracy` is that of the cross-validation."""

    classes: list[str]
    extract: "Features"
    choice: Choice
    decide: "Decision"
    sharpness: float  # factor from scores to log-probabilities, fitted on the cross-validated scores
    used: int
    given: int
    accuracy: float

    def predict_proba(self, pictures: Pixels) -> NDArray[np.float64]:
        """Return the probability of each class, (n, classes), for pictures (n, H, W, C) uint8."""
        parts = [self.decide.scores(self.extract(pictures[at])) for at in _batches(len(pictures))]
        return _softmax(self.sharpness * np.concatenate([np.zeros((0, len(self.classes))), *parts]))

    def describe(self) -> str:
        """Return in words which features, how many were kept, which classifier, on how many pictures."""
        kept, made = len(self.decide.kept), self.extract.width
        said = t(
            "{features}; {kept} of {made} features kept; {classifier} (C = {cost:g}); accuracy {share}"
            " in cross-validation",
            features=", ".join(self.extract.names()),
            kept=kept,
            made=made,
            classifier=self.choice.name(),
            cost=self.choice.cost,
            share=f"{self.accuracy:.1%}",
        )
        if self.used < self.given:
            said += "; " + t("trained on {used} of {given} pictures, drawn by class", used=self.used, given=self.given)
        return said


@dataclass(frozen=True)
class Features:
    """Pictures (n, H, W, C) → standardised features (n, width)."""

    words: handmade.Words | None
    centre: Numbers
    scale: Numbers

    @property
    def width(self) -> int:
        return len(self.centre)

    def __call__(self, pictures: Pixels) -> Numbers:
        return (np.concatenate(_families(smaller(pictures), self.words), axis=1) - self.centre) / self.scale

    def names(self) -> list[str]:
        """Return the families of features, for people."""
        named = [t("histograms of oriented gradients"), t("local binary patterns"), t("colour histograms")]
        bag = [t("bag of {n} visual words", n=len(self.words.vocabulary))] if self.words is not None else []
        return [*named, *bag]


@dataclass(frozen=True)
class Decision:
    """A trained classifier: `scores(features)` (n, classes), greater for the likelier class."""

    kept: Index  # features
    scores: Callable[[Numbers], NDArray[np.float64]]


def fit(pictures: Pixels, labels: Sequence[Any] | NDArray[Any], seconds: float = 60, seed: int = 0) -> TraditionalModel:
    """Train on pictures (n, H, W, C) uint8 with their labels; plan for about so many seconds on one core.

    Raises DataError where there are fewer than two classes, or not a label for each picture.
    """
    names = np.asarray([str(label) for label in labels])
    classes = sorted(set(names.tolist()))
    if len(names) != len(pictures) or len(classes) < 2:
        said = t(
            "Expected a label for each of {n} pictures, of at least 2 classes; got {labels} labels of {classes}"
            " classes.",
            n=len(pictures),
            labels=len(names),
            classes=len(classes),
        )
        raise DataError(said)
    rng = np.random.default_rng(seed)
    target = np.searchsorted(classes, names)
    rows = _drawn(target, int(np.clip(ROWS_A_SECOND * seconds, 200, MOST_ROWS)), rng)
    extract, features = _learn_features(pictures, rows, int(np.clip(WORDS_A_SECOND * seconds, 25, MOST_WORDS)), rng)
    target = target[rows]
    some = _drawn(target, int(np.clip(CV_ROWS_A_SECOND * seconds, 200, len(rows))), rng)
    choice, scores = _choose(features[some], target[some], len(classes), rng)
    accuracy = float((scores.argmax(axis=1) == target[some]).mean())
    last = np.arange(len(rows)) if choice.kind == "logistic" else _drawn(target, MOST_SUPPORT, rng)
    decide = _train(choice, features[last], target[last], len(classes))
    return TraditionalModel(
        classes, extract, choice, decide, _sharpness(scores, target[some]), len(last), len(names), accuracy
    )


def _drawn(target: Index, most: int, rng: np.random.Generator) -> Index:
    """Return at most about `most` rows, each class in its share but with at least two where it has them."""
    if len(target) <= most:
        return np.arange(len(target))
    order = rng.permutation(len(target))
    rank = np.empty(len(target), np.int64)
    counts = np.bincount(target)
    for label in np.flatnonzero(counts):
        members = order[target[order] == label]
        rank[members] = np.arange(len(members))
    wanted = np.maximum(2, np.rint(counts * (most / len(target))))
    return np.flatnonzero(rank < wanted[target])


def smaller(pictures: Pixels) -> Pixels:
    """Return the pictures' centre squares averaged down to a side near SIDE: (n, S, S, C)."""
    height, width = pictures.shape[1:3]
    times = max(1, round(min(height, width) / SIDE))
    side = min(height, width) // times
    top, left = (height - side * times) // 2, (width - side * times) // 2
    square = pictures[:, top : top + side * times, left : left + side * times]
    if times == 1:
        return square
    blocks = square.reshape(len(square), side, times, side, times, square.shape[3])
    return np.asarray(np.rint(blocks.mean(axis=(2, 4), dtype=np.float32)), dtype=np.uint8)


def _families(small: Pixels, words: handmade.Words | None) -> list[Numbers]:
    """Return each family's features (n, d) of small pictures (n, S, S, C)."""
    made = [handmade.edges(small), handmade.textures(small), handmade.colours(small)]
    return [*made, np.sqrt(words(small))] if words is not None else made


def _learn_features(pictures: Pixels, rows: Index, count: int, rng: np.random.Generator) -> tuple[Features, Numbers]:
    """Return the features' recipe learnt from these rows, and the rows' features."""
    small = np.concatenate([smaller(pictures[rows[at]]) for at in _batches(len(rows))])
    words = None
    if small.shape[1] >= 3 * handmade.PATCH:
        words = handmade.learn_words(small, count, 1 if small.shape[1] < 40 else 2, rng)
    batches = [_families(small[at], words) for at in _batches(len(small))]
    families = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
    spread = [family.var(axis=0) + FLOOR * family.var(axis=0).mean() + 1e-12 for family in families]
    features = np.concatenate(families, axis=1)
    recipe = Features(words, features.mean(axis=0), np.sqrt(np.concatenate(spread)))
    return recipe, (features - recipe.centre) / recipe.scale


def _batches(n: int) -> Iterator[slice]:
    return (slice(start, start + BATCH) for start in range(0, n, BATCH))


def _choose(
    features: Numbers, target: Index, classes: int, rng: np.random.Generator
) -> tuple[Choice, NDArray[np.float64]]:
    """Return the best choice and its cross-validated scores: first the share kept, then the classifier."""
    fold = _folds(target, rng)
    tried: dict[Choice, NDArray[np.float64]] = {}

    def best(choices: Sequence[Choice]) -> Choice:
        for choice in choices:
            if choice not in tried:
                tried[choice] = _cross_validated(choice, features, target, fold, classes)
        return max(choices, key=lambda c: float((tried[c].argmax(axis=1) == target).mean()))

    first = best([Choice("rbf", share, 10.0) for share in (1.0, 0.5, 0.25)])
    wider = [replace(first, width=width) for width in (0.5, 1.0, 2.0)]
    linear = [replace(first, kind="linear", cost=cost) for cost in (0.1, 1.0)]
    logistic = [replace(first, kind="logistic", cost=cost) for cost in (0.001, 0.01)]
    chosen = best([*wider, *linear, *logistic])
    return chosen, tried[chosen]


def _folds(target: Index, rng: np.random.Generator) -> Index:
    """Return each row's fold, every class spread evenly."""
    order = rng.permutation(len(target))
    order = order[np.argsort(target[order], kind="stable")]
    fold = np.empty(len(target), np.int64)
    fold[order] = np.arange(len(target)) % FOLDS
    return fold


def _cross_validated(
    choice: Choice, features: Numbers, target: Index, fold: Index, classes: int
) -> NDArray[np.float64]:
    scores = np.empty((len(target), classes))
    for held in range(FOLDS):
        decision = _train(choice, features[fold != held], target[fold != held], classes)
        scores[fold == held] = decision.scores(features[fold == held])
    return scores


def _train(choice: Choice, features: Numbers, target: Index, classes: int) -> Decision:
    """Select the features on these rows, and train the classifier on them."""
    kept = _most_telling(features, target, choice.share)
    seen = features[:, kept]
    train = _logistic if choice.kind == "logistic" else _support_vectors
    scores, known = train(choice, seen, target)

    def every(rows: Numbers) -> NDArray[np.float64]:
        """Scores of all classes; one that was not among these rows gets less than any."""
        found = np.asarray(scores(rows[:, kept]))
        spread = np.full((len(rows), classes), found.min(initial=0.0) - 1)
        spread[:, known] = found
        return spread

    return Decision(kept, every)


def _most_telling(features: Numbers, target: Index, share: float) -> Index:
    """Return the features whose class means differ most against their spread within classes (F test)."""
    if share >= 1:
        return np.arange(features.shape[1])
    counts = np.bincount(target)
    member = np.eye(len(counts), dtype=np.float32)[target]
    means = member.T @ features / np.maximum(counts, 1)[:, None]
    between = (counts[:, None] * (means - features.mean(axis=0)) ** 2).sum(axis=0)
    within = (features**2).sum(axis=0) - (counts[:, None] * means**2).sum(axis=0)
    tell = between / np.maximum(within, 1e-9)
    return np.sort(np.argsort(-tell, kind="stable")[: max(1, int(share * features.shape[1]))])


Scores = Callable[[Numbers], NDArray[np.float64]]


def _logistic(choice: Choice, seen: Numbers, target: Index) -> tuple[Scores, Index]:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=choice.cost, max_iter=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopped early: part of the regularisation
        model.fit(seen, target)

    def scores(rows: Numbers) -> NDArray[np.float64]:
        found = np.asarray(model.decision_function(rows), dtype=np.float64)
        return np.stack([-found / 2, found / 2], axis=1) if found.ndim == 1 else found

    return scores, model.classes_


def _support_vectors(choice: Choice, seen: Numbers, target: Index) -> tuple[Scores, Index]:
    """One machine a pair of classes on a kernel computed by matrix products; a class's score is its sum of margins."""
    from sklearn.svm import SVC

    mean_square = float((seen**2).sum(axis=1).mean())
    model = SVC(C=choice.cost, kernel="precomputed", decision_function_shape="ovo")
    model.fit(_kernel(choice, seen, seen, mean_square), target)
    first, second = np.triu_indices(len(model.classes_), 1)
    signs = np.zeros((len(first), len(model.classes_)))
    pair = np.arange(len(first))
    signs[pair, first], signs[pair, second] = 1, -1
    signs = -signs if len(model.classes_) == 2 else signs  # scikit-learn: of two classes the second is positive

    def scores(rows: Numbers) -> NDArray[np.float64]:
        margins = model.decision_function(_kernel(choice, rows, seen, mean_square)).reshape(len(rows), -1)
        return np.asarray(margins @ signs)

    return scores, model.classes_


def _kernel(choice: Choice, a: Numbers, b: Numbers, mean_square: float) -> NDArray[np.float64]:
    """Return the kernel (len(a), len(b)); distances are measured against the training rows' mean square length."""
    product = a @ b.T
    if choice.kind == "linear":
        return product.astype(np.float64) / mean_square
    apart = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * product
    return np.asarray(np.exp(-np.maximum(apart, 0).astype(np.float64) * (choice.width / mean_square)))


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def _sharpness(scores: NDArray[np.float64], target: Index) -> float:
    """Return the factor that makes softmax(factor · scores) likeliest (temperature scaling, Guo et al., 2017)."""
    from scipy.optimize import minimize_scalar

    def loss(log_factor: float) -> float:
        chances = _softmax(np.exp(log_factor) * scores)[np.arange(len(target)), target]
        return float(-np.log(np.maximum(chances, 1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-6, 6), method="bounded").x))
