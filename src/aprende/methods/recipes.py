"""Which network, of which size, trained how: what the dial, the number of pictures and their size decide.

Measured on two processor cores (see `benchmarks/`). Knows a few numbers about the pictures, and none of the pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from aprende.core.errors import SettingError, unknown
from aprende.core.settings import Settings, setting
from aprende.core.words import t
from aprende.methods.augment import Augment
from aprende.methods.descent import Recipe
from aprende.methods.pictures import Plan

NETWORKS = ("auto", "perceptron", "mlp", "lenet", "resnet", "efficientnet_lite0")
LEAST_SIDE = 16  # in pixels
SMALL = 64  # side up to which a picture is small
DRAWN = 40  # side up to which a grey picture is taken for a drawing: a digit, a letter
MANY = 2000  # drawings that a network can learn from nothing
MOST_SIDE = {"perceptron": 32, "mlp": 32, "lenet": 32, "resnet": 64}
PARTS_FROZEN = 4  # of EfficientNet-Lite0: stem and three stages, whose features suit all pictures


@dataclass(frozen=True)
class PictureSettings(Settings):
    """What one can choose; 0 and "auto" leave it to the number of pictures, their size and the minutes."""

    network: str = setting("auto", "auto, perceptron, mlp, lenet, resnet, efficientnet_lite0, or timm:NAME.")
    size: int = setting(0, "Side in pixels at which the network looks at pictures (0: auto).")
    width: int = setting(0, "Units or channels of the first layer, of mlp and resnet (0: auto).")
    depth: int = setting(0, "Hidden layers of mlp; residual layers a stage of resnet (0: auto).")
    dropout: float = setting(0.2, "Share of units left out at random while training.")
    fine_tune: bool = setting(True, "Train a pretrained network further, after its frozen features.")
    loss: str = setting("cross_entropy", "What training goes down.", ("cross_entropy", "squared", "hinge"))
    optimizer: str = setting("adamw", "How it goes down.", ("adamw", "sgd"))
    lr: float = setting(0.0, "Highest learning rate (0: auto).")
    batch: int = setting(0, "Pictures a step (0: auto).")
    weight_decay: float = setting(-1.0, "Pull of the weights towards zero (-1: auto).")
    smoothing: float = setting(-1.0, "Share of certainty given to the other classes (-1: auto).")
    mixup: float = setting(0.0, "Blend pictures of a batch: alpha of the Beta distribution (0: do not).")
    augment: str = setting("auto", "Random changes of the training pictures.", ("auto", "none", "drawings", "photos"))
    flips: str = setting("auto", "A mirrored picture is of the same class.", ("auto", "yes", "no"))


def network(settings: PictureSettings, count: int, side: int, channels: int) -> str:
    """Return the network's name: small where many drawings tell enough, else one that has seen the world."""
    if settings.network not in NETWORKS and not settings.network.startswith("timm:"):
        raise SettingError(unknown(t("network"), settings.network, [*NETWORKS, "timm:NAME"]))
    if settings.network != "auto":
        return settings.network
    return "resnet" if drawn(side, channels) and count >= MANY else "efficientnet_lite0"


def drawn(side: int, channels: int) -> bool:
    """Tell whether pictures are small grey drawings."""
    return channels == 1 and side <= DRAWN


def sides(settings: PictureSettings, name: str, side: int) -> tuple[int, int]:
    """Return the side at which pictures are stored, and the one at which the network sees them."""
    if 0 < settings.size < LEAST_SIDE:
        raise SettingError(
            t("size: expected at least {least} pixels, got {size}.", least=LEAST_SIDE, size=settings.size)
        )
    if name in MOST_SIDE:
        seen = settings.size or max(LEAST_SIDE, min(side, MOST_SIDE[name]))
        return seen, seen
    seen = settings.size or (96 if side <= SMALL else 160)
    return min(side, seen) if side <= SMALL else seen, seen


def shape(settings: PictureSettings, name: str, classes: int, seen: int, channels: int) -> dict[str, Any]:
    """Return the members of `networks.pictures.Shape` but for mean and std."""
    wide = {"mlp": 512, "resnet": 32}.get(name, 0)
    deep = {"mlp": 2, "resnet": 1}.get(name, 0)
    return {
        "network": name,
        "outputs": classes,
        "size": seen,
        "channels": channels,
        "width": settings.width or wide,
        "depth": settings.depth or deep,
        "dropout": settings.dropout if name not in ("perceptron", "lenet") else 0.0,
        "drawn": drawn(seen, channels),
    }


def plan(settings: PictureSettings, facts: dict[str, Any]) -> Plan:
    """Return how to train the network of these facts."""
    name, small = facts["shape"]["network"], drawn(facts["side"], facts["channels"])
    pretrained = name not in MOST_SIDE
    batch = settings.batch or (64 if pretrained else 256 if small and name == "resnet" else 128)
    augment = _augment(settings, name, facts["channels"], small)
    moved = "shifted" if augment.shift and small else "plain"
    smoothing = 0.1 if not small and name not in ("perceptron", "mlp") else 0.0
    return Plan(
        recipe=_recipe(settings, name, small),
        augment=augment,
        looks="mirrored" if augment.flip else moved,
        batch=min(batch, max(8, 2 ** int(math.log2(max(1, facts["pictures"] / 8))))),
        loss=settings.loss,
        smoothing=smoothing if settings.smoothing < 0 else settings.smoothing,
        mixup=settings.mixup,
        pretrained=pretrained,
        fine_tune=settings.fine_tune,
        frozen=PARTS_FROZEN if name == "efficientnet_lite0" else 0,
        rates={"net.head": 0.3} if pretrained else {},
    )


def _recipe(settings: PictureSettings, name: str, small: bool) -> Recipe:
    rate = {"perceptron": 3e-3, "mlp": 2e-3, "lenet": 4e-3, "resnet": 5e-3}.get(name, 1e-3)
    if settings.optimizer == "sgd":
        rate *= 20
    decay = {"perceptron": 0.01, "mlp": 0.01, "lenet": 0.01, "resnet": 0.02 if small else 0.05}.get(name, 0.02)
    return Recipe(
        lr=settings.lr or rate,
        optimizer=settings.optimizer,
        weight_decay=decay if settings.weight_decay < 0 else settings.weight_decay,
        warmup=0.1 if name not in MOST_SIDE else 0.05,
    )


def _augment(settings: PictureSettings, name: str, channels: int, small: bool) -> Augment:
    """The changes asked for; by default none for the perceptron, which can only blur what it sees shifted."""
    kind = settings.augment
    if kind == "auto":
        kind = "none" if name == "perceptron" else "drawings" if small else "photos"
    flip = settings.flips == "yes" or (settings.flips == "auto" and kind == "photos" and channels == 3)
    if kind == "none":
        return Augment(flip=settings.flips == "yes")
    if kind == "drawings":
        return Augment(flip=flip, shift=0.07, rotate=10, scale=0.1, shear=8, elastic=0.015)
    if name in MOST_SIDE:
        return Augment(flip=flip, shift=0.125, cutout=0.4)
    return Augment(flip=flip, shift=0.1, colour=0.2)
