"""Tables: what comes out for a number, a class, several columns, and for tables that people really have."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from aprende.core import flow, registry
from aprende.core.contract import Table
from aprende.core.errors import DataError, SettingError
from aprende.core.fields import Category, Number
from aprende.core.settings import make
from aprende.intake import tables
from aprende.methods.tables.homes import homes

QUICK = {"network": "trees", "folds": 2, "steps": 3}
Train = Callable[..., flow.Run]


@pytest.fixture
def train(tmp_path: Path) -> Train:
    system = registry.load("tables")

    def trained(source: Table, **settings: Any) -> flow.Run:
        return flow.train(system, source, make(system.Settings, {**QUICK, **settings}), tmp_path)

    return trained


def value(run: flow.Run, metric: str) -> float:
    return float(run.scores["metrics"][metric]["value"])


def test_a_price_has_an_interval_and_beats_the_median(train: Train) -> None:
    run = train(homes(500))
    answers = run.model.predict(run.data.examples("test", 50))
    assert list(answers) == ["price", "price low", "price high", "unlike"]
    assert (answers["price low"] < answers["price"]).all()
    assert (answers["price"] < answers["price high"]).all()
    assert 0.8 <= value(run, "coverage of the 90 % interval") <= 0.98
    gap = run.scores["metrics"]["mean absolute error"]["baselines"]["median"]["better_by"]
    assert gap["low"] > 0
    assert set(run.scores["metrics"]["R²"]["baselines"]) == {"median", "ridge", "perceptron", "multi-layer perceptron"}


@pytest.mark.parametrize("column", ["kind", "garage"])
def test_a_class_has_probabilities(train: Train, column: str) -> None:
    table = homes(500)
    if column == "garage":  # as intake reads 0 and 1 in the target
        table = dataclasses.replace(table, fields={**table.fields, "garage": Number(whole=True)})
    run = train(table, target=column)
    answers = run.model.predict(run.data.examples("test", 20))
    np.testing.assert_allclose(answers["probabilities"].sum(axis=1), 1.0, atol=1e-6)
    options = run.model.outputs[column].options  # type: ignore[attr-defined]
    assert [options[i] for i in answers["probabilities"].argmax(axis=1)] == answers[column].to_list()
    assert value(run, "accuracy") > 0.4
    assert "majority" in run.scores["metrics"]["accuracy"]["baselines"]


def test_several_columns_at_once(train: Train) -> None:
    run = train(homes(300), target="price, kind", steps=6)
    assert set(run.model.outputs) == {"price", "price low", "price high", "kind", "kind probabilities", "unlike"}
    assert "price" not in run.model.inputs
    assert run.scores["main"] == "mean error of all"


@pytest.mark.parametrize(("network", "loss"), [("perceptron", "squared"), ("mlp", "absolute"), ("tabm", "auto")])
def test_the_other_networks(train: Train, network: str, loss: str) -> None:
    run = train(homes(300), network=network, loss=loss, steps=3 if network == "tabm" else 20)
    assert value(run, "R²") > (0.3 if network == "mlp" else 0.5 if network == "tabm" else 0.0)


def test_whole_ensemble_in_one_graph(train: Train) -> None:
    run = train(homes(200), network="ensemble", steps=10)
    assert value(run, "R²") > 0.6


def test_the_mlp_tells_classes_with_a_hinge(train: Train) -> None:
    run = train(homes(300), target="area", network="mlp", loss="hinge", steps=20)
    assert value(run, "accuracy") > 0.8


def test_groups_are_never_parted(train: Train) -> None:
    table = homes(400)
    agency = pl.Series([f"agency {i % 40}" for i in range(400)])
    table = dataclasses.replace(
        table, columns={**table.columns, "agency": agency}, fields={**table.fields, "agency": Category()}
    )
    run = train(table, group="agency")
    held = {p: set(run.data.examples(p, 400)["agency"].to_list()) for p in ("train", "valid", "test")}
    assert not held["train"] & held["test"]
    assert not held["valid"] & held["test"]
    assert run.evaluations["model"].groups is not None


def test_a_column_that_gives_the_answer_away_is_left_out_unless_kept(train: Train) -> None:
    table = homes(300)
    price, size = np.asarray(table.columns["price"]), np.asarray(table.columns["size"])
    table = dataclasses.replace(
        table, columns={**table.columns, "per metre": price / size}, fields={**table.fields, "per metre": Number()}
    )
    run = train(table)
    assert "per metre" not in run.model.inputs
    assert [n.where for n in run.notes if n.level == "warning"] == ["per metre"]
    kept = train(table, keep="per metre")
    assert "per metre" in kept.model.inputs


def test_clear_errors(train: Train) -> None:
    table = homes(100)
    with pytest.raises(SettingError, match="price"):
        train(table, target="prize")
    with pytest.raises(DataError, match="text"):
        train(table, target="text")
    with pytest.raises(DataError, match="20"):
        train(homes(12))
    one = {**table.columns, "kind": pl.Series(["flat"] * 100)}
    with pytest.raises(DataError, match="one class"):
        train(dataclasses.replace(table, columns=one), target="kind")


def test_rows_unlike_train_are_told(train: Train) -> None:
    run = train(homes(300))
    rows = run.data.examples("test", 2)
    rows["size"] = np.array([80.0, 1e7])
    assert run.model.predict(rows)["unlike"][1] == 1.0


def test_argentine_listings_with_gaps_and_text(train: Train, data_dir: Path) -> None:
    table = tables.read(data_dir / "zonaprop" / "listings_with_price.csv", target="precio")
    run = train(table, network="ensemble", steps=5, folds=5)
    gap = run.scores["metrics"]["mean absolute error"]["baselines"]["median"]["better_by"]
    assert gap["low"] > 0


def test_the_report_draws_every_target(train: Train) -> None:
    from aprende.app import report

    run = train(homes(400), target="price, kind, garage", steps=12)
    units = run.evaluations["model"].units
    assert len(units["truth of price"]) == len(units["probabilities of kind"]) == len(units["error"])
    page = report.render(run, seconds=0.5)
    assert [page.count(f'id="answers-{i}"') for i in (1, 2, 3, 4)] == [1, 1, 1, 0]
    first, second, third = (page.split(f'id="answers-{i}"')[1].split("</section>")[0] for i in (1, 2, 3))
    assert "Predicted against true: price" in first
    assert "Do the intervals keep their promise?" in first
    assert "Errors by" in first
    assert "What is taken for what: kind" in second
    assert "Are the probabilities honest?" in second
    assert "ROC curve" in third
    assert "The worst mistakes: kind" in page


def test_coverage_is_best_at_what_was_promised(train: Train) -> None:
    from rich.console import Console

    from aprende.app import report, screen

    run = train(homes(300))
    assert run.scores["metrics"]["coverage of the 90 % interval"]["best"] == 0.9
    page = report.render(run, seconds=0)
    assert page.count("closer to 90 % is better") == 1
    console = Console(record=True, width=200)
    screen.show_scores(console, run.scores)
    assert "(closer to 90 % is better)" in " ".join(console.export_text().split())
