"""The command line: aprende train | test | predict | explain | look | serve | export | systems | checks | demo.

Options of `train` come from the settings' dataclasses. Imports nothing heavy before a command is chosen.
"""

import argparse
import dataclasses
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aprende.core import words
from aprende.core.errors import AprendeError
from aprende.core.words import t

if TYPE_CHECKING:
    from rich.console import Console

    from aprende.app.checks import Result


def main(argv: list[str] | None = None) -> int:
    """Run a command; return the exit code: 0 done, 1 stopped or checks failed, 2 wrong use or data."""
    argv = sys.argv[1:] if argv is None else argv
    if "--lang" in argv[:-1]:
        words.use(argv[argv.index("--lang") + 1])
    arguments = parser().parse_args(argv)
    try:
        return int(COMMANDS[arguments.command](arguments) or 0)
    except AprendeError as error:
        print(t("error: {text}", text=error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line, in the user's language."""
    from aprende import __version__

    setattr(argparse, "_", t)  # noqa: B010  argparse's own words go through our catalogues
    top = argparse.ArgumentParser(
        prog="aprende",
        description=t("From data to a trained model that you can trust, open and use."),
        epilog=t("Begin with: aprende train houses.csv --target price"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"aprende {__version__}")
    top.add_argument("--lang", metavar="en|es", help=t("language of all messages"))
    commands = top.add_subparsers(dest="command", required=True, metavar=t("COMMAND"))
    for name, (help_text, arguments) in _commands().items():
        sub = commands.add_parser(name, help=help_text, description=help_text)
        arguments(sub)
        sub.add_argument("--lang", metavar="en|es", default=argparse.SUPPRESS, help=t("language of all messages"))
    return top


def _commands() -> dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]]:
    return {
        "train": (t("learn a model from a file or a folder"), _train_arguments),
        "test": (t("score a model on other data"), _model_and_source),
        "predict": (t("answer for a table, a picture or a folder"), _predict_arguments),
        "explain": (t("show why the model answers so"), _explain_arguments),
        "look": (t("show what the layers of a network of pictures have learnt"), _look_arguments),
        "serve": (t("open a page and a REST service for a model"), _serve_arguments),
        "export": (t("write the network as an ONNX file"), _export_arguments),
        "systems": (t("list what can be learnt, and each system's settings"), _name_argument),
        "checks": (t("run the contract checks on a system"), _name_argument),
        "demo": (t("value houses from real sales, in about two minutes"), _demo_arguments),
    }


def _train_arguments(p: argparse.ArgumentParser) -> None:
    from aprende.core.settings import Settings

    p.add_argument(
        "source", nargs="?", metavar=t("SOURCE"), help=t("a table (csv, xlsx, parquet, jsonl) or a folder of pictures")
    )
    p.add_argument("--test", metavar=t("FILE"), help=t("other data for the test alone"))
    p.add_argument("--system", default="", help=t("which system learns (default: chosen by the data)"))
    p.add_argument("--out", metavar=t("FOLDER"), help=t("where the run goes (default: runs/NAME-N)"))
    p.add_argument("--resume", metavar=t("FOLDER"), help=t("go on with a stopped run"))
    p.add_argument("--tensorboard", action="store_true", help=t("write the figures for TensorBoard too"))
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=t("any other setting; see `aprende systems NAME`"),
    )
    for f in dataclasses.fields(Settings):
        p.add_argument(
            f"--{f.name.replace('_', '-')}", dest=f"set_{f.name}", metavar=t("VALUE"), help=t(f.metadata["help"])
        )


def _model_and_source(p: argparse.ArgumentParser) -> None:
    p.add_argument("model", metavar=t("MODEL"), help=t("a model.aprende file, or its run's folder"))
    p.add_argument("source", metavar=t("SOURCE"), help=t("a table, a picture or a folder of pictures"))


def _predict_arguments(p: argparse.ArgumentParser) -> None:
    _model_and_source(p)
    p.add_argument(
        "--out",
        metavar=t("FILE"),
        help=t("write the predictions here: a table (csv, xlsx, parquet, jsonl), or a folder of files and drawings"),
    )


def _explain_arguments(p: argparse.ArgumentParser) -> None:
    _model_and_source(p)
    p.add_argument("--row", type=int, default=1, metavar="N", help=t("which row to explain (default: the first)"))
    p.add_argument("--output", help=t("which output, or which class, to explain"))
    p.add_argument(
        "--method",
        default="auto",
        metavar=t("METHOD"),
        help=t("of pictures: auto, own, cam, occlusion, integrated_gradients, or all to compare them"),
    )
    p.add_argument("--out", metavar=t("FILE"), help=t("write the picture with its heat map here (png)"))


def _look_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("model", metavar=t("MODEL"), help=t("a model.aprende file, or its run's folder"))
    p.add_argument(
        "source", nargs="?", metavar=t("SOURCE"), help=t("pictures to look with (default: those it was tested on)")
    )
    p.add_argument("--out", metavar=t("FOLDER"), help=t("where the page goes (default: look, beside the model)"))


def _serve_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("model", metavar=t("MODEL"), help=t("a model.aprende file, or its run's folder"))
    p.add_argument("--host", default="127.0.0.1", help=t("address to listen on (default: this computer only)"))
    p.add_argument("--port", type=int, default=8000, help=t("port to listen on (default: 8000)"))
    p.add_argument("--workers", type=int, default=1, help=t("processes that answer (default: 1)"))
    p.add_argument("--token", default="", help=t("what every request must carry (default: nothing)"))


def _export_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("model", metavar=t("MODEL"), help=t("a model.aprende file, or its run's folder"))
    p.add_argument("--to", choices=["onnx"], default="onnx", help=t("format (default: onnx)"))
    p.add_argument("--out", metavar=t("FILE"), help=t("where to write it"))


def _name_argument(p: argparse.ArgumentParser) -> None:
    p.add_argument("name", nargs="?", metavar=t("SYSTEM"), help=t("one system's name"))


def _demo_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("--minutes", type=float, default=1.0, metavar=t("VALUE"), help=t("minutes of training"))


def _console() -> "Console":
    from rich.console import Console

    return Console(soft_wrap=False, highlight=False)


def _train(a: argparse.Namespace) -> int:
    from aprende.app import api, screen
    from aprende.core.flow import Stopped
    from aprende.core.settings import parse

    console = _console()
    asked = {n.removeprefix("set_"): v for n, v in vars(a).items() if n.startswith("set_")}
    given: dict[str, Any] = {n: v for n, v in asked.items() if v is not None}
    try:
        run = api.train(
            a.source,
            system=a.system,
            test=a.test,
            out=a.out,
            resume=a.resume,
            tensorboard=a.tensorboard,
            watcher=screen.Screen(console),
            **(given | parse(a.set)),
        )
    except Stopped as stopped:
        console.print(str(stopped))
        return 1
    console.print()
    screen.show_scores(console, run.scores)
    console.print()
    console.print(t("model:  {path}", path=run.model.path), soft_wrap=True)
    console.print(t("report: {path}", path=run.report), soft_wrap=True)
    return 0


def _test(a: argparse.Namespace) -> int:
    from aprende.app import api, screen

    console = _console()
    found = api.load(a.model).test(a.source)
    screen.show_scores(console, found)
    drifted = {name: psi for name, psi in found["drift"].items() if psi >= 0.1}
    for name, psi in list(drifted.items())[:10]:
        size = t("changed much") if psi >= 0.25 else t("changed a little")
        console.print(
            t("{column}: {size} since training (stability index {psi})", column=name, size=size, psi=f"{psi:.2f}")
        )
    if found["drift"] and not drifted:
        console.print(t("The data look like those of training."))
    return 0


def _predict(a: argparse.Namespace) -> int:
    from aprende.app import api
    from aprende.app.answers import print_answers, write_answers, write_folder

    model = api.load(a.model, threads=1)
    table, columns = model.read(a.source)
    outputs = model.core.predict(columns)
    if a.out and not Path(a.out).suffix:
        write_folder(table, columns, outputs, model.core.inputs, model.core.outputs, Path(a.out))
        print(t("{n} answers written to {path}", n=table.rows, path=a.out))
    elif a.out:
        write_answers(a.source, table, outputs, model.core.outputs, Path(a.out))
        print(t("{n} rows written to {path}", n=table.rows, path=a.out))
    else:
        print_answers(table, outputs, model.core.outputs, sys.stdout)
    cautions = [t(model.core.system.card.caution)] if model.core.system.card.caution else []
    for said in [*cautions, *(note.text for note in table.notes if note.level != "info")]:
        print(f"! {said}", file=sys.stderr)
    return 0


def _explain(a: argparse.Namespace) -> int:
    from aprende.app import api, screen
    from aprende.app.answers import write_heat
    from aprende.core.errors import SettingError
    from aprende.core.fields import rows_of, take
    from aprende.insight.explain import compare, explain

    model = api.load(a.model)
    _, columns = model.read(a.source)
    if not 1 <= a.row <= rows_of(columns):
        raise SettingError(t("There is no row {row}; the data hold {n}.", row=a.row, n=rows_of(columns)))
    row, console = take(columns, slice(a.row - 1, a.row)), _console()
    if a.method == "all":
        compared = compare(model.core, row, a.output)
        screen.show_methods(console, compared)
        found = compared[0]
    else:
        found = explain(model.core, row, a.output, method=a.method)[0]
    screen.show_explanation(console, found)
    if a.out:
        write_heat(row, found, Path(a.out))
        console.print(t("picture: {path}", path=a.out))
    return 0


def _look(a: argparse.Namespace) -> int:
    from rich.text import Text

    from aprende.app import api

    console = _console()
    page = api.load(a.model).look(a.source, a.out, lambda said: console.print(Text(f"· {said}", style="dim")))
    console.print(t("page: {path}", path=page), soft_wrap=True)
    return 0


def _serve(a: argparse.Namespace) -> int:
    from aprende.app import api

    api.load(a.model).serve(a.host, a.port, a.workers, a.token)
    return 0


def _export(a: argparse.Namespace) -> int:
    from aprende.app import api

    model = api.load(a.model)
    path = model.export(a.out or model.path.with_suffix(".onnx"))
    print(
        t(
            "written: {path} (and {about}, which says what goes in and out)",
            path=path,
            about=path.with_suffix(".json").name,
        )
    )
    return 0


def _systems(a: argparse.Namespace) -> int:
    from aprende.core import registry

    if not a.name:
        for name, title in registry.titles().items():
            print(f"{name:12s} {t(title)}")
        return 0
    system = registry.load(a.name)
    print(f"{a.name}: {t(system.card.title)}\n{t(system.card.idea)}\n{system.card.paper}\n")
    print(f"{t('Settings')} (--set NAME=VALUE):")
    for f in dataclasses.fields(system.Settings):
        choices = f.metadata.get("choices", ())
        print(
            f"  {f.name} = {f.default!r}\n      {t(f.metadata['help'])}"
            + (f" [{', '.join(map(str, choices))}]" if choices else "")
        )
    return 0


def _checks(a: argparse.Namespace) -> int:
    from aprende.app.checks import check_system
    from aprende.core import registry

    def show(name: str, result: "Result") -> None:
        said = f"{name}: {result.name}" + (f": {result.why}" if result.why else "")
        print("ok  " if result.ok else "FAIL", said, flush=True)

    names = [a.name] if a.name else registry.names()
    results = [r for name in names for r in check_system(name, partial(show, name))]
    return 0 if all(r.ok for r in results) else 1


def _demo(a: argparse.Namespace) -> int:
    from aprende.app.demo import demo

    demo(_console(), a.minutes)
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], Any]] = {
    "train": _train,
    "test": _test,
    "predict": _predict,
    "explain": _explain,
    "look": _look,
    "serve": _serve,
    "export": _export,
    "systems": _systems,
    "checks": _checks,
    "demo": _demo,
}

if __name__ == "__main__":
    sys.exit(main())
