"""What the checks share: the list of them, the trained system that they look at, and how they say what is wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aprende.core import flow, registry, settings
from aprende.core.contract import Source
from aprende.core.errors import ContractError
from aprende.core.fields import Columns, read_all, take
from aprende.core.model import Model

CLOSE = 1e-4  # largest relative difference between two computations of one number
Check = Callable[["Case"], None]
CHECKS: dict[str, Check] = {}


@dataclass
class Case:
    """A system trained once on its own example with its tiny settings. `folder` is the checks' own."""

    name: str
    folder: Path

    @cached_property
    def system(self) -> Any:
        """The system of this name."""
        return registry.load(self.name)

    @cached_property
    def settings(self) -> Any:
        """The tiny settings."""
        return settings.make(self.system.Settings, dict(self.system.tiny))

    @cached_property
    def source(self) -> Source:
        """The system's own example."""
        made: Source = self.system.example()
        return made

    @cached_property
    def run(self) -> flow.Run:
        """The run: trained when first asked for."""
        return flow.train(self.system, self.source, self.settings, self.folder / "run")

    @property
    def model(self) -> Model:
        """The model as saved and loaded again."""
        return self.run.model

    def examples(self, n: int = 5) -> Columns:
        """Return real inputs from test, regular."""
        return read_all(self.model.inputs, self.run.data.examples("test", n))

    def random(self, n: int = 64) -> Columns:
        """Return random valid inputs."""
        rng = np.random.default_rng(0)
        return read_all(self.model.inputs, {name: f.sample(rng, n) for name, f in self.model.inputs.items()})

    def edges(self) -> Columns:
        """Return rows of edge values: all fields' first ones, all second ones …, then mixed."""
        held = {name: f.edges() for name, f in self.model.inputs.items()}
        longest = max(map(len, held.values()))
        picks = {name: [*range(longest), *range(place, place + longest)] for place, name in enumerate(held)}
        rows = {name: np.array(picks[name]) % len(column) for name, column in held.items()}
        return read_all(self.model.inputs, {name: take({name: c}, rows[name])[name] for name, c in held.items()})


def check(function: Check) -> Check:
    """List the function among the checks; its name, with spaces, is the check's."""
    CHECKS[function.__name__.replace("_", " ")] = function
    return function


def need(ok: object, message: str) -> None:
    """Raise ContractError with this message unless ok."""
    if not ok:
        raise ContractError(message)
