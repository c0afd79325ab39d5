"""Learning to find things: gradient descent on augmented batches of pictures with their boxes.

Knows no folder, no file and no class name: pictures come as the cache keeps them, boxes as numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.engine import Engine
from aprende.methods.descent import Batches, Descent, Recipe, trial

if TYPE_CHECKING:
    import torch

    from aprende.methods.detection.augment import Augment
    from aprende.networks.detector import Detector

SLICE = 8  # batches a step
CHECKS = 10  # looks at valid
CHECKED = 200  # pictures of valid seen then
AT_ONCE = 16  # pictures in one forward pass

Boxes = NDArray[np.float32]


@dataclass(frozen=True)
class Boxed:
    """`rows` (n,) of pictures uint8 (m, H, W, C) and of their boxes, m arrays (k, 6), in the pixels of these."""

    pixels: NDArray[np.uint8]
    truth: Sequence[Boxes]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def pictures(self, places: Any) -> torch.Tensor:
        """uint8 (B, H, W, C) of these places in `rows`."""
        import torch

        return torch.from_numpy(np.ascontiguousarray(self.pixels[self.rows[places]]))

    def boxes(self, places: Any) -> torch.Tensor:
        """float32 (B, M, 6) of these places; the last number is -1 where there is no box."""
        import torch

        held = [self.truth[row] for row in self.rows[places]]
        padded = np.zeros((len(held), max([1, *map(len, held)]), 6), np.float32)
        padded[..., 5] = -1
        for row, boxes in enumerate(held):
            padded[row, : len(boxes)] = boxes
        return torch.from_numpy(padded)


@dataclass(frozen=True)
class Plan:
    """How to learn. `rates` scale the learning rate of parts of the network, by the start of their names."""

    recipe: Recipe
    augment: Augment
    batch: int = 8
    frozen: int = 0  # parts of the body that stay as they are
    rates: dict[str, float] = field(default_factory=dict)


class DetectionLearner:
    """Trains `net` on `train` by `plan`; `valid` is only looked at."""

    done = False

    def __init__(self, net: Detector, plan: Plan, train: Boxed, valid: Boxed, engine: Engine) -> None:
        import torch

        self.net, self.plan, self.train, self.valid, self.engine = net, plan, train, valid, engine
        self.checked = 0
        self.random = torch.Generator().manual_seed(engine.seed)
        self.batches = Batches(len(train), plan.batch, self.random)
        engine.channels_last = True
        self.net.body.freeze(plan.frozen, bf16=False)
        engine.choose_precision(trial(self.net, self.plan.recipe, self.plan.rates, engine, self._loss))
        engine.place(net).train()
        self.descent = Descent(net, plan.recipe, plan.rates)

    def step(self, progress: float) -> dict[str, float]:
        """Some batches; now and then a look at valid with the averaged weights."""
        loss = float(np.mean([self.descent.step(self._loss(self.net), progress) for _ in range(SLICE)]))
        if int(progress * CHECKS) <= self.checked or not len(self.valid):
            return {"loss": loss}
        self.checked = int(progress * CHECKS)
        with self.descent.averaged():
            return {"loss": loss, "valid": self._valid_loss()}

    def _loss(self, net: Detector) -> torch.Tensor:
        """The loss of the next batch: a scalar."""
        places = self.batches.draw().numpy()
        x, truth = self.plan.augment(self.train.pictures(places), self.train.boxes(places), self.random)
        return self._loss_of(net, x, truth)

    def _loss_of(self, net: Detector, x: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """Float (B, C, H, W), truth (B, M, 6) -> a scalar."""
        import torch

        from aprende.methods.detection.assign import assign, loss

        x, truth = x.to(self.engine.device), truth.to(self.engine.device)
        with self.engine.autocast():
            scores, boxes = net.raw(x)
        with torch.no_grad():
            wanted = assign(scores.sigmoid(), boxes, net.centres, truth)
        classes, places = loss(scores, boxes, wanted)
        return classes + places

    def _valid_loss(self) -> float:
        """The mean loss of the first pictures of valid, unchanged."""
        import torch

        found = []
        for at in range(0, min(CHECKED, len(self.valid)), AT_ONCE):
            span = slice(at, min(at + AT_ONCE, CHECKED))
            x = self.valid.pictures(span).permute(0, 3, 1, 2).float()
            with torch.inference_mode():
                found.append((float(self._loss_of(self.net, x, self.valid.boxes(span))), len(x)))
        return sum(loss * n for loss, n in found) / sum(n for _, n in found)

    def finish(self) -> None:
        """Leave the averaged weights in the network."""
        self.descent.finish()

    def state_dict(self) -> dict[str, Any]:
        """Everything that training needs to go on."""
        import torch

        return {
            "checked": self.checked,
            "descent": self.descent.state_dict(),
            "batches": self.batches.state_dict(),
            "torch": torch.get_rng_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        import torch

        self.checked = int(state["checked"])
        self.descent.load_state_dict(state["descent"])
        self.batches.load_state_dict(state["batches"])
        torch.set_rng_state(state["torch"])
