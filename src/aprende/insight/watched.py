"""The one number of a model's answer that is explained: an output, or one option's share in it. Knows no system."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Arrays
from aprende.core.errors import InputError
from aprende.core.fields import Columns, Number
from aprende.core.model import Model
from aprende.core.words import t

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Watched:
    """The number that is explained: an output column, or one option's share in it (a class, a finding)."""

    name: str
    column: str
    place: int | None = None

    def values(self, outputs: Arrays) -> Floats:
        """Return the watched number of each row (n,)."""
        held = np.asarray(outputs[self.column], dtype=np.float64)
        return held if self.place is None else held[:, self.place]


def watched(model: Model, row: Columns, output: str | None) -> Watched:
    """Return what is explained. output: which output or option; None: the first number, or the greatest share.

    Raises InputError where the model has no numeric output.
    """
    answers = model.predict(row)
    wanted = {output: model.outputs[output]} if output in model.outputs else model.outputs
    for name, field in wanted.items():
        options = shared(field, answers[name])
        if options and (output is None or output in options or output == name):
            place = options.index(output) if output in options else int(np.argmax(answers[name][0]))
            return Watched(options[place], name, place)
        if isinstance(field, Number) and (output is None or output == name):
            return Watched(name, name)
    known = [*model.outputs, *(o for name, f in model.outputs.items() for o in shared(f, answers[name]))]
    if output is not None and output not in known:
        from aprende.core.errors import unknown

        raise InputError(unknown(t("output"), output, known))
    raise InputError(t("There is no numeric output to explain. Outputs: {names}.", names=", ".join(model.outputs)))


def shared(field: Any, column: Any) -> tuple[str, ...]:
    """Return the options of a field that gives each a share, (n, options) numbers; () where it does not."""
    options = tuple(getattr(field, "options", ()))
    numbers = isinstance(column, np.ndarray) and column.dtype.kind == "f"
    return options if numbers and column.shape[1:] == (len(options),) else ()
