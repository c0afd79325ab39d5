"""What there is to know of each network of pictures before it is made: its sizes, and with what it is trained.

One row a network; `auto` sizes are those with which an ordinary processor sees small pictures some twenty times in
three to five minutes. How each is made stands in `networks/pictures.py`. Knows no picture, and imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

TIMM = "timm:"  # how names of networks of another package begin


@dataclass(frozen=True)
class Kind:
    """A network's traits. Rates are of AdamW; `decay` is the pull of the weights towards zero."""

    most_side: int = 0  # pixels above which pictures are made smaller; 0: sees what was learnt at a size of its own
    side: int = 0  # pixels at which published weights see
    width: int = 0  # of the first layer; 0: has none to choose
    full: int = 0  # width at which published weights fit
    depth: int = 0
    rate: float = 1e-3
    decay: float = 0.02
    decay_photos: float = 0.0  # where it is another one; 0: the same
    batch: int = 128
    batch_drawn: int = 0  # of small grey drawings, where it is another one
    frozen: int = 0  # first parts of a pretrained network that stay as they are: their features suit all pictures
    dropout: bool = True  # has units that may be left out
    changed: bool = True  # learns from pictures that are changed at random
    smooth: bool = True  # some certainty is given to the other classes of photos

    @property
    def pretrained(self) -> bool:
        """It comes with weights that have seen the world."""
        return not self.most_side


OF_TIMM = Kind(batch=64)
KINDS: dict[str, Kind] = {
    "perceptron": Kind(32, rate=3e-3, decay=0.01, dropout=False, changed=False, smooth=False),
    "mlp": Kind(32, width=512, depth=2, rate=2e-3, decay=0.01, smooth=False),
    "neocognitron": Kind(32, dropout=False, changed=False, smooth=False),
    "lenet1989": Kind(16, rate=4e-3, decay=0.01, dropout=False),
    "lenet": Kind(32, rate=4e-3, decay=0.01, dropout=False),
    "alexnet": Kind(96, 224, width=16, full=64, rate=2e-3),
    "alexnet2012": Kind(96, width=16, rate=2e-3),
    "vgg11": Kind(96, 224, width=8, full=64, rate=2e-3),
    "vgg16": Kind(96, 224, width=8, full=64, rate=2e-3),
    "resnet": Kind(64, width=32, depth=1, rate=5e-3, decay_photos=0.05, batch_drawn=256),
    "senet": Kind(96, 224, width=8, full=64, depth=1, rate=5e-3, decay_photos=0.05),
    "efficientnet_lite0": Kind(batch=64, frozen=4),
}


def kind(name: str) -> Kind:
    """Return the traits of the network of this name."""
    return OF_TIMM if name.startswith(TIMM) else KINDS[name]


def told() -> str:
    """Return every name there is, as one line."""
    return ", ".join(["auto", *KINDS, f"{TIMM}NAME"])
