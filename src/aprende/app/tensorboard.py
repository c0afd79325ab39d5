"""A run's figures for TensorBoard, where they are asked for: the rows of the log as scalars, in the run's folder."""

from pathlib import Path
from typing import Any

from aprende.core.contract import Note
from aprende.core.engine import Engine
from aprende.core.errors import MissingExtra
from aprende.core.loop import Watcher
from aprende.core.words import t

FOLDER = "tensorboard"


class TensorBoard(Watcher):
    """Write the rows that are kept; tell another watcher everything."""

    def __init__(self, folder: Path, other: Watcher) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            said = t("Figures for TensorBoard need the tensorboard extra: pip install 'aprende[tensorboard]'")
            raise MissingExtra(said) from None
        self.other = other
        self.writer: Any = SummaryWriter(str(folder / FOLDER))

    def notes(self, notes: list[Note]) -> None:
        self.other.notes(notes)

    def begin(self, engine: Engine) -> None:
        self.other.begin(engine)

    def step(self, row: dict[str, float], engine: Engine) -> None:
        self.other.step(row, engine)

    def logged(self, row: dict[str, float]) -> None:
        for name, value in row.items():
            if name != "step":
                self.writer.add_scalar(name, value, int(row["step"]))
        self.other.logged(row)

    def end(self) -> None:
        self.writer.close()
        self.other.end()

    def measuring(self, name: str) -> None:
        self.other.measuring(name)
