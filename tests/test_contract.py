"""Every system keeps the contract, and every breach that we can think of is found. No system is named here."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aprende.app import checks
from aprende.app.checks import CHECKS, Case, processes
from aprende.app.checks.products import is_pickle
from aprende.core import registry
from aprende.core.contract import Table
from aprende.core.errors import ContractError
from aprende.core.fields import Image, take

EXAMPLE = next(name for name in registry.names() if not (registry.FOLDER / f"{name}.py").exists())


@pytest.fixture(scope="module", params=registry.names())
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    made = Case(request.param, tmp_path_factory.mktemp(request.param))
    checks.trains(made)
    return made


@pytest.mark.parametrize("title", CHECKS)
def test_contract(case: Case, title: str) -> None:
    CHECKS[title](case)


# ---- breaches --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Case:
    made = Case(EXAMPLE, tmp_path_factory.mktemp("sound"))
    checks.trains(made)
    return made


class Wrapped:
    """An object with some attributes replaced."""

    def __init__(self, held: Any, **others: Any) -> None:
        self.__dict__.update(others)
        self._held = held

    def __getattr__(self, name: str) -> Any:
        return getattr(self._held, name)


def broken(case: Case, **others: Any) -> Case:
    """The case with its system, model or run changed."""
    other = Case(case.name, case.folder)
    other.__dict__.update({"run": case.run, "source": case.source, "settings": case.settings, **others})
    return other


def answering(case: Case, predict: Callable[[dict[str, Any]], dict[str, Any]]) -> Case:
    """The case with another way to predict."""
    model = case.model
    changed = Wrapped(model.predictor, predict=predict, inputs=model.inputs, outputs=model.outputs)
    return broken(case, run=dataclasses.replace(case.run, model=dataclasses.replace(model, predictor=changed)))


def system_with(case: Case, **others: Any) -> Case:
    """The case with another system."""
    return broken(case, system=Wrapped(case.system, **others))


def changed_inputs(case: Case) -> Case:
    def predict(columns: dict[str, Any]) -> dict[str, Any]:
        outputs = case.model.predictor.predict(columns)
        next(iter(columns.values()))[0] = 0.0
        return outputs

    return answering(case, predict)


def random_answers(case: Case) -> Case:
    rng = np.random.default_rng()

    def predict(columns: dict[str, Any]) -> dict[str, Any]:
        n = len(next(iter(columns.values())))
        return {name: field.sample(rng, n) for name, field in case.model.outputs.items()}

    return answering(case, predict)


def looks_at_the_batch(case: Case) -> Case:
    def predict(columns: dict[str, Any]) -> dict[str, Any]:
        return case.model.predictor.predict({name: c - np.nanmean(c) for name, c in columns.items()})

    return answering(case, predict)


def answers_too_little(case: Case) -> Case:
    return answering(case, lambda columns: take(case.model.predictor.predict(columns), slice(1, None)))


def answers_nan(case: Case) -> Case:
    def predict(columns: dict[str, Any]) -> dict[str, Any]:
        outputs = case.model.predictor.predict(columns)
        return {n: c * np.nan if isinstance(c, np.ndarray) else c for n, c in outputs.items()}

    return answering(case, predict)


def takes_anything(case: Case) -> Case:
    fields = {name: Wrapped(field, read=lambda name, values: values) for name, field in case.model.inputs.items()}
    model = case.model
    changed = Wrapped(model.predictor, inputs=fields, outputs=model.outputs, predict=lambda columns: {})
    return broken(case, run=dataclasses.replace(case.run, model=dataclasses.replace(model, predictor=changed)))


def other_graph(case: Case) -> Case:
    network = Wrapped(case.run.predictor.network)
    predictor = Wrapped(case.run.predictor, network=network, forward=None)

    def predict(columns: dict[str, Any]) -> dict[str, Any]:
        n = len(next(iter(columns.values())))
        return {"shares": np.full((n, 3), float(predictor.forward is network))}

    predictor.predict = predict
    return broken(case, run=dataclasses.replace(case.run, predictor=predictor))


def splits_by_row_number(case: Case) -> Case:
    def data(source: Any, settings: Any) -> Any:
        made = case.system.data(source, settings)
        n = source.rows
        cuts = {"train": (0, n // 2), "valid": (n // 2, n * 3 // 4), "test": (n * 3 // 4, n)}
        made.rows = {part: np.arange(*cut) for part, cut in cuts.items()}
        return made

    return system_with(case, data=data)


def forgets_groups(case: Case) -> Case:
    def data(source: Any, settings: Any) -> Any:
        made = case.system.data(source, dataclasses.replace(settings, group=""))
        made.groups = np.array(list(source.columns[settings.group])) if settings.group else None
        return made

    return system_with(case, data=data)


def hides_groups(case: Case) -> Case:
    def data(source: Any, settings: Any) -> Any:
        return case.system.data(source, dataclasses.replace(settings, group=""))

    return system_with(case, data=data)


def facts_with_a_tuple(case: Case) -> Case:
    data = Wrapped(case.run.data, facts={"a": (1, 2)})
    return broken(case, run=dataclasses.replace(case.run, data=data))


def one_row_in_two_parts(case: Case) -> Case:
    return broken(case, run=dataclasses.replace(case.run, data=Wrapped(case.run.data, ids=lambda part: {"a"})))


def worse_than_trivial(case: Case) -> Case:
    scores = case.run.scores
    main = {**scores["metrics"][scores["main"]], "value": -1e9}
    main["higher_is_better"] = True
    return broken(case, run=dataclasses.replace(case.run, scores={**scores, "metrics": {scores["main"]: main}}))


def no_help(case: Case) -> Case:
    return system_with(case, Settings=dataclasses.make_dataclass(
        "Bare", [("bare", int, dataclasses.field(default=1))], bases=(case.system.Settings,), frozen=True))  # fmt: skip


def thawed(case: Case) -> Case:
    return system_with(case, Settings=dataclasses.make_dataclass("Thawed", [("bare", int, 1)]))


def no_steps(case: Case) -> Case:
    return broken(case, settings=dataclasses.replace(case.settings, steps=0))


def accepts_all(case: Case) -> Case:
    return system_with(case, accepts=lambda source: "")


def empty_card(case: Case) -> Case:
    return system_with(case, card=dataclasses.replace(case.system.card, title=""))


def unseeded(case: Case) -> Case:
    def learner(settings: Any, *rest: Any) -> Any:
        seed = int(np.random.default_rng().integers(1, 2**31))
        return case.system.learner(dataclasses.replace(settings, seed=seed), *rest)

    return system_with(case, learner=learner)


BREACHES: dict[Callable[[Case], Case], str] = {
    changed_inputs: "predict is pure and repeatable",
    random_answers: "predict is pure and repeatable",
    looks_at_the_batch: "batch equals one by one",
    answers_too_little: "outputs fit their fields",
    answers_nan: "random inputs are answered",
    takes_anything: "wrong inputs are refused",
    other_graph: "onnx equals the network",
    splits_by_row_number: "copies stay together",
    forgets_groups: "groups stay together",
    hides_groups: "groups stay together",
    facts_with_a_tuple: "facts survive json",
    one_row_in_two_parts: "parts are disjoint",
    worse_than_trivial: "tiny beats the trivial baseline",
    no_help: "settings are plain json",
    thawed: "settings are plain json",
    no_steps: "tiny counts steps",
    accepts_all: "unsuitable sources are declined",
    empty_card: "card says what it is",
    unseeded: "same seed same history",
}


@pytest.mark.parametrize("breach", BREACHES, ids=lambda f: f.__name__)
def test_a_breach_is_found_and_explained(sound: Case, breach: Callable[[Case], Case]) -> None:
    title = BREACHES[breach]
    result = checks.attempt(title, CHECKS[title], breach(sound))
    assert not result.ok
    assert len(result.why) > 15, result.why
    assert checks.attempt(title, CHECKS[title], sound).ok


def test_a_split_that_hangs_on_the_order_is_found(sound: Case) -> None:
    with pytest.raises(ContractError, match="shuffling"):
        CHECKS["parts stay when rows are shuffled"](splits_by_row_number(sound))


def test_a_pickle_is_found_in_a_file_and_in_an_array(sound: Case, tmp_path: Path) -> None:
    import pickle

    held = pickle.dumps({"a": 1})
    (tmp_path / "innocent.json").write_bytes(held)
    check = CHECKS["no artefact is a pickle"]
    with pytest.raises(ContractError, match=r"innocent\.json is a pickle"):
        check(broken(sound, run=dataclasses.replace(sound.run, folder=tmp_path)))
    arrays = {"encode/a": np.frombuffer(held, dtype=np.uint8)}
    parts = dataclasses.replace(sound.model.parts, arrays=arrays)
    model = dataclasses.replace(sound.model, parts=parts)
    with pytest.raises(ContractError, match="hides a pickle"):
        check(broken(sound, run=dataclasses.replace(sound.run, model=model)))
    assert not any(map(is_pickle, (b"", b"{}", b'{"a": 1}', b"<!doctype html>", b"PK\x03\x04")))


def test_a_library_that_predict_needs_is_found(sound: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "TRAINING_ONLY", "torch,onnxruntime")
    with pytest.raises(ContractError, match=r"No module named 'onnxruntime' \(hidden by a contract check\)"):
        CHECKS["predict needs no training library"](sound)


@pytest.mark.parametrize(("test_rows", "ok"), [([0, 1], False), ([2, 3], True)])
def test_near_duplicates_on_two_sides_are_found(sound: Case, test_rows: list[int], ok: bool) -> None:
    pictures = list(np.random.default_rng(0).integers(0, 256, (4, 5, 5, 3), dtype=np.uint8))
    source = Table({"photo": pictures}, {"photo": Image()})

    def data(source: Table, settings: Any) -> Any:
        assert source.rows == 8
        parts = {"train": [source.columns["photo"][i] for i in (0, 1)],
                 "test": [source.columns["photo"][4 + i] for i in test_rows]}  # fmt: skip
        return Wrapped(None, examples=lambda part, n: {"photo": parts[part]})

    case = system_with(sound, data=data)
    case.__dict__["source"] = source
    assert checks.attempt("", CHECKS["near duplicates stay together"], case).ok == ok


def test_a_lost_state_is_found(sound: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed run whose losses differ from those of the run that was never killed is told apart."""
    from aprende.app.checks import trial

    def resumed(command: str, name: str, folder: Path) -> None:
        shutil.copytree(sound.run.folder, folder)
        log = folder / "log.jsonl"
        log.write_text(log.read_text().replace('"loss": 0.', '"loss": 1.'))

    monkeypatch.setattr(trial, "start", lambda *arguments: Wrapped(None, returncode=-9))
    monkeypatch.setattr(trial, "finish", resumed)
    case = broken(sound)
    case.folder = sound.folder / "other"
    with pytest.raises(ContractError, match=r"resumed: the history differs; is everything in state_dict"):
        CHECKS["killed and resumed equals never killed"](case)


def test_check_system_raises_nothing_and_tells_as_it_goes() -> None:
    told: list[checks.Result] = []
    (result,) = checks.check_system("no such system", told.append)
    assert told == [result]
    assert not result.ok
    assert "Unknown system 'no such system'" in result.why
