"""Learning to tell pictures apart: gradient descent on augmented batches, after frozen features where there are any.

A pretrained network first sees every picture (`frozen.py`), then descends from the softmax regression on what it saw,
if that can gain anything in the time left. Other networks only descend; one whose weights came whole, last layer too,
may also stay as it came. Knows no folder and no class name.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.calibrate import temperature, tempered
from aprende.core.engine import Engine
from aprende.methods.augment import Augment
from aprende.methods.classification.frozen import Frozen
from aprende.methods.classification.labelled import Labelled, Shares
from aprende.methods.descent import LOSSES, Batches, Descent, Recipe, mixed, trial
from aprende.methods.softmax import log_loss

if TYPE_CHECKING:
    import torch

    from aprende.networks.pictures import PictureNet

Floats = NDArray[np.float32]
SLICE = 8  # batches a step
CHECKS = 10  # looks at valid while descending
CHECKED = 500  # pictures of valid seen then
PERFECT = 10  # pictures of valid, all right, that are enough to stop
AT_ONCE = 64  # pictures in one forward pass
LEAST_EPOCHS = 1.0  # of descent that must fit in the time left, else it is not begun


@dataclass(frozen=True)
class Plan:
    """How to learn. `rates` scale the learning rate of parts of the network, by the start of their names."""

    recipe: Recipe
    augment: Augment
    batch: int = 128
    loss: str = "cross_entropy"
    smoothing: float = 0.0
    mixup: float = 0.0
    looks: str = "plain"  # views of a picture whose mean may answer better: "mirrored", "shifted"
    pretrained: bool = False  # but for its last layer
    whole: bool = False  # pretrained, and the last layer too
    fine_tune: bool = True
    frozen: int = 0  # parts of a pretrained network that stay as they are
    rates: dict[str, float] = field(default_factory=dict)


class PictureLearner:
    """Trains `net` on `train` by `plan`; `valid` chooses between what was tried."""

    def __init__(self, net: PictureNet, plan: Plan, train: Labelled, valid: Labelled, engine: Engine) -> None:
        import torch

        self.net, self.plan, self.train, self.valid, self.engine = net, plan, train, valid, engine
        self.done, self.began, self.checked = False, -1.0, 0
        self.random = torch.Generator().manual_seed(engine.seed)
        self.batches = Batches(len(train), plan.batch, self.random)
        self.descent: Descent | None = None
        engine.channels_last = True
        if plan.pretrained:
            self.frozen = Frozen(net, train, valid, plan.looks, engine)
        elif plan.whole and not plan.fine_tune:
            engine.place(net)
        else:
            engine.choose_precision(trial(self.net, self.plan.recipe, self.plan.rates, engine, self._loss))
            self._begin(front_bf16=False)

    def step(self, progress: float) -> dict[str, float]:
        """One slice of looking, or of descent."""
        if self.descent is not None:
            return self._slice(self.descent, progress)
        return self._look() if self.plan.pretrained else self._stay()

    def _stay(self) -> dict[str, float]:
        """Leave the network as it came: nothing is learnt; loss: on some of valid (of chance, where there is none)."""
        self.done, few = True, self.valid.first(CHECKED)
        views = self._views(few, "plain")[0]
        return {"loss": log_loss(views, few.classes()) if len(few) else math.log(views.shape[1])}

    def _look(self) -> dict[str, float]:
        """See some pictures; after the last, fit the head, and begin the descent if it can pay."""
        self.frozen.look()
        if not self.frozen.over:
            return {"loss": math.log(self.frozen.classes)}  # of knowing nothing: there is no head yet
        loss = self._fit_head()
        front_bf16 = self.engine.precision == "bf16"
        self.done = not self._pays(front_bf16)
        if not self.done:
            self._begin(front_bf16)
        return {"loss": loss, "valid": loss}

    def _fit_head(self) -> float:
        """The head on frozen features, kept as the first candidate; return its log-loss on valid (or of chance)."""
        self.frozen_views = self.frozen.fit()
        self.frozen_truth = self.frozen.valid_truth()
        self.start = copy.deepcopy(self.net)
        if not len(self.frozen_truth):
            return math.log(self.frozen.classes)
        return log_loss(self.frozen_views.mean(axis=0), self.frozen_truth)

    def _pays(self, front_bf16: bool) -> bool:
        """Whether descending can gain anything: some of valid is still wrong, and there is time for a few epochs."""
        wrong = self.frozen_views.mean(axis=0).argmax(axis=1) != self.frozen_truth
        if not self.plan.fine_tune or (len(wrong) >= PERFECT and not wrong.any()):
            return False
        self._freeze(front_bf16)
        self.engine.choose_precision(trial(self.net, self.plan.recipe, self.plan.rates, self.engine, self._loss))
        seconds = self.engine.measured.get(self.engine.precision, 0.0) * len(self.batches)
        return self.engine.budget.left() >= LEAST_EPOCHS * seconds

    def _freeze(self, front_bf16: bool) -> None:
        if self.plan.frozen:
            self.net.net.freeze(self.plan.frozen, front_bf16)  # type: ignore[operator]

    def _begin(self, front_bf16: bool) -> Descent:
        """Ready the network and the optimiser for descent."""
        self.front_bf16 = front_bf16
        if self.plan.pretrained:
            self.frozen.features.clear()
        self._freeze(front_bf16)
        self.engine.place(self.net).train()
        self.descent = Descent(self.net, self.plan.recipe, self.plan.rates)
        return self.descent

    def _slice(self, descent: Descent, progress: float) -> dict[str, float]:
        """Some batches; now and then a look at valid with the averaged weights."""
        self.began = progress if self.began < 0 else self.began
        share = (progress - self.began) / (1 - self.began)
        loss = float(np.mean([descent.step(self._loss(self.net), share) for _ in range(SLICE)]))
        if int(share * CHECKS) <= self.checked or not len(self.valid):
            return {"loss": loss}
        self.checked = int(share * CHECKS)
        few = self.valid.first(CHECKED)
        with descent.averaged():
            return {"loss": loss, "valid": log_loss(self._views(few, "plain")[0], few.classes())}

    def _loss(self, net: PictureNet) -> torch.Tensor:
        """The loss of the next batch: a scalar."""
        import torch
        from torch.nn import functional as F

        places, device, plan = self.batches.draw().numpy(), self.engine.device, self.plan
        x = plan.augment(self.train.pictures(places), self.random).to(device)
        wanted = torch.from_numpy(self.train.classes(places)).to(device)
        if plan.mixup:
            x, wanted = mixed(x, F.one_hot(wanted, net.head.out_features).float(), plan.mixup, self.random)
        with self.engine.autocast():
            scores = net.scores(x)
        return LOSSES[plan.loss](scores.float(), wanted, plan.smoothing)

    def _views(self, rows: Labelled, looks: str) -> Shares:
        """Probabilities of these rows, by view of them, plain first, without autocast: (views, n, classes)."""
        import torch

        from aprende.networks.pictures import looked

        self.net.eval()
        found = []
        for at in range(0, max(1, len(rows)), AT_ONCE):  # once at least, for the shape
            x = rows.pictures(slice(at, at + AT_ONCE)).to(self.engine.device).permute(0, 3, 1, 2).float()
            with torch.inference_mode():
                views = [self.net.scores(view).softmax(1) for view in looked(x, looks)]
            found.append(torch.stack(views).double().cpu().numpy())
        return np.concatenate(found, axis=1)

    def finish(self) -> None:
        """Leave in `net` what is best on valid: `valid_shares` (n, classes) for rows of classes `valid_truth` (n,)."""
        tried: list[tuple[float, bool, Shares]] = []
        if self.plan.pretrained:
            if self.descent is None and not self.done:
                self._fit_head()  # the time ended before every picture was seen
            tried.append(_better_view(self.frozen_views, self.frozen_truth))
        if self.descent is not None:
            self.descent.finish()
        if self.descent is not None or not self.plan.pretrained:
            tried.append(_better_view(self._views(self.valid, self.plan.looks), self.valid.classes()))
        chosen = min(reversed(range(len(tried))), key=lambda i: tried[i][0])  # the last where there is no valid
        stays_frozen = self.plan.pretrained and chosen == 0
        if stays_frozen and self.descent is None:
            self.frozen.refit()
        elif stays_frozen:
            self.net.load_state_dict(self.start.state_dict())
        _, all_views, self.valid_shares = tried[chosen]
        self.net.looks = self.plan.looks if all_views else "plain"
        self.valid_truth = self.frozen_truth if stays_frozen else self.valid.classes()
        self.net.eval()

    def embeddings(self, most: int) -> tuple[Floats, Floats] | None:
        """Embeddings (n, D) of at most so many pictures of train, and of valid, if they are as the network gives them:
        the frozen features; None where it has changed since it saw them, or saw them in lower precision."""
        if not self.plan.pretrained or self.descent is not None or self.frozen.precision != "fp32":
            return None
        train, valid = self.frozen.seen_plainly()
        return train[:most], valid[:most]

    def state_dict(self) -> dict[str, Any]:
        """Everything that training needs to go on; features are not kept but seen again."""
        import torch

        state = {"began": self.began, "checked": self.checked, "done": self.done, "torch": torch.get_rng_state()}
        state |= {"batches": self.batches.state_dict()}
        if self.plan.pretrained:
            state["seen"] = self.frozen.seen
        if self.descent is not None:
            state |= {"descent": self.descent.state_dict(), "front_bf16": self.front_bf16}
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        import torch

        if self.plan.pretrained:
            while self.frozen.seen < state["seen"]:
                self.frozen.look()
            if self.frozen.over:
                self._fit_head()
        if "descent" in state:
            self._begin(bool(state["front_bf16"])).load_state_dict(state["descent"])
        self.began, self.checked, self.done = float(state["began"]), int(state["checked"]), bool(state["done"])
        self.batches.load_state_dict(state["batches"])
        torch.set_rng_state(state["torch"])


def _better_view(views: Shares, truth: NDArray[np.int64]) -> tuple[float, bool, Shares]:
    """Return (log-loss, whether all views, probabilities) of the better of views[0] and the mean of all views."""
    ways = [(False, views[0]), (True, views.mean(axis=0))] if len(views) > 1 else [(False, views[0])]
    losses = [_calibrated_loss(shares, truth) for _, shares in ways]
    best = int(np.argmin(losses))
    return losses[best], *ways[best]


def _calibrated_loss(shares: Shares, truth: NDArray[np.int64]) -> float:
    if not len(truth):
        return math.inf
    return log_loss(tempered(shares, temperature(shares, truth)), truth)
