"""The flow, written once for every system: source → data → learner → predictor → model → scores.

Knows no system, no file format and no screen: the app gives a source that is read, and a Watcher that shows progress.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aprende.core import bundle, loop, measure
from aprende.core import engine as engines
from aprende.core.checkpoint import write_atomic
from aprende.core.contract import Arrays, Data, Evaluation, Note, Predict, Predictor, Source, System, as_rows
from aprende.core.engine import Budget
from aprende.core.errors import DataError, TrainingError
from aprende.core.fields import Field, read_all, rows_of
from aprende.core.model import Model, OnnxForward, predict_in_pieces, revive
from aprende.core.settings import Settings, make, to_json
from aprende.core.words import t

MODEL = "model.aprende"
RUN = "run.json"


@dataclass
class Run:
    """What training gave. `scores` is measure.score's JSON; `evaluations` holds the per-unit results on test;
    `predictor` is the one that was trained: it still has its network."""

    folder: Path
    model: Model
    scores: dict[str, Any]
    notes: list[Note]
    history: list[dict[str, float]]
    data: Data
    predictor: Predictor
    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


class Stopped(Exception):
    """A signal ended the run before its time; `--resume` goes on from its checkpoint."""

    def __init__(self, folder: Path) -> None:
        super().__init__(t("Stopped. To go on: aprende train --resume {folder}", folder=folder))


def train(
    system: System,
    source: Source,
    settings: Settings,
    folder: Path,
    watcher: loop.Watcher | None = None,
    resume: bool = False,
    every: float = 30.0,
    about: dict[str, Any] | None = None,
) -> Run:
    """Train, measure and save. folder: where log, checkpoints and model go. about: JSON that is kept with the model."""
    began = time.monotonic()
    why = system.accepts(source)
    if why:
        raise DataError(why)
    _make(folder, system, settings, about or {})
    watcher = watcher or loop.Watcher()
    engine = engines.make(Budget(settings.minutes, settings.steps), settings.seed, scratch=folder)
    data = system.data(source, settings)
    notes = [*source.notes, *data.notes, *_no_test(data)]
    watcher.notes(notes)
    predictor = system.build(settings, dict(data.facts), {})
    learner = system.learner(settings, predictor, data, engine)
    history = loop.fit(learner, engine, folder, watcher, every, resume)
    if history.stopped:
        raise Stopped(folder)
    trained = time.monotonic()
    onnx = freeze(predictor, data)
    evaluations = _evaluate(system, predictor, data, settings, watcher)
    scores = measure.score(evaluations["model"], {k: e for k, e in evaluations.items() if k != "model"}, settings.seed)
    seconds = {"training": trained - began, "measuring": time.monotonic() - trained}
    kept = {
        "scores": scores,
        "notes": [n.__dict__ for n in notes],
        "history": thinned(history.rows),
        "background": background(predictor, data),
        "targets": {name: f.to_json() for name, f in targets(source, settings).items()},
        "seconds": {k: round(v, 1) for k, v in seconds.items()},
        "about": about or {},
    }
    path = bundle.save(folder / MODEL, system.name, settings, predictor, onnx, kept)
    model = revive(bundle.read(path), OnnxForward(onnx), str(path))
    (folder / loop.CHECKPOINT).unlink(missing_ok=True)
    return Run(folder, model, scores, notes, history.rows, data, predictor, evaluations, seconds)


def _no_test(data: Data) -> list[Note]:
    if data.ids("test"):
        return []
    said = t("No rows are held out for a test: the figures are on the validation rows, and a little too good.")
    return [Note(said, "warning")]


def _make(folder: Path, system: System, settings: Settings, about: dict[str, Any]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(t("Cannot write {path}: {error}.", path=folder, error=error.strerror)) from None
    said = {"system": system.name, "settings": to_json(settings), **about}
    write_atomic(folder / RUN, json.dumps(said, ensure_ascii=False, indent=1).encode())


def freeze(predictor: Predictor, data: Data, tolerance: float = 1e-3) -> bytes:
    """Turn the trained network into its ONNX graph and predict with that from here on: what is measured is what is
    saved. Raise TrainingError unless both give the same numbers on real examples."""
    if predictor.network is None:
        raise TrainingError(t("The learner left no network."))
    network, onnx = predictor.network, predictor.network.onnx()
    few = (data.examples(part, 16) for part in ("valid", "train"))
    examples = read_all(predictor.inputs, next(columns for columns in few if rows_of(columns)))
    passes: list[tuple[Arrays, Arrays]] = []

    def watched(arrays: Arrays) -> Arrays:
        passes.append((arrays, network(arrays)))
        return passes[-1][1]

    predictor.forward = watched
    predictor.predict(examples)
    graph = predictor.forward = OnnxForward(onnx)
    gap = max(largest_gap(found, graph(arrays)) for arrays, found in passes)
    if gap > tolerance:
        raise TrainingError(t("The exported graph differs from the network by {gap}.", gap=f"{gap:.2g}"))
    return onnx


def largest_gap(a: Arrays, b: Arrays) -> float:
    """Return the largest relative difference between columns of two predictions: of masks the share of places that
    differ; 1.0 where words differ, infinite where one has a number and the other none, or lengths differ."""
    return max((_gap(a[name], b[name]) for name in a), default=0.0)


def _gap(x: Any, y: Any) -> float:
    import numpy as np

    if isinstance(x, list) and any(isinstance(value, np.ndarray) for value in x):
        return max(map(_gap, x, y)) if len(x) == len(y) else float("inf")
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "fiu":
        return float(list(x) != list(y))
    if x.dtype == np.uint8:  # places of classes: how far apart they are means nothing
        return float((x != y).mean()) if x.shape == y.shape else float("inf")
    both = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    known = np.isfinite(both[0])
    if both[0].shape != both[1].shape or (known != np.isfinite(both[1])).any():
        return float("inf")
    scale = max(1.0, float(np.abs(both[0][known]).max(initial=0.0)))
    return float(np.abs(both[0] - both[1])[known].max(initial=0.0)) / scale


def _evaluate(
    system: System, predictor: Predictor, data: Data, settings: Settings, watcher: loop.Watcher
) -> dict[str, Evaluation]:
    part = "test" if data.ids("test") else "valid"

    def judged(predict: Predict) -> Evaluation:
        return system.evaluate(predict, data, part)

    watcher.measuring("model")
    found = {"model": judged(lambda columns: predict_in_pieces(predictor, columns))}
    for name, made in system.baselines(data, settings).items():
        watcher.measuring(name)
        found[name] = judged(made())
    return found


def targets(source: Source, settings: Settings) -> dict[str, Field]:
    """Return the columns that were learnt to predict, with their fields: those that a test needs beside the inputs."""
    asked = [settings.target] if settings.target in source.fields else [n.strip() for n in settings.target.split(",")]
    names = [*asked, source.target or ""]
    return {name: source.fields[name] for name in names if name in source.fields}


def background(predictor: Predictor, data: Data, n: int = 32) -> list[dict[str, Any]]:
    """Return a few rows of train as JSON, against which explanations compare; none where inputs are not scalar."""
    if any(f.heavy for f in predictor.inputs.values()):
        return []
    return as_rows(read_all(predictor.inputs, data.examples("train", n)), predictor.inputs)


def thinned(history: list[dict[str, float]], most: int = 400) -> list[dict[str, float]]:
    """Return at most so many rows of the history, evenly spaced, first and last included."""
    if len(history) <= most:
        return history
    return [history[round(i * (len(history) - 1) / (most - 1))] for i in range(most)]


def test(model: Model, source: Source) -> dict[str, Any]:
    """Score a model on other data: metrics with intervals, and how far the data have drifted from train."""
    system, predictor = model.system, model.predictor
    settings = make(system.Settings, model.manifest["settings"])
    data = system.test_data(source, settings, model.manifest["facts"])
    evaluation = system.evaluate(lambda columns: predict_in_pieces(predictor, columns), data)
    scores = measure.score(evaluation, {})
    return {**scores, "drift": _drift(model, data, scores["units"])}


def _drift(model: Model, data: Data, n: int) -> dict[str, float]:
    """Return how far scalar columns have moved; nothing is read where train left no summary (pictures)."""
    from aprende.core import unlike

    summary = model.manifest["facts"].get("summary", {})
    if not summary:
        return {}
    return unlike.drift(summary, read_all(model.inputs, data.examples("test", n)))


__all__ = ["MODEL", "RUN", "Run", "Stopped", "freeze", "test", "train"]
