"""Which network, of which size, trained how, to tell what is where: what the dial and a few numbers decide.

Measured on two processor cores (see `benchmarks/`). Knows a few numbers about the pictures, and none of the pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aprende.core.settings import Settings, setting

if TYPE_CHECKING:
    from aprende.methods.segmentation.learning import Plan

SMALL = 64  # side up to which pictures are drawings that a small network learns from nothing
EPOCHS = 20  # that shall fit into the minutes
PIXELS_A_SECOND = 500_000  # trained on one core
CORES = 1.8  # what two are worth
SHORTEST, LONGEST, USUAL = 160, 512, 320  # of the longer side of what the network sees
COARSE_FROM = 128  # pixels of the shorter side from which training begins with smaller pictures
PARTS_FROZEN = 4  # of EfficientNet-Lite0: stem and three stages


@dataclass(frozen=True)
class SegmentSettings(Settings):
    """What one can choose; 0 and "auto" leave it to the number of pictures, their size and the minutes."""

    encoder: str = setting(
        "auto",
        "What sees the picture: pretrained, or small and from nothing.",
        ("auto", "efficientnet_lite0", "resnet"),
    )
    void: tuple[str, ...] = setting((), "Classes to take for none: not learnt, not counted.")
    size: int = setting(0, "Longer side in pixels at which the network looks at pictures (0: auto).", low=0, high=2048)
    tiles: str = setting("auto", "Cut large pictures into tiles at their own scale.", ("auto", "yes", "no"))
    width: int = setting(0, "Channels of the finest map (0: auto).", low=0, high=512)
    dropout: float = setting(0.1, "Share of channels left out at random while training.", low=0, high=0.9)
    loss: str = setting(
        "dice", "What training goes down beside the cross-entropy.", ("dice", "lovasz", "cross_entropy")
    )
    balance: float = setting(0.5, "How much rare classes weigh: 0 as they come, 1 all alike.", low=0, high=1)
    lr: float = setting(0.0, "Highest learning rate (0: auto).", low=0)
    batch: int = setting(4, "Frames a step.", low=1)
    weight_decay: float = setting(0.02, "Pull of the weights towards zero.", low=0)
    flips: bool = setting(True, "A mirrored picture is as good as the picture.")
    turns: float = setting(0.0, "Turn training pictures by up to so many degrees.", low=0, high=180)
    zoom: float = setting(0.6, "Training pictures up to so much larger or smaller.", low=0, high=3)
    looks: str = setting(
        "auto",
        "Answer by the picture alone, or also by its mirror image, by other sizes of it, or all (auto: valid decides).",
        ("auto", "plain", "mirrored", "scaled", "all"),
    )
    frozen: int = setting(PARTS_FROZEN, "Parts of the pretrained encoder that stay as they are.", low=0, high=8)


def encoder(settings: SegmentSettings, side: float) -> str:
    """Return the encoder's name for pictures of this longer side."""
    if settings.encoder != "auto":
        return settings.encoder
    return "resnet" if side <= SMALL else "efficientnet_lite0"


def seen(settings: SegmentSettings, sizes: Sequence[tuple[int, int]], count: int) -> tuple[int, int]:
    """Return the longest and the least side that the network sees of pictures of these sizes (height, width), `count`
    of them to learn from."""
    longer = sorted(max(size) for size in sizes)[len(sizes) // 2]
    shape = sorted(min(size) / max(size) for size in sizes)[len(sizes) // 2]
    asked = settings.size or _affordable(settings, count, shape)
    return asked, 32 if encoder(settings, longer) == "resnet" else 64


def _affordable(settings: SegmentSettings, count: int, shape: float) -> int:
    """The longer side at which EPOCHS fit into the minutes. shape: shorter by longer side."""
    if settings.steps:
        return USUAL
    pixels = settings.minutes * 60 * CORES * PIXELS_A_SECOND / (EPOCHS * max(1, count))
    return int(min(LONGEST, max(SHORTEST, math.sqrt(pixels / shape))))


def shape(settings: SegmentSettings, classes: int, side: int, channels: int) -> dict[str, Any]:
    """Return the members of `networks.unet.Shape` but for mean and std. side: the longer one that is seen."""
    name = encoder(settings, side)
    wide = settings.width or (16 if name == "resnet" else 24)
    return {"encoder": name, "outputs": classes, "channels": channels, "width": wide, "dropout": settings.dropout}


def plan(settings: SegmentSettings, facts: dict[str, Any]) -> Plan:
    """Return how to train the network of these facts."""
    import numpy as np

    from aprende.methods.augment import Augment
    from aprende.methods.descent import Recipe
    from aprende.methods.segmentation.learning import Plan, class_weights

    pretrained = facts["shape"]["encoder"] != "resnet"
    rate = settings.lr or (1e-3 if pretrained else 3e-3)
    return Plan(
        recipe=Recipe(lr=rate, weight_decay=settings.weight_decay, warmup=0.08),
        augment=Augment(flip=settings.flips, zoom=settings.zoom, rotate=settings.turns, colour=0.3),
        weights=class_weights(np.array(facts["areas"], np.int64), settings.balance),
        batch=min(settings.batch, max(1, facts["pictures"])),
        loss=settings.loss,
        frozen=settings.frozen if pretrained else 0,
        rates={"net.encoder.net": 0.3} if pretrained else {},
        coarse=pretrained and min(facts["frame"][:2]) >= COARSE_FROM,
        looks=looks(settings),
    )


def looks(settings: SegmentSettings) -> tuple[str, ...]:
    """Return the ways to look (`networks.unet.LOOKS`) among which valid chooses."""
    if settings.looks != "auto":
        return (settings.looks,)
    return ("plain", "mirrored", "scaled", "all") if settings.flips else ("plain", "scaled")
