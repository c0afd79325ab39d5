"""Budget and engine: how long, how precise, on how many threads."""

import subprocess
import sys
import time
from typing import Any

import pytest
import torch

from aprende.core import engine
from aprende.core.engine import Budget, Engine


def test_counted_steps_have_no_clock() -> None:
    budget = Budget(minutes=0.0, steps=8)
    assert budget.left() == float("inf")
    assert [budget.progress(s) for s in (0, 2, 8, 9)] == [0.0, 0.25, 1.0, 1.0]
    assert [budget.over(s) for s in (0, 7, 8)] == [False, False, True]


def test_minutes_run_out() -> None:
    budget = Budget(minutes=0.002, spent=0.06)
    assert 0.5 <= budget.progress(0) < 0.9
    assert not budget.over(10**9)
    time.sleep(0.07)
    assert budget.over(0)
    assert (budget.left(), budget.progress(0)) == (0.0, 1.0)


def test_the_quicker_precision_is_kept() -> None:
    made = Engine(Budget(minutes=1.0))
    made.choose_precision(lambda: time.sleep(0.002 if made.precision == "bf16" else 0.006), seconds=0.1)
    assert made.precision == "bf16"
    assert made.measured["fp32"] > made.measured["bf16"] > 0.0019
    assert made.channels_last
    made.choose_precision(lambda: time.sleep(0.006 if made.precision == "bf16" else 0.002), seconds=0.1)
    assert made.precision == "fp32"


def test_counted_steps_stay_fp32() -> None:
    made = Engine(Budget(steps=5))
    made.choose_precision(lambda: pytest.fail("nothing is timed where the bits must repeat"))
    assert (made.precision, made.channels_last) == ("fp32", False)


def test_begin_seeds_everything() -> None:
    import random

    import numpy as np

    def drawn() -> list[Any]:
        Engine(Budget(steps=1), seed=3, threads=1).begin()
        return [random.random(), np.random.random(), torch.rand(1).item()]

    assert drawn() == drawn()


def test_autocast_is_only_for_bf16() -> None:
    layer, x = torch.nn.Linear(2, 2), torch.zeros(1, 2)
    made = Engine(Budget(steps=1), device="cpu")
    with made.autocast():
        assert layer(x).dtype == torch.float32
    made.precision = "bf16"
    with made.autocast():
        assert layer(x).dtype == torch.bfloat16


def test_modules_are_placed_in_the_memory_format() -> None:
    made = Engine(Budget(steps=1), device="cpu", channels_last=True)
    placed: Any = made.place(torch.nn.Conv2d(3, 4, 3))
    assert placed.weight.is_contiguous(memory_format=torch.channels_last)


def test_one_thread_is_given_back() -> None:
    before = torch.get_num_threads()
    with engine.one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_threads_and_device_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("APRENDE_DEVICE", "cpu")
    made = engine.make(Budget(), 0)
    assert (made.threads, made.device) == (3, "cpu")
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert engine.make(Budget(), 0).threads >= 1
    monkeypatch.delattr("os.sched_getaffinity", raising=False)  # as on macOS and Windows
    assert engine.make(Budget(), 0).threads >= 1


def test_making_an_engine_imports_no_torch() -> None:
    code = "import sys; from aprende.core import engine as e; e.make(e.Budget(), 0); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
