"""Pictures into regions: mean IoU on CamVid's test part (240 × 180, 11 classes, no class left out but void).

    python benchmarks/segment_camvid.py                       (three seeds, eight minutes each, by the clock)
    python benchmarks/segment_camvid.py --seeds 1 --processor --baselines
    python benchmarks/segment_camvid.py --part valid --minutes 3 --set loss=lovasz

`--processor` counts the minutes as processor seconds of all threads / 1.8, as two free cores would give: for machines
that do other work meanwhile. Nothing is tuned on the test part: `--part valid` is for that, and is not recorded.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from classify_bars import ProcessorBudget
from record import data_dir, record

from aprende.core import flow, measure, registry
from aprende.core.settings import make, parse
from aprende.intake.images import read

BAR = "mean IoU >= 57 %"


def run(seed: int, minutes: float, settings: dict[str, Any], part: str, baselines: bool) -> dict[str, Any]:
    """Train, and return scores on a part, steps, and the seconds of training."""
    system, source = registry.load("segment"), read(data_dir() / "seg_camvid")
    made = make(system.Settings, {"void": ("11",), "minutes": minutes, "seed": seed, **settings})
    began, used = time.perf_counter(), time.process_time()
    spent: dict[str, float] = {}
    usual = system.baselines

    def watched(data: Any, chosen: Any) -> dict[str, Any]:
        spent.update(seconds=time.perf_counter() - began, processor=time.process_time() - used)
        return usual(data, chosen) if baselines else {}

    system.baselines = watched  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as held:
        done = flow.train(system, source, made, Path(held))
    system.baselines = usual  # type: ignore[method-assign]
    scores = done.scores
    if part != "test":
        scores = measure.score(system.evaluate(done.model.predict, done.data, part), {})
    looks = [row["valid"] for row in done.history if "valid" in row]
    return {"scores": scores, "valid": 100 * (1 - looks[-1]), "steps": done.history[-1]["step"], **spent}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--part", choices=("test", "valid"), default="test")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--baselines", action="store_true")
    asked = parser.parse_args()
    if asked.processor:
        flow.Budget = ProcessorBudget  # type: ignore[misc]
    seeds = range(asked.first, asked.first + asked.seeds)
    runs = [run(seed, asked.minutes, parse(asked.set), asked.part, asked.baselines) for seed in seeds]
    figures = _figures(runs)
    if asked.part == "valid" or asked.set:
        print(asked.set, figures)
        return
    clock = "processor / 1.8" if asked.processor else "wall"
    record("segment_camvid", first_seed=asked.first, minutes=asked.minutes, **figures, clock=clock, bar=BAR)


def _figures(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean over the runs, each run's figure with its interval, the other metrics of the first, the baselines."""
    held = [r["scores"]["metrics"] for r in runs]
    means = [100 * m["mean IoU"]["value"] for m in held]
    return {
        "miou_percent": round(statistics.mean(means), 2),
        "mious": [round(v, 2) for v in means],
        "intervals": [[round(100 * m["mean IoU"][k], 2) for k in ("low", "high")] for m in held],
        "of_first": {name: round(100 * m["value"], 1) for name, m in held[0].items() if m["value"] is not None},
        "valid_before_the_end": [round(r["valid"], 2) for r in runs],
        "baselines": {n: round(100 * b["value"], 2) for n, b in held[0]["mean IoU"]["baselines"].items()},
        "steps": [int(r["steps"]) for r in runs],
        "seconds": round(statistics.mean(r["seconds"] for r in runs), 1),
        "processor_seconds": round(statistics.mean(r["processor"] for r in runs), 1),
    }


if __name__ == "__main__":
    main()
