"""What a model of a table stands beside: the middle or the most frequent, a linear model, the lecture's perceptrons.

Each is trained on plain columns: numbers standardised, gaps filled and flagged, words one-hot. Text is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.fields import Columns, Field
from aprende.methods.tables.encodings import look_up
from aprende.methods.tables.targets import Target
from aprende.methods.tables.views import of_words

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]
Said = Callable[[Columns], Floats]  # columns → numbers as the target's (n, 1), or probabilities (n, classes)
WORDS = 60  # words of a column that get a column of their own
PENALTIES = (1.0, 10.0, 100.0, 1000.0)
EPOCHS = {"perceptron": 20, "mlp": 15}


@dataclass(frozen=True)
class OneHot:
    """Plain columns as numbers: (n, D), the last one constant."""

    names: list[str]  # numbers, dates, yes or no
    places: list[str]
    words: dict[str, NDArray[np.uint64]]
    middle: Floats
    spread: Floats

    def __call__(self, columns: Columns) -> Matrix:
        x = _numbers(columns, self.names, self.places)
        scaled = np.clip((x - self.middle) / self.spread, -5, 5)
        hot = [np.eye(len(known) + 1, dtype=np.float32)[look_up(of_words(columns[name])[0], known)][:, :-1]
               for name, known in self.words.items()]  # fmt: skip
        parts = [np.nan_to_num(scaled), np.isnan(scaled), *hot, np.ones((len(x), 1))]
        return np.concatenate(parts, axis=1).astype(np.float32)


def _numbers(columns: Columns, names: list[str], places: list[str]) -> Floats:
    n = len(next(iter(columns.values())))
    parts = [np.asarray(columns[c], np.float64)[:, None] for c in names] + [np.asarray(columns[c]) for c in places]
    return np.concatenate([np.zeros((n, 0)), *parts], axis=1)


def one_hot(columns: Columns, fields: dict[str, Field]) -> OneHot:
    """Learn the scales and the most frequent words of training columns."""
    names = [n for n, f in fields.items() if f.kind in ("number", "boolean", "date")]
    places = [n for n, f in fields.items() if f.kind == "place"]
    words = {}
    for name in (n for n, f in fields.items() if f.kind == "category"):
        keys, counts = np.unique(of_words(columns[name])[0], return_counts=True)
        words[name] = np.sort(keys[np.argsort(-counts, kind="stable")[:WORDS]])
    x = _numbers(columns, names, places)
    known = np.isfinite(x)
    count = np.maximum(1, known.sum(axis=0))
    middle = np.where(known, x, 0).sum(axis=0) / count
    spread = np.sqrt(np.where(known, (x - middle) ** 2, 0).sum(axis=0) / count)
    return OneHot(names, places, words, middle, np.where(spread > 0, spread, 1.0))


def trivial(target: Target, truth: NDArray[Any]) -> Said:
    """The median of train, or the shares of its classes, for every row."""
    if target.classes:
        shares = np.bincount(truth, minlength=target.classes) / len(truth)
        return lambda columns: np.tile(shares, (len(next(iter(columns.values()))), 1))
    middle = float(np.median(truth))
    return lambda columns: np.full((len(next(iter(columns.values()))), 1), middle)


def linear(target: Target, truth: NDArray[Any], columns: Columns, fields: dict[str, Field]) -> Said:
    """Ridge regression, its penalty chosen on a fifth of the rows; or logistic regression."""
    encode = one_hot(columns, fields)
    rows = encode(columns)
    if target.classes:
        from aprende.methods import softmax

        fitted = softmax.fit(rows, truth, target.classes, 0.01)
        return lambda c: np.asarray(fitted.probabilities(encode(c)), dtype=np.float64)
    wanted, held = target.inside(truth), np.arange(len(rows)) % 5 == 0
    errors = [float(np.abs(rows[held] @ ridge(rows[~held], wanted[~held], p) - wanted[held]).mean()) for p in PENALTIES]
    weights = ridge(rows, wanted, PENALTIES[int(np.argmin(errors))])
    return lambda c: target.outside(np.asarray(encode(c) @ weights, dtype=np.float64))[:, None]


def ridge(rows: Matrix, wanted: Floats, penalty: float) -> Floats:
    """Return the weights (D,) of least squared error + penalty · |weights|²; the last, of the constant, is free."""
    x = rows.astype(np.float64)
    free = np.append(np.ones(x.shape[1] - 1), 1e-6)
    return np.asarray(np.linalg.solve(x.T @ x + penalty * np.diag(free), x.T @ wanted))


def network(
    kind: str, target: Target, truth: NDArray[Any], columns: Columns, fields: dict[str, Field], seed: int
) -> Said:
    """The simple or the multi-layer perceptron, small, on the plain columns."""
    import torch
    from torch.nn import functional as F

    from aprende.methods.descent import Descent, Recipe
    from aprende.networks.tabular import make

    encode = one_hot(columns, fields)
    x = torch.as_tensor(encode(columns))
    y = torch.as_tensor(truth if target.classes else target.inside(truth).astype(np.float32)[:, None])
    torch.manual_seed(seed)
    net = make(kind, x.shape[1], max(1, target.classes), 64, 2)
    descent = Descent(net, Recipe(lr=1e-2 if kind == "perceptron" else 3e-3))
    batch = min(256, len(x))
    total = int(np.clip(EPOCHS[kind] * len(x) / batch, 200, 2000))
    for step in range(total):
        mine = torch.randint(len(x), (batch,))
        loss = F.cross_entropy(net(x[mine]), y[mine]) if target.classes else F.huber_loss(net(x[mine]), y[mine])
        descent.step(loss, step / total)
    descent.finish()

    def said(given: Columns) -> Floats:
        with torch.inference_mode():
            scores = net(torch.as_tensor(encode(given))).double()
        if target.classes:
            return np.asarray(torch.softmax(scores, 1).numpy())
        return target.outside(scores.numpy())

    return said
