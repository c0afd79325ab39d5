"""`aprende look` from training to page: a small network that tells lying from standing stripes."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from stripes import stripes

from aprende.app import api
from aprende.core.errors import InputError
from aprende.core.words import speaking

pytest.importorskip("torch")

SECTIONS = ["short", "levels", "experiment", "space", "files"]


def test_the_folder_holds_page_pictures_and_tables(looked: Path) -> None:
    names = {p.name for p in looked.parent.iterdir()}
    assert {"look.html", "look.json", "layers.csv", "units.csv", "space.csv", "filters.png", "fields.png"} <= names
    assert sum(name.startswith("level-") for name in names) >= 5
    assert looked.stat().st_size < 5_000_000


def test_every_section_is_there_and_nothing_is_loaded(looked: Path) -> None:
    page = looked.read_text(encoding="utf-8")
    assert re.findall(r'<section id="(\w+)"', page) == SECTIONS
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "nan" not in re.sub(r"base64,[^\"')]+", "", page).lower().replace("standing", "")


def test_what_was_measured_is_true_of_the_network(looked: Path) -> None:
    found = json.loads((looked.parent / "look.json").read_text(encoding="utf-8"))
    layers = found["layers"]
    assert layers[0]["layer"] == "picture"
    assert layers[1]["field_allowed_px"] == 5
    used = [x["field_used_px"] for x in layers[1:5]]
    assert used == sorted(used)
    assert layers[-1]["selectivity_median"] > 0.5  # it has learnt to tell two orientations
    assert all(x["steadiness_low"] <= x["steadiness"] <= x["steadiness_high"] for x in layers)
    probes = {f["name"]: f["accuracy"] for f in found["features"]}
    assert probes["edges"] > 0.9  # made for orientations
    assert probes["head"] > 0.9
    stimuli = [u["stimulus"] > u["pieces"][0] for x in found["excited"] for u in x["units"]]
    assert np.mean(stimuli) > 0.7


def test_tables_hold_a_row_a_layer_a_unit_and_a_picture(looked: Path) -> None:
    tables = {
        name: list(csv.DictReader((looked.parent / name).open())) for name in ("layers.csv", "units.csv", "space.csv")
    }
    assert len(tables["layers.csv"]) == 7
    assert len(tables["units.csv"]) == sum(int(row["units"]) for row in tables["layers.csv"][1:])
    assert {row["class"] for row in tables["space.csv"]} == {"lying", "standing"}
    preferred = [float(r["preferred_orientation_deg"]) for r in tables["units.csv"] if r["layer"] == "head"]
    assert min(abs(preferred[0] - 0), abs(preferred[0] - 180)) < 25  # "lying"
    assert abs(preferred[1] - 90) < 25  # "standing"


def test_pictures_of_ones_own_without_classes_will_do(looked: Path, tmp_path: Path) -> None:
    stripes(tmp_path / "own", 6, seed=1)
    flat = tmp_path / "flat"
    flat.mkdir()
    for i, path in enumerate((tmp_path / "own").rglob("*.png")):
        path.rename(flat / f"{i}.png")
    page = api.load(looked.parents[1]).look(flat, tmp_path / "there")
    assert page == tmp_path / "there" / "look.html"
    found = json.loads((tmp_path / "there" / "look.json").read_text(encoding="utf-8"))
    assert found["pictures"] == 12
    assert all("accuracy" not in f for f in found["features"])


def test_gratings_stand_in_where_the_pictures_are_gone_and_the_page_says_so(looked: Path, tmp_path: Path) -> None:
    model = api.load(looked.parents[1])
    model.core.manifest["about"] = {"source": str(tmp_path / "gone")}
    said: list[str] = []
    with speaking("es"):
        page = model.look(out=tmp_path / "look", say=said.append).read_text(encoding="utf-8")
    assert any("rejillas" in line for line in said)
    assert "No había imágenes reales" in page
    assert 'id="space"' not in page


def test_without_torch_it_says_what_to_install(looked: Path, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('torch')")
    command = [sys.executable, "-m", "aprende", "look", str(looked.parents[1]), "--out", str(tmp_path / "look")]
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": paths})
    assert done.returncode == 2
    assert "aprende[train]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("language", ["en", "es"])
def test_maps_are_explained_and_compared_within_80_columns(looked: Path, tmp_path: Path, language: str) -> None:
    picture = next((looked.parents[2] / "stripes" / "lying").iterdir())
    for method in ("auto", "all"):
        command = [sys.executable, "-m", "aprende", "explain", str(looked.parents[1]), str(picture), "--method", method,
                   "--lang", language]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"COLUMNS": "80"})
        assert done.returncode == 0, done.stderr
        assert max(map(len, done.stdout.splitlines())) <= 80
        words = {"en": ("aithful", "oubtful"), "es": ("iel", "udoso")}[language]
        assert any(word in done.stdout for word in words)
    assert "integrated_gradients" in done.stdout


def test_explaining_needs_no_torch_unless_gradients_are_asked_for(looked: Path, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('torch')")
    picture = next((looked.parents[2] / "stripes" / "lying").iterdir())
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    for method, code in (("auto", 0), ("occlusion", 0), ("integrated_gradients", 2)):
        command = [sys.executable, "-m", "aprende", "explain", str(looked.parents[1]), str(picture), "--method", method]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": paths})
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr


def test_a_model_that_takes_no_picture_is_refused(tmp_path: Path) -> None:
    from made_runs import houses

    model = houses(tmp_path / "houses").model
    with pytest.raises(InputError, match="one picture"):
        api.Model(model, tmp_path / "houses" / "model.aprende").look()
