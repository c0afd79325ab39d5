"""Neocognitron (Fukushima 1980, Biol. Cybernetics 36): S-cells see features, C-cells forgive where; no gradient.

Three stages, as in 1980, each a layer of S-cells and one of C-cells. An S-cell is excited by what looks like its
reference, wherever its plane holds it, and inhibited by the strength of all that it sees; a C-cell answers if any
S-cell of its plane nearby does. How planes come to be by competition stands in `methods/classification/competition.py`.

What is of Fukushima's later networks, not of 1980: the layer of contrasts and S-cells for edges with fixed kernels
(2003), inhibition by subtraction (2011), new planes where all cells are silent (2013, "add-if-silent"), classes told to
the last stage while it learns (2003), and a class' answer from between its references (2007, "interpolating vectors").
What is ours: the C-cells' saturation is the square root of the blurred sum; places that the border cuts off see zeros;
the last stage looks at every other place only, up to `REACH` places aside of the middle, takes the one place where any
reference is most alike, and its answers become probabilities by a softmax. It does not know what the pictures show.
"""

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

ORIENTATIONS = 16  # of edges, over the whole turn: bright side and dark side are told apart
EDGE, PART = 0.6, 0.45  # thresholds of the S-cells of the first two stages: cosines below it are silence
REACH = 2  # places of the last stage, of two pixels each, in each direction: 4 px
NEAREST = 8  # references of a class between which the answer is sought
SHARPNESS = 40.0  # of the probabilities, before they are calibrated
LEAST = 1e-6


def gaussian(size: int, deviation: float) -> torch.Tensor:
    """A round kernel (size, size) whose sum is 1."""
    line = torch.exp(-((torch.arange(size) - (size - 1) / 2) ** 2) / (2 * deviation**2))
    kernel = torch.outer(line, line)
    return kernel / kernel.sum()


def edges(size: int = 5) -> torch.Tensor:
    """Kernels of the first S-cells, unit length: (ORIENTATIONS, 2, size, size), brighter side and darker side."""
    line = torch.arange(size) - (size - 1) / 2
    down, right = torch.meshgrid(line, line, indexing="ij")
    kernels = []
    for turn in range(ORIENTATIONS):
        angle = 2 * math.pi * turn / ORIENTATIONS
        across, along = (
            right * math.cos(angle) + down * math.sin(angle),
            down * math.cos(angle) - right * math.sin(angle),
        )
        weight = across * torch.exp(-(across**2) / 2 - along**2 / (2 * 1.8**2))
        kernels.append(torch.stack([weight.relu(), (-weight).relu()]))
    return unit(torch.stack(kernels))


def unit(x: torch.Tensor) -> torch.Tensor:
    """Each of the first axis with length 1: any shape."""
    length = x.flatten(1).norm(dim=1).clamp_min(LEAST)
    out: torch.Tensor = x / length.view(-1, *[1] * (x.ndim - 1))
    return out


class Contrast(nn.Module):
    """Centre against surround: (B, C, h, w) -> (B, 2, h, w), brighter than around and darker than around."""

    kernel: torch.Tensor

    def __init__(self, size: int = 5) -> None:
        super().__init__()
        self.border = size // 2
        self.register_buffer("kernel", (gaussian(size, 0.8) - gaussian(size, 1.6))[None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        grey = F.pad(x.mean(1, keepdim=True), [self.border] * 4, mode="replicate")
        seen = F.conv2d(grey, self.kernel)
        return torch.cat([seen.relu(), (-seen).relu()], 1)


class SCells(nn.Module):
    """Planes of cells with shared references (planes, before, k, k): (B, before, h, w) -> (B, planes, h, w).

    A cell answers |x| · (cosine - threshold) / (1 - threshold) where that is positive: x is what it sees.
    """

    def __init__(self, references: torch.Tensor, threshold: float) -> None:
        super().__init__()
        self.references, self.threshold = nn.Parameter(references, requires_grad=False), threshold
        self.side = references.shape[2]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        side = self.side
        excited = F.conv2d(x, self.references, padding=side // 2)
        strength = F.avg_pool2d((x * x).sum(1, keepdim=True), side, 1, side // 2) * side**2
        return (excited - self.threshold * strength.sqrt()).relu() / (1 - self.threshold)


class CCells(nn.Module):
    """Each plane blurred and pressed together by a square root: (B, C, h, w) -> (B, C, h/stride, w/stride), up."""

    kernel: torch.Tensor

    def __init__(self, planes: int, size: int, deviation: float, stride: int) -> None:
        super().__init__()
        self.planes, self.size, self.stride = planes, size, stride
        self.register_buffer("kernel", gaussian(size, deviation).repeat(planes, 1, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.kernel, stride=self.stride, padding=self.size // 2, groups=self.planes).sqrt()


class Forms(nn.Module):
    """The last stage: references of whole pictures, by class. Embedding (B, D) -> scores (B, K).

    `references` (K, most, D) of unit length, zeros where a class has fewer; `alike` (K, most, most) their cosines. A
    class answers with the greatest cosine between x and any point between two of its references near x.
    """

    alike: torch.Tensor

    def __init__(self, classes: int, numbers: int) -> None:
        super().__init__()
        self.classes, self.most, self.numbers = classes, 1, numbers
        self.references = nn.Parameter(torch.zeros(classes, 1, numbers), requires_grad=False)
        self.register_buffer("alike", torch.zeros(classes, 1, 1))

    def install(self, references: torch.Tensor, classes: torch.Tensor) -> None:
        """Take these references (M, D), of unit length, and the class of each (M,)."""
        most = max(1, int(torch.bincount(classes, minlength=self.classes).max()))
        held = references.new_zeros(self.classes, most, self.numbers)
        for place in range(self.classes):
            own = references[classes == place]
            held[place, : len(own)] = own
        self.take(held, held @ held.transpose(1, 2))

    def take(self, references: torch.Tensor, alike: torch.Tensor) -> None:
        """Take what `install` made."""
        self.references, self.alike = nn.Parameter(references, requires_grad=False), alike
        self.most = references.shape[1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        cosines = (x @ self.references.flatten(0, 1).T).view(-1, self.classes, self.most)
        near, places = cosines.topk(min(NEAREST, self.most), dim=2)
        first = torch.arange(self.classes, device=x.device).view(1, -1, 1, 1) * self.most
        pairs = (first + places[..., :, None]) * self.most + places[..., None, :]
        return SHARPNESS * between(near, self.alike.flatten()[pairs]).flatten(2).amax(2)


def between(near: torch.Tensor, alike: torch.Tensor) -> torch.Tensor:
    """Greatest cosine of x with a point between two references: theirs with x (…, n) and with each other (…, n, n) ->
    (…, n, n). Where that point lies outside, the first one's own."""
    a, b = near[..., :, None].expand_as(alike), near[..., None, :].expand_as(alike)
    inside = (a > alike * b) & (b > alike * a) & (alike < 1 - 1e-4)
    squared = (a * a + b * b - 2 * a * b * alike) / (1 - alike * alike).clamp_min(LEAST)
    return torch.where(inside, squared.clamp_min(0).sqrt(), a)


class Neocognitron(nn.Module):
    """Pictures (B, C, size, size) -> scores (B, outputs). Its planes are learnt by `learnt_by`, not by descent."""

    learnt_by = "competition"

    def __init__(self, outputs: int, size: int) -> None:
        super().__init__()
        self.contrast = Contrast()
        self.s1, self.c1 = SCells(edges(), EDGE), CCells(ORIENTATIONS, 5, 1.2, 2)
        self.s2, self.c2 = SCells(torch.zeros(1, ORIENTATIONS, 3, 3), PART), CCells(1, 3, 0.8, 1)
        self.map_side = (size + 1) // 2  # side of the second stage's maps
        self.side = (self.map_side + 1) // 2  # places of a reference of the last stage, along a side
        self.head = Forms(outputs, self.side**2)

    def edges(self, x: torch.Tensor) -> torch.Tensor:
        """First stage: (B, C, size, size) -> (B, ORIENTATIONS, h/2, w/2)."""
        out: torch.Tensor = self.c1(self.s1(self.contrast(x)))
        return out

    def parts(self, x: torch.Tensor) -> torch.Tensor:
        """First two stages: (B, C, size, size) -> (B, planes, h/2, w/2)."""
        out: torch.Tensor = self.c2(self.s2(self.edges(x)))
        return out

    def learn_parts(self, references: torch.Tensor) -> None:
        """Take these references (planes, ORIENTATIONS, k, k) for the second stage; the last one begins anew."""
        self.s2, self.c2 = SCells(references, PART), CCells(len(references), 3, 0.8, 1).to(references.device)
        self.head = Forms(self.head.classes, len(references) * self.side**2).to(references.device)

    def middle(self, parts: torch.Tensor) -> torch.Tensor:
        """What the last stage sees where the picture stands: (B, planes, h/2, w/2) -> (B, D), unit length."""
        return unit(parts[:, :, ::2, ::2].flatten(1))

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """What the last stage sees where any reference is most alike: (B, C, size, size) -> (B, D), unit length."""
        parts = self.parts(x)
        span, reach = 2 * self.side - 1, 2 * REACH
        after = reach - REACH + span - self.map_side
        wide = F.pad(parts, (REACH, after, REACH, after))
        references = self.head.references.view(-1, self.c2.planes, self.side, self.side)
        excited = F.conv2d(wide, references, dilation=2).amax(1)
        ones = torch.ones(1, 1, self.side, self.side, device=x.device)
        strength = F.conv2d((wide * wide).sum(1, keepdim=True), ones, dilation=2)[:, 0].clamp_min(LEAST).sqrt()
        best = (excited / strength).flatten(1).argmax(1)
        seen = _windows(wide, span)
        return unit(seen.gather(1, best.view(-1, 1, 1).expand(-1, 1, self.head.numbers))[:, 0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, size, size) -> (B, outputs)."""
        scores: torch.Tensor = self.head(self.embed(x))
        return scores

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        """As in torch, but with as many planes and references as were learnt."""
        self.learn_parts(torch.empty_like(state_dict[f"{prefix}s2.references"]))
        held = [torch.empty_like(state_dict[f"{prefix}head.{name}"]) for name in ("references", "alike")]
        self.head.take(*held)
        super()._load_from_state_dict(state_dict, prefix, *others)


def _windows(wide: torch.Tensor, span: int) -> torch.Tensor:
    """Every other value of each window of `span`: (B, C, h, w) -> (B, places, C·side·side), places row by row."""
    starts = [(i, j) for i in range(2 * REACH + 1) for j in range(2 * REACH + 1)]
    return torch.stack([wide[:, :, i : i + span : 2, j : j + span : 2].flatten(1) for i, j in starts], 1)
