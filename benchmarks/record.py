"""Append one measured claim to results.jsonl: what, figures, commit, seed, machine, versions."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.jsonl"


def record(claim: str, **figures: Any) -> dict[str, Any]:
    """Append {claim, figures…} with the commit and the machine's kind; print and return it."""
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    row = {"claim": claim, **figures, "date": when, "commit": commit(), "machine": machine()}
    with open(RESULTS, "a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(json.dumps(row, ensure_ascii=False))
    return row


def commit() -> str:
    """Return the short commit, with + where the tree has changes."""
    run = {"capture_output": True, "text": True, "cwd": RESULTS.parent}
    name = subprocess.run(["git", "rev-parse", "--short", "HEAD"], **run).stdout.strip()  # type: ignore[call-overload]
    dirty = subprocess.run(["git", "status", "--porcelain", "-uno"], **run).stdout.strip()  # type: ignore[call-overload]
    return f"{name}{'+' if dirty else ''}"


def machine() -> str:
    """Return the processor's kind, its widest vector unit and the number of cores: no name, no address."""
    model, units = platform.processor() or platform.machine(), ""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
        flags = next(line for line in lines if line.startswith("flags")).split()
        units = ", " + next((u for u in ("avx512_bf16", "avx512f", "avx2") if u in flags), "no avx2")
    except (OSError, StopIteration):
        pass
    return f"{model}{units}, {len(os.sched_getaffinity(0))} cores"


def data_dir() -> Path:
    """Return the folder of shared data: APRENDE_DATA, or beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("APRENDE_DATA", beside))
