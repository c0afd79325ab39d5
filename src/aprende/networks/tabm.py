"""Networks for tables: TabM (Gorishniy et al. 2024) and ModernNCA (Ye et al. 2024), on piecewise-linear numbers.

Both take the encoded matrix (batch, F), missing values NaN; what follows `numbers` can be trained on its output,
computed once. They do not know what the columns mean, nor the loss.
"""

import torch
from torch import nn
from torch.nn import functional as F

Tensor = torch.Tensor


def bin_edges(rows: Tensor, bins: int) -> Tensor:
    """Return quantiles (F, bins + 1) of each column of rows (n, F), missing values aside."""
    edges = torch.nanquantile(
        rows[torch.randperm(len(rows))[:10_000]].T.double(), torch.linspace(0, 1, bins + 1).double(), dim=1
    )
    return edges.T.nan_to_num(0.0).float()


class Numbers(nn.Module):
    """Piecewise-linear encoding (Gorishniy et al. 2022): each number becomes `bins` values, its share of each bin.

    (batch, F) -> (batch, F * (bins + 1)); the last value of each tells that it is missing. Beyond the ends the
    encoding goes on linearly, for one more bin at most.
    """

    low: Tensor
    scale: Tensor
    least: Tensor
    most: Tensor

    def __init__(self, edges: Tensor) -> None:
        super().__init__()
        columns, bins = edges.shape[0], edges.shape[1] - 1
        width = edges[:, 1:] - edges[:, :-1]
        self.register_buffer("low", edges[:, :-1].clone())
        self.register_buffer("scale", torch.where(width > 0, 1 / width.clamp_min(1e-30), torch.zeros_like(width)))
        inside = torch.arange(bins)
        self.register_buffer("least", torch.where(inside == 0, -1.0, 0.0).repeat(columns, 1))
        self.register_buffer("most", torch.where(inside == bins - 1, 2.0, 1.0).repeat(columns, 1))
        self.outputs = columns * (bins + 1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, F) -> (batch, F * (bins + 1))."""
        missing = torch.isnan(x)[..., None]
        known = torch.nan_to_num(x)[..., None]
        shares = torch.minimum(torch.maximum((known - self.low) * self.scale, self.least), self.most)
        shares = torch.where(missing, torch.zeros_like(shares), shares)
        return torch.cat([shares, missing.to(shares.dtype)], dim=2).flatten(1)


class TabM(nn.Module):
    """`members` perceptrons in one: shared weights, each member with its own scales (batch ensemble, Wen et al. 2020).

    The members part after the first layer, so that the wide input is multiplied once. (batch, F) -> (batch, outputs),
    the mean over members; `each` gives (batch, members, outputs), on which every member is trained on its own.
    """

    def __init__(
        self, edges: Tensor, outputs: int, width: int = 192, depth: int = 2, members: int = 8, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.numbers = Numbers(edges)
        self.first = nn.Linear(self.numbers.outputs, width)
        nn.init.normal_(self.first.weight, std=(2.0 / (2 * edges.shape[0])) ** 0.5)  # about two live values a number
        self.spread = nn.Parameter(torch.randn(members, width).sign())
        self.shift = nn.Parameter(torch.randn(members, width) * 0.1)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth - 1))
        self.before = nn.ParameterList(nn.Parameter(torch.ones(members, width)) for _ in range(depth - 1))
        self.after = nn.ParameterList(nn.Parameter(torch.ones(members, width)) for _ in range(depth - 1))
        self.head = nn.Parameter(torch.randn(members, width, outputs) / width**0.5)
        self.base = nn.Parameter(torch.zeros(members, outputs))
        self.dropout = dropout

    def each(self, shares: Tensor) -> Tensor:
        """What `numbers` gives (batch, D) -> (batch, members, outputs)."""
        h = self.first(shares)[:, None] * self.spread + self.shift
        h = F.dropout(F.silu(h), self.dropout, self.training)
        for layer, before, after in zip(self.layers, self.before, self.after, strict=True):
            h = F.dropout(F.silu(layer(h * before) * after), self.dropout, self.training)
        return torch.einsum("bkw,kwo->bko", h, self.head) + self.base

    def forward(self, x: Tensor) -> Tensor:
        """(batch, F) -> (batch, outputs)."""
        return self.each(self.numbers(x)).mean(dim=1)


class ModernNCA(nn.Module):
    """Neighbourhood components analysis with a network: the mean of what training rows were worth, the nearer the more.

    (batch, F) -> (batch, outputs): softmax of minus the distance to `keys` (m, dim), times `values` (m, outputs). While
    training, `against` compares a batch with other rows of the moment; `remember` then fixes keys and values.
    """

    keys: Tensor
    values: Tensor

    def __init__(self, edges: Tensor, outputs: int, width: int = 256, dim: int = 96, dropout: float = 0.2) -> None:
        super().__init__()
        self.numbers = Numbers(edges)
        std = (1.0 / edges.shape[0]) ** 0.5
        self.first = nn.Linear(self.numbers.outputs, width)
        self.straight = nn.Linear(self.numbers.outputs, dim)
        self.second = nn.Linear(width, dim)
        nn.init.normal_(self.first.weight, std=std)
        nn.init.normal_(self.straight.weight, std=std)
        self.drop = nn.Dropout(dropout)
        self.register_buffer("keys", torch.zeros(0, dim))
        self.register_buffer("values", torch.zeros(0, outputs))

    def embed(self, shares: Tensor) -> Tensor:
        """What `numbers` gives (batch, D) -> (batch, dim)."""
        return self.straight(shares) + self.second(self.drop(F.silu(self.first(shares))))  # type: ignore[no-any-return]

    def against(self, others: Tensor, worth: Tensor, first: int) -> Tensor:
        """others (m, D), worth (m, outputs) -> (b, outputs): answers for the first b from all others but themselves."""
        held = self.embed(others)
        apart = _apart(held[:first], held) + 1e9 * torch.eye(first, len(others))
        return torch.softmax(-apart, dim=1) @ worth

    def remember(self, shares: Tensor, worth: Tensor) -> None:
        """Fix what later rows are compared with: (m, D), worth (m, outputs)."""
        with torch.no_grad():
            self.keys, self.values = self.embed(shares), worth.clone()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, F) -> (batch, outputs)."""
        return torch.softmax(-_apart(self.embed(self.numbers(x)), self.keys), dim=1) @ self.values


def _apart(a: Tensor, b: Tensor) -> Tensor:
    """Distances (n, m) between rows (n, d) and (m, d)."""
    squared = a.pow(2).sum(1, keepdim=True) + b.pow(2).sum(1) - 2 * a @ b.T
    return squared.clamp_min(1e-9).sqrt()
