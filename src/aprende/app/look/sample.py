"""The pictures with which a network is looked into: a person's own, those it was tested on, or gratings made here.

Knows no system: parts and truth come through the contract, pictures through `intake`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Data, Table
from aprende.core.errors import AprendeError, InputError
from aprende.core.fields import Columns, Findings, Image, from_json, rows_of
from aprende.core.model import Model
from aprende.core.settings import make
from aprende.core.words import t
from aprende.insight.look import SMALL, Sample, Say
from aprende.insight.opened import Openable
from aprende.insight.stimuli import gratings

MOST, ENOUGH = (600, 300), 100  # small and large pictures; below ENOUGH those that it learnt from are taken too
BYTES = 256 * 2**20  # of pictures held at a time
PARTS = {"test": 0, "valid": 1, "train": 2}


def sample(model: Model, source: Any, say: Say) -> Sample:
    """Return pictures for a look. Raises InputError where the model takes no picture."""
    if picture_of(model) is None or not isinstance(model.predictor, Openable):
        raise InputError(t("This model cannot be looked into: only networks that take one picture can."))
    say(t("pictures are read"))
    return replace(_pictures(model, source, say), answers=_options(model))


def _pictures(model: Model, source: Any, say: Say) -> Sample:
    if source is not None:
        return _own(model, source)
    learnt = (model.manifest.get("about") or {}).get("source")
    if learnt and Path(learnt).exists():
        return _tested(model, learnt)
    say(t("The pictures it learnt from are not here any more: gratings stand in. Give pictures to see more."))
    size, channels = _size(model)
    waves = gratings(size).pictures.reshape(-1, size, size, 1)
    pictures = np.repeat(waves, channels, axis=3).round().astype(np.uint8)
    return Sample(pictures, source=t("gratings made for it"), made=True)


def picture_of(model: Model) -> str | None:
    """Return the name of the input that is a picture, where it is the only input."""
    names = [name for name, f in model.inputs.items() if isinstance(f, Image)]
    return names[0] if len(names) == len(model.inputs) == 1 else None


def _size(model: Model) -> tuple[int, int]:
    field = next(f for f in model.inputs.values() if isinstance(f, Image))
    return field.size, field.channels


def _own(model: Model, source: Any) -> Sample:
    """A person's pictures, with their classes where the source tells them and the model knows them."""
    from aprende.app.api import Model as Door

    try:
        targets = {name: from_json(f) for name, f in model.manifest["targets"].items()}
        data = model.system.test_data(_read(source, list(targets), model), _settings(model), model.manifest["facts"])
        return _of_parts(model, data, ["test"], Path(str(source)).name)
    except AprendeError:  # no classes, or others: the pictures alone still show much
        _, columns = Door(model, Path()).read(source)
        pictures = columns[picture_of(model) or ""]
        return Sample(pictures[: _most(model)], source=Path(str(source)).name)


def _tested(model: Model, source: str) -> Sample:
    """The pictures of its own source that it did not learn from; where they are few, of the others too."""
    settings = _settings(model)
    data = model.system.data(_trained(model, source, settings), settings)
    parts = ["test"]
    for part in ("valid", "train"):
        if sum(len(data.ids(p)) for p in parts) < ENOUGH:
            parts.append(part)
    return _of_parts(model, data, parts, Path(source).name)


def _settings(model: Model) -> Any:
    return make(model.system.Settings, model.manifest["settings"])


def _read(source: Any, target: Any, model: Model) -> Table:
    from aprende.intake.reading import read

    return read(source, target=target, fields=model.inputs)


def _trained(model: Model, source: str, settings: Any) -> Table:
    from aprende.intake.reading import read, with_test

    table = read(source, target=settings.target or None)
    test = (model.manifest.get("about") or {}).get("test")
    return with_test(table, read(test, fields=table.fields)) if test and Path(test).exists() else table


def _most(model: Model) -> int:
    return MOST[_size(model)[0] > SMALL]


def _of_parts(model: Model, data: Data, parts: list[str], name: str) -> Sample:
    """At most so many pictures of these parts, those of the first ones first, drawn at random within each."""
    left, pictures, truths, learnt = _most(model), [], [], 0
    for part in parts:
        held, truth = _part(model, data, part)
        rows = np.sort(np.random.default_rng(0).permutation(len(held))[:left])
        pictures += [held[row] for row in rows]
        truths.append(None if truth is None else truth[rows])
        left, learnt = left - len(rows), learnt + len(rows) * (part == "train")
    if not pictures:
        raise InputError(t("There are no pictures to look with."))
    known = [v for v in truths if v is not None]
    truth = np.concatenate(known) if len(known) == len(truths) else None
    classes = _classes(model, truth)
    told = t("{n} of {name} that it did not learn from", n=len(pictures) - learnt, name=name)
    if learnt:
        told += t(", and {n} that it did", n=learnt)
    return Sample(_stacked(pictures), truth if classes else None, classes, source=told, learnt=learnt)


def _stacked(pictures: list[Any]) -> Any:
    return np.stack(pictures) if len({p.shape for p in pictures}) == 1 else pictures


def _part(model: Model, data: Data, part: str) -> tuple[Any, NDArray[np.int64] | None]:
    """The pictures of a part, as many as memory likes, and which class each is of, where it is of one."""
    one = data.examples(part, 1)
    name = picture_of(model) or ""
    if not rows_of(one):
        return [], None
    most = max(1, BYTES // max(1, np.asarray(one[name][0]).nbytes))
    held = data.examples(part, min(most, len(data.ids(part)) + ENOUGH))[name]
    evaluation = model.system.evaluate(lambda columns: _guess(model, columns), data, part, len(held))
    truth = _one_of(evaluation.units.get("truth")) if evaluation.paired else None
    return held if truth is None else held[: len(truth)], truth


def _one_of(truth: Any) -> NDArray[np.int64] | None:
    """Which class each picture is of: places (n,), or of findings (n, K) the only one that is shown, K where none is;
    None where that cannot be said of every picture."""
    if truth is None or (truth.ndim == 1 and truth.dtype.kind not in "iu"):
        return None
    if truth.ndim == 1:
        return np.asarray(truth, dtype=np.int64)
    shown = truth == 1
    if truth.ndim != 2 or np.isnan(truth).any() or (shown.sum(axis=1) > 1).any():
        return None
    return np.asarray(np.where(shown.any(axis=1), shown.argmax(axis=1), truth.shape[1]), dtype=np.int64)


def _guess(model: Model, columns: Columns) -> Columns:
    """Any answers: a part's truth does not depend on them, and asking the network would take long."""
    rng, n = np.random.default_rng(0), rows_of(columns)
    return {name: field.sample(rng, n) for name, field in model.outputs.items()}


def _classes(model: Model, truth: NDArray[np.int64] | None) -> tuple[str, ...]:
    """The names of the classes, where the truth is places among an output's options."""
    if truth is None or not len(truth):
        return ()
    options = _options(model)
    if any(isinstance(f, Findings) for f in model.outputs.values()):
        options = (*options, t("none"))
    return options if len(options) > truth.max() and truth.min() >= 0 else ()


def _options(model: Model) -> tuple[str, ...]:
    """What the model chooses from: the options of the first output that has any."""
    return next((tuple(o) for f in model.outputs.values() if (o := getattr(f, "options", None))), ())
