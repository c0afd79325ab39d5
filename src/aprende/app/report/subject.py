"""What a report is about: a run, and what can be shown of it. Derived from Fields and units, never from names.

`classes` is not empty where the model says one of some words; `numbers` is true where it says a number.
"""

import time
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.app.answers import picture_of
from aprende.core import flow
from aprende.core.contract import Arrays
from aprende.core.fields import Category, Columns, Field, Image, Number, Probabilities, take
from aprende.insight.importance import Score, importance, scalar

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
EFFECT_ROWS = 60, 400  # at least, at most
EFFECT_TIMES, TRIED = 20, 32  # about how often they are predicted; rows by which the speed is known
UNITS = ("truth", "prediction", "low", "high", "probabilities", "error")
BYTES = 256 * 2**20  # of pictures held at a time


class Subject:
    """A run, seen by a report. seconds: how long finding out what matters may take.

    Where units have several answers, `parts` are subjects of one answer each, and `whole` is the subject of all.
    """

    def __init__(self, run: flow.Run, seconds: float = 20.0) -> None:
        self.run, self.seconds = run, seconds
        self.whole, self.place = self, 0
        self.manifest: dict[str, Any] = run.model.manifest
        self.scores = run.scores
        self.inputs, self.outputs = run.model.inputs, run.model.outputs
        self.units: Arrays = run.evaluations["model"].units
        self.n = len(next(iter(self.units.values())))

    @cached_property
    def parts(self) -> list["Subject"]:
        """The subjects of one answer each: itself where a unit has one."""
        names = [name for name in self.outputs if f"truth of {name}" in self.units]
        return [self._part(name, place) for place, name in enumerate(names, 1)] or [self]

    def _part(self, name: str, place: int) -> "Subject":
        part = Subject(self.run, self.seconds)
        part.whole, part.place, part.target = self, place, name
        own = {kind: f"{kind} of {name}" for kind in UNITS}
        part.units = {kind: self.units[key] for kind, key in own.items() if key in self.units}
        return part

    def titled(self, title: str) -> str:
        """Return a section's title, with the answer's name where there are several."""
        return f"{title}: {self.target}" if self.place else title

    def anchor(self, name: str) -> str:
        """Return a section's name in links, one for each answer."""
        return f"{name}-{self.place}" if self.place else name

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as JSON."""
        return dict(self.manifest.get("settings", {}))

    @cached_property
    def target(self) -> str:
        """The name of what is drawn: the target where it is an output, else the first output."""
        asked = str(self.settings.get("target", ""))
        return asked if asked in self.outputs else next(iter(self.outputs))

    @cached_property
    def output(self) -> Field:
        """The field of what is drawn."""
        return self.outputs[self.target]

    @property
    def unit(self) -> str:
        """The unit of a predicted number."""
        return self.output.unit if isinstance(self.output, Number) else ""

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The words that can be answered; empty where the answer is no word, or units do not tell truth and answer."""
        options = self.output.options if isinstance(self.output, (Category, Probabilities)) else ()
        told = "truth" in self.units and ("prediction" in self.units or "probabilities" in self.units)
        return options if told and self.units["truth"].ndim == 1 else ()

    @cached_property
    def numbers(self) -> bool:
        """Whether truth and prediction are numbers, one a unit."""
        pair = [self.units.get("truth"), self.units.get("prediction")]
        return not self.classes and all(u is not None and u.ndim == 1 and u.dtype.kind in "fiu" for u in pair)

    @cached_property
    def truth(self) -> Any:
        """True numbers as float64, or true classes as places in `classes`, (n,)."""
        return self._indices(self.units["truth"]) if self.classes else self.units["truth"].astype(np.float64)

    @cached_property
    def said(self) -> Any:
        """Predicted numbers as float64, or predicted classes as places in `classes`, (n,)."""
        if not self.classes:
            return self.units["prediction"].astype(np.float64)
        if "prediction" in self.units:
            return self._indices(self.units["prediction"])
        return self.units["probabilities"].argmax(axis=1)

    def _indices(self, column: NDArray[Any]) -> Ints:
        if column.dtype.kind in "iuf" and not set(map(str, np.unique(column))) <= set(self.classes):
            return column.astype(np.int64)
        places = {word: i for i, word in enumerate(self.classes)}
        return np.array([places.get(str(v), -1) for v in column], dtype=np.int64)

    @cached_property
    def probabilities(self) -> Floats | None:
        """Probabilities of the classes (n, classes), where units tell them."""
        held = self.units.get("probabilities")
        return (
            held.astype(np.float64)
            if self.classes and held is not None and held.shape[1:] == (len(self.classes),)
            else None
        )

    @cached_property
    def error(self) -> Floats | None:
        """How bad each answer is (n,): as the system says, else |prediction - truth|, or -log of the truth's share."""
        if "error" in self.units and self.units["error"].ndim == 1:
            return self.units["error"].astype(np.float64)
        if self.numbers:
            return np.asarray(np.abs(self.said - self.truth))
        if self.probabilities is not None:
            return np.asarray(-np.log(np.clip(self.probabilities[np.arange(self.n), self.truth], 1e-12, 1.0)))
        return (self.said != self.truth).astype(np.float64) if self.classes else None

    @cached_property
    def seen(self) -> int:
        """How many units' inputs are looked at: the first ones, so many as fit into BYTES of memory."""
        one = self.run.data.examples("test", 1)
        each = sum(np.asarray(c[0]).nbytes for c in one.values() if not scalar(c))
        return min(self.n, BYTES // max(1, each))

    @cached_property
    def columns(self) -> Columns:
        """The inputs of the first `seen` units; empty where units are not the examples of the test part."""
        if self.place:
            return self.whole.columns
        if not self.run.evaluations["model"].paired:
            return {}
        held = self.run.data.examples("test", self.seen)
        return held if all(len(c) == self.seen for c in held.values()) else {}

    @cached_property
    def importance(self) -> list[dict[str, Any]]:
        """What matters; empty where inputs cannot be shuffled, or no time was given."""
        if self.place:
            return self.whole.importance
        if self.seconds <= 0:
            return []
        return importance(
            self.run.model.predict, self.run.model.system, self.run.data, self.seconds, self.settings.get("seed", 0)
        )

    @cached_property
    def clear(self) -> list[str]:
        """The columns that matter beyond chance, most first; the first two where none does."""
        return [f["column"] for f in self.importance if f["low"] > 0] or self.leading[:2]

    @cached_property
    def leading(self) -> list[str]:
        """The scalar input columns, those that matter most first; those known not to matter are left out."""
        known = [f["column"] for f in self.importance if f["loss"] > 0]
        return known or [name for name, f in self.inputs.items() if not isinstance(f, Image)]

    @cached_property
    def picture(self) -> str:
        """The name of the first input that is a picture, or ""."""
        return picture_of(self.inputs)

    @cached_property
    def sampled(self) -> Columns:
        """Some judged rows, for effect curves: as many as can be predicted often enough in half of the time."""
        if self.place:
            return self.whole.sampled
        if not self.columns:
            return {}
        rows = np.random.default_rng(0).permutation(self.seen)
        began = time.monotonic()
        self.run.model.predict(take(self.columns, rows[:TRIED]))
        each = (time.monotonic() - began) / min(TRIED, self.seen)
        many = int(np.clip(self.seconds / 2 / EFFECT_TIMES / each, *EFFECT_ROWS))
        return take(self.columns, np.sort(rows[:many]))

    def score(self, shown: list[int]) -> Score:
        """Return what an answer comes to: the predicted number (n, 1), or the probabilities of these classes (n, k)."""
        same = [k for k, f in self.outputs.items() if isinstance(f, Probabilities) and f.options == self.classes]
        own = [k for k in same if k.startswith(f"{self.target} ")]  # another answer may have the same words
        name = [*own, *same, self.target][0]

        def score(columns: Columns) -> Floats:
            answer = np.asarray(self.run.model.predict(columns)[name], dtype=np.float64)
            return answer[:, shown] if answer.ndim == 2 else answer[:, None]

        return score
