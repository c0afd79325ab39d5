"""What a contract check does in a process of its own: train (and be killed), or predict where libraries are missing.

    python -m aprende.app.checks.trial train SYSTEM FOLDER [--kill-at STEP]   (goes on from a checkpoint)
    python -m aprende.app.checks.trial predict MODEL INPUTS OUTPUTS [--without torch,sklearn]

Columns travel as `core.checkpoint` writes them. Knows no system: it asks the registry.
"""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from aprende.core import checkpoint
from aprende.core.engine import Engine
from aprende.core.errors import ContractError
from aprende.core.fields import Column, Columns
from aprende.core.loop import CHECKPOINT, Watcher

LIMIT = 300  # seconds for one process


class Killer(Watcher):
    """Kills its own process with SIGKILL once this step is done."""

    def __init__(self, step: int) -> None:
        self.kill_at = step

    def step(self, row: dict[str, float], engine: Engine) -> None:
        if row["step"] == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


class Missing:
    """An import finder for which some packages are not installed."""

    def __init__(self, packages: Sequence[str]) -> None:
        self.packages = packages

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Refuse a missing package; leave every other one to the finders that follow."""
        if name.split(".")[0] in self.packages:
            raise ModuleNotFoundError(f"No module named {name!r} (hidden by a contract check)", name=name)
        return None


def train(name: str, folder: Path, kill_at: int = 0) -> None:
    """Train a system on its example with its tiny settings; a checkpoint after every step."""
    from aprende.core import flow, registry, settings

    system = registry.load(name)
    chosen = settings.make(system.Settings, dict(system.tiny))
    resume = (folder / CHECKPOINT).exists()
    flow.train(system, system.example(), chosen, folder, Killer(kill_at), resume, every=0.0)


def predict(model: Path, inputs: Path, outputs: Path, without: Sequence[str] = ()) -> None:
    """Load the model, predict, and write the output columns."""
    sys.meta_path.insert(0, Missing(without))
    from aprende.core.model import load

    checkpoint.save(outputs, {"columns": portable(load(model).predict(checkpoint.load(inputs)["columns"]))})


def portable(columns: Columns) -> Columns:
    """Return the columns as arrays and lists, whatever sequences they are."""
    return {name: _portable(column) for name, column in columns.items()}


def _portable(column: Column) -> Column:
    import numpy as np

    return column if isinstance(column, np.ndarray) and column.dtype.kind in "fiub" else list(column)


def start(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run this module in a new process that finds the same packages; raise ContractError where it takes too long."""
    command = [sys.executable, "-m", "aprende.app.checks.trial", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise ContractError(f"took more than {LIMIT} seconds: {' '.join(command[2:])}") from None


def finish(*arguments: object) -> None:
    """Run this module in a new process to its end; raise ContractError with what it said where it failed."""
    done = start(*arguments)
    if done.returncode:
        raise ContractError(f"the process ended with {done.returncode}:\n{done.stderr[-2000:]}")


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    training.add_argument("name")
    training.add_argument("folder", type=Path)
    training.add_argument("--kill-at", type=int, default=0)
    predicting = commands.add_parser("predict")
    for name in ("model", "inputs", "outputs"):
        predicting.add_argument(name, type=Path)
    predicting.add_argument("--without", default=(), type=lambda text: text.split(","))
    arguments = vars(parser.parse_args())
    if arguments.pop("command") == "train":
        train(**arguments)
    else:
        predict(**arguments)


if __name__ == "__main__":
    main()
