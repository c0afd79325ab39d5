"""Pictures into classes: the bars, each with its command's settings, on the test part that the data give.

    python benchmarks/classify_bars.py                       (every case, three seeds, by the clock)
    python benchmarks/classify_bars.py mnist-1 --seeds 1 --processor

`--processor` counts the minutes as processor seconds of all threads / 1.8, as two free cores would give: for machines
that do other work meanwhile. Nothing is tuned on the test part; the model is chosen on valid, as always.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from record import data_dir, record

from aprende.core import flow, registry
from aprende.core.contract import Table
from aprende.core.engine import Budget
from aprende.core.model import Model
from aprende.core.settings import make
from aprende.intake.images import read

CASES: dict[str, tuple[str, float, dict[str, Any], str]] = {
    "mnist-1": ("mnist", 1, {}, "error <= 0.45 %"),
    "mnist-3": ("mnist", 3, {}, "error <= 0.30 %"),
    "cifar10-scratch-5": ("cifar10", 5, {"network": "resnet"}, "accuracy >= 68 %"),
    "cifar10-1": ("cifar10", 1, {}, "accuracy >= 76 %"),
    "cifar10-5": ("cifar10", 5, {}, "accuracy >= 80 %"),
    "chihuahua": ("chihuahua_muffin", 5, {}, "at most 1 of 30 wrong, <= 10 s"),
    "mnist-perceptron": ("mnist", 1, {"network": "perceptron"}, "error <= 8.5 %"),
    "mnist-mlp": ("mnist", 2, {"network": "mlp"}, "error <= 1.6 %"),
    "mnist-lenet": ("mnist", 3, {"network": "lenet"}, "error <= 0.7 %"),
    "mnist-lenet1989": ("mnist", 3, {"network": "lenet1989"}, "reported"),
    "mnist-neocognitron": ("mnist", 5, {"network": "neocognitron"}, "error <= 5 %, shifted <= 8 %"),
    "mnist-alexnet": ("mnist", 5, {"network": "alexnet"}, "error <= 0.6 %"),
    "mnist-vgg11": ("mnist", 5, {"network": "vgg11"}, "error <= 0.6 %"),
    "mnist-senet": ("mnist", 5, {"network": "senet"}, "error <= 0.6 %"),
}
SHIFTED = ("mnist-neocognitron",)  # also judged on the test digits moved by up to MOVED pixels both ways
MOVED = 4
SPEED_OF_TWO = 1.8  # threads


@dataclass
class ProcessorBudget(Budget):
    """A budget that counts processor time."""

    def elapsed(self) -> float:
        return self.spent + (time.process_time() - self.begun) / SPEED_OF_TWO

    def __post_init__(self) -> None:
        self.begun = time.process_time()


def run(case: str, seed: int) -> dict[str, float]:
    """Train, and return the accuracy on test, and the seconds from command to scores (baselines not counted)."""
    folder, minutes, settings, _ = CASES[case]
    system = registry.load("classify")
    began, used = time.perf_counter(), time.process_time()
    source = read(data_dir() / folder)
    made = make(system.Settings, {**settings, "minutes": minutes, "seed": seed})
    with tempfile.TemporaryDirectory() as held:
        seconds: dict[str, float] = {}
        system.baselines = lambda data, settings: _stop(seconds, began, used)  # type: ignore[method-assign]
        done = flow.train(system, source, made, Path(held))
    accuracy = done.scores["metrics"]["accuracy"]["value"]
    shifted = {"shifted": moved_accuracy(done.model, source, seed)} if case in SHIFTED else {}
    return {"accuracy": accuracy, **shifted, **seconds, "steps": len(done.history)}


def moved_accuracy(model: Model, source: Table, seed: int) -> float:
    """Return the accuracy on the test pictures, each moved by its own whole pixels; zeros come in at the border."""
    rows = [row for row, part in enumerate(source.parts or ()) if part == "test"]
    pictures = np.asarray(source.columns["image"][rows])
    height, width = pictures.shape[1:3]
    wide = np.pad(pictures, ((0, 0), (MOVED, MOVED), (MOVED, MOVED), (0, 0)))
    places = np.random.default_rng(seed).integers(0, 2 * MOVED + 1, (len(rows), 2))
    moved = np.stack([w[y : y + height, x : x + width] for w, (y, x) in zip(wide, places, strict=True)])
    said = model.predict({"image": moved})[source.target or ""]
    return float((said.to_numpy() == source.columns[source.target or ""].gather(rows).to_numpy()).mean())


def _shifted(runs: list[dict[str, float]]) -> dict[str, list[float]]:
    errors = [round(100 * (1 - r["shifted"]), 3) for r in runs if "shifted" in r]
    return {"shifted_errors": errors} if errors else {}


def _stop(seconds: dict[str, float], began: float, used: float) -> dict[str, Any]:
    seconds |= {"seconds": time.perf_counter() - began, "processor": time.process_time() - used}
    return {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=", ".join(CASES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--processor", action="store_true")
    asked = parser.parse_args()
    if asked.processor:
        flow.Budget = ProcessorBudget  # type: ignore[misc]
    for case in asked.cases or CASES:
        runs = [run(case, seed) for seed in range(asked.first, asked.first + asked.seeds)]
        errors = [round(100 * (1 - r["accuracy"]), 3) for r in runs]
        record(
            "classify_bars",
            case=case,
            first_seed=asked.first,
            error_percent=round(statistics.mean(errors), 3),
            errors=errors,
            **_shifted(runs),
            seconds=round(statistics.mean(r["seconds"] for r in runs), 1),
            processor_seconds=round(statistics.mean(r["processor"] for r in runs), 1),
            clock="processor / 1.8" if asked.processor else "wall",
            bar=CASES[case][3],
        )


if __name__ == "__main__":
    main()
