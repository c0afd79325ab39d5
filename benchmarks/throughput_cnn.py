"""Training throughput of a small CNN on 32-pixel photos, against a plain PyTorch loop.

    python benchmarks/throughput_cnn.py --seconds 20 --runs 3

Both train the same network (`ResNet`, width 32) with AdamW and clipping, batches of 128, on the same 5,000 pictures,
with the same random changes: mirror, shift by up to 4 pixels, brightness, contrast and saturation by up to 20 %.
Plain: fp32, `DataLoader` with two workers, changes by Pillow on one picture at a time. Ours: `PictureLearner`'s slices.
By turns, in one process a run; pictures a second of wall clock, and of processor (all threads and workers).
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps
from record import data_dir, record
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from aprende.core import engine as engines
from aprende.core.engine import Budget
from aprende.intake.images import read
from aprende.intake.pictures import load
from aprende.methods.augment import Augment
from aprende.methods.classification.labelled import Labelled
from aprende.methods.classification.learning import SLICE, PictureLearner, Plan
from aprende.methods.descent import Recipe
from aprende.networks.pictures import PictureNet
from aprende.networks.resnet import ResNet

BATCH, CLASSES, SIDE = 128, 10, 32
MEAN, STD = 120.0, 64.0


def network() -> PictureNet:
    """Return the network of both sides."""
    return PictureNet(ResNet(3, CLASSES, width=32), SIDE, 3, [MEAN], [STD])


class Plain(Dataset[Any]):
    """What most people write: one picture at a time, through Pillow."""

    def __init__(self, pixels: NDArray[np.uint8], truth: NDArray[np.int64]) -> None:
        self.pixels, self.truth = np.array(pixels), truth

    def __len__(self) -> int:
        return len(self.truth)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        picture = Image.fromarray(self.pixels[row])
        if random.random() < 0.5:
            picture = ImageOps.mirror(picture)
        left, top = random.randint(0, 8), random.randint(0, 8)
        picture = ImageOps.expand(picture, 4).crop((left, top, left + SIDE, top + SIDE))
        for kind in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            picture = kind(picture).enhance(random.uniform(0.8, 1.2))
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float(), int(self.truth[row])


def plain(pixels: NDArray[np.uint8], truth: NDArray[np.int64]) -> Iterator[int]:
    """Train for ever; yield the pictures of each step."""
    net = network()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    loader = DataLoader(
        Plain(pixels, truth), BATCH, shuffle=True, num_workers=2, drop_last=True, persistent_workers=True
    )
    while True:
        for x, y in loader:
            loss = F.cross_entropy(net.scores(x), y)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            yield len(x)


def ours(pixels: NDArray[np.uint8], truth: NDArray[np.int64]) -> Iterator[int]:
    """Train for ever; yield the pictures of each step."""
    engine = engines.make(Budget(minutes=1e6), 0)
    engine.begin()
    rows = Labelled(pixels, truth, np.arange(len(truth)))
    augment = Augment(flip=True, shift=0.125, colour=0.2)
    learner = PictureLearner(network(), Plan(Recipe(lr=1e-3), augment, BATCH), rows, rows.first(0), engine)
    while True:
        learner.step(0.5)
        yield SLICE * BATCH


def measured(train: Callable[..., Iterator[int]], seconds: float) -> dict[str, float]:
    """Return pictures a second, of wall clock and of processor, after a warm-up of a few steps."""
    loaded = load(read(data_dir() / "cifar10").columns["image"], SIDE, 3)
    steps = train(loaded.pixels[:5000], np.random.default_rng(0).integers(0, CLASSES, 5000))
    for _ in range(4):
        next(steps)
    seen, wall, used = 0, time.perf_counter(), processor()
    while time.perf_counter() - wall < seconds:
        seen += next(steps)
    return {"wall": seen / (time.perf_counter() - wall), "cpu": seen / (processor() - used)}


def processor() -> float:
    """Return processor seconds of this process and its living children."""
    ticks = os.sysconf("SC_CLK_TCK")
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [str(os.getpid()), *(pid for task in tasks for pid in task.read_text().split())]
    fields = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in pids]
    return sum(int(f[11]) + int(f[12]) for f in fields) / ticks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=("plain", "ours"))
    asked = parser.parse_args()
    if asked.only:
        print(json.dumps(measured({"plain": plain, "ours": ours}[asked.only], asked.seconds)))
        return
    found: dict[str, list[dict[str, float]]] = {"plain": [], "ours": []}
    for _ in range(asked.runs):
        for name, runs in found.items():
            command = [sys.executable, __file__, "--only", name, "--seconds", str(asked.seconds)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            runs.append(json.loads(done.stdout.splitlines()[-1]))
    middle = {n: {k: statistics.median(r[k] for r in runs) for k in ("wall", "cpu")} for n, runs in found.items()}
    record(
        "throughput_cnn",
        ours_per_second=round(middle["ours"]["wall"]),
        plain_per_second=round(middle["plain"]["wall"]),
        ratio_wall=round(middle["ours"]["wall"] / middle["plain"]["wall"], 2),
        ratio_cpu=round(middle["ours"]["cpu"] / middle["plain"]["cpu"], 2),
        runs=asked.runs,
        load=round(os.getloadavg()[0], 1),
        bar="ratio >= 1.7",
    )


if __name__ == "__main__":
    main()
