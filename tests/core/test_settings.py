"""Settings from words, JSON and keywords: typed, or refused with the nearest name."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aprende.core import settings
from aprende.core.errors import SettingError
from aprende.core.settings import Settings, make, parse, setting


@dataclass(frozen=True)
class Own(Settings):
    """Every type that a setting may have."""

    width: int = setting(64, "How wide.")
    rate: float = setting(0.1, "How fast.")
    flip: bool = setting(False, "Turn?")
    network: str = setting("mlp", "Which network.", choices=("mlp", "perceptron", "resnet"))
    sizes: tuple[int, ...] = setting((1, 2), "Sizes.")
    most: int | None = setting(None, "At most.")


@pytest.mark.parametrize(
    ("given_values", "made"),
    [
        ({"width": "128"}, {"width": 128}),
        ({"width": 128.0}, {"width": 128}),
        ({"width": "1e3"}, {"width": 1000}),
        ({"rate": "1e-3"}, {"rate": 0.001}),
        ({"rate": 1}, {"rate": 1.0}),
        ({"flip": "yes"}, {"flip": True}),
        ({"flip": "Sí"}, {"flip": True}),
        ({"flip": "FALSE"}, {"flip": False}),
        ({"flip": True}, {"flip": True}),
        ({"network": "resnet"}, {"network": "resnet"}),
        ({"sizes": "3, 4 ,5"}, {"sizes": (3, 4, 5)}),
        ({"sizes": [3]}, {"sizes": (3,)}),
        ({"sizes": ""}, {"sizes": ()}),
        ({"most": "7"}, {"most": 7}),
        ({"most": ""}, {"most": None}),
        ({"most": None}, {"most": None}),
        ({"drop": "a b, ñ"}, {"drop": ("a b", "ñ")}),
        ({"minutes": "0.5"}, {"minutes": 0.5}),
    ],
)
def test_values_become_their_types(given_values: dict[str, Any], made: dict[str, Any]) -> None:
    found = make(Own, given_values)
    for name, value in made.items():
        assert getattr(found, name) == value
        assert type(getattr(found, name)) is type(value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"widht": 1}, "Unknown setting 'widht'. Did you mean 'width'? Known: drop, flip, group, keep, "),
        ({"MINUTES": 1}, "Did you mean 'minutes'?"),
        ({"zzz": 1}, "Unknown setting 'zzz'. Known: "),
        ({"width": "many"}, "width: expected a whole number, got 'many'."),
        ({"width": 1.5}, "width: expected a whole number, got 1.5."),
        ({"width": float("inf")}, "width: expected a whole number, got inf."),
        ({"width": None}, "width: expected a whole number, got None."),
        ({"rate": "fast"}, "rate: expected a number, got 'fast'."),
        ({"rate": [1]}, "rate: expected a number, got [1]."),
        ({"rate": "nan"}, "rate: expected a number, got 'nan'."),
        ({"minutes": float("inf")}, "minutes: expected a number, got inf."),
        ({"flip": "perhaps"}, "flip: expected true or false, got 'perhaps'."),
        ({"flip": 2}, "flip: expected true or false, got 2."),
        ({"sizes": "1,b"}, "sizes: expected a list separated by commas, got '1,b'."),
        ({"sizes": 3}, "sizes: expected a list separated by commas, got 3."),
        ({"network": "perceptrón"}, "Unknown value of network 'perceptrón'. Did you mean 'perceptron'? Known: mlp, "),
        ({"target": ["a", "b"]}, "target: expected text, got ['a', 'b']."),
        ({"seed": -1}, "seed: expected at least 0, got -1."),
        ({"seed": 2**32}, "seed: expected at most 4294967295, got 4294967296."),
        ({"minutes": 0}, "minutes: expected at least 0.001, got 0.0."),
        ({"test_share": 1}, "test_share: expected at most 0.9, got 1.0."),
        ({"most": "few"}, "most: expected a whole number, got 'few'."),
    ],
)
def test_wrong_values_are_refused_with_the_nearest_name(values: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError) as caught:
        make(Own, values)
    assert said in str(caught.value)


JUNK = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=2) | st.binary()
)


@given(name=st.sampled_from([f.name for f in dataclasses.fields(Own)]), value=JUNK)
def test_whatever_comes_becomes_plain_json_or_is_refused(name: str, value: Any) -> None:
    try:
        made = make(Own, {name: value})
    except SettingError:
        return
    again = json.loads(json.dumps(settings.to_json(made), allow_nan=False))
    assert make(Own, again) == made


def test_settings_survive_json() -> None:
    made = make(Own, {"sizes": "3,4", "drop": "a,b", "most": 3})
    assert make(Own, json.loads(json.dumps(settings.to_json(made)))) == made


def test_pairs() -> None:
    assert parse(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}
    with pytest.raises(SettingError, match="Expected name=value, got 'a'"):
        parse(["a"])


def test_every_setting_has_help() -> None:
    assert all(f.metadata["help"] for f in dataclasses.fields(Own))
