"""What a user reads, in the user's language. English text is the key; `locale/<language>/*.json` translates it.

Knows no message: each room writes its own with `t("…")`. A test reads every `t` literal from the sources and
requires a translation with the same placeholders.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LOCALE = Path(__file__).parent.parent / "locale"
_chosen: ContextVar[str] = ContextVar("language", default="")


@cache
def languages() -> list[str]:
    """Return the languages there are, English first."""
    return ["en", *sorted(p.name for p in LOCALE.iterdir() if p.is_dir())]


def language() -> str:
    """Return the language in force: `use`, else APRENDE_LANG, else the environment's locale, else English."""
    asked = _chosen.get() or _environment()
    return asked if asked in languages() else "en"


@cache
def _environment() -> str:
    for name in ("APRENDE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return value[:2].lower()
    return "en"


def use(code: str) -> None:
    """Speak this language from here on (in this context)."""
    _chosen.set(code)


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Speak this language within the block."""
    token = _chosen.set(code)
    try:
        yield
    finally:
        _chosen.reset(token)


@cache
def catalogue(code: str) -> dict[str, str]:
    """Return every translation into this language: one dict from all the rooms' files."""
    found: dict[str, str] = {}
    for file in sorted((LOCALE / code).glob("*.json")):
        found.update(json.loads(file.read_text(encoding="utf-8")))
    return found


def t(text: str, /, **values: object) -> str:
    """Return the text in the user's language, with its `{placeholders}` filled in."""
    code = language()
    said = text if code == "en" else catalogue(code).get(text, text)
    return said.format(**values) if values else said


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence lists them: "a", "a and b", "a, b and c"."""
    *first, last = names
    return t("{first} and {last}", first=", ".join(first), last=last) if first else last
