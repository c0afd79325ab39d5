"""The classes of pictures as words, and which pictures stay together."""

import numpy as np
import polars as pl
import pytest

from aprende.core.contract import Table
from aprende.core.errors import DataError
from aprende.core.fields import Boolean, Category, Image, Number, Text
from aprende.core.settings import Settings
from aprende.intake import classes
from aprende.intake.pictures import load


def table(n: int = 12, **columns: tuple[object, object]) -> Table:
    """Return n different pictures with these columns: name → (values, field)."""
    pixels = np.random.default_rng(0).integers(0, 256, (n, 16, 16, 1), dtype=np.uint8)
    held = {name: values for name, (values, _) in columns.items()}
    fields = {name: field for name, (_, field) in columns.items()}
    return Table({"image": pixels, **held}, {"image": Image(1, 16), **fields})  # type: ignore[dict-item]


def test_words_of_categories_numbers_and_booleans() -> None:
    every = np.arange(3)
    held = table(
        3,
        word=(pl.Series(["a", None, ""]), Category()),
        digit=(np.array([1.0, np.nan, 3.0]), Number()),
        yes=(np.array([1.0, 0.0, np.nan]), Boolean()),
        amount=(np.array([1.5, 2.0, 3.0]), Number()),
    )
    assert classes.words(held, "word", every) == ["a", None, None]
    assert classes.words(held, "digit", every) == ["1", None, "3"]
    assert classes.words(held, "yes", every) == ["1", "0", None]
    with pytest.raises(DataError, match="quantities"):
        classes.words(held, "amount", every)


def test_target_is_the_one_asked_for_or_the_only_one() -> None:
    one = table(3, kind=(pl.Series(["a", "b", "a"]), Category()), note=(pl.Series(["x", "y", "z"]), Text()))
    assert classes.target_of(one, "") == "kind"
    assert classes.candidates(table()) == []


def test_copies_near_copies_and_groups_stay_together_whatever_the_order() -> None:
    held = table(40)
    pixels = held.columns["image"].copy()
    pixels[7] = pixels[3]  # a copy
    pixels[9] = np.clip(pixels[4].astype(int) + 3, 0, 255)  # brighter
    people = [str(row // 10) for row in range(40)]
    loaded = load(pixels, 16, 1)
    names = classes.together(loaded, None, parted=False)
    assert names[3] == names[7]
    assert names[4] == names[9]
    assert len(set(names)) == 38
    grouped = classes.together(loaded, people, parted=False)
    assert len(set(grouped)) == 4
    order = np.random.default_rng(1).permutation(40)
    again = classes.together(load(pixels[order], 16, 1), None, parted=False)
    assert again == [names[row] for row in order]


def test_parts_that_the_source_gives_are_kept() -> None:
    held = table(30, kind=(pl.Series(["a", "b"] * 15), Category()))
    parts = ["train"] * 20 + ["test"] * 10
    given = Table(held.columns, held.fields, parts=parts)
    found = classes.part(given, load(held.columns["image"], 16, 1), Settings(), 0.2)
    assert found.test.tolist() == list(range(20, 30))
    assert len(found.valid) == 4
    assert set(found.train) | set(found.valid) == set(range(20))
