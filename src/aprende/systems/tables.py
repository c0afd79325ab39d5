"""Any column of a table from the others: a price, a class, or several columns at once.

An ensemble of gradient-boosted trees (LightGBM, Ke et al. 2017; CatBoost, Prokhorenkova et al. 2018) and networks for
tables (TabM, Gorishniy et al. 2024; ModernNCA, Ye et al. 2024) on one encoding with neighbours in place and in text,
blended on out-of-fold answers (Caruana et al. 2004). Numbers come with conformal 90 % intervals (Lei et al. 2018).
Selectable alone: `trees`, `tabm`, and the lecture's `mlp` and `perceptron` with a loss of choice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aprende.core import splits, unlike
from aprende.core.contract import (
    PARTS,
    Arrays,
    Card,
    Data,
    Evaluation,
    Learner,
    Note,
    Predict,
    Predictor,
    Source,
    System,
    Wrapping,
    no_network,
)
from aprende.core.engine import Engine
from aprende.core.errors import DataError
from aprende.core.fields import Boolean, Category, Columns, Field, Json, Number, Probabilities, from_json, rows_of, take
from aprende.core.settings import Settings, setting
from aprende.core.words import t
from aprende.methods.tables import baselines, features, parts, targets
from aprende.methods.tables.ensemble import ORDER
from aprende.methods.tables.metrics import evaluation
from aprende.methods.tables.targets import Target

LEARNT = ("number", "category", "boolean", "date", "text", "place")
NETWORKS = ("ensemble", "trees", "tabm", "mlp", "perceptron")
LOSSES = ("auto", "absolute", "squared", "huber", "cross_entropy", "hinge")
LEAST = 20  # rows with a known target


@dataclass(frozen=True)
class TableSettings(Settings):
    """What can be chosen for tables."""

    network: str = setting("ensemble", "What learns: the ensemble, or one network alone.", NETWORKS)
    loss: str = setting("auto", "What the perceptron and the multi-layer perceptron make small.", LOSSES)
    width: int = setting(256, "Units of a hidden layer of the multi-layer perceptron.")
    depth: int = setting(2, "Hidden layers of the multi-layer perceptron.")
    folds: int = setting(5, "Parts in turn held out while the others train a member of the ensemble.")


class Tables(Data):
    """Rows with a known target, and which part each is in."""

    def __init__(self, columns: Columns, truths: list[NDArray[Any]], keys: list[str], facts: dict[str, Json]) -> None:
        self.columns, self.truths, self.keys, self.facts = columns, truths, keys, facts
        self.targets = [Target(**told) for told in facts["targets"]]
        self.inputs, self.outputs = fields(facts)
        self.rows: dict[str, NDArray[np.int64]] = dict.fromkeys(PARTS, np.zeros(0, np.int64))
        self.notes: list[Note] = []
        self.groups: NDArray[np.str_] | None = None

    def ids(self, part: str) -> set[str]:
        return {self.keys[i] for i in self.rows[part]}

    def examples(self, part: str, n: int) -> Columns:
        return take(self.columns, self.rows[part][:n])

    def learnt_from(self) -> NDArray[np.int64]:
        """Return the rows that may be learnt from: train and valid."""
        return np.sort(np.concatenate([self.rows["train"], self.rows["valid"]]))

    def folds(self, rows: NDArray[np.int64], k: int, seed: int) -> NDArray[np.int64]:
        """Return a fold for each row; copies and groups stay together."""
        groups = None if self.groups is None else self.groups[rows].tolist()
        made = splits.folds([self.keys[i] for i in rows], k, seed, groups)
        return np.unique(made, return_inverse=True)[1].astype(np.int64)


class Valuer(Predictor):
    """Columns → encoded rows → numbers with intervals, or probabilities and words."""

    def __init__(self, facts: dict[str, Json], arrays: Arrays) -> None:
        self.facts, self.arrays, self.forward = facts, arrays, no_network
        self.inputs, self.outputs = fields(facts)
        self.targets = [Target(**told) for told in facts["targets"]]
        self.features = features.load(facts["features"], arrays) if "features" in facts else None
        self._held = unlike.Held(facts["summary"])

    def predict(self, columns: Columns) -> Columns:
        if self.features is None:
            return no_network({})
        said = self.forward({"rows": self.features.transform(columns)})
        found: Columns = {}
        for i, target in enumerate(self.targets):
            found |= _answer(target, said, i, len(self.targets))
        return {**found, "unlike": self._unlike(columns)}

    def _unlike(self, columns: Columns) -> NDArray[np.float64]:
        """1 where more than one column in twenty (at least one) lies outside what train held, else 0: (n,)."""
        outside = list(self._held.outside(columns).values())
        count = np.sum(outside, axis=0) if outside else np.zeros(rows_of(columns))
        return np.asarray(count > len(outside) // 20, dtype=np.float64)


def _answer(target: Target, said: Arrays, i: int, many: int) -> Columns:
    import polars as pl

    if not target.classes:
        ends = {f"{target.name} {end}": said[f"{end} {i}"].astype(np.float64) for end in ("low", "high")}
        return {target.name: said[f"value {i}"].astype(np.float64), **ends}
    shares = said[f"probabilities {i}"].astype(np.float64)
    words = pl.Series([target.options[at] for at in shares.argmax(axis=1)], dtype=pl.String)
    return {target.name: words, _chances(target, many): shares / shares.sum(axis=1, keepdims=True)}


def _chances(target: Target, many: int) -> str:
    return "probabilities" if many == 1 else f"{target.name} probabilities"


def fields(facts: dict[str, Json]) -> tuple[dict[str, Field], dict[str, Field]]:
    """Return the input and the output fields."""
    outputs: dict[str, Field] = {}
    for told in facts["targets"]:
        target = Target(**told)
        if target.classes:
            options = tuple(target.options)
            outputs[target.name] = Category(options, options[0], closed=True)
            outputs[_chances(target, len(facts["targets"]))] = Probabilities(options)
        else:
            one = Number(typical=target.typical, unit=target.unit)
            outputs |= {target.name: one, f"{target.name} low": one, f"{target.name} high": one}
    return {n: from_json(told) for n, told in facts["inputs"].items()}, {**outputs, "unlike": Boolean()}


class TableLearner(Wrapping):
    """Learns the encoding, then trains what the settings chose on it."""

    def __init__(self, settings: TableSettings, predictor: Valuer, data: Tables, engine: Engine) -> None:
        self.predictor, self.data = predictor, data
        rows = data.learnt_from()
        truths = [truth[rows] for truth in data.truths]
        signals = np.concatenate([g.signals(y) for g, y in zip(data.targets, truths, strict=True)], axis=1)
        together = [data.keys[i] for i in rows] if data.groups is None else data.groups[rows].tolist()
        owner = np.unique(together, return_inverse=True)[1].astype(np.int64)
        columns = take(data.columns, rows)
        predictor.features, matrix = features.fit(columns, data.inputs, signals, owner, settings.seed)
        if settings.network in ("mlp", "perceptron"):
            self.inner = self._descent(settings, matrix, rows, truths[0], engine)
            return
        from aprende.methods.tables.learning import EnsembleTraining

        members = ORDER if settings.network == "ensemble" else (settings.network,)
        folds = data.folds(rows, settings.folds, settings.seed)
        if "tabm" in members:
            engine.begin()
        refit = settings.network != "ensemble"
        self.inner = EnsembleTraining(matrix, data.targets, truths, folds, members, engine, refit)

    def _descent(
        self, settings: TableSettings, matrix: NDArray[np.float32], rows: NDArray[np.int64], truth: Any, engine: Engine
    ) -> Any:
        from aprende.methods.tables.descent import DescentTraining

        engine.begin()
        target = self.data.targets[0]
        auto = "cross_entropy" if target.classes else "huber"
        loss = auto if settings.loss == "auto" else settings.loss
        held = np.isin(rows, self.data.rows["valid"])
        return DescentTraining(settings.network, loss, matrix[~held], target, truth[~held], (matrix[held], truth[held]),
                               engine, settings.width, settings.depth)  # fmt: skip

    def finish(self) -> None:
        graph = self.inner.finish()
        predictor = self.predictor
        if predictor.features is not None:
            predictor.facts["features"], predictor.arrays = predictor.features.save()
        predictor.network = predictor.forward = graph


class TablesSystem(System):
    """Tables → any of their columns."""

    name = "tables"
    card: ClassVar[Card] = Card(
        title="Any column of a table",
        idea="Predicts a column of a table from the others: a price with its interval, a class, or several columns.",
        family="supervised",
        metric="",
        paper="Gorishniy et al. 2024 (TabM); Ke et al. 2017 (LightGBM); Caruana et al. 2004 (ensemble selection)",
        deviations="Members share one encoding with neighbours; TabM's members part after the first layer.",
    )
    Settings = TableSettings
    tiny: ClassVar[dict[str, Any]] = {"steps": 4, "folds": 2}

    def example(self) -> Source:
        """Return 400 invented sales of homes, made here."""
        from aprende.methods.tables.homes import homes

        return homes(400)

    def accepts(self, source: Source) -> str:
        usable = [n for n, f in source.fields.items() if f.kind in LEARNT]
        if len(usable) < 2 or any(f.kind not in LEARNT for f in source.fields.values()):
            return t(
                "Expected a table: columns of numbers, words, dates, texts or places, one of them to be predicted."
            )
        if source.rows < LEAST:
            return t("Expected at least {n} rows, got {got}.", n=LEAST, got=source.rows)
        return ""

    def data(self, source: Source, settings: TableSettings) -> Tables:
        names = parts.chosen_targets(source, settings)
        notes: list[Note] = []
        inputs = parts.chosen_inputs(source, settings, names, notes)
        known = parts.known(source, names)
        if len(known) < LEAST:
            named = ", ".join(names)
            said = t(
                "{name}: {n} rows have a value; at least {least} are needed.", name=named, n=len(known), least=LEAST
            )
            raise DataError(said)
        columns = take({n: source.columns[n] for n in [*inputs, *names]}, known)
        keys = parts.keys_of({n: columns[n] for n in inputs})
        drawn, groups = parts.split(source, settings, known, keys)
        held = np.sort(np.concatenate([drawn.train, drawn.valid]))
        learnt = [targets.learn(n, take({n: columns[n]}, held)[n], source.fields[n]) for n in names]
        parts.check_classes(learnt, columns, notes)
        facts: dict[str, Json] = {
            "targets": [g.to_json() for g in learnt],
            "inputs": {n: f.to_json() for n, f in inputs.items()},
            "summary": unlike.summarise(take({n: columns[n] for n in inputs}, held), inputs),
        }
        data = Tables({n: columns[n] for n in inputs}, [g.read(columns[g.name]) for g in learnt], keys, facts)
        data.rows = {part: parts.answerable(getattr(drawn, part), data.truths, learnt) for part in PARTS}
        data.groups, data.notes = groups, notes
        if drawn.copies:
            notes.append(Note(t("copies of other rows: never on two sides of a split"), "info", "", drawn.copies))
        return data

    def test_data(self, source: Source, settings: TableSettings, facts: dict[str, Json]) -> Tables:
        names = [told["name"] for told in facts["targets"]]
        missing = [n for n in names if n not in source.columns]
        if missing:
            raise DataError(t("There is no column {name}, which the model predicts.", name=", ".join(missing)))
        known = parts.known(source, names)
        columns = take({n: source.columns[n] for n in [*facts["inputs"], *names]}, known)
        inputs = {n: columns[n] for n in facts["inputs"]}
        goals = [Target(**told) for told in facts["targets"]]
        data = Tables(inputs, [g.read(columns[g.name]) for g in goals], parts.keys_of(inputs), facts)
        data.rows["test"] = parts.answerable(np.arange(len(known)), data.truths, goals)
        return data

    def build(self, settings: TableSettings, facts: dict[str, Json], arrays: Arrays) -> Valuer:
        return Valuer(facts, arrays)

    def learner(self, settings: TableSettings, predictor: Predictor, data: Any, engine: Engine) -> Learner:
        return TableLearner(settings, predictor, data, engine)  # type: ignore[arg-type]

    def evaluate(self, predict: Predict, data: Tables, part: str = "test", limit: int = 0) -> Evaluation:
        rows = data.rows[part][: limit or None]
        groups = None if data.groups is None else data.groups[rows]
        return evaluation(predict(data.examples(part, len(rows))), data.targets, [y[rows] for y in data.truths], groups)

    def baselines(self, data: Tables, settings: TableSettings) -> dict[str, Callable[[], Predict]]:
        rows = data.learnt_from()
        columns, truths = take(data.columns, rows), [y[rows] for y in data.truths]

        def every(fit: Callable[[Target, NDArray[Any]], baselines.Said]) -> Callable[[], Predict]:
            def made() -> Predict:
                said = [fit(g, y) for g, y in zip(data.targets, truths, strict=True)]
                return lambda given: _plain(data.targets, [s(given) for s in said])

            return made

        def network(kind: str) -> Callable[[], Predict]:
            return every(lambda g, y: baselines.network(kind, g, y, columns, data.inputs, settings.seed))

        trivial = every(baselines.trivial)
        linear = every(lambda g, y: baselines.linear(g, y, columns, data.inputs))
        networks = {"perceptron": network("perceptron"), "multi-layer perceptron": network("mlp")}
        if data.targets[0].classes:
            return {"majority": trivial, "logistic regression": linear, **networks}
        return {"median": trivial, "ridge": linear, **networks}


def _plain(goals: list[Target], said: list[NDArray[np.float64]]) -> Columns:
    """Return a baseline's answers under the names that the model uses."""
    pairs = zip(goals, said, strict=True)
    return {_chances(g, len(goals)) if g.classes else g.name: s if g.classes else s[:, 0] for g, s in pairs}


SYSTEM = TablesSystem()
