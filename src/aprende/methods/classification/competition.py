"""Learning without gradient: cells compete for what they see, the winner keeps it (Fukushima 1980, 2003, 2013).

Stage by stage, each when the one before is done. Parts: where a picture is strong and every cell silent, the strongest
such place becomes the reference of a new plane ("add-if-silent"); else the winning plane moves towards what it won.
Forms: the winner among all references keeps a picture of its own class, and a picture won by another class becomes a
reference itself. Knows no class name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aprende.core.engine import Engine
from aprende.methods.classification.labelled import Labelled
from aprende.methods.descent import Batches

if TYPE_CHECKING:
    import torch

    from aprende.methods.classification.learning import Plan
    from aprende.networks.neocognitron import Neocognitron
    from aprende.networks.pictures import PictureNet

BATCH, SLICE = 64, 8  # pictures at once; batches a step
PARTS_SEEN, PARTS_SHARE = 2000, 0.15  # pictures from which parts are learnt, and the most of the time for it
EPOCHS = 2  # of forms
MOST_PLANES = 96
SILENT = 0.6  # cosine below which a cell of the second stage is silent while it learns: higher than when it recognises
STRONG = 0.3  # of the strongest place of a picture: weaker ones are no seeds


class Planes:
    """References of unit length (n, d) that compete; `sums` (n, d) of all that each has won."""

    def __init__(self, numbers: int) -> None:
        import torch

        self.references, self.sums = torch.zeros(0, numbers), torch.zeros(0, numbers)

    def __len__(self) -> int:
        return len(self.references)

    def add(self, seeds: torch.Tensor) -> None:
        """New references: (m, d), unit length."""
        import torch

        self.references, self.sums = torch.cat([self.references, seeds]), torch.cat([self.sums, seeds])

    def reinforce(self, winners: torch.Tensor, seen: torch.Tensor) -> None:
        """Move each winner (m,) towards what it won (m, d)."""
        import torch

        self.sums.index_add_(0, winners, seen)
        moved = torch.unique(winners)
        self.references[moved] = self.sums[moved] / self.sums[moved].norm(dim=1, keepdim=True)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """References and sums."""
        return {"references": self.references.clone(), "sums": self.sums.clone()}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Go on from there."""
        self.references, self.sums = state["references"].clone(), state["sums"].clone()


def seeds(maps: torch.Tensor, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What cells of side × side see, where it is strong: (B, C, h, w) -> unit length (m, C·side²), strength (m,)."""
    from torch.nn import functional as F

    seen = F.unfold(maps, side, padding=side // 2).transpose(1, 2)
    strength = seen.norm(dim=2)
    strong = strength > STRONG * strength.amax(1, keepdim=True)
    return seen[strong] / strength[strong][:, None], strength[strong]


def compete(planes: Planes, seen: torch.Tensor, strength: torch.Tensor, silent: float, most: int) -> float:
    """Grow and move the planes by what is seen, (m, d) of strength (m,); return the mean distance to the winners."""
    import torch

    if not len(seen):
        return 0.0
    if not len(planes):
        planes.add(seen[strength.argmax()][None])
    best, winner = (seen @ planes.references.T).max(1)
    while len(planes) < most and bool((best < silent).any()):
        new = seen[(strength * (best < silent)).argmax()][None]
        planes.add(new)
        cosine = (seen @ new.T)[:, 0]
        winner = torch.where(cosine > best, len(planes) - 1, winner)
        best = torch.maximum(best, cosine)
    won = best >= silent
    planes.reinforce(winner[won], seen[won])
    return float(1 - best.mean())


class CompetitionLearner:
    """Teaches a Neocognitron in `net`; the same doors as `methods.pictures.PictureLearner`."""

    def __init__(self, net: PictureNet, plan: Plan, train: Labelled, valid: Labelled, engine: Engine) -> None:
        import torch

        self.net, self.train, self.valid, self.engine, self.done = net, train, valid, engine, False
        self.cells: Neocognitron = net.net  # type: ignore[assignment]
        self.random = torch.Generator().manual_seed(engine.seed)
        self.batches = Batches(len(train), BATCH, self.random)
        self.parts = Planes(self.cells.s2.references[0].numel())
        self.forms, self.classes = Planes(0), torch.zeros(0, dtype=torch.int64)
        self.seen, self.formed = 0, 0  # pictures: from which parts were learnt, and forms
        self.engine.place(net).eval()

    def step(self, progress: float) -> dict[str, float]:
        """Some batches: of the stage that is learnt now."""
        learns_parts = self.formed == 0 and self.seen < PARTS_SEEN and (not self.seen or progress < PARTS_SHARE)
        learn = self._learn_parts if learns_parts else self._learn_forms
        loss = float(np.mean([learn() for _ in range(SLICE)]))
        self.done = self.formed >= EPOCHS * len(self.train)
        return {"loss": loss}

    def _draw(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The next pictures as the network takes them (B, C, h, w), and their classes (B,)."""
        import torch

        places = self.batches.draw().numpy()
        x = self.train.pictures(places).to(self.engine.device).permute(0, 3, 1, 2).float()
        return self.net.prepare(x), torch.from_numpy(self.train.classes(places))

    def _learn_parts(self) -> float:
        """Loss: mean distance (1 - cosine) of what is seen to the winning reference."""
        import torch

        pictures, _ = self._draw()
        with torch.inference_mode():
            seen, strength = seeds(self.cells.edges(pictures).cpu(), self.cells.s2.references.shape[2])
            loss = compete(self.parts, seen, strength, SILENT, MOST_PLANES)
        self.seen += len(pictures)
        return loss

    def _learn_forms(self) -> float:
        """Loss: share of the pictures that a reference of another class won."""
        import torch

        if not len(self.forms):
            self._install_parts()
        pictures, classes = self._draw()
        with torch.inference_mode():
            seen = self.cells.middle(self.cells.parts(pictures)).cpu()
        self.formed += len(pictures)
        if not len(self.forms):
            self._add_forms(seen[:1], classes[:1])
        winner = (seen @ self.forms.references.T).argmax(1)
        right = self.classes[winner] == classes
        self.forms.reinforce(winner[right], seen[right])
        self._add_forms(seen[~right], classes[~right])
        return float((~right).float().mean())

    def _add_forms(self, seen: torch.Tensor, classes: torch.Tensor) -> None:
        import torch

        self.forms.add(seen)
        self.classes = torch.cat([self.classes, classes])

    def _install_parts(self) -> None:
        """Give the network its second stage, and the last one room for what that sees."""
        self.cells.learn_parts(self.parts.references.view(-1, *self.cells.s2.references.shape[1:]).clone())
        self.forms = Planes(self.cells.head.references.shape[2])
        self.engine.place(self.net)

    def finish(self) -> None:
        """Leave what was learnt in `net`: `valid_shares` (n, classes) for rows of classes `valid_truth` (n,)."""
        if not self.formed:
            self._learn_forms()  # the time ended while parts were learnt
        self.cells.head.install(self.forms.references, self.classes)
        self.engine.place(self.net).eval()
        self.valid_shares, self.valid_truth = self._shares(self.valid), self.valid.classes()

    def _shares(self, rows: Labelled) -> Any:
        """Probabilities of these rows: (n, classes)."""
        import torch

        found = []
        for at in range(0, max(1, len(rows)), BATCH):  # once at least, for the shape
            x = rows.pictures(slice(at, at + BATCH)).to(self.engine.device).permute(0, 3, 1, 2).float()
            with torch.inference_mode():
                found.append(self.net.scores(x).softmax(1).double().cpu().numpy())
        return np.concatenate(found)

    def embeddings(self, most: int) -> None:
        """None: what train and valid look like is seen again, at the place of the best reference."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that learning needs to go on."""
        state = {"parts": self.parts.state_dict(), "forms": self.forms.state_dict(), "classes": self.classes.clone()}
        return {**state, "seen": self.seen, "formed": self.formed, "batches": self.batches.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.parts.load_state_dict(state["parts"])
        self.classes, self.seen, self.formed = state["classes"].clone(), int(state["seen"]), int(state["formed"])
        if self.formed:
            self._install_parts()
            self.forms.load_state_dict(state["forms"])
        self.batches.load_state_dict(state["batches"])
        self.done = self.formed >= EPOCHS * len(self.train)
