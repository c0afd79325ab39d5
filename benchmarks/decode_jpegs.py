"""10,000 JPEGs into the cache, against what the decoder alone does on both cores: pictures a second, in one run.

    python benchmarks/decode_jpegs.py [pictures]

Photos (500 × 375 as from the web, and a fifth as many of 1600 × 1200 as from a camera; quality 90) are made from those
of `chihuahua_muffin` by random crops, in a temporary folder. The peer is Pillow decoding each file on as many threads,
keeping nothing. Rounds alternate; CPU seconds are given beside wall seconds: they depend less on what else runs.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from record import data_dir, record

from aprende.intake import pictures

ROUNDS = 2
SIDES = (64, 160, 224)


def main(n: int) -> None:
    for shape, many in (((500, 375), n), ((1600, 1200), n // 5)):
        with tempfile.TemporaryDirectory() as at:
            os.environ["APRENDE_CACHE"] = str(Path(at) / "cache")
            compare(make(Path(at) / "photos", many, shape), shape)


def compare(files: list[Path], shape: tuple[int, int]) -> None:
    n = len(files)
    for side in SIDES:
        rounds = [
            (measured(lambda: decode_alone(files)), measured(lambda side=side: into_cache(files, side)))
            for _ in range(ROUNDS)
        ]
        (peer_wall, peer_cpu), (wall, cpu) = np.min(rounds, axis=0)
        record(
            "decode_jpegs", pictures=n, photo=f"{shape[0]}x{shape[1]}", side=side, per_second=round(n / wall),
            decoder_alone_per_second=round(n / peer_wall), ratio_wall=round(peer_wall / wall, 3),
            ratio_cpu=round(peer_cpu / cpu, 3), bar="ratio >= 0.8",
        )  # fmt: skip


def make(at: Path, n: int, shape: tuple[int, int]) -> list[Path]:
    """Write n different photos."""
    at.mkdir()
    sources = [Image.open(f).convert("RGB") for f in sorted((data_dir() / "chihuahua_muffin").rglob("*.jpg"))]
    rng = np.random.default_rng(0)
    for i in range(n):
        photo = sources[i % len(sources)]
        width, height = photo.size
        left, top = rng.uniform(0, 0.2, 2) * (width, height)
        box = (left, top, left + 0.8 * width, top + 0.8 * height)
        photo.resize(shape, Image.Resampling.BICUBIC, box=box).save(at / f"{i}.jpg", quality=90)
    return sorted(at.iterdir())


def decode_alone(files: list[Path]) -> None:
    def one(file: Path) -> None:
        with Image.open(file) as photo:
            photo.load()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, files))


def into_cache(files: list[Path], side: int) -> None:
    shutil.rmtree(os.environ["APRENDE_CACHE"], ignore_errors=True)
    pictures.load(pictures.Pictures(files), side, 3)


def measured(run: Callable[[], object]) -> tuple[float, float]:
    """Return wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
