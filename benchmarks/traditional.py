"""The traditional pipeline against a plain scikit-image HOG + scikit-learn linear SVM: the same pictures, in one run.

    python benchmarks/traditional.py [seconds [data …]]

Both train on the train part (of MNIST on 12,000 pictures, the most that the pipeline draws); the test part is looked
at once for each seed. The peer's one setting, C, is chosen by three-fold cross-validation, as the pipeline's are.
"""

import os
import sys
import time
from collections.abc import Sequence

import numpy as np
from record import data_dir, record

from aprende.intake import images, pictures
from aprende.methods import traditional

SEEDS = (0, 1, 2)
ROWS = 12_000
DATA = ("chihuahua_muffin", "cifar10", "mnist")


def main(seconds: float, names: Sequence[str]) -> None:
    for name in names:
        table = images.read(data_dir() / name)
        loaded = pictures.load(table.columns["image"])
        labels = np.array(table.columns["class"].to_list())[loaded.kept]
        part = np.array(table.parts)[loaded.kept]
        train, test = np.flatnonzero(part == "train"), np.flatnonzero(part == "test")
        for seed in SEEDS:
            rows = np.sort(np.random.default_rng(seed).permutation(train)[:ROWS])
            told = [run(rows, test, loaded.pixels, labels, seed, seconds) for run in (ours, peer)]
            record("traditional", data=name, seed=seed, train=len(rows), test=len(test), planned_seconds=seconds,
                   accuracy=told[0][0], cpu_seconds=told[0][1], said=told[0][2], peer="HOG + LinearSVC",
                   peer_accuracy=told[1][0], peer_cpu_seconds=told[1][1])  # fmt: skip


def ours(rows: np.ndarray, test: np.ndarray, pixels: np.ndarray, labels: np.ndarray, seed: int, seconds: float):
    start = time.process_time()
    model = traditional.fit(pixels[rows], labels[rows], seconds, seed)
    spent = time.process_time() - start
    said = np.array(model.classes)[model.predict_proba(pixels[test]).argmax(axis=1)]
    return round(float((said == labels[test]).mean()), 4), round(spent, 1), model.describe()


def peer(rows: np.ndarray, test: np.ndarray, pixels: np.ndarray, labels: np.ndarray, seed: int, seconds: float):
    from skimage.feature import hog
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import LinearSVC

    def features(which: np.ndarray) -> np.ndarray:
        cell = max(4, pixels.shape[1] // 8)
        shape = {"pixels_per_cell": (cell, cell), "cells_per_block": (2, 2), "channel_axis": -1}
        return np.stack([hog(pixels[row], **shape) for row in which]).astype(np.float32)

    start = time.process_time()
    search = GridSearchCV(LinearSVC(dual="auto", random_state=seed), {"C": [0.001, 0.01, 0.1]}, cv=3)
    search.fit(features(rows), labels[rows])
    spent = time.process_time() - start
    return round(float((search.predict(features(test)) == labels[test]).mean()), 4), round(spent, 1), ""


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60, sys.argv[2:] or DATA)
