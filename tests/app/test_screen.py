"""The scores of many findings as a table at 80 columns; the first figures only, and how many more there are."""

from typing import Any

from rich.console import Console

from aprende.app import screen


def metric(value: float | None, unit: str = "") -> dict[str, Any]:
    ends = {"low": None if value is None else value - 0.1, "high": value}
    return {"value": value, **ends, "higher_is_better": True, "unit": unit, "best": None, "baselines": {}}


def test_figures_of_many_things_are_a_table(capsys: Any) -> None:
    names = [f"Finding number {i} with a long name" for i in range(24)]
    figures = ("AUROC", "average precision", "sensitivity", "specificity", "pointing game", "T(IoU) 0.5")
    metrics = {"mean AUROC": metric(0.9), "Brier score": metric(0.1)}
    metrics |= {f"{figure}: {name}": metric(0.5 if i else None) for figure in figures for i, name in enumerate(names)}
    console = Console(width=80, soft_wrap=False, highlight=False)
    screen.show_scores(console, {"main": "mean AUROC", "units": 50, "metrics": metrics})
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    assert "Finding" in said
    assert "4 more in the report" in said
    assert "T(IoU)" not in said
    assert "specificity" in said
    assert "Brier score" in said
    assert said.count("AUROC") <= 3  # not each finding's in the line of the rest


def test_what_stands_beside_another_figure_alone_is_told(capsys: Any) -> None:
    pointing = {**metric(0.8, "%"), "baselines": {"centre map": metric(0.2, "%")}}
    shown = {"main": "AUROC", "units": 5, "metrics": {"AUROC": metric(0.9), "pointing game": pointing}}
    screen.show_scores(Console(width=80), shown)
    assert "pointing game 80.00 % (centre map 20.00 %)" in capsys.readouterr().out


def test_without_such_figures_nothing_changes(capsys: Any) -> None:
    console = Console(width=80)
    screen.show_scores(console, {"main": "accuracy", "units": 5, "metrics": {"accuracy": metric(0.9, "%")}})
    assert "more in the report" not in capsys.readouterr().out
