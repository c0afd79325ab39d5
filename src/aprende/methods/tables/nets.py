"""Training networks on an encoded table: one network, one set of rows, a number of epochs that fits the time there is.

Knows matrices, targets and the names of networks; not what the columns mean, nor who averages the answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.methods.descent import Descent, Recipe

if TYPE_CHECKING:
    import torch
    from torch import nn

Matrix = NDArray[np.float32]
TRIALS = 7  # steps that are timed
UPDATE = 1.2  # what a step takes with its update, times without
HUBER = 0.2  # spreads of the target beyond which errors count linearly: prices have wild ones


@dataclass(frozen=True)
class Plan:
    """How a network is trained. `least` is the share of the epochs below which it is not worth beginning."""

    kind: str  # "tabm" | "nca"
    epochs: int = 30
    batch: int = 256
    lr: float = 2e-3
    weight_decay: float = 0.03
    dropout: float = 0.15
    bins: int = 8
    width: int = 192
    members: int = 8
    least: float = 0.25


def plan_for(kind: str, rows: int) -> Plan:
    """Return the plan for so many training rows: about 1,500 to 4,000 steps."""
    batch = 128 if rows < 4000 else 256 if rows < 20_000 else 512
    steps = 1500 if rows < 4000 else 2200
    epochs = int(np.clip(steps * batch / max(1, rows), 3, 100))
    return Plan(kind, epochs, batch, lr=1e-3 if kind == "nca" else 2e-3, dropout=0.2 if kind == "nca" else 0.15)


def build(plan: Plan, edges: torch.Tensor, outputs: int) -> nn.Module:
    """Return the untrained network of a plan."""
    from aprende.networks.tabm import ModernNCA, TabM

    if plan.kind == "nca":
        return ModernNCA(edges, outputs, plan.width, dropout=plan.dropout)
    return TabM(edges, outputs, plan.width, members=plan.members, dropout=plan.dropout)


def train(
    plan: Plan,
    rows: Matrix,
    truth: NDArray[Any],
    classes: int,
    seed: int,
    left: Callable[[], float] = lambda: math.inf,
    runs: int = 1,
    begun: bool = False,
) -> nn.Module | None:
    """Return a trained network; None where even the least number of epochs does not fit, unless `begun`.

    rows (n, F); truth (n,): numbers of unit spread (classes 0), or classes in 0 … classes - 1. left(): seconds that
    this and `runs - 1` more runs like it may take; the schedule anneals to zero at this one's share.
    """
    import torch

    from aprende.networks.tabm import bin_edges

    torch.manual_seed(seed)
    x = torch.as_tensor(rows)
    y = torch.as_tensor(truth[:, None].astype(np.float32) if classes == 0 else truth.astype(np.int64))
    network = build(plan, bin_edges(x, plan.bins), max(1, classes)).train()
    descent = Descent(network, Recipe(plan.lr, weight_decay=plan.weight_decay))
    with torch.no_grad():
        shares = torch.cat([network.numbers(x[at : at + 4096]) for at in range(0, len(x), 4096)])  # type: ignore[operator]
    loss = _loss(plan.kind, network, shares, y, classes)
    clock, share = left(), max(left() / runs, 1e-9)
    total = plan.epochs * max(1, len(x) // plan.batch)
    if not begun and _needed(plan, loss, len(x), left) * plan.least > share:
        return None
    batch, at, step, progress = min(plan.batch, len(x)), 0, 0, 0.0
    order = torch.randperm(len(x))
    while progress < 1:
        if at + batch > len(x):
            order, at = torch.randperm(len(x)), 0
        descent.step(loss(order, at, batch), progress)
        at, step = at + batch, step + 1
        progress = step / total if clock == math.inf else max(step / total, (clock - left()) / share)
    descent.finish()
    if plan.kind == "nca":
        network.remember(shares, _worth(y, classes))  # type: ignore[operator]
    return network


def _needed(plan: Plan, loss: Callable[..., torch.Tensor], n: int, left: Callable[[], float]) -> float:
    """Return the seconds that the whole plan takes, by the time of a few steps; 0 where time does not matter."""
    import torch

    if left() == math.inf:
        return 0.0
    order, times = torch.randperm(n), []
    for _ in range(TRIALS):
        began = left()
        loss(order, 0, min(plan.batch, n)).backward()  # type: ignore[no-untyped-call]
        times.append(began - left())
    return UPDATE * sorted(times)[TRIALS // 2] * max(1, n // plan.batch) * plan.epochs


def _worth(y: torch.Tensor, classes: int) -> torch.Tensor:
    from torch.nn import functional as F

    return y if classes == 0 else F.one_hot(y, classes).float()


def _loss(kind: str, network: Any, x: torch.Tensor, y: torch.Tensor, classes: int) -> Callable[..., torch.Tensor]:
    """Return the loss of a batch: (order (n,), where it begins, its size) → scalar."""
    import torch
    from torch.nn import functional as F

    candidates = 4096

    def tabm(order: torch.Tensor, at: int, size: int) -> torch.Tensor:
        mine = order[at : at + size]
        said = network.each(x[mine])
        if classes:
            return F.cross_entropy(said.flatten(0, 1), y[mine].repeat_interleave(said.shape[1]))
        return F.huber_loss(said, y[mine][:, None].expand_as(said), delta=HUBER) / HUBER

    def nca(order: torch.Tensor, at: int, size: int) -> torch.Tensor:
        mine = order[at : at + size]
        rest = torch.cat([order[:at], order[at + size :]])
        some = torch.cat([mine, rest[torch.randperm(len(rest))[: candidates - size]]])
        said = network.against(x[some], _worth(y[some], classes), len(mine))
        if classes:
            return F.nll_loss(said.clamp_min(1e-7).log(), y[mine])
        return F.huber_loss(said, y[mine], delta=HUBER) / HUBER

    return nca if kind == "nca" else tabm


def scores(network: nn.Module, rows: Matrix) -> NDArray[np.float64]:
    """Return what a network says of rows (n, F): (n, outputs), in pieces."""
    import torch

    network.eval()
    with torch.inference_mode():
        said = [network(torch.as_tensor(rows[at : at + 2048])) for at in range(0, len(rows), 2048)]
    return np.asarray(torch.cat(said).double().numpy())


def revive(kind: str, state: dict[str, NDArray[Any]]) -> nn.Module:
    """Return the trained network whose state this is."""
    import torch

    low = torch.as_tensor(state["numbers.low"])
    edges = torch.cat([low, low[:, -1:]], dim=1)
    outputs = state["head"].shape[2] if kind == "tabm" else state["values"].shape[1]
    members = state["head"].shape[0] if kind == "tabm" else 1
    network = build(Plan(kind, width=state["first.weight"].shape[0], members=members), edges, int(outputs))
    if kind == "nca":
        network.keys, network.values = torch.as_tensor(state["keys"]), torch.as_tensor(state["values"])
    network.load_state_dict({k: torch.as_tensor(v) for k, v in state.items()})
    return network.eval()
