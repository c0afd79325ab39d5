"""An ensemble on an encoded table, trained fold by fold, so that each row is answered by models that never saw it.

One `step` ends with one member trained on one fold, while others may be in training on other cores; finished models and
out-of-fold answers are the whole state, so a killed run goes on where it was. Which members there are follows from the
time there is. Trees are trained once more on all rows, and that model alone answers: a fifth of the folds' trees, and
no worse. Knows matrices and targets, no column.
"""

import math
import sys
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.methods.tables import trees
from aprende.methods.tables.targets import Target

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
NETWORKS, FORESTS = ("tabm", "nca"), ("trees", "extra", "catboost")
DEARER = {"extra": 1.5, "catboost": 3.0}  # times as long as a fold of the first trees
SHORTEST = 0.6  # share of the rounds that trees are begun for
ALL = -1  # the "fold" in which nothing is held out
ORDER = ("trees", "extra", "tabm", "catboost", "nca")  # by what each adds for its time


@dataclass(frozen=True)
class Task:
    """A member, a target, and the fold that is held out."""

    member: str
    target: int
    fold: int


@dataclass
class Trained:
    """A finished task. kind: "lightgbm" and "catboost" hold text, "tabm" and "nca" arrays by name."""

    task: Task
    model: Any
    seconds: float


@dataclass
class Ensemble:
    """The state of training. matrix (n, F); truths: each target's numbers (n,) or classes (n,); folds (n,).

    workers: tasks at once, each on `threads` threads (the libraries use two tasks at once better than two threads).
    refit: networks too are trained on all rows in the end (trees always are). left(): seconds that may be used still,
    infinite where steps are counted.
    """

    matrix: Matrix
    targets: list[Target]
    truths: list[NDArray[Any]]
    folds: NDArray[np.int64]
    members: tuple[str, ...]
    seed: int
    threads: int
    left: Callable[[], float]
    workers: int = 1
    refit: bool = False
    trained: list[Trained] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    answers: dict[str, Floats] = field(default_factory=dict)  # "member/target" → (n, outputs), out of fold

    def __post_init__(self) -> None:
        self.pool = ThreadPoolExecutor(self.workers, "member", lambda: use_threads(self.threads))
        self.running: dict[Future[Any], Task] = {}

    def tasks(self) -> list[Task]:
        """Return what is still to be done or in training, in order."""
        many, folds = range(len(self.targets)), range(int(self.folds.max()) + 1)
        members = {m: [*folds, ALL] if self.refit or m in FORESTS else folds for m in self.members}
        every = [Task(m, g, f) for m in members if m not in self.skipped for f in members[m] for g in many]
        done = {trained.task for trained in self.trained}
        return [task for task in every if task not in done]

    def step(self) -> dict[str, float]:
        """Keep every worker busy until a task ends; return its error on the rows held out."""
        self._start()
        if not self.running:
            return {"loss": self._last()}
        wait(self.running, return_when=FIRST_COMPLETED)
        return self._collect()

    def end(self) -> None:
        """Wait for what is in training: the time is over, it ends soon. No target is left without a model."""
        wait(self.running)
        while self.running:
            self._collect()
        self.pool.shutdown()
        for task in [task for task in self.tasks() if task.member == self.members[0] and task.fold == 0]:
            if not any(trained.task.target == task.target for trained in self.trained):
                self._keep(task, self._train(task, self.folds != task.fold, 1))

    def _start(self) -> None:
        """Begin what waits, as workers are free. A member that no longer fits the time is skipped."""
        while len(self.running) < self.workers:
            begun = set(self.running.values())
            waiting = [task for task in self.tasks() if task not in begun]
            if not waiting:
                return
            if self._fits(waiting):
                task, runs = waiting[0], self._runs(waiting[0].member)
                self.running[self.pool.submit(self._train, task, self.folds != task.fold, runs)] = task
            else:
                self.skipped.append(waiting[0].member)

    def _collect(self) -> dict[str, float]:
        future = next(f for f in self.running if f.done())
        return self._keep(self.running.pop(future), future.result())

    def _keep(self, task: Task, found: Trained | None) -> dict[str, float]:
        """Keep what a task has found, and its answers to the rows that it did not see; return its error on those."""
        if found is None:
            self.skipped.append(task.member)
            return {"loss": self._last()}
        self.trained.append(found)
        out = self.folds == task.fold
        if not out.any():
            return {"loss": self._last()}
        said = self.say(found, self.matrix[out])
        held = self.answers.setdefault(f"{task.member}/{task.target}", np.full((len(out), said.shape[1]), np.nan))
        held[out] = said
        return {"loss": error(self.targets[task.target], said, self.truths[task.target][out])}

    def _last(self) -> float:
        said = [k for k, v in self.answers.items() if np.isfinite(v).any()]
        if not said:
            return math.nan
        held = self.answers[said[-1]]
        known, at = np.isfinite(held).all(axis=1), int(said[-1].split("/")[1])
        return error(self.targets[at], held[known], self.truths[at][known])

    def _fits(self, waiting: list[Task]) -> bool:
        """Tell whether what waits of the next member fits, cut to SHORTEST at most, by what its folds took."""
        member = waiting[0].member
        if member == self.members[0] or self.left() == math.inf:
            return True
        took = [t.seconds for t in self.trained if t.task.member == member]
        if member in NETWORKS:  # they time a few steps before they begin
            return bool(took) or self.left() > 0
        before = max((t.seconds for t in self.trained if t.task.member == self.members[0]), default=0.0)
        one = max(took, default=DEARER[member] * before)
        begun = sum(task.member == member for task in self.running.values())
        rest = sum(task.member == member for task in waiting) + begun / 2  # those in training are half done
        return SHORTEST * one * max(1.0, rest / self.workers) <= self.left()

    def _runs(self, member: str) -> int:
        """Return how many times, one after the other, the workers must still train this member."""
        return math.ceil(sum(task.member == member for task in self.tasks()) / self.workers)

    def _train(self, task: Task, rows: NDArray[np.bool_], runs: int) -> Trained | None:
        """Train a member on some rows, within its share of the time; None where that is too little for it."""
        began = self.left()
        model = self._model(task, rows, runs)
        return None if model is None else Trained(task, model, 0.0 if began == math.inf else began - self.left())

    def _model(self, task: Task, rows: NDArray[np.bool_], runs: int) -> Any:
        target = self.targets[task.target]
        matrix, truth = self.matrix[rows], self.truths[task.target][rows]
        wanted = target.inside(truth) if not target.classes else truth
        seed = self.seed * 1000 + 17 * task.target + task.fold + 1
        if task.member in FORESTS:
            return self._forest(task, matrix, wanted, seed, runs)
        from aprende.methods.tables import nets

        plan = nets.plan_for(task.member, len(matrix))
        begun = task.member == self.members[0] or any(t.task.member == task.member for t in self.trained)
        network = nets.train(plan, matrix, wanted, target.classes, seed, self.left, runs, begun)
        return None if network is None else {k: v.numpy() for k, v in network.state_dict().items()}

    def _forest(self, task: Task, matrix: Matrix, wanted: NDArray[Any], seed: int, runs: int) -> str | None:
        """Return trees: without a fold within its share of the time; of all rows as many as the folds got, or None."""
        classes, last = self.targets[task.target].classes, task.fold == ALL
        chosen, rounds = tree_plan(task.member, len(matrix), classes)
        if last and (folds := self.models(task.member, task.target)):
            rounds = round(sum(trees.rounds(t.model) for t in folds) / len(folds))
        until = 0.0 if last else self.left() * (1 - 1 / runs)

        def over() -> bool:
            return self.left() < until

        fit = trees.catboost if task.member == "catboost" else trees.lightgbm
        made = fit(matrix, wanted, classes, chosen, rounds, seed, self.threads, over)
        return None if last and over() else made

    def say(self, trained: Trained, rows: Matrix) -> Floats:
        """Return a model's answers: numbers (n, 1) as members see them, or probabilities (n, classes)."""
        return spoken(self.targets[trained.task.target], scores(trained, rows, self.threads), trained.task.member)

    def whole(self, target: int) -> list[str]:
        """Return the members that have answered every row for this target."""
        return [m for m in self.members if np.isfinite(self.answers.get(f"{m}/{target}", np.array([np.nan]))).all()]

    def models(self, member: str, target: int) -> list[Trained]:
        """Return the models that answer for a member: the one of all rows, or those of the folds."""
        mine = [t for t in self.trained if t.task.member == member and t.task.target == target]
        return [t for t in mine if t.task.fold == ALL] or mine

    def state_dict(self) -> dict[str, Any]:
        """Return everything that was learnt."""
        held = [
            {"task": [t.task.member, t.task.target, t.task.fold], "model": t.model, "seconds": t.seconds}
            for t in self.trained
        ]
        return {"trained": held, "skipped": list(self.skipped), "answers": dict(self.answers)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.trained = [Trained(Task(*t["task"]), t["model"], t["seconds"]) for t in state["trained"]]
        self.skipped, self.answers = list(state["skipped"]), dict(state["answers"])


def use_threads(count: int) -> None:
    """Let torch, where it is in use, compute on so many threads from here on, in this thread."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


def scores(trained: Trained, rows: Matrix, threads: int) -> Floats:
    """Return what a model says before any link function (n, outputs)."""
    if trained.task.member in ("trees", "extra"):
        return trees.lightgbm_scores(trained.model, rows, threads)
    if trained.task.member == "catboost":
        return trees.from_catboost(trained.model).predict(rows).astype(np.float64)
    from aprende.methods.tables import nets

    return nets.scores(nets.revive(trained.task.member, trained.model), rows)


def spoken(target: Target, said: Floats, member: str) -> Floats:
    """Return scores as numbers (n, 1) or probabilities (n, classes)."""
    if not target.classes or member == "nca":
        return said
    if said.shape[1] == 1:  # two classes, one score
        said = np.concatenate([np.zeros_like(said), said], axis=1)
    shares = np.exp(said - said.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def error(target: Target, said: Floats, truth: NDArray[Any]) -> float:
    """Return the mean absolute error as members see it, or the mean log-loss."""
    if not target.classes:
        return float(np.abs(said[:, 0] - target.inside(truth)).mean())
    return float(-np.log(np.clip(said[np.arange(len(truth)), truth], 1e-9, 1)).mean())


def tree_plan(member: str, n: int, classes: int) -> tuple[dict[str, Any], int]:
    """Return the library's parameters and rounds for so many rows."""
    if member == "catboost":
        return {"learning_rate": 0.06 if n > 6000 else 0.04, "depth": 6, "rsm": 0.4,
                "bootstrap_type": "Bernoulli", "subsample": 0.8}, 1000  # fmt: skip
    leaves = 63 if n > 6000 else 31 if n > 1500 else 15 if n > 300 else 7
    rate, rounds = (0.05, 800) if n > 6000 else (0.1, 400) if n > 1500 else (0.03, 800)
    if classes:
        leaves, rate, rounds = min(31, leaves), 0.03, 400 if classes == 2 else max(100, 800 // classes) // 2
    chosen: dict[str, Any] = {
        "learning_rate": rate,
        "num_leaves": leaves,
        "min_data_in_leaf": 15 if n > 6000 else 5,
        "feature_fraction": 0.3,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
    }
    if member == "extra":
        chosen |= {"extra_trees": True, "feature_fraction": 0.5}
        rounds = rounds * 3 // 2
    return chosen, rounds
