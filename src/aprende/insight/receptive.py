"""How much of a picture a unit sees: the field that kernels and strides allow, and the field that it uses.

Works on any torch network that `opened` can read, by its gradients. Knows no system and no network by name.
"""

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.insight.opened import Layer, Opened, centre, read

if TYPE_CHECKING:
    import torch

LONG, HIGH = 1536, 64  # pixels of the strip on which theoretical fields are measured
EDGE = 0.0455  # of the greatest influence: what lies below is outside the field (Luo et al. 2016)
DRAWS = 4  # blends of the units


def theoretical(network: Opened) -> list[int]:
    """Return for each layer the side in pixels of the field that its kernels and strides allow.

    0: no bound, as after a layer that is connected to every place (or whose field is longer than what is traced).
    Kernels and strides are not read but traced: in a copy whose weights are all positive and whose poolings are means,
    the places with any influence on a unit are its field, whatever branches lie between. Where nothing passes such a
    copy (units that divide by what they see), the network itself is asked, with noise.
    """
    positive = _positive(network.module.net)
    mapped = [layer for layer in network.layers if layer.side]
    if not mapped:
        return [0] * len(network.layers)
    twins = _twins(network, positive, mapped)
    strip = _faint(network, HIGH, LONG)
    try:
        answers = read(positive, strip, twins)
    except RuntimeError:  # weights that belong to places: no other size will do
        strip = _faint(network, network.size, network.size)
        answers = read(positive, strip, twins)
    spans = _spans(answers, strip)
    traced = dict(zip(mapped, spans, strict=True))
    if None in spans:
        noise = np.random.default_rng(0).integers(0, 256, (8, network.size, network.size, network.channels))
        felt = zip(network.layers, influence(network, noise.astype(np.uint8)), strict=True)
        traced |= {layer: _span(found.max(axis=0) > 0) for layer, found in felt if traced.get(layer, 0) is None}
    return [traced.get(layer) or 0 for layer in network.layers]


def _faint(network: Opened, high: int, long: int) -> "torch.Tensor":
    """A picture (1, C, high, long) of almost nothing, whose influence can be asked for."""
    import torch

    channels = network.prepared(network.blank(1)).shape[1]
    return torch.full((1, channels, high, long), 1e-12, requires_grad=True)


def _spans(answers: "list[torch.Tensor]", strip: "torch.Tensor") -> list[int | None]:
    import torch

    found = []
    for answer in answers:
        (slope,) = torch.autograd.grad(centre(answer).sum(), strip, retain_graph=True)
        found.append(_span((slope[0] != 0).any(0).any(0).numpy()))
    return found


def _span(there: NDArray[np.bool_]) -> int | None:
    """The length of what is there in a row of places; 0 where it reaches an end, None where nothing is there."""
    at = np.flatnonzero(there)
    if not len(at):
        return None
    return int(at[-1] - at[0] + 1) if at[0] > 0 and at[-1] < len(there) - 1 else 0


def _twins(network: Opened, other: Any, layers: list[Layer]) -> list[Layer]:
    """The same layers in a copy of the network."""
    names = {id(module): name for name, module in network.module.net.named_modules()}
    theirs = dict(other.named_modules())
    return [Layer(x.name, x.units, x.side, theirs[names[id(x.module)]], x.inside) for x in layers]


def _positive(net: Any) -> Any:
    """A copy in which every influence is positive, so that none cancels another, and none is cut off."""
    import torch
    from torch import nn

    made = copy.deepcopy(net).eval()
    for module in list(made.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(module, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
    with torch.no_grad():
        for name, tensor in made.state_dict().items():
            if name.endswith(("running_mean", "bias")):
                tensor.zero_()
            elif tensor.is_floating_point():
                tensor.fill_(1.0 / max(1, tensor[0].numel() if tensor.ndim > 1 else 1))
    return made


def influence(network: Opened, pictures: NDArray[np.uint8], seed: int = 0) -> list[NDArray[np.float64]]:
    """Return for each layer how much each place moves the units in the middle: (S, S), the greatest is 1.

    The mean over pictures, and over random blends of the units, of the gradient's size (Luo et al. 2016).
    """
    import torch

    random = torch.Generator().manual_seed(seed)
    x = network.tensor(pictures).clone().requires_grad_()
    found = []
    for answer in network.read(x):
        total = np.zeros((network.size, network.size))
        for _ in range(DRAWS if answer.shape[1] > 1 else 1):
            blend = torch.randn(centre(answer).shape, generator=random)
            (slope,) = torch.autograd.grad((centre(answer) * blend).sum(), x, retain_graph=True)
            total += np.nan_to_num(slope.abs().sum(1).mean(0).numpy())
        found.append(total / max(total.max(), 1e-30))
    return found


def side_of(influence: NDArray[np.float64]) -> float:
    """Return the side in pixels of a square as large as the field that a unit uses; NaN where nothing
    is known to move it."""
    return float(np.sqrt((influence > EDGE).sum())) if influence.max() > 0.5 else float("nan")
