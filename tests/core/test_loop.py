"""The loop around every learner: budgets, log, checkpoints, resume, signals, a loss that is no number."""

import dataclasses
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aprende.core import checkpoint, engine
from aprende.core.engine import Budget, Engine
from aprende.core.errors import DataError, TrainingError
from aprende.core.loop import CHECKPOINT, LOG, History, Watcher, fit


class Walk:
    """A learner whose state is a number that walks at random; `log` keeps what progress it was told."""

    def __init__(self, done_after: int = 10**9, bad_at: int = 0, pause: float = 0.0) -> None:
        self.done_after, self.bad_at, self.pause = done_after, bad_at, pause
        self.place, self.steps, self.finished = 10.0, 0, False
        self.rng = np.random.default_rng(0)
        self.log: list[float] = []

    @property
    def done(self) -> bool:
        return self.steps >= self.done_after

    def step(self, progress: float) -> dict[str, float]:
        self.steps += 1
        self.log.append(progress)
        self.place += float(self.rng.normal()) * (1 - progress)
        time.sleep(self.pause)
        return {"loss": float("nan") if self.steps == self.bad_at else self.place}

    def state_dict(self) -> dict[str, Any]:
        return {"place": self.place, "steps": self.steps, "rng": self.rng.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.place, self.steps, self.rng.bit_generator.state = state["place"], state["steps"], state["rng"]

    def finish(self) -> None:
        self.finished = True


class Stop(Watcher):
    """Sends this process a signal after a step."""

    def __init__(self, at: int, number: int = signal.SIGTERM, times: int = 1) -> None:
        self.at, self.number, self.times = at, number, times

    def step(self, row: dict[str, float], engine: Engine) -> None:
        if row["step"] == self.at:
            for _ in range(self.times):
                os.kill(os.getpid(), self.number)


def made(steps: int = 0, minutes: float = 5.0, said: list[str] | None = None) -> Engine:
    return engine.make(Budget(minutes, steps), 0, say=(said if said is not None else []).append)


def timeless(history: History) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]


def test_steps_are_counted_and_progress_goes_from_zero_towards_one() -> None:
    learner = Walk()
    history = fit(learner, made(steps=4))
    assert learner.log == [0.0, 0.25, 0.5, 0.75]
    assert [row["step"] for row in history.rows] == [1, 2, 3, 4]
    assert learner.finished
    assert not history.stopped


def test_minutes_are_kept() -> None:
    learner = Walk(pause=0.01)
    began = time.monotonic()
    history = fit(learner, made(minutes=0.5 / 60))
    assert 0.45 <= time.monotonic() - began <= 0.8
    assert learner.log == sorted(learner.log)
    assert learner.log[0] < 0.1
    assert 0.85 < learner.log[-1] <= 1
    assert len(history.rows) > 10


def test_a_learner_may_be_done_early() -> None:
    assert len(fit(Walk(done_after=3), made(steps=100)).rows) == 3


def test_one_step_is_done_however_little_the_time() -> None:
    assert len(fit(Walk(), made(minutes=1e-9)).rows) == 1
    with pytest.raises(TrainingError, match="Give more --minutes"):
        fit(Walk(done_after=0), made(steps=1))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_no_number_ends_training_with_advice(bad: float, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = Walk()
    monkeypatch.setattr(learner, "step", lambda progress: {"loss": bad})
    with pytest.raises(TrainingError, match=r"at step 1\. Try a smaller learning rate"):
        fit(learner, made(steps=5))
    assert not learner.finished


def test_a_loss_that_breaks_later_keeps_the_log(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="at step 3"):
        fit(Walk(bad_at=3), made(steps=5), tmp_path)
    assert len((tmp_path / LOG).read_text().splitlines()) == 2


def test_the_log_has_one_json_line_a_step(tmp_path: Path) -> None:
    history = fit(Walk(), made(steps=3), tmp_path)
    assert [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()] == history.rows
    assert set(history.rows[0]) == {"step", "seconds", "progress", "loss"}


@pytest.mark.parametrize("steps", [1999, 2000, 3000, 9000])
def test_a_long_run_keeps_some_rows_evenly_spaced_and_resumes_the_same(steps: int, tmp_path: Path) -> None:
    told: list[float] = []

    class Count(Stop):
        def step(self, row: dict[str, float], engine: Engine) -> None:
            super().step(row, engine)
            told.append(row["step"])

    whole = fit(Walk(), made(steps=steps), watcher=Count(0))
    assert len(told) == steps
    assert len(whole.rows) == min(steps, 2000)
    gaps = np.diff([row["step"] for row in whole.rows])
    assert set(gaps) <= {steps // 2000 or 1, -(-steps // 2000)}
    fit(Walk(), made(steps=steps), tmp_path, Stop(steps // 2))
    resumed = fit(Walk(), made(steps=steps), tmp_path, resume=True)
    assert timeless(resumed) == timeless(whole)
    assert len((tmp_path / LOG).read_text().splitlines()) == len(whole.rows)


def test_a_row_with_a_valid_figure_is_always_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = Walk()
    step = learner.step
    monkeypatch.setattr(learner, "step", lambda p: step(p) | ({"valid": 1.0} if learner.steps % 3 == 0 else {}))
    rows = fit(learner, made(steps=9000)).rows
    assert sum("valid" in row for row in rows) == 3000
    assert len(rows) <= 5000


def test_the_watcher_is_told() -> None:
    class Told(Watcher):
        said: list[Any] = []  # noqa: RUF012

        def begin(self, engine: Engine) -> None:
            self.said.append("begin")

        def step(self, row: dict[str, float], engine: Engine) -> None:
            self.said.append(row["step"])

        def end(self) -> None:
            self.said.append("end")

    fit(Walk(), made(steps=2), watcher=Told())
    assert Told.said == ["begin", 1, 2, "end"]


# ---- stop and go on --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 7, 20])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_by_a_signal_and_resumed_equals_never_stopped(at: int, number: int, tmp_path: Path) -> None:
    whole = Walk()
    wanted = fit(whole, made(steps=20))
    first = Walk()
    history = fit(first, made(steps=20), tmp_path, Stop(at, number))
    assert history.stopped
    assert not first.finished
    assert len(history.rows) == at
    second = Walk()
    resumed = fit(second, made(steps=20), tmp_path, resume=True)
    assert timeless(resumed) == timeless(wanted)
    assert second.place == whole.place
    assert second.finished
    assert len((tmp_path / LOG).read_text().splitlines()) == 20


def test_a_second_interrupt_stops_at_once(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(Walk(), made(steps=20), tmp_path, Stop(3, signal.SIGINT, times=2))


def test_handlers_are_given_back() -> None:
    before = {s: signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)}
    fit(Walk(), made(steps=1))
    with pytest.raises(TrainingError):
        fit(Walk(bad_at=1), made(steps=1))
    assert before == {s: signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)}


def test_training_in_a_thread_works() -> None:
    found: list[History] = []
    thread = threading.Thread(target=lambda: found.append(fit(Walk(), made(steps=3))))
    thread.start()
    thread.join()
    assert len(found[0].rows) == 3


def test_checkpoints_come_as_often_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    monkeypatch.setattr(checkpoint, "save", lambda path, state: saved.append(state["step"]))
    fit(Walk(), made(steps=5), tmp_path, every=0.0)
    fit(Walk(), made(steps=5), tmp_path, every=1000.0)
    assert saved == [1, 2, 3, 4, 5]


def test_resuming_without_a_checkpoint_begins_anew(tmp_path: Path) -> None:
    assert len(fit(Walk(), made(steps=4), tmp_path, resume=True).rows) == 4


def test_time_spent_before_counts(tmp_path: Path) -> None:
    """A run of 60 s that was stopped after 59.9 s has a tenth of a second left."""
    engine_before = made(minutes=1.0)
    engine_before.budget.spent = 59.9
    fit(Walk(pause=0.01), engine_before, tmp_path, Stop(2))
    state = checkpoint.load(tmp_path / CHECKPOINT)
    assert 59.9 < state["engine"]["spent"] < 60
    learner = Walk(pause=0.01)
    history = fit(learner, made(minutes=1.0), tmp_path, resume=True)
    assert 2 <= len(history.rows) <= 12
    assert all(progress > 0.99 for progress in learner.log)


def test_the_precision_of_the_first_session_is_kept(tmp_path: Path) -> None:
    first = made(steps=9)
    first.precision, first.channels_last = "bf16", True
    fit(Walk(), first, tmp_path, Stop(2))
    second = made(steps=9)
    fit(Walk(), second, tmp_path, resume=True)
    assert (second.precision, second.channels_last) == ("bf16", True)


def test_a_full_disk_ends_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, state: Any) -> None:
        raise DataError("Cannot write: No space left on device.")

    monkeypatch.setattr(checkpoint, "save", full)
    said: list[str] = []
    learner = Walk()
    fit(learner, made(steps=3, said=said), tmp_path, every=0.0)
    assert learner.finished
    assert said[0].startswith("No checkpoint was saved: Cannot write")


def test_a_log_that_cannot_be_written_is_an_error_for_people(tmp_path: Path) -> None:
    (tmp_path / LOG).mkdir()
    with pytest.raises(DataError, match=r"Cannot write .*log\.jsonl"):
        fit(Walk(), made(steps=3), tmp_path)


def test_a_disk_that_fills_while_logging_ends_no_training(tmp_path: Path) -> None:
    """/dev/full takes nothing: every write fails with ENOSPC."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    (tmp_path / LOG).symlink_to("/dev/full")
    said: list[str] = []
    learner = Walk()
    fit(learner, made(steps=3, said=said), tmp_path)
    assert learner.finished
    assert len(said) == 1, "told once, not at every step"


def test_history_is_a_plain_dataclass() -> None:
    assert dataclasses.asdict(History([{"step": 1.0}])) == {"rows": [{"step": 1.0}], "stopped": False}
