"""Train, valid and test: no row, copy, group or near-duplicate in two of them; facts are JSON."""

import dataclasses
import json
from typing import Any

import numpy as np

from aprende.app.checks.case import Case, check, need
from aprende.core.contract import PARTS, Data, Table
from aprende.core.fields import Category, Column, take


def _disjoint(sets: dict[str, set[str]], what: str) -> None:
    for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
        both = sets[one] & sets[other]
        need(not both, f"{len(both)} {what} are both in {one} and in {other}, such as {next(iter(both), '')!r}")


def _ids(data: Data) -> dict[str, set[str]]:
    return {part: data.ids(part) for part in PARTS}


@check
def parts_are_disjoint(case: Case) -> None:
    ids = _ids(case.run.data)
    _disjoint(ids, "identities")
    for part in PARTS:
        need(ids[part], f"the {part} part of the example is empty")


@check
def parts_stay_when_rows_are_shuffled(case: Case) -> None:
    order = np.random.default_rng(0).permutation(case.source.rows)
    again = _ids(case.system.data(_rows(case.source, order), case.settings))
    need(again == _ids(case.run.data), "shuffling the rows changed the parts: split by a hash of content")


@check
def copies_stay_together(case: Case) -> None:
    twice = np.tile(np.arange(case.source.rows), 2)
    again, once = _ids(case.system.data(_rows(case.source, twice), case.settings)), _ids(case.run.data)
    _disjoint(again, "copied rows")
    need(
        set().union(*again.values()) == set().union(*once.values()),
        "a copied row got another identity: ids() must be by content",
    )


@check
def groups_stay_together(case: Case) -> None:
    name, rng = "group of rows", np.random.default_rng(0)
    source = _with(case.source, name, [f"g{n}" for n in rng.integers(0, 40, case.source.rows)])
    chosen = dataclasses.replace(case.settings, group=name)
    data = case.system.data(source, chosen)
    trivial = next(iter(case.system.baselines(data, chosen).values()))()
    held = {part: case.system.evaluate(trivial, data, part).groups for part in PARTS}
    need(
        all(g is not None for g in held.values()), "with settings.group, Evaluation.groups must name each unit's group"
    )
    _disjoint({part: {str(g) for g in groups} for part, groups in held.items()}, "groups")


@check
def near_duplicates_stay_together(case: Case) -> None:
    for name, field in case.source.fields.items():
        if field.kind == "image":
            source = _with_near_copies(case.source, name)
            data = case.system.data(source, case.settings)
            train, test = (data.examples(part, source.rows)[name] for part in ("train", "test"))
            near = sum(_has_near(picture, train) for picture in test)
            need(not near, f"{near} of {len(test)} test pictures differ in one pixel from a picture of train")


def _with_near_copies(source: Table, name: str) -> Table:
    """The table twice; in the second half one pixel of every picture is one level brighter or darker."""
    twice = _rows(source, np.tile(np.arange(source.rows), 2))
    pictures = [np.array(p) for p in twice.columns[name]]
    for picture in pictures[source.rows :]:
        picture[0, 0, 0] ^= 1
    return dataclasses.replace(twice, columns={**twice.columns, name: pictures})


def _has_near(picture: Any, others: Column) -> bool:
    alike = [o for o in others if o.shape == picture.shape]
    return any(int(np.abs(o.astype(np.int16) - picture).max()) <= 1 for o in alike)


def _rows(source: Table, rows: Any) -> Table:
    """These rows of a table."""
    parts = None if source.parts is None else [source.parts[int(i)] for i in rows]
    return dataclasses.replace(source, columns=take(source.columns, rows), parts=parts)


def _with(source: Table, name: str, words: list[str]) -> Table:
    """The table with one more column of words."""
    column = Category().read(name, words)
    return dataclasses.replace(
        source, columns={**source.columns, name: column}, fields={**source.fields, name: Category()}
    )


@check
def facts_survive_json(case: Case) -> None:
    for facts in (case.run.data.facts, case.run.predictor.facts):
        again = json.loads(json.dumps(facts, allow_nan=False))
        need(again == facts, "facts must be the same after JSON: no tuples, arrays, NaN or keys that are not words")
