"""What a model of findings stands beside: how common each is, maps that know nothing, and hand-made features.

Knows pictures as arrays and findings as places; no file and no network.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Predict
from aprende.methods import handmade
from aprende.methods.traditional import BATCH, ROWS_A_SECOND, smaller
from aprende.methods.xrays.localisation import Maps
from aprende.methods.xrays.recipes import Pixels, Rows, Truth

COSTS = (0.001, 0.01, 0.1)  # of the traditional pipeline's classifier


def prevalence(truth: Truth) -> Predict:
    """Return what answers every picture with how common each finding is in train. truth: (n, K)."""
    known = ~np.isnan(truth)
    shares = np.nan_to_num(truth).sum(axis=0, dtype=np.float64) / np.maximum(known.sum(axis=0), 1)
    return lambda columns: {"findings": np.tile(shares, (len(columns["image"]), 1))}


def guessing(maps: Callable[[int], Maps]) -> Predict:
    """Return what says where without looking: maps(n) gives (n, K, h, w)."""
    return lambda columns: {"where": maps(len(columns["image"]))}


def traditional(pixels: Pixels, truth: Truth, parts: Mapping[str, Rows], seconds: float, seed: int) -> Predict:
    """Return the pipeline of before networks: hand-made features, a logistic regression for each finding.

    Trained on as many pictures of parts["train"] as the seconds allow; how much it is held back is chosen on "valid".
    """
    rng = np.random.default_rng(seed)
    most = int(np.clip(ROWS_A_SECOND * seconds, 200, 12_000))
    rows = {part: rng.permutation(parts[part])[: most if part == "train" else most // 4] for part in ("train", "valid")}
    seen = {part: features(pixels[np.sort(held)]) for part, held in rows.items()}
    known = {part: truth[np.sort(held)] for part, held in rows.items()}
    centre, scale = seen["train"].mean(axis=0), seen["train"].std(axis=0) + 0.01
    ready = {part: (held - centre) / scale for part, held in seen.items()}
    models = [_logistic(ready, known, k) for k in range(truth.shape[1])]

    def predict(columns: Any) -> dict[str, Any]:
        looked = (features(np.asarray(columns["image"])) - centre) / scale
        return {"findings": np.stack([model(looked) for model in models], axis=1)}

    return predict


def features(pixels: Pixels) -> NDArray[np.float32]:
    """Return hand-made features (n, d) of pictures (n, S, S, 1): edges, textures, shades."""
    spans = [slice(at, at + BATCH) for at in range(0, max(1, len(pixels)), BATCH)]
    small = [smaller(pixels[span]) for span in spans]
    made = [np.concatenate([handmade.edges(s), handmade.textures(s), handmade.colours(s)], axis=1) for s in small]
    return np.concatenate(made)


def _logistic(
    seen: Mapping[str, NDArray[np.float32]], truth: Mapping[str, Truth], k: int
) -> Callable[[NDArray[np.float32]], NDArray[np.float64]]:
    """The k-th finding's regression, of the cost that is best on valid; where train has one side only, its share."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    known = {part: ~np.isnan(held[:, k]) for part, held in truth.items()}
    yes = {part: truth[part][known[part], k] == 1 for part in truth}
    if len(set(yes["train"].tolist())) < 2:
        share = float(yes["train"].mean()) if len(yes["train"]) else 0.5
        return lambda rows: np.full(len(rows), share)
    best, least = None, np.inf
    for cost in COSTS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LogisticRegression(C=cost, max_iter=200).fit(seen["train"][known["train"]], yes["train"])
        loss = 0.0
        if yes["valid"].size:
            chance = model.predict_proba(seen["valid"][known["valid"]])[:, 1].clip(1e-6, 1 - 1e-6)
            loss = float(-np.log(np.where(yes["valid"], chance, 1 - chance)).mean())
        if best is None or loss < least:
            best, least = model, loss
    chosen: Any = best
    return lambda rows: np.asarray(chosen.predict_proba(rows)[:, 1])
