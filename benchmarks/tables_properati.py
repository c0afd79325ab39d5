"""Property valuation on Properati Mexico, from the raw file: the bars, and the libraries' defaults side by side.

    python benchmarks/tables_properati.py --minutes 5 --seeds 3             (by the clock)
    python benchmarks/tables_properati.py --minutes 5 10 --processor        (minutes = processor seconds / 1.8)
    python benchmarks/tables_properati.py --minutes 5 --group agency        (whole agencies held out)
    python benchmarks/tables_properati.py --minutes 1 --group municipality --told   (and training is told of them)
    python benchmarks/tables_properati.py --peers                           (LightGBM and CatBoost, defaults)

Protocol (BARS): sales of 10 k to 2 M USD, 80/20 at random, seed 0; mean absolute error in USD. The columns that give
the price away are found by aprende itself. The seed is that of training: the split is the same for all. The peers get
the plain columns without those four, and nothing made by us. Nothing is tuned on test.
"""

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from classify_bars import ProcessorBudget
from record import data_dir, record

from aprende.core import flow, registry
from aprende.core.contract import Table
from aprende.core.fields import take
from aprende.core.settings import make
from aprende.intake import tables

TARGET = "price_aprox_usd"
LEAKS = ("price", "price_aprox_local_currency", "price_usd_per_m2", "price_per_m2")
BARS = {5.0: 58_000, 10.0: 55_000}


def sales(group: str = "") -> Table:
    """Return the table with the parts of the protocol; with `group`, whole agencies or municipalities are the test."""
    table = tables.read(data_dir() / "properati" / "mexico.csv.gz", target=TARGET)
    price = np.asarray(table.columns[TARGET])
    rows = np.flatnonzero((price >= 1e4) & (price <= 2e6))
    table = dataclasses.replace(table, columns=take(table.columns, rows))
    if group:
        names = _groups(table, group)
        found = np.unique(names)
        drawn = np.random.default_rng(0).permutation(found)
        counts = np.array([(names == g).sum() for g in drawn])
        test = np.isin(names, drawn[: int(np.searchsorted(np.cumsum(counts), 0.2 * len(names)))])
    else:
        order = np.random.default_rng(0).permutation(len(rows))
        test = np.zeros(len(rows), dtype=bool)
        test[order[int(0.8 * len(rows)) :]] = True
    return dataclasses.replace(table, parts=["test" if out else "train" for out in test])


def _groups(table: Table, group: str) -> Any:
    if group == "municipality":
        return np.array(table.columns["place_with_parent_names"].to_list())
    return np.array(
        [url.split("_")[-1] if url.count("_") > 3 else url for url in table.columns["properati_url"].to_list()]
    )


def run(minutes: float, seed: int, settings: dict[str, Any], group: str) -> dict[str, float]:
    """Train on the protocol's parts; return the error and what it took."""
    system, began, used = registry.load("tables"), time.perf_counter(), time.process_time()
    system.baselines = lambda data, settings: {}  # type: ignore[method-assign]
    made = make(system.Settings, {"minutes": minutes, "seed": seed, **settings})
    with tempfile.TemporaryDirectory() as folder:
        done = flow.train(system, sales(group), made, Path(folder))
    figures = {k: m["value"] for k, m in done.scores["metrics"].items()}
    left_out = [n.where for n in done.notes if n.level == "warning" and n.where in LEAKS]
    return {"mae": figures["mean absolute error"], "coverage": figures["coverage of the 90 % interval"],
            "seconds": time.perf_counter() - began, "processor": time.process_time() - used, "leaks": len(left_out),
            "steps": len(done.history)}  # fmt: skip


def peers() -> None:
    """LightGBM and CatBoost with their defaults on the plain columns."""
    from catboost import CatBoostRegressor
    from lightgbm import LGBMRegressor

    table = sales()
    names = [n for n in table.fields if n not in (*LEAKS, TARGET, *table.dropped)]
    x = np.column_stack([_plain(table.columns[n]) for n in names])
    y, test = np.asarray(table.columns[TARGET]), np.array(table.parts) == "test"
    for name, model in (
        ("LightGBM", LGBMRegressor(verbose=-1, n_jobs=1)),
        ("CatBoost", CatBoostRegressor(verbose=0, thread_count=1)),
    ):
        began = time.process_time()
        said = model.fit(x[~test], y[~test]).predict(x[test])
        record("tables_properati", model=f"{name} default", mae=round(float(np.abs(said - y[test]).mean())),
               processor_seconds=round(time.process_time() - began, 1))  # fmt: skip


def _plain(column: Any) -> Any:
    """Return a column as numbers: words by their code."""
    if isinstance(column, np.ndarray):
        return column
    return np.unique(np.array([w or "" for w in column.to_list()]), return_inverse=True)[1].astype(np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="*", default=[5.0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--group", default="", choices=["", "agency", "municipality"])
    parser.add_argument("--told", action="store_true", help="municipalities are given to training as its groups, too")
    parser.add_argument("--network", default="ensemble")
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--peers", action="store_true")
    asked = parser.parse_args()
    if asked.peers:
        peers()
        return
    if asked.processor:
        flow.Budget = ProcessorBudget  # type: ignore[misc]
    settings = {"network": asked.network, "group": "place_with_parent_names" if asked.told else ""}
    for minutes in asked.minutes:
        runs = [run(minutes, seed, settings, asked.group) for seed in asked.seeds]
        record("tables_properati", minutes=minutes, group=asked.group, told=asked.told, network=asked.network,
               seeds=asked.seeds, clock="processor / 1.8" if asked.processor else "wall", bar=BARS.get(minutes),
               **{k: [round(r[k], 4 if k == "coverage" else 0) for r in runs] for k in runs[0]},
               mean_mae=round(float(np.mean([r["mae"] for r in runs]))))  # fmt: skip


if __name__ == "__main__":
    main()
