"""The Python door: train, load, systems, check_system. The command line calls these and nothing else.

Knows no system: sources are read by `intake`, trained by `core.flow`, reported by `report`.
"""

import json
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aprende.core import flow, registry
from aprende.core import model as models
from aprende.core.contract import Note, Table
from aprende.core.errors import DataError, SettingError
from aprende.core.fields import Columns, Image, from_json
from aprende.core.loop import Watcher
from aprende.core.settings import make
from aprende.core.words import t

RUNS = Path("runs")


@dataclass
class Model:
    """A trained model. Values go in as a path, a DataFrame, a dict of columns, or one row as a dict."""

    core: models.Model
    path: Path

    @property
    def scores(self) -> dict[str, Any]:
        """The scores on the test rows when it was trained: see `core.measure.score`."""
        return dict(self.core.manifest["scores"])

    def predict(self, values: Any) -> Columns:
        """Return the output columns for these inputs.

        What cannot be read (a broken picture in a folder) is set aside, and a warning lists it; `read` tells the rows'
        files.
        """
        return self.core.predict(self.columns(values))

    def test(self, source: Any) -> dict[str, Any]:
        """Return metrics with intervals on other data, and their drift from train."""
        return flow.test(self.core, self._with_target(source))

    def explain(self, values: Any, output: str | None = None, method: str = "auto") -> list[Any]:
        """Return for each row why it was answered so: see `insight.explain.Explanation`.

        method: of pictures, one of `insight.maps.METHODS`, or "auto"; "integrated_gradients" needs the training extra.
        """
        return self.explain_columns(self.columns(values), output, method)

    def explain_columns(self, columns: Columns, output: str | None = None, method: str = "auto") -> list[Any]:
        """Return the same for columns that are read already."""
        from aprende.insight.explain import explain

        return explain(self.core, columns, output, method=method)

    def look(self, source: Any = None, out: str | Path | None = None, say: Callable[[str], None] | None = None) -> Path:
        """Look into a network of pictures; return the page's path. Needs the training extra.

        source: pictures to look with (default: those that it was tested on, where they still are). out: the folder of
        page, pictures and tables (default: `look`, beside the model). say: is told what is being done.
        """
        from aprende.app import look

        return look.make(self.core, self.path, source, None if out is None else Path(out), say or (lambda _: None))

    def serve(self, host: str = "127.0.0.1", port: int = 8000, workers: int = 1, token: str = "") -> None:
        """Serve the page and the REST interface until interrupted. token: what each request must carry."""
        from aprende.app.server.serve import serve

        serve(self.core, host, port, workers, token)

    def export(self, path: str | Path) -> Path:
        """Write the network as an ONNX file, and beside it a JSON file that says what goes in and out."""
        from aprende.app.export import export

        return export(self.core, Path(path))

    def columns(self, values: Any) -> Columns:
        """Return the values as input columns, read in the same way as training data were."""
        from aprende.intake import inputs

        if isinstance(values, dict):
            return inputs.columns_from_json(values if _columnar(values) else [values], self.core.inputs)
        table, columns = self.read(values)
        for note in table.notes:
            if note.level == "set aside":
                warnings.warn(note.text, stacklevel=3)
        return columns

    def read(self, source: Any) -> tuple[Table, Columns]:
        """Return a file's whole table, and of it the columns that the model takes."""
        self.core.begin()
        from aprende.intake.images import prepared
        from aprende.intake.inputs import pictures_for
        from aprende.intake.reading import is_pictures, read

        if is_pictures(source):
            field = next((f for f in self.core.inputs.values() if isinstance(f, Image)), Image())
            table = prepared(read(source), field.size, field.channels, whole=field.whole)
            return table, pictures_for(table, self.core.inputs)
        table = read(source, fields=self.core.inputs)
        return table, {name: table.columns[name] for name in self.core.inputs}

    def _with_target(self, source: Any) -> Table:
        from aprende.intake.reading import read

        targets = {name: from_json(f) for name, f in self.core.manifest["targets"].items()}
        return read(source, target=list(targets), fields=self.core.inputs | targets)


def _columnar(values: dict[str, Any]) -> bool:
    scalar = (str, bytes, int, float, bool, type(None))
    return not any(isinstance(v, scalar) for v in values.values())


@dataclass
class Run:
    """What `train` gives: the model, its scores, the notes on the data, and where report and model lie."""

    model: Model
    scores: dict[str, Any]
    notes: list[Note]
    folder: Path
    report: Path
    flow: flow.Run

    @property
    def verdict(self) -> str:
        """In words: whether the model beats what it stands beside."""
        from aprende.core.measure import verdict

        return verdict(self.scores)


def train(
    source: Any = None,
    *,
    system: str = "",
    test: Any = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    watcher: Watcher | None = None,
    every: float = 30.0,
    tensorboard: bool = False,
    **settings: Any,
) -> Run:
    """Train a model of what `source` holds and measure it. settings: any of the system's, such as target, minutes.

    source: a file, a folder, a DataFrame or a dict of columns. test: other data for the test alone (then no row of
    `source` is held out for it). out: the run's folder (default runs/<name>-<n>). resume: the folder of a stopped run.
    tensorboard: whether the figures also go to <out>/tensorboard (needs the tensorboard extra).
    """
    if resume is not None:
        return _resume(Path(resume), _watched(Path(resume), watcher, tensorboard), every)
    if source is None:
        raise SettingError(t("Say what to learn from: a file or a folder."))
    about = {"source": _source_name(source), "test": None if test is None else _source_name(test)}
    folder = _folder(out, source)
    watcher = _watched(folder, watcher, tensorboard)
    return _train(source, system, test, folder, settings, watcher, about, every, resume=False)


def _watched(folder: Path, watcher: Watcher | None, tensorboard: bool) -> Watcher | None:
    if not tensorboard:
        return watcher
    from aprende.app.tensorboard import TensorBoard

    return TensorBoard(folder, watcher or Watcher())


def _train(
    source: Any,
    system: str,
    test: Any,
    folder: Path,
    settings: dict[str, Any],
    watcher: Watcher | None,
    about: dict[str, Any],
    every: float,
    resume: bool,
) -> Run:
    from aprende.app import report
    from aprende.intake.reading import read, with_test

    table = read(source, target=settings.get("target") or None)
    if test is not None:
        table = with_test(table, read(test, fields=table.fields))
        settings = {"test_share": 0.0, **settings}
    chosen = registry.load(system) if system else registry.choose(table)
    made = make(chosen.Settings, settings)
    run = flow.train(chosen, table, made, folder, watcher, resume, every, about)
    if watcher:
        watcher.measuring("report")
    written = report.write(run)
    return Run(Model(run.model, folder / flow.MODEL), run.scores, run.notes, folder, written, run)


def _resume(folder: Path, watcher: Watcher | None, every: float) -> Run:
    try:
        said = json.loads((folder / flow.RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise DataError(
            t("{folder} holds no run to resume: there is no readable {name} in it.", folder=folder, name=flow.RUN)
        ) from None
    if not said.get("source"):
        raise DataError(t("This run learnt from values in memory, not from a file; it cannot be resumed from here."))
    about = {"source": said["source"], "test": said.get("test")}
    return _train(
        said["source"], said["system"], said.get("test"), folder, said["settings"], watcher, about, every, resume=True
    )


def _source_name(source: Any) -> str | None:
    return str(Path(source).resolve()) if isinstance(source, (str, Path)) else None


def _folder(out: str | Path | None, source: Any) -> Path:
    """Return the run's folder: what was asked, or the first free runs/<name>-<n>. Never one that holds a run."""
    if out is not None:
        if (Path(out) / flow.RUN).exists():
            raise SettingError(t("{folder} already holds a run. Choose another --out, or --resume it.", folder=out))
        return Path(out)
    name = Path(source).stem if isinstance(source, (str, Path)) else "run"
    name = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
    for n in range(1, 1_000_000):
        folder = RUNS / f"{name}-{n}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise DataError(t("Cannot write {path}: {error}.", path=folder, error=error.strerror)) from None
        return folder
    raise DataError(t("There are too many runs in {folder}.", folder=RUNS))


def load(path: str | Path, threads: int = 0) -> Model:
    """Return a trained model; safe with a stranger's file. path: the file, or its run's folder."""
    path = Path(path)
    path = path / flow.MODEL if path.is_dir() else path
    return Model(models.load(path, threads), path)


def systems() -> dict[str, str]:
    """Return the systems there are, each with its idea in one line."""
    return registry.titles()


def check_system(name: str) -> list[Any]:
    """Run every contract check on a system, built in or third-party; see `app.checks`."""
    from aprende.app.checks import check_system as run_checks

    return run_checks(name)
