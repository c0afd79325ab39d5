"""What `predict` answers, and what it refuses."""

import copy
import json

import numpy as np

from aprende.app.checks.case import CLOSE, Case, check, need
from aprende.core import flow
from aprende.core.contract import as_rows
from aprende.core.errors import ContractError, InputError
from aprende.core.fields import Column, Columns, read_all, rows_of, take


def _answered(case: Case, columns: Columns) -> Columns:
    """Predict; every output must fit its field, be as long as the inputs, and be JSON."""
    outputs = case.model.predict(columns)
    need(
        set(outputs) == set(case.model.outputs),
        f"predict gave {sorted(outputs)}, outputs are {sorted(case.model.outputs)}",
    )
    for name, column in outputs.items():
        need(len(column) == rows_of(columns), f"{name}: {len(column)} values for {rows_of(columns)} rows")
    read = read_all(case.model.outputs, outputs)
    json.dumps(as_rows(read, case.model.outputs), allow_nan=False)
    return outputs


@check
def outputs_fit_their_fields(case: Case) -> None:
    _answered(case, case.examples(32))


@check
def random_inputs_are_answered(case: Case) -> None:
    _answered(case, case.random())


@check
def edge_inputs_are_answered(case: Case) -> None:
    _answered(case, case.edges())


@check
def wrong_inputs_are_refused(case: Case) -> None:
    good = case.examples(2)
    first = next(iter(good))
    wrong: list[tuple[str, Columns]] = [(name, {**good, name: [object(), object()]}) for name in good]
    wrong += [(name, {k: c for k, c in good.items() if k != name}) for name in good]
    wrong += [("nothing of this name", {**good, "nothing of this name": [1, 2]})]
    for name, columns in wrong:
        _refused(case, columns, name)
    _refused(case, take(good, slice(0, 0)), "")
    if len(good) > 1:
        _refused(case, {**good, first: take(good, slice(0, 1))[first]}, first)


def _refused(case: Case, columns: Columns, named: str) -> None:
    try:
        case.model.predict(columns)
    except InputError as error:
        need(named in str(error), f"the error for a wrong {named!r} does not name it: {error}")
        return
    raise ContractError(f"a wrong value or column {named!r} was accepted")


@check
def batch_equals_one_by_one(case: Case) -> None:
    for columns in (case.examples(), case.edges()):
        together = case.model.predict(columns)
        for i in range(rows_of(columns)):
            row = slice(i, i + 1)
            gap = flow.largest_gap(take(together, row), case.model.predict(take(columns, row)))
            need(gap <= CLOSE, f"row {i + 1} alone is answered otherwise than in a batch (by {gap:.2g})")


@check
def predict_is_pure_and_repeatable(case: Case) -> None:
    columns = case.examples()
    kept = copy.deepcopy(columns)
    predict = case.model.predictor.predict
    once, twice = predict(columns), predict(columns)
    need(_same(once, twice), "the same inputs were answered otherwise the second time")
    need(_same(columns, kept), "predict changed its inputs")


def _same(a: Columns, b: Columns) -> bool:
    return a.keys() == b.keys() and all(_same_column(a[name], b[name]) for name in a)


def _same_column(a: Column, b: Column) -> bool:
    if isinstance(a, np.ndarray) and a.dtype.kind == "f":
        return np.array_equal(a, b, equal_nan=True)
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@check
def tiny_beats_the_trivial_baseline(case: Case) -> None:
    main = case.run.scores["metrics"][case.run.scores["main"]]
    need(main["baselines"], "baselines() gives nothing to stand beside")
    name, base = next(iter(main["baselines"].items()))
    better = main["value"] > base["value"] if main["higher_is_better"] else main["value"] < base["value"]
    need(better, f"{case.run.scores['main']} on test: model {main['value']:.4g}, {name} {base['value']:.4g}")


@check
def other_data_can_be_judged(case: Case) -> None:
    scores = flow.test(case.model, case.source)
    value = scores["metrics"][scores["main"]]["value"]
    need(value is not None, f"{scores['main']} on the whole example is not a number")
