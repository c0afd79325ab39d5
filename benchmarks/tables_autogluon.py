"""AutoGluon on Properati Mexico, at the same minutes and on the same rows as `tables_properati.py`.

    python benchmarks/tables_autogluon.py PYTHON --minutes 5      # PYTHON: an interpreter that has autogluon.tabular

AutoGluon has its own environment: python -m venv ag, then ag/bin/pip install torch==2.13.0 "autogluon.tabular[all]".
It gets its defaults, and the raw file without the four columns that give the price away (it would not leave them out).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TARGET = "price_aprox_usd"
LEAKS = ["price", "price_aprox_local_currency", "price_usd_per_m2", "price_per_m2"]


def fit(train: str, test: str, minutes: float, folder: str) -> dict[str, Any]:
    """Run in AutoGluon's environment: train with its defaults; return the error on the test rows."""
    import autogluon.tabular as ag
    import pandas as pd

    rows, held = pd.read_csv(train), pd.read_csv(test)
    began = time.perf_counter()
    model = ag.TabularPredictor(TARGET, path=folder, eval_metric="mean_absolute_error", verbosity=1)
    model.fit(rows, time_limit=minutes * 60)
    took = time.perf_counter() - began
    asked = time.perf_counter()
    said = model.predict(held)
    return {
        "mae": float((said - held[TARGET]).abs().mean()),
        "seconds": took,
        "predict_seconds": time.perf_counter() - asked,
    }


def main() -> None:
    from record import data_dir, record

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python")
    parser.add_argument("--minutes", type=float, nargs="*", default=[5.0])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        train, test = write_parts(data_dir() / "properati" / "mexico.csv.gz", Path(folder))
        for minutes in asked.minutes:
            command = [asked.python, __file__, "--fit", train, test, str(minutes), f"{folder}/ag{minutes}"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            record("tables_properati", model="AutoGluon default", minutes=minutes, clock="wall",
                   **{k: round(v, 1) for k, v in found.items()})  # fmt: skip


def write_parts(file: Path, folder: Path) -> tuple[str, str]:
    """Write the protocol's train and test rows as CSV: 10 k to 2 M USD, 80/20 at random, seed 0."""
    import numpy as np
    import pandas as pd

    table = pd.read_csv(file)
    table = table[table[TARGET].between(1e4, 2e6)].drop(columns=LEAKS)
    order = np.random.default_rng(0).permutation(len(table))
    cut = int(0.8 * len(table))
    table.iloc[np.sort(order[:cut])].to_csv(folder / "train.csv", index=False)
    table.iloc[np.sort(order[cut:])].to_csv(folder / "test.csv", index=False)
    return str(folder / "train.csv"), str(folder / "test.csv")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--fit"]:
        print(json.dumps(fit(sys.argv[2], sys.argv[3], float(sys.argv[4]), sys.argv[5])))
    else:
        main()
