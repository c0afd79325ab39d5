"""The same network with its weights in disorder: same weights, same layers, answers that have been unlearnt."""

import numpy as np
import torch
from opened_nets import Chain, filtering, gabors, opened
from torch import nn

from aprende.insight import stimuli, tuning
from aprende.insight.disorder import disordered
from aprende.networks.pictures import Shape, make

PICTURES = np.random.default_rng(0).integers(0, 256, (16, 28, 28, 1)).astype(np.uint8)


def test_weights_stay_and_lose_their_order() -> None:
    network = opened(filtering(gabors([0, 45, 90, 135])))
    other = disordered(network, PICTURES)
    own, mixed = (n.module.net.body[0].weight.detach().numpy().ravel() for n in (network, other))
    assert np.allclose(np.sort(own), np.sort(mixed))
    assert not np.allclose(own, mixed)
    waves = stimuli.gratings(28)
    found = []
    for net in (network, other):
        answers = net.centres(waves.pictures.reshape(-1, 28, 28))[0].reshape(*waves.pictures.shape[:3], -1)
        found.append(np.nanmedian(tuning.tuned(answers, np.zeros(4), waves.orientations, waves.periods).selectivity))
    assert found[0] > found[1] + 0.2


def test_norms_are_set_anew_so_that_no_layer_falls_silent() -> None:
    net = Chain(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8))
    net.body[1].running_mean[:] = 1e4  # of other weights
    network = opened(net)
    other = disordered(network, PICTURES)
    with torch.no_grad():
        (last,) = other.read(other.tensor(PICTURES), other.layers[-1:])
    assert abs(last.mean()) < 0.2
    assert 0.5 < last.std() < 1.5
    assert float(net.body[1].running_mean[0]) == 1e4  # the network itself is left alone


def test_every_kind_of_network_can_be_disordered() -> None:
    for shape in (Shape("perceptron", 3, 28, 1), Shape("lenet", 3, 28, 1), Shape("resnet", 3, 28, 1, 8, 1, drawn=True)):
        network = opened(make(shape).net)
        other = disordered(network, PICTURES)
        assert [x.name for x in other.layers] == [x.name for x in network.layers]
        assert all(np.isfinite(a).all() for a in other.centres(PICTURES))
