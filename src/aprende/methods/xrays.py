"""How X-rays are learnt: which network and how long, what it stands beside, and drawings to try it on.

Knows pictures, findings and a few numbers about them; no file, and no name of a patient.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Predict, Table
from aprende.core.errors import DataError, SettingError
from aprende.core.fields import Category, Image, Json, Text
from aprende.core.settings import Settings, setting
from aprende.core.words import t
from aprende.methods import handmade
from aprende.methods.augment import Augment
from aprende.methods.descent import Recipe
from aprende.methods.localisation import Maps, Places
from aprende.methods.traditional import BATCH, ROWS_A_SECOND, smaller

if TYPE_CHECKING:
    from aprende.methods.findings import Plan

SMALL, LEAST_SIDE = 64, 16  # side up to which a picture is small; below which nothing is to be seen
MIDDLE, LARGE = 160, 224  # sides at which larger pictures are looked at
FEW_EPOCHS, MOST_EPOCHS, LEAST_STEPS = 40, 60, 300  # of training, after which more time gains nothing
PARTS_FROZEN, ALL_FROZEN = 4, 8  # of EfficientNet-Lite0: stem and three stages; all that is used
ENOUGH = 400  # pictures from which more of it is trained
MANY = 20_000  # small pictures that a wider network can learn from
MASKED = 2  # pictures of train with masks from which masks are learnt
COSTS = (0.001, 0.01, 0.1)  # of the traditional pipeline's classifier
Pixels = NDArray[np.uint8]
Truth = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class XraySettings(Settings):
    """What one can choose; 0 and "auto" leave it to the number of pictures, their size and the minutes."""

    sensitivity: float = setting(
        0.95, "Share of the pictures with a finding that the operating point shall flag.", low=0.01, high=1.0
    )
    locate: str = setting(
        "auto",
        "Learn where from masks and boxes (supervised), or from what pictures show (weak).",
        ("auto", "weak", "supervised"),
    )
    network: str = setting("auto", "What looks at the pictures.", ("auto", "resnet", "efficientnet_lite0"))
    size: int = setting(0, "Side in pixels at which the network looks at pictures (0: auto).", low=0, high=1024)
    width: int = setting(0, "Channels of the network's own layers (0: auto).", low=0, high=1024)
    members: int = setting(0, "Networks that answer together (0: auto).", low=0, high=16)
    flips: bool = setting(False, "Mirror training pictures: only where left and right mean the same.")
    dropout: float = setting(0.1, "Share of channels left out at random while training.", low=0.0, high=0.9)
    lr: float = setting(0.0, "Highest learning rate (0: auto).", low=0.0)
    batch: int = setting(0, "Pictures a step (0: auto).", low=0)


def side(settings: XraySettings, usual: int) -> int:
    """Return the side at which pictures are stored and seen. usual: their own."""
    if 0 < settings.size < LEAST_SIDE:
        raise SettingError(
            t("size: expected at least {least} pixels, got {size}.", least=LEAST_SIDE, size=settings.size)
        )
    own = max(LEAST_SIDE, usual) if usual <= SMALL else MIDDLE if usual < MIDDLE * 3 // 4 else LARGE
    return settings.size or own


def facts(settings: XraySettings, pixels: Pixels, truth: Truth, train: Rows, places: Places) -> dict[str, Json]:
    """Return what training needs to know, from train alone: "shape" of the network, "pictures", "supervised"."""
    name = settings.network
    if name == "auto":
        name = "resnet" if pixels.shape[1] <= SMALL else "efficientnet_lite0"
    shape = {
        "network": name,
        "findings": truth.shape[1],
        "size": pixels.shape[1],
        "width": settings.width or _width(name, len(train)),
        "members": settings.members or (4 if name == "resnet" else 1),
        "dropout": settings.dropout,
    }
    supervised = _supervised(settings, train, places)
    return {"shape": shape | {"prior": supervised}, "pictures": len(train), "supervised": supervised}


def _width(network: str, pictures: int) -> int:
    """Channels of the network's own layers: more where there are many pictures to learn from."""
    if network == "efficientnet_lite0":
        return 96
    return 24 if pictures >= MANY else 16


def _supervised(settings: XraySettings, train: Rows, places: Places) -> bool:
    """Whether masks are learnt; raise DataError where they shall be and train has none."""
    rows = {int(row) for row in train}
    masked = len({row for row, _ in places if row in rows})
    if settings.locate == "supervised" and not masked:
        raise DataError(t("locate=supervised: no picture of train has a mask or a box. Leave it out, or add masks/."))
    return settings.locate != "weak" and masked >= (1 if settings.locate == "supervised" else MASKED)


def plan(settings: XraySettings, facts: Mapping[str, Any]) -> "Plan":
    """Return how to train the network of these facts."""
    from aprende.methods.findings import Plan

    own = facts["shape"]["network"] == "resnet"
    count = max(1, facts["pictures"])
    batch = settings.batch or min(128 if own else 16, max(8, 2 ** int(np.log2(max(1, count / 8)))))
    epochs = FEW_EPOCHS if own else MOST_EPOCHS
    return Plan(
        recipe=Recipe(lr=settings.lr or (4e-3 if own else 2e-3), weight_decay=0.02, warmup=0.1),
        augment=Augment(flip=settings.flips, shift=0.1, rotate=10, scale=0.15),
        batch=batch,
        most=max(LEAST_STEPS, epochs * (count // batch)),
        places=1.0 if facts["supervised"] else 0.0,
        frozen=0 if own else PARTS_FROZEN if count >= ENOUGH else ALL_FROZEN,
        rates={} if own else {"body.net": 0.3},
        smoothing=0.05,
    )


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


def drawings(n: int, seed: int = 0) -> Table:
    """Return n drawings, 40 × 40, of two lungs with a disc, a bar, both or neither in one of them, three a patient."""
    import polars as pl

    rng = np.random.default_rng(seed)
    down, across = np.mgrid[:40, :40]
    chest = sum(np.exp(-(((across - x) / 6) ** 2 + ((down - 20) / 11) ** 2)) for x in (12, 28))
    pictures, words, whose = np.empty((n, 40, 40, 1), np.uint8), [], []
    for row in range(n):
        if row % 3 == 0:  # of one patient: the same build
            build = rng.normal(0, 6, (40, 40)).cumsum(axis=0) / 4
        shown = [name for name in ("bar", "disc") if rng.random() < 0.4]
        light = 70 + build - build.mean() + 60 * chest + rng.normal(0, 10, (40, 40))
        for name in shown:
            y, x = rng.uniform(12, 28), float(rng.choice([12, 28])) + rng.uniform(-2, 2)
            disc, bar = np.hypot(down - y, across - x) < 4, (abs(down - y) < 1.5) & (abs(across - x) < 7)
            light = light + 70 * (disc if name == "disc" else bar)
        pictures[row, :, :, 0] = light.clip(0, 255)
        words.append("|".join(shown) or "No Finding")
        whose.append(f"p{row // 3:03d}")
    columns = {"findings": pl.Series(words, dtype=pl.String), "patient": pl.Series(whose, dtype=pl.String)}
    held = {"image": Image(1, 40), "findings": Category(tuple(sorted(set(words)))), "patient": Text()}
    return Table({"image": pictures, **columns}, held, target="findings")
