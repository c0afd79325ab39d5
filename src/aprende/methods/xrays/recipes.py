"""How X-rays are learnt: which network, of which size, and how long.

Knows pictures, findings and a few numbers about them; no file, and no name of a patient.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.errors import DataError, SettingError
from aprende.core.fields import Json
from aprende.core.settings import Settings, setting
from aprende.core.words import t
from aprende.methods.augment import Augment
from aprende.methods.descent import Recipe
from aprende.methods.xrays.localisation import Places

if TYPE_CHECKING:
    from aprende.methods.xrays.learning import Plan

SMALL, LEAST_SIDE = 64, 16  # side up to which a picture is small; below which nothing is to be seen
MIDDLE, LARGE = 160, 224  # sides at which larger pictures are looked at
FEW_EPOCHS, MOST_EPOCHS, LEAST_STEPS = 40, 60, 300  # of training, after which more time gains nothing
PARTS_FROZEN, ALL_FROZEN = 4, 8  # of EfficientNet-Lite0: stem and three stages; all that is used
ENOUGH = 400  # pictures from which more of it is trained
MANY = 20_000  # small pictures that a wider network can learn from
MASKED = 2  # pictures of train with masks from which masks are learnt
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
    from aprende.methods.xrays.learning import Plan

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
