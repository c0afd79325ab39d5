"""X-rays: the bars, each with its command's settings.

    python benchmarks/xray_bars.py                              (every case, three seeds, by the clock)
    python benchmarks/xray_bars.py pneumonia --seeds 1 --processor
    python benchmarks/xray_bars.py covid --part valid           (for tuning: nothing of the test is looked at)

`pneumonia`: the parts that the data give; AUC, and accuracy at 0.5 and of what is flagged. `covid`: 100 pictures with
masks, in FOLDS folds by patient; every picture is judged by a model that saw no picture of its patient, and all are
pooled: the localisation of each finding with at least 20 places, beside a centre map and a random map on the same
pictures, with intervals by patient. Minutes are those of one fold. `--processor` counts them as processor seconds of
all threads / 1.8, as two free cores would give.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from classify_bars import ProcessorBudget
from record import data_dir, record

from aprende.core import flow, measure, registry, splits
from aprende.core.contract import Evaluation
from aprende.core.settings import make, parse
from aprende.intake import patients
from aprende.intake.images import read

CASES: dict[str, tuple[str, float, str]] = {
    "pneumonia": ("pneumoniamnist/pneumoniamnist.npz", 3, "AUC >= 0.97, accuracy >= 0.89 at 0.5"),
    "covid": ("cxr_covid_masks", 0.5, "better than centre and random maps, intervals apart, wherever >= 20 positives"),
}
FOLDS, LEAST = 5, 20


def trained(source: Any, settings: dict[str, Any], part: str) -> tuple[dict[str, Evaluation], flow.Run]:
    """Train, and return what the model (and the maps that know nothing) did on a part."""
    system = registry.load("xray")
    made = make(system.Settings, settings)
    every = type(system).baselines
    with tempfile.TemporaryDirectory() as held:
        system.baselines = lambda data, settings: {}  # type: ignore[method-assign]
        run = flow.train(system, source, made, Path(held))
        wanted = {n: b for n, b in every(system, run.data, made).items() if n.endswith((" map", " place"))}
        found = {"model": system.evaluate(run.model.predict, run.data, part)}
        return found | {name: system.evaluate(base(), run.data, part) for name, base in wanted.items()}, run


def pneumonia(case: str, settings: dict[str, Any], seeds: range, part: str) -> dict[str, Any]:
    """AUC and accuracy of each seed, the interval of the first, and what was used."""
    source, rows, used = read(data_dir() / CASES[case][0]), [], []
    for seed in seeds:
        began = time.process_time()
        found, run = trained(source, {**settings, "seed": seed}, part)
        used.append(round(time.process_time() - began, 1))
        rows.append(measure.score(found["model"], {})["metrics"])
        print({name: round(m["value"], 4) for name, m in rows[-1].items()}, run.predictor.facts["platt"], flush=True)
    figures: dict[str, Any] = {"processor_seconds": used}
    for name in ("AUROC", "accuracy at 0.5", "accuracy of flags", "sensitivity", "specificity"):
        values = [m[name]["value"] for m in rows]
        figures[name] = round(statistics.mean(values), 4)
        figures[f"{name}, each"] = [round(v, 4) for v in values]
        figures[f"{name}_interval"] = [round(rows[0][name][end], 4) for end in ("low", "high")]
    return figures


def covid(case: str, settings: dict[str, Any], seeds: range, part: str) -> dict[str, Any]:
    """Localisation of each finding, pooled over the folds, beside maps that know nothing; a seed after the other."""
    source = read(data_dir() / CASES[case][0])
    whose = patients.find(source).names
    names = [f"{i}" for i in range(source.rows)]
    figures: dict[str, Any] = {"folds": FOLDS, "patients": len(set(whose or names)), "seeds": []}
    for seed in seeds:
        began = time.process_time()
        fold = splits.folds(names, FOLDS, seed, whose)
        every = [_fold(source, settings, seed, fold == k, part) for k in range(FOLDS)]
        scores = measure.score(*_pooled(every))
        figures["seeds"].append(
            {**_apart(scores, every[0][1]), "processor_seconds": round(time.process_time() - began)}
        )
        print(figures["seeds"][-1], flush=True)
    return figures


def _fold(
    source: Any, settings: dict[str, Any], seed: int, held: Any, part: str
) -> tuple[dict[str, Evaluation], list[str]]:
    parts = ["test" if h else "train" for h in held]
    found, run = trained(replace(source, parts=parts), {**settings, "seed": seed, "test_share": 0.0}, part)
    return found, list(run.data.facts["findings"])


def _pooled(every: list[tuple[dict[str, Evaluation], list[str]]]) -> tuple[Evaluation, dict[str, Evaluation]]:
    """The folds' units as one, for the model and each other; only findings that every fold learnt are kept."""
    common = [name for name in every[0][1] if all(name in names for _, names in every)]
    made = {}
    for who in every[0][0]:
        parts = [(found[who], [names.index(n) for n in common]) for found, names in every]
        units = {u: np.concatenate([e.units[u][:, at] for e, at in parts]) for u in parts[0][0].units if u != "rank"}
        groups = np.concatenate([e.groups for e, _ in parts])
        from aprende.methods.xrays.judged import _of_maps

        made[who] = Evaluation(units, _of_maps(common, units["iou"]), "pointing game", groups)
    every[0][1][:] = common
    model = made.pop("model")
    return model, made


def _apart(scores: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Each figure of each finding: ours, the others', and whether the intervals of the differences exclude zero."""
    told: dict[str, Any] = {}
    for title, m in scores["metrics"].items():
        base, _, name = title.partition(": ")
        if not name or m["value"] is None:
            continue
        ours = [round(m[k], 3) for k in ("value", "low", "high")]
        others = {b.split()[0]: [round(v[k], 3) for k in ("value", "low", "high")] for b, v in m["baselines"].items()}
        gaps = {b.split()[0]: [round(v["better_by"][k], 3) for k in ("low", "high")] for b, v in m["baselines"].items()}
        told.setdefault(name, {})[base] = {"model": ours, **others, "better_by": gaps}
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=", ".join(CASES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--part", default="test")
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--processor", action="store_true")
    asked = parser.parse_args()
    if asked.processor:
        flow.Budget = ProcessorBudget  # type: ignore[misc]
    for case in asked.cases or CASES:
        seeds = range(asked.first, asked.first + asked.seeds)
        settings = {**parse(asked.set), "minutes": asked.minutes or CASES[case][1]}
        figures = {"pneumonia": pneumonia, "covid": covid}[case](case, settings, seeds, asked.part)
        clock = "processor / 1.8" if asked.processor else "wall"
        if asked.part == "test":
            record(
                "xray_bars",
                case=case,
                first_seed=asked.first,
                minutes=settings["minutes"],
                **figures,
                clock=clock,
                bar=CASES[case][2],
            )
        else:
            print(figures)


if __name__ == "__main__":
    main()
