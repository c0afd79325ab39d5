"""Why a model answered so: how much each part of one input moved the answer. Works through `predict` alone.

Scalar columns get Shapley values (Shapley 1953; sampled by permutations, Štrumbelj & Kononenko 2014) against rows of
train; pictures get an occlusion map (Zeiler & Fergus 2014), or the class-activation map where the network ends in
global average pooling and a linear layer (Zhou et al. 2016). Knows no system: it derives from the Fields.
"""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Arrays, from_rows
from aprende.core.errors import InputError
from aprende.core.fields import Columns, Findings, Image, Number, Probabilities, rows_of, take
from aprende.core.model import Model, join
from aprende.core.words import t

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Attribution:
    """How much one input column moved one output of one row.

    effect: in the output's unit (or in probability). `map` (h, w), for pictures only, is the effect by place, at a
    coarse resolution that covers the whole picture.
    """

    column: str
    effect: float
    shown: str
    map: Floats | None = None


@dataclass(frozen=True)
class Explanation:
    """Why one row was answered so: base (mean over the background) + sum of effects = answer."""

    output: str
    answer: float
    base: float
    attributions: list[Attribution]


@runtime_checkable
class Mapped(Protocol):
    """A predictor whose network keeps a map of places until its last layer."""

    def class_map(self, picture: Any, name: str) -> NDArray[np.float32] | None:
        """Return how much each place of the picture's central square speaks for a class (h, w), or None."""


@runtime_checkable
class Placing(Protocol):
    """A predictor that says what is where: of each class it has a map over the whole picture."""

    def place_map(self, picture: Any, name: str) -> NDArray[np.float32]:
        """Return the probability of a class by place (h, w)."""


def explain(model: Model, columns: Columns, output: str | None = None, seed: int = 0) -> list[Explanation]:
    """Return one explanation a row. output: which output (or class); None: the first number, or the winning class.

    Raises InputError where the model has no numeric output.
    """
    columns = {name: field.read(name, columns[name]) for name, field in model.inputs.items()}
    rows = [take(columns, slice(i, i + 1)) for i in range(rows_of(columns))]
    return [_one(model, row, output, seed) for row in rows]


def _one(model: Model, row: Columns, output: str | None, seed: int) -> Explanation:
    watch = _watched(model, row, output)
    pictures = [name for name, f in model.inputs.items() if isinstance(f, Image)]
    answer = float(watch.values(model.predict(row))[0])
    if pictures:
        maps = {name: heat_map(model, row, name, watch) for name in pictures}
        found = [Attribution(n, float(m.sum()), model.inputs[n].show(row[n][0]), m) for n, m in maps.items()]
        return Explanation(watch.name, answer, 0.0, found)
    effects, base = shapley(model, row, watch, seed)
    found = [Attribution(n, e, model.inputs[n].show(row[n][0])) for n, e in effects.items()]
    return Explanation(watch.name, answer, base, sorted(found, key=lambda a: -abs(a.effect)))


@dataclass(frozen=True)
class Watched:
    """The number that is explained: an output column, or one class' probability in it."""

    name: str
    column: str
    place: int | None = None

    def values(self, outputs: Arrays) -> Floats:
        """Return the watched number of each row (n,)."""
        held = np.asarray(outputs[self.column], dtype=np.float64)
        return held if self.place is None else held[:, self.place]


def _watched(model: Model, row: Columns, output: str | None) -> Watched:
    wanted = {output: model.outputs[output]} if output in model.outputs else model.outputs
    for name, field in wanted.items():
        if isinstance(field, Probabilities | Findings):
            place = (
                field.options.index(output) if output in field.options else int(np.argmax(model.predict(row)[name][0]))
            )
            return Watched(field.options[place], name, place)
        if isinstance(field, Number) and (output is None or output == name):
            return Watched(name, name)
    raise InputError(t("There is no numeric output to explain. Outputs: {names}.", names=", ".join(model.outputs)))


def shapley(
    model: Model, row: Columns, watch: Watched, seed: int, permutations: int = 12
) -> tuple[dict[str, float], float]:
    """Return each column's sampled Shapley value, and the base. Effects sum to answer - base exactly.

    Columns enter in random order, each order against one background row; antithetic orders (forwards and backwards)
    halve the variance. All coalitions of all orders are predicted as one batch.
    """
    names = list(model.inputs)
    background = from_rows(model.manifest["background"], model.inputs)
    rng = np.random.default_rng(seed)
    orders: list[Any] = [o for _ in range(permutations) for p in [rng.permutation(len(names))] for o in (p, p[::-1])]
    against = np.repeat(rng.permutation(np.resize(np.arange(rows_of(background)), permutations)), 2)
    present = np.array([[np.flatnonzero(o == c)[0] for c in range(len(names))] for o in orders])  # when c enters
    steps = np.arange(len(names) + 1)
    batch = {
        name: _mixed(row[name], background[name], against, (present[:, c, None] < steps).ravel(), len(steps))
        for c, name in enumerate(names)
    }
    values = watch.values(model.predict(batch)).reshape(len(orders), len(steps))
    gains = np.diff(values, axis=1)
    effects = {n: float(np.mean([gains[i, present[i, c]] for i in range(len(orders))])) for c, n in enumerate(names)}
    return effects, float(values[:, 0].mean())


def _mixed(own: Any, background: Any, against: NDArray[np.int64], inside: NDArray[np.bool_], repeats: int) -> Any:
    """The row's own value where it is inside the coalition, else the background's."""
    both = join([own, background])
    picked = np.where(inside, 0, 1 + np.repeat(against, repeats))
    return both[picked]


def heat_map(model: Model, row: Columns, name: str, watch: Watched) -> Floats:
    """Return the class's own map where the model says what is where, or the class-activation map where the network has
    one, else the occlusion map; all cover the picture."""
    if isinstance(model.predictor, Placing) and watch.place is not None:
        return np.asarray(model.predictor.place_map(row[name][0], watch.name), dtype=np.float64)
    if isinstance(model.predictor, Mapped) and watch.place is not None:
        found = model.predictor.class_map(row[name][0], watch.name)
        if found is not None:
            return _over_whole(np.asarray(found, dtype=np.float64), *row[name][0].shape[:2])
    return occlusion(model, row, name, watch)


def _over_whole(square: Floats, height: int, width: int) -> Floats:
    """Set a map of the central square into one of the whole picture: what the network does not see is 0."""
    cells, side = len(square), min(height, width)
    rows, cols = round(cells * height / side), round(cells * width / side)
    whole = np.zeros((rows, cols))
    top, left = (rows - cells) // 2, (cols - cells) // 2
    whole[top : top + cells, left : left + cells] = square
    return whole


def occlusion(model: Model, row: Columns, name: str, watch: Watched, cells: int = 14) -> Floats:
    """Return how much the watched number falls when a part of the picture is greyed, by place (cells, cells).

    Windows are twice as wide as a cell and overlap, so that each place is judged by several of them.
    """
    picture = row[name][0]
    height, width = picture.shape[:2]
    grey = picture.reshape(-1, picture.shape[2]).mean(axis=0).astype(np.uint8)
    rows_at = np.linspace(0, height, cells + 1).astype(int)
    cols_at = np.linspace(0, width, cells + 1).astype(int)
    spans = [(max(0, i - 1), min(cells, i + 2)) for i in range(cells)]
    batch = [picture]
    for a, b in spans:
        for c, d in spans:
            held = picture.copy()
            held[rows_at[a] : rows_at[b], cols_at[c] : cols_at[d]] = grey
            batch.append(held)
    inputs: dict[str, Any] = {other: join([row[other]] * len(batch)) for other in model.inputs if other != name}
    values = watch.values(model.predict({**inputs, name: batch}))
    return np.asarray(values[0] - values[1:]).reshape(cells, cells)
