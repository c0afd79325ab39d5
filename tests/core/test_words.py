"""What a user reads, in the user's language."""

import contextlib
import subprocess
import sys
import threading

import pytest

from aprende.core import words
from aprende.core.errors import nearest, unknown
from aprende.core.words import listed, speaking, t


def test_english_is_the_key_and_the_answer() -> None:
    with speaking("en"):
        assert t("The column to predict.") == "The column to predict."
        assert t("{path} is damaged: {error}.", path="m", error="x") == "m is damaged: x."


def test_spanish_comes_from_the_catalogues() -> None:
    with speaking("es"):
        assert t("The column to predict.") == "La columna que se predice."
        assert t("Did you mean {name!r}?", name="precio") == "¿Quería decir 'precio'?"
        assert t("never written anywhere {n}", n=1) == "never written anywhere 1"


def test_names_are_listed_as_in_a_sentence() -> None:
    assert [listed(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
    with speaking("es"):
        assert listed(["precio", "zona"]) == "precio y zona"


def test_braces_in_values_are_left_alone() -> None:
    assert t("Known: {names}.", names="{x} {0} {") == "Known: {x} {0} {."


def test_a_text_without_values_may_hold_braces() -> None:
    assert t("{'a': 1}") == "{'a': 1}"


def test_an_unknown_language_falls_back_to_english() -> None:
    with speaking("xx"):
        assert words.language() == "en"
        assert t("The column to predict.") == "The column to predict."


def test_the_language_ends_with_its_block_even_when_that_fails() -> None:
    before = words.language()
    with contextlib.suppress(ZeroDivisionError), speaking("es"):
        assert words.language() == "es"
        raise ZeroDivisionError
    assert words.language() == before


def test_each_thread_speaks_its_own_language() -> None:
    heard: list[str] = []

    def speak() -> None:
        words.use("es")
        heard.append(words.language())

    thread = threading.Thread(target=speak)
    thread.start()
    thread.join()
    assert heard == ["es"]
    assert words.language() == "en"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"APRENDE_LANG": "es"}, "es"),
        ({"APRENDE_LANG": "en", "LANG": "es_MX.UTF-8"}, "en"),
        ({"LANG": "es_MX.UTF-8"}, "es"),
        ({"LC_ALL": "es_ES", "LANG": "en_US"}, "es"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_the_language_comes_from_the_environment(environment: dict[str, str], language: str) -> None:
    code = "from aprende.core.words import language; print(language())"
    path = {"PYTHONPATH": ":".join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment | path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == language


def test_languages_are_the_folders_there_are() -> None:
    assert words.languages() == ["en", "es"]


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("prcio", ["precio", "barrio"], "precio"),
        ("PRECIO", ["precio"], "precio"),
        ("zzz", ["precio"], None),
        ("a", [], None),
        ("Barrío", ["Barrio"], "Barrio"),
    ],
)
def test_the_nearest_name(name: str, known: list[str], found: str | None) -> None:
    assert nearest(name, known) == found


def test_an_unknown_name_is_told_with_what_there_is() -> None:
    assert unknown("column", "prcio", ["zona", "precio"]) == (
        "Unknown column 'prcio'. Did you mean 'precio'? Known: precio, zona."
    )
