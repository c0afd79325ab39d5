"""What excites a unit: the piece that holds its feature, and a stimulus that beats noise and pictures."""

import numpy as np
import torch
from opened_nets import Chain, filtering, gabors, opened
from torch import nn

from aprende.insight import levels, stimuli, tuning
from aprende.insight.survey import survey


def spotted(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Grey pictures with one bright square of 4 × 4 each, and where its middle is."""
    rng = np.random.default_rng(seed)
    pictures, at = np.full((n, 28, 28, 1), 60, np.uint8), rng.integers(6, 20, (n, 2))
    for picture, (down, right) in zip(pictures, at, strict=True):
        picture[down : down + 4, right : right + 4] = 255
    return pictures, at + 2


def test_the_best_pieces_hold_what_the_unit_looks_for() -> None:
    network = opened(filtering(torch.ones(1, 1, 5, 5)))
    pictures, at = spotted(20)
    (found,) = survey(network, pictures)
    assert abs(found.where[:, 0] - at).max() <= 1.5
    cut, answers = levels.pieces(pictures, found, 0, 5)
    assert cut.shape == (levels.BEST, 5, 5, 1)
    assert (cut.mean(axis=(1, 2, 3)) > 150).all()
    assert (np.diff(answers) <= 0).all()


def test_pieces_beyond_the_edge_are_grey() -> None:
    picture = np.full((10, 10, 1), 200, np.uint8)
    cut = levels.piece(picture, np.array([0.5, 5.0], np.float32), 5)
    assert cut.shape == (5, 5, 1)
    assert (cut[:1] == 128).all()  # a quarter at most
    assert (cut[1:] == 200).all()


def test_a_stimulus_beats_every_picture_and_looks_as_the_kernel_does() -> None:
    network = opened(filtering(gabors([0, 90])))
    pictures, _ = spotted(20)
    likeness = levels.likeness_of(pictures)
    made, answers = levels.stimuli(network, network.layers[0], [0, 1], 9, likeness)
    (found,) = survey(network, pictures)
    assert (answers > 1.2 * found.strongest.max(axis=0)).all()
    around = levels.piece(made[1], np.array([14, 14], np.float32), 9)[..., 0].astype(float)
    kernel = gabors([90])[0, 0].numpy()
    assert np.corrcoef(around[1:-1, 1:-1].ravel(), kernel[1:-1, 1:-1].ravel())[0, 1] > 0.6


def test_a_unit_silent_at_first_is_still_excited() -> None:
    net = filtering(gabors([45]))
    net.body[0].bias = nn.Parameter(torch.tensor([-3.0]))  # noise alone never wakes it
    network = opened(net)
    _, answers = levels.stimuli(network, network.layers[0], [0], 9, levels.likeness_of(spotted(5)[0]))
    assert answers[0] > 0
    assert "forward" not in vars(net.body[1])  # the slope was lent, not given


def test_units_that_look_for_the_same_are_shown_once() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 50)).astype(np.float32)
    strongest = np.stack([3 * first, 2.9 * first, second, np.zeros(50)], axis=1).astype(np.float32)
    assert levels.chosen(strongest) == [0, 2]
    assert levels.chosen(strongest, last=True) == [0, 1, 2, 3]


def test_kernels_of_a_layer_that_sees_all_are_as_large_as_the_picture() -> None:
    network = opened(Chain(nn.Flatten(), nn.Linear(784, 3)))
    weights = levels.kernels(network)
    assert weights is not None
    assert weights.shape == (3, 28, 28, 1)
    shown = levels.as_pictures(weights)
    assert shown.dtype == np.uint8
    assert {int(shown.max()), int(shown.min())} & {0, 255}


def test_kernels_are_shown_as_they_are() -> None:
    kernels = gabors([0, 90])
    network = opened(filtering(kernels))
    weights = levels.kernels(network)
    assert weights is not None
    assert np.allclose(weights[..., 0], kernels[:, 0])
    waves = stimuli.gratings(28)
    assert tuning.of_kernels(weights, waves.pictures, waves.orientations).min() > 0.6
