"""Hubel and Wiesel's experiment on units whose tuning is known."""

import numpy as np
import pytest
import torch
from opened_nets import filtering, gabors, opened
from torch import nn

from aprende.insight import stimuli, tuning

WAVES, BARS = stimuli.gratings(28), stimuli.bars(28)


def answers(net: nn.Module, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    network = opened(net)
    (found,) = network.centres(shown.reshape(-1, 28, 28))
    (blank,) = network.centres(np.full((1, 28, 28), 127.5, np.float32))
    return found.reshape(*shown.shape[:3], -1), blank[0]


def tuned(net: nn.Module) -> tuning.Tuning:
    return tuning.tuned(*answers(net, WAVES.pictures), WAVES.orientations, WAVES.periods)


def test_stripes_lie_as_they_are_called() -> None:
    level = WAVES.pictures[0, 1, 0]  # 0 degrees: every row has one brightness
    assert np.ptp(level, axis=1).max() < 1e-3
    assert np.ptp(level, axis=0).max() > 200
    upright = BARS.pictures[6, 0, len(BARS.places) // 2]
    assert BARS.orientations[6] == 90
    assert upright[:, 13:15].min() > upright[:, 3].max()
    sloping = WAVES.pictures[3, 3, 0]  # 45 degrees, against the clock: brightness stays the same up and to the right
    assert sloping[10, 10] == pytest.approx(sloping[9, 11], abs=1e-3)
    assert abs(sloping[10, 10] - sloping[11, 11]) > 1


def test_a_simple_cell_likes_the_orientation_it_is_made_for() -> None:
    found = tuned(filtering(gabors([0, 30, 90, 135])))
    assert found.preferred == pytest.approx([0, 30, 90, 135], abs=3) or found.preferred[0] > 177
    assert (found.selectivity > 0.6).all()
    assert (found.modulation > 1).all()  # its rectified answer follows the phase
    assert found.silent == 0


def test_a_round_cell_likes_none() -> None:
    down, right = np.mgrid[:9, :9] - 4
    spot = np.exp(-(down**2 + right**2) / 4) - 0.5 * np.exp(-(down**2 + right**2) / 8)
    found = tuned(filtering(torch.tensor(spot, dtype=torch.float32)[None, None]))
    assert found.selectivity[0] < 0.1


def test_a_complex_cell_does_not_mind_the_phase() -> None:
    """The energy of two kernels a quarter of a wave apart (Adelson and Bergen 1985)."""
    even = gabors([90])
    odd = torch.tensor(np.stack([np.sin(2 * np.pi * (np.arange(9) - 4) / 6)] * 9), dtype=torch.float32)
    odd = odd * np.exp(-(torch.tensor(np.hypot(*(np.mgrid[:9, :9] - 4))) ** 2) / 9).float()

    class Energy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pair = filtering(torch.cat([even, odd[None, None]])).body[0]
            self.sum = nn.Conv2d(2, 1, 1, bias=False)
            self.sum.weight.data[:] = 1

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.sum(self.pair(x) ** 2)

    network = opened(Energy())
    found = network.centres(WAVES.pictures.reshape(-1, 28, 28))[-1].reshape(*WAVES.pictures.shape[:3], -1)
    told = tuning.tuned(found, np.zeros(1), WAVES.orientations, WAVES.periods)
    assert told.modulation[0] < 0.3
    assert told.preferred[0] == pytest.approx(90, abs=3)


def test_what_never_answers_is_silent() -> None:
    found = tuned(filtering(torch.stack([gabors([0])[0], torch.zeros(1, 9, 9)])))
    assert found.silent == 0.5
    assert np.isnan(found.selectivity[1])


def test_a_bar_may_move_farther_over_a_wide_field() -> None:
    wide = torch.ones(1, 1, 9, 9)
    thin = torch.zeros(1, 1, 9, 9)
    thin[0, 0, 4, 4] = 1
    found = tuning.freedom(*answers(filtering(torch.cat([wide / 9, thin])), BARS.pictures), BARS.places)
    assert found[0] > 2 * found[1]


def test_kernels_alone_tell_edges_from_the_same_weights_in_disorder() -> None:
    weights = gabors([0, 30, 60, 90, 120, 150]).permute(0, 2, 3, 1).numpy()
    own = tuning.of_kernels(weights, WAVES.pictures, WAVES.orientations)
    chance = tuning.of_kernels(tuning.shuffled(weights), WAVES.pictures, WAVES.orientations)
    assert own.min() > 0.6
    assert np.median(chance) < 0.35
    assert len(chance) == 8 * len(own)


def test_shuffling_keeps_each_kernels_weights() -> None:
    weights = np.random.default_rng(0).normal(size=(3, 5, 5, 2)).astype(np.float32)
    mixed = tuning.shuffled(weights, times=1)
    assert np.allclose(np.sort(mixed.reshape(3, 25, 2), axis=1), np.sort(weights.reshape(3, 25, 2), axis=1))
    assert not np.allclose(mixed, weights)


def test_answers_that_do_not_change_are_steady_and_others_are_not() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=(80, 12))
    value, low, high = tuning.steadiness(base, np.stack([base, base]))
    assert (value, low, high) == pytest.approx((1, 1, 1))
    value, low, high = tuning.steadiness(base, rng.normal(size=(4, 80, 12)))
    assert low < 0 < high
    noisy = tuning.steadiness(base, base + rng.normal(size=(4, 80, 12)))
    assert noisy[0] == pytest.approx(np.sqrt(0.5), abs=0.06)
    assert noisy[1] < noisy[0] < noisy[2]


def test_shifts_repeat_the_edge() -> None:
    picture = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    down = tuning.moved(picture, 1, 0)[0, :, :, 0]
    assert down.tolist() == [[0, 1, 2, 3], [0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert tuning.moved(picture, 0, -2)[0, 0, :, 0].tolist() == [2, 3, 3, 3]


@pytest.mark.parametrize(("values", "found"), [([1, 2, 5], 1.0), ([3, 2, 1], -1.0), ([1, 2], 1.0), ([2, 2, 2], 0.0)])
def test_rising(values: list[float], found: float) -> None:
    assert tuning.rising(np.array(values, float)) == pytest.approx(found)
