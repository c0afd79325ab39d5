"""What the documents say is so: commands, options, names, links; every public thing says what it does."""

import argparse
import ast
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import aprende
from aprende.app import cli
from aprende.core import registry
from sources import ROOT, SRC, modules, tree

READMES = sorted(ROOT.glob("README*.md"))
every_readme = pytest.mark.parametrize("readme", READMES, ids=lambda p: p.name)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(readme: Path) -> list[tuple[str, str]]:
    """Return (language, text) of each fenced block."""
    return FENCE.findall(readme.read_text(encoding="utf-8"))


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command."""
    (chosen,) = (a for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(chosen.choices)


def shown(readme: Path) -> Iterator[list[str]]:
    """Yield every `aprende …` command line of a document, in words."""
    text = readme.read_text(encoding="utf-8")
    lines = [line for _, block in blocks(readme) for line in block.splitlines()]
    for line in [*lines, *re.findall(r"`(aprende [^`\n]+)`", text)]:
        line = line.strip().removeprefix("$ ")
        if line.startswith("aprende "):
            yield shlex.split(line.split("  #")[0].split(" # ")[0])[1:]


# ---- README ----------------------------------------------------------------------------------------------------------


def test_there_is_a_readme_in_each_language() -> None:
    assert [p.name for p in READMES] == ["README.es.md", "README.md"]


@every_readme
def test_the_commands_and_options_shown_exist(readme: Path) -> None:
    known, found = commands(), list(shown(readme))
    assert found
    for words in found:
        if words[0].startswith("-"):
            continue
        assert words[0] in known, words
        options = {o for a in known[words[0]]._actions for o in a.option_strings}
        used = {w.split("=")[0] for w in words if w.startswith("--") and len(w) > 2}
        assert used <= options, f"{words}: {used - options}"


@every_readme
def test_the_first_screen_shows_how_to_begin(readme: Path) -> None:
    top = "\n".join(readme.read_text(encoding="utf-8").splitlines()[:40])
    assert "aprende train" in top
    assert "make demo" in top


@every_readme
def test_python_shown_is_python_and_its_names_exist(readme: Path) -> None:
    for language, block in blocks(readme):
        if language in ("python", "py"):
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "aprende":
                    assert node.attr in aprende.__all__, node.attr


@every_readme
def test_make_targets_shown_exist(readme: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    used = set(re.findall(r"\bmake ([a-z-]+)", readme.read_text(encoding="utf-8")))
    assert used <= targets | {"sure"}, used - targets


@every_readme
def test_links_lead_somewhere(readme: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", readme.read_text(encoding="utf-8")):
        assert target.startswith(("http://", "https://")) or (ROOT / target).exists(), target


def test_both_readmes_show_the_same_commands() -> None:
    """Languages differ in words (houses.csv, casas.csv), not in what can be done."""
    verbs = [{words[0] for words in shown(readme)} for readme in READMES]
    assert verbs[0] == verbs[1]


def test_extras_named_in_messages_and_documents_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = [p.read_text(encoding="utf-8") for p in [*READMES, *modules().values()]]
    named = {
        e.strip() for text in texts for found in re.findall(r"aprende\[([\w, ]+)\]", text) for e in found.split(",")
    }
    assert named <= set(project["optional-dependencies"])


@pytest.mark.parametrize("name", ["CHANGELOG.md", "LOG.md", "LICENSE", "Makefile", "constraints.txt", ".ci/run"])
def test_the_house_has_its_papers(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8").strip()


def test_the_changelog_tells_of_this_version() -> None:
    assert aprende.__version__ in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


# ---- the sources say what they do ------------------------------------------------------------------------------------


def undocumented(path: Path) -> Iterator[str]:
    """Yield the public modules, classes and functions without a docstring.

    Methods of a class with bases may fulfil a promise that the base documents.
    """
    found = tree(path)
    if not ast.get_docstring(found):
        yield "the module"
    for node in found.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            if "check" in map(ast.unparse, node.decorator_list):
                continue  # a contract check: its name is a sentence, and is shown
            if not ast.get_docstring(node):
                yield node.name
            if isinstance(node, ast.ClassDef) and not node.bases:
                yield from (f"{node.name}.{name}" for name in _methods(node))


def _methods(node: ast.ClassDef) -> Iterator[str]:
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_") and not ast.get_docstring(method):
            if any(ast.unparse(d) in ("property", "cached_property", "overload") for d in method.decorator_list):
                continue
            if method.name not in PROMISED:
                yield method.name


PROMISED = {n.name for c in ast.walk(tree(SRC / "core" / "contract.py")) if isinstance(c, ast.ClassDef)
            for n in c.body if isinstance(n, ast.FunctionDef)}  # fmt: skip


@pytest.mark.parametrize("module", modules())
def test_everything_public_says_what_it_does(module: str) -> None:
    assert not list(undocumented(modules()[module]))


@pytest.mark.parametrize("name", registry.names())
def test_every_system_has_a_card_and_a_paper(name: str) -> None:
    card = registry.load(name).card
    assert card.title
    assert card.idea.endswith(".")
    assert card.family in ("supervised", "unsupervised", "semi-supervised", "reinforcement", "generative")
    assert card.paper


def test_no_machine_is_named() -> None:
    """No path or name of the computers on which this was written."""
    parts = (("", "work", ""), ("", "opt", "w", ""), ("", "root", ""), (".", "pyenv", ""))
    private = ["/".join(p) if p[0] != "." else "".join(p[:2]) for p in parts]
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout here")
    found = []
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        content = path.read_bytes() if path.is_file() else b""
        found += [f"{name}: {word}" for word in private if word.encode() in content]
    assert not found
