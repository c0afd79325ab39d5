"""Things in pictures: where each of them is, as a box with a class and a score.

One-stage and without anchors, of the FCOS family (Tian et al. 2019): EfficientNet-Lite0 with ImageNet weights and a
feature pyramid; cells are assigned to boxes by how well they do both tasks (TOOD, Feng et al. 2021); quality focal loss
(Li et al. 2020) and generalised IoU (Rezatofighi et al. 2019). Suppression of double boxes is NumPy, not in the graph.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aprende.core import precision
from aprende.core.contract import (
    PARTS,
    Array,
    Arrays,
    Card,
    Data,
    Evaluation,
    Learner,
    Metric,
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
from aprende.core.fields import Boxes, Columns, Field, Image, Json, Number, take
from aprende.core.words import t
from aprende.intake import classes, frames
from aprende.intake.decoder import fitting, whole
from aprende.intake.pictures import Loaded, load, natural, sizes_of
from aprende.methods.detection import recipes
from aprende.methods.detection.boxes import kept
from aprende.methods.detection.drawings import drawings
from aprende.methods.detection.recipes import DetectSettings

AT_ONCE = 16  # pictures in one forward pass of predict
LEAST = 0.05  # boxes of lower score are of no use, not even to measure
MOST = 100  # boxes in one picture, as COCO counts
FEW = 5  # boxes of a class in train that are few

Values = NDArray[np.float32]  # boxes (k, 6): see core.fields.boxes


class Annotated(Data):
    """Pictures, whole on canvases uint8 (n, H, W, C), with their boxes. rows: part → rows of these.

    `column` holds the pictures as they came; `truth` n arrays (k, 6) in their pixels, places in facts["classes"].
    """

    def __init__(self, source: Table, loaded: Loaded, facts: dict[str, Json]) -> None:
        self.column = take({"image": source.columns["image"]}, loaded.kept)["image"]
        self.pixels, self.sizes, self.keys, self.facts = loaded.pixels, loaded.sizes, classes.keys(loaded), facts
        self.inputs, self.outputs = fields(facts)
        self.truth, lost = _renumbered(source, facts, loaded.kept)
        self.rows: dict[str, Array] = dict.fromkeys(PARTS, np.zeros(0, np.int64))
        self.notes: list[Note] = [*loaded.notes]
        if lost:
            said = t("boxes of classes that train does not have: neither learnt nor counted")
            self.notes.append(Note(said, "warning", facts["target"], lost))
        self.groups: Array | None = None

    def ids(self, part: str) -> set[str]:
        return {self.keys[i] for i in self.rows[part]}

    def examples(self, part: str, n: int) -> Columns:
        return take({"image": self.column}, self.rows[part][:n])

    def truths(self, part: str, rows: Sequence[int]) -> Columns:
        """Return the true boxes of these units of a part, and how many there are."""
        held = [self.truth[self.rows[part][row]] for row in rows]
        return {"boxes": held, "count": np.array([(b[:, 5] > 0).sum() for b in held], np.float64)}

    def on_canvas(self) -> list[Values]:
        """Return the true boxes in the pixels of the canvases."""
        return [t * _ones(s) for t, s in zip(self.truth, self._scales(), strict=True)]

    def _scales(self) -> NDArray[np.float32]:
        """By what to multiply pixels of each picture, across and down, to get pixels of its canvas: (n, 2)."""
        height, width = self.pixels.shape[1:3]
        return np.array([scale((int(w), int(h)), height, width) for w, h in self.sizes], np.float32).reshape(-1, 2)


def scale(size: tuple[int, int], height: int, width: int) -> tuple[float, float]:
    """By what to multiply pixels of a picture of this size (width, height) to get those of its canvas."""
    fitted = fitting(size, height, width)
    return fitted[0] / size[0], fitted[1] / size[1]


def _ones(factor: Any) -> Values:
    """(2,) → (6,): what to multiply boxes with, class and score staying as they are."""
    return np.array([*factor, *factor, 1, 1], np.float32)


def _renumbered(source: Table, facts: dict[str, Json], rows: Array) -> tuple[list[Values], int]:
    """Return the boxes of these rows with the places of the model's classes, and how many it does not know."""
    options = source.fields[facts["target"]].options  # type: ignore[attr-defined]
    places = np.array([facts["classes"].index(o) if o in facts["classes"] else -1 for o in options] or [-1])
    found, lost = [], 0
    for row in rows:
        boxes = np.array(source.columns[facts["target"]][int(row)], np.float32).reshape(-1, 6)
        boxes[:, 4] = places[boxes[:, 4].astype(int)]
        lost += int((boxes[:, 4] < 0).sum())
        found.append(boxes[boxes[:, 4] >= 0])
    return found, lost


class Finder(Predictor):
    """image → canvas uint8 (n, H, W, C) → scores (n, A, K), boxes (n, A, 4) → boxes that are kept, and how many."""

    def __init__(self, facts: dict[str, Json], arrays: Arrays) -> None:
        self.facts, self.arrays, self.forward = facts, arrays, no_network
        self.inputs, self.outputs = fields(facts)
        self.frame = frames.Frame(*(facts["shape"][name] for name in ("height", "width", "channels")))

    def predict(self, columns: Columns) -> Columns:
        pictures = columns["image"]
        found: list[Values] = []
        for at in range(0, len(pictures), AT_ONCE):
            found += self._few([np.asarray(p) for p in pictures[at : at + AT_ONCE]])
        count = np.array([(boxes[:, 5] >= self.facts["least"]).sum() for boxes in found], np.float64)
        return {"boxes": found, "count": count}

    def encode(self, pictures: Any) -> Arrays:
        """Return the middle of each picture, at the scale at which the network sees it: uint8 (n, S, S, C)."""
        return {"pictures": np.stack([frames.middle(picture, self.frame) for picture in pictures])}

    def reach(self, height: int, width: int) -> tuple[float, float]:
        """Return which shares of a picture's height and width `encode` keeps."""
        return self.frame.reach(height, width)

    def opened(self, weights: Arrays) -> Any:
        """Return the trained network as a torch module, to be looked into (`insight.opened.Openable`)."""
        from aprende.networks import detector
        from aprende.networks.graph import restored

        return detector.OpenDetector(restored(detector.make(network(self.facts)), weights)).eval()

    def _canvas(self, pictures: Sequence[Any]) -> Arrays:
        """Return pictures (H, W, 1 or 3) of any size, whole, as the network takes them: uint8 (n, H', W', C)."""
        shape = self.facts["shape"]
        size = (shape["height"], shape["width"], shape["channels"])
        return {"pictures": np.stack([p if p.shape == size else whole(p, *size) for p in pictures])}

    def _few(self, pictures: list[Any]) -> list[Values]:
        found = self.forward(self._canvas(pictures))
        rows = zip(pictures, found["scores"], found["boxes"], strict=True)
        return [self._kept(p.shape[:2], scores, boxes) for p, scores, boxes in rows]

    def _kept(self, size: tuple[int, int], scores: Any, boxes: Any) -> Values:
        """Return the boxes of one picture in its own pixels: (k, 6), cell by cell, so that ties change no order."""
        facts, shape = self.facts, self.facts["shape"]
        places, left = kept(scores, boxes, LEAST, facts["overlap"], facts["soft"], MOST)
        across, down = scale(size[::-1], shape["height"], shape["width"])
        ends = boxes[places[:, 0]] / np.array([across, down, across, down], np.float32)
        ends = np.clip(ends, 0, np.array([size[1], size[0]] * 2, np.float32))
        return np.column_stack([ends, places[:, 1], left]).astype(np.float32)


class DetectLearner(Wrapping):
    """Descent (`methods.detection.learning`); in the end the threshold is chosen on valid."""

    def __init__(self, settings: DetectSettings, predictor: Finder, data: Annotated, engine: Engine) -> None:
        engine.begin()
        from aprende.methods.detection.augment import Augment
        from aprende.methods.detection.learning import Boxed, DetectionLearner, Plan
        from aprende.networks import detector
        from aprende.networks.graph import Graph

        self.predictor, self.data = predictor, data
        net = detector.make(network(data.facts))
        truth, sideways = data.on_canvas(), settings.flips != "none"
        train, valid = (Boxed(data.pixels, truth, data.rows[part]) for part in ("train", "valid"))
        augment = Augment(
            sideways, settings.flips == "both", 1 / settings.zoom, settings.zoom, settings.colour, settings.mosaic
        )
        batch = settings.batch or int(np.clip(len(train) // 8, 1, 8))
        plan = Plan(recipes.recipe(settings), augment, batch, settings.frozen, {"body": 0.3})
        self.inner = DetectionLearner(net, plan, train, valid, engine)
        predictor.network = predictor.forward = Graph(net, {"pictures": data.pixels[:1]}, ["scores", "boxes"])

    def finish(self) -> None:
        self.inner.finish()
        part = "valid" if len(self.data.rows["valid"]) else "train"
        units = evaluated(self.predictor.predict, self.data, part)
        facts = self.predictor.facts
        facts["least"], facts["f1"] = (round(v, 4) for v in precision.best_threshold(units))
        facts["least"] = max(facts["least"], LEAST)
        self.predictor.inputs, self.predictor.outputs = fields(facts)


def network(facts: dict[str, Json]) -> Any:
    """Return which network it is (`networks.detector.Shape`)."""
    from aprende.networks.detector import Shape

    return Shape(**facts["shape"] | {"strides": tuple(facts["shape"]["strides"])})


def evaluated(predict: Predict, data: Annotated, part: str, limit: int = 0) -> Arrays:
    """Return what `precision.units` keeps of a part's pictures."""
    rows = data.rows[part][: limit or None]
    found = predict(data.examples(part, len(rows)))
    truth = [data.truth[row] for row in rows]
    return precision.units(found["boxes"], truth, np.asarray(found["count"]), len(data.facts["classes"]))


class Detect(System):
    """Pictures → boxes."""

    name = "detect"
    card: ClassVar[Card] = Card(
        title="Things in pictures",
        idea="Finds things in pictures and draws a box around each, from pictures whose things are boxed.",
        family="supervised",
        metric="AP50",
        paper="Tian et al. 2019 (FCOS); Feng et al. 2021 (TOOD); Tan and Le 2019 (EfficientNet)",
        deviations="EfficientNet-Lite0 and a light head, on one map where things are of like size; generalised IoU.",
    )
    Settings = DetectSettings
    tiny: ClassVar[dict[str, Any]] = {"steps": 4, "size": 64, "batch": 8}

    def example(self) -> Source:
        """Return 120 small drawings of discs and squares with their boxes, made here."""
        return drawings(120)

    def accepts(self, source: Source) -> str:
        if "image" not in source.fields or not isinstance(source.fields["image"], Image):
            return t("Expected pictures whose things are told by boxes: COCO, Pascal VOC, YOLO, or a table of boxes.")
        if not _targets(source):
            return t("The pictures have no boxes. Expected COCO, Pascal VOC, YOLO, or a table of boxes beside them.")
        return ""

    def data(self, source: Source, settings: DetectSettings) -> Annotated:
        target, column = _target(source, settings.target), source.columns["image"]
        _, channels = natural(column)
        canvas = recipes.canvas(settings, sizes_of(column), _to_learn_from(source, settings))
        loaded = load(column, canvas, channels)
        rows = classes.part(source, loaded, settings, 0.15)
        facts: dict[str, Json] = {"target": target, "overlap": settings.overlap, "soft": settings.soft, "least": 0.5}
        facts["classes"] = _learnable(source, target, loaded.kept[rows.train])
        facts["shape"] = {"classes": len(facts["classes"]), "height": canvas[0], "width": canvas[1]}
        facts["shape"] |= {"channels": channels}
        data = Annotated(source, loaded, facts)
        data.rows = {part: getattr(rows, part) for part in PARTS}
        facts["shape"] |= _maps(data)
        data.notes += _told(data, rows.copies)
        groups = classes.group_names(source, settings.group, loaded.kept)
        data.groups = None if groups is None else np.array(groups)
        return data

    def test_data(self, source: Source, settings: DetectSettings, facts: dict[str, Json]) -> Annotated:
        target, shape = _target(source, settings.target), facts["shape"]
        loaded = load(source.columns["image"], (shape["height"], shape["width"]), shape["channels"])
        data = Annotated(source, loaded, facts | {"target": target})
        data.rows["test"] = np.arange(len(data.keys))
        return data

    def build(self, settings: DetectSettings, facts: dict[str, Json], arrays: Arrays) -> Finder:
        return Finder(facts, arrays)

    def learner(self, settings: DetectSettings, predictor: Predictor, data: Any, engine: Engine) -> Learner:
        return DetectLearner(settings, predictor, data, engine)  # type: ignore[arg-type]

    def evaluate(self, predict: Predict, data: Annotated, part: str = "test", limit: int = 0) -> Evaluation:
        units = evaluated(predict, data, part, limit)
        groups = None if data.groups is None else data.groups[data.rows[part][: limit or None]]
        return Evaluation(units, METRICS, "AP50", groups)

    def baselines(self, data: Annotated, settings: DetectSettings) -> dict[str, Callable[[], Predict]]:
        seconds = 5.0 if settings.steps else min(120.0, 15 * settings.minutes)
        return {
            "mean boxes": lambda: mean_boxes(data, settings.seed),
            "traditional pipeline": lambda: traditional(data, seconds, settings.seed),
        }


METRICS = {
    "AP50": Metric(lambda units: precision.mean_precision(units, slice(0, 1)), True, "%"),
    "AP75": Metric(lambda units: precision.mean_precision(units, slice(5, 6)), True, "%"),
    "AP": Metric(precision.mean_precision, True, "%"),
    "recall": Metric(precision.recall, True, "%"),
    "precision": Metric(precision.precision, True, "%"),
}


def fields(facts: dict[str, Json]) -> tuple[dict[str, Field], dict[str, Field]]:
    """Return the input and the output fields."""
    shape = facts["shape"]
    inputs: dict[str, Field] = {"image": Image(shape["channels"], max(shape["height"], shape["width"]), whole=True)}
    found = Boxes(tuple(facts["classes"]), float(facts["least"]))
    return inputs, {"boxes": found, "count": Number(low=0, whole=True)}


def _targets(source: Table) -> list[str]:
    return [name for name, field in source.fields.items() if isinstance(field, Boxes)]


def _target(source: Table, asked: str) -> str:
    """Return the column of boxes: the one asked for, or the only one there is."""
    known = _targets(source)
    if not known:
        raise DataError(
            t("The pictures have no boxes. Expected COCO, Pascal VOC, YOLO, or a table of boxes beside them.")
        )
    if asked and asked not in known:
        raise SettingError(unknown(t("column of boxes"), asked, known))
    if not asked and len(known) > 1:
        raise DataError(t("Which column tells the boxes? Give --target, one of: {names}.", names=", ".join(known)))
    return asked or known[0]


def _to_learn_from(source: Table, settings: DetectSettings) -> int:
    """About how many pictures train will hold."""
    if source.parts is None:
        return round(source.rows * (1 - settings.test_share) * 0.85)
    return sum(part == "train" for part in source.parts)


def _learnable(source: Table, target: str, rows: Array) -> list[str]:
    """Return the classes that have a box in train; raise DataError where there is none."""
    options = source.fields[target].options  # type: ignore[attr-defined]
    held = {int(kind) for row in rows for kind in np.asarray(source.columns[target][int(row)]).reshape(-1, 6)[:, 4]}
    if not held:
        raise DataError(t("Column {name}: no picture of train has a box.", name=target))
    return [name for place, name in enumerate(options) if place in held]


def _maps(data: Annotated) -> dict[str, Json]:
    """The members of the network's shape that the boxes of train decide."""
    held = data.on_canvas()
    boxes = np.concatenate([held[row] for row in data.rows["train"]])
    sides = np.sqrt(np.maximum((boxes[:, 2:4] - boxes[:, :2]).prod(axis=1), 1.0))
    strides = recipes.strides(sides)
    return {"strides": list(strides), "usual": round(recipes.usual(sides, strides), 2)}


def _told(data: Annotated, copies: int) -> list[Note]:
    """Notes on copies, on the size at which pictures are seen, and on rare classes."""
    shape = data.facts["shape"]
    said = t("pictures are seen at {width} × {height} pixels", width=shape["width"], height=shape["height"])
    notes = [Note(said, "info", "image")]
    if copies:
        notes.append(Note(t("copies of other pictures: never on two sides of a split"), "info", "image", copies))
    every = np.concatenate([data.truth[row] for row in data.rows["train"]])
    counts = np.bincount(every[every[:, 5] > 0, 4].astype(int), minlength=len(data.facts["classes"]))
    for name, count in zip(data.facts["classes"], counts.tolist(), strict=True):
        if count < FEW:
            notes.append(Note(t("class with few boxes in train"), "warning", name, count))
    return notes


def mean_boxes(data: Annotated, seed: int) -> Predict:
    """Return what finds the usual boxes of train in every picture."""
    from aprende.methods.detection.baselines import usual_boxes

    rows = data.rows["train"]
    shares = [data.truth[row] / np.array([*data.sizes[row]] * 2 + [1, 1], np.float32) for row in rows]
    usual = usual_boxes(shares, len(data.facts["classes"]), seed)

    def predict(columns: Columns) -> Columns:
        sizes = [np.asarray(p).shape for p in columns["image"]]
        found = [usual * _ones((width, height)) for height, width, *_ in sizes]
        return {"boxes": found, "count": np.full(len(found), len(usual), np.float64)}

    return predict


def traditional(data: Annotated, seconds: float, seed: int) -> Predict:
    """Return what was done before networks: a window slides over the picture at many sizes."""
    from aprende.methods.detection.sliding import fit

    canvases, boxes = data.pixels, data.on_canvas()
    found = fit(canvases, boxes, data.rows["train"], len(data.facts["classes"]), seconds, seed)
    height, width, channels = canvases.shape[1:]

    def predict(columns: Columns) -> Columns:
        held = []
        for picture in columns["image"]:
            pixels = np.asarray(picture)
            across, down = scale((pixels.shape[1], pixels.shape[0]), height, width)
            held.append(found.predict(whole(pixels, height, width, channels)) * _ones((1 / across, 1 / down)))
        sure = [(b[:, 5] >= found.least).sum() for b in held]
        return {"boxes": held, "count": np.array(sure, np.float64)}

    return predict


SYSTEM = Detect()
