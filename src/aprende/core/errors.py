"""Errors meant for people: what came, what was expected, how to fix it.

AprendeError            base of all that a user can cause or meet
├── SettingError        a setting, option or name is unknown or has a wrong value
├── DataError           a file, table or folder cannot be used for what was asked
├── InputError          a value given to a model breaks its field
├── ModelError          a model file cannot be read, or must not be trusted
├── MissingExtra        a part of aprende that is not installed is needed
├── TrainingError       training went wrong (loss not finite, nothing learnt in the time given)
└── ContractError       a system breaks the contract (for authors of systems)
"""

import difflib
from collections.abc import Iterable

from aprende.core.words import t


class AprendeError(Exception):
    """Base of all errors that a user can cause or meet."""


class SettingError(AprendeError):
    """A setting, option or name is unknown or has a wrong value."""


class DataError(AprendeError):
    """A file, table or folder cannot be used for what was asked."""


class InputError(AprendeError):
    """A value given to a model breaks its field."""


class ModelError(AprendeError):
    """A model file cannot be read, or must not be trusted."""


class MissingExtra(AprendeError):
    """A part of aprende that is not installed is needed."""


class TrainingError(AprendeError):
    """Training went wrong."""


class ContractError(AprendeError):
    """A system breaks the contract."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like this one, or None when none is near."""
    folded = {k.casefold(): k for k in known}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.55)
    return folded[close[0]] if close else None


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Message for an unknown name: what came, the nearest that there is, and all that there are."""
    names = sorted(known)
    close = nearest(name, names)
    hint = " " + t("Did you mean {name!r}?", name=close) if close else ""
    said = t("Unknown {kind} {name!r}.", kind=kind, name=name)
    return said + hint + " " + t("Known: {names}.", names=", ".join(names))
