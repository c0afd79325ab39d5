"""A run's figures for TensorBoard, where they are asked for: the rows of the log as scalars, in the run's folder."""

from pathlib import Path
from typing import Any

from aprende.core.contract import Note
from aprende.core.engine import Engine
from aprende.core.errors import MissingExtra
from aprende.core.loop import ROWS, Watcher
from aprende.core.words import t

FOLDER = "tensorboard"


class TensorBoard(Watcher):
    """Write what another watcher is told: about ROWS rows, evenly spaced, and every one with a loss on valid."""

    def __init__(self, folder: Path, other: Watcher) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            said = t("Figures for TensorBoard need the tensorboard extra: pip install 'aprende[tensorboard]'")
            raise MissingExtra(said) from None
        self.other, self.reached = other, -1
        self.writer: Any = SummaryWriter(str(folder / FOLDER))

    def notes(self, notes: list[Note]) -> None:
        self.other.notes(notes)

    def begin(self, engine: Engine) -> None:
        self.other.begin(engine)

    def step(self, row: dict[str, float], engine: Engine) -> None:
        reached = int(row["progress"] * ROWS)
        if reached > self.reached or "valid" in row:
            self.reached = reached
            for name, value in row.items():
                if name != "step":
                    self.writer.add_scalar(name, value, int(row["step"]))
        self.other.step(row, engine)

    def end(self) -> None:
        self.writer.close()
        self.other.end()

    def measuring(self, name: str) -> None:
        self.other.measuring(name)
