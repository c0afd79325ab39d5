"""Networks of maps: shapes, pooling between mean and greatest, pretrained levels, the same graph in ONNX."""

import numpy as np
import pytest
import torch

from aprende.core.model import OnnxForward
from aprende.networks.findings import FindingNet, Levels, Shape, make
from aprende.networks.graph import Graph


def test_small_pictures_give_maps_of_a_quarter() -> None:
    nets = make(Shape("resnet", 3, 28, 8, members=2))
    scores, embedding, maps = nets(torch.zeros((5, 28, 28, 1), dtype=torch.uint8))
    assert scores.shape == (5, 3)
    assert embedding.shape == (5, 32)
    assert maps.shape == (5, 3, 7, 7)
    assert ((maps >= 0) & (maps <= 1)).all()


def test_the_pool_lies_between_the_mean_and_the_greatest() -> None:
    net: FindingNet = make(Shape("resnet", 2, 28, 8)).members[0]  # type: ignore[assignment]
    maps = torch.randn((4, 2, 7, 7)) * 3
    blunt, _ = _pooled(net, maps, -20.0), None
    sharp = _pooled(net, maps, 60.0)
    mean, most = maps.mean((2, 3)), maps.amax((2, 3))
    assert (blunt >= mean - 1e-4).all()
    assert (sharp <= most + 1e-4).all()
    assert (sharp > blunt).all()
    assert torch.allclose(sharp, most, atol=0.2)
    flat = torch.full((1, 2, 7, 7), 1.5)
    assert torch.allclose(net.pooled(flat), torch.tensor(1.5), atol=1e-5)


def _pooled(net: FindingNet, maps: torch.Tensor, sharp: float) -> torch.Tensor:
    with torch.no_grad():
        net.sharp.fill_(sharp)
        return net.pooled(maps)


@pytest.mark.parametrize("network", ["resnet", "efficientnet_lite0"])
def test_the_graph_is_the_same_in_onnx(network: str) -> None:
    side, width = (28, 8) if network == "resnet" else (64, 16)
    nets = make(Shape(network, 2, side, width)).eval()
    rng = np.random.default_rng(0)
    pictures = {"pictures": rng.integers(0, 255, (3, side, side, 1), dtype=np.uint8)}
    graph = Graph(nets, pictures, ["scores", "embedding", "maps"])
    wanted, found = graph(pictures), OnnxForward(graph.onnx())(pictures)
    for name, array in wanted.items():
        assert np.abs(array - found[name]).max() < 1e-3


def test_levels_are_joined_at_a_sixteenth() -> None:
    body = Levels(24, pretrained=False).eval()
    for side in (64, 96, 224):
        assert body.features(torch.zeros((1, 3, side, side))).shape == (1, 24, side // 16, side // 16)


def test_exposure_tells_nothing() -> None:
    nets = make(Shape("resnet", 2, 28, 8)).eval()
    dark = torch.randint(0, 100, (3, 28, 28, 1), dtype=torch.uint8)
    light = dark * 2 + 40
    assert torch.allclose(nets(dark)[0], nets(light)[0], atol=0.05)
    blank = torch.zeros((1, 28, 28, 1), dtype=torch.uint8)
    assert torch.isfinite(nets(blank)[0]).all()
