"""Networks of the `timm` package, with the weights that it fetches. Knows neither their makers nor who trains them."""

from typing import Any

import torch
from torch import nn

from aprende.core.errors import DataError, MissingExtra, SettingError, unknown
from aprende.core.words import t
from aprende.networks.efficientnet_lite0 import keep_statistics


class Timm(nn.Module):
    """A network of the `timm` package with its weights (fetched by timm on first use): (B, 3, h, w) -> (B, K)."""

    def __init__(self, name: str, outputs: int, dropout: float) -> None:
        super().__init__()
        self.body = _from_timm(name)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.body.num_features, outputs)

    def train(self, mode: bool = True) -> "Timm":
        """As in torch, but norms keep the statistics they came with."""
        super().train(mode)
        keep_statistics(self)
        return self

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, h, w) -> (B, D)."""
        out: torch.Tensor = self.body(x)
        return out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, h, w) -> (B, K)."""
        scores: torch.Tensor = self.head(self.dropout(self.embed(x)))
        return scores


def _from_timm(name: str) -> Any:
    try:
        import timm
    except ModuleNotFoundError:
        raise MissingExtra(
            t("The network timm:{name} needs timm: pip install 'aprende[backbones]'", name=name)
        ) from None
    known = timm.list_models(pretrained=True)
    if name not in known:
        raise SettingError(unknown(t("network of timm"), name, known))
    try:
        return timm.create_model(name, pretrained=True, num_classes=0)
    except OSError as error:
        raise DataError(t("The weights of timm:{name} cannot be fetched: {error}", name=name, error=error)) from None
