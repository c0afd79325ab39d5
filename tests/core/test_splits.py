"""Parts of the data: stable, in proportion, and never parting what belongs together."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aprende.core import splits
from aprende.core.splits import Split, folds, link, split


def named(n: int, start: int = 0) -> list[str]:
    return [splits.digest("row", i) for i in range(start, start + n)]


def side(made: Split, n: int) -> Any:
    found = np.full(n, "?????")
    for part in ("train", "valid", "test"):
        found[getattr(made, part)] = part
    return found


@pytest.mark.parametrize("n", [10, 100, 1999, 2000, 20_000])
def test_every_row_is_in_one_part_and_shares_are_kept(n: int) -> None:
    made = split(named(n))
    assert sorted(np.concatenate([made.train, made.valid, made.test]).tolist()) == list(range(n))
    assert len(made.test) == pytest.approx(0.2 * n, abs=3 * np.sqrt(n * 0.16) if n >= 2000 else 1)
    assert len(made.valid) == pytest.approx(0.12 * n, abs=3 * np.sqrt(n * 0.11) if n >= 2000 else 1.5)


@pytest.mark.parametrize("n", [300, 5000])
def test_shuffling_changes_nothing(n: int) -> None:
    keys, order = named(n), np.random.default_rng(0).permutation(n)
    groups = [f"g{int(k, 16) % 50}" for k in keys]
    for held in (None, groups):
        before = side(split(keys, groups=held), n)
        shuffled = [held[i] for i in order] if held else None
        after = side(split([keys[i] for i in order], groups=shuffled), n)
        assert (before[order] == after).all()


def test_a_row_keeps_its_side_when_the_file_grows() -> None:
    assert (side(split(named(3000)), 3000) == side(split(named(9000)), 9000)[:3000]).all()


def test_small_files_may_move_few_rows_when_they_grow() -> None:
    """Below 2,000 rows sizes are exact, so a growing file moves rows near a border: few."""
    moved = side(split(named(500)), 500) != side(split(named(520)), 520)[:500]
    assert moved.mean() < 0.06


def test_the_seed_chooses_another_split() -> None:
    keys = named(500)
    assert (side(split(keys, 0), 500) != side(split(keys, 1), 500)).mean() > 0.2
    assert (side(split(keys, 7), 500) == side(split(keys, 7), 500)).all()


def test_copies_stay_together_and_are_counted() -> None:
    keys = named(100) * 3
    made = split(keys)
    parts = side(made, 300)
    assert made.copies == 200
    assert (parts[:100] == parts[100:200]).all()
    assert (parts[:100] == parts[200:]).all()


@pytest.mark.parametrize("n", [400, 4000])
def test_groups_stay_together(n: int) -> None:
    groups = [f"g{i % 37}" for i in range(n)]
    parts = side(split(named(n), groups=groups), n)
    assert all(len(set(parts[i::37])) == 1 for i in range(37))
    assert set(parts) == {"train", "valid", "test"}


def test_copies_link_their_groups() -> None:
    """Row 0 of group a is a copy of row 1 of group b: then a and b belong together."""
    for seed in range(20):
        parts = side(split(["same", "same", "x", "y"], seed, groups=["a", "b", "a", "b"]), 4)
        assert len(set(parts)) == 1


def test_time_puts_the_future_in_the_test() -> None:
    times = np.random.default_rng(0).permutation(1000).astype(float)
    made = split(named(1000), times=times)
    assert times[made.train].max() < times[made.valid].min() <= times[made.valid].max() < times[made.test].min()
    assert len(made.test) == 200


def test_unknown_times_count_as_the_past() -> None:
    times = np.arange(100.0)
    times[90:] = np.nan
    assert set(range(90, 100)) <= set(split(named(100), times=times).train.tolist())


def test_time_and_groups_together() -> None:
    """A group lies where its earliest row lies, so that no group is on two sides."""
    times, groups = np.arange(200.0), [f"g{i % 20}" for i in range(200)]
    parts = side(split(named(200), times=times, groups=groups), 200)
    assert all(len(set(parts[i::20])) == 1 for i in range(20))


def test_given_parts_are_respected() -> None:
    given_parts = ["train"] * 60 + ["test"] * 20 + ["valid"] * 20
    assert side(split(named(100), given=given_parts), 100).tolist() == given_parts


def test_valid_is_carved_out_of_train_where_none_came() -> None:
    parts = side(split(named(100), given=["train"] * 80 + ["test"] * 20), 100)
    assert (parts[80:] == "test").all()
    assert (parts[:80] != "test").all()
    assert 9 <= (parts == "valid").sum() <= 15


def test_rows_without_a_given_part_are_split() -> None:
    parts = side(split(named(1000), given=["train"] * 500 + [None] * 500), 1000)
    assert (parts[:500] != "test").all()
    assert (parts[500:] == "test").any()


def test_no_test_share_holds_nothing_out() -> None:
    made = split(named(100), test_share=0.0)
    assert len(made.test) == 0
    assert 13 <= len(made.valid) <= 17


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), min_size=1, max_size=60), st.integers(0, 3))
def test_no_key_and_no_group_is_ever_parted(rows: list[tuple[int, int]], seed: int) -> None:
    keys, groups = [f"k{k}" for k, _ in rows], [f"g{g}" for _, g in rows]
    parts = side(split(keys, seed, groups=groups), len(rows))
    for names in (keys, groups):
        assert all(len({p for n, p in zip(names, parts, strict=True) if n == name}) == 1 for name in names)
    k = folds(keys, 5, seed, groups)
    assert all(len({f for n, f in zip(groups, k, strict=True) if n == name}) == 1 for name in groups)


@pytest.mark.parametrize("n", [50, 5000])
def test_folds_are_even(n: int) -> None:
    counts = np.bincount(folds(named(n), 5), minlength=5)
    assert counts.sum() == n
    assert counts.min() >= 0.9 * n / 5 - 1


def test_no_rows_and_one_row() -> None:
    assert [len(p) for p in (split([]).train, split([]).valid, split([]).test)] == [0, 0, 0]
    assert split(["only"]).train.tolist() == [0]


# ---- links and digests ----------------------------------------------------------------------------------------------


def test_links_are_transitive() -> None:
    assert link(5, [(0, 1), (1, 2), (4, 3)]) == ["0", "0", "0", "3", "3"]


def test_digests_depend_on_where_parts_end() -> None:
    assert splits.digest("ab", "c") != splits.digest("a", "bc")
    assert splits.digest(b"raw") == splits.digest("raw")
    assert splits.digest("\ud800") != splits.digest("\ud801")  # broken text has a digest too
    assert splits.digest("a", 1) == "".join(splits.digest("a", 1))
    assert len(splits.digest(None)) == 16


def test_places_are_uniform() -> None:
    place = splits.unit_interval(named(20_000), 0)
    counts, _ = np.histogram(place, 20, (0, 1))
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8  # chi-square, 19 degrees of freedom, p = 0.001


def test_valid_is_carved_out_once_where_only_the_test_is_given() -> None:
    keys = [f"k{i}" for i in range(400)]
    given = ["test" if i < 100 else None for i in range(400)]
    made = split(keys, valid_share=0.2, test_share=0.0, given=given)
    assert (len(made.test), len(made.valid)) == (100, pytest.approx(60, abs=25))
    said = split(keys, valid_share=0.2, test_share=0.0, given=[g or "train" for g in given])
    assert len(said.valid) == pytest.approx(60, abs=2)
