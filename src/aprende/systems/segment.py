"""Pictures into regions: which class every pixel of a picture belongs to, learnt from pictures with masks.

U-Net (Ronneberger et al. 2015) with EfficientNet-Lite0 (Tan and Le 2019) as encoder, or a small residual one that
learns from nothing; pixels weighed by class, soft Dice beside the cross-entropy; weights averaged over training.
Pictures are seen whole at a working size, or in tiles that overlap where they are much larger.
"""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aprende.core import embedded
from aprende.core.contract import (
    PARTS,
    Array,
    Arrays,
    Card,
    Data,
    Evaluation,
    Learner,
    Note,
    Predict,
    Predictor,
    Source,
    System,
    Table,
    Wrapping,
    no_network,
)
from aprende.core.engine import Engine
from aprende.core.errors import DataError, SettingError, unknown
from aprende.core.fields import VOID, Boolean, Columns, Field, Image, Json, Mask, Probabilities, take
from aprende.core.fields.masks import resized
from aprende.core.words import t
from aprende.intake import classes, framed, frames
from aprende.intake.frames import Frame
from aprende.intake.masks import translated
from aprende.intake.pictures import natural
from aprende.methods.segmentation import regions
from aprende.methods.segmentation.drawings import drawings
from aprende.methods.segmentation.recipes import SegmentSettings, plan, seen, shape

AT_ONCE, PIXELS_AT_ONCE = 16, 700_000  # small frames in one forward pass of predict; pixels of larger ones
OVERLAP = 0.25  # of tiles when predicting
ENOUGH_VALID = 500  # pictures of valid that are enough
FINE = 0.85  # mean IoU that masks must keep when they are shrunk with their pictures, else those are cut into tiles
CELLS = 48  # along the longer side of a class's map


class Scenes(Data):
    """Pictures and masks, row by row of the usable ones; frames of them to learn from. rows: part → rows."""

    def __init__(self, source: Table, loaded: framed.Framed, facts: dict[str, Json]) -> None:
        self.loaded, self.keys, self.facts = loaded, classes.keys(loaded.pictures), facts
        kept = take({n: source.columns[n] for n in ("image", "mask")}, loaded.pictures.kept)
        self.pictures, self.masks = kept["image"], kept["mask"]
        self.table = _table(source, facts)
        self.inputs, self.outputs = fields(facts)
        self.rows: dict[str, Array] = dict.fromkeys(PARTS, np.zeros(0, np.int64))
        self.notes: list[Note] = [*loaded.pictures.notes]
        self.groups: Array | None = None

    def ids(self, part: str) -> set[str]:
        return {self.keys[i] for i in self.rows[part]}

    def examples(self, part: str, n: int) -> Columns:
        return take({"image": self.pictures}, self.rows[part][:n])

    def truths(self, part: str, rows: Any) -> Columns:
        """Return the true masks of these units of a part."""
        return {"mask": [self.truth(int(self.rows[part][row])) for row in rows]}

    def truth(self, row: int) -> NDArray[np.uint8]:
        """Return a picture's true mask in its own size: places in facts["classes"], or VOID."""
        return np.asarray(self.table[np.asarray(self.masks[row])])

    def frames(self, part: str) -> Any:
        """Return a part as training takes it."""
        from aprende.methods.segmentation.learning import Frames

        return Frames(self.loaded.rows, self.loaded.of(self.rows[part]), self.table)


class Segmenter(Predictor):
    """image → frames uint8 (n, H, W, C) → probability of each class at each place, embedding → mask in the picture's
    own size, share of its area that each class covers, unlike or not."""

    def __init__(self, facts: dict[str, Json], arrays: Arrays) -> None:
        self.facts, self.arrays, self.forward = facts, arrays, no_network
        self.inputs, self.outputs = fields(facts)
        self.frame = Frame(*facts["frame"])
        self.at_once = max(1, min(AT_ONCE, PIXELS_AT_ONCE // (self.frame.height * self.frame.width)))

    def predict(self, columns: Columns) -> Columns:
        masks, shares, unlike = [], [], []
        for picture, probabilities, embedding in self._seen(columns["image"]):
            masks.append(winners(probabilities, *picture.shape[:2]))
            shares.append(self.outputs["mask"].shares(masks[-1]))  # type: ignore[attr-defined]
            unlike.append(embedding.mean(axis=0))
        strange = embedded.unlike(self.arrays, self.facts.get("unlike_from", 0.0), np.stack(unlike))
        return {"mask": masks, "shares": np.stack(shares), "unlike": strange}

    def place_map(self, picture: Any, name: str) -> NDArray[np.float32]:
        """Return the probability of a class by place over the whole picture, (h, w), at most CELLS a side."""
        ((_, probabilities, _),) = self._seen([picture])
        held = probabilities[self.facts["classes"].index(name)]
        step = max(1, -(-max(held.shape) // CELLS))
        high, wide = (max(1, side // step) for side in held.shape)
        means = [part.mean(axis=1) for part in np.array_split(held, wide, axis=1)]
        return np.stack([part.mean(axis=0) for part in np.array_split(np.stack(means, axis=1), high)])

    def encode(self, pictures: Any) -> Arrays:
        """Return the middle of each picture, at the scale at which the network sees it: uint8 (n, S, S, C)."""
        return {"pictures": np.stack([frames.middle(picture, self.frame) for picture in pictures])}

    def reach(self, height: int, width: int) -> tuple[float, float]:
        """Return which shares of a picture's height and width `encode` keeps."""
        return self.frame.reach(height, width)

    def opened(self, weights: Arrays) -> Any:
        """Return the trained network as a torch module that looks once (`insight.opened.Openable`)."""
        from aprende.networks import unet
        from aprende.networks.graph import restored

        return restored(unet.make(unet.Shape(**self.facts["shape"])), weights)

    def _seen(self, pictures: Any) -> Iterator[tuple[Any, NDArray[np.float32], Array]]:
        """Give each picture with its probabilities (K, h, w) at the working scale and its frames' embeddings (m, D)."""
        waiting: list[tuple[Any, Array]] = []
        for picture in pictures:
            waiting.append((picture, frames.framed(picture, None, self.frame, OVERLAP)))
            if sum(len(views) for _, views in waiting) >= self.at_once:
                yield from self._through(waiting)
                waiting = []
        if waiting:
            yield from self._through(waiting)

    def _through(self, waiting: list[tuple[Any, Array]]) -> Iterator[tuple[Any, NDArray[np.float32], Array]]:
        views, few = np.concatenate([held for _, held in waiting]), self.at_once
        found = [self.forward({"pictures": views[at : at + few]}) for at in range(0, len(views), few)]
        shares, embedding = (np.concatenate([f[n] for f in found]) for n in ("probabilities", "embedding"))
        begin = 0
        for picture, held in waiting:
            own = slice(begin, begin := begin + len(held))
            high, wide = self.frame.sides(*picture.shape[:2])
            yield picture, frames.joined(shares[own], self.frame, high, wide, OVERLAP), embedding[own]


def winners(shares: NDArray[np.float32], height: int, width: int) -> NDArray[np.uint8]:
    """Return the likeliest class of each pixel of a picture (height, width) from maps (K, h, w) of another size."""
    found = np.empty((height, width), np.uint8)
    for rows, held in frames.enlarged(shares, height, width):
        found[rows] = held.argmax(axis=0)
    return found


class SegmentLearner(Wrapping):
    """Descent (`methods.segmentation.learning`); in the end what train looked like is kept."""

    def __init__(self, settings: SegmentSettings, predictor: Segmenter, data: Scenes, engine: Engine) -> None:
        engine.begin()
        from aprende.methods.segmentation.learning import MaskLearner
        from aprende.networks import unet
        from aprende.networks.graph import Graph

        self.predictor, self.data = predictor, data
        net = unet.make(unet.Shape(**data.facts["shape"]))
        self.inner = MaskLearner(net, plan(settings, data.facts), data.frames("train"), data.frames("valid"), engine)
        example = {"pictures": np.ascontiguousarray(data.loaded.rows[:1, ..., :-1])}
        predictor.network = predictor.forward = self.graph = Graph(net, example, ["probabilities", "embedding"])

    def finish(self) -> None:
        self.inner.finish()
        self.predictor.facts["looks"] = self.inner.net.looks
        remembered = embedded.remember(*(self._embedded(part) for part in ("train", "valid")))
        if remembered is not None:
            self.predictor.arrays, self.predictor.facts["unlike_from"] = remembered

    def _embedded(self, part: str) -> Array:
        """Embeddings of a part's pictures, each the mean of its frames': (n, D)."""
        data, found = self.data, []
        for row in data.rows[part][: embedded.REFERENCE]:
            held = data.loaded.rows[data.loaded.of(np.array([row])), ..., :-1]
            found.append(self.graph({"pictures": np.ascontiguousarray(held)})["embedding"].mean(axis=0))
        return np.stack(found) if found else np.zeros((0, 1), np.float32)


class Segment(System):
    """Pictures → masks."""

    name = "segment"
    card: ClassVar[Card] = Card(
        title="Pictures into regions",
        idea="Tells what is where in a picture, from pictures with masks.",
        family="supervised",
        metric="mean IoU",
        paper="Ronneberger et al. 2015 (U-Net); Tan and Le 2019 (EfficientNet)",
        deviations="Pretrained encoder, padding, norms; a size that an ordinary processor trains in minutes.",
    )
    Settings = SegmentSettings
    tiny: ClassVar[dict[str, Any]] = {"steps": 12, "encoder": "resnet", "width": 8, "batch": 8, "lr": 0.01}

    def example(self) -> Source:
        """Return 96 small drawings of discs and squares with their masks, made here."""
        return drawings(96)

    def accepts(self, source: Source) -> str:
        held = {"image": Image, "mask": Mask}
        if all(isinstance(source.fields.get(name), kind) for name, kind in held.items()):
            return ""
        return t(
            "Expected pictures with masks: a folder with images/ and masks/ (files of the same names), or 1.jpg beside"
            " 1_mask.png."
        )

    def data(self, source: Source, settings: SegmentSettings) -> Scenes:
        names = [name for name in source.fields["mask"].classes if name not in _void(source, settings)]  # type: ignore[attr-defined]
        _, channels = natural(source.columns["image"])
        sizes = framed.sizes(source.columns["image"]) or [(64, 64)]
        longest, least = seen(settings, sizes, _learnt(source, settings))
        frame = frames.suited(sizes, longest, least, channels)
        if settings.tiles == "yes" or (
            settings.tiles == "auto" and framed.survival(source.columns["mask"], frame) < FINE
        ):
            frame = frames.tiled(sizes, longest, least, channels)
        loaded = framed.load(source.columns["image"], source.columns["mask"], frame)
        if not len(loaded.pictures.kept):
            raise DataError(t("No picture with its mask can be used. {why}", why=_why(loaded)))
        rows = classes.part(source, loaded.pictures, settings, min(0.15, ENOUGH_VALID / len(loaded.pictures.kept)))
        train = loaded.of(rows.train)
        counts = _areas(loaded.rows, train)
        present = {name for name, count in zip(source.fields["mask"].classes, counts, strict=False) if count}  # type: ignore[attr-defined]
        facts = _facts(settings, frame, [name for name in names if name in present], loaded, train)
        data = Scenes(source, loaded, facts)
        own = [source.fields["mask"].classes.index(name) for name in facts["classes"]]  # type: ignore[attr-defined]
        facts["areas"] = counts[own].tolist()
        data.rows = {part: getattr(rows, part) for part in PARTS}
        data.notes += _told(data, names, present, _void(source, settings), rows.copies)
        groups = classes.group_names(source, settings.group, loaded.pictures.kept)
        data.groups = None if groups is None else np.array(groups)
        return data

    def test_data(self, source: Source, settings: SegmentSettings, facts: dict[str, Json]) -> Scenes:
        if why := self.accepts(source):
            raise DataError(why)
        loaded = framed.load(source.columns["image"], source.columns["mask"], Frame(*facts["frame"]))
        data = Scenes(source, loaded, facts)
        data.rows["test"] = np.arange(len(data.keys))
        if not len(data.keys) or not (data.table != VOID).any():
            raise DataError(
                t(
                    "The masks hold none of the classes that the model knows: {names}.",
                    names=", ".join(facts["classes"]),
                )
            )
        return data

    def build(self, settings: SegmentSettings, facts: dict[str, Json], arrays: Arrays) -> Segmenter:
        return Segmenter(facts, arrays)

    def learner(self, settings: SegmentSettings, predictor: Predictor, data: Any, engine: Engine) -> Learner:
        return SegmentLearner(settings, predictor, data, engine)  # type: ignore[arg-type]

    def evaluate(self, predict: Predict, data: Scenes, part: str = "test", limit: int = 0) -> Evaluation:
        names = data.facts["classes"]
        rows = data.rows[part][: limit or None]
        columns = data.examples(part, len(rows))
        counts, edges = [], []
        for at in range(0, len(rows), AT_ONCE):
            said = predict(take(columns, slice(at, at + AT_ONCE)))["mask"]
            for row, mask in zip(rows[at : at + AT_ONCE], said, strict=True):
                truth = resized(data.truth(int(row)), *mask.shape)
                counts.append(regions.confusion(truth, np.asarray(mask), len(names)))
                edges.append(regions.boundary_score(truth, np.asarray(mask), len(names)))
        units = regions.units(counts, edges, len(names))
        return Evaluation(units, regions.metrics(names), "mean IoU", None if data.groups is None else data.groups[rows])

    def baselines(self, data: Scenes, settings: SegmentSettings) -> dict[str, Callable[[], Predict]]:
        seconds = min(60.0, 12 * settings.minutes)
        return {
            "majority": lambda: majority(data),
            "superpixels and random forest": lambda: traditional(data, seconds, settings.seed),
        }


def fields(facts: dict[str, Json]) -> tuple[dict[str, Field], dict[str, Field]]:
    """Return the input and the output fields."""
    names, side = tuple(facts["classes"]), max(facts["frame"][:2])
    inputs: dict[str, Field] = {"image": Image(facts["frame"][2], side, whole=True)}
    return inputs, {"mask": Mask(names, side), "shares": Probabilities(names), "unlike": Boolean()}


def _table(source: Table, facts: dict[str, Json]) -> NDArray[np.uint8]:
    """From places in the source's classes to places in the model's, (256,)."""
    own = source.fields["mask"].classes  # type: ignore[attr-defined]
    return translated(np.arange(256).astype(np.uint8), own, facts["classes"])


def _void(source: Table, settings: SegmentSettings) -> tuple[str, ...]:
    """The classes that the user takes for none; raise SettingError with the nearest name for an unknown one."""
    known = source.fields["mask"].classes  # type: ignore[attr-defined]
    for name in settings.void:
        if name not in known:
            raise SettingError(unknown(t("class"), name, known))
    return settings.void


def _learnt(source: Table, settings: SegmentSettings) -> int:
    """About how many pictures will be learnt from."""
    given = list(source.parts or ()).count("train")
    return given or round(source.rows * (1 - settings.test_share) * 0.85)


def _areas(rows: NDArray[np.uint8], which: Array) -> NDArray[np.int64]:
    """How many pixels of these frames are of each class of the source, (256,)."""
    counts = np.zeros(256, np.int64)
    for row in which:
        counts += np.bincount(rows[row, ..., -1].ravel(), minlength=256)
    return counts


def _facts(
    settings: SegmentSettings, frame: Frame, names: list[str], loaded: framed.Framed, train: Array
) -> dict[str, Json]:
    """All that describes the network and what it answers; raise DataError where there is nothing to tell apart."""
    if len(names) < 2:
        raise DataError(
            t("The masks of train hold fewer than two classes ({names}): there is nothing to tell apart.",
              names=", ".join(names))
        )  # fmt: skip
    pixels = loaded.rows[train[:: max(1, len(train) // 200)], ..., :-1].reshape(-1, frame.channels).astype(np.float32)
    levels = {"mean": pixels.mean(axis=0).round(2).tolist(), "std": pixels.std(axis=0).clip(1.0).round(2).tolist()}
    held = [frame.height, frame.width, frame.channels, frame.zoom]
    network = shape(settings, len(names), max(frame.height, frame.width), frame.channels) | levels
    return {"classes": names, "frame": held, "shape": network, "pictures": len(train)}


def _told(data: Scenes, names: list[str], present: set[str], void: tuple[str, ...], copies: int) -> list[Note]:
    """Notes on how pictures are seen, on copies, and on classes that cannot be learnt."""
    frame, notes = Frame(*data.facts["frame"]), []
    size = f"{frame.width} × {frame.height}"
    said = (
        t("pictures are seen in tiles of {size}", size=size)
        if frame.zoom
        else t("pictures are seen at {size}", size=size)
    )
    notes.append(Note(said, "info", "image"))
    if void:
        notes.append(Note(t("{names}: taken for no class, as asked", names=", ".join(void)), "info", "mask"))
    if absent := [name for name in names if name not in present]:
        said = t("classes of which train holds nothing: they cannot be learnt: {names}", names=", ".join(absent))
        notes.append(Note(said, "warning", "mask", len(absent)))
    if copies:
        notes.append(Note(t("copies of other pictures: never on two sides of a split"), "info", "image", copies))
    return notes


def _why(loaded: framed.Framed) -> str:
    return "; ".join(note.text for note in loaded.pictures.notes)


def majority(data: Scenes) -> Predict:
    """Return what answers every pixel with the class that covers most of train."""
    place = int(np.argmax(data.facts["areas"]))
    return lambda columns: {"mask": [np.full(np.asarray(p).shape[:2], place, np.uint8) for p in columns["image"]]}


def traditional(data: Scenes, seconds: float, seed: int) -> Predict:
    """Return superpixels, hand-made features and a random forest, as before networks learnt features."""
    from aprende.methods.segmentation import superpixels

    held = data.frames("train")
    views = data.loaded.rows[held.rows[:: max(1, len(held.rows) // superpixels.MOST)]]
    made = superpixels.fit(views[..., :-1], data.table[views[..., -1]], seconds, seed)
    return lambda columns: {"mask": [made.mask(np.asarray(p)) for p in columns["image"]]}


SYSTEM = Segment()
