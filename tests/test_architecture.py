"""The rules of the house that a machine can hold: directions, cycles, sizes, lazy imports, languages."""

import ast
import json
import resource
import string
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from sources import ROOMS, ROOT, SRC, at_import, calls, imports, modules, room, text, tree

MAY_IMPORT = {
    "core": set(),
    "intake": {"core"},
    "networks": {"core"},
    "methods": {"core", "networks"},
    "systems": {"core", "intake", "networks", "methods"},
    "insight": {"core", "networks"},
    "app": {"core", "intake", "insight"},
}
HEAVY = ("torch", "polars", "onnxruntime", "onnx", "sklearn", "skimage", "lightgbm", "catboost", "pandas", "timm")
LANGUAGES = sorted(p.name for p in (SRC / "locale").iterdir() if p.is_dir())


# ---- imports ---------------------------------------------------------------------------------------------------------


def test_every_room_has_its_rule() -> None:
    assert set(ROOMS) == set(MAY_IMPORT)


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_imports_go_one_way(name: str) -> None:
    allowed = MAY_IMPORT[name] | {name, ""}
    wrong = [f"{m} imports {other}" for m in modules() if room(m) == name for other in imports(m)
             if room(other) not in allowed]  # fmt: skip
    assert not wrong


def test_there_is_no_cycle() -> None:
    graph = {m: {other for other in imports(m, everywhere=False) if other != m} for m in modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def systems() -> dict[str, Path]:
    return {p.stem: p for p in sorted((SRC / "systems").glob("*.py")) if not p.stem.startswith("_")}


def test_nobody_names_a_system() -> None:
    """Neither by import nor as a word in the code; the registry alone knows them, by file."""
    found = []
    for module, path in modules().items():
        if path in systems().values():
            others = set(systems()) - {path.stem}
        else:
            others = set(systems())
        found += [f"{module} imports {m}" for m in imports(module) if m in {f"aprende.systems.{o}" for o in others}]
        if room(module) not in ("systems", "intake", "networks"):
            found += [f"{module}: {text(n)!r}" for n in ast.walk(tree(path)) if text(n) in others]
    assert not found


@pytest.mark.parametrize("name", [r for r in MAY_IMPORT if r != "networks"])
def test_importing_a_room_loads_nothing_heavy(name: str) -> None:
    mine = [m for m in modules() if room(m) == name]
    code = (f"import importlib, sys; [importlib.import_module(m) for m in {mine}];"
            f"print([m for m in {HEAVY} if m in sys.modules])")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_networks_are_imported_within_functions_only() -> None:
    eager = [f"{m} imports {o}" for m in modules() if room(m) != "networks" for o in imports(m, everywhere=False)
             if room(o) == "networks"]  # fmt: skip
    assert not eager


# ---- the command line is quick ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["systems"]], ids=" ".join)
def test_the_command_line_starts_at_once(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "aprende", *arguments]
    assert min(_seconds(command) for _ in range(5)) <= 0.3


def _seconds(command: list[str]) -> float:
    """Seconds of processor time: the same on a busy machine; on an idle one no less than the time that passes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("arguments", [["--help"], ["systems"]], ids=" ".join)
def test_the_command_line_loads_neither_torch_nor_polars(arguments: list[str]) -> None:
    code = ("import sys\nfrom aprende.app.cli import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
            f"print([m for m in {HEAVY} if m in sys.modules])")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# ---- files -----------------------------------------------------------------------------------------------------------


def test_files_are_short() -> None:
    long = {m: n for m, p in modules().items() if (n := len(p.read_text(encoding="utf-8").splitlines())) >= 400}
    assert not long


def test_no_module_has_effects_when_imported() -> None:
    """Nothing is called for its effect at module level, but in `__main__` blocks."""
    found = [
        f"{m}:{node.lineno} {ast.unparse(node)[:60]}"
        for m, path in modules().items()
        for node in tree(path).body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and not m.endswith("__main__")
    ]
    assert not found


def test_nothing_is_unpickled_and_nothing_is_caught_blindly() -> None:
    found = []
    for module, path in modules().items():
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(tree(path)):
            said = ast.unparse(node) if isinstance(node, (ast.Call, ast.ExceptHandler)) else ""
            unsafe = said.startswith(("pickle.load", "joblib.load", "eval(", "exec(", "np.load(")) and (
                "allow_pickle=False" not in said)  # fmt: skip
            unsafe |= said.startswith("torch.load(") and "weights_only=True" not in said
            bare = isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "Exception")
            if unsafe or (bare and "noqa: BLE001" not in lines[node.lineno - 1]):
                found.append(f"{module}:{node.lineno} {lines[node.lineno - 1].strip()}")
    assert not found


def test_no_assert_stands_for_a_check_of_input() -> None:
    found = [f"{m}:{n.lineno}" for m, p in modules().items() for n in ast.walk(tree(p)) if isinstance(n, ast.Assert)]
    assert not found


# ---- languages -------------------------------------------------------------------------------------------------------


@cache
def said() -> dict[str, str]:
    """Return every English text that people read and that the sources hold as a literal → where."""
    found: dict[str, str] = {}
    for module, path in modules().items():
        for words, line in _texts(path):
            found.setdefault(words, f"{module}:{line}")
    return {words: where for words, where in found.items() if words.strip()}


def _texts(path: Path) -> Iterator[tuple[str, int]]:
    for call in calls(path, "t"):
        if call.args and (words := text(call.args[0])) is not None:
            yield words, call.lineno
    for call in calls(path, "setting"):
        given = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "help")]
        yield from ((words, call.lineno) for node in given if (words := text(node)) is not None)
    for call in calls(path, "Card"):
        given = [*call.args[:2], *(k.value for k in call.keywords if k.arg in ("title", "idea", "caution"))]
        yield from ((words, call.lineno) for node in given if (words := text(node)) is not None)
    if path in systems().values():
        yield (ast.get_docstring(tree(path)) or "").split("\n")[0], 1  # shown by `aprende systems`
        yield from _baselines(path)


def _baselines(path: Path) -> Iterator[tuple[str, int]]:
    """The names of baselines: keys of the dictionaries in `baselines`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef) and node.name == "baselines":
            for made in ast.walk(node):
                if isinstance(made, ast.Dict):
                    yield from ((w, node.lineno) for key in made.keys if (w := text(key)) is not None)


def catalogue(language: str) -> dict[str, str]:
    merged: dict[str, str] = {}
    for file in sorted((SRC / "locale" / language).glob("*.json")):
        for words, translated in json.loads(file.read_text(encoding="utf-8")).items():
            assert merged.setdefault(words, translated) == translated, f"{words!r} is translated in two ways"
    return merged


def placeholders(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name is not None}


def test_t_takes_literals_of_which_no_part_is_computed() -> None:
    found = [f"{m}:{c.lineno}" for m, p in modules().items() for c in calls(p, "t")
             if c.args and isinstance(c.args[0], (ast.JoinedStr, ast.BinOp))]  # fmt: skip
    assert not found


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_said_is_translated(language: str) -> None:
    there = catalogue(language)
    missing = [f"{where}: {words!r}" for words, where in said().items() if words not in there]
    assert not missing, "\n" + "\n".join(missing)


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_the_placeholders(language: str) -> None:
    wrong = [words for words, other in catalogue(language).items()
             if "%(" not in words and placeholders(words) != placeholders(other)]  # fmt: skip
    assert not wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_stale(language: str) -> None:
    """Every key is a literal of our sources (names of metrics and baselines too), of a page, or of argparse."""
    import argparse

    held = {text(n) for p in [*modules().values(), Path(argparse.__file__)] for n in ast.walk(tree(p))}
    pages = "".join(p.read_text(encoding="utf-8") for p in (SRC / "app" / "assets").glob("*.[hj]*"))
    stale = [words for words in catalogue(language) if words not in {*held, *said()} and words not in pages]
    assert not stale, "\n" + "\n".join(stale)


@pytest.mark.parametrize("module", [m for m in modules() if room(m) == "app"])
def test_what_is_printed_can_be_translated(module: str) -> None:
    """No English sentence goes to the screen past `t`."""
    found = []
    for node in ast.walk(tree(modules()[module])):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "console.print"):
            literal = [w for a in node.args if (w := text(a)) is not None and len(w.split()) > 2]
            found += [f"{module}:{node.lineno} {w}" for w in literal]
    assert not found


def test_there_is_a_typed_marker_and_one_version() -> None:
    assert (SRC / "py.typed").exists()
    version = next(text(n.value) for n in at_import(tree(SRC / "__init__.py"))
                   if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__version__")  # fmt: skip
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
