"""Gradient descent for every network: optimiser, schedule, clipping, averaged weights, and the losses it goes down.

A `Descent` is handed a loss and the share of training that is over (0 to 1); the schedule needs nothing else, so
minutes and steps are the same to it. It does not know what the network computes, nor where batches come from.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch
    from torch import nn

    from aprende.core.engine import Engine

Net = TypeVar("Net", bound="nn.Module")


@dataclass(frozen=True)
class Recipe:
    """How to go down. `lr` is the highest learning rate; the schedule warms up to it and anneals to zero."""

    lr: float = 3e-3
    optimizer: str = "adamw"  # "adamw" (Loshchilov and Hutter 2019) or "sgd" with Nesterov's momentum
    weight_decay: float = 0.01  # on matrices and kernels only, not on biases and norms
    momentum: float = 0.9
    warmup: float = 0.05  # share of training
    clip: float = 1.0  # longest gradient, over all weights; 0: as long as it is
    average: float = 12.0  # exponent of the averaged weights: the higher, the more recent the steps that count; 0: none


def schedule(progress: float, warmup: float) -> float:
    """Factor of the learning rate: up in `warmup`, then a half cosine to 0 (Loshchilov and Hutter 2017)."""
    if progress < warmup:
        return (progress + 1e-3) / (warmup + 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (min(progress, 1.0) - warmup) / (1 - warmup)))


class Descent:
    """Trains `network` by `recipe`; holds the optimiser's state and the averaged weights.

    The average weighs step t by t^`average` (power-function average, Karras et al. 2024), so its length is a share of
    training whatever the number of steps. Running statistics of norms are averaged like weights.
    `rates` scale the learning rate of the parameters whose name starts with a key (the longest that fits).
    """

    def __init__(self, network: nn.Module, recipe: Recipe, rates: dict[str, float] | None = None) -> None:
        self.network, self.recipe, self.steps = network, recipe, 0
        self.trained = [p for p in network.parameters() if p.requires_grad]
        self.optimizer = _optimizer(recipe, _groups(network, recipe, rates or {}))
        self.live = [t for t in network.state_dict().values() if t.is_floating_point()]
        self.mean = [t.clone() for t in self.live] if recipe.average else []

    def step(self, loss: torch.Tensor, progress: float) -> float:
        """Go one step down this loss (a scalar); return its value."""
        import torch

        factor = schedule(progress, self.recipe.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.lr * group["rate"] * factor
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.recipe.clip:
            torch.nn.utils.clip_grad_norm_(self.trained, self.recipe.clip)
        self.optimizer.step()
        self.steps += 1
        if self.mean:
            share = 1 - (1 - 1 / self.steps) ** (self.recipe.average + 1)
            torch._foreach_lerp_(self.mean, self.live, share)
        return loss.item()

    @contextmanager
    def averaged(self) -> Iterator[nn.Module]:
        """The network with averaged weights, in evaluation mode; as it was afterwards."""
        self._swap()
        self.network.eval()
        try:
            yield self.network
        finally:
            self._swap()
            self.network.train()

    def finish(self) -> None:
        """Leave the averaged weights in the network."""
        self._swap()
        self.network.eval()

    def _swap(self) -> None:
        for live, mean in zip(self.live, self.mean, strict=False):
            kept = live.clone()
            live.copy_(mean)
            mean.copy_(kept)

    def state_dict(self) -> dict[str, Any]:
        """Weights, their average, the optimiser's state and the count of steps."""
        return {
            "network": dict(self.network.state_dict()),
            "mean": list(self.mean),
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on exactly where `state_dict` was taken."""
        self.network.load_state_dict(state["network"])
        for mean, kept in zip(self.mean, state["mean"], strict=True):
            mean.copy_(kept)
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps = int(state["steps"])


def trial(
    network: Net, recipe: Recipe, rates: dict[str, float], engine: Engine, loss: Callable[[Net], torch.Tensor]
) -> Callable[[], None]:
    """Return one step of descent on a copy of the network, to be timed. loss: of a batch, given the network."""
    copied = copy.deepcopy(network)
    engine.place(copied).train()
    descent = Descent(copied, recipe, rates)

    def step() -> None:
        descent.step(loss(copied), 0.5)

    return step


def _groups(network: nn.Module, recipe: Recipe, rates: dict[str, float]) -> list[dict[str, Any]]:
    """Parameters by learning rate and by whether they decay."""
    groups: dict[tuple[float, bool], list[torch.Tensor]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            rate = rates[max((k for k in rates if name.startswith(k)), key=len)] if _fits(name, rates) else 1.0
            groups.setdefault((rate, parameter.ndim > 1), []).append(parameter)
    return [
        {"params": members, "rate": rate, "weight_decay": recipe.weight_decay if decays else 0.0}
        for (rate, decays), members in groups.items()
    ]


def _fits(name: str, starts: Iterable[str]) -> bool:
    return any(name.startswith(s) for s in starts)


def _optimizer(recipe: Recipe, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    import torch

    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0)
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=(recipe.momentum, 0.99))


def cross_entropy(scores: torch.Tensor, wanted: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """Scores (B, K), wanted shares (B, K) or classes (B,) → scalar; `smoothing` of it is spread over all classes."""
    from torch.nn import functional as F

    return F.cross_entropy(scores, wanted, label_smoothing=smoothing)


def squared(scores: torch.Tensor, wanted: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """Mean squared error of scores (B, K) against numbers (B, K), or 1 for the class (B,) and 0 for the others."""
    from torch.nn import functional as F

    return F.mse_loss(scores, _shares(scores, wanted, smoothing))


def hinge(scores: torch.Tensor, wanted: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """How far the best wrong class comes within 1 of the right one (Crammer and Singer 2001): (B, K), classes (B,)."""
    from torch.nn import functional as F

    shares = _shares(scores, wanted, smoothing)
    return F.relu((scores + 1 - shares).amax(1) - (scores * shares).sum(1)).mean()


LOSSES: dict[str, Callable[..., torch.Tensor]] = {"cross_entropy": cross_entropy, "squared": squared, "hinge": hinge}


def _shares(scores: torch.Tensor, wanted: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Classes (B,) as shares (B, K); shares and numbers as they are; smoothed."""
    from torch.nn import functional as F

    shares = F.one_hot(wanted, scores.shape[1]).to(scores.dtype) if wanted.ndim == 1 else wanted
    return shares * (1 - smoothing) + smoothing / scores.shape[1] if smoothing else shares


def mixed(
    pictures: torch.Tensor, shares: torch.Tensor, alpha: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mixup (Zhang et al. 2018): inputs (B, …) and shares (B, K) blended with another example of the batch.

    One weight a batch, from Beta(alpha, alpha), always at least one half for the example itself.
    """
    import numpy as np
    import torch

    seed = int(torch.randint(2**31, (1,), generator=generator))
    weight = float(np.random.default_rng(seed).beta(alpha, alpha))
    weight, other = max(weight, 1 - weight), torch.randperm(len(pictures), generator=generator)
    return torch.lerp(pictures[other], pictures, weight), torch.lerp(shares[other], shares, weight)


class Batches:
    """Row numbers in random order, each at most once an epoch: the last rows, that fill no batch, are left out."""

    def __init__(self, rows: int, batch: int, generator: torch.Generator) -> None:
        self.rows, self.size, self.generator = rows, max(1, min(batch, rows)), generator
        self.order: list[torch.Tensor] = []

    def __len__(self) -> int:
        """Batches an epoch."""
        return self.rows // self.size

    def draw(self) -> torch.Tensor:
        """The next batch, (size,) int64."""
        import torch

        if not self.order:
            shuffled = torch.randperm(self.rows, generator=self.generator)
            self.order = list(shuffled[: len(self) * self.size].view(len(self), self.size).flip(0))
        return self.order.pop()

    def state_dict(self) -> dict[str, Any]:
        """What is left of this epoch, and the generator."""
        return {"order": [rows.clone() for rows in self.order], "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the same batches."""
        self.order = list(state["order"])
        self.generator.set_state(state["generator"])
