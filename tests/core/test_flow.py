"""The flow from source to model, with the example system: by steps, by minutes, stopped and resumed, on other data."""

import dataclasses
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aprende.core import flow, loop, model, registry, settings
from aprende.core.contract import System, Table
from aprende.core.errors import DataError, SettingError
from aprende.core.loop import CHECKPOINT, LOG, Watcher
from aprende.core.measure import verdict


@pytest.fixture(scope="module")
def dots() -> System:
    return registry.load("dots")


def chosen(dots: System, **values: Any) -> Any:
    return settings.make(dots.Settings, values)


@pytest.fixture(scope="module")
def run(dots: System, tmp_path_factory: pytest.TempPathFactory) -> flow.Run:
    return flow.train(
        dots, dots.example(), chosen(dots, steps=60), tmp_path_factory.mktemp("run"), about={"source": "x.csv"}
    )


def test_a_run_leaves_a_model_a_log_and_what_it_was_asked(run: flow.Run) -> None:
    assert sorted(p.name for p in run.folder.iterdir()) == [LOG, "model.aprende", "run.json"]
    said = json.loads((run.folder / flow.RUN).read_text())
    assert (said["system"], said["source"], said["settings"]["steps"]) == ("dots", "x.csv", 60)


def test_scores_stand_beside_baselines(run: flow.Run) -> None:
    accuracy = run.scores["metrics"][run.scores["main"]]
    assert accuracy["value"] > 0.85
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
    assert list(accuracy["baselines"]) == ["majority", "nearest mean"]
    assert accuracy["baselines"]["majority"]["better_by"]["low"] > 0
    assert verdict(run.scores).startswith("The model is better than: majority")


def test_the_manifest_tells_everything(run: flow.Run) -> None:
    manifest = run.model.manifest
    assert manifest["scores"] == run.scores
    assert len(manifest["history"]) == len(run.history) == 60
    assert len(manifest["background"]) == 32
    assert set(manifest["background"][0]) == {"x", "y"}
    assert manifest["about"] == {"source": "x.csv"}
    assert {"python", "numpy", "torch"} <= set(manifest["versions"])


def test_the_saved_model_answers_like_the_run(run: flow.Run) -> None:
    columns = {"x": [0.0, 4.0, None], "y": [0.0, 0.0, 3.0]}
    found = model.load(run.folder / flow.MODEL).predict(columns)
    assert flow.largest_gap(found, run.model.predict(columns)) == 0
    assert found["colour"][:2] == ["red", "green"]


def test_minutes_are_kept(dots: System, tmp_path: Path) -> None:
    began = time.monotonic()
    made = flow.train(dots, dots.example(), chosen(dots, minutes=1.5 / 60), tmp_path)
    assert 1.4 <= made.seconds["training"] <= 3.0
    assert time.monotonic() - began < 5.0
    assert made.scores["metrics"]["accuracy"]["value"] > 0.85
    assert len(made.model.manifest["history"]) <= 400


class Stop(Watcher):
    def step(self, row: dict[str, float], engine: Any) -> None:
        if row["step"] == 25:
            os.kill(os.getpid(), signal.SIGTERM)


def test_stopped_and_resumed_is_the_same_model(dots: System, run: flow.Run, tmp_path: Path) -> None:
    with pytest.raises(flow.Stopped, match=r"To go on: aprende train --resume"):
        flow.train(dots, dots.example(), chosen(dots, steps=60), tmp_path, Stop(), about={"source": "x.csv"})
    assert (tmp_path / CHECKPOINT).exists()
    assert not (tmp_path / flow.MODEL).exists()
    again = flow.train(dots, dots.example(), chosen(dots, steps=60), tmp_path, resume=True, about={"source": "x.csv"})
    assert not (tmp_path / CHECKPOINT).exists()
    assert again.scores == run.scores
    mine, whole = (m.parts.arrays for m in (again.model, run.model))
    assert all(np.array_equal(mine[k], whole[k]) for k in whole)


def test_other_data_are_judged_and_nothing_is_learnt_from_them(dots: System, run: flow.Run) -> None:
    source = dots.example()
    few = dataclasses.replace(source, columns={k: c[:10] for k, c in source.columns.items()})
    scores = flow.test(run.model, few)
    assert scores["units"] == 10
    assert 0 <= scores["metrics"]["accuracy"]["low"] <= scores["metrics"]["accuracy"]["value"] <= 1


def test_groups_reach_the_interval(dots: System, tmp_path: Path) -> None:
    source = dots.example()
    groups = [f"g{i % 12}" for i in range(source.rows)]
    grouped = dataclasses.replace(source, columns={**source.columns, "street": groups})
    made = flow.train(dots, grouped, chosen(dots, steps=30, group="street"), tmp_path)
    held = made.evaluations["model"].groups
    assert held is not None
    assert 1 < len(set(held)) < 12
    with pytest.raises(SettingError, match="Did you mean 'street'"):
        flow.train(dots, grouped, chosen(dots, steps=30, group="stret"), tmp_path)


def test_an_unsuitable_source_is_refused_with_the_systems_words(dots: System, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="dots needs the columns x, y"):
        flow.train(dots, Table({}, {}), chosen(dots, steps=1), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made_is_told(dots: System, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="Cannot write"):
        flow.train(dots, dots.example(), chosen(dots, steps=1), tmp_path / "file" / "run")


def test_without_test_rows_valid_ones_are_used_and_it_is_said(dots: System, tmp_path: Path) -> None:
    made = flow.train(dots, dots.example(), chosen(dots, steps=30, test_share=0.0), tmp_path)
    assert made.scores["units"] == len(made.data.ids("valid"))
    assert any("No rows are held out" in note.text for note in made.notes)


def test_a_graph_that_differs_from_its_network_is_not_saved(
    dots: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = flow.OnnxForward

    class Wrong(other):  # type: ignore[valid-type, misc]
        def __call__(self, arrays: Any) -> Any:
            return {name: a[:, ::-1] for name, a in super().__call__(arrays).items()}

    monkeypatch.setattr(flow, "OnnxForward", Wrong)
    with pytest.raises(flow.TrainingError, match="The exported graph differs from the network by"):
        flow.train(dots, dots.example(), chosen(dots, steps=30), tmp_path)
    assert not (tmp_path / flow.MODEL).exists()


def test_the_watcher_sees_notes_steps_and_what_is_measured(dots: System, tmp_path: Path) -> None:
    class Told(loop.Watcher):
        def __init__(self) -> None:
            self.said: list[str] = []

        def notes(self, notes: Any) -> None:
            self.said.append("notes")

        def measuring(self, name: str) -> None:
            self.said.append(name)

    told = Told()
    flow.train(dots, dots.example(), chosen(dots, steps=2), tmp_path, told)
    assert told.said == ["notes", "model", "majority", "nearest mean"]


# ---- small parts -----------------------------------------------------------------------------------------------------


def test_gaps() -> None:
    a = {"n": np.array([1.0, np.nan, 200.0]), "w": ["a", "b", "c"]}
    assert flow.largest_gap(a, a) == 0
    assert flow.largest_gap(a, {**a, "n": np.array([1.0, np.nan, 202.0])}) == pytest.approx(0.01)
    assert flow.largest_gap(a, {**a, "n": np.array([1.0, 5.0, 200.0])}) == float("inf")
    assert flow.largest_gap(a, {**a, "n": np.array([np.nan, np.nan, 200.0])}) == float("inf")
    assert flow.largest_gap(a, {**a, "n": np.array([1.0])}) == float("inf")
    assert flow.largest_gap(a, {**a, "w": ["a", "b", "d"]}) == 1.0


@pytest.mark.parametrize("n", [0, 1, 400, 401, 5000])
def test_a_thinned_history_keeps_its_ends(n: int) -> None:
    rows = [{"step": float(i)} for i in range(n)]
    found = flow.thinned(rows)
    assert len(found) == min(n, 400)
    assert found[:1] == rows[:1]
    assert found[-1:] == rows[-1:]


def test_masks_differ_by_the_share_of_their_places_and_boxes_by_their_numbers() -> None:
    one, two = np.zeros((4, 4), np.uint8), np.zeros((2, 2), np.uint8)
    other = one.copy()
    other[0, :2] = 200
    assert flow.largest_gap({"mask": [one, two]}, {"mask": [other, two]}) == pytest.approx(2 / 16)
    assert flow.largest_gap({"mask": [one, two]}, {"mask": [two, one]}) == float("inf")
    boxes = np.array([[0, 0, 10, 10, 1, 0.5]], np.float32)
    assert flow.largest_gap({"boxes": [boxes, boxes[:0]]}, {"boxes": [boxes + 1, boxes[:0]]}) == pytest.approx(0.1)
    assert flow.largest_gap({"boxes": [boxes]}, {"boxes": [boxes[:0]]}) == float("inf")
