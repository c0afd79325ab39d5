"""Learning by competition: what planes come to be, who wins, and that no gradient is anywhere."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aprende.core import engine as engines
from aprende.core.engine import Budget, Engine
from aprende.methods.classification.competition import CompetitionLearner, Planes, compete, seeds
from aprende.methods.classification.labelled import Labelled
from aprende.methods.classification.recipes import PictureSettings, plan
from aprende.networks import pictures
from aprende.networks.neocognitron import unit

SIDE = 28


def strokes(n: int, shift: int = 0, size: float = 1.0, bend: float = 0.0, seed: int = 0) -> Labelled:
    """Drawings of three classes, a cross, a T and an L, moved by up to `shift` pixels, scaled, bent."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[:SIDE, :SIDE].astype(float)
    classes, drawn = rng.integers(0, 3, n), np.zeros((n, SIDE, SIDE, 1), np.uint8)
    for row, kind in enumerate(classes):
        y, x = 13.5 + rng.integers(-shift, shift + 1, 2)
        length, v = 7 * size * rng.uniform(0.9, 1.1), across - x + bend * np.sin((down - y) / 3)
        h = down - y + bend * np.sin((across - x) / 3)
        upright = (abs(v + (length * 0.7 if kind == 2 else 0)) < 1.3) & (abs(h) < length)
        lying = (abs(h + length * (0, 0.8, -0.8)[kind]) < 1.3) & (abs(v) < length)
        drawn[row, ..., 0] = np.clip(220 * (upright | lying) + rng.normal(20, 8, (SIDE, SIDE)), 0, 255)
    return Labelled(drawn, classes.astype(np.int64), np.arange(n))


def learner(train: Labelled, steps: int = 6, seed: int = 0) -> tuple[CompetitionLearner, Engine]:
    engine = engines.make(Budget(steps=steps), seed)
    engine.begin()
    net = pictures.make(pictures.Shape("neocognitron", 3, SIDE, 1))
    facts: dict[str, Any] = {"shape": {"network": "neocognitron"}, "side": SIDE, "channels": 1, "pictures": len(train)}
    return CompetitionLearner(net, plan(PictureSettings(), facts), train, strokes(60, seed=9), engine), engine


def taught(steps: int = 6) -> CompetitionLearner:
    made, _ = learner(strokes(512), steps)
    for step in range(steps):
        made.step(step / steps)
    made.finish()
    return made


@pytest.fixture(scope="module")
def cells() -> CompetitionLearner:
    return taught()


def error(made: CompetitionLearner, rows: Labelled) -> float:
    with torch.inference_mode():
        said = made.net.scores(rows.pictures(slice(None)).permute(0, 3, 1, 2).float()).argmax(1)
    return float((said.numpy() != rows.classes()).mean())


def test_two_patterns_make_two_planes_that_are_these_patterns() -> None:
    first, second = unit(torch.tensor([[3.0, 1, 0, 0]])), unit(torch.tensor([[0, 0, 1.0, 2]]))
    planes = Planes(4)
    seen = torch.cat([first, second, first, second])
    loss = compete(planes, seen, torch.tensor([4.0, 3, 2, 1]), silent=0.6, most=9)
    assert loss == pytest.approx(0, abs=1e-6)
    assert torch.allclose(planes.references, torch.cat([first, second]))


def test_the_winner_moves_to_the_mean_of_what_it_won_and_losers_stay() -> None:
    planes, seen = Planes(2), torch.tensor([[1.0, 0], [0, 1.0]])
    planes.add(seen)
    won = unit(torch.tensor([[2.0, 1.0]]))
    compete(planes, won, torch.ones(1), silent=0.6, most=9)
    assert torch.allclose(planes.references[0], unit(seen[:1] + won)[0])
    assert torch.equal(planes.references[1], seen[1])


def test_the_strongest_silent_place_is_the_seed_and_no_more_planes_than_told() -> None:
    planes, seen = Planes(3), torch.eye(3)
    compete(planes, seen, torch.tensor([1.0, 3.0, 2.0]), silent=0.6, most=2)
    assert torch.equal(planes.references, seen[[1, 2]])


def test_seeds_are_strong_places_only() -> None:
    maps = torch.zeros(1, 1, 9, 9)
    maps[0, 0, 4, 4], maps[0, 0, 0, 8] = 1.0, 0.1
    seen, strength = seeds(maps, 3)
    assert len(seen) == 9  # all cells of 3 × 3 that see the bright point; those at the faint one are no seeds
    assert torch.allclose(seen.norm(dim=1), torch.ones(9))
    assert torch.allclose(strength, torch.ones(9))


def test_it_recognises_what_is_shifted_scaled_and_bent_although_it_never_saw_such(cells: CompetitionLearner) -> None:
    assert error(cells, strokes(100, seed=3)) == 0
    for changed in (strokes(100, shift=4, seed=4), strokes(100, size=0.85, seed=5), strokes(100, bend=1.0, seed=6)):
        assert error(cells, changed) <= 0.05


def test_no_weight_has_a_gradient(cells: CompetitionLearner) -> None:
    assert list(cells.net.parameters())
    assert not any(p.requires_grad or p.grad is not None for p in cells.net.parameters())


def test_stopped_and_resumed_it_is_what_it_would_have_been(tmp_path: Path) -> None:
    whole = taught(6)
    for stop in (1, 3):
        first, _ = learner(strokes(512))
        for step in range(stop):
            first.step(step / 6)
        second, _ = learner(strokes(512), seed=5)
        second.load_state_dict(first.state_dict())
        for step in range(stop, 6):
            second.step(step / 6)
        second.finish()
        for name, tensor in whole.net.state_dict().items():
            assert torch.equal(tensor, second.net.state_dict()[name]), name


def test_it_answers_even_if_the_time_ends_while_it_learns_parts() -> None:
    made, _ = learner(strokes(512))
    made.step(0.0)
    made.finish()
    assert np.allclose(made.valid_shares.sum(1), 1)
