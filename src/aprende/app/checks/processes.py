"""What must hold from one process to another: loading, killing, resuming, repeating."""

import json
import zipfile
from pathlib import Path

import numpy as np

from aprende.app.checks import trial
from aprende.app.checks.case import CLOSE, Case, check, need
from aprende.core import checkpoint, flow, loop
from aprende.core import engine as engines
from aprende.core import model as models
from aprende.core.engine import Budget

TRAINING_ONLY = "torch,torchvision,sklearn,skimage,lightgbm,catboost,onnx,onnxscript,accelerate,timm,pandas"


def _elsewhere(case: Case, without: str) -> None:
    """Predict in a new process where some packages cannot be imported; the answers must be the same."""
    columns, inputs, outputs = case.examples(), case.folder / "inputs", case.folder / "outputs"
    checkpoint.save(inputs, {"columns": trial.portable(columns)})
    options = ["--without", without] if without else []
    trial.finish("predict", case.run.folder / flow.MODEL, inputs, outputs, *options)
    answers = trial.portable(case.model.predict(columns))
    gap = flow.largest_gap(answers, checkpoint.load(outputs)["columns"])
    need(gap <= CLOSE, f"a new process answers otherwise (by {gap:.2g})")


@check
def a_new_process_answers_the_same(case: Case) -> None:
    _elsewhere(case, "")


@check
def predict_needs_no_training_library(case: Case) -> None:
    _elsewhere(case, TRAINING_ONLY)


@check
def same_seed_same_history(case: Case) -> None:
    engine = engines.make(Budget(steps=case.settings.steps), case.settings.seed, scratch=case.folder)
    data = case.system.data(case.source, case.settings)
    predictor = case.system.build(case.settings, dict(data.facts), {})
    history = loop.fit(case.system.learner(case.settings, predictor, data, engine), engine)
    need(_timeless(history.rows) == _timeless(case.run.history), "a second run with the same seed went another way")


def _timeless(history: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


@check
def killed_and_resumed_equals_never_killed(case: Case) -> None:
    folder, steps = case.folder / "killed", int(case.run.history[-1]["step"])
    step = int(np.random.default_rng().integers(1, steps + 1))
    code = trial.start("train", case.system.name, folder, "--kill-at", step).returncode
    need(code == -9, f"expected a process killed at step {step}; it ended with {code}")
    need(not (folder / flow.MODEL).exists(), "there is a model, though training was killed")
    trial.finish("train", case.system.name, folder)
    said = f"killed after step {step} of {steps} and resumed: "
    need(
        _log(folder) == _log(case.run.folder),
        said + "the history differs; is everything in state_dict (order, RNG, optimiser)?",
    )
    need(_weights(folder) == _weights(case.run.folder), said + "the weights differ")
    again = models.load(folder / flow.MODEL).predict(case.examples())
    need(flow.largest_gap(again, case.model.predict(case.examples())) == 0, said + "the answers differ")


def _log(folder: Path) -> list[dict[str, float]]:
    lines = (folder / loop.LOG).read_text(encoding="utf-8").splitlines()
    return _timeless([json.loads(line) for line in lines])


def _weights(folder: Path) -> bytes:
    with zipfile.ZipFile(folder / flow.MODEL) as archive:
        return archive.read("weights.safetensors")
