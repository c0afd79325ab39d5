"""Every network of pictures can be opened: its layers in order, and what each answers."""

import numpy as np
import pytest
import torch
from opened_nets import Chain, opened
from torch import nn

from aprende.insight.opened import found_layers, read
from aprende.networks.graph import restored
from aprende.networks.pictures import Shape, make


def test_a_kernel_with_its_norm_and_rectifier_is_one_layer() -> None:
    net = Chain(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(676, 3))
    layers = found_layers(net.eval(), torch.zeros(1, 1, 28, 28))
    assert [(x.units, x.side, x.last) for x in layers] == [(4, 26, False), (3, 0, True)]
    found = read(net, torch.randn(2, 1, 28, 28), layers[:1])[0]
    assert found.min() == 0  # read after the rectifier


def test_nothing_after_the_wanted_layer_is_computed() -> None:
    class Fails(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise AssertionError

    net = Chain(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3))
    layers = found_layers(net, torch.zeros(1, 1, 28, 28))
    net.body.append(Fails())
    assert read(net, torch.zeros(1, 1, 28, 28), layers[:1])[0].shape == (1, 4, 26, 26)


SHAPES = {
    "perceptron": (Shape("perceptron", 3, 28, 1), 1),
    "mlp": (Shape("mlp", 3, 28, 1, 16, 2, 0.2), 3),
    "lenet": (Shape("lenet", 3, 28, 1), 5),
    "drawings": (Shape("resnet", 3, 28, 1, 8, 1, drawn=True), 6),
    "photos": (Shape("resnet", 3, 32, 3, 8, 1), 8),
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_network_opens(name: str) -> None:
    shape, many = SHAPES[name]
    net = make(shape).eval()
    held = {n: w.numpy() for n, w in net.state_dict().items()}
    from aprende.insight.opened import Opened

    network = Opened(restored(make(shape), held), shape.size, shape.channels)
    assert len(network.layers) == many
    assert network.layers[-1].last
    assert network.layers[-1].units == 3
    pictures = np.random.default_rng(0).integers(0, 256, (5, shape.size, shape.size, shape.channels)).astype(np.uint8)
    answers = network.centres(pictures)
    assert [a.shape for a in answers] == [(5, x.units) for x in network.layers]
    with torch.no_grad():
        scores = net.scores(network.tensor(pictures)).numpy()
    assert np.allclose(answers[-1], scores, atol=1e-5)


def test_the_mean_over_places_is_a_layer_of_its_own() -> None:
    net = opened(make(SHAPES["photos"][0]).net, 32, 3)
    assert [x.inside for x in net.layers][-2:] == [True, False]
    assert net.layers[-2].units == net.layers[-3].units
