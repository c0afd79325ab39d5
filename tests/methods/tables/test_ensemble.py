"""The ensemble's work: tasks at once, what is skipped when time is short, no target without a model."""

import threading
from typing import Any

import numpy as np
import pytest

from aprende.methods.tables import trees
from aprende.methods.tables.ensemble import ALL, Ensemble
from aprende.methods.tables.targets import Target


def ensemble(
    left: float, workers: int = 2, targets: int = 1, members: tuple[str, ...] = ("trees", "extra")
) -> Ensemble:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(120, 4)).astype(np.float32)
    truths = [matrix[:, i].astype(np.float64) for i in range(targets)]
    goals = [Target(f"y{i}", [], spread=1.0) for i in range(targets)]
    return Ensemble(matrix, goals, truths, np.arange(120) % 3, members, 0, 1, lambda: left, workers)


def test_every_fold_of_every_member_answers_the_rows_it_did_not_see() -> None:
    made = ensemble(60.0)
    while made.tasks():
        made.step()
    made.end()
    assert made.whole(0) == ["trees", "extra"]
    for trained in [t for t in made.trained if t.task.fold != ALL]:
        out = made.folds == trained.task.fold
        kept = made.answers[f"{trained.task.member}/0"][out]
        np.testing.assert_array_equal(kept, made.say(trained, made.matrix[out]))
    assert np.corrcoef(made.answers["trees/0"][:, 0], made.truths[0])[0, 1] > 0.9


def test_trees_of_all_rows_answer_and_are_as_many_as_a_fold_has() -> None:
    made = ensemble(60.0)
    while made.tasks():
        made.step()
    made.end()
    for member in made.members:
        (whole,) = made.models(member, 0)
        assert whole.task.fold == ALL
        of_folds = [trees.rounds(t.model) for t in made.trained if t.task.member == member and t.task.fold != ALL]
        assert trees.rounds(whole.model) == pytest.approx(np.mean(of_folds), abs=10)  # the library may end sooner


def test_trees_of_all_rows_that_the_time_cut_short_are_not_used() -> None:
    made = ensemble(60.0, workers=1, members=("trees",))
    for _ in range(3):
        made.step()
    made.left = lambda: -1.0
    while made.tasks():
        made.step()
    made.end()
    assert sorted(t.task.fold for t in made.models("trees", 0)) == [0, 1, 2]


def test_as_many_tasks_at_once_as_there_are_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    both, real = threading.Barrier(2, timeout=20), trees.lightgbm

    def fit(*arguments: Any) -> str:
        both.wait()  # breaks unless two are in training
        return real(*arguments)

    monkeypatch.setattr(trees, "lightgbm", fit)
    made = ensemble(60.0, members=("trees",), targets=2)
    while made.tasks():
        made.step()
    made.end()
    assert len(made.trained) == 8  # three folds and all rows, for two targets


def test_one_worker_gives_what_two_give() -> None:
    found = []
    for workers in (1, 2):
        made = ensemble(60.0, workers)
        while made.tasks():
            made.step()
        made.end()
        found.append(made.answers)
    assert found[0].keys() == found[1].keys()
    for name, answers in found[0].items():
        np.testing.assert_array_equal(answers, found[1][name])


def test_members_that_do_not_fit_the_time_are_skipped() -> None:
    made = ensemble(60.0, members=("trees", "extra", "catboost"))
    for _ in range(3):
        made.step()
    for trained in made.trained:
        trained.seconds = 5.0
    made.left = lambda: 1.0
    made.running.clear()
    while made.tasks():
        made.step()
    made.end()
    assert made.whole(0) == ["trees"]
    assert made.skipped == ["extra", "catboost"]


def test_no_target_is_left_without_a_model() -> None:
    made = ensemble(60.0, targets=3)
    made.end()
    assert [made.models("trees", target)[0].task.fold for target in range(3)] == [0, 0, 0]
