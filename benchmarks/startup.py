"""Process start to answer: `aprende --help`, `aprende systems`, and `aprende predict` of one row or one photo.

    python benchmarks/startup.py MODEL FILE      # FILE: one row, or one photo

Bars: help and systems <= 0.3 s; predict <= 0.8 s and <= 200 MB resident.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from record import record

REPEATS = 7


def seconds(command: list[str]) -> tuple[float, float]:
    """Return the median wall seconds of a command, and the peak resident megabytes of its last run."""
    times, peak = [], 0.0
    for _ in range(REPEATS):
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        times.append(time.perf_counter() - start)
        if status:
            raise SystemExit(f"{command} failed")
        peak = usage.ru_maxrss / 1024
    return sorted(times)[REPEATS // 2], peak


def main(model: str, file: str) -> None:
    """Measure and record."""
    aprende = [sys.executable, "-m", "aprende"]
    commands = {
        "aprende --help": [*aprende, "--help"],
        "aprende systems": [*aprende, "systems"],
        f"aprende predict, one {'row' if Path(file).suffix == '.csv' else 'photo'}": [*aprende, "predict", model, file],
    }
    for claim, command in commands.items():
        wall, peak = seconds(command)
        record(
            claim, seconds=round(wall, 3), resident_mb=round(peak), repeats=REPEATS, load=round(os.getloadavg()[0], 1)
        )


if __name__ == "__main__":
    main(*sys.argv[1:3])
