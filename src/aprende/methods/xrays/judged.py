"""Findings judged against the truth: areas under curves, operating point, calibration, and the maps that tell where.

What is not known is left out of every figure. A figure of one finding is named "figure: finding". Knows what `predict`
gave and what is true, and no network and no file.
"""

from collections.abc import Callable, Sequence

import numpy as np

from aprende.core.contract import Array, Arrays, Evaluation, Metric
from aprende.core.fields import Columns
from aprende.methods.xrays import localisation, rates
from aprende.methods.xrays.localisation import SHARES, Places

Compute = Callable[[Arrays], float]


def evaluation(
    names: Sequence[str], truth: Array, outputs: Columns, places: Places, groups: Array | None
) -> Evaluation:
    """Return the units and metrics of what was answered: "findings", "flagged" and "where", as far as it is there.

    truth: (n, K), NaN where unknown. places: (unit, finding) → mask. Units: "truth", and "score", "rank", "flagged" of
    findings, "pointing", "iobb" and "iou" of maps, each (n, K).
    """
    units: Arrays = {"truth": truth}
    metrics: dict[str, Metric] = {}
    if "findings" in outputs:
        score = np.asarray(outputs["findings"], dtype=np.float64)
        rank = np.stack([rates.ranks(score[:, k]) for k in range(len(names))], axis=1)
        units |= {"score": score, "rank": rank}
        units |= {"flagged": np.asarray(outputs["flagged"])} if "flagged" in outputs else {}
        metrics |= _of_findings(names, "flagged" in outputs)
    if "where" in outputs and places:
        units |= localisation.scored(np.asarray(outputs["where"]), places)
        metrics |= _of_maps(names, units["iou"])
    return Evaluation(units, metrics, main(names), groups)


def main(names: Sequence[str]) -> str:
    """Return the name of the main metric."""
    return "AUROC" if len(names) == 1 else "mean AUROC"


def _of_findings(names: Sequence[str], flagged: bool) -> dict[str, Metric]:
    """Metrics of probabilities: over all findings and, where there are several, of each."""
    several = range(len(names))
    areas: dict[str, Callable[[int], Compute]] = {"AUROC": _auroc, "average precision": _precision}
    if flagged:
        areas |= {"sensitivity": lambda k: _flagged(k, 1), "specificity": lambda k: _flagged(k, 0)}
    if len(names) == 1:
        units = {"AUROC": "", "average precision": "", "sensitivity": "%", "specificity": "%"}
        found = {name: Metric(make(0), True, units[name]) for name, make in areas.items()}
        right = {"accuracy of flags": Metric(_right_flags, True, "%")} if flagged else {}
        right["accuracy at 0.5"] = Metric(_right_at_half, True, "%")
        return {**found, **right, "Brier score": Metric(_brier, False)}
    found = {f"mean {name}": Metric(_mean([make(k) for k in several]), True) for name, make in list(areas.items())[:2]}
    found["Brier score"] = Metric(_brier, False)
    for title, make in areas.items():
        unit = "%" if title in ("sensitivity", "specificity") else ""
        found |= {f"{title}: {names[k]}": Metric(make(k), True, unit) for k in several}
    return found


def _of_maps(names: Sequence[str], told: Array) -> dict[str, Metric]:
    """Metrics of maps: over all places told, and of each finding that has any."""
    figures: dict[str, tuple[str, float]] = {"pointing game": ("pointing", 0.5)}
    for title in ("IoBB", "IoU"):
        figures |= {f"T({title}) {share:g}": (title.lower(), share) for share in SHARES}
    found = {title: Metric(_hits(*figure), True, "%") for title, figure in figures.items()}
    known = [k for k in range(len(names)) if np.isfinite(told[:, k]).any()] if len(names) > 1 else []
    for title, figure in figures.items():
        found |= {f"{title}: {names[k]}": Metric(_hits(*figure, k), True, "%") for k in known}
    return found


def _auroc(k: int) -> Compute:
    def compute(units: Arrays) -> float:
        known = ~np.isnan(units["truth"][:, k])
        return rates.auroc(units["rank"][known, k], units["truth"][known, k] > 0)

    return compute


def _precision(k: int) -> Compute:
    def compute(units: Arrays) -> float:
        known = ~np.isnan(units["truth"][:, k])
        return rates.average_precision(units["rank"][known, k], units["truth"][known, k] > 0)

    return compute


def _flagged(k: int, among: int) -> Compute:
    """Sensitivity (among 1: the share flagged) or specificity (among 0: the share not flagged)."""

    def compute(units: Arrays) -> float:
        flags = units["flagged"][:, k] == among
        return rates.share(flags, units["truth"][:, k] == among)

    return compute


def _mean(each: Sequence[Compute]) -> Compute:
    """The mean of the figures that there are."""

    def compute(units: Arrays) -> float:
        values = np.array([one(units) for one in each])
        known = values[np.isfinite(values)]
        return float(known.mean()) if len(known) else float("nan")

    return compute


def _hits(name: str, share: float, k: int | None = None) -> Compute:
    """The share of the places told whose figure is at least `share`."""

    def compute(units: Arrays) -> float:
        held = units[name] if k is None else units[name][:, k]
        known = held[np.isfinite(held)]
        return float((known >= share).mean()) if len(known) else float("nan")

    return compute


def _right_flags(units: Arrays) -> float:
    return _right(units["flagged"] == 1, units["truth"])


def _right_at_half(units: Arrays) -> float:
    return _right(units["score"] >= 0.5, units["truth"])


def _right(said: Array, truth: Array) -> float:
    known = ~np.isnan(truth)
    return float((said == (truth > 0))[known].mean()) if known.any() else float("nan")


def _brier(units: Arrays) -> float:
    """Mean squared distance of probability and truth (Brier 1950)."""
    gaps = (units["score"] - units["truth"]) ** 2
    known = gaps[np.isfinite(gaps)]
    return float(known.mean()) if len(known) else float("nan")
