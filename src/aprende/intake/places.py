"""Latitude and longitude, in two columns or joined in one, → one Place. Decided by names and by ranges.

Knows no file. Degrees; latitude −90 to 90, longitude −180 to 180 (0 to 360 is turned to −180 to 180).
"""

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.intake.evidence import share

if TYPE_CHECKING:
    import polars as pl

ENOUGH = 0.95
DEGREE = r"[-+−]?\d{1,3}(?:\.\d+)?"
JOINED = rf"^\s*[\[(]?\s*(?P<a>{DEGREE})°?\s*(?:[,;|/]|\s)\s*(?P<b>{DEGREE})°?\s*[\])]?\s*$"
POINT = rf"^\s*(?i:point)\s*\(\s*(?P<b>{DEGREE})\s+(?P<a>{DEGREE})\s*\)\s*$"  # well-known text: longitude first
LAT, LNG = r"lat|latitude?|latitud|y_?coord", r"lng|lon|long|longitude?|longitud|x_?coord"


def joined_name(lat: str, lng: str) -> str:
    """Return the name of the Place made of two columns; `parts_of` takes it apart again."""
    return f"{lat}, {lng}"


def parts_of(name: str, among: set[str]) -> tuple[str, str] | None:
    """Return the two columns, both among those given, that a Place of this name was made of."""
    for cut in re.finditer(", ", name):
        lat, lng = name[: cut.start()], name[cut.end() :]
        if lat in among and lng in among:
            return lat, lng
    return None


def pairs(names: list[str]) -> list[tuple[str, str]]:
    """Return the pairs of columns named as latitude and longitude, alike but for that word (lat_home, lng_home)."""
    found: dict[str, dict[str, str]] = {}
    for name in names:
        for part, words in (("lat", LAT), ("lng", LNG)):
            rest, n = re.subn(rf"(?i)(?<![a-z])(?:{words})(?![a-z])", "\0", name, count=1)
            if n:
                found.setdefault(rest.casefold(), {}).setdefault(part, name)
    return [(p["lat"], p["lng"]) for p in found.values() if len(p) == 2]


def are_degrees(lat: NDArray[np.float64], lng: NDArray[np.float64]) -> bool:
    """True where nearly all of two columns can be latitude and longitude."""
    both = np.isfinite(lat) & np.isfinite(lng)
    return bool(both.any()) and float((_valid(np.column_stack([lat, lng]))[both]).mean()) >= ENOUGH


def place(lat: NDArray[np.float64], lng: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Return the column (n, 2), and how many places were impossible and made missing."""
    both = np.column_stack([lat, np.where(lng > 180, lng - 360, lng)])
    filled = np.isfinite(both).all(axis=1)
    good = filled & _valid(both)
    both[~good] = np.nan
    return both, int((np.isfinite(lat) & np.isfinite(lng) & ~good).sum())


def _valid(both: NDArray[np.float64]) -> NDArray[np.bool_]:
    lat, lng = both[:, 0], both[:, 1]
    zero = (lat == 0) & (lng == 0)  # the sea south of Ghana: what programs write for "unknown"
    return np.asarray((np.abs(lat) <= 90) & (lng >= -180) & (lng <= 360) & ~zero, dtype=np.bool_)


def could_be(sample: "pl.Series") -> bool:
    """True where most of a few distinct values are two degrees with decimals, or WKT points."""
    if not len(sample):
        return False
    two = (sample.str.contains(JOINED) & (sample.str.count_matches(r"\.\d{2}") == 2)) | sample.str.contains(POINT)
    return share(two) >= 0.7


def parse(name: str, values: "pl.Series", counts: "pl.Series", forced: bool = False) -> NDArray[np.float64] | None:
    """Return distinct texts as (distinct, 2) degrees, or None where fewer than ENOUGH of the rows are places."""
    import polars as pl

    point = bool(len(values)) and share(values.str.contains(POINT)) > 0.5
    parts = values.str.replace_all("−", "-").str.extract_groups(POINT if point else JOINED).struct.unnest()
    a, b = (parts[c].cast(pl.Float64, strict=False).to_numpy().astype(np.float64) for c in "ab")
    lat, lng = (b, a) if not point and _longitude_first(name, a, b) else (a, b)
    both, _ = place(lat, lng)
    good = np.isfinite(both).all(axis=1)
    weights: Any = counts.to_numpy()
    if not forced and weights[good].sum() < ENOUGH * weights.sum():
        return None
    return both


def _longitude_first(name: str, a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    far = {part: bool(np.nanmax(np.abs(x), initial=0) > 90) for part, x in (("a", a), ("b", b))}
    if far["a"] != far["b"]:
        return far["a"]
    lat, lng = (
        re.search(rf"(?i)(?<![a-z])(?:{LAT})(?![a-z])", name),
        re.search(rf"(?i)(?<![a-z])(?:{LNG})(?![a-z])", name),
    )
    return bool(lat and lng and lng.start() < lat.start())
