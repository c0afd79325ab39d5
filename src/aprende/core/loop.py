"""The one loop around every learner: time, log, progress, checkpoints, resume, stop. The learner owns the algorithm."""

import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aprende.core import checkpoint
from aprende.core.contract import Learner, Note
from aprende.core.engine import Engine
from aprende.core.errors import DataError, TrainingError
from aprende.core.words import t

CHECKPOINT = "checkpoint.safetensors"
LOG = "log.jsonl"
ROWS = 2000  # kept of a run's history and log, evenly spaced; a run may have millions of steps


@dataclass
class History:
    """What was logged: dicts {"step", "seconds", "progress", "loss", …}, of every step or of some `ROWS` of them."""

    rows: list[dict[str, float]] = field(default_factory=list)
    stopped: bool = False  # a signal ended it before its time


class Watcher:
    """What a run tells while it goes; the app draws it. This one is silent."""

    def notes(self, notes: list[Note]) -> None:
        """Decisions on the data, before training."""

    def begin(self, engine: Engine) -> None:
        """Training starts."""

    def step(self, row: dict[str, float], engine: Engine) -> None:
        """A step was done; row as in History."""

    def logged(self, row: dict[str, float]) -> None:
        """A row was kept: of every step, or of some `ROWS` of them."""

    def end(self) -> None:
        """Training ended."""

    def measuring(self, name: str) -> None:
        """The model, or a baseline of this name, is being judged on the test rows."""


def fit(
    learner: Learner,
    engine: Engine,
    folder: Path | None = None,
    watcher: Watcher | None = None,
    every: float = 30.0,
    resume: bool = False,
) -> History:
    """Step until the budget is used, the learner is done, or a signal comes; then let the learner finish.

    folder: where log and checkpoints go (none: neither). every: seconds between checkpoints. With counted steps,
    killing the process at any moment and resuming gives the same model, bit for bit.
    """
    history, watcher = History(), watcher or Watcher()
    step = _resume(learner, engine, folder, history) if resume and folder else 0
    reached = _tick(engine.budget.progress(step - 1)) if step else -1
    saved = time.monotonic()
    watcher.begin(engine)
    with _signals() as asked, _log(folder, history, engine.say) as write:
        try:
            while (step == 0 or not engine.budget.over(step)) and not learner.done and not asked:  # one step at least
                progress = engine.budget.progress(step)
                row = _one(learner, engine, step, progress)
                step += 1
                if _tick(progress) > reached or "valid" in row:
                    reached = _tick(progress)
                    history.rows.append(row)
                    write(row)
                    watcher.logged(row)
                watcher.step(row, engine)
                if folder and time.monotonic() - saved >= every:
                    _save(learner, engine, folder, step, history)
                    saved = time.monotonic()
        finally:
            engine.budget.ended = bool(asked)  # what still computes beside us shall end
        if asked and folder:
            _save(learner, engine, folder, step, history)
    watcher.end()
    history.stopped = bool(asked)
    if not history.rows:
        raise TrainingError(t("The time given ended before anything was learnt. Give more --minutes."))
    if not history.stopped:
        learner.finish()
    return history


def _tick(progress: float) -> int:
    return int(progress * ROWS + 1e-6)


def _one(learner: Learner, engine: Engine, step: int, progress: float) -> dict[str, float]:
    figures = learner.step(progress)
    if not math.isfinite(figures["loss"]):
        said = t("The loss is {loss} at step {step}. Try a smaller learning rate.", loss=figures["loss"], step=step + 1)
        raise TrainingError(said)
    return {"step": step + 1, "seconds": round(engine.budget.elapsed(), 2), "progress": round(progress, 4), **figures}


def _save(learner: Learner, engine: Engine, folder: Path, step: int, history: History) -> None:
    state = {"step": step, "engine": engine.state_dict(), "learner": learner.state_dict(), "history": history.rows}
    try:
        checkpoint.save(folder / CHECKPOINT, state)
    except DataError as error:  # a full disk must not end hours of training: what was saved before is still there
        engine.say(t("No checkpoint was saved: {error}", error=error))


def _resume(learner: Learner, engine: Engine, folder: Path, history: History) -> int:
    if not (folder / CHECKPOINT).exists():
        return 0
    state = checkpoint.load(folder / CHECKPOINT)
    engine.load_state_dict(state["engine"])
    learner.load_state_dict(state["learner"])
    history.rows = state["history"]
    return int(state["step"])


@contextmanager
def _log(
    folder: Path | None, history: History, say: Callable[[str], None]
) -> Iterator[Callable[[dict[str, float]], None]]:
    """Give the function that writes a row. A disk that fills ends the log (told once), not the training."""
    if folder is None:
        yield lambda row: None
        return
    try:  # unbuffered: nothing is left to fail when it is closed
        file = open(folder / LOG, "wb", buffering=0)  # noqa: SIM115
    except OSError as error:
        raise DataError(t("Cannot write {path}: {error}.", path=folder / LOG, error=error.strerror)) from None
    broken: list[OSError] = []

    def write(row: dict[str, float]) -> None:
        try:
            if not broken:
                file.write(json.dumps(row).encode() + b"\n")
        except OSError as error:
            broken.append(error)
            say(t("The log goes no further: {error}.", error=error.strerror))

    with file:
        for row in history.rows:  # a resumed run writes its past again: one file, no gap
            write(row)
        yield write


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGTERM and the first SIGINT instead of dying of them; a second SIGINT interrupts at once."""
    asked: list[int] = []

    def note(number: int, frame: Any) -> None:
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(number)

    try:
        before = {s: signal.signal(s, note) for s in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not the main thread: whoever runs us handles signals
        yield asked
        return
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
