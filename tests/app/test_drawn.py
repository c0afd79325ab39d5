"""Answers drawn over their pictures: in a folder of files, on the page, in the report."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from starlette.testclient import TestClient

from aprende.app import report
from aprende.app.answers import answers, drawable
from aprende.app.cli import main
from aprende.app.server import page
from aprende.app.server.guard import Limits
from aprende.app.server.serve import create_app
from aprende.core import flow
from aprende.core.settings import make
from aprende.methods.segmentation.drawings import drawings
from aprende.methods.segmentation.recipes import SegmentSettings
from aprende.systems.segment import SYSTEM


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> flow.Run:
    chosen = make(SegmentSettings, {"steps": 6, "encoder": "resnet", "width": 8, "lr": 0.01})
    return flow.train(SYSTEM, drawings(80), chosen, tmp_path_factory.mktemp("run"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for n in range(20):  # more than are held at full size at once
        name = f"{n}.png"
        Pillow.fromarray(drawings(20).columns["image"][n, : 40 - n]).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


def test_a_folder_of_masks_and_drawings(run: flow.Run, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = photos.parent / "out"
    assert main(["predict", str(run.folder / flow.MODEL), str(photos), "--out", str(out)]) == 0
    assert "20 answers written" in capsys.readouterr().out
    names = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert names == {"answers.csv", *(f"{kind}/{n}.png" for n in range(20) for kind in ("mask", "mask drawn"))}
    held = Pillow.open(out / "mask" / "9.png")
    expected = run.model.predict({"image": drawings(20).columns["image"][9:10, :31]})["mask"][0]
    assert np.array_equal(np.asarray(held), expected)
    assert Pillow.open(out / "mask drawn" / "9.png").size == (48, 31)
    head = (out / "answers.csv").read_text().splitlines()[0]
    assert head == "file,p(background),p(disc),p(square),unlike"


def test_tables_and_lines_hold_no_masks(run: flow.Run, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(run.folder / flow.MODEL)
    assert main(["predict", model, str(photos / "1.png")]) == 0
    row = json.loads(capsys.readouterr().out)
    assert "%" in row["mask"]
    outputs = run.model.predict({"image": drawings(2).columns["image"]})
    assert set(answers(outputs, run.model.outputs)) == {"p(background)", "p(disc)", "p(square)", "unlike"}


def test_a_broken_picture_among_many_ends_nothing(
    run: flow.Run, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "3.png").write_bytes(b"no picture")
    out = photos.parent / "out"
    assert main(["predict", str(run.folder / flow.MODEL), str(photos), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "19 answers written" in said.out
    assert "3.png: text, not a picture" in said.err
    assert not (out / "mask" / "3.png").exists()


def test_a_folder_that_cannot_be_written_is_said(
    run: flow.Run, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos.parent / "taken").write_text("a file")
    assert main(["predict", str(run.folder / flow.MODEL), str(photos), "--out", str(photos.parent / "taken")]) == 2
    assert "Cannot write" in capsys.readouterr().err


def test_the_service_draws(run: flow.Run) -> None:
    picture = drawings(1).columns["image"][0]
    held = io.BytesIO()
    Pillow.fromarray(picture).save(held, "PNG")
    text = base64.b64encode(held.getvalue()).decode()
    with TestClient(create_app(run.model), base_url="http://127.0.0.1:8000") as client:
        found = client.post("/drawn", json={"image": text})
        assert found.status_code == 200
        assert found.json()["answer"] == client.post("/predict", json={"image": text}).json()
        over = np.asarray(Pillow.open(io.BytesIO(base64.b64decode(found.json()["drawn"]["mask"]))))
        mask = run.model.predict({"image": [picture]})["mask"][0]
        assert np.array_equal(over, run.model.outputs["mask"].drawn(mask, picture))  # type: ignore[attr-defined]
        assert client.post("/drawn", json={"rows": [{"image": text}] * 2}).status_code == 400
        assert client.post("/drawn", json={"image": "no"}).status_code == 400
        assert "/drawn" in client.get("/openapi.json").json()["paths"]
        upload = {"file": ("1.png", held.getvalue())}
        csv = client.post("/predict/file", files=upload, headers={"accept": "text/csv"}).text
        assert "shares(disc)" in csv
        assert "mask" not in csv.splitlines()[0]


def test_the_page_knows_what_is_drawn(run: flow.Run) -> None:
    outputs = {o["name"]: o for o in page.data(run.model)["outputs"]}
    assert outputs["mask"]["drawn"]
    assert list(outputs["mask"]["colours"]) == ["disc", "square"]
    assert not outputs["shares"]["drawn"]
    assert page.headline(run.model.outputs) == ["mask"]
    assert list(drawable(run.model.outputs)) == ["mask"]
    assert "Predict mask" in page.home(run.model, Limits(), ["image"])


def test_the_report_shows_truth_and_answer_side_by_side(run: flow.Run) -> None:
    made = report.render(run, seconds=0)
    assert made.count('class="triple"') == 10
    assert "Seen in the pictures: mask" in made
    assert "Class by class" in made
    assert "Confusion of areas" in made
    said = [float(value) for value in re.findall(r"<figcaption>error ([\d.]+)<", made)]
    assert len(said) == 10
    assert said[:8] == sorted(said[:8], reverse=True)
    assert max(said[8:]) <= min(said[:8])
