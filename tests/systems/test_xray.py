"""X-rays: what is found and where, patients, labels, places, notes, report. One small model, trained once."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image as Pillow

from aprende.core import flow, registry
from aprende.core.errors import DataError, SettingError
from aprende.core.fields import Category, Image
from aprende.core.fields.base import Drawn
from aprende.core.settings import make
from aprende.insight.explain import explain
from aprende.intake import images
from aprende.methods.xrays.drawings import drawings
from aprende.methods.xrays.localisation import GRID
from aprende.systems.xray import SYSTEM, XRays

TINY: dict[str, Any] = dict(SYSTEM.tiny)


def folder(root: Path, n: int = 160) -> Path:
    """The example as files: images/, masks/, and a table with findings and patients."""
    table, rng = drawings(n, seed=3), np.random.default_rng(0)
    down, across = np.mgrid[:40, :40]
    lines = ["file_name,findings,patient"]
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for row in range(n):
        picture, words = table.columns["image"][row][..., 0].astype(float), []
        picture = 60 + 0 * picture + rng.normal(0, 8, (40, 40))
        for name in ("bar", "disc"):
            if rng.random() < 0.45:
                y, x = rng.uniform(8, 32, 2)
                disc, bar = np.hypot(down - y, across - x) < 5, (abs(down - y) < 2) & (abs(across - x) < 8)
                where = disc if name == "disc" else bar
                picture = picture + 90 * where
                words.append(name)
                Pillow.fromarray(where).save(root / "masks" / f"{row}__{name}.png")
        Pillow.fromarray(picture.clip(0, 255).astype(np.uint8)).save(root / "images" / f"{row}.png")
        lines.append(f"images/{row}.png,{'|'.join(words) or 'No Finding'},Erika{row // 2}")
    (root / "metadata.csv").write_text("\n".join(lines))
    return root


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> flow.Run:
    """A run on files with masks, so that places are learnt."""
    root = tmp_path_factory.mktemp("xrays")
    source = images.read(folder(root / "data"))
    return flow.train(SYSTEM, source, make(SYSTEM.Settings, TINY), root / "run")


def texts(run: flow.Run) -> str:
    return " | ".join(f"[{note.level}] {note.text}" for note in run.notes)


def test_findings_and_places_are_learnt(run: flow.Run) -> None:
    metrics = run.scores["metrics"]
    assert metrics["mean AUROC"]["value"] > 0.9
    pointing = metrics["pointing game"]
    assert pointing["value"] > pointing["baselines"]["centre map"]["value"] + 0.2
    assert pointing["value"] > pointing["baselines"]["random map"]["value"] + 0.2
    assert "mean place" in pointing["baselines"]
    assert metrics["T(IoU) 0.25: disc"]["value"] > 0.5


def test_it_says_that_it_is_no_medical_device_and_what_was_decided(run: flow.Run) -> None:
    said = texts(run)
    assert "[warning] This is not a medical device." in said
    assert "Patients are told apart by the column patient" in said
    assert "Masks tell where" in said
    assert "learnt from masks" in said
    assert "not mirrored" in said


def test_patients_are_never_on_two_sides_and_intervals_are_by_patient(run: flow.Run) -> None:
    data = run.data
    assert isinstance(data, XRays)
    assert data.groups is not None
    sides = [set(data.groups[rows]) for rows in data.rows.values()]
    assert all(sides)
    assert not sides[0] & sides[1]
    assert not (sides[0] | sides[1]) & sides[2]
    assert run.evaluations["model"].groups is not None


def test_answers_fit_together(run: flow.Run) -> None:
    answers = run.model.predict(run.data.examples("test", 12))
    thresholds = np.array(run.predictor.facts["thresholds"])
    assert np.array_equal(answers["flagged"] == 1, answers["findings"] >= thresholds)
    assert answers["where"].shape == (12, 2, 10, 10)
    field = run.model.outputs["where"]
    assert isinstance(field, Drawn)
    picture = run.data.examples("test", 1)["image"][0]
    drawn = field.drawn(answers["where"][0], picture)
    assert drawn.shape == (40, 40, 3)
    assert drawn.dtype == np.uint8
    assert (drawn != picture).any()


def test_the_operating_point_finds_what_was_asked_on_valid(run: flow.Run) -> None:
    data = run.data
    assert isinstance(data, XRays)
    flags = run.model.predict(data.examples("valid", 1000))["flagged"]
    truth = data.truth[data.rows["valid"]]
    for k in range(2):
        assert flags[truth[:, k] == 1, k].mean() >= 0.95


def test_probabilities_are_calibrated(run: flow.Run) -> None:
    units = run.evaluations["model"].units
    assert abs(units["score"].mean() - units["truth"].mean()) < 0.15


def test_the_whole_picture_is_seen_not_its_centre(run: flow.Run) -> None:
    """A wide picture keeps what lies at its sides."""
    rng = np.random.default_rng(0)
    wide = rng.normal(60, 8, (40, 80)).clip(0, 255).astype(np.uint8)[..., None]
    wide[15:25, 0:16] = 150
    encoded = run.predictor.encode([wide])["pictures"]  # type: ignore[attr-defined]
    assert encoded.shape == (1, 40, 40, 1)
    assert encoded[0, 20, 3, 0] > 120


def test_explanations_are_maps_of_a_finding(run: flow.Run) -> None:
    row = run.data.examples("test", 1)
    for name in ("bar", "disc"):
        (found,) = explain(run.model, row, name)
        assert found.output == name
        assert found.attributions[0].map is not None
        assert found.attributions[0].map.max() > 0
    (of_wide,) = explain(run.model, {"image": [np.zeros((40, 90, 1), np.uint8)]}, "disc", judge=False)
    assert of_wide.attributions[0].map is not None
    assert of_wide.attributions[0].map.shape == (10, 10)  # of the whole picture, pressed as the network sees it


def test_the_report_shows_curves_places_and_the_caution(run: flow.Run) -> None:
    from aprende.app.report import render

    page = render(run, seconds=0)
    assert "not a medical device" in page
    assert "disc: ROC curve" in page
    assert "operating point" in page
    assert "pointing game" in page
    assert "centre map" in page
    assert page.count("data:image/jpeg") >= 6
    assert "Erika" not in page


def test_other_data_are_judged_by_the_same_findings(run: flow.Run, tmp_path: Path) -> None:
    other = images.read(folder(tmp_path / "other", 40))
    scores = flow.test(run.model, other)
    assert scores["units"] == 40
    assert "pointing game" in scores["metrics"]


def arrays(**columns: list[Any]) -> Any:
    """The example's pictures with these columns."""
    table = drawings(60)
    held = {name: pl.Series(values, dtype=pl.String) for name, values in columns.items()}
    fields = {name: Category() for name in columns}
    return dataclasses.replace(
        table, columns={"image": table.columns["image"], **held}, fields={"image": Image(1, 40), **fields}, target=None
    )


def test_weak_where_it_is_asked_and_an_error_where_masks_lack(tmp_path: Path) -> None:
    source = images.read(folder(tmp_path, 60))
    weak = SYSTEM.data(source, make(SYSTEM.Settings, {**TINY, "locate": "weak"}))
    assert not weak.facts["supervised"]
    assert weak.masks  # still judged by them
    with pytest.raises(DataError, match="locate=supervised"):
        SYSTEM.data(drawings(60), make(SYSTEM.Settings, {**TINY, "locate": "supervised"}))
    assert all(mask.shape == (GRID, GRID) for mask in weak.masks.values())


def test_blank_cells_are_said_and_rare_findings_are_not_learnt() -> None:
    words = [None if i % 6 == 0 else "a|b" if i % 2 else "a" if i % 3 else "normal" for i in range(60)]
    words[1] = "a|rare"
    data = SYSTEM.data(arrays(labels=words), make(SYSTEM.Settings, TINY))
    assert data.facts["findings"] == ["a", "b"]
    said = " | ".join(note.text for note in data.notes)
    assert "rare" in said
    assert "not known" in said
    assert sum(map(len, data.rows.values())) == 50


def test_what_does_not_suit_is_said() -> None:
    assert "findings" in SYSTEM.accepts(dataclasses.replace(drawings(6), fields={}, columns={}))
    with pytest.raises(DataError, match="at least 5"):
        SYSTEM.data(arrays(labels=["a|b", "a|b", *["normal"] * 58]), make(SYSTEM.Settings, TINY))
    assert "normal" in SYSTEM.accepts(arrays(labels=["normal"] * 60))
    with pytest.raises(SettingError, match="sensitivity"):
        make(SYSTEM.Settings, {"sensitivity": 1.5})
    with pytest.raises(SettingError, match="size"):
        SYSTEM.data(drawings(30), make(SYSTEM.Settings, {**TINY, "size": 4}))


def test_class_folders_are_left_to_classify_and_lists_are_ours() -> None:
    assert registry.choose(drawings(20)).name == "xray"
    folders = arrays(**{"class": ["normal", "pneumonia"] * 30})
    assert registry.choose(dataclasses.replace(folders, target="class")).name == "classify"
    assert not SYSTEM.accepts(dataclasses.replace(folders, target="class"))


def test_many_wide_pictures_are_answered_as_one_is(run: flow.Run, tmp_path: Path) -> None:
    """A folder of files too large to hold is not cut to squares on the way."""
    from aprende.app.api import Model

    rng = np.random.default_rng(1)
    for i in range(20):
        wide = rng.normal(60, 8, (40, 90)).clip(0, 255).astype(np.uint8)
        wide[5 + i : 15 + i, :14] = 160
        Pillow.fromarray(wide).save(tmp_path / f"{i:02d}.png")
    model = Model(run.model, tmp_path)
    together, alone = (model.predict(tmp_path)["findings"], model.predict(tmp_path / "07.png")["findings"])
    assert len(together) == 20
    assert np.abs(together[7] - alone[0]).max() < 1e-4
