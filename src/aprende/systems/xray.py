"""X-rays into findings: how likely each one is, and where it is.

A network gives a map of scores for each finding; a log-mean-exp over the map is the finding's score for the picture
(Pinheiro and Collobert 2015; class-activation maps: Zhou et al. 2016). So it learns where from what pictures show
alone, or from masks and boxes as well where there are any (Li et al. 2018). Probabilities are calibrated one by one
(Platt 1999). Not a medical device.
"""

from collections.abc import Callable
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
    Wrapping,
    no_network,
)
from aprende.core.engine import Engine
from aprende.core.errors import DataError
from aprende.core.fields import Boolean, Columns, Field, FindingMaps, Findings, Flags, Image, Json
from aprende.core.words import t
from aprende.intake import classes, dicom, findings, located, patients
from aprende.intake.pictures import Loaded, Pictures, load, natural
from aprende.methods.xrays import baselines, judged, localisation, rates, recipes
from aprende.methods.xrays.drawings import drawings
from aprende.methods.xrays.localisation import Places
from aprende.methods.xrays.recipes import XraySettings

AT_ONCE = 64  # pictures in one forward pass of predict
VALID = 2000  # pictures of valid that are enough
FEW = 5  # pictures of train with a finding, below which it cannot be learnt
FEW_ON_VALID = 5  # pictures with a finding, below which its operating point is chosen on train too
SEEN = 5000  # pictures of a part that are enough to calibrate


class XRays(Data):
    """Pictures uint8 (n, S, S, 1), what they show (n, K; NaN: unknown), and where. rows: part → rows of these."""

    def __init__(self, loaded: Loaded, told: findings.Told, facts: dict[str, Json], masks: located.Masks) -> None:
        self.pixels, self.keys, self.facts = loaded.pixels, classes.keys(loaded), facts
        self.truth = told.of(facts["findings"])[loaded.kept]
        self.inputs, self.outputs = fields(facts)
        self.rows: dict[str, Array] = dict.fromkeys(PARTS, np.zeros(0, np.int64))
        self.notes: list[Note] = [*loaded.notes]
        self.groups: Array | None = None
        back = {int(row): place for place, row in enumerate(loaded.kept)}
        shown = {(back[row], k): mask for (row, k), mask in masks.items() if row in back}
        self.masks: Places = {at: mask for at, mask in shown.items() if self.truth[at] == 1}

    def usable(self, rows: Array) -> Array:
        """Return those rows of which something is known."""
        return rows[~np.isnan(self.truth[rows]).all(axis=1)]

    def ids(self, part: str) -> set[str]:
        return {self.keys[i] for i in self.rows[part]}

    def examples(self, part: str, n: int) -> Columns:
        return {"image": np.asarray(self.pixels[self.rows[part][:n]])}

    def places(self, part: str, n: int) -> Places:
        """Return the masks of the first n units of a part: (unit, finding) → (GRID, GRID)."""
        unit = {int(row): i for i, row in enumerate(self.rows[part][:n])}
        return {(unit[row], k): mask for (row, k), mask in self.masks.items() if row in unit}

    def examples_of(self, part: str) -> Any:
        """Return a part as training takes it."""
        from aprende.methods.xrays.learning import Examples

        return Examples(self.pixels, self.truth, self.masks, self.rows[part])


class Reader(Predictor):
    """image → uint8 (n, S, S, 1) → scores, embedding, maps → findings, which are flagged, where, unlike or not.

    facts after training: "platt" (slope and offset of each finding), "thresholds", "unlike_from". `arrays` hold what
    train looked like: "unlike/mean" (D,), "unlike/axes" (D, A), "unlike/reference" (R, A).
    """

    def __init__(self, facts: dict[str, Json], arrays: Arrays) -> None:
        self.facts, self.arrays, self.forward = facts, arrays, no_network
        self.inputs, self.outputs = fields(facts)

    def predict(self, columns: Columns) -> Columns:
        pictures = columns["image"]
        spans = [slice(at, at + AT_ONCE) for at in range(0, len(pictures), AT_ONCE)]
        found = [self._few(self.encode(pictures[span])) for span in spans]
        chance, flags, maps, unlike = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return {"findings": chance, "flagged": flags, "where": maps, "unlike": unlike}

    def encode(self, pictures: Any) -> Arrays:
        """Return the pictures (an array, or a list of (H, W, 1 or 3)) whole, as uint8 (n, S, S, 1)."""
        size = self.facts["stored"]
        if isinstance(pictures, np.ndarray) and pictures.shape[1:] == (size, size, 1):
            return {"pictures": np.ascontiguousarray(pictures)}
        from aprende.intake.decoder import square

        return {"pictures": np.stack([square(p, size, 1, pressed=True) for p in pictures])}

    def reach(self, height: int, width: int) -> tuple[float, float]:
        """Return which shares of a picture's height and width `encode` keeps: all of both."""
        return 1.0, 1.0

    def opened(self, weights: Arrays) -> Any:
        """Return the trained networks as a torch module, to be looked into (`insight.opened.Openable`)."""
        from aprende.networks import findings as networks
        from aprende.networks.graph import restored

        return networks.OpenNets(restored(networks.make(networks.Shape(**self.facts["shape"])), weights)).eval()

    def class_map(self, picture: Any, name: str) -> NDArray[np.float32]:
        """Return how much each place of one picture speaks for the finding `name`: (h, w) over the whole picture."""
        maps = self.forward(self.encode([picture]))["maps"][0]
        return np.asarray(maps[self.facts["findings"].index(name)], dtype=np.float32)

    def _few(self, arrays: Arrays) -> tuple[Array, Array, Array, Array]:
        found = self.forward(arrays)
        platt = np.array(self.facts.get("platt") or [[1.0, 0.0]] * len(self.facts["findings"]), dtype=np.float64)
        chance = rates.sigmoid(found["scores"].astype(np.float64) * platt[:, 0] + platt[:, 1])
        flags = (chance >= np.array(self.facts.get("thresholds", 0.5))).astype(np.uint8)
        strange = embedded.unlike(self.arrays, self.facts.get("unlike_from", 0.0), found["embedding"])
        return chance, flags, found["maps"].clip(0, 1).astype(np.float32), strange


class XrayLearner(Wrapping):
    """Descent (`methods.xrays.learning`); in the end calibrated, and the operating points chosen, on valid."""

    def __init__(self, settings: XraySettings, predictor: Reader, data: XRays, engine: Engine) -> None:
        engine.begin()
        from aprende.methods.xrays.learning import FindingLearner
        from aprende.networks import findings as networks
        from aprende.networks.graph import Graph

        self.settings, self.predictor, self.data = settings, predictor, data
        nets = networks.make(networks.Shape(**data.facts["shape"]))
        train, valid = data.examples_of("train"), data.examples_of("valid")
        self.inner = FindingLearner(nets, recipes.plan(settings, data.facts), train, valid, engine)
        example = {"pictures": np.asarray(data.pixels[:1])}
        self.graph = Graph(nets, example, ["scores", "embedding", "maps"])
        predictor.network = predictor.forward = self.graph

    def finish(self) -> None:
        self.inner.finish()
        data, facts = self.data, self.predictor.facts
        seen = {part: self._seen(data.rows[part][:SEEN]) for part in ("train", "valid")}
        truth, scores = data.truth[data.rows["valid"]][: len(seen["valid"][0])], seen["valid"][0]
        weights = self.inner.weights.numpy()
        fitted = [_calibrated(scores[:, k], truth[:, k], weights[:, k]) for k in range(truth.shape[1])]
        facts["platt"] = [[p.slope, p.offset] for p in fitted]
        few = (truth == 1).sum(axis=0) < FEW_ON_VALID  # so few that train has to help, which is a little too sure
        facts["few_on_valid"] = [name for name, lacking in zip(facts["findings"], few, strict=True) if lacking]
        both = np.concatenate([scores, seen["train"][0]])
        shown = np.concatenate([truth, data.truth[data.rows["train"]][: len(seen["train"][0])]]) == 1
        facts["thresholds"] = [
            rates.operating_point(p(column[:, k]), yes[:, k], self.settings.sensitivity)
            for k, p in enumerate(fitted)
            for column, yes in [(both, shown) if few[k] else (scores, truth == 1)]
        ]
        remembered = embedded.remember(seen["train"][1], seen["valid"][1])
        if remembered is not None:
            arrays, facts["unlike_from"] = remembered
            self.predictor.arrays |= arrays

    def _seen(self, rows: Array) -> tuple[Array, Array]:
        """Scores (n, K) and embedding (n, D) of these rows."""
        spans = [rows[at : at + AT_ONCE] for at in range(0, max(1, len(rows)), AT_ONCE)]
        found = [self.graph({"pictures": self.data.pixels[span]}) for span in spans]
        return np.concatenate([f["scores"] for f in found]), np.concatenate([f["embedding"] for f in found])


def _calibrated(score: Array, truth: Array, weights: Array) -> rates.Platt:
    """Calibration of one finding on valid; training weighed both sides, which is undone beforehand."""
    known = ~np.isnan(truth)
    return rates.platt(score[known].astype(np.float64), truth[known] == 1, float(np.log(weights[0] / weights[1])))


class Xray(System):
    """X-rays → findings and their places."""

    name = "xray"
    card: ClassVar[Card] = Card(
        title="X-rays into findings",
        idea="Tells how likely each finding in an X-ray is, and where it is.",
        family="supervised",
        metric="mean AUROC",
        paper="Wang et al. 2017 (ChestX-ray8); Pinheiro and Collobert 2015; Zhou et al. 2016; Li et al. 2018",
        deviations="A small network of maps at one scale; several small ones together where pictures are small.",
        caution="This is not a medical device. It was not tested for use on patients, and must not decide on anyone's"
        " diagnosis or treatment.",
    )
    Settings = XraySettings
    tiny: ClassVar[dict[str, Any]] = {"steps": 16, "width": 12, "members": 1, "batch": 32}

    def example(self) -> Source:
        """Return 240 drawings of a chest with a disc, a bar, both or neither, of 80 patients, made here."""
        return drawings(240)

    def accepts(self, source: Source) -> str:
        if "image" not in source.fields or not isinstance(source.fields["image"], Image):
            return t(
                "Expected X-rays: a folder of PNG, JPEG or DICOM files, with a folder for each finding, or a table with"
                " the columns file_name and findings (such as Effusion|Mass)."
            )
        try:
            told = findings.read(source)
        except DataError as error:
            return str(error)
        return "" if told.names else t("No picture shows a finding: all are said to be normal.")

    def prefers(self, source: Source) -> bool:
        """Tell whether pictures have several findings each, or come as DICOM files."""
        if "image" not in source.columns:
            return False
        pictures = source.columns["image"]
        files = pictures.files if isinstance(pictures, Pictures) else []
        return findings.several(source) or any(file.suffix.lower() in dicom.ENDINGS for file in files)

    def data(self, source: Source, settings: XraySettings) -> XRays:
        source = located.without_masks(source)
        told, whose = findings.read(source, settings.target), patients.find(source, settings.group)
        pictures = source.columns["image"]
        stored = recipes.side(settings, natural(pictures)[0])
        loaded = load(pictures, stored, 1, pressed=True)
        rows, crossing = patients.part(source, loaded, whose, settings, min(0.15, VALID / max(1, len(loaded.kept))))
        facts: dict[str, Json] = {"stored": stored, "channels": 1, "target": told.column}
        facts["findings"] = learnable(told, loaded.kept[rows.train])
        masks, said = located.read(pictures, facts["findings"]) if isinstance(pictures, Pictures) else ({}, [])
        data = XRays(loaded, told, facts, masks)
        data.rows = {part: data.usable(getattr(rows, part)) for part in PARTS}
        if whose.names is not None:
            data.groups = np.array([whose.names[row] for row in loaded.kept])
        facts |= recipes.facts(settings, data.pixels, data.truth, data.rows["train"], data.masks)
        data.notes += [
            Note(t(self.card.caution), "warning"),
            whose.note,
            *said,
            *crossing,
            *_told(data, told, rows.copies, settings.flips),
        ]
        return data

    def test_data(self, source: Source, settings: XraySettings, facts: dict[str, Json]) -> XRays:
        source = located.without_masks(source)
        same = all(name in source.columns for name in facts["target"].split(", "))
        told = findings.read(source, facts["target"] if same else "")
        whose = patients.find(source, settings.group if settings.group in source.columns else "")
        pictures = source.columns["image"]
        loaded = load(pictures, facts["stored"], 1, pressed=True)
        masks = located.read(pictures, facts["findings"])[0] if isinstance(pictures, Pictures) else {}
        data = XRays(loaded, told, facts, masks)
        data.rows["test"] = data.usable(np.arange(len(loaded.kept)))
        if whose.names is not None:
            data.groups = np.array([whose.names[row] for row in loaded.kept])
        return data

    def build(self, settings: XraySettings, facts: dict[str, Json], arrays: Arrays) -> Reader:
        return Reader(facts, arrays)

    def learner(self, settings: XraySettings, predictor: Predictor, data: Any, engine: Engine) -> Learner:
        return XrayLearner(settings, predictor, data, engine)  # type: ignore[arg-type]

    def evaluate(self, predict: Predict, data: XRays, part: str = "test", limit: int = 0) -> Evaluation:
        rows = data.rows[part][: limit or None]
        outputs = predict(data.examples(part, len(rows)))
        groups = None if data.groups is None else data.groups[rows]
        return judged.evaluation(
            data.facts["findings"], data.truth[rows], outputs, data.places(part, len(rows)), groups
        )

    def baselines(self, data: XRays, settings: XraySettings) -> dict[str, Callable[[], Predict]]:
        seconds = min(60.0, 12 * settings.minutes)
        found: dict[str, Callable[[], Predict]] = {
            "prevalence": lambda: baselines.prevalence(data.truth[data.rows["train"]]),
            "traditional pipeline": lambda: baselines.traditional(
                data.pixels, data.truth, data.rows, seconds, settings.seed
            ),
        }
        if not data.masks:
            return found
        count = len(data.facts["findings"])
        found["centre map"] = lambda: baselines.guessing(lambda n: localisation.centre_map(n, count))
        found["random map"] = lambda: baselines.guessing(lambda n: localisation.random_maps(n, count, settings.seed))
        train = {int(row) for row in data.rows["train"]}
        places = {at: mask for at, mask in data.masks.items() if at[0] in train}
        if places:
            mean = localisation.mean_map(places, count)
            found["mean place"] = lambda: baselines.guessing(lambda n: np.broadcast_to(mean, (n, *mean.shape)))
        return found


def learnable(told: findings.Told, train: Array) -> list[str]:
    """Return the findings that train shows often enough; raise DataError where there is none."""
    counts = (told.truth[train] == 1).sum(axis=0)
    known = [name for name, count in zip(told.names, counts, strict=True) if count >= FEW]
    if known:
        return known
    said = t("No finding is shown by at least {n} pictures of train.", n=FEW)
    came = ", ".join(f"{name} {count}" for name, count in zip(told.names[:20], counts, strict=False))
    raise DataError(f"{said} {t('There are: {came}.', came=came or t('none'))}")


def _told(data: XRays, told: findings.Told, copies: int, flips: bool) -> list[Note]:
    """Notes on what is shown how often, what is not known, what cannot be learnt, and how places are learnt."""
    names, train = data.facts["findings"], data.truth[data.rows["train"]]
    notes, blank = [], int(np.isnan(data.truth).sum())
    for k, name in enumerate(names):
        shown, not_shown = int((train[:, k] == 1).sum()), int((train[:, k] == 0).sum())
        said = t("{name}: {n} pictures of train show it, {others} do not.", name=name, n=shown, others=not_shown)
        notes.append(Note(said, "info" if not_shown >= FEW else "warning", told.column))
    if rare := [name for name in told.names if name not in names]:
        said = t("shown by fewer than {n} pictures of train, so not learnt: {names}", n=FEW, names=", ".join(rare))
        notes.append(Note(said, "left out", told.column, len(rare)))
    if blank:
        said = t("cells that say nothing of a finding: not known, so neither learnt nor judged")
        notes.append(Note(said, "info", told.column, blank))
    if copies:
        notes.append(Note(t("copies of other pictures: never on two sides of a split"), "info", "image", copies))
    supervised = t("Where findings are is learnt from masks and boxes.")
    weak = t("Where findings are is learnt from what the pictures show alone (weakly supervised).")
    notes.append(Note(supervised if data.facts["supervised"] else weak))
    if not flips:
        notes.append(Note(t("Pictures are not mirrored while learning: the heart lies on one side.")))
    return notes


def fields(facts: dict[str, Json]) -> tuple[dict[str, Field], dict[str, Field]]:
    """Return the input and the output fields."""
    names = tuple(facts["findings"])
    inputs: dict[str, Field] = {"image": Image(1, facts["stored"], whole=True)}
    outputs: dict[str, Field] = {"findings": Findings(names), "flagged": Flags(names), "where": FindingMaps(names)}
    return inputs, {**outputs, "unlike": Boolean()}


SYSTEM = Xray()
