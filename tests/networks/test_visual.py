"""The networks after the visual system against what their papers and others' implementations tell of them."""

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from aprende.methods.classification.kinds import KINDS, TIMM, told
from aprende.networks import pictures
from aprende.networks.alexnet import AlexNet
from aprende.networks.lenet import MAPS, SOURCES, LeNet1989
from aprende.networks.neocognitron import Contrast, Forms, Neocognitron, SCells, between, edges, unit
from aprende.networks.senet import Excitation, SENet
from aprende.networks.vgg import VGG


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def sizes(stages: nn.Sequential, x: torch.Tensor) -> dict[str, int]:
    """The side of each stage's map."""
    found = {}
    for name, stage in stages.named_children():
        x = stage(x)
        if x.ndim == 4:
            found[name] = x.shape[3]
    return found


def fields(stages: nn.Sequential) -> dict[str, int]:
    """The receptive field of each stage in pixels, by its kernels and strides alone."""
    field, jump, found = 1, 1, {}
    for name, stage in stages.named_children():
        for layer in stage.modules():
            if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
                kernel, stride = (v[0] if isinstance(v, tuple) else v for v in (layer.kernel_size, layer.stride))
                field, jump = field + (kernel - 1) * jump, jump * stride
        found[name] = field
    return found


# ---- published facts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "weights"),
    [
        (lambda: LeNet1989(1, 10), 9_760),
        (lambda: AlexNet(3, 1000, 224), 61_100_840),
        (lambda: AlexNet(3, 1000, 227, form="2012"), 60_965_224),
        (lambda: VGG("vgg11", 3, 1000, 224), 132_863_336),
        (lambda: VGG("vgg16", 3, 1000, 224), 138_357_544),
        (lambda: SENet(3, 1000, 224), 28_088_024),
        (lambda: SENet(3, 1000, 224, form="late"), 28_088_024),
    ],
)
def test_numbers_of_weights_are_the_published_ones(made: Callable[[], nn.Module], weights: int) -> None:
    with torch.device("meta"):
        assert count(made()) == weights


def test_layers_of_lenet_1989_have_the_papers_numbers() -> None:
    net = LeNet1989(1, 10)
    assert [count(part) for part in (net.h1, net.h2, net.h3, net.head)] == [1068, 2592, 5790, 310]
    assert net.h1(torch.zeros(1, 1, 16, 16)).shape == (1, 12, 8, 8)
    assert net.h2(torch.zeros(1, 12, 8, 8)).shape == (1, 12 * 4 * 4)


def test_each_map_of_lenet_1989_sees_eight_of_twelve() -> None:
    layer = LeNet1989(1, 10).h2[0]
    for place in range(MAPS):
        x = torch.zeros(1, MAPS, 8, 8)
        x[0, place] = torch.randn(8, 8)
        moved = (layer(x) != layer(torch.zeros_like(x))).flatten(2).any(2)[0]
        assert moved.sum() == SOURCES
    x = torch.randn(1, MAPS, 8, 8, requires_grad=True)
    layer(x)[0, 3, 2, 2].backward()
    assert (x.grad != 0).any(3).any(2).sum() == SOURCES


def test_receptive_fields_of_lenet_1989_are_five_and_thirteen_pixels() -> None:
    net = LeNet1989(1, 10, 32)
    x = torch.randn(1, 1, 32, 32, requires_grad=True)
    for stage, field in ((net.h1, 5), (nn.Sequential(net.h1, net.h2[:2]), 13)):
        x.grad = None
        stage(x)[0, :, 4, 4].sum().backward()
        assert [(x.grad[0, 0] != 0).any(d).sum().item() for d in (0, 1)] == [field, field]


def test_alexnet_has_the_papers_maps_and_fields() -> None:
    with torch.device("meta"):
        net, older = AlexNet(3, 1000, 224), AlexNet(3, 1000, 227, form="2012")
        found = sizes(net.body[:-3], torch.zeros(1, 3, 224, 224))
        assert [found[f"conv{i}"] for i in range(1, 6)] == [55, 27, 13, 13, 13]
        assert found["pool5"] == 6
        assert sizes(older.body[:-3], torch.zeros(1, 3, 227, 227))["conv1"] == 55
    seen = fields(net.body[:-3])
    assert [seen[name] for name in ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5")] == [
        11, 19, 51, 67, 99, 131, 163, 195]  # fmt: skip
    assert [p.shape[1] for n, p in older.named_parameters() if re.search(r"conv\d.0.weight", n)] == [
        3,
        48,
        256,
        192,
        192,
    ]


def test_response_normalisation_is_the_papers() -> None:
    norm, x = AlexNet(3, 2, 227, 8, form="2012").body.norm1, torch.rand(2, 12, 3, 3) * 50
    squares = torch.stack([(x[:, max(0, i - 2) : i + 3] ** 2).sum(1) for i in range(12)], 1)
    assert torch.allclose(norm(x), x / (2 + 1e-4 * squares) ** 0.75, rtol=1e-5)


def test_vgg_has_the_papers_maps_and_fields() -> None:
    with torch.device("meta"):
        for name, field in (("vgg11", 150), ("vgg16", 212)):
            net = VGG(name, 3, 1000, 224)
            assert list(sizes(net.body[:-3], torch.zeros(1, 3, 224, 224)).values()) == [112, 56, 28, 14, 7]
            assert fields(net.body[:-3])["stage5"] == field


def test_senet_has_the_papers_maps_and_squeezes_by_sixteen() -> None:
    with torch.device("meta"):
        for form in ("", "late"):
            net = SENet(3, 1000, 224, form=form)
            x = net.stem(torch.zeros(1, 3, 224, 224))
            assert x.shape[1:] == (64, 56, 56)
            assert list(sizes(net.stages, x).values()) == [56, 28, 14, 7]
            assert [len(stage) for stage in net.stages] == [3, 4, 6, 3]
            assert net.stages.stage4[0].se.fc1.weight.shape[:2] == (128, 2048)


def test_excitation_weighs_channels_by_their_means() -> None:
    layer, x = Excitation(32), torch.randn(2, 32, 5, 5)
    hidden = (x.mean((2, 3)) @ layer.fc1.weight[:, :, 0, 0].T + layer.fc1.bias).clamp_min(0)
    gate = 1 / (1 + torch.exp(-(hidden @ layer.fc2.weight[:, :, 0, 0].T + layer.fc2.bias)))
    assert torch.allclose(layer(x), x * gate[:, :, None, None], atol=1e-6)


# ---- small pictures --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n, kind in KINDS.items() if kind.full or n in ("alexnet2012", "neocognitron")])
@pytest.mark.parametrize("side", [16, 28, 32, 63, 64, 96])
def test_networks_scale_down_to_small_pictures(name: str, side: int) -> None:
    kind = KINDS[name]
    shape = pictures.Shape(name, 3, side, 1, width=kind.width, depth=kind.depth)
    net = pictures.make(shape)
    assert count(net) < 3_000_000
    assert net.scores(torch.rand(2, 1, side, side) * 255).shape == (2, 3)


def test_every_network_has_its_row_and_is_named_in_the_help() -> None:
    assert set(pictures.MADE) | {"efficientnet_lite0"} == set(KINDS)
    assert all(name in told() for name in KINDS)
    assert TIMM in told()


# ---- the neocognitron's cells ----------------------------------------------------------------------------------------


def test_contrast_is_silent_where_nothing_changes_and_tells_bright_from_dark() -> None:
    layer, x = Contrast(), torch.full((1, 1, 15, 15), 7.0)
    assert layer(x).abs().max() < 1e-5
    x[0, 0, 7, 7] = 9.0
    brighter, darker = layer(x)[0]
    assert brighter[7, 7] > 0 == darker[7, 7]
    assert darker[7, 9] > 0 == brighter[7, 9]


def test_s_cells_answer_their_reference_fully_and_what_is_below_the_threshold_not_at_all() -> None:
    reference = unit(torch.rand(1, 2, 3, 3))
    cells = SCells(reference, 0.6)
    assert torch.allclose(cells(5 * reference)[0, 0, 1, 1], torch.tensor(5.0))
    other = torch.rand(1, 2, 3, 3)
    other -= (other * reference).sum() * reference  # at a right angle
    mixed = reference * 0.59 + unit(other) * (1 - 0.59**2) ** 0.5
    assert cells(mixed)[0, 0, 1, 1] == 0


def test_first_s_cells_prefer_the_edge_they_are_made_for() -> None:
    net = Neocognitron(2, 28)
    down, right = torch.meshgrid(torch.arange(28.0) - 13.5, torch.arange(28.0) - 13.5, indexing="ij")
    for place in (0, 3, 8, 13):
        angle = 2 * torch.pi * place / len(edges())
        picture = ((right * np.cos(angle) + down * np.sin(angle)) > 0).float()[None, None]
        answers = net.s1(net.contrast(picture))[0, :, 10:18, 10:18].amax((1, 2))
        assert answers.argmax() == place


def test_receptive_fields_of_the_neocognitron_grow_from_stage_to_stage() -> None:
    net = Neocognitron(2, 32)
    net.learn_parts(unit(torch.rand(4, 16, 3, 3)))
    stages = {"s1": 9, "c1": 13, "s2": 17, "c2": 21}
    bases = torch.rand(3, 1, 32, 32)
    moved = (bases[:, None] + 9 * torch.eye(1024).view(1024, 1, 32, 32)).flatten(0, 1)  # one pixel at a time
    a, b = net.contrast(bases), net.contrast(moved)
    for name, field in stages.items():
        a, b = getattr(net, name)(a), getattr(net, name)(b)
        middle = a.shape[2] // 2
        changed = (a[:, None] - b.unflatten(0, (3, 1024))).abs() > 1e-5
        touched = changed[..., middle, middle].any(2).any(0).view(32, 32)
        rows, columns = (touched.any(d).nonzero()[:, 0] for d in (1, 0))
        assert [int(line.max() - line.min()) + 1 for line in (rows, columns)] == [field, field], name


def test_a_class_answers_with_the_best_point_between_its_references() -> None:
    first, second = torch.tensor([1.0, 0, 0]), torch.tensor([0, 1.0, 0])
    forms = Forms(2, 3)
    forms.install(torch.stack([first, second, torch.tensor([0, 0, 1.0])]), torch.tensor([0, 0, 1]))
    middle = unit((first + second)[None])
    assert torch.allclose(forms(middle), torch.tensor([[40.0, 0.0]]), atol=1e-3)
    assert torch.allclose(forms(first[None]), torch.tensor([[40.0, 0.0]]), atol=1e-3)
    outside = unit(torch.tensor([[1.0, -0.5, 0]]))  # nearest to the first itself
    assert torch.allclose(forms(outside)[0, 0], 40 * outside[0, 0])


def test_between_equals_a_search_along_the_segment() -> None:
    x, a, b = (unit(torch.rand(1, 20))[0] for _ in range(3))
    share = torch.linspace(0, 1, 20_001)[:, None]
    along = unit(share * a + (1 - share) * b) @ x
    near, alike = torch.stack([x @ a, x @ b]), torch.stack([a, b]) @ torch.stack([a, b]).T
    assert torch.allclose(between(near, alike).max(), along.max(), atol=1e-6)


def test_what_a_neocognitron_learnt_is_loaded_into_a_fresh_one() -> None:
    net, other = Neocognitron(3, 20), Neocognitron(3, 20)
    net.learn_parts(unit(torch.rand(5, 16, 3, 3)))
    net.head.install(unit(torch.rand(7, net.head.numbers)), torch.tensor([0, 0, 0, 1, 1, 2, 2]))
    other.load_state_dict(net.state_dict())
    x = torch.rand(4, 1, 20, 20)
    assert torch.equal(net(x), other(x))
