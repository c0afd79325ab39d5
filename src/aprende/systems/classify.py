"""Pictures into classes: photos, drawings, X-rays; from a few dozen to hundreds of thousands.

Networks of six decades (`methods/classification/kinds.py` lists them), all but one trained alike, by descent: the
perceptron (Rosenblatt 1958), the neocognitron (Fukushima 1980; by competition), the multi-layer perceptron (Rumelhart
et al. 1986), LeCun's of 1989 and 1998, AlexNet (2012), VGG (2015), a small residual network (He et al. 2016), SENet
(2018), and EfficientNet-Lite0 with ImageNet weights (Tan and Le 2019): its frozen features first, then fine-tuned as
time allows, whichever is better on valid. Published weights of AlexNet, VGG and SENet come from a file.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aprende.core import embedded
from aprende.core.calibrate import temperature, tempered
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
from aprende.core.errors import DataError
from aprende.core.fields import Boolean, Category, Columns, Field, Image, Json, Probabilities
from aprende.core.words import t
from aprende.intake import classes
from aprende.intake.folders import natural_order
from aprende.intake.pictures import Loaded, load, natural
from aprende.methods.classification import accuracy, recipes
from aprende.methods.classification.labelled import Labelled
from aprende.methods.classification.recipes import PictureSettings

if TYPE_CHECKING:
    from aprende.networks.pictures import PictureNet

VALID = 2000  # pictures of valid that are enough
AT_ONCE = 64  # pictures in one forward pass of predict


class Pictures(Data):
    """Pictures uint8 (n, S, S, C) with their classes (n,), places in facts["classes"]. rows: part → rows of these."""

    def __init__(self, loaded: Loaded, words: classes.Words, facts: dict[str, Json]) -> None:
        places = {name: place for place, name in enumerate(facts["classes"])}
        self.pixels, self.keys, self.facts = loaded.pixels, classes.keys(loaded), facts
        self.truth = np.array([places.get(w or "", -1) for w in words], dtype=np.int64)  # -1: no class, or unknown
        self.inputs, self.outputs = fields(facts)
        self.rows: dict[str, Array] = dict.fromkeys(PARTS, np.zeros(0, np.int64))
        self.notes: list[Note] = [*loaded.notes]
        self.groups: Array | None = None
        self.words = words

    def usable(self, rows: Array) -> Array:
        """Return those rows whose class is known, and note the others."""
        blank = [row for row in rows if self.words[row] is None]
        strange = [row for row in rows if self.words[row] is not None and self.truth[row] < 0]
        if blank:
            self.notes.append(Note(t("pictures without a class"), "left out", self.facts["target"], len(blank)))
        if strange:
            named = ", ".join(sorted({str(self.words[row]) for row in strange})[:5])
            said = t("pictures of classes that train does not have: {named}", named=named)
            self.notes.append(Note(said, "warning", self.facts["target"], len(strange)))
        return rows[self.truth[rows] >= 0]

    def ids(self, part: str) -> set[str]:
        return {self.keys[i] for i in self.rows[part]}

    def examples(self, part: str, n: int) -> Columns:
        return {"image": np.asarray(self.pixels[self.rows[part][:n]])}

    def labelled(self, part: str) -> Labelled:
        """Return a part as training takes it."""
        return Labelled(self.pixels, self.truth, self.rows[part])


class Classifier(Predictor):
    """image → uint8 (n, S, S, C) → probabilities, embedding (and map) → class, probability of each, unlike or not.

    `arrays` hold the last layer ("head/weight" (K, D), "head/bias" (K,)) where it makes class-activation maps, and what
    train looked like: "unlike/mean" (D,), "unlike/axes" (D, A), "unlike/reference" (R, A).
    """

    def __init__(self, facts: dict[str, Json], arrays: Arrays) -> None:
        self.facts, self.arrays, self.forward = facts, arrays, no_network
        self.inputs, self.outputs = fields(facts)

    def predict(self, columns: Columns) -> Columns:
        pictures = columns["image"]
        spans = [slice(at, at + AT_ONCE) for at in range(0, len(pictures), AT_ONCE)]
        found = [self._few(self.encode(pictures[span])) for span in spans]
        shares, unlike = (np.concatenate(parts) for parts in zip(*found, strict=True))
        words = [self.facts["classes"][place] for place in shares.argmax(axis=1)]
        return {self.facts["target"]: _series(words), "probabilities": shares, "unlike": unlike}

    def encode(self, pictures: Any) -> Arrays:
        """Return the pictures (an array, or a list of (H, W, 1 or 3)) as the network takes them, uint8 (n, S, S, C)."""
        size, channels = self.facts["stored"], self.facts["channels"]
        if isinstance(pictures, np.ndarray) and pictures.shape[1:] == (size, size, channels):
            return {"pictures": np.ascontiguousarray(pictures)}
        from aprende.intake.decoder import square

        return {"pictures": np.stack([square(p, size, channels) for p in pictures])}

    def reach(self, height: int, width: int) -> tuple[float, float]:
        """Return which shares of a picture's height and width `encode` keeps."""
        return min(height, width) / height, min(height, width) / width

    def class_map(self, picture: Any, name: str) -> NDArray[np.float32] | None:
        """Return how much each place of one picture speaks for the class `name` (Zhou et al. 2016): (h, w) over the
        central square, which the network sees; None where the network has no map of places."""
        found = self.forward(self.encode([picture])).get("features")
        if found is None:
            return None
        weights = self.arrays["head/weight"][self.facts["classes"].index(name)]
        return np.asarray(np.tensordot(weights, found[0], axes=1), dtype=np.float32)

    def opened(self, weights: Arrays) -> Any:
        """Return the trained network as a torch module, to be looked into (`insight.opened.Openable`)."""
        from aprende.networks import pictures as networks
        from aprende.networks.graph import restored

        return restored(networks.make(networks.Shape(**self.facts["shape"])), weights)

    def handmade(self, pictures: Array) -> Arrays:
        """Return hand-made features (n, d) of pictures uint8 (n, S, S, C), by family: what the layers stand beside."""
        from aprende.methods import handmade

        made = {"edges": handmade.edges, "textures": handmade.textures, "colours": handmade.colours}
        return {name: make(pictures) for name, make in made.items()}

    def _few(self, arrays: Arrays) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        found = self.forward(arrays)
        shares = tempered(found["probabilities"].astype(np.float64), self.facts.get("temperature", 1.0))
        return shares, embedded.unlike(self.arrays, self.facts.get("unlike_from", 0.0), found["embedding"])


class ClassifyLearner(Wrapping):
    """Learns as the network says (`methods.classification`); in the end calibrated on valid."""

    def __init__(self, settings: PictureSettings, predictor: Classifier, data: Pictures, engine: Engine) -> None:
        engine.begin()
        from aprende.methods.classification.competition import CompetitionLearner
        from aprende.methods.classification.learning import PictureLearner
        from aprende.networks.graph import Graph

        self.predictor, self.data = predictor, data
        net, head_kept = _made(settings, data.facts["shape"])
        train, valid = data.labelled("train"), data.labelled("valid")
        teachers: dict[str, type[PictureLearner | CompetitionLearner]]
        teachers = {"descent": PictureLearner, "competition": CompetitionLearner}
        self.inner = teachers[net.learnt_by](net, recipes.plan(settings, data.facts, head_kept), train, valid, engine)
        example = {"pictures": np.asarray(data.pixels[:1])}
        outputs = ["probabilities", "embedding", *(["features"] if hasattr(net.net, "features") else [])]
        predictor.network = predictor.forward = self.graph = Graph(net, example, outputs)

    def finish(self) -> None:
        self.inner.finish()
        facts, shares, truth = self.predictor.facts, self.inner.valid_shares, self.inner.valid_truth
        facts["temperature"] = temperature(shares, truth)
        held = self.inner.net.head.state_dict() if "features" in self.graph.outputs else {}
        self.predictor.arrays = {f"head/{name}": tensor.cpu().numpy() for name, tensor in held.items()}
        self._remember_train()

    def _remember_train(self) -> None:
        """Keep what train looked like, and from where on a picture is unlike it."""
        few = embedded.REFERENCE
        remembered = embedded.remember(
            *(self.inner.embeddings(few) or (self._embedded(self.data.rows[part][:few]) for part in ("train", "valid")))
        )
        if remembered is not None:
            arrays, self.predictor.facts["unlike_from"] = remembered
            self.predictor.arrays |= arrays

    def _embedded(self, rows: Array) -> Array:
        parts = [self.graph({"pictures": self.data.pixels[r]})["embedding"] for r in _spans(rows)]
        return np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)


def _made(settings: PictureSettings, shape: dict[str, Json]) -> tuple["PictureNet", bool]:
    """Return the network of this shape, with published weights where asked for, and whether their last layer stays;
    the shape is told which published form it has."""
    from aprende.networks import pictures, published

    asked = pictures.Shape(**shape)
    if not settings.weights:
        return pictures.make(asked), False
    net, form, head_kept = published.load(asked, Path(settings.weights))
    shape["form"] = form
    return net, head_kept


class Classify(System):
    """Pictures → classes."""

    name = "classify"
    card: ClassVar[Card] = Card(
        title="Pictures into classes",
        idea="Tells what a picture shows, from pictures sorted into folders.",
        family="supervised",
        metric="accuracy",
        paper="Tan and Le 2019 (EfficientNet); Hu et al. 2018 (SENet); He et al. 2016 (ResNet); Simonyan and Zisserman "
        "2015 (VGG); Krizhevsky et al. 2012 (AlexNet); LeCun et al. 1989, 1998 (LeNet); Fukushima 1980 (Neocognitron)",
        deviations="Networks of a size that an ordinary processor trains in minutes; frozen features first.",
    )
    Settings = PictureSettings
    tiny: ClassVar[dict[str, Any]] = {"steps": 12, "network": "resnet", "width": 8, "batch": 32}

    def example(self) -> Source:
        """Return 240 small drawings of discs, squares and crosses, made here."""
        return shapes(240)

    def accepts(self, source: Source) -> str:
        if "image" not in source.fields or not isinstance(source.fields["image"], Image):
            return t("Expected pictures: a folder with one folder a class, or a table with a column file_name.")
        if not classes.candidates(source):
            return t(
                "The pictures have no classes. Sort them into one folder a class, or add a column to metadata.csv."
            )
        return ""

    def data(self, source: Source, settings: PictureSettings) -> Pictures:
        target, column = classes.target_of(source, settings.target), source.columns["image"]
        side, channels = natural(column)
        name = recipes.network(settings, len(column), side, channels)
        stored, seen = recipes.sides(settings, name, side)
        loaded = load(column, stored, channels)
        words = classes.words(source, target, loaded.kept)
        rows = classes.part(source, loaded, settings, min(0.15, VALID / max(1, len(words))))
        facts: dict[str, Json] = {"target": target, "stored": stored, "channels": channels, "side": side}
        facts["classes"] = learnable({words[row] for row in rows.train}, target, source.fields[target])
        mean, std = _levels(loaded.pixels[rows.train[:: max(1, len(rows.train) // 500)]])
        shape = recipes.shape(settings, name, len(facts["classes"]), seen, channels)
        facts |= {"shape": shape | {"mean": mean, "std": std}, "pictures": len(rows.train)}
        data = Pictures(loaded, words, facts)
        data.rows = {part: data.usable(getattr(rows, part)) for part in PARTS}
        data.notes += _told(data, rows.copies)
        groups = classes.group_names(source, settings.group, loaded.kept)
        data.groups = None if groups is None else np.array(groups)
        return data

    def test_data(self, source: Source, settings: PictureSettings, facts: dict[str, Json]) -> Pictures:
        loaded = load(source.columns["image"], facts["stored"], facts["channels"])
        words = classes.words(source, facts["target"], loaded.kept)
        data = Pictures(loaded, words, facts)
        data.rows["test"] = data.usable(np.arange(len(words)))
        return data

    def build(self, settings: PictureSettings, facts: dict[str, Json], arrays: Arrays) -> Classifier:
        return Classifier(facts, arrays)

    def learner(self, settings: PictureSettings, predictor: Predictor, data: Any, engine: Engine) -> Learner:
        return ClassifyLearner(settings, predictor, data, engine)  # type: ignore[arg-type]

    def evaluate(self, predict: Predict, data: Pictures, part: str = "test", limit: int = 0) -> Evaluation:
        rows = data.rows[part][: limit or None]
        truth = data.truth[rows]
        shares = np.asarray(predict(data.examples(part, len(rows)))["probabilities"])
        right = shares[np.arange(len(truth)), truth]
        units = {"truth": truth, "prediction": shares.argmax(axis=1), "probabilities": shares, "error": 1 - right}
        return Evaluation(
            units, accuracy.metrics(shares.shape[1]), "accuracy", None if data.groups is None else data.groups[rows]
        )

    def baselines(self, data: Pictures, settings: PictureSettings) -> dict[str, Callable[[], Predict]]:
        seconds = min(60.0, 12 * settings.minutes)
        return {
            "majority": lambda: majority(data),
            "traditional pipeline": lambda: traditional(data, seconds, settings.seed),
        }


def fields(facts: dict[str, Json]) -> tuple[dict[str, Field], dict[str, Field]]:
    """Return the input and the output fields."""
    names = tuple(facts["classes"])
    inputs: dict[str, Field] = {"image": Image(facts["channels"], facts["stored"])}
    outputs = {facts["target"]: Category(names, closed=True), "probabilities": Probabilities(names)}
    return inputs, {**outputs, "unlike": Boolean()}


def learnable(found: set[str | None], target: str, field: Field) -> list[str]:
    """Return the classes in the order of the column's options (that of the folders), else in natural order; raise
    DataError where there is nothing to tell apart."""
    places = {name: place for place, name in enumerate(getattr(field, "options", ()))}
    named = (name for name in found if name is not None)
    known = sorted(named, key=lambda name: (places.get(name, len(places)), natural_order(name)))
    if not known:
        raise DataError(t("Column {name}: no picture of train has a class.", name=target))
    if len(known) == 1:
        said = t(
            "Column {name} has one class only, {only}: there is nothing to tell apart.", name=target, only=known[0]
        )
        raise DataError(said)
    return known


def _told(data: Pictures, copies: int) -> list[Note]:
    """Notes on copies, on rare classes, and on what is looked at."""
    notes = []
    if copies:
        notes.append(Note(t("copies of other pictures: never on two sides of a split"), "info", "image", copies))
    counts = Counter(data.truth[data.rows["train"]].tolist())
    for place, count in sorted(counts.items()):
        if count < 5:
            notes.append(Note(t("class with few pictures in train"), "warning", data.facts["classes"][place], count))
    return notes


def _levels(pixels: Array) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel: (n, S, S, C) → two lists of C."""
    held = pixels.reshape(-1, pixels.shape[3]).astype(np.float32)
    return held.mean(axis=0).round(2).tolist(), held.std(axis=0).clip(1.0).round(2).tolist()


def _spans(rows: Array) -> Iterator[Array]:
    return (rows[at : at + AT_ONCE] for at in range(0, len(rows), AT_ONCE))


def _series(words: list[str]) -> Any:
    import polars as pl

    return pl.Series(words, dtype=pl.String)


def majority(data: Pictures) -> Predict:
    """Return what answers every picture with the shares of the classes in train."""
    counts = np.bincount(data.truth[data.rows["train"]], minlength=len(data.facts["classes"]))
    return lambda columns: {"probabilities": np.tile(counts / counts.sum(), (len(columns["image"]), 1))}


def traditional(data: Pictures, seconds: float, seed: int) -> Predict:
    """Return the pipeline of before networks: hand-made features, selection, classifier."""
    from aprende.methods import traditional as pipeline

    rows, names = data.rows["train"], list(data.facts["classes"])
    made = pipeline.fit(data.pixels[rows], [names[place] for place in data.truth[rows]], seconds, seed)
    order = [made.classes.index(name) for name in names]
    return lambda columns: {"probabilities": made.predict_proba(columns["image"])[:, order]}


def shapes(n: int, seed: int = 0) -> Table:
    """Return n grey drawings, 28 × 28, of discs, squares and crosses, of any size and place, on noise."""
    import polars as pl

    rng = np.random.default_rng(seed)
    down, across = np.mgrid[:28, :28]
    kinds, pictures = ("cross", "disc", "square"), np.empty((n, 28, 28, 1), np.uint8)
    chosen = rng.integers(0, 3, n)
    for row, kind in enumerate(chosen):
        (y, x), size = rng.uniform(10, 18, 2), rng.uniform(4, 8)
        far, near = np.maximum(abs(down - y), abs(across - x)), np.minimum(abs(down - y), abs(across - x))
        inside = [(near < size / 4) & (far < size), np.hypot(down - y, across - x) < size, far < size][kind]
        pictures[row, :, :, 0] = np.clip(200 * inside + rng.normal(30, 15, (28, 28)), 0, 255)
    words = pl.Series([kinds[kind] for kind in chosen], dtype=pl.String)
    return Table({"image": pictures, "class": words}, {"image": Image(1, 28), "class": Category(kinds)}, target="class")


SYSTEM = Classify()
