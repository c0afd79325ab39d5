"""The same network with its weights in disorder: what kernels, strides and poolings do by themselves, unlearnt.

Knows no system and no network by name.
"""

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.insight.opened import Opened


def disordered(network: Opened, pictures: NDArray[np.uint8], seed: int = 0) -> Opened:
    """Return a copy in which each layer's weights stand in a random order; its norms are set anew by these pictures."""
    import torch

    made, random = copy.deepcopy(network.module).requires_grad_(False), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in made.net.state_dict().values():
            if tensor.ndim >= 2 and tensor.is_floating_point():
                order = torch.randperm(tensor.numel(), generator=random)
                tensor.copy_(tensor.flatten()[order].reshape(tensor.shape))
    _settle(made, network.tensor(pictures))
    return Opened(made, network.size, network.channels)


def _settle(module: Any, x: Any) -> None:
    """Let batch norms take the mean and the variance of what they see, all in one pass."""
    import torch

    norms = [m for m in module.net.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum, norm.training = 1.0, True
    with torch.enable_grad():  # some networks fold their norms into kernels without; nothing is kept for gradients
        module.net(module.prepare(x))
    for norm in norms:
        norm.training = False
