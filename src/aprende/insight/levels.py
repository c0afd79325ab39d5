"""What each layer looks for: its filters, the pieces of pictures that excite its units most, and stimuli made for them.

A stimulus is made by gradient ascent on the picture (Erhan et al. 2009) in the coordinates of its Fourier transform, in
which neighbouring pixels are not independent, shaken a little at every step (Olah et al. 2017). Knows no system.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.insight.opened import Layer, Opened, centre
from aprende.insight.survey import Surveyed

if TYPE_CHECKING:
    import torch

Pixels = NDArray[np.uint8]
UNITS, BEST = (6, 4), 5  # units shown a layer, for small pictures and for large ones; pieces of pictures shown a unit
MANY = 10  # answers shown
ALIKE = 0.7  # correlation from which on two units look for the same
STEPS, RATE = (256, 80), (0.05, 0.1)  # for small pictures and for large ones
SMALL = 64  # side up to which pictures are small
LEAK = 0.1  # slope of a silent unit while the way out of silence is sought
SLOWNESS, LOUDNESS = 1.5, 0.25  # how much slow waves outweigh fast ones, and how strong the pictures begin
SHAKEN = 8  # part of the side by which a stimulus is shaken at most


@dataclass(frozen=True)
class Excited:
    """One unit. pieces (k, s, s, C) of the pictures that excite it most, best first; stimulus (s, s, C) made for it.

    answers (k,) to those pieces; made: the answer to the stimulus.
    """

    unit: int
    pieces: Pixels
    answers: NDArray[np.float32]
    stimulus: Pixels
    made: float


def kernels(network: Opened) -> NDArray[np.float32] | None:
    """Return the kernels of the first layer (n, k, k, 1 or 3); None where it has none that can be seen.

    Of a layer that sees all pixels at once each unit's weights are such a kernel, as large as the picture.
    """
    channels, size = network.prepared(network.blank(1)).shape[1:3]
    first = next((w for w in network.module.net.state_dict().values() if w.ndim in (2, 4)), None)
    if first is not None and first.ndim == 2 and first.shape[1] == channels * size * size:
        first = first.reshape(-1, channels, size, size)
    if first is None or first.ndim != 4 or first.shape[1] != channels or channels not in (1, 3):
        return None
    return np.asarray(first.permute(0, 2, 3, 1).float().numpy())


def as_pictures(weights: NDArray[np.float32]) -> Pixels:
    """Return kernels as pictures: grey is 0, the strongest weight of each is white or black (or a pure colour)."""
    most = abs(weights).max(axis=(1, 2, 3), keepdims=True)
    return np.asarray(127.5 + 127.5 * weights / np.maximum(most, 1e-12)).round().astype(np.uint8)


def chosen(strongest: NDArray[np.float32], last: bool = False, many: int = UNITS[0]) -> list[int]:
    """Return units of a layer that tell pictures apart and do not look for the same. strongest (n, U).

    Of the answers the first ones: each has a name.
    """
    if last:
        return list(range(min(MANY, strongest.shape[1])))
    spread = strongest.std(axis=0)
    standard = (strongest - strongest.mean(axis=0)) / np.maximum(spread, 1e-9)
    picked: list[int] = []
    for unit in np.argsort(-spread, kind="stable"):
        alike = [abs((standard[:, unit] * standard[:, other]).mean()) for other in picked]
        if spread[unit] > 0 and max(alike, default=0.0) < ALIKE:
            picked.append(int(unit))
        if len(picked) == many:
            break
    return picked


def pieces(pictures: Pixels, found: Surveyed, unit: int, side: int) -> tuple[Pixels, NDArray[np.float32]]:
    """Return what excites a unit most, one piece a picture (k, side, side, C), best first, and its answers (k,)."""
    best = np.argsort(-found.strongest[:, unit], kind="stable")[:BEST]
    cut = [piece(pictures[row], found.where[row, unit], side) for row in best]
    return np.stack(cut), found.strongest[best, unit]


def piece(picture: Pixels, middle: NDArray[np.float32], side: int) -> Pixels:
    """Return a square of a picture (S, S, C) around a place, but for a quarter of it within; what lies outside is
    grey."""
    if side >= len(picture):
        return picture
    wide = np.pad(picture, ((side, side), (side, side), (0, 0)), constant_values=128)
    within = np.clip(middle.astype(float), side / 4, len(picture) - side / 4)
    top, left = (round(v - side / 2) + side for v in within)
    return wide[top : top + side, left : left + side]


# ---- stimuli made for a unit -----------------------------------------------------------------------------------------


def stimuli(
    network: Opened, layer: Layer, units: list[int], field: int, likeness: "Likeness"
) -> tuple[Pixels, NDArray[np.float64]]:
    """Return for each unit a picture (S, S, C) made to excite it where the map has its middle, and its answer.

    field: side in pixels of what the unit sees. For the first half of the way silence has a slope, too: else a unit
    that does not answer to the first noise never would.
    """
    import torch

    random = torch.Generator().manual_seed(0)
    spectrum = _noise(network, len(units), random).requires_grad_()
    optimizer = torch.optim.Adam([spectrum], RATE[network.size > SMALL])
    reach, steps = min(network.size // SHAKEN, field // 8), STEPS[network.size > SMALL]
    for step in range(steps):
        down, right = (int(torch.randint(-reach, reach + 1, (1,), generator=random)) for _ in range(2))
        with sloped(network.module.net, LEAK if 2 * step < steps else 0.0):
            shown = likeness.shown(spectrum, network.size).roll((down, right), (2, 3))
            answers = _asked(network.read(shown, [layer])[0], units)
            optimizer.zero_grad()
            (-answers.sum()).backward()  # type: ignore[no-untyped-call]
        if spectrum.grad is not None:
            spectrum.grad.nan_to_num_()  # where a root meets silence
        optimizer.step()
    with torch.no_grad():
        shown = likeness.shown(spectrum, network.size)
        made = centre(network.read(shown, [layer])[0])[torch.arange(len(units)), units]
    return shown.permute(0, 2, 3, 1).round().byte().numpy(), made.numpy().astype(np.float64)


@contextmanager
def sloped(net: Any, leak: float) -> Iterator[None]:
    """Let rectifiers give `leak` of what they would cut off, within the block; 0 changes nothing."""
    import torch
    from torch.nn import functional as F

    kinds = (torch.nn.ReLU, torch.nn.ReLU6)
    held = [module for module in net.modules() if isinstance(module, kinds)] if leak else []
    for module in held:
        module.__dict__["forward"] = partial(F.leaky_relu, negative_slope=leak)
    try:
        yield
    finally:
        for module in held:
            del module.__dict__["forward"]


def _asked(found: "torch.Tensor", units: list[int]) -> "torch.Tensor":
    """What each picture gets from its unit in the middle; a little from elsewhere leads out of silence."""
    import torch

    rows = torch.arange(len(units))
    middle = centre(found)[rows, units]
    return middle if found.ndim == 2 else middle + 0.05 * found[rows, units].mean((1, 2))


def _noise(network: Opened, n: int, random: "torch.Generator") -> "torch.Tensor":
    """Spectra (n, C, S, S // 2 + 1, 2) of faint noise."""
    import torch

    return 0.1 * torch.randn((n, network.channels, network.size, network.size // 2 + 1, 2), generator=random)


@dataclass(frozen=True)
class Likeness:
    """What pictures have in common: their mean colour (C,) as log-odds, and how their colours go together (C, C)."""

    middle: NDArray[np.float64]
    tints: NDArray[np.float64]

    def shown(self, spectrum: "torch.Tensor", size: int) -> "torch.Tensor":
        """Return pictures (n, C, S, S) of 0 to 255: slow waves weigh more, as in all pictures."""
        import torch

        tints, middle = (torch.as_tensor(v, dtype=torch.float32) for v in (self.tints, self.middle))
        fast = torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None])
        weights = fast.clamp(min=1 / size) ** -SLOWNESS
        scaled = torch.view_as_complex(spectrum) * (weights * LOUDNESS * size / weights.mean())
        flat = torch.fft.irfft2(scaled, s=(size, size))
        return 255 * torch.sigmoid(torch.einsum("nchw,dc->ndhw", flat, tints) + middle[:, None, None])


def likeness_of(pictures: Pixels) -> Likeness:
    """Return what pictures (n, S, S, C) have in common."""
    flat = pictures.reshape(-1, pictures.shape[3])[:: max(1, pictures.size // 3_000_000)].astype(np.float64)
    values, axes = np.linalg.eigh(np.atleast_2d(np.cov(flat.T)) + 1e-6 * np.eye(pictures.shape[3]))
    root = (axes * np.sqrt(np.maximum(values, 0))) @ axes.T
    share = np.clip(flat.mean(axis=0) / 255, 0.05, 0.95)
    return Likeness(np.log(share / (1 - share)), root / np.linalg.norm(root, axis=1).max())
