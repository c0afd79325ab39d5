"""Receptive fields: those that are published, and those that a kernel made by hand uses."""

import numpy as np
import pytest
import torch
from opened_nets import Chain, filtering, gabors, opened
from torch import nn

from aprende.insight.receptive import influence, side_of, theoretical
from aprende.networks.lenet import LeNet5
from aprende.networks.resnet import DrawingNet


def test_fields_of_lenet_are_those_of_the_paper() -> None:
    network = opened(LeNet5(1, 10))
    assert theoretical(network) == [5, 14, 0, 0, 0]  # C1 5 × 5, C3 14 × 14, C5 and on: the whole picture


def test_fields_follow_kernels_strides_and_branches() -> None:
    network = opened(DrawingNet(1, 10, 28, 8))
    # 5 (stride 2), + 2 · 2, pool + 2, + 2 · 4, + 2 · 4
    assert theoretical(network) == [5, 9, 19, 27, 0, 0]


def test_fields_of_vgg_are_those_published() -> None:
    """conv1_2 5, conv2_2 14, conv3_3 40, conv4_3 92, conv5_3 196 (Simonyan and Zisserman's VGG-16)."""
    layers, before = [], 1
    for many in (2, 2, 3, 3, 3):
        for _ in range(many):
            layers += [nn.Conv2d(before, 2, 3, padding=1), nn.ReLU()]
            before = 2
        layers.append(nn.MaxPool2d(2))
    network = opened(Chain(*layers), 64)
    assert [f for f in theoretical(network) if f in (5, 14, 40, 92, 196)] == [5, 14, 40, 92, 196]


@pytest.mark.parametrize("side", [3, 7])
def test_an_even_kernel_uses_all_that_it_may(side: int) -> None:
    network = opened(filtering(torch.ones(2, 1, side, side)))
    pictures = np.full((2, 28, 28, 1), 255, np.uint8)
    assert side_of(influence(network, pictures)[0]) == side


def test_a_narrow_kernel_uses_less_than_it_may() -> None:
    kernel = torch.zeros(1, 1, 9, 9)
    kernel[0, 0, 3:6, 3:6] = 1
    network = opened(filtering(kernel))
    assert theoretical(network) == [9]
    assert side_of(influence(network, np.full((2, 28, 28, 1), 255, np.uint8))[0]) == 3


def test_what_a_silent_unit_uses_is_not_known() -> None:
    network = opened(filtering(-torch.ones(1, 1, 3, 3)))
    assert np.isnan(side_of(influence(network, np.full((2, 28, 28, 1), 255, np.uint8))[0]))


def test_gabors_see_what_they_are_made_of() -> None:
    assert theoretical(opened(filtering(gabors([0, 90])))) == [9]


def test_weights_that_belong_to_places_are_traced_at_their_own_size() -> None:
    class Placed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 5, padding=2)
            self.bias = nn.Parameter(torch.zeros(2, 28, 28))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x) + self.bias

    assert theoretical(opened(Placed())) == [5]


def test_a_gate_over_the_whole_picture_has_no_bound() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.gate = nn.Conv2d(2, 4, 3, padding=1), nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.conv(x)
            return x * torch.sigmoid(self.gate(x.mean((2, 3))))[:, :, None, None]

    assert theoretical(opened(Chain(nn.Conv2d(1, 2, 3, padding=1), Gated()))) == [3, 0]
