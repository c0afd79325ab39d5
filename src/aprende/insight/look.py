"""What a network of pictures has learnt, layer by layer: levels, Hubel and Wiesel's experiment, feature space.

Puts together what the room's other files measure, and returns plain arrays and numbers; drawing them is the app's.
Knows no system: it works on what a predictor offers (`opened.Openable`, `Handmade`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Array, Arrays
from aprende.core.model import Model
from aprende.core.words import t
from aprende.insight import levels, receptive, space, stimuli, tuning
from aprende.insight.disorder import disordered
from aprende.insight.levels import Excited, Pixels
from aprende.insight.opened import Layer, Opened, open_network, pixels_of
from aprende.insight.survey import Surveyed, survey
from aprende.insight.tuning import Tuning

Say = Callable[[str], None]
SHIFTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4)  # of the picture's side
EIGHTH = 2  # which of them is spoken of
SMALL = 64  # side up to which pictures are small
SHIFTED, FELT = (200, 48), (32, 6)  # small and large pictures that are shifted, and by which fields are felt out
SETTLED = 128, 32  # small and large pictures by which the norms of the disordered network are set
SHOWN = 400  # points on a plane
PIXEL_GRID = 8  # places of the picture itself that are compared when it is shifted


@runtime_checkable
class Handmade(Protocol):
    """A predictor that tells what was made by hand before networks learnt it."""

    def handmade(self, pictures: Array) -> Arrays:
        """Return hand-made features (n, d) of pictures uint8 (n, S, S, C), by name."""


@dataclass(frozen=True)
class Sample:
    """Pictures to look with. truth (n,): places in `classes`, None where classes are not known.

    answers: what the network's answers are called. made: they are made here (gratings), no real pictures were at hand.
    source: said to the reader. learnt: from how many of them the network has learnt.
    """

    pictures: Any
    truth: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    source: str = ""
    made: bool = False
    learnt: int = 0


@dataclass(frozen=True)
class Place:
    """A row of the table: a layer in Hubel and Wiesel's experiment, or the picture itself (no tuning).

    field, used: sides in pixels of the field that kernels allow (0: all) and of the one that is used (NaN: unknown, no
    gradient passes). steady: for each
    shift (pixels, value, low, high); built: the same under an eighth of the side, of the network with its weights in
    disorder. freedom (U,): pixels over which a bar may lie.
    """

    name: str
    kind: str
    units: int
    field: int = 0
    used: float = 0.0
    tuning: Tuning | None = None
    freedom: NDArray[Any] | None = None
    steady: tuple[tuple[int, float, float, float], ...] = ()
    built: tuple[int, float, float, float] | None = None

    def held(self, shift: int = EIGHTH) -> float:
        """How steady it is under one of the shifts: by default an eighth of the picture's side."""
        return self.steady[shift][1] if self.steady else float("nan")


@dataclass(frozen=True)
class Level:
    """Units of a layer with what excites them."""

    layer: Layer
    excited: list[Excited]


@dataclass(frozen=True)
class Features:
    """A layer (or pixels, or hand-made features) as a space: planes name → (n, 2), probe, and how many dimensions."""

    name: str
    kind: str
    dimensions: int
    probe: space.Probe | None
    planes: dict[str, NDArray[np.float64]]
    handmade: bool = False


@dataclass(frozen=True)
class Look:
    """Everything that was found. `pixels` are the sample's pictures as the network takes them (n, S, S, C).

    influence: for each layer how much each place moves the middle unit (S, S). filters: the first layer's kernels as
    pictures (n, k, k, 1 or 3); by_kernel, by_chance: the orientation selectivity of each, and of the same weights in a
    random order.
    """

    size: int
    sample: Sample
    pixels: Pixels
    filters: Pixels | None
    by_kernel: NDArray[np.float64] | None
    by_chance: NDArray[np.float64] | None
    levels: list[Level]
    orientations: NDArray[np.float64]
    places: list[Place]
    influence: list[NDArray[np.float64]]
    features: list[Features]
    shown: NDArray[np.int64]  # rows of `pixels` on the planes


def look(model: Model, sample: Sample, say: Say = lambda _: None) -> Look:
    """Look into a model's network. say: is told what is being done.

    Raises MissingExtra without torch, InputError where the model's network cannot be opened.
    """
    network = open_network(model)
    pixels = pixels_of(model.predictor, sample.pictures)  # type: ignore[arg-type]
    say(t("{n} pictures pass through {layers} layers", n=len(pixels), layers=len(network.layers)))
    found = survey(network, pixels)
    say(t("gratings and bars are shown"))
    influence = receptive.influence(network, _some(pixels, FELT))
    places = experiment(network, pixels, influence)
    say(t("stimuli are made for units of each layer"))
    excited = climbed(network, pixels, found, places, influence)
    say(t("classes are told apart at each layer"))
    rows = np.sort(np.random.default_rng(0).permutation(len(pixels))[:SHOWN])
    features = [] if sample.made else spaces(network, model.predictor, pixels, found, sample.truth, rows)
    return Look(
        network.size, sample, pixels, *first_layer(network), excited, stimuli.orientations(), places, influence,
        features, rows,
    )  # fmt: skip


def first_layer(network: Opened) -> tuple[Any, Any, Any]:
    """Return the first layer's kernels as pictures, their selectivity, and that of the same weights in any order."""
    weights = levels.kernels(network)
    if weights is None:
        return None, None, None
    waves = stimuli.gratings(network.size)
    found = [tuning.of_kernels(w, waves.pictures, waves.orientations) for w in (weights, tuning.shuffled(weights))]
    return levels.as_pictures(weights), found[0], found[1]


def _some(pixels: Pixels, many: tuple[int, int]) -> Pixels:
    return pixels[: many[0] if pixels.shape[1] <= SMALL else many[1]]


# ---- Hubel and Wiesel ------------------------------------------------------------------------------------------------


def experiment(network: Opened, pixels: Pixels, influence: list[NDArray[np.float64]]) -> list[Place]:
    """Return the picture itself and every layer, each with its fields, its tuning and how steady it is."""
    waves, bars, size = stimuli.gratings(network.size), stimuli.bars(network.size), network.size
    to_waves, to_bars = (network.centres(s.pictures.reshape(-1, size, size)) for s in (waves, bars))
    blank = [found[0] for found in network.centres(np.full((1, size, size), stimuli.GREY, np.float32))]
    steady = _steadiness(network, _some(pixels, SHIFTED))
    unlearnt = _steadiness(disordered(network, _some(pixels, SETTLED)), _some(pixels, SHIFTED), SHIFTS[EIGHTH:][:1])
    rows = [Place("", t("the picture itself"), pixels[0].size, 1, 1.0, steady=steady[0])]
    fields = receptive.theoretical(network)
    for i, layer in enumerate(network.layers):
        tuned = tuning.tuned(
            to_waves[i].reshape(*waves.pictures.shape[:3], -1), blank[i], waves.orientations, waves.periods
        )
        free = tuning.freedom(to_bars[i].reshape(*bars.pictures.shape[:3], -1), blank[i], bars.places)
        used = receptive.side_of(influence[i])
        own, built = steady[i + 1], unlearnt[i + 1][0]
        rows.append(Place(layer.name, layer.kind, layer.units, fields[i], used, tuned, free, own, built))
    return rows


def _steadiness(
    network: Opened, pixels: Pixels, shifts: tuple[float, ...] = SHIFTS
) -> list[tuple[tuple[int, float, float, float], ...]]:
    """For the picture itself and each layer: (pixels, value, low, high) of each shift."""
    by_shift = []
    base = _seen(network, pixels)
    for share in shifts:
        far = max(1, round(share * network.size))
        ways = [_seen(network, tuning.moved(pixels, *way)) for way in ((far, 0), (-far, 0), (0, far), (0, -far))]
        layers = zip(*ways, strict=True)
        by_shift.append([(far, *tuning.steadiness(b, np.stack(w))) for b, w in zip(base, layers, strict=True)])
    return [tuple(layer) for layer in zip(*by_shift, strict=True)]


def _seen(network: Opened, pixels: Pixels) -> list[NDArray[np.float32]]:
    """Some pixels of the picture itself, then each layer's units in the middle: (n, units) each."""
    at = ((np.arange(PIXEL_GRID) + 0.5) * network.size / PIXEL_GRID).astype(int)
    own = pixels[:, at][:, :, at].reshape(len(pixels), -1).astype(np.float32)
    return [own, *network.centres(pixels)]


# ---- levels ----------------------------------------------------------------------------------------------------------


def climbed(
    network: Opened,
    pixels: Pixels,
    found: list[Surveyed],
    places: list[Place],
    influence: list[NDArray[np.float64]],
) -> list[Level]:
    """Return some units of each layer with the pieces of pictures, and the stimuli, that excite them most."""
    likeness, made = levels.likeness_of(pixels), []
    for layer, noted, place in zip(network.layers, found, places[1:], strict=True):
        units = levels.chosen(noted.strongest, layer.last, levels.UNITS[network.size > SMALL])
        if not units:
            continue
        side = _window(place, network.size)
        pictures, answers = levels.stimuli(network, layer, units, _window(place, network.size), likeness)
        middle = np.full(2, network.size / 2, np.float32)
        excited = []
        for unit, picture, answer in zip(units, pictures, answers, strict=True):
            cut, best = levels.pieces(pixels, noted, unit, side)
            excited.append(Excited(unit, cut, best, levels.piece(picture, middle, side), float(answer)))
        made.append(Level(layer, excited))
    return made


def _window(place: Place, size: int) -> int:
    """The side of what is shown of a picture: the field that is allowed, or twice the one that is used."""
    allowed = min(place.field or size, size)
    return allowed if np.isnan(place.used) else int(min(allowed, max(3, round(2 * place.used))))


# ---- feature space ---------------------------------------------------------------------------------------------------


def spaces(
    network: Opened,
    predictor: Any,
    pixels: Pixels,
    found: list[Surveyed],
    truth: NDArray[np.int64] | None,
    rows: NDArray[np.int64],
) -> list[Features]:
    """Return pixels, hand-made features and every layer as spaces."""
    made = predictor.handmade(pixels) if isinstance(predictor, Handmade) else {}
    given = [("", t("pixels"), _plain(pixels), False)]
    given += [(name, t(name), values, True) for name, values in made.items()]
    if len(made) > 1:
        given.append(("handmade", t("all by hand"), np.hstack([_even(values) for values in made.values()]), True))
    given += [(x.name, x.kind, f.features, False) for x, f in zip(network.layers, found, strict=True)]
    return [_space(*one, truth, rows) for one in given]


def _plain(pixels: Pixels) -> NDArray[np.float32]:
    """The pictures as numbers (n, d); those of more than SMALL pixels a side are averaged to that."""
    side = pixels.shape[1]
    if side <= SMALL:
        return pixels.reshape(len(pixels), -1).astype(np.float32)
    ends = np.linspace(0, side, SMALL + 1).astype(int)
    rows = [pixels[:, a:b].mean(axis=1, dtype=np.float32) for a, b in pairwise(ends)]
    return np.stack([row[:, a:b].mean(axis=1) for row in rows for a, b in pairwise(ends)], axis=1).reshape(
        len(pixels), -1
    )


def _even(values: Array) -> Array:
    """Features (n, d), scaled so that each family weighs alike."""
    return np.asarray((values - values.mean(axis=0)) / max(float(np.linalg.norm(values.std(axis=0))), 1e-12))


def _space(
    name: str, kind: str, values: Array, handmade: bool, truth: NDArray[np.int64] | None, rows: NDArray[np.int64]
) -> Features:
    judged = None if truth is None else space.probe(values, truth)
    return Features(name, kind, values.shape[1], judged, space.planes(values[rows]), handmade)
