"""Whether a map tells the truth about a model: take away what it marks, and put it back (Petsiuk et al. 2018).

Works through `predict` alone, for any model of pictures and any map; a pretty map that the answer does not depend on is
found out beside a random map of the same grain and one that always points to the middle. Knows no system.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.fields import Columns
from aprende.core.model import Model
from aprende.core.words import t
from aprende.insight.maps import asked, grey
from aprende.insight.watched import Floats, Watched

Pixels = NDArray[np.uint8]
STEPS, DRAWS = 16, 3  # of taking away; random maps
SIDE = 256  # pixels of a larger picture are not needed
BLUR = 12  # part of the side over which the picture is blurred before anything is put back


@dataclass(frozen=True)
class Areas:
    """deletion: the mean answer while places are taken away, the most marked first: a true map makes it small.

    insertion: the mean answer while they are put back into a blurred picture: a true map makes it large.
    """

    deletion: float
    insertion: float

    @property
    def score(self) -> float:
        """insertion − deletion: one figure, the higher the truer."""
        return self.insertion - self.deletion


@dataclass(frozen=True)
class Faithfulness:
    """The areas of a map, of random maps of the same grain (their mean), and of one that points to the middle."""

    own: Areas
    random: Areas
    centre: Areas

    @property
    def best(self) -> bool:
        """Whether the map is truer than a random one and than the middle."""
        return self.own.score > max(self.random.score, self.centre.score)


def faithfulness(model: Model, row: Columns, name: str, watch: Watched, heat: Floats, seed: int = 0) -> Faithfulness:
    """Return how faithful a map (h, w) of one picture is; NaN in it: places that the network does not see."""
    picture, rng = reduced(row[name][0]), np.random.default_rng(seed)
    maps = [heat, *(_where_seen(heat, rng.random(heat.shape)) for _ in range(DRAWS))]
    maps.append(_where_seen(heat, _middle(*heat.shape)))
    pictures = [picture, *(p for one in maps for p in _changed(picture, order_of(one, picture.shape, rng)))]
    values = watch.values(asked(model, row, name, pictures))
    if watch.place is None:
        values = _as_shares(values)
    each = values[1:].reshape(len(maps), 2, STEPS)
    areas = [Areas(*(float(np.trapezoid(curve) / STEPS) for curve in _curves(values[0], one))) for one in each]
    chance = Areas(*(float(np.mean([getattr(a, k) for a in areas[1:-1]])) for k in ("deletion", "insertion")))
    return Faithfulness(areas[0], chance, areas[-1])


def _curves(whole: float, steps: Floats) -> tuple[Floats, Floats]:
    """Deletion begins, and insertion ends, with the whole picture: (STEPS + 1,) each."""
    return np.r_[whole, steps[0]], np.r_[steps[1], whole]


def _as_shares(values: Floats) -> Floats:
    """Numbers of any unit: 1 what the whole picture gets, 0 what is left when all is grey (the last deletion)."""
    empty = values[STEPS]
    return np.asarray((values - empty) / (values[0] - empty if abs(values[0] - empty) > 1e-12 else 1.0))


def _where_seen(heat: Floats, other: Floats) -> Floats:
    return np.asarray(np.where(np.isnan(heat), np.nan, other))


def _middle(height: int, width: int) -> Floats:
    down, right = np.mgrid[:height, :width]
    return np.asarray(-np.hypot((down + 0.5) / height - 0.5, (right + 0.5) / width - 0.5))


def order_of(heat: Floats, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the pixels of a picture of this shape, the most marked first; equals, and the unseen at the end, in any
    order: flat (H · W,)."""
    from PIL import Image

    low, high = np.nanmin(heat), np.nanmax(heat)
    filled = np.where(np.isnan(heat), low - 0.5 * (high - low) - 1e-9, heat)
    grown = np.asarray(
        Image.fromarray(filled.astype(np.float32)).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    )
    return np.lexsort((rng.random(grown.size), -grown.ravel()))


def _changed(picture: Pixels, order: NDArray[np.int64]) -> list[Pixels]:
    """STEPS pictures with more and more taken away (the last all grey), then STEPS with more and more put back."""
    blurred, nothing = _blurred(picture), np.broadcast_to(grey(picture), picture.shape)
    cuts = np.linspace(0, len(order), STEPS + 1).astype(int)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    rank = rank.reshape(*picture.shape[:2], 1)
    taken = [np.where(rank < cut, nothing, picture) for cut in cuts[1:]]
    return [*taken, *(np.where(rank < cut, picture, blurred) for cut in cuts[:-1])]


def reduced(picture: Pixels) -> Pixels:
    """Return a picture whose longer side is at most SIDE."""
    from PIL import Image

    if max(picture.shape[:2]) <= SIDE:
        return picture
    image = _image(picture)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(image.height, image.width, picture.shape[2])


def _blurred(picture: Pixels) -> Pixels:
    from PIL import ImageFilter

    made = _image(picture).filter(ImageFilter.GaussianBlur(max(picture.shape[:2]) / BLUR))
    return np.asarray(made).reshape(picture.shape)


def _image(picture: Pixels) -> Any:
    from PIL import Image

    return Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else np.ascontiguousarray(picture))


def in_words(found: Faithfulness) -> str:
    """Return the figure in one sentence: whether this map can be trusted."""
    own, chance, middle = (f"{a.score:.2f}" for a in (found.own, found.random, found.centre))
    figures = {"own": own, "chance": chance, "middle": middle}
    if found.best:
        return t(
            "Faithful: taking away and putting back what the map marks changes the answer more ({own}) than a random "
            "map ({chance}) and the middle ({middle}) do.", **figures,
        )  # fmt: skip
    if found.own.score > found.random.score:
        return t(
            "Doubtful: the map ({own}) is more faithful than a random one ({chance}), but not than pointing to the "
            "middle ({middle}).", **figures,
        )  # fmt: skip
    return t(
        "Not faithful: taking away what the map marks changes the answer ({own}) no more than a random map ({chance}) "
        "does. Do not trust this picture.", **figures,
    )  # fmt: skip
