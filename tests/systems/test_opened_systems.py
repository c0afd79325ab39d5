"""Segmentation, detection and X-ray networks, opened: they answer what the model answers, and can be looked into."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aprende.app import look
from aprende.core import flow, registry
from aprende.core.settings import make
from aprende.insight.explain import explain
from aprende.insight.maps import usable
from aprende.insight.opened import open_network
from aprende.insight.watched import watched
from aprende.methods.xrays.rates import sigmoid

torch = pytest.importorskip("torch")

SYSTEMS = ("detect", "segment", "xray")
NAMED = {"segment": "shares", "xray": "findings"}


@pytest.fixture(scope="module", params=SYSTEMS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> flow.Run:
    system = registry.load(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    return flow.train(system, system.example(), make(system.Settings, system.tiny), folder)


def wide(run: flow.Run, side: tuple[int, int] = (40, 80)) -> Any:
    channels = run.model.inputs["image"].channels  # type: ignore[attr-defined]
    return np.random.default_rng(0).integers(0, 256, (*side, channels)).astype(np.uint8)


def test_the_opened_network_answers_as_the_model_does(run: flow.Run) -> None:
    predictor = run.model.predictor
    pictures = run.data.examples("test", 6)["image"]
    pixels = predictor.encode(pictures)["pictures"]  # type: ignore[attr-defined]
    with torch.no_grad():
        answers = open_network(run.model).module(torch.from_numpy(pixels))[0].numpy()
    assert pixels.shape[1] == pixels.shape[2]
    found = run.model.predict({"image": pictures})
    if run.model.system.name == "segment":
        np.testing.assert_allclose(
            [np.bincount(m.ravel(), minlength=3) / m.size for m in answers.argmax(1)], found["shares"], atol=0.05
        )
    elif run.model.system.name == "xray":
        slope, offset = np.array(predictor.facts["platt"]).T
        logits = np.log(answers / (1 - answers))
        np.testing.assert_allclose(sigmoid(logits * slope + offset), found["findings"], atol=1e-3)
    else:
        best = [max((box[5] for box in boxes), default=0.0) for boxes in found["boxes"]]
        np.testing.assert_allclose(answers.max(axis=(1, 2, 3)), best, atol=0.02)


def test_a_look_has_a_row_a_layer_and_names_the_answers(run: flow.Run, tmp_path: Path) -> None:
    if run.model.system.name == "detect":
        pytest.skip("a minute of climbing through a large encoder")
    page = look.make(run.model, run.folder / "model.aprende", out=tmp_path)
    found = json.loads((tmp_path / "look.json").read_text(encoding="utf-8"))
    assert len(found["layers"]) > 4
    assert all(np.isfinite(x["steadiness"]) for x in found["layers"])
    allowed = [x["field_allowed_px"] for x in found["layers"][1:] if x["field_allowed_px"]]
    assert allowed[0] < allowed[-1]
    text = page.read_text(encoding="utf-8")
    assert all(f"<p>{name}" in text for name in run.model.outputs[NAMED[run.model.system.name]].options)  # type: ignore[attr-defined]
    assert "nan" not in page.read_text(encoding="utf-8").lower().split("<main")[0]


def test_gradients_cover_what_the_network_sees(run: flow.Run) -> None:
    row = {"image": [wide(run)]}
    if run.model.system.name == "detect":
        pytest.skip("a count of things is no share")
    watch = watched(run.model, row, None)
    assert "integrated_gradients" in usable(run.model, row, "image", watch)
    (found,) = explain(run.model, row, method="integrated_gradients", judge=False)
    heat = found.attributions[0].map
    assert heat is not None
    assert heat.any(axis=0).all()  # pictures are seen whole,
    assert heat.shape == ((14, 14) if run.model.system.name == "xray" else (7, 14))  # pressed, or fitted
