"""Where and how training runs: device, precision, memory format, threads, and the time there is.

Knows no network and no system. Precision is measured in seconds of real steps, not guessed: bf16 with channels_last is
about twice as quick as fp32 for dense convolutions on CPUs that have bf16 units, and slower for depthwise ones.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch

A = TypeVar("A")
B = TypeVar("B")


@dataclass
class Budget:
    """The time there is: a number of steps, or minutes of wall clock. `spent` counts earlier sessions."""

    minutes: float = 5.0
    steps: int = 0
    spent: float = 0.0  # seconds before this process
    started: float = field(default_factory=time.monotonic)
    ended: bool = False  # early, by a signal: what still computes shall end

    def elapsed(self) -> float:
        """Return the seconds used, earlier sessions included."""
        return self.spent + time.monotonic() - self.started

    def left(self) -> float:
        """Return the seconds left (infinite where steps are counted)."""
        if self.ended:
            return 0.0
        return float("inf") if self.steps else max(0.0, self.minutes * 60 - self.elapsed())

    def progress(self, step: int) -> float:
        """Return how much of the budget is used before this step (0 for the first), in [0, 1]."""
        share = step / self.steps if self.steps else self.elapsed() / (self.minutes * 60)
        return min(1.0, share)

    def over(self, step: int) -> bool:
        """Tell whether no further step may begin."""
        return step >= self.steps if self.steps else self.left() <= 0


@dataclass
class Engine:
    """How this run computes. `precision` is "fp32" or "bf16"; `scratch` is a folder for caches of this run."""

    budget: Budget
    seed: int = 0
    device: str = "auto"
    precision: str = "fp32"
    channels_last: bool = False
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    say: Callable[[str], None] = print
    scratch: Path | None = None
    measured: dict[str, float] = field(default_factory=dict)

    def begin(self) -> None:
        """Before torch is used: choose the device, set threads, seed every generator, ask for determinism."""
        import torch

        if self.device == "auto":
            mps = getattr(torch.backends, "mps", None)
            self.device = "cuda" if torch.cuda.is_available() else "mps" if mps and mps.is_available() else "cpu"
        torch.set_num_threads(self.threads)
        seed_all(self.seed)
        repeatable = bool(self.budget.steps)
        if torch.are_deterministic_algorithms_enabled() != repeatable:  # the call alone imports for seconds
            torch.use_deterministic_algorithms(repeatable, warn_only=True)

    def autocast(self) -> Any:
        """Return the context in which forward passes run."""
        import torch

        if self.precision == "bf16":
            return torch.autocast(self.device.split(":")[0], dtype=torch.bfloat16)
        return nullcontext()

    def place(self, module: "torch.nn.Module") -> "torch.nn.Module":
        """Return the module on the device, in the memory format."""
        import torch

        module = module.to(self.device)
        return module.to(memory_format=torch.channels_last) if self.channels_last else module  # type: ignore[call-overload]

    def choose_precision(self, trial: Callable[[], None], seconds: float = 2.0) -> None:
        """Keep the quicker of fp32 and bf16, each with channels_last, by timing `trial` (one training step, undone by
        the caller). With counted steps the precision stays fp32, so that the same seed gives the same bits."""
        if self.budget.steps:
            return
        self.channels_last = True
        for precision in ("fp32", *(["bf16"] if self._has_bf16() else [])):
            self.precision = precision
            self.measured[precision] = _seconds_a_call(trial, seconds / 2)
        self.precision = min(self.measured, key=self.measured.__getitem__)

    def _has_bf16(self) -> bool:
        """Tell whether bf16 may be the quicker: a processor without 512-bit vectors takes seconds for one call."""
        import torch

        return self.device != "cpu" or torch.backends.cpu.get_cpu_capability() not in ("DEFAULT", "NO AVX", "AVX2")

    def state_dict(self) -> dict[str, Any]:
        """Return the choices, so that a resumed run computes in the same way."""
        return {"precision": self.precision, "channels_last": self.channels_last, "spent": self.budget.elapsed()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up the choices of the run that is resumed."""
        self.precision, self.channels_last = state["precision"], state["channels_last"]
        self.budget.spent, self.budget.started = state["spent"], time.monotonic()


def _seconds_a_call(call: Callable[[], None], seconds: float) -> float:
    call()  # warm-up: allocation, primitive caches
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def make(budget: Budget, seed: int, say: Callable[[str], None] = print, scratch: Path | None = None) -> Engine:
    """Return the engine for this machine. Imports no torch: `begin` asks it for the device.

    Threads of OpenMP (torch, LightGBM, scikit-learn) are told to spin for a moment only while they wait: not at all,
    and two threads of LightGBM take 3.5 times as long; as long as they like, and programs that share the cores lose a
    fifth. It works only before those libraries are loaded.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    device = os.environ.get("APRENDE_DEVICE", "auto")
    return Engine(budget, seed, device=device, threads=cores(), say=say, scratch=scratch)


def cores() -> int:
    """Return how many threads may compute at once: OMP_NUM_THREADS, or the cores that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # Linux alone
    return int(os.environ.get("OMP_NUM_THREADS", 0)) or allowed


def side_by_side(work: Callable[[A], B], items: Sequence[A]) -> list[B]:
    """Return what `work` makes of each item, in order, as many at once as there are cores; in the caller's language.

    The first error is raised, and what has not begun is not done. Threads: for work that lets go of the interpreter.
    """
    if len(items) == 1:
        return [work(items[0])]
    pool = ThreadPoolExecutor(cores())
    try:
        coming = [pool.submit(copy_context().run, work, item) for item in items]
        return [one.result() for one in coming]
    finally:
        pool.shutdown(cancel_futures=True)


def seed_all(seed: int) -> None:
    """Seed Python, NumPy and torch."""
    import random

    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread within the block: small work is quicker so, and repeatable."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
