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
from aprende.methods.classification.kinds import KINDS, TIMM, Kind, kind, told
from aprende.methods.classification.learning import Plan
from aprende.methods.descent import Recipe

LEAST_SIDE = 16  # in pixels
SMALL = 64  # side up to which a picture is small
DRAWN = 40  # side up to which a grey picture is taken for a drawing: a digit, a letter
MANY = 2000  # drawings that a network can learn from nothing
KEPT_RATE = 0.1  # of a network's own learning rate, for weights that were learnt elsewhere


@dataclass(frozen=True)
class PictureSettings(Settings):
    """What one can choose; 0 and "auto" leave it to the number of pictures, their size and the minutes."""

    network: str = setting("auto", told())
    weights: str = setting("", "File of published weights (safetensors, pth) for alexnet, vgg or senet at full size.")
    size: int = setting(0, "Side in pixels at which the network looks at pictures (0: auto).")
    width: int = setting(0, "Units or channels of the first layer (0: auto; 64: alexnet, vgg, senet as published).")
    depth: int = setting(0, "Hidden layers of mlp; residual layers a stage of resnet and senet (0: auto).")
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
    name = settings.network
    if name not in ("auto", *KINDS) and not name.startswith(TIMM):
        raise SettingError(unknown(t("network"), name, ["auto", *KINDS, f"{TIMM}NAME"]))
    if settings.weights and (name == "auto" or not kind(name).full):
        fitting = ", ".join(n for n, k in KINDS.items() if k.full)
        raise SettingError(t("weights: name the network that they are of, network= one of {names}.", names=fitting))
    if name != "auto":
        return name
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
    has = kind(name)
    if not has.pretrained and not settings.weights:
        seen = settings.size or max(LEAST_SIDE, min(side, has.most_side))
        return seen, seen
    seen = settings.size or has.side or (96 if side <= SMALL else 160)
    return min(side, seen) if side <= SMALL else seen, seen


def shape(settings: PictureSettings, name: str, classes: int, seen: int, channels: int) -> dict[str, Any]:
    """Return the members of `networks.pictures.Shape` but for mean and std."""
    has = kind(name)
    width = settings.width or (has.full if settings.weights else has.width)
    return {
        "network": name,
        "outputs": classes,
        "size": seen,
        "channels": channels,
        "width": width,
        "depth": settings.depth or (0 if has.full and width >= has.full else has.depth),
        "dropout": settings.dropout if has.dropout else 0.0,
        "drawn": drawn(seen, channels),
        "published": bool(settings.weights),
    }


def plan(settings: PictureSettings, facts: dict[str, Any], head_kept: bool = False) -> Plan:
    """Return how to train the network of these facts. head_kept: its weights, the last layer's too, came with it."""
    has, small = kind(facts["shape"]["network"]), drawn(facts["side"], facts["channels"])
    pretrained = has.pretrained or bool(settings.weights)
    batch = settings.batch or (64 if pretrained else (small and has.batch_drawn) or has.batch)
    augment = _augment(settings, has, facts["channels"], small)
    moved = "shifted" if augment.shift and small else "plain"
    smoothing = 0.1 if not small and has.smooth else 0.0
    return Plan(
        recipe=_recipe(settings, has, small, pretrained),
        augment=augment,
        looks="mirrored" if augment.flip else moved,
        batch=min(batch, max(8, 2 ** int(math.log2(max(1, facts["pictures"] / 8))))),
        loss=settings.loss,
        smoothing=smoothing if settings.smoothing < 0 else settings.smoothing,
        mixup=settings.mixup,
        pretrained=pretrained and not head_kept,
        whole=head_kept,
        fine_tune=settings.fine_tune,
        frozen=has.frozen,
        rates={"net.head": 0.3} if pretrained and not head_kept else {},
    )


def _recipe(settings: PictureSettings, has: Kind, small: bool, pretrained: bool) -> Recipe:
    rate = has.rate * (KEPT_RATE if settings.weights else 1) * (20 if settings.optimizer == "sgd" else 1)
    decay = has.decay if small else has.decay_photos or has.decay
    return Recipe(
        lr=settings.lr or rate,
        optimizer=settings.optimizer,
        weight_decay=decay if settings.weight_decay < 0 else settings.weight_decay,
        warmup=0.1 if pretrained else 0.05,
    )


def _augment(settings: PictureSettings, has: Kind, channels: int, small: bool) -> Augment:
    """The changes asked for; by default none for the perceptron, which can only blur what it sees shifted."""
    kind_of = settings.augment
    if kind_of == "auto":
        kind_of = "none" if not has.changed else "drawings" if small else "photos"
    flip = settings.flips == "yes" or (settings.flips == "auto" and kind_of == "photos" and channels == 3)
    if kind_of == "none":
        return Augment(flip=settings.flips == "yes")
    if kind_of == "drawings":
        return Augment(flip=flip, shift=0.07, rotate=10, scale=0.1, shear=8, elastic=0.015)
    if has.most_side:
        return Augment(flip=flip, shift=0.125, cutout=0.4)
    return Augment(flip=flip, shift=0.1, colour=0.2)
