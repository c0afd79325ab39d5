"""Learning what is where: losses with known answers, pairs moved alike, and learning that goes on where it stopped."""

from typing import Any

import numpy as np
import pytest
import torch

from aprende.core import engine as engines
from aprende.core.engine import Budget
from aprende.methods.augment import VOID, Augment
from aprende.methods.descent import Recipe
from aprende.methods.segmentation.learning import (
    Frames,
    MaskLearner,
    Plan,
    class_weights,
    dice_loss,
    lovasz_loss,
    smaller,
)
from aprende.networks import unet

WANTED = torch.tensor([[[0, 0, 1, 1], [0, 0, 1, VOID]]])
RIGHT = torch.nn.functional.one_hot(WANTED.clamp(max=1), 2).permute(0, 3, 1, 2).float()


@pytest.mark.parametrize("loss", [dice_loss, lovasz_loss])
def test_losses_of_overlap(loss: Any) -> None:
    assert loss(RIGHT, WANTED).item() == pytest.approx(0, abs=1e-5)
    assert loss(1 - RIGHT, WANTED).item() > 0.8
    worse = RIGHT.clone()
    worse[..., 1, 3] = 1 - worse[..., 1, 3]  # where nothing is known
    assert loss(worse, WANTED).item() == pytest.approx(0, abs=1e-5)


def test_lovasz_of_hard_answers_is_one_minus_iou() -> None:
    said = RIGHT.clone()
    said[0, :, 0, 0] = said[0, :, 0, 0].flip(0)  # one of four zeros is taken for a one
    expected = 1 - (3 / 4 + 3 / 4) / 2
    assert lovasz_loss(said, WANTED).item() == pytest.approx(expected, abs=1e-5)


def test_weights_of_classes_have_mean_one_over_pixels() -> None:
    weights = np.array(class_weights(np.array([900, 100])))
    assert (weights * [0.9, 0.1]).sum() == pytest.approx(1)
    assert weights[1] / weights[0] == pytest.approx(3)
    assert class_weights(np.array([900, 100]), 0.0) == (1.0, 1.0)


EVERY = Augment(flip=True, shift=0.1, rotate=30, scale=0.2, zoom=0.5)


def test_pictures_and_classes_move_alike() -> None:
    """A picture that is its own mask stays so, wherever the mask is known."""
    masks = torch.from_numpy(
        np.kron(np.random.default_rng(0).integers(0, 2, (8, 4, 4)), np.ones((8, 8))).astype(np.uint8)
    )
    x, y = EVERY.pair(masks[..., None] * 200, masks, torch.Generator().manual_seed(1))
    known = y != VOID
    assert ((x[:, 0] > 100) == (y == 1))[known].float().mean() > 0.97
    assert set(y.unique().tolist()) <= {0, 1, VOID}
    assert y.dtype == torch.int64


def test_outside_there_is_no_class_and_inside_there_is() -> None:
    masks = torch.zeros(20, 16, 16, dtype=torch.uint8)
    _, wide = Augment(zoom=1.0).pair(masks[..., None], masks, torch.Generator().manual_seed(0))
    void = (wide == VOID).flatten(1).float().mean(1)
    assert void.max() > 0.3  # some are seen from afar
    assert void.min() == 0  # of others a part is seen, whole
    _, same = Augment(flip=True).pair(masks[..., None], masks, torch.Generator().manual_seed(0))
    assert (same == 0).all()


def learner(steps: int, looks: tuple[str, ...] = ("plain",), coarse: bool = False) -> MaskLearner:
    rng = np.random.default_rng(0)
    held = rng.integers(0, 60, (12, 32, 32, 2), dtype=np.uint8)
    held[..., 1] = 0
    held[:, 8:20, 8:20, 1] = 1
    held[..., 0] += 150 * held[..., 1]
    engine = engines.make(Budget(steps=steps), 0)
    engine.begin()
    net = unet.make(unet.Shape("resnet", 2, 1, width=4))
    table = np.arange(256).astype(np.uint8)
    plan = Plan(Recipe(lr=0.02), Augment(flip=True), (1.0, 1.0), batch=4, coarse=coarse, looks=looks)
    rows = np.arange(12)
    return MaskLearner(net, plan, Frames(held, rows[:8], table), Frames(held, rows[8:], table), engine)


def test_learns_and_goes_on_where_it_stopped() -> None:
    whole = learner(8)
    rows = [whole.step(i / 8) for i in range(8)]
    assert rows[-1]["loss"] < rows[0]["loss"]
    first = learner(8)
    again = [first.step(i / 8) for i in range(4)]
    state = first.state_dict()
    second = learner(8)
    second.load_state_dict(state)
    again += [second.step(i / 8) for i in range(4, 8)]
    assert again == rows
    whole.finish()
    assert whole.judged(whole.valid, 4) > 0.7


@pytest.mark.parametrize(("mirror_helps", "chosen"), [(True, "mirrored"), (False, "plain")])
def test_valid_chooses_how_to_look(mirror_helps: bool, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = learner(1, ("plain", "mirrored", "scaled", "all"))
    truth = torch.zeros((4, 2, 32, 32))
    truth[:, 0], truth[:, 1, 8:20, 8:20] = 0.5, 1.0
    half = truth.clone()
    half[:, 1, 8:14] = 0.0
    answers = {0: half if mirror_helps else truth, 1: truth * 3}

    def view(x: torch.Tensor, place: int) -> tuple[torch.Tensor, torch.Tensor]:
        return answers.get(place, half), torch.zeros(1)

    monkeypatch.setattr(made.net, "view", view)
    made.finish()
    assert made.net.looks == chosen


def test_training_begins_with_smaller_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    made, seen = learner(8, coarse=True), []
    scores = made.net.scores
    monkeypatch.setattr(made.net, "scores", lambda x: (seen.append(tuple(x.shape[2:])), scores(x))[1])
    made.step(0.1)
    made.step(0.9)
    assert set(seen[:4]) == {(21, 21)}
    assert set(seen[4:]) == {(32, 32)}


def test_smaller_pictures_and_classes_stay_together() -> None:
    x, wanted = torch.zeros(1, 1, 30, 60), torch.zeros(1, 30, 60, dtype=torch.long)
    x[..., 30:], wanted[..., 30:] = 100.0, 3
    wanted[:, :3] = VOID
    shrunk, classes = smaller(x, wanted, 2 / 3)
    assert shrunk.shape[2:] == classes.shape[1:] == (20, 40)
    assert ((shrunk[0, 0, 5:] > 50) == (classes[0, 5:] == 3)).all()
    assert (classes[0, :2] == VOID).all()
    assert set(classes.unique().tolist()) == {0, 3, VOID}
