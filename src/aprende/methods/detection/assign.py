"""Which cells learn which box: task-aligned assignment (TOOD, Feng et al. 2021), on whole batches of tensors.

A cell suits a box the better, the surer it is of the box's class and the nearer its own box is to it; the best few
whose centre lies in the box learn it, the others that it is background. Knows no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

TINY = 1e-9


@dataclass(frozen=True)
class Assigned:
    """What each cell should say. shares (B, A, K): the score of each class; boxes (B, A, 4); weights (B, A): how much
    its box counts, 0 for background; counts (B, A): False where the cell is not judged."""

    shares: torch.Tensor
    boxes: torch.Tensor
    weights: torch.Tensor
    counts: torch.Tensor


def pair_iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Boxes (..., n, 4) and (..., m, 4) -> intersection over union (..., n, m)."""
    import torch

    a, b = a[..., :, None, :], b[..., None, :, :]
    shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    size_a, size_b = (x[..., 2:].sub(x[..., :2]).clamp(min=0).prod(-1) for x in (a, b))
    return shared / (size_a + size_b - shared).clamp(min=TINY)


def giou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Generalised intersection over union (Rezatofighi et al. 2019) of boxes (n, 4) with boxes (n, 4): (n,), from -1
    (far apart) to 1 (the same)."""
    import torch

    shared = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(1)
    union = sum((x[:, 2:] - x[:, :2]).clamp(min=0).prod(1) for x in (a, b)) - shared
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).clamp(min=0).prod(1)
    union, hull = union.clamp(min=TINY), hull.clamp(min=TINY)
    return shared / union - (hull - union) / hull


def assign(
    scores: torch.Tensor,
    boxes: torch.Tensor,
    centres: torch.Tensor,
    truth: torch.Tensor,
    best: int = 13,
    alpha: float = 1.0,
    beta: float = 6.0,
) -> Assigned:
    """scores (B, A, K) in [0, 1], boxes (B, A, 4), centres (A, 2), truth (B, M, 6) -> what each cell should say.

    truth: left, top, right, bottom, class, and 1; 0 where cells inside are not judged; -1 where there is no box.
    A box that holds no centre is given to the nearest cell.
    """
    import torch

    real, ignored = truth[..., 5] > 0, truth[..., 5] == 0
    inside = _inside(centres, truth[..., :4])  # (B, M, A)
    near = _nearest(centres, truth[..., :4])
    able = (inside | (near & ~inside.any(2, keepdim=True))) & real[..., None]
    over = pair_iou(truth[..., :4], boxes)
    sure = scores.transpose(1, 2).gather(1, truth[..., 4].long()[..., None].expand(-1, -1, scores.shape[1]))
    fit = sure.clamp(min=TINY) ** alpha * over.clamp(min=1e-4) ** beta * able
    chosen = _first(fit, able, best)
    owner, positive = _one_owner(chosen, over)
    ours = torch.zeros_like(chosen).scatter_(1, owner[:, None], True) & positive[:, None]  # (B, M, A)
    fit, over = fit * ours, over * ours
    scaled = fit / fit.amax(2, keepdim=True).clamp(min=1e-30) * over.amax(2, keepdim=True)
    weights = scaled.amax(1)
    kinds = truth[..., 4].long().gather(1, owner)
    shares = torch.zeros_like(scores).scatter_(2, kinds[..., None], weights[..., None])
    wanted = truth[..., :4].gather(1, owner[..., None].expand(-1, -1, 4))
    counts = positive | ~(inside & ignored[..., None]).any(1)
    return Assigned(shares, wanted, weights * positive, counts)


def _inside(centres: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Whether each centre (A, 2) lies in each box (B, M, 4): (B, M, A)."""
    low, high = boxes[..., None, :2], boxes[..., None, 2:]
    return ((centres > low) & (centres < high)).all(3)


def _nearest(centres: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Whether each centre (A, 2) is the nearest to the middle of each box (B, M, 4): (B, M, A)."""
    import torch

    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    far = (middle[..., None, :] - centres).square().sum(3)
    return torch.zeros_like(far, dtype=torch.bool).scatter_(2, far.argmin(2, keepdim=True), True)


def _first(fit: torch.Tensor, able: torch.Tensor, best: int) -> torch.Tensor:
    """Whether each cell is among the `best` of each box: (B, M, A)."""
    import torch

    places = fit.topk(min(best, fit.shape[2]), dim=2).indices
    return torch.zeros_like(able).scatter_(2, places, True) & able


def _one_owner(chosen: torch.Tensor, over: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The box of each cell (B, A), the one it overlaps most among those that chose it, and whether there is one."""
    import torch

    return torch.where(chosen, over, -1.0).argmax(1), chosen.any(1)


def loss(
    scores: torch.Tensor, boxes: torch.Tensor, assigned: Assigned, box_weight: float = 2.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """scores before the sigmoid (B, A, K), boxes (B, A, 4) -> the losses of classes and of boxes: two scalars.

    Classes: quality focal loss (Li et al. 2020): cross-entropy with the share wanted, weighed by the squared error.
    Boxes: 1 - GIoU, weighed by the share. Both by the sum of shares over the batch.
    """
    from torch.nn import functional as F

    total = assigned.weights.sum().clamp(min=1.0)
    wrong = (assigned.shares - scores.detach().sigmoid()).square()
    focal = F.binary_cross_entropy_with_logits(scores, assigned.shares, reduction="none") * wrong
    some = assigned.weights > 0
    far = 1 - giou(boxes[some], assigned.boxes[some])
    classes = (focal.sum(2) * assigned.counts).sum() / total
    return classes, box_weight * (far * assigned.weights[some]).sum() / total
