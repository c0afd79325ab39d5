"""Learning what is where: gradient descent on frames of pictures, each pixel a class, moved alike with its picture.

Classes are seldom equally large: their pixels are weighed by a root of their share, and the overlap itself is gone down
too, as soft Dice (Milletari et al. 2016) or the Lovász extension of the Jaccard index (Berman et al. 2018). Knows no
file and no class name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.engine import Engine
from aprende.methods.augment import VOID, Augment
from aprende.methods.descent import Batches, Descent, Recipe, trial
from aprende.methods.segmentation.regions import confusion, mean_overlap, tallied

if TYPE_CHECKING:
    import torch

    from aprende.networks.unet import MaskNet

SLICE = 4  # batches a step
COARSE, COARSE_UNTIL = 2 / 3, 0.6  # of the side at which training begins, and until when
CHECKS = 8  # looks at valid
CHECKED = 128  # frames of valid seen then
JUDGED = 100  # frames of valid by which the last choice is made
WORTH = 0.002  # mean IoU gained that is worth twice the time of every answer
AT_ONCE, FEW_AT_ONCE = 16, 4  # frames in one forward pass, and where all views of them are held
LOSSES = ("dice", "lovasz", "cross_entropy")


@dataclass(frozen=True)
class Plan:
    """How to learn. weights: of each class's pixels in the cross-entropy. overlap: weight of the loss of overlap."""

    recipe: Recipe
    augment: Augment
    weights: tuple[float, ...]
    batch: int = 4
    loss: str = "dice"  # beside the cross-entropy: "dice", "lovasz", or neither
    overlap: float = 0.5
    frozen: int = 0  # parts of a pretrained encoder that stay as they are
    coarse: bool = False  # begin with smaller pictures
    rates: dict[str, float] = field(default_factory=dict)
    looks: tuple[str, ...] = ("plain",)  # those of `networks.unet.LOOKS` of which valid chooses


@dataclass(frozen=True)
class Frames:
    """`rows` (n,) of frames uint8 (m, H, W, C + 1), whose last channel becomes classes by `table` (256,)."""

    held: NDArray[np.uint8]
    rows: NDArray[np.int64]
    table: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Return these frames: pictures uint8 (B, H, W, C), classes uint8 (B, H, W)."""
        import torch

        both = np.asarray(self.held[self.rows[places]])
        pictures, classes = np.ascontiguousarray(both[..., :-1]), self.table[both[..., -1]]
        return torch.from_numpy(pictures), torch.from_numpy(classes)


def class_weights(counts: NDArray[np.int64], power: float = 0.5) -> tuple[float, ...]:
    """Return the weight of each class's pixels: its share to the power of -`power`, so that their mean is 1."""
    share = np.maximum(counts / max(1, counts.sum()), 1e-4)
    raised = share**-power
    return tuple((raised / (raised * share).sum()).tolist())


def dice_loss(shares: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """1 - mean soft Dice of the classes in the batch. shares (B, K, H, W), wanted (B, H, W) with VOID → scalar."""
    import torch

    truth = (wanted[:, None] == torch.arange(shares.shape[1], device=wanted.device)[:, None, None]).float()
    both = (shares * truth).sum((0, 2, 3))
    area = truth.sum((0, 2, 3))
    either = (shares * (wanted != VOID)[:, None]).sum((0, 2, 3)) + area
    return 1 - ((2 * both + 1) / (either + 1))[area > 0].mean()


def lovasz_loss(shares: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """The Lovász softmax loss over the classes in the batch. shares (B, K, H, W), wanted (B, H, W) → scalar."""
    import torch

    known = wanted != VOID
    flat, truth = shares.permute(0, 2, 3, 1)[known], wanted[known]
    losses = []
    for place in torch.unique(truth):
        inside = (truth == place).float()
        errors, order = torch.sort((inside - flat[:, place]).abs(), descending=True)
        losses.append((errors * _steps(inside[order])).sum())
    return torch.stack(losses).mean()


def _steps(inside: torch.Tensor) -> torch.Tensor:
    """How much the Jaccard loss grows by each error, the largest first: (n,) → (n,)."""
    all_inside = inside.sum()
    jaccard = 1 - (all_inside - inside.cumsum(0)) / (all_inside + (1 - inside).cumsum(0))
    jaccard[1:] = jaccard[1:] - jaccard[:-1].clone()
    return jaccard


def smaller(x: torch.Tensor, wanted: torch.Tensor, share: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures (B, C, H, W) and classes (B, H, W) shrunk to this share of their sides: more of them in the time.

    Howard 2018 (DAWNBench); Tan and Le 2021 (EfficientNetV2).
    """
    import torch
    from torch.nn import functional as F

    size = [round(side * share) for side in x.shape[2:]]
    shrunk = F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=True)
    nearest = F.interpolate(wanted[:, None].float(), size=size, mode="nearest-exact")[:, 0].long()
    return shrunk.contiguous(memory_format=torch.channels_last), nearest


OVERLAPS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {"dice": dice_loss, "lovasz": lovasz_loss}


class MaskLearner:
    """Trains `net` on `train` by `plan`; `valid` is looked at now and then."""

    done = False

    def __init__(self, net: MaskNet, plan: Plan, train: Frames, valid: Frames, engine: Engine) -> None:
        import torch

        self.net, self.plan, self.train, self.valid, self.engine = net, plan, train, valid, engine
        self.random = torch.Generator().manual_seed(engine.seed)
        self.batches = Batches(len(train), plan.batch, self.random)
        self.weights = torch.tensor(plan.weights, dtype=torch.float32)
        self.checked = 0
        engine.channels_last = True
        if plan.frozen:
            net.net.encoder.net.freeze(plan.frozen, False)  # type: ignore[union-attr, operator]
        engine.choose_precision(trial(net, plan.recipe, plan.rates, engine, lambda made: self._loss(made, 1.0)))
        engine.place(net).train()
        self.descent = Descent(net, plan.recipe, plan.rates)

    def step(self, progress: float) -> dict[str, float]:
        """Some batches; now and then a look at valid with the averaged weights: 1 - mean IoU."""
        losses = [self.descent.step(self._loss(self.net, progress), progress) for _ in range(SLICE)]
        loss = float(np.mean(losses))
        if int(progress * CHECKS) <= self.checked or not len(self.valid):
            return {"loss": loss}
        self.checked = int(progress * CHECKS)
        with self.descent.averaged():
            return {"loss": loss, "valid": 1 - self.judged(self.valid, CHECKED)}

    def _loss(self, net: MaskNet, progress: float) -> torch.Tensor:
        """The loss of the next batch: a scalar."""
        from torch.nn import functional as F

        device, plan = self.engine.device, self.plan
        x, wanted = plan.augment.pair(*self.train.take(self.batches.draw().numpy()), self.random)
        if plan.coarse and progress < COARSE_UNTIL:
            x, wanted = smaller(x, wanted, COARSE)
        x, wanted = x.to(device), wanted.to(device)
        with self.engine.autocast():
            scores = net.scores(x)
        scores, wanted = scores.float(), self._thinned(wanted, scores.shape)
        loss = F.cross_entropy(scores, wanted, self.weights.to(device), ignore_index=VOID)
        if plan.loss not in OVERLAPS or not (wanted != VOID).any():
            return loss.nan_to_num()  # of a batch in which nothing has a class
        return loss + plan.overlap * OVERLAPS[plan.loss](scores.softmax(1), wanted)

    def _thinned(self, wanted: torch.Tensor, shape: torch.Size) -> torch.Tensor:
        """The classes (B, H, W) at the places of coarser scores (B, K, h, w): every second pixel, either one."""
        import torch

        step = -(-wanted.shape[1] // shape[2])
        if step == 1:
            return wanted
        down, right = torch.randint(step, (2,), generator=self.random).tolist()
        rows, columns = ((torch.arange(n) * step + first).clamp(max=size - 1) for n, first, size in
                         zip(shape[2:], (down, right), wanted.shape[1:], strict=True))  # fmt: skip
        return wanted[:, rows.to(wanted.device)][:, :, columns.to(wanted.device)]

    def judged(self, frames: Frames, most: int) -> float:
        """Return the mean IoU on at most so many of these frames, spread over all."""
        import torch

        classes = len(self.plan.weights)
        counts = np.zeros((classes, classes), np.int64)
        for pictures, truth in _some(frames, most):
            with torch.inference_mode():
                shares = self.net(pictures.to(self.engine.device))[0]
            counts += confusion(truth.numpy(), shares.argmax(1).cpu().numpy().astype(np.uint8), classes)
        return mean_overlap(tallied(counts))

    def finish(self) -> None:
        """Leave the averaged weights in the network; it also sees mirrored or scaled pictures where valid gains enough
        by it."""
        self.descent.finish()
        looks = self.plan.looks
        self.net.looks = self._best(looks) if len(looks) > 1 and len(self.valid) else looks[0]

    def _best(self, looks: Sequence[str]) -> str:
        """The looks that are best on valid, for the time that they take."""
        import torch

        from aprende.networks.unet import LOOKS, cost

        classes, needed = len(self.plan.weights), sorted({place for name in looks for place in LOOKS[name]})
        counts = {name: np.zeros((classes, classes), np.int64) for name in looks}
        for pictures, truth in _some(self.valid, JUDGED, FEW_AT_ONCE):
            with torch.inference_mode():
                x = self.net.prepare(pictures.to(self.engine.device).permute(0, 3, 1, 2).float())
                shares = {place: self.net.view(x, place)[0] for place in needed}
                for name in looks:
                    said = sum((shares[place] for place in LOOKS[name]), torch.zeros(())).argmax(1)
                    counts[name] += confusion(truth.numpy(), said.cpu().numpy().astype(np.uint8), classes)
        return max(looks, key=lambda name: mean_overlap(tallied(counts[name])) - WORTH * math.log2(cost(name)))

    def state_dict(self) -> dict[str, Any]:
        """Everything that training needs to go on."""
        import torch

        held = {"descent": self.descent.state_dict(), "batches": self.batches.state_dict()}
        return {**held, "checked": self.checked, "torch": torch.get_rng_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        import torch

        self.descent.load_state_dict(state["descent"])
        self.batches.load_state_dict(state["batches"])
        self.checked = int(state["checked"])
        torch.set_rng_state(state["torch"])


def _some(frames: Frames, most: int, at_once: int = AT_ONCE) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """At most so many frames, spread over all, some at a time: pictures and classes as `Frames.take` gives them."""
    spread = np.unique(np.linspace(0, len(frames) - 1, most).astype(int))
    for at in range(0, len(spread), at_once):
        yield frames.take(spread[at : at + at_once])
