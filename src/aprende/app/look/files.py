"""What a look found, as files: pictures (PNG), tables (CSV), and everything measured (JSON)."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aprende.app.drawing.rasters import heat, save, sheet
from aprende.core.checkpoint import write_atomic
from aprende.insight.look import EIGHTH, Features, Look, Place

TILE = 64  # pixels of a picture in a sheet


def write_files(found: Look, folder: Path) -> None:
    """Write the files of a look into a folder that exists."""
    if found.filters is not None:
        save(sheet(_rows(list(found.filters), 16), 32), folder / "filters.png")
    for place, level in enumerate(found.levels, 1):
        rows = [[e.stimulus, *e.pieces] for e in level.excited]
        save(sheet(rows, TILE), folder / f"level-{place:02d}-{_plain(level.layer.name)}.png")
    save(sheet([[heat(values) for values in found.influence]], 2 * TILE), folder / "fields.png")
    _csv(folder / "layers.csv", LAYERS, (_layer(found, place) for place in found.places))
    _csv(folder / "units.csv", UNITS, _units(found))
    _csv(folder / "space.csv", _space_head(found), _points(found))
    write_atomic(folder / "look.json", json.dumps(summary(found), ensure_ascii=False, indent=1).encode())


def _rows(pictures: list[Any], width: int) -> list[list[Any]]:
    return [pictures[at : at + width] for at in range(0, len(pictures), width)]


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name) or "layer"


def _csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([["" if v is None else v for v in row] for row in rows])
    write_atomic(path, held.getvalue().encode())


LAYERS = [
    "layer", "units", "field_allowed_px", "field_used_px", "selectivity_median", "selectivity_low_quartile",
    "selectivity_high_quartile", "silent_share", "modulation_median", "bar_freedom_px", "shift_px", "steadiness",
    "steadiness_low", "steadiness_high", "steadiness_in_disorder", "probe_accuracy", "probe_low", "probe_high",
]  # fmt: skip


def _layer(found: Look, place: Place) -> list[Any]:
    tuned, steady = place.tuning, place.steady[EIGHTH]
    known: Any = [] if tuned is None else tuned.selectivity[np.isfinite(tuned.selectivity)]
    quartiles = np.quantile(known, [0.5, 0.25, 0.75]) if len(known) else [None] * 3
    judged = next((f.probe for f in found.features if f.name == place.name), None)
    return [
        place.name or "picture", place.units, place.field or found.size, _n(place.used), *map(_n, quartiles),
        None if tuned is None else _n(tuned.silent), None if tuned is None else _n(_median(tuned.modulation)),
        None if place.freedom is None else _n(_median(place.freedom)), *map(_n, steady),
        None if place.built is None else _n(place.built[1]),
        *([None] * 3 if judged is None else map(_n, (judged.accuracy, judged.low, judged.high))),
    ]  # fmt: skip


def _n(value: Any) -> float | None:
    """A number as JSON and tables have it."""
    return None if value is None or not np.isfinite(value) else round(float(value), 5)


def _median(values: Any) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


UNITS = [
    "layer",
    "unit",
    "selectivity",
    "preferred_orientation_deg",
    "preferred_period_px",
    "modulation",
    "bar_freedom_px",
]


def _units(found: Look) -> Iterable[list[Any]]:
    for place in found.places:
        if place.tuning is not None and place.freedom is not None:
            tuned = place.tuning
            columns = (tuned.selectivity, tuned.preferred, tuned.period, tuned.modulation, place.freedom)
            for unit in range(place.units):
                yield [place.name, unit, *(_n(column[unit]) for column in columns)]


def _space_head(found: Look) -> list[str]:
    planes = [f"{f.name or 'pixels'}/{plane}/{axis}" for f in found.features for plane in f.planes for axis in "xy"]
    return ["row", "class", *planes]


def _points(found: Look) -> Iterable[list[Any]]:
    truth, classes = found.sample.truth, found.sample.classes
    for i, row in enumerate(found.shown if found.features else []):
        named = None if truth is None else classes[truth[row]]
        places = [_n(at[i, axis]) for f in found.features for at in f.planes.values() for axis in (0, 1)]
        yield [int(row), named, *places]


def summary(found: Look) -> dict[str, Any]:
    """Return everything measured, as JSON."""
    layers = [dict(zip(LAYERS, _layer(found, place), strict=True)) for place in found.places]
    for place, told in zip(found.places, layers, strict=True):
        keys = ("shift_px", "steadiness", "low", "high")
        told["shifts"] = [dict(zip(keys, map(_n, one), strict=True)) for one in place.steady]
    return {
        "pictures": len(found.pixels),
        "source": found.sample.source,
        "side_px": found.size,
        "layers": layers,
        "features": [_judged(f) for f in found.features],
        "excited": [_excited(level) for level in found.levels],
    }


def _judged(f: Features) -> dict[str, Any]:
    figures = {} if f.probe is None else {k: _n(v) for k, v in vars(f.probe).items()}
    return {"name": f.name or "pixels", "by_hand": f.handmade, "dimensions": f.dimensions, **figures}


def _excited(level: Any) -> dict[str, Any]:
    units = [{"unit": e.unit, "pieces": [_n(v) for v in e.answers], "stimulus": _n(e.made)} for e in level.excited]
    return {"layer": level.layer.name, "units": units}
