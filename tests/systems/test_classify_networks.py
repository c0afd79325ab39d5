"""The classifier with the networks after the visual system: each learns; published weights; ImageNet's layout."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import save_file

from aprende.core import flow
from aprende.core.errors import DataError, SettingError
from aprende.core.settings import make
from aprende.intake.images import read
from aprende.methods.classification.recipes import PictureSettings
from aprende.networks.alexnet import AlexNet
from aprende.systems.classify import SYSTEM, shapes

SMALL = {"width": 8, "batch": 32}


def train(folder: Path, source: Any, **values: Any) -> flow.Run:
    return flow.train(SYSTEM, source, make(PictureSettings, values), folder)


@pytest.fixture(autouse=True)
def trivial_baseline_only(monkeypatch: pytest.MonkeyPatch) -> None:
    every = SYSTEM.baselines
    monkeypatch.setattr(SYSTEM, "baselines", lambda data, settings: {"majority": every(data, settings)["majority"]})


@pytest.mark.parametrize(
    ("network", "steps"), [("neocognitron", 2), ("lenet1989", 60), ("alexnet", 20), ("vgg11", 20), ("senet", 15)]
)
def test_each_learns_drawings_is_saved_and_answers(network: str, steps: int, tmp_path: Path) -> None:
    run = train(tmp_path, shapes(600), network=network, steps=steps, **SMALL)
    accuracy = run.scores["metrics"]["accuracy"]
    assert accuracy["value"] > 0.75
    assert accuracy["baselines"]["majority"]["better_by"]["low"] > 0.2
    pictures = shapes(20, seed=4).columns["image"]
    found = run.model.predict({"image": pictures})  # by ONNX Runtime
    same = run.predictor.predict({"image": pictures})
    assert np.abs(found["probabilities"] - same["probabilities"]).max() < 1e-3


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """ImageNet's layout: ten classes, each of its own colour, with a file of their words."""
    rng = np.random.default_rng(0)
    root = tmp_path / "photos"
    for place in range(10):
        colour = rng.integers(0, 256, 3)
        for part, count in (("train", 12), ("val", 3)):
            (root / part / f"n{place:08d}").mkdir(parents=True)
            for i in range(count):
                pixels = np.clip(colour + rng.normal(0, 12, (40, 40, 3)), 0, 255).astype(np.uint8)
                Pillow.fromarray(pixels).save(root / part / f"n{place:08d}" / f"{i}.JPEG", "JPEG")
    lines = [f"n{place:08d} {word}, of its kind\n" for place, word in enumerate("zyxwvutsrq")]
    (root / "LOC_synset_mapping.txt").write_text("".join(lines), encoding="utf-8")
    return root


def weights(folder: Path, outputs: int) -> Path:
    """An eighth of AlexNet for 100 px, in torchvision's names."""
    torch.manual_seed(0)
    net = AlexNet(3, outputs, 100, width=8)
    torch.nn.init.normal_(net.head.weight, std=0.3)
    own = net.state_dict()
    theirs = {f"{t}.{part}": own[f"{o}.{part}"] for t, o in net.published()[""].items() for part in ("weight", "bias")}
    save_file(theirs, folder / "w.safetensors")
    return folder / "w.safetensors"


def test_imagenets_layout_trains_and_is_scored_by_one_and_by_five(photos: Path, tmp_path: Path) -> None:
    run = train(tmp_path / "run", read(photos), network="alexnet", steps=25, size=32, lr=4e-3, augment="none", **SMALL)
    assert run.data.facts["classes"] == list("zyxwvutsrq")  # in the order of the folders, as published heads are
    scores = run.scores["metrics"]
    assert scores["top-5 accuracy"]["value"] >= scores["accuracy"]["value"]
    assert scores["top-5 accuracy"]["value"] > 0.7
    assert len(run.data.rows["test"]) == 30  # type: ignore[attr-defined]


def test_published_weights_with_as_many_classes_may_stay_as_they_came(photos: Path, tmp_path: Path) -> None:
    file = weights(tmp_path, 10)
    run = train(
        tmp_path / "run", read(photos), network="alexnet", weights=file, size=100, fine_tune="no", steps=3, **SMALL
    )
    own, net = run.predictor.network.weights(), AlexNet(3, 10, 100, width=8)  # type: ignore[union-attr]
    assert len(run.history) == 1
    torch.manual_seed(0)
    expected = AlexNet(3, 10, 100, width=8).body.conv1[0].weight
    assert np.array_equal(own["net.body.conv1.0.weight"], expected.detach().numpy())
    assert own["net.head.weight"].shape == net.head.weight.shape
    assert own["net.head.weight"].std() > 0.25  # the head of the file, not a fresh one


def test_published_weights_of_other_classes_get_a_head_that_learns(photos: Path, tmp_path: Path) -> None:
    file = weights(tmp_path, 1000)
    run = train(tmp_path / "run", read(photos), network="alexnet", weights=file, size=100, steps=2, **SMALL)
    assert run.scores["metrics"]["accuracy"]["value"] > 0.5  # colours are told by features that nobody trained
    assert run.predictor.network.weights()["net.head.weight"].shape[0] == 10  # type: ignore[union-attr]


def test_weights_need_a_network_they_can_be_of(photos: Path, tmp_path: Path) -> None:
    for network in ("auto", "resnet"):
        with pytest.raises(SettingError, match="alexnet, vgg11, vgg16, senet"):
            train(tmp_path, read(photos), network=network, weights="w.pth")
    with pytest.raises(DataError, match="no file"):
        train(tmp_path, read(photos), network="alexnet", weights="w.pth", steps=1, **SMALL)
