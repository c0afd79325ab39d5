"""How weights begin where no better is known: He et al. (2015). Knows no network."""

from torch import nn


def he(network: nn.Module) -> None:
    """Kernels and matrices from a normal distribution that keeps the variance through ReLUs; biases 0.

    The last layer (`head`), after which no ReLU comes, begins small.
    """
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if name == "head":
                nn.init.normal_(layer.weight, std=0.01)
            else:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
