"""Known answers of what tells what is where: what it learns, what it leaves out, how it sees large pictures."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from aprende.core import flow, registry
from aprende.core.contract import Known, Table
from aprende.core.errors import DataError, SettingError
from aprende.core.fields import Mask
from aprende.core.settings import make
from aprende.insight.explain import explain
from aprende.insight.maps import Placing
from aprende.intake.images import read
from aprende.methods.segmentation.drawings import drawings
from aprende.methods.segmentation.recipes import SegmentSettings, seen
from aprende.systems.segment import SYSTEM, Scenes

QUICK = {"steps": 20, "encoder": "resnet", "width": 8, "lr": 0.01, "batch": 8}


def settings(**values: Any) -> SegmentSettings:
    return make(SegmentSettings, {**QUICK, **values})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> flow.Run:
    return flow.train(SYSTEM, drawings(120), settings(), tmp_path_factory.mktemp("run"))


def test_learns_drawings_and_beats_what_it_stands_beside(run: flow.Run) -> None:
    metrics = run.scores["metrics"]
    assert run.scores["main"] == "mean IoU"
    assert metrics["mean IoU"]["value"] > 0.85
    for name in ("majority", "superpixels and random forest"):
        assert metrics["mean IoU"]["baselines"][name]["better_by"]["low"] > 0
    assert metrics["IoU: disc"]["low"] < metrics["IoU: disc"]["value"] < metrics["IoU: disc"]["high"]
    assert metrics["boundary F1"]["value"] > metrics["boundary F1"]["baselines"]["majority"]["value"]


def test_masks_have_the_picture_s_own_size_and_shares_are_theirs(run: flow.Run) -> None:
    small = drawings(1, seed=7).columns["image"][0]
    large = np.asarray(Pillow.fromarray(small).resize((120, 120), Pillow.Resampling.BICUBIC))
    wide = np.full((10, 90, 1), 120, np.uint8)
    found = run.model.predict({"image": [small, large, wide]})
    assert [m.shape for m in found["mask"]] == [(48, 48), (120, 120), (10, 90)]
    truth = drawings(1, seed=7).columns["mask"][0]
    assert (found["mask"][0] == truth).mean() > 0.93
    assert found["shares"][1] == pytest.approx([(found["mask"][1] == k).mean() for k in range(3)])


def test_unlike_pictures_are_told(run: flow.Run) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 48, 48, 3), dtype=np.uint8)
    usual = drawings(40, seed=9).columns["image"]
    assert run.model.predict({"image": noise})["unlike"].mean() > 0.9
    assert run.model.predict({"image": usual})["unlike"].mean() < 0.3


def test_explains_with_the_class_s_own_map(run: flow.Run) -> None:
    table = drawings(1, seed=3)
    assert isinstance(run.model.predictor, Placing)
    (found,) = explain(run.model, {"image": table.columns["image"]}, "square")
    heat, inside = found.attributions[0].map, table.columns["mask"][0] == 2
    assert found.output == "square"
    assert heat is not None
    assert heat.shape == (48, 48)
    assert heat[inside].mean() > 0.7 > 0.2 > heat[~inside].mean()


def test_truths_stand_beside_the_examples(run: flow.Run) -> None:
    assert isinstance(run.data, Known)
    assert isinstance(run.data, Scenes)
    row = int(run.data.rows["test"][2])
    assert np.array_equal(run.data.truths("test", [2])["mask"][0], run.data.truth(row))


def test_tests_on_other_data_by_the_names_of_classes(run: flow.Run) -> None:
    other = drawings(30, seed=4)
    turned = Mask(("square", "background", "disc"), 48)
    told = np.array([1, 2, 0], np.uint8)[other.columns["mask"]]
    table = replace(other, columns={**other.columns, "mask": told}, fields={**other.fields, "mask": turned})
    same, renamed = (flow.test(run.model, t)["metrics"]["mean IoU"]["value"] for t in (other, table))
    assert same == pytest.approx(renamed)
    strange = replace(other, fields={**other.fields, "mask": Mask(("a", "b", "c"), 48)})
    with pytest.raises(DataError, match="none of the classes"):
        flow.test(run.model, strange)
    with pytest.raises(DataError, match="Expected pictures with masks"):
        flow.test(run.model, Table({"image": other.columns["image"]}, {"image": other.fields["image"]}))


def test_void_is_neither_learnt_nor_counted() -> None:
    data = SYSTEM.data(drawings(40), settings(void="square"))
    assert data.facts["classes"] == ["background", "disc"]
    said = {note.text for note in data.notes}
    assert "square: taken for no class, as asked" in said
    right = SYSTEM.evaluate(lambda c: {"mask": [np.zeros(p.shape[:2], np.uint8) for p in c["image"]]}, data)
    assert right.units["tally"][..., 1].sum() < right.units["tally"].shape[0] * 48 * 48
    with pytest.raises(SettingError, match="square"):
        SYSTEM.data(drawings(40), settings(void="sqare"))


def test_a_class_that_train_lacks_is_left_out_and_said() -> None:
    table = drawings(40)
    wider = replace(table, fields={**table.fields, "mask": Mask(("background", "disc", "square", "star"), 48)})
    data = SYSTEM.data(wider, settings())
    assert data.facts["classes"] == ["background", "disc", "square"]
    assert any("star" in note.text and note.level == "warning" for note in data.notes)
    blank = replace(table, columns={**table.columns, "mask": np.zeros_like(table.columns["mask"])})
    with pytest.raises(DataError, match="fewer than two classes"):
        SYSTEM.data(blank, settings())


def four(columns: Any) -> list[Any]:
    """Four drawings put together, (96, 96, …) each."""
    rows = range(0, len(columns), 4)
    return [np.vstack([np.hstack(columns[i : i + 2]), np.hstack(columns[i + 2 : i + 4])]) for i in rows]


def test_large_pictures_are_seen_in_tiles(tmp_path: Path) -> None:
    """Four drawings together, seen through windows that are smaller than each."""
    parts = drawings(96)
    columns = {name: four(parts.columns[name]) for name in ("image", "mask")}
    table = Table(columns, parts.fields, target="mask")
    run = flow.train(SYSTEM, table, settings(tiles="yes", size=40), tmp_path)
    assert run.data.facts["frame"] == [40, 40, 3, 1.0]
    assert run.scores["metrics"]["mean IoU"]["value"] > 0.8
    found = run.model.predict({"image": columns["image"][:1]})["mask"][0]
    assert found.shape == (96, 96)


def test_fine_masks_are_seen_in_tiles_of_themselves() -> None:
    table = drawings(40)
    stripes = np.tile((np.arange(400) % 9 < 2).astype(np.uint8), (400, 1))
    large = [np.asarray(Pillow.fromarray(p).resize((400, 400))) for p in table.columns["image"]]
    fine = Table({"image": large, "mask": [stripes] * 40}, table.fields, target="mask")
    assert SYSTEM.data(fine, settings(size=64)).facts["frame"][3] > 0
    assert SYSTEM.data(fine, settings(size=64, tiles="no")).facts["frame"][3] == 0
    assert SYSTEM.data(table, settings(size=40)).facts["frame"][3] == 0


def test_the_dial_chooses_the_size() -> None:
    sizes = [(600, 800)] * 5
    few, many = (seen(make(SegmentSettings, {"minutes": m}), sizes, 400)[0] for m in (1, 30))
    assert few < many
    assert seen(make(SegmentSettings, {"size": 200}), sizes, 400)[0] == 200


def test_is_chosen_for_folders_with_masks(tmp_path: Path) -> None:
    table = drawings(6)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for row in range(6):
        Pillow.fromarray(table.columns["image"][row]).save(tmp_path / "images" / f"{row}.png")
        Pillow.fromarray(table.columns["mask"][row]).save(tmp_path / "masks" / f"{row}.png")
    assert registry.choose(read(tmp_path)).name == "segment"


def test_camvid_is_read_whole(data_dir: Path) -> None:
    table = read(data_dir / "seg_camvid")
    data = SYSTEM.data(table, settings(void="11", size=64, tiles="no"))
    assert data.facts["classes"] == [str(n) for n in range(11)]
    assert data.facts["frame"][:2] == [48, 64]
    assert [len(data.ids(part)) for part in ("train", "valid", "test")] == [367, 101, 233]
    assert data.truths("test", [0])["mask"][0].shape == (180, 240)
