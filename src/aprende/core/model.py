"""A trained model, alive: columns in, columns out, without PyTorch. Knows no file but the model's own."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from aprende.core import bundle, registry
from aprende.core.contract import Arrays, Predictor, System
from aprende.core.engine import side_by_side
from aprende.core.errors import InputError, ModelError, SettingError
from aprende.core.fields import Columns, Field, check_columns, from_json, rows_of, take
from aprende.core.settings import make
from aprende.core.words import t

ROWS_AT_ONCE = 16_384
HEAVY_AT_ONCE = 64


class OnnxForward:
    """The forward graph in ONNX Runtime. The session is made on first use. threads=0 lets ONNX Runtime choose."""

    def __init__(self, onnx: bytes, threads: int = 0) -> None:
        self.onnx, self.threads = onnx, threads
        self._session: Any = None
        self._coming: Future[Any] | None = None
        self._names: list[str] = []

    def __call__(self, arrays: Arrays) -> Arrays:
        """Return the named outputs for the named inputs, each with the batch as first axis."""
        session = self._session or (self._coming.result() if self._coming else self._start())
        return dict(zip(self._names, session.run(self._names, arrays), strict=True))

    def begin(self) -> None:
        """Let a thread make the session while the caller does other work: most of it needs no interpreter. What goes
        wrong is raised by the first use."""
        if self._session is None and self._coming is None:
            pool = ThreadPoolExecutor(1, "session")
            self._coming = pool.submit(copy_context().run, self._start)  # in the caller's language
            pool.shutdown(wait=False)

    def _start(self) -> Any:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads would burn a core
        try:
            made = ort.InferenceSession(self.onnx, options, providers=["CPUExecutionProvider"])
        except _refusals() as error:
            raise ModelError(t("The model's network cannot be used: {error}.", error=error)) from None
        self._names = [o.name for o in made.get_outputs()]
        self._session = made
        return made


def _refusals() -> tuple[type[Exception], ...]:
    """The errors with which ONNX Runtime refuses a graph; they share no base but Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as ort

    return (ort.Fail, ort.InvalidArgument, ort.InvalidGraph, ort.InvalidProtobuf, ort.NotImplemented, ort.NoSuchFile,
            ort.RuntimeException, ValueError)  # fmt: skip


@dataclass
class Model:
    """What `load` gives. `manifest` tells everything about it: settings, facts, scores, notes, versions."""

    system: System
    predictor: Predictor
    manifest: dict[str, Any]
    parts: bundle.Parts

    @property
    def inputs(self) -> dict[str, Field]:
        return self.predictor.inputs

    @property
    def outputs(self) -> dict[str, Field]:
        return self.predictor.outputs

    def begin(self) -> None:
        """Make the network ready in the background: for a caller who first reads what to predict."""
        if isinstance(self.predictor.forward, OnnxForward):
            self.predictor.forward.begin()

    def predict(self, columns: Columns) -> Columns:
        """Return the output columns for these input columns (checked by their fields). Large inputs go in pieces."""
        return predict_in_pieces(self.predictor, columns)


def predict_in_pieces(predictor: Predictor, columns: Columns) -> Columns:
    """Return predict's columns for columns as they came, so many rows at a time that memory stays flat."""
    fields = predictor.inputs
    check_columns(fields, columns)
    n = rows_of(columns)
    if n == 0:
        raise InputError(t("There are no rows to predict."))
    step = HEAVY_AT_ONCE if any(f.heavy for f in fields.values()) else ROWS_AT_ONCE
    heavy = {name: f for name, f in fields.items() if f.heavy}
    read = {name: columns[name] if f.heavy else f.read(name, columns[name]) for name, f in fields.items()}

    def piece(rows: slice) -> Columns:
        held = read if n <= step else take(read, rows)
        return predictor.predict(held | {name: f.read(name, held[name]) for name, f in heavy.items()})

    pieces = side_by_side(piece, [slice(at, at + step) for at in range(0, n, step)])
    return {name: join([piece[name] for piece in pieces]) for name in pieces[0]}


def join(columns: list[Any]) -> Any:
    """Return columns of one kind, one after the other."""
    if len(columns) == 1:
        return columns[0]
    if isinstance(columns[0], np.ndarray):
        return np.concatenate(columns)
    if isinstance(columns[0], list):
        return [value for column in columns for value in column]
    if isinstance(columns[0], Sequence):  # a column of things held elsewhere, such as files
        return reduce(add, columns)
    import polars as pl

    return pl.concat(columns)


def load(path: Path, threads: int = 0) -> Model:
    """Return the model of this file; raise ModelError where it is damaged, foreign or unsafe."""
    parts = bundle.read(path)
    return revive(parts, OnnxForward(parts.onnx, threads), str(path))


def revive(parts: bundle.Parts, forward: Callable[[Arrays], Arrays], source: str) -> Model:
    """Return the model that these parts describe."""
    manifest = parts.manifest
    try:
        system = registry.load(manifest["system"])
        settings = make(system.Settings, manifest["settings"])
        predictor = system.build(settings, manifest["facts"], parts.only("encode/"))
        for held, own in ((manifest["inputs"], predictor.inputs), (manifest["outputs"], predictor.outputs)):
            if {k: from_json(f) for k, f in held.items()} != own:
                raise ValueError("fields")
    except SettingError as error:  # an unknown system or setting: another version's, or a package that is missing
        raise ModelError(t("{path} cannot be used here: {error}", path=source, error=error)) from None
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
        raise ModelError(t("{path} is damaged: {error}.", path=source, error=repr(error))) from None
    predictor.forward = forward
    return Model(system, predictor, manifest, parts)
