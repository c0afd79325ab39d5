"""Find systems: the files of `systems/`, and packages that register an entry point `aprende.systems`.

Names and titles are read without importing; a system is imported only when it is asked for.
"""

import ast
import importlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from aprende.core.errors import ContractError, DataError, SettingError, unknown
from aprende.core.words import t

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from aprende.core.contract import Source, System

FOLDER = Path(__file__).parent.parent / "systems"
GROUP = "aprende.systems"


def _files() -> dict[str, Path]:
    return {p.stem: p for p in sorted(FOLDER.glob("*.py")) if not p.stem.startswith("_")}


@cache
def _plugins() -> "dict[str, EntryPoint]":
    from importlib.metadata import entry_points

    return {e.name: e for e in entry_points(group=GROUP)}


def names() -> list[str]:
    """Return every system's name, ours first."""
    return [*_files(), *(n for n in sorted(_plugins()) if n not in _files())]


def titles() -> dict[str, str]:
    """Return each system's one-line description: its file's first docstring line, read without importing it."""
    own = {
        n: (ast.get_docstring(ast.parse(p.read_text(encoding="utf-8"))) or "").split("\n")[0]
        for n, p in _files().items()
    }
    return own | {n: f"{e.value}" for n, e in _plugins().items() if n not in own}


def load(name: str) -> "System":
    """Return the system of this name; raise SettingError with the nearest one when there is none."""
    from aprende.core.contract import System  # here: names and titles are wanted at once, and this brings NumPy

    if name in _files():
        system = importlib.import_module(f"aprende.systems.{name}").SYSTEM
    elif name in _plugins():
        system = _plugin(name)
    else:
        raise SettingError(unknown(t("system"), name, names()))
    if not isinstance(system, System):
        raise ContractError(t("{name}: SYSTEM must be an instance of aprende.core.contract.System.", name=name))
    return system


def _plugin(name: str) -> object:
    try:
        return _plugins()[name].load()
    except (ImportError, AttributeError) as error:
        said = t("{name} cannot be loaded from {place}: {error}.", name=name, place=_plugins()[name].value, error=error)
        raise ContractError(said) from error


def choose(source: "Source") -> "System":
    """Return the system that the source is made for, else the first that accepts it; raise DataError with what each
    one misses."""
    from aprende.core.contract import Choosy

    missing: dict[str, str] = {}
    accepting = None
    for name in names():
        try:
            system = load(name)
        except ContractError as error:  # a package of somebody else's is broken: that must not end the choice
            missing[name] = str(error)
            continue
        prefers = isinstance(system, Choosy) and system.prefers(source)
        if accepting is None or prefers:
            missing[name] = system.accepts(source)
            if not missing[name] and prefers:
                return system
            accepting = accepting or (None if missing[name] else system)
    if accepting is not None:
        return accepting
    reasons = "\n".join(f"  {name}: {why}" for name, why in missing.items())
    raise DataError(t("No system can learn from {source}:\n{reasons}", source=source.source, reasons=reasons))
