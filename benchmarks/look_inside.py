"""Looking inside a trained network: what was measured of its layers, and how faithful each method's maps are.

    python benchmarks/look_inside.py RUN [PICTURES [many]]

RUN: the folder of a run of pictures. The layers' figures are those of `aprende look`, on pictures that the network did
not learn from. Faithfulness (insertion − deletion, Petsiuk et al. 2018) is the mean over `many` pictures of PICTURES
(default 30 of the test part), for each method, a random map and the middle, with a 95 % bootstrap interval.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from record import record

from aprende.app import api
from aprende.app.look.sample import sample
from aprende.insight.explain import compare


def main(run: str, source: str | None, many: int) -> None:
    model = api.load(run, threads=1)
    start = time.process_time()
    page = model.look(source)
    spent = time.process_time() - start
    found = json.loads((page.parent / "look.json").read_text(encoding="utf-8"))
    keys = ("layer", "field_allowed_px", "field_used_px", "selectivity_median", "modulation_median", "steadiness",
            "steadiness_low", "steadiness_high", "probe_accuracy")  # fmt: skip
    layers = [{key: layer[key] for key in keys} for layer in found["layers"]]
    record("look", run=Path(run).name, pictures=found["source"], cpu_seconds=round(spent, 1), layers=layers,
           features=found["features"])  # fmt: skip
    pictures = sample(model.core, source, lambda _: None).pictures[:many]
    record("faithfulness of maps", run=Path(run).name, pictures=len(pictures), **faithful(model, pictures))


def faithful(model: api.Model, pictures: Any) -> dict[str, Any]:
    """Return for each method, a random map and the middle: mean, low, high; and how often the method was best."""
    scores: dict[str, list[float]] = {}
    for picture in pictures:
        told = compare(model.core, {next(iter(model.core.inputs)): [picture]})
        for one in told:
            scores.setdefault(one.attributions[0].method, []).append(one.faithfulness.own.score)
        scores.setdefault("random", []).append(told[0].faithfulness.random.score)
        scores.setdefault("middle", []).append(told[0].faithfulness.centre.score)
    return {name: interval(np.array(held)) for name, held in scores.items()}


def interval(values: np.ndarray) -> dict[str, float]:
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (1000, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return {"mean": round(float(values.mean()), 3), "low": round(float(low), 3), "high": round(float(high), 3)}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] or None if len(sys.argv) > 2 else None, int(sys.argv[3]) if len(sys.argv) > 3 else 30)
