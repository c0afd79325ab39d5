"""--tensorboard: the log's rows as scalars in the run's folder; told plainly where its package is missing."""

import json
import sys
from pathlib import Path

import pytest
from test_cli import TRAIN, dots

from aprende.app import cli


def train(tmp_path: Path) -> int:
    (tmp_path / "dots.csv").write_text(dots(200))
    return cli.main(["train", str(tmp_path / "dots.csv"), *TRAIN, "--out", str(tmp_path / "run"), "--tensorboard"])


def test_the_rows_of_the_log_are_scalars(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert train(tmp_path) == 0
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = [(e.step, e.value) for e in events.Scalars("loss")]
    assert [step for step, _ in losses] == [row["step"] for row in rows]
    assert [value for _, value in losses] == pytest.approx([row["loss"] for row in rows], rel=1e-6)


def test_a_missing_package_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert train(tmp_path) == 2
    assert "pip install 'aprende[tensorboard]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
