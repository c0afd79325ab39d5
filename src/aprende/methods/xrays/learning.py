"""Learning findings and their places by descent: binary cross-entropy, balanced, with blanks left out.

Where masks are told, a map's cells learn them too, together with the pictures that only say what they show (Li et al.
2018); else the maps come out of what the pictures show (weakly supervised). Knows no file and no finding's name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.engine import Engine
from aprende.methods.augment import Augment
from aprende.methods.descent import Batches, Descent, Recipe, trial
from aprende.methods.xrays.localisation import GRID, Places, mean_map

if TYPE_CHECKING:
    import torch

    from aprende.networks.findings import FindingNet, FindingNets

SLICE = 4  # batches a step, of each member
CHECKS = 8  # looks at valid
AT_ONCE = 64  # pictures in one forward pass
LEAST_SHARE = 0.02  # of the pictures in which a place may be of a finding: nowhere is impossible
MOST_WEIGHT = 20.0  # of a rare finding's pictures


@dataclass(frozen=True)
class Examples:
    """Pictures uint8 (m, S, S, 1), what they show (m, K: 1, 0, NaN = not known), where, and `rows` (n,) of them."""

    pixels: NDArray[np.uint8]
    truth: NDArray[np.float32]
    places: Places
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Plan:
    """How to learn. most: steps after which more time gains nothing. places: how much the masks weigh (0: unused)."""

    recipe: Recipe
    augment: Augment
    batch: int
    most: int
    places: float = 0.0
    frozen: int = 0  # parts of a pretrained network that stay as they are
    rates: dict[str, float] = dataclasses.field(default_factory=dict)
    smoothing: float = 0.0


class FindingLearner:
    """Trains every member of `nets` on `train`, each on batches of its own; `valid` is only looked at."""

    def __init__(self, nets: FindingNets, plan: Plan, train: Examples, valid: Examples, engine: Engine) -> None:
        import torch

        self.nets, self.plan, self.train, self.valid, self.engine = nets, plan, train, valid, engine
        self.done, self.steps, self.checked = False, 0, 0
        self.random = torch.Generator().manual_seed(engine.seed)
        self.weights = torch.from_numpy(balance(train.truth[train.rows]))
        members: list[FindingNet] = list(nets.members)  # type: ignore[arg-type]
        usual = usual_places(train) if plan.places else None
        for member in members:
            if usual is not None and member.prior is not None:
                member.prior.data.copy_(torch.from_numpy(usual(member.prior.shape[-1])))
            if plan.frozen:
                member.body.net.freeze(plan.frozen, False)  # type: ignore[union-attr, operator]
        self.batches = [Batches(len(train), plan.batch, self.random) for _ in members]
        engine.channels_last = True
        first, batches = members[0], self.batches
        timed = trial(first, plan.recipe, plan.rates, engine, lambda net: self._loss(net, batches[0]))
        engine.choose_precision(timed, 1.0)
        self.members: list[FindingNet] = [engine.place(m).train() for m in members]  # type: ignore[misc]
        self.descents = [Descent(m, plan.recipe, plan.rates) for m in self.members]

    def step(self, progress: float) -> dict[str, float]:
        """A few batches of each member; now and then a look at valid."""
        losses = []
        for _ in range(SLICE):
            share = min(0.999, max(progress, self.steps / self.plan.most))
            for member, descent, batches in zip(self.members, self.descents, self.batches, strict=True):
                losses.append(descent.step(self._loss(member, batches), share))
            self.steps += 1
        self.done = self.steps >= self.plan.most
        figures = {"loss": float(np.mean(losses))}
        if int(share * CHECKS) > self.checked and len(self.valid):
            self.checked = int(share * CHECKS)
            figures["valid"] = self._valid_loss()
        return figures

    def _loss(self, member: FindingNet, batches: Batches) -> torch.Tensor:
        """The loss of the next batch: of what is shown and, where masks are used, of where."""
        import torch

        rows = self.train.rows[batches.draw().numpy()]
        pictures = torch.from_numpy(np.ascontiguousarray(self.train.pixels[rows]))
        before = self.random.get_state()
        x = self.plan.augment(pictures, self.random).to(self.engine.device)
        wanted = torch.from_numpy(self.train.truth[rows]).to(self.engine.device)
        with self.engine.autocast():
            scores, _, maps = member(x)
        loss = shown_loss(scores.float(), wanted, self.weights.to(x.device), self.plan.smoothing)
        if not self.plan.places:
            return loss
        masks, told = self._masks(rows, before)
        return loss + self.plan.places * place_loss(maps.float(), masks.to(x.device), told.to(x.device))

    def _masks(self, rows: NDArray[np.int64], before: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Where each finding of each row is, moved as its picture was: (B, K, GRID, GRID), and whether told (B, K).

        A finding that is not there is nowhere, which is told too.
        """
        import torch

        findings = self.train.truth.shape[1]
        held = np.zeros((len(rows), GRID, GRID, findings), np.uint8)
        told = self.train.truth[rows] == 0
        for b, row in enumerate(rows.tolist()):
            for k in range(findings):
                mask = self.train.places.get((row, k))
                if mask is not None:
                    held[b, :, :, k], told[b, k] = 255 * mask, True
        after = self.random.get_state()
        self.random.set_state(before)
        moved = dataclasses.replace(self.plan.augment, colour=0.0, cutout=0.0)(torch.from_numpy(held), self.random)
        self.random.set_state(after)
        return moved / 255, torch.from_numpy(told)

    def _valid_loss(self) -> float:
        """The balanced loss on valid, of the averaged weights."""
        import torch

        for descent in self.descents:
            descent._swap()
        scores = self.scores(self.valid)
        for descent, member in zip(self.descents, self.members, strict=True):
            descent._swap()
            member.train()
        wanted = torch.from_numpy(self.valid.truth[self.valid.rows])
        return float(shown_loss(torch.from_numpy(scores).float(), wanted, self.weights))

    def scores(self, rows: Examples) -> NDArray[np.float64]:
        """Scores (n, K) of these rows, as the networks are."""
        import torch

        self.nets.eval()
        found = [np.zeros((0, rows.truth.shape[1]))]
        for at in range(0, len(rows), AT_ONCE):
            pictures = torch.from_numpy(np.ascontiguousarray(rows.pixels[rows.rows[at : at + AT_ONCE]]))
            with torch.inference_mode():
                found.append(self.nets(pictures.to(self.engine.device))[0].double().cpu().numpy())
        return np.concatenate(found)

    def finish(self) -> None:
        """Leave the averaged weights in the networks."""
        for descent in self.descents:
            descent.finish()
        self.nets.eval()

    def state_dict(self) -> dict[str, Any]:
        """Everything that training needs to go on."""
        import torch

        return {
            "steps": self.steps,
            "checked": self.checked,
            "done": self.done,
            "torch": torch.get_rng_state(),
            "batches": [b.state_dict() for b in self.batches],
            "descents": [d.state_dict() for d in self.descents],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        import torch

        for batches, kept in zip(self.batches, state["batches"], strict=True):
            batches.load_state_dict(kept)
        for descent, kept in zip(self.descents, state["descents"], strict=True):
            descent.load_state_dict(kept)
        self.steps, self.checked, self.done = int(state["steps"]), int(state["checked"]), bool(state["done"])
        torch.set_rng_state(state["torch"])


def usual_places(train: Examples) -> Callable[[int], NDArray[np.float32]]:
    """Return how likely each place is to be of each finding, as log-odds (1, K, cells, cells), by number of cells."""
    rows = {int(row) for row in train.rows}
    places = {at: mask for at, mask in train.places.items() if at[0] in rows}

    def usual(cells: int) -> NDArray[np.float32]:
        shares = np.clip(mean_map(places, train.truth.shape[1], cells), LEAST_SHARE, 1 - LEAST_SHARE)
        return np.asarray(np.log(shares / (1 - shares))[None], dtype=np.float32)

    return usual


def balance(truth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much a picture without, and one with, each finding weighs, so that both count alike: (2, K).

    As in Wang et al. 2017; at most MOST_WEIGHT. truth: (n, K).
    """
    counts = np.stack([(truth == 0).sum(axis=0), (truth == 1).sum(axis=0)]).astype(np.float32)
    weights = counts.sum(axis=0) / (2 * np.maximum(counts, 1))
    return np.asarray(np.clip(weights, 1 / MOST_WEIGHT, MOST_WEIGHT), dtype=np.float32)


def shown_loss(
    scores: torch.Tensor, wanted: torch.Tensor, weights: torch.Tensor, smoothing: float = 0.0
) -> torch.Tensor:
    """Weighted cross-entropy of scores (B, K) with wanted (B, K: 1, 0, NaN = unknown), weights (2, K): a scalar."""
    from torch.nn import functional as F

    known = ~wanted.isnan()
    truth = wanted.nan_to_num(0.0)
    each = weights[0] * (1 - truth) + weights[1] * truth
    soft = truth * (1 - smoothing) + smoothing / 2
    lost = F.binary_cross_entropy_with_logits(scores, soft, reduction="none")
    return (lost * each * known).sum() / known.sum().clamp(min=1)


def place_loss(maps: torch.Tensor, masks: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
    """Cross-entropy and Dice (Milletari et al. 2016) of maps (B, K, h, w), masks (B, K, G, G), where told (B, K)."""
    from torch.nn import functional as F

    wanted = F.adaptive_avg_pool2d(masks, (maps.shape[2], maps.shape[3]))
    entropy = F.binary_cross_entropy_with_logits(maps, wanted, reduction="none").mean((2, 3))
    chance = maps.sigmoid()
    both, sizes = (chance * wanted).sum((2, 3)), (chance + wanted).sum((2, 3))
    there = wanted.flatten(2).amax(2) > 0
    dice = (1 - 2 * both / sizes.clamp(min=1e-6)) * there
    return ((entropy + 0.5 * dice) * told).sum() / told.sum().clamp(min=1)
