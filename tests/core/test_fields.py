"""Every kind of value, present and future, keeps Field's promises; then what each kind reads and refuses."""

import dataclasses
import datetime as dt
import html.parser
import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aprende.core import words
from aprende.core.errors import InputError
from aprende.core.fields import (
    Boolean,
    Category,
    Date,
    Field,
    Image,
    Number,
    Place,
    Probabilities,
    Text,
    from_json,
    kinds,
    read_all,
    take,
)

NAMES = ('a "quoted" <b>&amp;</b> name', "ciudad ñ", "x")
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


def made(kind: type[Field]) -> Field:
    """A field of this kind; where it has options, three that are awkward."""
    members = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: ("a", "b ñ", '<c "d">') for name in ("options", "classes") if name in members})


FIELDS = [made(kind) for kind in kinds().values()]
every_field = pytest.mark.parametrize("field", FIELDS, ids=[f.kind for f in FIELDS])


def equal(a: Any, b: Any) -> bool:
    """Whether two columns hold the same values, missing ones included."""
    if isinstance(a, np.ndarray) and a.dtype.kind == "f":
        return np.array_equal(a, np.asarray(b), equal_nan=True)
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


# ---- every kind ------------------------------------------------------------------------------------------------------


@every_field
def test_samples_and_edges_are_valid_and_read_changes_them_no_more(field: Field) -> None:
    for column in (field.sample(np.random.default_rng(0), 50), field.edges()):
        read = field.read("x", column)
        assert len(read) == len(column)
        assert equal(field.read("x", read), read)


@every_field
def test_samples_are_drawn_from_the_generator_alone(field: Field) -> None:
    a, b, c = (field.sample(np.random.default_rng(seed), 20) for seed in (0, 0, 1))
    assert equal(a, b)
    assert not equal(a, c)


@every_field
def test_an_empty_column_is_valid(field: Field) -> None:
    assert len(field.read("x", [])) == 0


@every_field
def test_values_are_json_and_come_back_from_it(field: Field) -> None:
    for column in (field.sample(np.random.default_rng(0), 50), field.edges()):
        read = field.read("x", column)
        plain = json.loads(json.dumps([field.plain(v) for v in read], allow_nan=False))
        if field.heavy and field.schema()["type"] == "string":  # encoded: intake decodes it
            assert all(isinstance(v, str) for v in plain)
        else:
            assert [field.plain(v) for v in field.read("x", plain)] == plain


@every_field
@pytest.mark.parametrize("language", words.languages())
def test_values_are_shown_shortly(field: Field, language: str) -> None:
    with words.speaking(language):
        shown = [field.show(v) for column in (field.sample(np.random.default_rng(0), 9), field.edges()) for v in column]
    assert all(isinstance(s, str) and len(s) <= 120 for s in shown)


@every_field
def test_the_field_itself_is_json(field: Field) -> None:
    assert from_json(json.loads(json.dumps(field.to_json()))) == field


@every_field
def test_the_schema_is_json_schema(field: Field) -> None:
    schema = json.loads(json.dumps(field.schema(), allow_nan=False))
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    assert set(types) <= {"number", "string", "boolean", "array", "object", "integer", "null"}


class Tags(html.parser.HTMLParser):
    """Collects tags with their attributes, and what is written between them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@every_field
@pytest.mark.parametrize("name", NAMES)
def test_the_widget_is_html_that_no_name_and_no_option_can_break(field: Field, name: str) -> None:
    tags = Tags()
    tags.feed(field.widget(name))
    assert {tag for tag, _ in tags.found} <= {"input", "select", "option", "textarea"}
    assert all(attributes["name"] == name for tag, attributes in tags.found if tag != "option")


@every_field
def test_a_wrong_value_is_refused_with_its_name_and_row(field: Field) -> None:
    good = list(field.sample(np.random.default_rng(0), 2))
    with pytest.raises(InputError, match=r"^the name: expected .*, got .*\(row 3\)\.$"):
        field.read("the name", [*good, object()])


@every_field
@given(values=st.lists(JUNK, max_size=4))
def test_whatever_comes_is_read_or_refused(field: Field, values: list[Any]) -> None:
    """Nothing but InputError, which names the column."""
    said = ""
    try:
        assert len(field.read("x", values)) == len(values)
    except InputError as error:
        said = str(error)
    assert said == "" or said.startswith("x: ")


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@every_field
@pytest.mark.parametrize("shape", [(0, 3), (2, 3), (2, 1, 1)])
@pytest.mark.parametrize("dtype", ["float64", "object", "U3", "datetime64[D]", "complex128", "int8"])
def test_an_array_of_another_shape_or_type_is_read_or_refused(field: Field, shape: Any, dtype: str) -> None:
    values = np.zeros(shape, dtype=dtype) if dtype[0] != "d" else np.full(shape, np.datetime64("2020-01-01"))
    try:
        read = field.read("x", values)
    except InputError:
        return
    assert len(read) == len(values)


# ---- numbers ---------------------------------------------------------------------------------------------------------


def test_numbers_of_every_sequence() -> None:
    for values in ([1, None, 2.5], np.array([1, np.nan, 2.5]), pl.Series([1.0, None, 2.5]), (1, float("nan"), 2.5)):
        read = Number().read("x", values)
        assert read.dtype == np.float64
        assert equal(read, np.array([1.0, np.nan, 2.5]))
    assert Number().read("x", np.array([1, 2], dtype=np.int8)).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("wrong", ["12", "", [1], {}, 10**400, float("inf"), 1j, dt.date(2020, 1, 1)])
def test_what_is_no_number_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match=r"x: expected a number, got .*\(row 2\)"):
        Number().read("x", [1, wrong, 3])


@pytest.mark.parametrize(
    ("field", "bad", "said"),
    [
        (Number(low=0), -1, "a number of at least 0, got -1.0 (row 2)"),
        (Number(high=5), 6, "a number of at most 5, got 6.0 (row 2)"),
        (Number(low=0, high=5), 6, "a number from 0 to 5, got 6.0 (row 2)"),
        (Boolean(), 2, "yes or no (true or false), got 2.0 (row 2)"),
        (Place(), [91, 0], "a place such as [19.43, -99.13] (latitude, longitude in degrees), got [91.0, 0.0] (row 2)"),
        (Place(), [1], "got [1] (row 2)"),
        (Place(), "far away", "got 'far away' (row 2)"),
        (Date(), "31/12/2020", "a date such as 2016-05-31, got '31/12/2020' (row 2)"),
        (Category(("a", "b"), closed=True), "c", "one of a, b, got 'c' (row 2)"),
        (Category(("a", "b")), 3, "a word, got 3 (row 2)"),
        (Text(max_chars=3), "four", "text of at most 3 characters, got 'four' (row 2)"),
        (Probabilities(("a", "b")), [0.5, 2.0], "probabilities from 0 to 1, got [0.5, 2.0] (row 2)"),
        (Probabilities(("a", "b")), [0.5], "probabilities from 0 to 1, got [0.5] (row 2)"),
        (Image(), "a.jpg", "a picture: uint8 array of height × width × 1 or 3 channels"),
    ],
)
def test_the_refusal_says_what_was_expected_what_came_and_where(field: Field, bad: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        field.read("x", [field.sample(np.random.default_rng(0), 1)[0], bad])
    assert said in str(caught.value)


def test_numbers_are_shown_for_people() -> None:
    assert Number(unit="m²").show(1234.5) in ("1,234 m²", "1,235 m²")
    assert Number().show(0.12345) == "0.1235" or Number().show(0.12345) == "0.1234"
    assert Number(whole=True).show(12.0) == "12"
    assert Number(whole=True).show(1960.0) == "1960"  # a year is no amount
    assert Number(whole=True).show(196_000.0) == "196,000"
    assert Number().show(math.nan) == "–"


# ---- the other kinds -------------------------------------------------------------------------------------------------


def test_yes_and_no() -> None:
    assert equal(Boolean().read("x", [True, False, None, 1]), np.array([1.0, 0.0, np.nan, 1.0]))
    assert [Boolean().plain(v) for v in (1.0, 0.0, math.nan)] == [True, False, None]
    with words.speaking("es"):
        assert [Boolean().show(v) for v in (1.0, 0.0, math.nan)] == ["sí", "no", "–"]


@given(st.dates())
def test_any_day_comes_back(day: dt.date) -> None:
    (read,) = Date().read("x", [day.isoformat()])
    assert Date().read("x", [day])[0] == read
    assert Date().plain(read) == day.isoformat()


def test_days_count_from_1970_and_hours_are_parts_of_a_day() -> None:
    values = ["1970-01-01", "1970-01-02T12:00", dt.datetime(1969, 12, 31, 6), None, math.nan, 3]
    assert equal(Date().read("x", values), np.array([0, 1.5, -0.75, np.nan, np.nan, 3]))


@pytest.mark.parametrize(
    "value",
    [
        [19.43, -99.13],
        (19.43, -99.13),
        "19.43, -99.13",
        {"lat": 19.43, "lng": -99.13},
        {"lat": 19.43, "lon": -99.13},
    ],
)
def test_a_place_may_be_written_in_many_ways(value: Any) -> None:
    assert Place().read("x", [value, None]).tolist()[0] == [19.43, -99.13]
    assert np.isnan(Place().read("x", [value, None])[1]).all()


def test_an_open_category_takes_new_words_and_a_closed_one_does_not() -> None:
    assert Category(("a",)).read("x", ["a", "new", None]).to_list() == ["a", "new", None]
    assert Category(("a",), closed=True).read("x", ["a", None]).to_list() == ["a", None]


def test_broken_text_is_refused() -> None:
    """Half a surrogate pair is no character; no file and no JSON can hold it."""
    with pytest.raises(InputError, match=r"x: expected text.*\(row 2\)"):
        Text().read("x", ["good", "\ud800"])


def test_probabilities_come_as_rows_or_as_words() -> None:
    field = Probabilities(("a", "b"))
    assert field.read("x", [{"a": 1.0}, [0.25, 0.75]]).tolist() == [[1.0, 0.0], [0.25, 0.75]]
    assert field.plain(np.array([0.25, 0.75])) == {"a": 0.25, "b": 0.75}
    assert field.show(np.array([0.25, 0.75])) == "b 75.0%  a 25.0%"


def test_pictures_of_any_size_in_one_column() -> None:
    pictures = [np.zeros((4, 5, 3), np.uint8), np.zeros((2, 2, 1), np.uint8)]
    assert Image().read("x", pictures) is not pictures
    whole = np.zeros((2, 4, 4, 3), np.uint8)
    assert Image().read("x", whole) is whole
    for wrong in (
        np.zeros((4, 5), np.uint8),
        np.zeros((4, 5, 4), np.uint8),
        np.zeros((4, 5, 3)),
        np.zeros((0, 5, 3), np.uint8),
    ):
        with pytest.raises(InputError, match="a picture"):
            Image().read("x", [wrong])


# ---- several columns -------------------------------------------------------------------------------------------------

BOTH: dict[str, Field] = {"price": Number(), "town": Category(("a",))}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"price": [1], "twon": ["a"]}, "Unknown column 'twon'. Did you mean 'town'? Known: price, town."),
        ({"price": [1]}, "Missing column town. Needed: price, town."),
        ({"price": 1, "town": ["a"]}, "price: expected a list of values, got 1."),
        ({"price": [1], "town": "a"}, "town: expected a list of values, got 'a'."),
        ({"price": np.array(1), "town": ["a"]}, "price: expected a list of values, got array(1)."),
        ({"price": [1, 2], "town": ["a"]}, "Columns must be equally long; got {'price': 2, 'town': 1}."),
    ],
)
def test_columns_must_be_the_right_ones(columns: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_all(BOTH, columns)
    assert str(caught.value) == said


def test_rows_are_taken_from_every_kind_of_column() -> None:
    columns = {"a": np.arange(4), "b": pl.Series(list("wxyz")), "c": [10, 11, 12, 13]}
    for rows, places in ((np.array([3, 1]), [3, 1]), (slice(1, 3), [1, 2]), (np.array([], dtype=int), [])):
        found = take(columns, rows)
        assert [list(c) for c in found.values()] == [places, ["wxyz"[i] for i in places], [10 + i for i in places]]
    mask = np.array([True, False, False, True])
    assert take({"c": columns["c"]}, mask) == {"c": [10, 13]}
