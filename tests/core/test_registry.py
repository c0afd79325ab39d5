"""Systems are found by file name and by entry point."""

import subprocess
import sys

import pytest

from aprende.core import registry
from aprende.core.contract import System, Table
from aprende.core.errors import ContractError, DataError, SettingError
from aprende.core.fields import Number


def test_the_example_is_found_through_its_entry_point() -> None:
    assert "dots" in registry.names()
    assert isinstance(registry.load("dots"), System)
    assert registry.load("dots").name == "dots"


def test_every_system_bears_the_name_of_its_file() -> None:
    assert {name: registry.load(name).name for name in registry.names()} == {name: name for name in registry.names()}


def test_an_unknown_system_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(SettingError, match="Did you mean 'dots'"):
        registry.load("dotz")


def test_something_that_is_no_system_is_a_contract_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        value = "nothing:SYSTEM"

        def load(self) -> object:
            return object()

    monkeypatch.setattr(registry, "_plugins", lambda: {"nothing": Entry()})
    with pytest.raises(ContractError, match="nothing: SYSTEM must be an instance"):
        registry.load("nothing")


def test_a_broken_package_of_somebody_else_is_told_and_ends_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        value = "broken:SYSTEM"

        def load(self) -> object:
            raise ModuleNotFoundError("No module named 'gone'")

    known = registry._plugins()
    monkeypatch.setattr(registry, "_plugins", lambda: {"a_broken_one": Entry(), **known})
    with pytest.raises(ContractError, match="a_broken_one cannot be loaded from broken:SYSTEM: No module named 'gone'"):
        registry.load("a_broken_one")
    example = known["dots"].load().example()
    assert not registry.choose(example).accepts(example)


def test_titles_are_read_without_importing_the_systems() -> None:
    code = (
        "import sys; from aprende.core import registry; assert set(registry.titles()) == set(registry.names());"
        "bad = [m for m in sys.modules if m.startswith(('aprende.systems.', 'aprende_example', 'torch', 'polars'))];"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_choosing_takes_the_first_that_accepts_and_tells_what_each_misses() -> None:
    example = registry.load("dots").example()
    assert not registry.choose(example).accepts(example)
    nothing = Table({"only": [1.0]}, {"only": Number()}, source="only.csv")
    with pytest.raises(DataError, match=r"(?s)No system can learn from only\.csv.*dots: dots needs the columns"):
        registry.choose(nothing)


def test_a_system_that_a_source_is_made_for_comes_before_the_first_that_accepts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dots = registry.load("dots")

    class Eager:
        """Accepts all, and prefers what it is told to."""

        def __init__(self, prefers: bool, accepts: str = "") -> None:
            self.prefers = lambda source: prefers
            self.accepts = lambda source: accepts

    held = {"a": Eager(False), "b": Eager(True), "c": Eager(True, "no"), "dots": dots}
    monkeypatch.setattr(registry, "names", lambda: list(held))
    monkeypatch.setattr(registry, "load", held.__getitem__)
    source = Table({"only": [1.0]}, {"only": Number()}, source="only.csv")
    assert registry.choose(source) is held["b"]
    del held["b"]
    assert registry.choose(source) is held["a"]
    del held["a"]
    with pytest.raises(DataError, match="c: no"):
        registry.choose(source)
