"""Reading: a wide, dirty CSV into columns with all checks, against bare Polars plus a second pass over its columns.

    python benchmarks/read_csv.py --mb 200 --runs 3      (the bar, ≤ 2 ×, is stated for --mb 1000)

"Bare" is `polars.read_csv` with inferred types, told beforehand which words mean missing; the second pass is what any
use of the columns needs at least: gaps and extremes of numbers, distinct words of texts. Every run is a process of its
own, the two kinds by turns. Figures: seconds of wall and of processor (all threads), peak resident memory in MB.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from record import record

PLACES = ["Centro", "Norte", "Peñón", "São José", "Ñuñoa", "La Condesa", "Benito Juárez", "Coyoacán"]
MISSING = ["", "NA", "n/d", "s/d"]
ROWS = 20_000  # rows made at a time
CLOCK = """
import json, resource, sys, time
start = time.perf_counter()
{work}
used = resource.getrusage(resource.RUSAGE_SELF)
cpu, mb = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
print(json.dumps({{"wall": time.perf_counter() - start, "cpu": cpu, "mb": mb}}))
"""
BARE = f"""
import polars as pl
frame = pl.read_csv(sys.argv[1], null_values={MISSING[1:]!r}, infer_schema_length=1000)
looks = []
for n, kind in frame.schema.items():
    c = pl.col(n)
    seen = [c.null_count(), c.min(), c.max()] if kind.is_numeric() else [c.null_count(), c.n_unique()]
    looks += [s.alias(f"{{n}} {{k}}") for k, s in enumerate(seen)]
frame.select(looks)
"""
OURS = """
from aprende.intake.tables import read
read(sys.argv[1], target="precio")
"""


def piece(rng: np.random.Generator, start: int, n: int = ROWS) -> pl.DataFrame:
    """Return rows of 61 columns: codes, amounts with gaps, counts, words, yes/no, dates, texts, places, prices."""
    made: dict[str, Any] = {"codigo": [f"A{start + i:09d}" for i in range(n)]}
    made |= {f"monto_{k}": amounts(rng, n) for k in range(24)}
    made |= {f"cuenta_{k}": rng.integers(0, 5000, n) for k in range(12)}
    made |= {f"zona_{k}": rng.choice(PLACES, n) for k in range(10)}
    made |= {f"tiene_{k}": rng.choice(["sí", "no"], n) for k in range(4)}
    made |= {f"fecha_{k}": dates(rng, n) for k in range(4)}
    made |= {f"texto_{k}": texts(rng, n) for k in range(2)}
    made |= {"lat": rng.uniform(15, 32, n).round(6), "lng": rng.uniform(-115, -90, n).round(6)}
    made |= {"moneda": [f"$ {v:,}" for v in rng.integers(1, 9_999_999, n).tolist()]}
    return pl.DataFrame(made | {"precio": rng.lognormal(14, 1, n).round(2)})


def amounts(rng: np.random.Generator, n: int) -> pl.Series:
    """Return numbers as text, 2 % of them empty or a word for missing."""
    gaps = np.flatnonzero(rng.random(n) < 0.02)
    values = pl.Series(rng.normal(200, 80, n).round(2)).cast(pl.String)
    return values.scatter(gaps, rng.choice(MISSING, len(gaps)).tolist())


def dates(rng: np.random.Generator, n: int) -> pl.Series:
    """Return days of 2008 to 2019 as 31/05/2016."""
    return pl.Series(rng.integers(14_000, 18_000, n)).cast(pl.Int32).cast(pl.Date).dt.strftime("%d/%m/%Y")


def texts(rng: np.random.Generator, n: int) -> list[str]:
    """Return five words and a number each."""
    words = rng.choice(PLACES, (n, 5))
    return [", ".join(row) + f" {k}" for row, k in zip(words, rng.integers(0, n, n), strict=True)]


def make(path: Path, mb: int, seed: int) -> int:
    """Write the file; return its rows."""
    rng, rows = np.random.default_rng(seed), 0
    with path.open("wb") as out:
        while out.tell() < mb << 20:
            piece(rng, rows).write_csv(out, include_header=rows == 0)
            rows += ROWS
    return rows


def timed(work: str, path: Path) -> dict[str, float]:
    """Run the work in a process of its own; return its figures."""
    done = subprocess.run([sys.executable, "-c", CLOCK.format(work=work), str(path)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def middle(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure."""
    return {k: statistics.median(r[k] for r in runs) for k in runs[0]}


def main() -> None:
    """Make the file, read it by turns, record the ratio."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--mb", type=int, default=200)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wide.csv"
        rows = make(path, given.mb, given.seed)
        runs = [(timed(BARE, path), timed(OURS, path)) for _ in range(given.runs)]
    bare, ours = (middle([run[side] for run in runs]) for side in (0, 1))
    ratios = {f"ratio_{k}": round(ours[k] / bare[k], 2) for k in bare}
    figures = {f"{who}_{k}": round(v, 2) for who, f in (("bare", bare), ("ours", ours)) for k, v in f.items()}
    record("read a wide, dirty CSV", mb=given.mb, rows=rows, runs=given.runs, seed=given.seed, **ratios, **figures)


if __name__ == "__main__":
    main()
