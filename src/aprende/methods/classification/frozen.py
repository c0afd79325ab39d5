"""Frozen features: a pretrained network sees every picture once, and a softmax regression learns from what it saw.

Knows nothing of how the network was trained, nor of what comes afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aprende.core.engine import Engine
from aprende.methods import softmax
from aprende.methods.classification.labelled import Labelled, Shares

if TYPE_CHECKING:
    import torch

    from aprende.networks.pictures import PictureNet

LOOKS = 512  # pictures seen a step
AT_ONCE = 64  # pictures in one forward pass
TRIED = 4  # pictures with which precisions are compared


class Frozen:
    """The network's embedding of every row of train and valid, by view of it (`looks`).

    `seen` counts rows, in an order that mixes both parts, so that stopping at any time leaves some of each.
    """

    def __init__(self, net: PictureNet, train: Labelled, valid: Labelled, looks: str, engine: Engine) -> None:
        self.net, self.engine, self.looks, self.trained = net, engine, looks, len(train)
        self.both = train + valid
        self.order = np.random.default_rng(engine.seed).permutation(len(self.both))
        self.features: list[NDArray[np.float32]] = []  # (1 or 2, B, D) a pass
        self.seen, self.precision = 0, ""  # how many, and how: descent may choose another precision
        self.head: softmax.Softmax
        engine.choose_precision(self._trial, 1.0)
        engine.place(net)

    @property
    def over(self) -> bool:
        """Whether every picture was seen."""
        return self.seen >= len(self.both)

    def look(self) -> None:
        """See the next slice of pictures."""
        self.precision = self.engine.precision
        until = min(self.seen + LOOKS, len(self.both))
        while self.seen < until:
            places = self.order[self.seen : min(self.seen + AT_ONCE, until)]
            self.features.append(self._embedded(self.both.pictures(places)))
            self.seen += len(places)

    def fit(self) -> Shares:
        """Fit the head on train (its penalty chosen on valid) and put it into the network.

        Returns the probabilities of those rows of valid that were seen, by view (plain, mirrored): (views, n, classes).
        """
        rows, features = self.order[: self.seen], np.concatenate(self.features, axis=1)
        inside = rows < self.trained
        train = _flat(features[:, inside], self.both.classes(rows[inside]))
        valid = _flat(features[:, ~inside], self.both.classes(rows[~inside]))
        self.install(softmax.choose(train, valid, self.classes))
        return np.stack([self.head.probabilities(view) for view in features[:, ~inside]])

    def seen_plainly(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the features of what was seen of train, and of valid, without their mirror images: (n, D) each."""
        rows, features = self.order[: self.seen], np.concatenate([pair[0] for pair in self.features])
        return features[rows < self.trained], features[rows >= self.trained]

    def refit(self) -> None:
        """Fit the head again, with the same penalty, on train and valid together."""
        rows, features = self.order[: self.seen], np.concatenate(self.features, axis=1)
        self.install(softmax.fit(*_flat(features, self.both.classes(rows)), self.classes, self.head.penalty))

    def install(self, head: softmax.Softmax) -> None:
        """Put this head into the network."""
        import torch

        self.head = head
        with torch.no_grad():
            self.net.head.weight.copy_(torch.from_numpy(head.weights))
            self.net.head.bias.copy_(torch.from_numpy(head.bias))

    @property
    def classes(self) -> int:
        """How many classes the network tells apart."""
        return self.net.head.out_features

    def valid_truth(self) -> NDArray[np.int64]:
        """The classes of those rows of valid that were seen, in the order of `fit`."""
        rows = self.order[: self.seen]
        return self.both.classes(rows[rows >= self.trained])

    def _embedded(self, pictures: torch.Tensor) -> NDArray[np.float32]:
        """uint8 (B, H, W, C) → (1, B, D), or (2, B, D) with the mirror images."""
        import torch

        from aprende.networks.pictures import looked

        self.net.eval()
        x = pictures.to(self.engine.device).permute(0, 3, 1, 2).float()
        with torch.inference_mode(), self.engine.autocast():
            return np.stack([self.net.parts(view)[0].float().cpu().numpy() for view in looked(x, self.looks)])

    def _trial(self) -> None:
        self.engine.place(self.net)
        self._embedded(self.both.pictures(self.order[:TRIED]))


def _flat(features: NDArray[np.float32], truth: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(views, n, D), (n,) → every view as a row of its own: (views · n, D), (views · n,)."""
    return features.reshape(-1, features.shape[-1]), np.tile(truth, len(features))
