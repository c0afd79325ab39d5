"""A network of pictures, opened: which layers it has, and what each answers while pictures pass through.

Works on torch modules by their shape alone: knows no system and no network by name. A layer is whatever has weights,
read after the norm and the activation that follow it; a block that adds its input to its output is one layer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Array, Arrays
from aprende.core.errors import InputError, MissingExtra
from aprende.core.fields import Image
from aprende.core.model import Model
from aprende.core.words import t

if TYPE_CHECKING:
    import torch

BLOCK = 8  # kernels that one block holds at most; what holds more is taken apart
MOST = 11  # layers that are looked at
AT_ONCE, AT_ONCE_PIXELS = 32, 32 * 96**2  # small pictures in one pass; pixels of larger ones


@runtime_checkable
class Openable(Protocol):
    """A predictor of pictures whose network can be made again in torch."""

    def encode(self, pictures: Any) -> Arrays:
        """Return one array, uint8 (n, S, S, C): the pictures, or their middle, as the network takes them."""

    def reach(self, height: int, width: int) -> tuple[float, float]:
        """Return which shares of the height and the width of a picture of this size `encode` keeps, above 1 where it
        sets the picture into something larger."""

    def opened(self, weights: Arrays) -> Any:
        """Return the trained network in evaluation mode, a torch module.

        `prepare` takes float (B, C, S, S) of 0 to 255 and gives what `net`, the network proper, takes. Called with
        (B, S, S, C), bytes or float, it answers a tuple whose first is the share of each option: (B, K), (B, K, h, w).
        """


@dataclass(frozen=True)
class Layer:
    """Something that is read. `side` is that of its map, 0 where it has no places; `inside`: its input is read."""

    name: str
    units: int
    side: int
    module: Any
    inside: bool = False
    last: bool = False  # its units are the answers, of the picture or of each place

    @property
    def kind(self) -> str:
        """What it is, in the user's words."""
        if self.last:
            return t("answers at {side} × {side} places", side=self.side) if self.side else t("answers")
        if self.inside:
            return t("mean over places")
        return t("{n} maps of {side} × {side}", n=self.units, side=self.side) if self.side else t(
            "{n} units", n=self.units
        )  # fmt: skip


class Opened:
    """A trained network with its layers in the order in which pictures pass them."""

    def __init__(self, module: Any, size: int, channels: int) -> None:
        self.module, self.size, self.channels = module, size, channels
        self.layers = thinned(found_layers(module.net, self.prepared(self.blank(1))))

    def blank(self, n: int) -> "torch.Tensor":
        """Return grey pictures, float (n, C, S, S)."""
        import torch

        return torch.full((n, self.channels, self.size, self.size), 127.5)

    def prepared(self, x: "torch.Tensor") -> "torch.Tensor":
        """Float (B, C, S, S) of 0 to 255 → what the network proper takes."""
        ready: torch.Tensor = self.module.prepare(x)
        return ready

    def read(self, x: "torch.Tensor", layers: Sequence[Layer] | None = None) -> "list[torch.Tensor]":
        """Return what the layers answer to pictures (B, C, S, S) of 0 to 255: (B, units, h, w) or (B, units) each.

        Nothing after the last of them is computed. Gradients flow where torch is told to keep them.
        """
        return read(self.module.net, self.prepared(x), self.layers if layers is None else layers)

    def seen(self, pictures: Any, layers: Sequence[Layer] | None = None) -> "Iterator[list[torch.Tensor]]":
        """Yield `read` of uint8 (n, S, S, C) or float (n, S, S), some pictures at a time, without gradients."""
        import torch

        some = max(2, min(AT_ONCE, AT_ONCE_PIXELS // self.size**2))
        for at in range(0, len(pictures), some):
            with torch.no_grad():
                yield self.read(self.tensor(pictures[at : at + some]), layers)

    def tensor(self, pictures: Any) -> "torch.Tensor":
        """Pictures (n, S, S, C), or grey ones (n, S, S), of 0 to 255 → float (n, C, S, S)."""
        import torch

        x = torch.as_tensor(np.asarray(pictures)).float()
        return x[:, None].expand(-1, self.channels, -1, -1) if x.ndim == 3 else x.permute(0, 3, 1, 2)

    def centres(self, pictures: Any) -> list[NDArray[np.float32]]:
        """Return for each layer what its units in the middle of the map answer: (n, units)."""
        batches = [[centre(found).clone().numpy() for found in batch] for batch in self.seen(pictures)]
        return [np.concatenate(parts) for parts in zip(*batches, strict=True)]


def centre(found: "torch.Tensor") -> "torch.Tensor":
    """The middle of a map (B, units, h, w) → (B, units); what has no places stays as it is."""
    return found[:, :, found.shape[2] // 2, found.shape[3] // 2] if found.ndim == 4 else found


def open_network(model: Model) -> Opened:
    """Return the model's network, opened. Raises MissingExtra without torch, InputError where it cannot be opened."""
    predictor = model.predictor
    pictures = [f for f in model.inputs.values() if isinstance(f, Image)]
    if not isinstance(predictor, Openable) or len(pictures) != 1 or len(model.inputs) != 1:
        raise InputError(t("This model cannot be looked into: only networks that take one picture can."))
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError:
        raise MissingExtra(t("Looking into a network needs torch: pip install 'aprende[train]'")) from None
    blank = np.zeros((1, 32, 32, pictures[0].channels), np.uint8)
    stored = pixels_of(predictor, blank)
    return Opened(predictor.opened(model.parts.only("network/")), stored.shape[1], stored.shape[3])


def pixels_of(predictor: Openable, pictures: Any) -> Array:
    """Return pictures as the network takes them, uint8 (n, S, S, C)."""
    (pixels,) = predictor.encode(pictures).values()
    return np.asarray(pixels)


# ---- which layers there are ------------------------------------------------------------------------------------------


@dataclass
class Atom:
    """A module that is not taken apart, with the shape of what it answered, and of what it was asked."""

    name: str
    module: Any
    shape: tuple[int, ...]
    asked: tuple[int, ...]
    weighty: bool


def found_layers(net: Any, x: "torch.Tensor") -> list[Layer]:
    """Return every layer that x passes in `net`, in order."""
    layers: list[Layer] = []
    shape: tuple[int, ...] = ()
    for atom in passed(net, x):
        if atom.weighty:
            if layers and layers[-1].side and len(atom.asked) == 2 and atom.asked[1] == layers[-1].units:
                layers.append(Layer(f"{layers[-1].name}.mean", atom.asked[1], 0, atom.module, inside=True))
            layers.append(_layer(atom))
        elif layers and atom.shape == shape and len(list(atom.module.children())) == 0:
            layers[-1] = Layer(layers[-1].name, layers[-1].units, layers[-1].side, atom.module)
        shape = atom.shape
    if not layers:
        raise InputError(t("This network has no layer with weights."))
    end = layers[-1]
    answers = end.side == 0 or end.module is getattr(net, "head", None)
    return [*layers[:-1], Layer(end.name, end.units, end.side, end.module, end.inside, last=answers)]


def _layer(atom: Atom) -> Layer:
    return Layer(atom.name, atom.shape[1], atom.shape[2] if len(atom.shape) == 4 else 0, atom.module)


def passed(net: Any, x: "torch.Tensor") -> list[Atom]:
    """Return the modules that x passes, in the order in which they finish, blocks whole and containers taken apart."""
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}

    def note(name: str) -> Any:
        def hook(_: Any, asked: Any, answered: Any) -> None:
            if _is_tensor(answered) and answered.ndim in (2, 4) and asked and _is_tensor(asked[0]):
                shapes.pop(name, None)  # the last time counts
                shapes[name] = (tuple(answered.shape), tuple(asked[0].shape))

        return hook

    import torch

    handles = [m.register_forward_hook(note(name)) for name, m in net.named_modules()]
    try:
        with torch.no_grad():
            net(x)
    finally:
        for handle in handles:
            handle.remove()
    whole = dict(atoms(net, shapes))
    order = [name for name in shapes if name in whole]
    return [Atom(name, whole[name], *shapes[name], kernels(whole[name]) > 0) for name in order]


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def atoms(module: Any, ran: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the modules that are not taken apart: leaves, and blocks of a few kernels that ran as one."""
    import torch

    children = list(module.named_children())
    bare = isinstance(module, torch.nn.Sequential | torch.nn.ModuleList)
    if not children or (name and name in ran and not bare and 0 < kernels(module) <= BLOCK and not _wraps(module)):
        yield name, module
        return
    for child, inner in children:
        yield from atoms(inner, ran, f"{name}.{child}" if name else child)


def _wraps(module: Any) -> bool:
    """Tell whether a module ends in a layer of answers: then it is a network of its own, not a block."""
    return hasattr(module, "head")


def kernels(module: Any) -> int:
    """Return how many arrays of weights a module holds: those of two axes or more."""
    return sum(tensor.ndim >= 2 for tensor in module.state_dict().values())


def thinned(layers: list[Layer], most: int = MOST) -> list[Layer]:
    """Return at most so many layers: the last of each size of map, then evenly; first and last always."""
    if len(layers) <= most:
        return layers
    ends = [i for i, layer in enumerate(layers) if _turns(layers, i)]
    kept = sorted({0, *ends, len(layers) - 1})
    if len(kept) > most:
        kept = sorted({kept[round(i * (len(kept) - 1) / (most - 1))] for i in range(most)})
    return [layers[i] for i in kept]


def _turns(layers: list[Layer], i: int) -> bool:
    """Tell whether what follows a layer has another size."""
    return i + 1 == len(layers) or (layers[i].units, layers[i].side) != (layers[i + 1].units, layers[i + 1].side)


# ---- what they answer ------------------------------------------------------------------------------------------------


class _Enough(Exception):
    """Everything wanted has been read."""


def read(net: Any, x: "torch.Tensor", layers: Sequence[Layer]) -> "list[torch.Tensor]":
    """Return what these layers of `net` answer to x; what comes after the last of them is not computed."""
    found: dict[int, torch.Tensor] = {}

    def keep(place: int, value: "torch.Tensor") -> None:
        found[place] = value.clone() if not value.requires_grad else value
        if len(found) == len(layers):
            raise _Enough

    handles = [_watch(layer, place, keep) for place, layer in enumerate(layers)]
    try:
        net(x)
    except _Enough:
        pass
    finally:
        for handle in handles:
            handle.remove()
    return [found[place] for place in range(len(layers))]


def _watch(layer: Layer, place: int, keep: Any) -> Any:
    if layer.inside:
        return layer.module.register_forward_pre_hook(lambda _, asked: keep(place, asked[0]))
    return layer.module.register_forward_hook(lambda _, asked, answered: keep(place, answered))
