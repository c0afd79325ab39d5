"""A table's columns as features look at them: numbers, keys (what can be counted and averaged over), places, texts.

A key is 64 bits that stand for a word, a piece of a structured text ("|México|Distrito Federal|", a web address), a
rounded place or number, or a pair of those. Which views a table has is decided once, on training rows, and is JSON.
Knows no target.
"""

import hashlib
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.fields import Columns, Field, Json, rows_of

Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]
MISSING = "\0"
SCHEME = re.compile(r"^[a-z]+://", re.IGNORECASE)
MARKS = re.compile(r"[/_|>;]+")
PIECES = ("0", "1", "2", "3", "-1", "-2", "-3")  # which pieces of a structured text are views, counted from an end
SMALL = 1000  # rows below which plain Python is quicker than polars
SHORT, KEPT = 80, 1 << 16  # letters of words whose keys are remembered, and how many are: memory has an end


@dataclass
class Rows:
    """A batch of n rows, as blocks look at it. numbers (n, N); keys, places (n, 2) and texts by name."""

    names: list[str]
    numbers: Floats
    keys: dict[str, Keys]
    places: dict[str, Floats]
    texts: dict[str, list[str]]
    rough: Floats = field(default_factory=lambda: np.zeros((0, 0)))  # (n, S): a first guess of each signal
    weighed: dict[str, Any] = field(default_factory=dict)  # texts as sparse rows (n, V)

    def __len__(self) -> int:
        return len(self.numbers)


class Remembered(dict[str | None, int]):
    """What `key` gives for words, computed once each; None counts as MISSING. Long words are not kept, nor too many."""

    def __init__(self, key: Callable[[str], int]) -> None:
        self.key = key

    def __missing__(self, word: str | None) -> int:
        made = self.key(MISSING if word is None else word)
        if word is None or len(word) <= SHORT:
            if len(self) >= KEPT:
                self.clear()
            self[word] = made
        return made


def digest(word: str) -> int:
    """Return 64 bits for a word, the same everywhere and always."""
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


WORDS = Remembered(digest)


def mixed(a: Keys, b: Keys) -> Keys:
    """Return keys of pairs (n,): order matters, overflow wraps."""
    with np.errstate(over="ignore"):
        h = (a * np.uint64(0x9E3779B97F4A7C15)) ^ (b + np.uint64(0x7F4A7C159E3779B9))
        h = (h ^ (h >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
        return np.asarray(h ^ (h >> np.uint64(29)), dtype=np.uint64)


def of_words(column: Any, ways: Sequence[Remembered] = (WORDS,)) -> list[Keys]:
    """Return the keys (n,) of a polars String Series, one array for each way; each distinct word is looked at once."""
    import polars as pl

    filled = column.fill_null(MISSING)
    words = filled.unique()
    places = filled.replace_strict(words, pl.Series(range(len(words)), dtype=pl.UInt32), return_dtype=pl.UInt32)
    return [of_list(words.to_list(), way)[places.to_numpy()] for way in ways]


def of_list(words: Sequence[str | None], known: Remembered = WORDS) -> Keys:
    """Return the keys (n,) of words."""
    return np.fromiter(map(known.__getitem__, words), np.uint64, len(words))


def of_numbers(values: Floats, digits: int = 3) -> Keys:
    """Return the keys (n,) of numbers rounded to some significant digits; missing values share one."""
    known = np.isfinite(values) & (values != 0)
    safe = np.where(known, values, 1.0)
    scale = 10.0 ** (np.floor(np.log10(np.abs(safe))) - digits + 1)
    rounded = np.where(known, np.round(safe / scale) * scale, np.where(np.isnan(values), -0.123, 0.0))
    return mixed(rounded.astype(np.float32).view(np.uint32).astype(np.uint64), np.zeros(len(values), np.uint64))


def of_places(place: Floats, decimals: int) -> Keys:
    """Return the keys (n,) of places (n, 2) rounded to a grid of 10^-decimals degrees; missing places share one."""
    steps = np.where(np.isfinite(place), np.round(place * 10.0**decimals), 1e9).astype(np.int64)
    return mixed(steps[:, 0].view(np.uint64), steps[:, 1].view(np.uint64))


def pieces(text: str | None) -> list[str]:
    """Return the parts of a structured text, lower case: "http://a.mx/b_c" → ["a.mx", "b", "c"]."""
    return [p for p in MARKS.split(SCHEME.sub("", (text or "").casefold())) if p]


def piece_key(word: str, which: int) -> int:
    """Return the key of one piece of a word, counted from either end."""
    return digest(_piece(pieces(word), which))


def _piece(parts: Sequence[str], which: int) -> str:
    return parts[which] if -len(parts) <= which < len(parts) else MISSING


PARTS = {which: Remembered(partial(piece_key, which=int(which))) for which in PIECES}


class Views:
    """The views of a table, as decided on training rows: `facts` is JSON."""

    def __init__(self, facts: dict[str, Json]) -> None:
        self.facts = facts
        self.by_kind: dict[str, list[str]] = facts["columns"]

    @cached_property
    def names(self) -> list[str]:
        """Names of the columns of `Rows.numbers`."""
        kinds = ("number", "boolean", "date")
        return [n for kind in kinds for n in self.by_kind.get(kind, [])]

    @cached_property
    def _ways(self) -> dict[str, dict[str, Remembered]]:
        """For each column of categories its views, and how the keys of each are made of words."""
        pieces = self.facts["pieces"]
        return {
            c: {c: WORDS, **{f"{c} [{which}]": PARTS[which] for which in pieces.get(c, [])}}
            for c in self.by_kind.get("category", [])
        }

    @cached_property
    def _groups(self) -> list[tuple[Remembered, list[str], list[str]]]:
        """The ways, and for each the views that are made so and their columns."""
        made: dict[int, tuple[Remembered, list[str], list[str]]] = {}
        for c, ways in self._ways.items():
            for view, way in ways.items():
                _, views, mine = made.setdefault(id(way), (way, [], []))
                views.append(view)
                mine.append(c)
        return list(made.values())

    def rows(self, columns: Columns) -> Rows:
        """Return the batch as blocks look at it."""
        n = rows_of(columns)
        numbers = np.array([columns[c] for c in self.names], np.float64).reshape(len(self.names), n).T
        places = {c: np.asarray(columns[c], np.float64) for c in self.by_kind.get("place", [])}
        texts = {c: columns[c].fill_null("").to_list() for c in self.by_kind.get("text", [])}
        rows = Rows(self.names, numbers, {}, places, texts)
        self._add_keys(rows, columns)
        return rows

    def _add_keys(self, rows: Rows, columns: Columns) -> None:
        self._add_words(rows, columns)
        for c, texts in rows.texts.items():
            if c in self.facts["pieces"]:
                self._add_pieces(rows, c, [pieces(text) for text in texts])
        for c, place in rows.places.items():
            for decimals in (5, 2):
                rows.keys[f"{c} [{10.0**-decimals:g}°]"] = of_places(place, decimals)

    def _add_words(self, rows: Rows, columns: Columns) -> None:
        """Add the words of categories and the pieces of structured ones; of few rows all columns' at once."""
        if len(rows) >= SMALL:
            for c, ways in self._ways.items():
                rows.keys |= zip(ways, of_words(columns[c], list(ways.values())), strict=True)
            return
        words = {c: columns[c].to_list() for c in self._ways}
        for way, names, mine in self._groups:
            keys = of_list(list(itertools.chain.from_iterable([words[c] for c in mine])), way)
            rows.keys |= zip(names, keys.reshape(len(names), -1), strict=True)

    def _add_pieces(self, rows: Rows, name: str, parts: list[list[str]]) -> None:
        """Add the pieces of a structured text, and all of it but what differs in nearly every row."""
        own = set(self.facts["unique"].get(name, []))
        for which in self.facts["pieces"][name]:
            rows.keys[f"{name} [{which}]"] = of_list([_piece(p, int(which)) for p in parts])
        whole = ["/".join(v for i, v in enumerate(p) if i not in own) for p in parts]
        rows.keys[f"{name} [*]"] = of_list(whole)


def decide(columns: Columns, fields: dict[str, Field]) -> Views:
    """Return the views for these training columns: which texts and words are structured, which pieces help."""
    by_kind: dict[str, list[str]] = {}
    for name, f in fields.items():
        by_kind.setdefault(f.kind, []).append(name)
    chosen: dict[str, list[str]] = {}
    unique: dict[str, list[int]] = {}
    for name in [*by_kind.get("category", []), *by_kind.get("text", [])]:
        parts = [pieces(v) for v in columns[name].head(100_000).to_list() if v]
        if parts and np.mean([len(p) > 1 for p in parts]) >= 0.9:
            chosen[name], unique[name] = _useful(parts)
    return Views({"columns": by_kind, "pieces": chosen, "unique": unique})


def _useful(parts: list[list[str]]) -> tuple[list[str], list[int]]:
    """Return the pieces that repeat and vary, no two alike; and the positions that differ in nearly every row."""
    kept: list[str] = []
    seen: set[bytes] = set()
    unique: list[int] = []
    for which in PIECES:
        codes = np.unique(of_list([_piece(p, int(which)) for p in parts]), return_inverse=True)[1]
        levels = int(codes.max()) + 1
        if levels > 0.9 * len(parts) and len(parts) >= 10 and int(which) >= 0:
            unique.append(int(which))
        first = np.unique(codes, return_index=True)[1]
        same = np.argsort(np.argsort(first))[codes].tobytes()  # levels numbered as they appear
        if 1 < levels <= 0.7 * len(parts) and same not in seen:
            kept.append(which)
            seen.add(same)
    return kept, unique
