"""Known answers of the field of boxes: what it reads, tells and draws."""

import numpy as np
import pytest

from aprende.core.errors import InputError
from aprende.core.fields import Boxes, Drawn, Keyed, from_json

FIELD = Boxes(("cat", "dog"), least=0.5)
TWO = np.array([[10, 20, 60, 80, 1, 0.9], [5, 5, 30, 30, 0, 0.4]], np.float32)


def test_what_is_plain_is_read_again() -> None:
    every = Boxes(("cat", "dog"))
    told = every.plain(TWO)
    assert told[0] == {"class": "dog", "score": 0.9, "left": 10.0, "top": 20.0, "right": 60.0, "bottom": 80.0}
    (again,) = every.read("boxes", [told])
    assert again.dtype == np.float32
    assert np.allclose(again, TWO)
    assert every.read("boxes", [[{k: v for k, v in told[0].items() if k != "score"}]])[0][0, 5] == 1


def test_boxes_of_low_score_are_neither_told_nor_drawn() -> None:
    assert [box["class"] for box in FIELD.plain(TWO)] == ["dog"]
    assert FIELD.show(TWO) == "1 dog"
    assert FIELD.show(TWO[1:]) == "nothing"
    black = np.zeros((100, 100, 1), np.uint8)
    assert (FIELD.drawn(TWO[1:], black) == 0).all()


def test_a_box_is_drawn_in_its_colour_where_it_is() -> None:
    assert isinstance(FIELD, Drawn)
    assert isinstance(FIELD, Keyed)
    drawn = FIELD.drawn(TWO, np.zeros((100, 100, 3), np.uint8))
    colour = tuple(bytes.fromhex(FIELD.colours()["dog"][1:]))
    assert tuple(drawn[50, 10]) == colour
    assert tuple(drawn[20, 40]) == colour
    assert not drawn[50, 35].any()
    named = FIELD.drawn(TWO * np.array([4, 4, 4, 4, 1, 1], np.float32), np.zeros((400, 400, 3), np.uint8))
    assert (named[60:79, 42:90] != 0).any()  # the name stands above the box


@pytest.mark.parametrize(
    "value",
    [
        "text", None, 3, [3], [{"class": "cow", "left": 0, "top": 0, "right": 1, "bottom": 1}], [{"class": "cat"}],
        np.zeros((2, 5), np.float32), np.array([[0, 0, 1, 1, 2, 1]]), np.array([[0, 0, 1, 1, 0.5, 1]]),
        np.array([[9, 0, 1, 1, 0, 1]]), np.array([[0, 0, np.nan, 1, 0, 1]]),
    ],
)  # fmt: skip
def test_what_is_no_boxes_is_refused(value: object) -> None:
    with pytest.raises(InputError, match="found"):
        FIELD.read("found", [value])


def test_no_boxes_are_boxes() -> None:
    (none,) = FIELD.read("boxes", [[]])
    assert none.shape == (0, 6)
    assert FIELD.plain(none) == []
    assert from_json(FIELD.to_json()) == FIELD
