"""Learning findings: blanks teach nothing, both sides weigh alike, masks move with their pictures."""

import copy

import numpy as np
import pytest
import torch

from aprende.core.engine import Budget, Engine
from aprende.methods.augment import Augment
from aprende.methods.descent import Recipe
from aprende.methods.xrays.learning import Examples, FindingLearner, Plan, balance, place_loss, shown_loss
from aprende.methods.xrays.localisation import GRID
from aprende.networks.findings import Shape, make

NAN = float("nan")


def test_blanks_give_no_gradient() -> None:
    scores = torch.zeros((2, 2), requires_grad=True)
    loss = shown_loss(scores, torch.tensor([[1.0, NAN], [NAN, 0.0]]), torch.ones(2, 2))
    loss.backward()
    assert loss.item() == pytest.approx(np.log(2))
    assert scores.grad is not None
    assert scores.grad[0, 1] == scores.grad[1, 0] == 0
    assert scores.grad[0, 0] < 0 < scores.grad[1, 1]


def test_both_sides_weigh_alike() -> None:
    truth = np.array([[1, 1]] * 9 + [[0, NAN]], np.float32)
    weights = balance(truth)
    assert weights[0, 0] * 1 == pytest.approx(weights[1, 0] * 9)
    assert np.isfinite(weights).all()


def test_maps_learn_where_they_are_told_only() -> None:
    maps = torch.zeros((1, 2, 4, 4), requires_grad=True)
    masks = torch.zeros((1, 2, GRID, GRID))
    masks[0, 0, : GRID // 2] = 1.0
    place_loss(maps, masks, torch.tensor([[True, False]])).backward()
    assert maps.grad is not None
    assert (maps.grad[0, 0, :2] < 0).all()
    assert (maps.grad[0, 0, 2:] > 0).all()
    assert not maps.grad[0, 1].any()


def learner(**plan: object) -> FindingLearner:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 60, (64, 32, 32, 1), dtype=np.uint8)
    truth = (np.arange(64) % 2).astype(np.float32)[:, None]
    places = {}
    for row in np.flatnonzero(truth[:, 0]):
        y, x = rng.integers(0, 20, 2)
        pixels[row, y : y + 10, x : x + 10] += 150
        held = np.zeros((GRID, GRID), np.bool_)
        held[2 * y : 2 * y + 20, 2 * x : 2 * x + 20] = True
        places[int(row), 0] = held
    rows = np.arange(64)
    asked = Plan(Recipe(lr=3e-3), Augment(flip=True, shift=0.2, rotate=20), 16, 10**6, **plan)  # type: ignore[arg-type]
    net = make(Shape("resnet", 1, 32, 8))
    examples = Examples(pixels, truth, places, rows)
    engine = Engine(Budget(steps=100), 0, device="cpu", threads=1)
    return FindingLearner(net, asked, examples, examples, engine)


def test_a_mask_moves_as_its_picture_does() -> None:
    made = learner(places=1.0)
    rows = np.flatnonzero(made.train.truth[:, 0])[:8]
    before = made.random.get_state()
    pictures = made.plan.augment(torch.from_numpy(made.train.pixels[rows]), made.random)
    masks, told = made._masks(rows, before)
    assert told.all()
    bright = torch.nn.functional.interpolate(pictures, size=[GRID, GRID], mode="bilinear") > 110
    for b in range(len(rows)):
        both, either = (bright[b, 0] & (masks[b, 0] > 0.5)).sum(), (bright[b, 0] | (masks[b, 0] > 0.5)).sum()
        assert both / either > 0.8
    after = made.random.get_state()
    made.random.set_state(before)
    made.plan.augment(torch.from_numpy(made.train.pixels[rows]), made.random)
    assert torch.equal(after, made.random.get_state())


def test_negatives_are_told_to_be_nowhere() -> None:
    made = learner(places=1.0)
    masks, told = made._masks(np.flatnonzero(made.train.truth[:, 0] == 0)[:4], made.random.get_state())
    assert told.all()
    assert not masks.any()


def test_it_stops_when_more_gains_nothing_and_resumes_exactly() -> None:
    made = learner()
    object.__setattr__(made.plan, "most", 8)
    while not made.done:
        made.step(0.0)
    assert made.steps == 8
    first, second = learner(), learner()
    for _ in range(2):
        first.step(0.1)
    state = copy.deepcopy(first.state_dict())
    wanted = first.step(0.5)
    second.load_state_dict(state)
    assert second.step(0.5) == wanted
