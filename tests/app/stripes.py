"""Pictures of two classes that only their orientation tells apart."""

from pathlib import Path

import numpy as np
from PIL import Image


def stripes(folder: Path, each: int, seed: int = 0) -> Path:
    """Pictures of stripes on noise, in a folder for lying and one for standing ones."""
    rng = np.random.default_rng(seed)
    for name in ("lying", "standing"):
        (folder / name).mkdir(parents=True)
        for i in range(each):
            wave = np.cos(np.arange(28) * 2 * np.pi / rng.uniform(4, 8) + rng.uniform(0, 6))
            shown = np.tile(wave, (28, 1)) if name == "standing" else np.tile(wave[:, None], (1, 28))
            made = np.clip(128 + 80 * shown + rng.normal(0, 20, (28, 28)), 0, 255).astype(np.uint8)
            Image.fromarray(made).save(folder / name / f"{i}.png")
    return folder
