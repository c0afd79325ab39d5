"""The command line as a person uses it, on a system of a third party: train, test, predict, explain, export, errors."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from aprende.app import api, cli
from aprende.core.errors import DataError, SettingError
from aprende.core.words import speaking

TRAIN = ["--system", "dots", "--target", "colour", "--steps", "60"]


def dots(rows: int, seed: int = 0) -> str:
    """A CSV of dots in two colours, parted by a line."""
    points = np.random.default_rng(seed).normal(size=(rows, 2)).round(4)
    lines = [f"{x},{y},{'red' if x + y > 0 else 'blue'}" for x, y in points]
    return "x,y,colour\n" + "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "dots.csv").write_text(dots(400))
    assert cli.main(["train", str(folder / "dots.csv"), *TRAIN, "--out", str(folder / "run")]) == 0
    return folder / "run"


def test_training_leaves_model_report_and_log(trained: Path) -> None:
    left = {p.name for p in trained.iterdir()}
    assert {"model.aprende", "report.html", "log.jsonl", "run.json"} <= left
    assert "checkpoint.safetensors" not in left
    assert len((trained / "log.jsonl").read_text().splitlines()) == 60


def test_what_is_shown_fits_80_columns(tmp_path: Path) -> None:
    (tmp_path / "dots.csv").write_text(dots(200))
    for language in ("en", "es"):
        command = [sys.executable, "-m", "aprende", "train", "dots.csv", *TRAIN, "--lang", language]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"COLUMNS": "80"})
        assert done.returncode == 0, done.stderr
        shown = done.stdout
        assert max(map(len, shown.splitlines())) <= 80
        assert ("intervalo del 95 %" if language == "es" else "95 % interval") in shown
    assert (tmp_path / "runs" / "dots-2" / "model.aprende").exists()  # a second run never overwrites the first


def test_predict_writes_the_table_with_its_answers(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("note,x,y\n=1+1,1.5,1\nb,-2,-1\n")
    assert cli.main(["predict", str(trained), str(tmp_path / "new.csv"), "--out", str(tmp_path / "out.csv")]) == 0
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert len(lines) == 3
    assert "red" in lines[1]
    assert "blue" in lines[2]
    assert not lines[1].startswith("=")  # a cell must not become a formula


def test_predict_prints_json_lines(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "new.csv").write_text("x,y\n1.5,1\n-2,-1\n")
    assert cli.main(["predict", str(trained), str(tmp_path / "new.csv")]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [r["colour"] for r in rows] == ["red", "blue"]


def test_test_scores_other_data_and_sees_drift(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.csv").write_text(dots(300, seed=1))
    assert cli.main(["test", str(trained), str(tmp_path / "other.csv")]) == 0
    assert "300 test rows" in capsys.readouterr().out


def test_explain_shows_effects(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "new.csv").write_text("x,y\n1.5,1\n")
    assert cli.main(["explain", str(trained), str(tmp_path / "new.csv")]) == 0
    shown = capsys.readouterr().out
    assert "x" in shown
    assert "█" in shown
    assert cli.main(["explain", str(trained), str(tmp_path / "new.csv"), "--row", "2"]) == 2


def test_export_is_a_graph_that_runs(trained: Path, tmp_path: Path) -> None:
    import onnxruntime as ort

    assert cli.main(["export", str(trained), "--out", str(tmp_path / "net.onnx")]) == 0
    about = json.loads((tmp_path / "net.json").read_text())
    session = ort.InferenceSession((tmp_path / "net.onnx").read_bytes())
    assert [i.name for i in session.get_inputs()] == [e["name"] for e in about["graph"]["inputs"]]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["predict", "nowhere.aprende", "x.csv"], "nowhere.aprende"),
        (["train", "nothere.csv", "--target", "y"], "nothere.csv"),
        (["train", "{csv}", "--target", "color", "--system", "dots"], "colour"),
        (["train", "{csv}", "--target", "colour", "--system", "dot"], "dots"),
        (["train", "{csv}", "--target", "colour", "--system", "dots", "--set", "batchs=3"], "batch"),
        (["train", "{csv}", "--target", "colour", "--system", "dots", "--minutes", "many"], "minutes"),
        (["train"], ""),
        (["systems", "tabel"], "tables"),
    ],
)
def test_errors_name_what_is_wrong(
    argv: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dots.csv").write_text(dots(60))
    assert cli.main([a.replace("{csv}", "dots.csv") for a in argv]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert said in error
    assert "Traceback" not in error


def test_killed_and_resumed_is_never_killed(tmp_path: Path) -> None:
    (tmp_path / "dots.csv").write_text(dots(400))
    common = [sys.executable, "-m", "aprende", "train"]
    steps = ["dots.csv", "--system", "dots", "--target", "colour", "--steps", "4000"]
    subprocess.run([*common, *steps, "--out", "whole"], cwd=tmp_path, check=True, capture_output=True)
    process = subprocess.Popen([*common, *steps, "--out", "cut"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    log = tmp_path / "cut" / "log.jsonl"
    until = time.monotonic() + 60
    while time.monotonic() < until and not (log.exists() and log.stat().st_size > 20_000):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 1
    assert (tmp_path / "cut" / "checkpoint.safetensors").exists()
    subprocess.run([*common, "--resume", "cut"], cwd=tmp_path, check=True, capture_output=True)
    whole, cut = (api.load(tmp_path / name).core.parts for name in ("whole", "cut"))
    assert whole.manifest["hashes"] == cut.manifest["hashes"]


def test_a_run_is_never_written_over(trained: Path) -> None:
    with pytest.raises(SettingError, match="already holds a run"):
        api.train(trained.parent / "dots.csv", system="dots", target="colour", out=trained)
    with pytest.raises(DataError, match="no run to resume"):
        api.train(resume=trained.parent / "nothing")


def test_help_speaks_spanish(capsys: pytest.CaptureFixture[str]) -> None:
    with speaking("es"), pytest.raises(SystemExit):
        cli.main(["--help"])
    assert "aprende un modelo" in capsys.readouterr().out


def test_python_takes_rows_columns_and_frames(trained: Path) -> None:
    import polars as pl

    model = api.load(trained)
    assert model.predict({"x": 1.5, "y": 1.0})["colour"] == ["red"]
    assert model.predict({"x": [1.5, -2], "y": [1, -1]})["colour"] == ["red", "blue"]
    assert model.predict(pl.DataFrame({"x": [1.5, -2], "y": [1, -1]}))["colour"] == ["red", "blue"]
