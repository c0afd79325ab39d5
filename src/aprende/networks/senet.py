"""SENet (Hu, Shen and Sun 2018): a residual network whose blocks weigh their channels by what the whole map shows.

SE-ResNet-50 with reduction 16: 28,088,024 weights for 1,000 classes. The published form halves the sides in the
block's first convolution (1 × 1) and rounds the first pooling up; checkpoints of timm's `seresnet50` halve in the
second (3 × 3), as He's later code did: `form` "late". Not as in the paper: dropout before the last layer is the user's.
For small pictures (below `SMALL` px) the first layer is 3 × 3 of stride 2 without a pooling behind it (28 px become 14,
14, 7, 4, 2), sides are halved in the 3 × 3 convolutions, and each stage has `depth` blocks. It does not know what the
pictures show, nor how it is trained.
"""

from collections import OrderedDict

import torch
from torch import nn

from aprende.networks.efficientnet_lite0 import keep_statistics
from aprende.networks.initial import he

SMALL = 64
BLOCKS = (3, 4, 6, 3)  # of the stages of ResNet-50
EXPANSION, REDUCTION = 4, 16


class Excitation(nn.Module):
    """Squeeze: the mean of each channel. Excite: two dense layers give each a weight, 0 to 1. (B, C, h, w) both."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        few = max(1, channels // REDUCTION)
        self.fc1, self.relu = nn.Conv2d(channels, few, 1), nn.ReLU()
        self.fc2, self.gate = nn.Conv2d(few, channels, 1), nn.Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights: torch.Tensor = self.gate(self.fc2(self.relu(self.fc1(x.mean((2, 3), keepdim=True)))))
        return x * weights


class Block(nn.Module):
    """Bottleneck with excitation: (B, before, h, w) -> (B, EXPANSION · width, h/stride, w/stride), rounded up."""

    def __init__(self, before: int, width: int, stride: int, late: bool) -> None:
        super().__init__()
        after, first, second = EXPANSION * width, 1 if late else stride, stride if late else 1
        self.conv1, self.bn1 = nn.Conv2d(before, width, 1, first, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, second, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, after, 1, bias=False), nn.BatchNorm2d(after)
        self.se, self.relu = Excitation(after), nn.ReLU()
        same = stride == 1 and before == after
        kept = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        self.shortcut: nn.Module = nn.Identity() if same else kept

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(out)))))
        found: torch.Tensor = self.relu(self.se(out) + self.shortcut(x))
        return found


class SENet(nn.Module):
    """Normalised pictures (B, channels, size, size) -> scores (B, outputs). `width` 64 and `depth` 0 are the published
    size; depth: blocks of every stage (0: 3, 4, 6, 3)."""

    def __init__(
        self,
        channels: int,
        outputs: int,
        size: int,
        width: int = 64,
        depth: int = 0,
        dropout: float = 0.0,
        form: str = "",
    ) -> None:
        super().__init__()
        small = size < SMALL
        late = form == "late" or small
        self.kept = False  # norms keep the statistics they came with
        self.stem = _stem(channels, width, small, ceil=form != "late")
        before, self.stages = width, nn.Sequential()
        for number, count in enumerate([depth] * 4 if depth else BLOCKS):
            wide = width * 2**number
            blocks = [Block(before, wide, 2 if number else 1, late)]
            blocks += [Block(EXPANSION * wide, wide, 1, late) for _ in range(count - 1)]
            self.stages.add_module(f"stage{number + 1}", nn.Sequential(*blocks))
            before = EXPANSION * wide
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(before, outputs)
        he(self)

    def train(self, mode: bool = True) -> "SENet":
        """As in torch, but norms that came with a checkpoint keep their statistics."""
        super().train(mode)
        if self.kept:
            keep_statistics(self)
        return self

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The last map, (B, 32 · width, h', w')."""
        out: torch.Tensor = self.stages(self.stem(x))
        return out

    def pooled(self, features: torch.Tensor) -> torch.Tensor:
        """The last map (B, C, h', w') -> what `head` takes: (B, C)."""
        return features.mean((2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, size, size) -> (B, outputs)."""
        scores: torch.Tensor = self.head(self.dropout(self.pooled(self.features(x))))
        return scores

    def published(self) -> dict[str, dict[str, str]]:
        """Names of layers in Cadene's `se_resnet50` (early strides) and in timm's `seresnet50` (late) → ours."""
        theirs: dict[str, dict[str, str]] = {"": {}, "late": {}}
        for name, _ in self.named_modules():
            parts = name.split(".")
            if parts[0] == "stages" and len(parts) > 3:
                inner = ".".join(parts[3:]).replace("shortcut", "downsample")
                outer = f"layer{parts[1].removeprefix('stage')}.{parts[2]}."
                theirs["late"][outer + inner] = name
                theirs[""][outer + inner.replace("se.", "se_module.")] = name
        theirs[""] |= {"layer0.conv1": "stem.conv", "layer0.bn1": "stem.bn", "last_linear": "head"}
        theirs["late"] |= {"conv1": "stem.conv", "bn1": "stem.bn", "fc": "head"}
        return theirs


def _stem(channels: int, width: int, small: bool, ceil: bool) -> nn.Sequential:
    """The first layer: (B, channels, h, w) -> (B, width, h/4, w/4), or of half the sides for small pictures."""
    kernel = 3 if small else 7
    conv = nn.Conv2d(channels, width, kernel, 2, padding=kernel // 2, bias=False)
    layers: OrderedDict[str, nn.Module] = OrderedDict(conv=conv, bn=nn.BatchNorm2d(width), relu=nn.ReLU())
    if not small:
        layers["pool"] = nn.MaxPool2d(3, 2, ceil_mode=True) if ceil else nn.MaxPool2d(3, 2, padding=1)
    return nn.Sequential(layers)
