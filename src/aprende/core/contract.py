"""What every system gives, and the few things that pass between the rooms.

    source (a Table) ──data()──▶ Data ──learner().step()…──▶ Predictor ──evaluate()──▶ Evaluation

A system is one file in `systems/` (or a package that registers an entry point `aprende.systems`) whose `SYSTEM` is an
instance of `System`. This module knows no modality and no system.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from aprende.core.fields import Columns, Field, Json, rows_of
from aprende.core.settings import Settings

if TYPE_CHECKING:
    from aprende.core.engine import Engine

Array = NDArray[Any]
Arrays = dict[str, Array]
Predict = Callable[[Columns], Columns]  # the only door: model, baseline, loaded bundle and server are judged through it
PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Note:
    """A decision on a person's data, shown to them: what was done, to what, and how often."""

    text: str  # a sentence in the user's language
    level: str = "info"  # "info" | "repaired" | "set aside" | "left out" | "warning"
    where: str = ""  # column or file
    count: int = 0  # values, rows or files concerned; 0 where counting makes no sense


@dataclass(frozen=True)
class Table:
    """What people have, as columns: rows of a file, or pictures with their classes. See `fields.py` for the storage.

    `dropped` are columns that were read but should not be learnt from, each with the reason (identifier, constant …).
    `target` is the column that the layout itself names (class folders), else None. `parts` (n,) says in which part of
    the split a row came ("train", "valid", "test" folders or files; None where it did not say).
    """

    columns: Columns
    fields: dict[str, Field]
    notes: tuple[Note, ...] = ()
    source: str = ""
    target: str | None = None
    dropped: dict[str, str] = field(default_factory=dict)
    parts: Sequence[str | None] | None = None

    @property
    def rows(self) -> int:
        return rows_of(self.columns)


Source = Table  # later also World: an environment to act in


@dataclass(frozen=True)
class Card:
    """What a system is, for people."""

    title: str
    idea: str  # one sentence, English (translated through the catalogues)
    family: str  # "supervised" | "unsupervised" | "semi-supervised" | "reinforcement" | "generative"
    metric: str  # the main metric: a key of Evaluation.metrics ("" where the data decide: Evaluation.main)
    paper: str = ""
    deviations: str = ""
    caution: str = ""  # what everyone who uses such a model must know first; shown wherever it answers


@dataclass(frozen=True)
class Metric:
    """One figure computed from per-unit columns, so that core can resample them for an interval.

    best: where neither more nor less is better but to be close to this value, as a promised coverage.
    """

    compute: Callable[[Arrays], float]
    higher_is_better: bool
    unit: str = ""  # "%" shows a share as a percentage
    best: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """Per-unit results of one `predict`. A unit is what is drawn independently: a row, a picture, an episode.

    `units` are arrays (n, …) aligned by row. Where they make sense they are named "truth", "prediction", "error" (how
    bad, for the worst mistakes), "low" and "high" (interval), "probabilities" (n, classes; in the order of the output
    field's options), and the report draws them; where a unit has several answers, the same with " of " and the output's
    name after each. `groups` (n,) names the group a unit belongs to; `paired` tells that
    unit i is the i-th of `Data.examples(part, …)` for every `predict`, so that differences can be resampled together.
    """

    units: Arrays
    metrics: dict[str, Metric]
    main: str
    groups: Array | None = None
    paired: bool = True


class Data(ABC):
    """Train, valid and test of one source. `facts` is JSON and is learnt from train only."""

    facts: dict[str, Json]
    inputs: dict[str, Field]
    outputs: dict[str, Field]
    notes: list[Note]

    @abstractmethod
    def ids(self, part: str) -> set[str]:
        """Return the identities (by content) of a part's units; no two parts may share one."""

    @abstractmethod
    def examples(self, part: str, n: int) -> Columns:
        """Return the inputs of the first n units of a part, as `predict` takes them."""


@runtime_checkable
class Known(Protocol):
    """Data that tell what is true of a unit as `predict` would answer it, so that both can be drawn side by side."""

    def truths(self, part: str, rows: Sequence[int]) -> Columns:
        """Return what is true of these units of a part (places in `Data.examples`), under the outputs' names."""


class Network(Protocol):
    """One forward graph over named arrays, batch first."""

    def __call__(self, arrays: Arrays) -> Arrays:
        """Return the named outputs for the named inputs."""

    def onnx(self) -> bytes:
        """Return the same graph as an ONNX model with a free batch axis."""

    def weights(self) -> Arrays:
        """Return what was learnt, by name."""


class Predictor(ABC):
    """Columns in, columns out: encode (NumPy) → forward (the network, or ONNX Runtime) → decode (NumPy).

    `facts` (JSON) and `arrays` are all that encode and decode need; both are saved with the model. `learner` sets
    `network`; a loaded model has none and its `forward` runs the saved graph. Building one never imports torch.
    """

    inputs: dict[str, Field]
    outputs: dict[str, Field]
    facts: dict[str, Json]
    arrays: Arrays
    network: Network | None = None
    forward: Callable[[Arrays], Arrays]

    @abstractmethod
    def predict(self, columns: Columns) -> Columns:
        """Return the outputs for inputs that `read_all(self.inputs, …)` made regular. Pure and repeatable."""


class Learner(Protocol):
    """The training algorithm. Core owns the loop around `step`: time, schedule, log, checkpoints, resume, stop."""

    @property
    def done(self) -> bool:
        """True ends training before its time: there is nothing more to gain."""

    def step(self, progress: float) -> dict[str, float]:
        """Learn a little (a descent, a tree model, a self-play game). progress in [0, 1) drives schedules.

        Returns figures to log: "loss" always; "valid" where one was measured.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on: nested dicts and lists of tensors, arrays, bytes, numbers, text."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`'s state, exactly."""

    def finish(self) -> None:
        """After the last step: choose the best weights, blend, calibrate; leave the predictor as it shall be saved."""


class Wrapping(ABC):
    """A learner that learns through another one (`inner`), and finishes in its own way."""

    inner: Any  # a Learner; what its `finish` leaves may be more

    @property
    def done(self) -> bool:
        return bool(self.inner.done)

    def step(self, progress: float) -> dict[str, float]:
        return dict(self.inner.step(progress))

    def state_dict(self) -> dict[str, Any]:
        return dict(self.inner.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.inner.load_state_dict(state)

    @abstractmethod
    def finish(self) -> None:
        """Let `inner` finish; then calibrate, and leave the predictor as it shall be saved."""


class System(ABC):
    """One kind of learning, whole."""

    name: ClassVar[str]  # the file's name
    card: ClassVar[Card]
    Settings: ClassVar[type[Settings]]
    tiny: ClassVar[Mapping[str, Any]]  # settings with which `example()` trains in seconds

    @abstractmethod
    def example(self) -> Source:
        """Return a small source made here or carried by a package: for the checks and for a first try."""

    @abstractmethod
    def accepts(self, source: Source) -> str:
        """Return "" where the source suits, else what is missing (the text that the user will read)."""

    @abstractmethod
    def data(self, source: Source, settings: Any) -> Data:
        """Return the parts, the facts and the fields; every decision is a note."""

    @abstractmethod
    def test_data(self, source: Source, settings: Any, facts: dict[str, Json]) -> Data:
        """Return other data to judge a trained model on: every usable row is "test", nothing is learnt from it."""

    @abstractmethod
    def build(self, settings: Any, facts: dict[str, Json], arrays: Arrays) -> Predictor:
        """Return the predictor that these facts and arrays describe (arrays empty before training)."""

    @abstractmethod
    def learner(self, settings: Any, predictor: Predictor, data: Any, engine: "Engine") -> Learner:
        """Return the training algorithm; it sets predictor.network and predictor.forward (= the network).

        Where it uses torch it calls `engine.begin()` first: device, threads, seeds, determinism.
        """

    @abstractmethod
    def evaluate(self, predict: Predict, data: Any, part: str = "test", limit: int = 0) -> Evaluation:
        """Return per-unit results on a part (of its first `limit` units, where given), got through `predict` alone."""

    @abstractmethod
    def baselines(self, data: Any, settings: Any) -> dict[str, Callable[[], Predict]]:
        """Return what the model stands beside, the trivial one first: name → a function that trains it."""


@runtime_checkable
class Choosy(Protocol):
    """A system that knows sources made for it alone, which other systems may accept too."""

    def prefers(self, source: Source) -> bool:
        """Tell whether the source is plainly made for this system."""


def as_rows(columns: Columns, fields: dict[str, Field]) -> list[dict[str, Json]]:
    """Return columns as a list of JSON objects, one a row."""
    return [{name: f.plain(columns[name][i]) for name, f in fields.items()} for i in range(rows_of(columns))]


def from_rows(rows: Sequence[dict[str, Json]], fields: dict[str, Field]) -> Columns:
    """Return the columns of JSON objects, one a row (the inverse of `as_rows`)."""
    return {name: f.read(name, [row[name] for row in rows]) for name, f in fields.items()}


def no_network(_: Arrays) -> Arrays:
    """Stand in for `forward` before training."""
    raise RuntimeError("this predictor has neither been trained nor loaded")


def as_array(column: Any) -> NDArray[np.float64]:
    """Return a numeric column as float64."""
    return np.asarray(column, dtype=np.float64)
