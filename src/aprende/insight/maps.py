"""Where in a picture an answer comes from, by several methods: class-activation map, occlusion, integrated gradients.

Maps are coarse (h, w), cover the whole picture, and are NaN where the network does not look. The first two methods work
without torch, the last one through the network made again (`opened`). Knows no system.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from aprende.core.errors import InputError, SettingError, unknown
from aprende.core.fields import Columns
from aprende.core.fields.perception import centred
from aprende.core.model import Model, join
from aprende.core.words import t
from aprende.insight.opened import Openable, open_network, pixels_of
from aprende.insight.watched import Floats, Watched

CELLS = 14  # places along a side
PATH = 24  # steps of integrated gradients
Method = Callable[[Model, Columns, str, Watched], Floats]


@runtime_checkable
class Mapped(Protocol):
    """A predictor whose network keeps a map of places until its last layer."""

    def class_map(self, picture: Any, name: str) -> NDArray[np.float32] | None:
        """Return how much each place of what the network sees of a picture speaks for a class (h, h), or None."""

    def reach(self, height: int, width: int) -> tuple[float, float]:
        """Return which shares of a picture's height and width the network sees, around its middle."""


@runtime_checkable
class Placing(Protocol):
    """A predictor that says what is where: of each class it has a map over the whole picture."""

    def place_map(self, picture: Any, name: str) -> NDArray[np.float32]:
        """Return the probability of a class by place (h, w)."""


def heat_map(model: Model, row: Columns, name: str, watch: Watched, method: str = "auto") -> tuple[Floats, str]:
    """Return the map of one picture by this method, and the method's name.

    "auto": the model's own map where it says what is where, the class-activation map where the network has one, else
    occlusion. Raises SettingError for an unknown method, InputError where it cannot be used.
    """
    if method == "auto":
        if isinstance(model.predictor, Placing) and watch.place is not None:
            return own(model, row, name, watch), "own"
        found = _class_map(model, row, name, watch)
        return (found, "cam") if found is not None else (occlusion(model, row, name, watch), "occlusion")
    if method not in METHODS:
        raise SettingError(unknown(t("method"), method, ["auto", *METHODS]))
    return METHODS[method](model, row, name, watch), method


def usable(model: Model, row: Columns, name: str, watch: Watched) -> list[str]:
    """Return the methods that this model and this computer allow."""
    from importlib.util import find_spec

    found = ["occlusion"]
    if _class_map(model, row, name, watch) is not None:
        found.insert(0, "cam")
    if isinstance(model.predictor, Placing) and watch.place is not None:
        found.insert(0, "own")
    if isinstance(model.predictor, Openable) and watch.place is not None and find_spec("torch"):
        found.append("integrated_gradients")
    return found


def own(model: Model, row: Columns, name: str, watch: Watched) -> Floats:
    """Return where the model itself says that a class is; raise InputError where it does not say so."""
    if not isinstance(model.predictor, Placing) or watch.place is None:
        raise InputError(t("This model does not say what is where. Choose: --method occlusion"))
    return np.asarray(model.predictor.place_map(row[name][0], watch.name), dtype=np.float64)


def cam(model: Model, row: Columns, name: str, watch: Watched) -> Floats:
    """Return the class-activation map (Zhou et al. 2016); raise InputError where the network keeps no map of places."""
    found = _class_map(model, row, name, watch)
    if found is None:
        raise InputError(t("This network keeps no map of places until its last layer. Choose: --method occlusion"))
    return found


def _class_map(model: Model, row: Columns, name: str, watch: Watched) -> Floats | None:
    if not isinstance(model.predictor, Mapped) or watch.place is None:
        return None
    found = model.predictor.class_map(row[name][0], watch.name)
    if found is None:
        return None
    return over_whole(np.asarray(found, dtype=np.float64), *model.predictor.reach(*row[name][0].shape[:2]))


def over_whole(square: Floats, *reach: float) -> Floats:
    """Set a square map into one of the whole picture, of whose height and width it covers these shares: what the
    network does not see is NaN, what lies outside the picture is left out."""
    rows, columns = (max(1, round(len(square) / share)) for share in reach)
    return centred(square, rows, columns, np.nan)


def occlusion(model: Model, row: Columns, name: str, watch: Watched, cells: int = CELLS) -> Floats:
    """Return how much the watched number falls when a part of the picture is greyed, by place (cells, cells).

    By Zeiler and Fergus 2014. Windows are three cells wide and overlap, so that each place is judged by several.
    """
    picture = row[name][0]
    height, width = picture.shape[:2]
    rows_at = np.linspace(0, height, cells + 1).astype(int)
    cols_at = np.linspace(0, width, cells + 1).astype(int)
    spans = [(max(0, i - 1), min(cells, i + 2)) for i in range(cells)]
    batch = [picture]
    for a, b in spans:
        for c, d in spans:
            held = picture.copy()
            held[rows_at[a] : rows_at[b], cols_at[c] : cols_at[d]] = grey(picture)
            batch.append(held)
    values = watch.values(asked(model, row, name, batch))
    return np.asarray(values[0] - values[1:]).reshape(cells, cells)


def grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the mean colour of a picture (H, W, C): what stands for "nothing here"."""
    return np.asarray(picture.reshape(-1, picture.shape[2]).mean(axis=0).astype(np.uint8))


def asked(model: Model, row: Columns, name: str, pictures: list[NDArray[np.uint8]]) -> Columns:
    """Return the answers to a row in which one picture is each of these."""
    inputs: dict[str, Any] = {other: join([row[other]] * len(pictures)) for other in model.inputs if other != name}
    return model.predict({**inputs, name: pictures})


def integrated_gradients(model: Model, row: Columns, name: str, watch: Watched, cells: int = CELLS) -> Floats:
    """Return what each place adds on the way from plain grey to the picture (Sundararajan et al. 2017).

    The places sum to the difference between the two answers. Raises InputError or MissingExtra where the network
    cannot be made again.
    """
    if watch.place is None:
        raise InputError(t("Integrated gradients explain a share of one of several options, which this is not."))
    network = open_network(model)
    import torch

    picture = pixels_of(model.predictor, [row[name][0]]).astype(np.float32)  # type: ignore[arg-type]
    nothing = np.broadcast_to(picture.mean(axis=(1, 2), keepdims=True), picture.shape)
    share = (np.arange(PATH, dtype=np.float32) + 0.5) / PATH
    slopes = np.zeros_like(picture[0])
    for some in np.array_split(share[:, None, None, None], 3):
        x = torch.from_numpy(nothing + some * (picture - nothing)).requires_grad_()
        answers = network.module(x)[0]
        shares = answers.flatten(2).mean(2) if answers.ndim > 2 else answers
        (slope,) = torch.autograd.grad(shares[:, watch.place].sum(), x)
        slopes += slope.sum(0).numpy() / PATH
    effect = ((picture - nothing)[0] * slopes).sum(axis=2).astype(np.float64)
    return over_whole(_coarse(effect, cells), *model.predictor.reach(*row[name][0].shape[:2]))  # type: ignore[attr-defined]


def _coarse(values: Floats, cells: int) -> Floats:
    """Sums over cells × cells parts of a square (S, S)."""
    at = np.linspace(0, len(values), min(cells, len(values)) + 1).astype(int)[:-1]
    return np.asarray(np.add.reduceat(np.add.reduceat(values, at, axis=0), at, axis=1))


METHODS: dict[str, Method] = {
    "own": own,
    "cam": cam,
    "occlusion": occlusion,
    "integrated_gradients": integrated_gradients,
}
