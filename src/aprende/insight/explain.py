"""Why a model answered so: how much each part of one input moved the answer. Works through `predict` alone, but for the
one method that follows gradients.

Scalar columns get Shapley values (`shapley`), pictures a map (`maps`) with a figure that tells whether the map is true
(`faithfulness`). Knows no system: it derives from the Fields.
"""

from dataclasses import dataclass

import numpy as np

from aprende.core.errors import InputError
from aprende.core.fields import Columns, Image, rows_of, take
from aprende.core.model import Model
from aprende.core.words import t
from aprende.insight.faithfulness import Faithfulness, faithfulness
from aprende.insight.maps import heat_map, usable
from aprende.insight.shapley import shapley
from aprende.insight.watched import Floats, Watched, watched


@dataclass(frozen=True)
class Attribution:
    """How much one input column moved one output of one row.

    effect: in the output's unit (or in probability). For pictures only: `map` (h, w) is the effect by place, at a
    coarse resolution that covers the whole picture; `method` made it; `faithfulness` where it was measured.
    """

    column: str
    effect: float
    shown: str
    map: Floats | None = None
    method: str = ""
    faithfulness: Faithfulness | None = None


@dataclass(frozen=True)
class Explanation:
    """Why one row was answered so: base (mean over the background) + sum of effects = answer.

    share: the answer is the probability, or the share, of one of several options.
    """

    output: str
    answer: float
    base: float
    attributions: list[Attribution]
    share: bool = False

    @property
    def faithfulness(self) -> Faithfulness | None:
        """How faithful the map of the (first) picture is, where it was measured."""
        return next((a.faithfulness for a in self.attributions if a.faithfulness), None)


def explain(
    model: Model,
    columns: Columns,
    output: str | None = None,
    seed: int = 0,
    method: str = "auto",
    judge: bool | None = None,
) -> list[Explanation]:
    """Return one explanation a row. output: which output (or class); None: the first number, or the winning class.

    method: of pictures, one of `maps.METHODS`, or "auto". judge: whether the map's faithfulness is measured, about 160
    predictions (default: where there is one row). Raises InputError where the model has no numeric output or the method
    cannot be used.
    """
    columns = {name: field.read(name, columns[name]) for name, field in model.inputs.items()}
    rows = [take(columns, slice(i, i + 1)) for i in range(rows_of(columns))]
    judged = len(rows) == 1 if judge is None else judge
    return [_one(model, row, watched(model, row, output), seed, method, judged) for row in rows]


def compare(model: Model, columns: Columns, output: str | None = None, seed: int = 0) -> list[Explanation]:
    """Return the explanations of one row by every method that can be used, the most faithful first."""
    columns = {name: field.read(name, columns[name]) for name, field in model.inputs.items()}
    watch, names = watched(model, columns, output), pictures_of(model)
    if not names:
        raise InputError(t("Methods are compared on pictures; this model takes none."))
    methods = usable(model, columns, names[0], watch)
    found = [_one(model, columns, watch, seed, method, True) for method in methods]
    return sorted(found, key=lambda e: -e.faithfulness.own.score if e.faithfulness else 0.0)


def pictures_of(model: Model) -> list[str]:
    """Return the names of the inputs that are pictures."""
    return [name for name, f in model.inputs.items() if isinstance(f, Image)]


def _one(model: Model, row: Columns, watch: Watched, seed: int, method: str, judge: bool) -> Explanation:
    answer, pictures = float(watch.values(model.predict(row))[0]), pictures_of(model)
    if pictures:
        maps = [_mapped(model, row, name, watch, method, judge) for name in pictures]
        return Explanation(watch.name, answer, 0.0, maps, watch.place is not None)
    if method != "auto":
        raise InputError(t("Method {name} is for pictures; this model takes none.", name=method))
    effects, base = shapley(model, row, watch, seed)
    found = [Attribution(n, e, model.inputs[n].show(row[n][0])) for n, e in effects.items()]
    ranked = sorted(found, key=lambda a: -abs(a.effect))
    return Explanation(watch.name, answer, base, ranked, watch.place is not None)


def _mapped(model: Model, row: Columns, name: str, watch: Watched, method: str, judge: bool) -> Attribution:
    heat, used = heat_map(model, row, name, watch, method)
    figure = faithfulness(model, row, name, watch, heat) if judge else None
    shown = model.inputs[name].show(row[name][0])
    return Attribution(name, float(np.nansum(heat)), shown, np.nan_to_num(heat), used, figure)
