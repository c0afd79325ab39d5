"""AlexNet (Krizhevsky, Sutskever and Hinton 2012): the network that turned seeing to deep learning.

Two published forms. 2012: two towers that meet only in the third and the dense layers (here convolutions of two
groups), local response normalisation after the first two, 60,965,224 weights for 227 px and 1,000 classes. 2014
("One weird trick …", Krizhevsky): one tower, no normalisation, 61,100,840 weights for 224 px; published checkpoints
have this form. Not as in the papers: dropout is the user's (0.2 unless told, not 0.5), weights begin as He et al.
(2015), no jitter along the colours' main axes. For small pictures (below `SMALL` px) the first kernels are 5 × 5 of
stride 2, poolings keep a border, and the dense layers are a quarter as wide in proportion: 28 px become 14, 7, 4, 2.
It does not know what the pictures show, nor how it is trained.
"""

from collections import OrderedDict

import torch
from torch import nn

from aprende.networks.initial import he

SMALL = 80  # pixels below which the first layer's stride would leave too little
CONVOLUTIONS = {  # of 2014: channels in 64ths of 64, kernel
    "2014": ((64, 11), (192, 5), (384, 3), (256, 3), (256, 3)),
    "2012": ((96, 11), (256, 5), (384, 3), (384, 3), (256, 3)),
}
POOLED = (1, 2, 5)  # convolutions after which the sides are halved
TOWERS = (2, 4, 5)  # convolutions of 2012 that see their own tower only
HIDDEN = 4096


class AlexNet(nn.Module):
    """Normalised pictures (B, channels, size, size) -> scores (B, outputs). `width` 64 is the published size."""

    def __init__(
        self, channels: int, outputs: int, size: int, width: int = 64, dropout: float = 0.5, form: str = "2014"
    ) -> None:
        super().__init__()
        self.form, self.small = form, size < SMALL
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        before, side = channels, size
        for number, (wide, kernel) in enumerate(CONVOLUTIONS[form], 1):
            after = wide * width // 64
            layers[f"conv{number}"] = nn.Sequential(self._convolution(number, before, after, kernel), nn.ReLU())
            side = self._side(number, side)
            if form == "2012" and number <= 2:
                layers[f"norm{number}"] = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)  # torch divides by 5
            if number in POOLED:
                layers[f"pool{number}"] = nn.MaxPool2d(3, 2, padding=int(self.small))
            before = after
        hidden = HIDDEN * width // (256 if self.small else 64)
        layers["flat"] = nn.Flatten()
        layers["fc6"] = nn.Sequential(nn.Dropout(dropout), nn.Linear(before * side * side, hidden), nn.ReLU())
        layers["fc7"] = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.ReLU())
        self.body = nn.Sequential(layers)
        self.head = nn.Linear(hidden, outputs)
        he(self)

    def _convolution(self, number: int, before: int, after: int, kernel: int) -> nn.Conv2d:
        groups = 2 if self.form == "2012" and number in TOWERS else 1
        if number > 1:
            return nn.Conv2d(before, after, kernel, padding=kernel // 2, groups=groups)
        if self.small:
            return nn.Conv2d(before, after, 5, stride=2, padding=2)
        return nn.Conv2d(before, after, kernel, stride=4, padding=2 if self.form == "2014" else 0)

    def _side(self, number: int, side: int) -> int:
        """The side after this convolution and the pooling behind it."""
        if number == 1:
            border = 2 if self.form == "2014" else 0
            side = (side - 1) // 2 + 1 if self.small else (side + 2 * border - 11) // 4 + 1
        return (side + 2 * self.small - 3) // 2 + 1 if number in POOLED else side

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """The last hidden layer, (B, hidden)."""
        hidden: torch.Tensor = self.body(x)
        return hidden

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, channels, size, size) -> (B, outputs)."""
        scores: torch.Tensor = self.head(self.embed(x))
        return scores

    def published(self) -> dict[str, dict[str, str]]:
        """torchvision's names of the layers → ours."""
        places = dict(zip((0, 3, 6, 8, 10), range(1, 6), strict=True))
        names = {f"features.{theirs}": f"body.conv{ours}.0" for theirs, ours in places.items()}
        return {"": names | {"classifier.1": "body.fc6.1", "classifier.4": "body.fc7.1", "classifier.6": "head"}}
