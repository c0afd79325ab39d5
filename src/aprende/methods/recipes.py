"""Which network, of which size, trained how: what the dial, the number of pictures and their size decide.

Measured on two processor cores (see `benchmarks/`). Knows a few numbers about the pictures, and none of the pictures.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

from aprende.core.errors import SettingError, unknown
from aprende.core.words import t
from aprende.methods.augment import Augment
from aprende.methods.descent import Recipe
from aprende.methods.pictures import Plan

NETWORKS = ("auto", "perceptron", "mlp", "lenet", "resnet", "efficientnet_lite0")
SMALL = 64  # side up to which a picture is small
DRAWN = 40  # side up to which a grey picture is taken for a drawing: a digit, a letter
MANY = 2000  # drawings that a network can learn from nothing
MOST_SIDE = {"perceptron": 32, "mlp": 32, "lenet": 32, "resnet": 64}
PARTS_FROZEN = 4  # of EfficientNet-Lite0: stem and three stages, whose features suit all pictures


class Wishes(Protocol):
    """What a user may have asked for; 0, -1 and "auto" ask for nothing."""

    network: str
    size: int
    width: int
    depth: int
    dropout: float
    fine_tune: bool
    loss: str
    optimizer: str
    lr: float
    batch: int
    weight_decay: float
    smoothing: float
    mixup: float
    augment: str
    flips: str
    minutes: float


def network(wishes: Wishes, count: int, side: int, channels: int) -> str:
    """Return the network's name: small where many drawings tell enough, else one that has seen the world."""
    if wishes.network not in NETWORKS and not wishes.network.startswith("timm:"):
        raise SettingError(unknown(t("network"), wishes.network, [*NETWORKS, "timm:NAME"]))
    if wishes.network != "auto":
        return wishes.network
    return "resnet" if drawn(side, channels) and count >= MANY else "efficientnet_lite0"


def drawn(side: int, channels: int) -> bool:
    """Tell whether pictures are small grey drawings."""
    return channels == 1 and side <= DRAWN


def sides(wishes: Wishes, name: str, side: int) -> tuple[int, int]:
    """Return the side at which pictures are stored, and the one at which the network sees them."""
    if name in MOST_SIDE:
        seen = wishes.size or min(side, MOST_SIDE[name])
        return seen, seen
    seen = wishes.size or (96 if side <= SMALL else 160)
    return min(side, seen) if side <= SMALL else seen, seen


def shape(wishes: Wishes, name: str, classes: int, seen: int, channels: int) -> dict[str, Any]:
    """Return the members of `networks.pictures.Shape` but for mean and std."""
    wide = {"mlp": 512, "resnet": 32}.get(name, 0)
    deep = {"mlp": 2, "resnet": 1}.get(name, 0)
    return {
        "network": name,
        "outputs": classes,
        "size": seen,
        "channels": channels,
        "width": wishes.width or wide,
        "depth": wishes.depth or deep,
        "dropout": wishes.dropout if name not in ("perceptron", "lenet") else 0.0,
    }


def plan(wishes: Wishes, facts: dict[str, Any]) -> Plan:
    """Return how to train the network of these facts."""
    name, small = facts["shape"]["network"], drawn(facts["side"], facts["channels"])
    pretrained = name not in MOST_SIDE
    batch = wishes.batch or (64 if pretrained else 256 if small and name == "resnet" else 128)
    smoothing = 0.1 if not small and name not in ("perceptron", "mlp") else 0.0
    return Plan(
        recipe=_recipe(wishes, name, small),
        augment=_augment(wishes, name, facts["channels"], small),
        batch=min(batch, max(8, 2 ** int(math.log2(max(1, facts["pictures"] / 8))))),
        loss=wishes.loss,
        smoothing=smoothing if wishes.smoothing < 0 else wishes.smoothing,
        mixup=wishes.mixup,
        pretrained=pretrained,
        fine_tune=wishes.fine_tune,
        frozen=PARTS_FROZEN if name == "efficientnet_lite0" else 0,
        rates={"net.head": 0.3} if pretrained else {},
    )


def _recipe(wishes: Wishes, name: str, small: bool) -> Recipe:
    rate = {"perceptron": 3e-3, "mlp": 2e-3, "lenet": 4e-3, "resnet": 5e-3}.get(name, 1e-3)
    if wishes.optimizer == "sgd":
        rate *= 20
    decay = {"perceptron": 0.01, "mlp": 0.01, "lenet": 0.01, "resnet": 0.02 if small else 0.05}.get(name, 0.02)
    return Recipe(
        lr=wishes.lr or rate,
        optimizer=wishes.optimizer,
        weight_decay=decay if wishes.weight_decay < 0 else wishes.weight_decay,
        warmup=0.1 if name not in MOST_SIDE else 0.05,
    )


def _augment(wishes: Wishes, name: str, channels: int, small: bool) -> Augment:
    """The changes asked for; by default none for the perceptron, which can only blur what it sees shifted."""
    kind = wishes.augment
    if kind == "auto":
        kind = "none" if name == "perceptron" else "drawings" if small else "photos"
    flip = wishes.flips == "yes" or (wishes.flips == "auto" and kind == "photos" and channels == 3)
    if kind == "none":
        return Augment(flip=wishes.flips == "yes")
    if kind == "drawings":
        return Augment(flip=flip, shift=0.07, rotate=10, scale=0.1, shear=8, elastic=0.015)
    if name in MOST_SIDE:
        return Augment(flip=flip, shift=0.125, cutout=0.4)
    return Augment(flip=flip, shift=0.1, colour=0.2)
