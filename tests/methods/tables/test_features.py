"""The encoding: a row alone gives the same bits, its own target does not leak, gaps and new words are answered."""

import json

import numpy as np
import polars as pl
import pytest

from aprende.core.fields import Columns, read_all, take
from aprende.methods.tables import encodings, rough, views
from aprende.methods.tables import features as features
from aprende.methods.tables.encodings import random_folds
from aprende.methods.tables.homes import homes


@pytest.fixture(scope="module")
def learnt() -> tuple[features.Features, np.ndarray, Columns]:
    table = homes(300)
    inputs = {n: f for n, f in table.fields.items() if n != "price"}
    price = np.log(np.asarray(table.columns["price"]))
    columns = {n: table.columns[n] for n in inputs}
    made, matrix = features.fit(columns, inputs, ((price - price.mean()) / price.std())[:, None])
    return made, matrix, columns


def test_the_matrix_is_named_and_float32(learnt: tuple[features.Features, np.ndarray, Columns]) -> None:
    made, matrix, columns = learnt
    assert matrix.dtype == np.float32
    assert matrix.shape == (300, len(made.names))
    assert {"size", "rooms", "mean 0 of area"} <= set(made.names)
    assert made.transform(columns).shape == matrix.shape


def test_one_by_one_is_the_same_bit_for_bit(learnt: tuple[features.Features, np.ndarray, Columns]) -> None:
    made, _, columns = learnt
    whole = made.transform(columns)
    rows = [made.transform(take(columns, slice(i, i + 1))) for i in range(40)]
    np.testing.assert_array_equal(np.concatenate(rows), whole[:40])


def test_saved_and_loaded_is_the_same(learnt: tuple[features.Features, np.ndarray, Columns]) -> None:
    made, _, columns = learnt
    facts, arrays = made.save()
    again = features.load(json.loads(json.dumps(facts, allow_nan=False)), arrays)
    np.testing.assert_array_equal(again.transform(columns), made.transform(columns))
    assert again.names == made.names


def test_gaps_and_unseen_words_are_answered(learnt: tuple[features.Features, np.ndarray, Columns]) -> None:
    made, _, columns = learnt
    words = {n: pl.Series(["никогда", None, ""], dtype=pl.String) for n in ("kind", "area", "text")}
    empty = {n: np.full(3, np.nan) for n in ("size", "rooms", "built", "garage", "sold")}
    found = made.transform({n: {**words, **empty, "place": np.full((3, 2), np.nan)}[n] for n in columns})
    assert found.shape == (3, len(made.names))
    assert not np.isinf(found).any()


def test_fields_edges_are_answered(learnt: tuple[features.Features, np.ndarray, Columns]) -> None:
    made = learnt[0]
    fields = {n: f for n, f in homes(5).fields.items() if n != "price"}
    edges = {n: f.edges() for n, f in fields.items()}
    n = min(len(e) for e in edges.values())
    found = made.transform(read_all(fields, {k: e[:n] for k, e in edges.items()}))
    assert not np.isinf(found).any()


def test_only_some_columns_are_computed(learnt: tuple[features.Features, np.ndarray, Columns]) -> None:
    made, _, columns = learnt
    few = np.array([0, 5, len(made.names) - 1])
    some = made.only(few)
    np.testing.assert_array_equal(some.transform(columns), made.transform(columns)[:, few])
    assert some.names == [made.names[i] for i in few]


def test_a_rows_own_target_does_not_reach_its_features() -> None:
    """With a target of pure noise no feature of a training row may go with it."""
    table = homes(600)
    inputs = {n: f for n, f in table.fields.items() if n != "price"}
    noise = np.random.default_rng(0).normal(size=(600, 1))
    made, matrix = features.fit({n: table.columns[n] for n in inputs}, inputs, noise)
    filled = np.nan_to_num(matrix.astype(np.float64))
    spread = filled.std(axis=0)
    going = [np.corrcoef(filled[:, j], noise[:, 0])[0, 1] for j in np.flatnonzero(spread > 0)]
    names = [made.names[j] for j in np.flatnonzero(spread > 0)]
    high = {n: c for n, c in zip(names, going, strict=True) if c > 0.2 and not n.startswith("rough")}
    assert not high


@pytest.mark.parametrize("rows", [4, 150])  # of an owner: 150 are more than all neighbours that are looked at
def test_owners_share_a_fold_and_are_no_neighbours(rows: int) -> None:
    owner = np.repeat(np.arange(30), rows)
    folds = random_folds(owner, 0)
    assert all(len(set(folds[owner == o])) == 1 for o in range(30))
    table = homes(120)
    inputs = {"place": table.fields["place"]}
    spots = np.asarray(table.columns["place"])[owner]  # an owner's rows are on the same spot, with the same secret
    secret = np.random.default_rng(0).normal(size=30)[owner][:, None]
    made, matrix = features.fit({"place": spots}, inputs, secret, owner)
    nearest = matrix[:, made.names.index("place: signal 0, nearest 1")]
    assert abs(np.corrcoef(nearest, secret[:, 0])[0, 1]) < 0.5
    _, told = features.fit({"place": spots}, inputs, secret)
    assert np.corrcoef(told[:, made.names.index("place: signal 0, nearest 1")], secret[:, 0])[0, 1] > 0.9


def test_pieces_of_a_structured_text() -> None:
    assert views.pieces("HTTP://a.mx/b_c|d") == ["a.mx", "b", "c", "d"]
    kinds, sellers = ["casa", "depto", "depto", "local"] * 25, ["ana", "luis"] * 25 + ["eva", "tom"] * 25
    urls = [f"http://{'xy'[i % 2]}.mx/{i:04x}_venta_{kinds[i]}_{sellers[i]}" for i in range(100)]
    from aprende.core.fields import Text

    decided = views.decide({"url": pl.Series(urls)}, {"url": Text()})
    assert decided.facts["unique"] == {"url": [1]}  # the number of the advert
    assert "0" in decided.facts["pieces"]["url"]
    assert "1" not in decided.facts["pieces"]["url"]
    rows = decided.rows({"url": pl.Series(["http://x.mx/zzzz_venta_casa_ana", urls[0]])})
    assert rows.keys["url [*]"][0] == rows.keys["url [*]"][1]


def test_keys_do_not_depend_on_the_size_of_the_batch() -> None:
    words = pl.Series(["x_a", None, "x_ñandú"] * 2000, dtype=pl.String)
    made = views.Views({"columns": {"category": ["word"]}, "pieces": {"word": ["0", "-1"]}, "unique": {}})
    many, few = made.rows({"word": words}).keys, made.rows({"word": words.head(3)}).keys
    assert set(many) == set(few) == {"word", "word [0]", "word [-1]"}
    for view in many:
        np.testing.assert_array_equal(many[view][:3], few[view])


def test_encodings_together_are_as_each_alone(learnt: tuple[features.Features, np.ndarray, Columns]) -> None:
    made, _, columns = learnt
    rows = made.views.rows({**columns, "area": pl.Series(["nowhere"] * 300)})  # some keys that train never held
    rows.rough = next(b for b in made.blocks if isinstance(b, rough.Rough)).guess(rows)
    blocks = [b for b in made.blocks if isinstance(b, encodings.Encoding)]
    assert {len(b.views) for b in blocks} == {1, 2}
    together = encodings.Together(blocks).transform(rows)
    np.testing.assert_array_equal(together, np.concatenate([b.transform(rows) for b in blocks], axis=1))


def test_remembered_keys_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "KEPT", 3)
    known = views.Remembered(views.digest)
    assert [known[w] for w in "abcdabcd"] == [views.digest(w) for w in "abcdabcd"]
    assert known[None] == views.digest(views.MISSING)
    assert known["x" * 1000] == views.digest("x" * 1000)
    assert len(known) <= 3
    assert "x" * 1000 not in known
