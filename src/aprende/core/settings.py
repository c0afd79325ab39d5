"""Settings: one flat frozen dataclass a system, plain JSON, each member with a line of help.

CLI options (`--minutes`, `--set name=value`), Python keywords and the report derive from the dataclass.
"""

import dataclasses
import math
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from aprende.core.errors import SettingError, unknown
from aprende.core.words import t

S = TypeVar("S", bound="Settings")
WORDS = {"1": True, "true": True, "yes": True, "sí": True, "si": True, "0": False, "false": False, "no": False}


def setting(
    default: Any, help: str, choices: tuple[Any, ...] = (), low: float | None = None, high: float | None = None
) -> Any:
    """Return a dataclass field with its help (English; translated through the catalogues), its choices and limits."""
    return dataclasses.field(default=default, metadata={"help": help, "choices": choices, "low": low, "high": high})


@dataclass(frozen=True)
class Settings:
    """What every system has. `minutes` is the dial: all else has defaults derived from it and from the data."""

    minutes: float = setting(5.0, "Minutes of training; the schedule anneals to this time.", low=0.001)
    steps: int = setting(0, "Steps instead of minutes: same seed, same model, bit for bit (0: use minutes).", low=0)
    seed: int = setting(0, "Seed of every random choice.", low=0, high=2**32 - 1)
    target: str = setting("", "The column to predict.")
    drop: tuple[str, ...] = setting((), "Columns to leave out.")
    keep: tuple[str, ...] = setting((), "Columns to keep although they look like identifiers or give the answer away.")
    group: str = setting("", "Column whose rows belong together (patient, agency): never on two sides of a split.")
    time: str = setting("", "Column of time: train on the past, test on the future.")
    test_share: float = setting(0.2, "Share of the rows held out for the test (0: none).", low=0, high=0.9)


def make(cls: type[S], values: dict[str, Any]) -> S:
    """Return the settings with these values, each turned into its type; raise SettingError with the nearest name."""
    known = {f.name: f for f in dataclasses.fields(cls)}
    hints = typing.get_type_hints(cls)
    for name in values:
        if name not in known:
            raise SettingError(unknown(t("setting"), name, known))
    made = {name: _coerce(name, hints[name], known[name].metadata, v) for name, v in values.items()}
    return cls(**made)


def _coerce(name: str, kind: Any, about: Mapping[str, Any], value: Any) -> Any:
    try:
        made = _typed(kind, value)
    except (TypeError, ValueError, KeyError, OverflowError):
        said = t("{name}: expected {kind}, got {value!r}.", name=name, kind=_words(kind), value=value)
        raise SettingError(said) from None
    choices, low, high = about.get("choices"), about.get("low"), about.get("high")
    if choices and made not in choices:
        raise SettingError(unknown(t("value of {name}", name=name), str(made), [str(c) for c in choices]))
    if low is not None and not made >= low:
        raise SettingError(t("{name}: expected at least {low}, got {value}.", name=name, low=low, value=made))
    if high is not None and not made <= high:
        raise SettingError(t("{name}: expected at most {high}, got {value}.", name=name, high=high, value=made))
    return made


def _typed(kind: Any, value: Any) -> Any:
    if _optional(kind):
        return None if value is None or value == "" else _typed(_inner(kind), value)
    if typing.get_origin(kind) is tuple:
        items = [v.strip() for v in value.split(",") if v.strip()] if isinstance(value, str) else list(value)
        return tuple(_typed(typing.get_args(kind)[0], v) for v in items)
    if kind is bool:
        return WORDS[str(value).lower()]
    if kind is str:
        return _text(value)
    if not math.isfinite(float(value)) or (kind is int and float(value) != int(float(value))):
        raise ValueError
    return int(float(value)) if kind is int else kind(value)


def _optional(kind: Any) -> bool:
    return typing.get_origin(kind) in (typing.Union, types.UnionType)


def _inner(kind: Any) -> Any:
    """Return T of `T | None`."""
    return next(k for k in typing.get_args(kind) if k is not type(None))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, (str, int, float, os.PathLike)):
        raise TypeError
    return str(value)


def _words(kind: Any) -> str:
    names = {int: t("a whole number"), float: t("a number"), bool: t("true or false"), str: t("text")}
    kind = _inner(kind) if _optional(kind) else kind
    return t("a list separated by commas") if typing.get_origin(kind) is tuple else names[kind]


def parse(pairs: list[str]) -> dict[str, str]:
    """Return {"a": "1"} for ["a=1"]."""
    for pair in pairs:
        if "=" not in pair:
            raise SettingError(t("Expected name=value, got {pair!r}.", pair=pair))
    return dict(pair.split("=", 1) for pair in pairs)


def to_json(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain JSON."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(settings).items()}
