"""Values handed to a trained model: rows, columns, forms, pictures, tables of pictures."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from aprende.core.contract import Table
from aprende.core.errors import InputError
from aprende.core.fields import Boolean, Category, Date, Field, Image, Number, Place, Text, read_all
from aprende.intake.inputs import Files, Inputs, columns_from_json, picture, pictures_for

SCALARS: dict[str, Field] = {
    "area": Number(),
    "town": Category(("a", "b")),
    "garden": Boolean(),
    "on": Date(),
    "at": Place(),
}
PHOTOS: dict[str, Field] = {"photo": Image(), "caption": Text()}


def png(grey: int = 7) -> bytes:
    held = io.BytesIO()
    Pillow.new("L", (3, 2), grey).save(held, "PNG")
    return held.getvalue()


def test_rows_and_columns_mean_the_same() -> None:
    rows = [{"area": 1, "town": "a", "at": [1, 2]}, {"area": 2.5, "garden": True}]
    columns = {"area": [1, 2.5], "town": ["a", None], "at": [[1, 2], None], "garden": [None, True]}
    from_rows = read_all(SCALARS, columns_from_json(rows, SCALARS))
    from_columns = read_all(SCALARS, columns_from_json(columns, SCALARS))
    for name in SCALARS:
        np.testing.assert_array_equal(np.asarray(from_rows[name]), np.asarray(from_columns[name]))
    assert np.isnan(from_rows["on"]).all()


NO_TABLES = [
    ([{"arae": 1}], "'area'"),
    ({"arae": [1]}, "'area'"),
    ([3], "row"),
    ([], "no rows"),
    ({}, "no rows"),
    ({"area": []}, "no rows"),
    ({"area": "12"}, "list"),
    ({"area": 12}, "list"),
    ({"area": {"a": 1}}, "list"),
]


@pytest.mark.parametrize(("values", "said"), NO_TABLES)
def test_what_is_no_table_is_told(values: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        columns_from_json(values, SCALARS)


def test_a_picture_cannot_be_missing() -> None:
    for values in ([{"caption": "x"}], {"caption": ["x"]}):
        with pytest.raises(InputError, match="photo"):
            columns_from_json(values, PHOTOS)


@pytest.mark.parametrize("form", [lambda b: b, lambda b: base64.b64encode(b).decode(), np.asarray,
                                  lambda b: "data:image/png;base64," + base64.b64encode(b).decode()])  # fmt: skip
def test_a_picture_comes_in_several_forms(form: Any) -> None:
    given = np.full((2, 3, 1), 7, np.uint8) if form is np.asarray else form(png())
    np.testing.assert_array_equal(picture(given), np.full((2, 3, 1), 7, np.uint8))


@pytest.mark.parametrize("wrong", [None, 3, "", "a/b.png", "/etc/passwd", "data:,", b"", b"text", [1], {"a": 1}])
def test_what_is_no_picture_is_refused_and_no_path_is_opened(wrong: Any) -> None:
    with pytest.raises(InputError):
        picture(wrong)


def test_the_caller_may_say_how_pictures_come() -> None:
    found = columns_from_json([{"photo": "here"}], PHOTOS, pictures=lambda value: f"read {value}")
    assert found["photo"] == ["read here"]


TEXTS = [
    ("area", "1.5", 1.5),
    ("area", "", None),
    ("area", "x", "x"),
    ("garden", "true", True),
    ("garden", "0", False),
    ("garden", "perhaps", "perhaps"),
    ("town", "b", "b"),
    ("town", "", None),
    ("at", "1,2", "1,2"),
]


@pytest.mark.parametrize(("name", "text", "value"), TEXTS)
def test_a_forms_text_becomes_a_value(name: str, text: str, value: Any) -> None:
    assert Inputs(SCALARS).of_text(name, text) == value


def test_a_table_of_pictures_suits_by_kind_not_by_name() -> None:
    pixels = np.zeros((2, 4, 4, 3), np.uint8)
    found = pictures_for(Table({"image": pixels}, {"image": Image()}), PHOTOS)
    assert found["photo"] is pixels
    assert found["caption"] == [None, None]
    with pytest.raises(InputError, match="area"):
        pictures_for(Table({"image": pixels}, {"image": Image()}), SCALARS)


def test_files_are_decoded_when_asked_for_and_named_where_bad() -> None:
    opened: list[int] = []

    def reader(i: int) -> Any:
        return lambda: (opened.append(i), png(i))[1]

    files = Files([*((f"{i}.png", reader(i)) for i in range(5)), ("bad.png", lambda: b"bad")])
    assert len(files[2:5]) == 3
    assert not opened
    assert files[2:5][1][0, 0, 0] == 3
    assert opened == [3]
    with pytest.raises(InputError, match=r"bad\.png: "):
        files[5]
