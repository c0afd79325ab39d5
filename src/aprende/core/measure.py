"""No figure without an interval and a baseline: bootstrap, paired comparison, verdict.

Works on `Evaluation`s alone: knows no system, no metric's meaning and no modality.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Arrays, Evaluation, Metric
from aprende.core.words import t

COVERAGE = 0.95
Draws = list[NDArray[np.int64]]


@dataclass(frozen=True)
class Figure:
    """A measured value with its 95 % bootstrap interval (percentile; Efron 1979)."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """Return the three numbers, null where one is not finite."""
        return {
            k: (v if np.isfinite(v) else None)
            for k, v in (("value", self.value), ("low", self.low), ("high", self.high))
        }


def resamples(evaluation: Evaluation, seed: int = 0) -> Draws:
    """Return row numbers of each resample: rows drawn with replacement, whole groups where there are groups."""
    rng = np.random.default_rng(seed)
    n = len(next(iter(evaluation.units.values())))
    if evaluation.groups is None:
        return [rng.integers(0, n, n) for _ in range(times(n))]
    order = np.argsort(evaluation.groups, kind="stable")
    _, starts = np.unique(evaluation.groups[order], return_index=True)
    members = np.split(order, starts[1:])
    return [np.concatenate([members[g] for g in rng.integers(0, len(members), len(members))]) for _ in range(times(n))]


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    share, edge = hits / n, z * z / n
    middle, half = share + edge / 2, z * math.sqrt(share * (1 - share) / n + edge / (4 * n))
    return max(0.0, (middle - half) / (1 + edge)), min(1.0, (middle + half) / (1 + edge))


def times(units: int) -> int:
    """Return how many resamples an interval rests on."""
    return 1000 if units <= 50_000 else 200


def _values(evaluation: Evaluation, draws: Draws) -> dict[str, NDArray[np.float64]]:
    """Every metric on every resample; each is drawn once for all metrics."""
    found: dict[str, list[float]] = {name: [] for name in evaluation.metrics}
    for rows in draws:
        drawn: Arrays = {name: column[rows] for name, column in evaluation.units.items()}
        for name, metric in evaluation.metrics.items():
            found[name].append(metric.compute(drawn))
    return {name: np.array(values) for name, values in found.items()}


def _own_figure(evaluation: Evaluation, metric: Metric, drawn: NDArray[np.float64]) -> Figure:
    """A metric's value with its interval: Wilson's where a share is none or all, which leaves nothing to resample."""
    value = metric.compute(evaluation.units)
    if metric.unit == "%" and value in (0.0, 1.0):
        rows = next(iter(evaluation.units.values())) if evaluation.groups is None else np.unique(evaluation.groups)
        return Figure(value, *wilson(round(value * len(rows)), len(rows)))
    return _figure(value, drawn)


def _figure(value: float, drawn: NDArray[np.float64]) -> Figure:
    finite = drawn[np.isfinite(drawn)]
    if not len(finite):
        return Figure(value, float("nan"), float("nan"))
    low, high = np.quantile(finite, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Figure(value, float(low), float(high))


def badness(metric: Metric, value: Any) -> Any:
    """Return a metric's value, or values, so that less is better."""
    if metric.best is not None:
        return abs(value - metric.best)
    return -value if metric.higher_is_better else value


def score(model: Evaluation, baselines: dict[str, Evaluation], seed: int = 0) -> dict[str, Any]:
    """Return every metric with its interval, for the model and each baseline, and by how much the model is better.

    JSON: {"main": name, "units": n, "metrics": {name: {"value", "low", "high", "higher_is_better", "unit",
    "best" (or null), "baselines": {name: {"value", "low", "high", "better_by": {"value", "low", "high"}}}}}}.
    """
    draws = resamples(model, seed)
    own = _values(model, draws)
    scores: dict[str, Any] = {"main": model.main, "units": len(next(iter(model.units.values()))), "metrics": {}}
    for name, metric in model.metrics.items():
        scores["metrics"][name] = {
            **_own_figure(model, metric, own[name]).to_json(),
            "higher_is_better": metric.higher_is_better,
            "unit": metric.unit,
            "best": metric.best,
            "baselines": {},
        }
    for title, base in baselines.items():
        other = draws if base.paired and model.paired else resamples(base, seed + 1)
        values = _values(base, other)
        for name, metric in base.metrics.items():
            drawn = values[name]
            value = metric.compute(base.units)
            gained = badness(metric, value) - badness(metric, metric.compute(model.units))
            gap = _figure(gained, badness(metric, drawn) - badness(metric, own[name]))
            scores["metrics"][name]["baselines"][title] = {
                **_own_figure(base, metric, drawn).to_json(),
                "better_by": gap.to_json(),
            }
    return scores


def verdict(scores: dict[str, Any]) -> str:
    """Return in words whether the model beats what it stands beside, on the main metric."""
    main = scores["metrics"][scores["main"]]
    if not main["baselines"]:
        return t("There is no baseline to compare with.")
    beaten: list[str] = []
    tied: list[str] = []
    lost: list[str] = []
    for name, base in main["baselines"].items():
        gap = base["better_by"]
        if gap["low"] is None or gap["low"] <= 0 <= gap["high"]:
            tied.append(t(name))
        else:
            (beaten if gap["low"] > 0 else lost).append(t(name))
    said = []
    if beaten:
        said.append(t("The model is better than: {names}.", names=", ".join(beaten)))
    if tied:
        said.append(
            t(
                "It cannot be told apart from: {names} (the interval of the difference holds zero).",
                names=", ".join(tied),
            )
        )
    if lost:
        said.append(t("It is worse than: {names}.", names=", ".join(lost)))
    return " ".join(said)


def direction(metric: dict[str, Any]) -> str:
    """Return in words what is better. metric: one of `score`'s."""
    if metric.get("best") is not None:
        best = f"{100 * metric['best']:g} %" if metric["unit"] == "%" else f"{metric['best']:g}"
        return t("closer to {best} is better", best=best)
    return t("higher is better") if metric["higher_is_better"] else t("lower is better")


def shown(value: float | None, unit: str = "") -> str:
    """Return a figure for people: three or four significant digits; shares as percentages."""
    if value is None or not np.isfinite(value):
        return "–"
    if unit == "%":
        return f"{value * 100:.2f} %"
    digits = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{digits} {unit}".strip()
