"""Charts: scales and ticks, marks where they belong, numbers as people read them, nothing unescaped."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aprende.app.drawing import digits
from aprende.app.drawing.atlas import atlas, crowded, view_of
from aprende.app.drawing.charts import Line, across, histogram, lines, matrix, scatter, upward
from aprende.app.drawing.markup import Markup, join, tag
from aprende.app.drawing.rowcharts import Row, row_chart
from aprende.app.drawing.scale import Scale, over, skewed
from aprende.app.report.classes import confusion, roc
from aprende.app.report.numbers import _median_interval
from aprende.core.words import speaking

numbers = st.floats(-1e9, 1e9, allow_nan=False)


@given(st.lists(numbers, min_size=1, max_size=20), st.integers(2, 8))
def test_linear_ticks_are_round_rising_and_inside(values: list[float], wanted: int) -> None:
    scale = over(values)
    ticks = scale.ticks(wanted)
    assert 1 <= len(ticks) <= 2 * wanted + 2
    assert ticks == sorted(set(ticks))
    slack = 1e-9 * max(abs(scale.low), abs(scale.high))
    assert all(scale.low - slack <= v <= scale.high + slack for v in ticks)
    steps = np.diff(ticks)
    assert len(steps) == 0 or np.allclose(steps, steps[0], rtol=1e-6)


@given(st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=20))
def test_log_ticks_are_rising_and_inside(values: list[float]) -> None:
    scale = over(values, log=True)
    ticks = scale.ticks(5)
    assert ticks == sorted(ticks)
    assert 1 <= len(ticks) <= 13
    assert all(scale.low * (1 - 1e-9) <= v <= scale.high * (1 + 1e-9) for v in ticks)


def test_a_log_scale_gives_decades_equal_room() -> None:
    scale = Scale(1, 1000, 0, 300, log=True)
    assert [scale(v) for v in (1, 10, 100, 1000)] == [0, 100, 200, 300]
    assert scale(5000) == 300


def test_ticks_known() -> None:
    assert Scale(0, 100).ticks(5) == [0, 20, 40, 60, 80, 100]
    assert Scale(1e4, 2e6, log=True).ticks(5) == pytest.approx([1e4, 3e4, 1e5, 3e5, 1e6])


def test_skewed_where_values_span_much() -> None:
    rng = np.random.default_rng(0)
    assert skewed(np.exp(rng.normal(12, 1, 500)))
    assert not skewed(rng.uniform(100, 200, 500))
    assert not skewed(np.array([0.0, 1.0, 1e6]))


@pytest.mark.parametrize(
    ("value", "en", "es"),
    [
        (1234567.8, "1,234,568", "1\u202f234\u202f568"), (1234.5, "1,234", "1\u202f234"), (12.345, "12.3", "12,3"),
        (0.00123456, "0.00123", "0,00123"), (-5.5, "−5.5", "−5,5"), (0.0, "0", "0"), (float("nan"), "–", "–"),
        (1.5e-7, "1.5 × 10⁻⁷", "1,5 × 10⁻⁷"), (100.0, "100", "100"), (1e15, "1 × 10¹⁵", "1 × 10¹⁵"),
        (-0.00001, "−1 × 10⁻⁵", "−1 × 10⁻⁵"),
    ],
)  # fmt: skip
def test_numbers_in_both_languages(value: float, en: str, es: str) -> None:
    assert digits.number(value) == en
    with speaking("es"):
        assert digits.number(value) == es


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_can_be_said(value: float) -> None:
    said = digits.number(value)
    assert said
    assert len(said) < 30


def test_an_interval_decides_the_digits() -> None:
    assert digits.measured(57012.33, 55203.1, 58911.9, "USD") == ("57,000\u00a0USD", "55,200 – 58,900\u00a0USD")
    assert digits.measured(0.91234, 0.9051, 0.9192, "%") == ("91.2\u202f%", "90.5 – 91.9\u202f%")
    assert digits.measured(0.785, None, None) == ("0.785", "")
    assert digits.difference(0.05, 0.01, 0.09, "%") == ("5.0\u00a0points", "1.0 – 9.0\u00a0points")


def test_tick_labels_are_short_and_alike() -> None:
    assert digits.ticks([0, 500_000, 1_000_000]) == ["0", "0.5\u00a0M", "1\u00a0M"]
    assert digits.ticks([0, 20_000, 40_000]) == ["0", "20\u00a0k", "40\u00a0k"]
    assert digits.ticks([0, 0.5, 1.0], "%") == ["0", "50\u202f%", "100\u202f%"]
    assert digits.ticks([0, 2000, 4000]) == ["0", "2,000", "4,000"]
    assert digits.compact(87_412) == "87.4\u00a0k"


def test_durations() -> None:
    assert [digits.duration(s) for s in (3.21, 42, 200, 3900)] == ["3.2 s", "42 s", "3 min", "1 h 5 min"]


@given(st.text())
def test_text_is_escaped_and_markup_is_not(text: str) -> None:
    made = tag("p", text, title=text)
    assert made.count("<") == 2
    assert made.count('"') == 2
    assert join(made) == made
    assert isinstance(made, Markup)


def test_few_points_are_points_and_many_are_cells() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=50_000)
    axes = across(x, "x", "m"), upward(x, "y")
    few = scatter(*axes, x[:50], x[:50], "l", lambda i: f"row {i}")
    many = scatter(*axes, x, x + rng.normal(size=len(x)), "l", lambda i: f"row {i}")
    assert few.count("<circle") == 50
    assert "row 49" in few
    assert "x (m)" in few
    assert many.count("<circle") == 0
    assert len(many) < 250_000
    counted = [int(v.replace(",", "")) for v in re.findall(r"<title>([\d,]+) rows?</title>", many)]
    assert sum(counted) == 50_000


def test_a_histogram_counts_every_value_once() -> None:
    values = np.r_[np.random.default_rng(0).normal(size=1000), 99.0, np.nan]
    drawn = histogram(values, across([-3.0, 3.0], "error", pad=0.0), "rows", "l", zero=True)
    assert sum(int(v) for v in re.findall(r"\n(\d+) rows?</title>", drawn)) == 1001


def test_lines_tell_every_value_on_hover() -> None:
    x = np.arange(5.0)
    drawn = lines(
        [Line("loss", x, x**2), Line("valid", x[::2], x[::2], look="b")],
        across(x, "time", "s"),
        upward(x**2, "loss"),
        "l",
    )
    assert "time 4\u00a0s\nloss 16\nvalid 4" in drawn
    assert 'class="legend"' in drawn


def test_a_matrix_shows_counts_and_shares() -> None:
    counts = confusion(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 2)
    assert counts.tolist() == [[2, 1], [0, 1]]
    drawn = matrix(counts, ["cat", "dog"], "true", "said", "l")
    assert "True: cat · said: dog\n1 of 3 (33.3\u202f%)" in drawn
    assert drawn.count('class="square right"') == 2
    assert drawn.count('class="square wrong"') == 1


def test_rows_stand_where_their_values_are() -> None:
    drawn = row_chart([Row("a", 25.0, 20.0, 30.0, "25"), Row("b", math.nan)], "t", scale=Scale(0, 100))
    assert 'cx="25.0%"' in drawn
    assert 'x1="20.0%" x2="30.0%"' in drawn
    assert drawn.count("<circle") == 1


def test_roc_known() -> None:
    truth = np.array([True, True, False, False])
    assert roc(truth, np.array([0.9, 0.8, 0.2, 0.1]))[2] == 1.0
    assert roc(truth, np.array([0.1, 0.2, 0.8, 0.9]))[2] == 0.0
    assert roc(truth, np.full(4, 0.5))[2] == 0.5


def test_the_interval_of_a_median_covers_it() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(400):
        low, high = _median_interval(rng.exponential(size=60))
        inside += low is not None and high is not None and low <= math.log(2) <= high
    assert 0.92 <= inside / 400 <= 1.0


def test_a_map_keeps_shape_and_tells_signs() -> None:
    rng = np.random.default_rng(0)
    places = np.stack([rng.uniform(19, 20, 3000), rng.uniform(-100, -99, 3000)], 1)
    places[0] = np.nan
    drawn = atlas(places, np.where(places[:, 1] > -99.5, 0.2, -0.2), "map")
    assert {"place high", "place low"} == set(re.findall(r'class="(place \w+)"', drawn))
    assert "km</text>" in drawn
    assert len(drawn) < 400_000
    west = [float(x) for x in re.findall(r'place low" cx="([\d.]+)"', drawn)]
    east = [float(x) for x in re.findall(r'place high" cx="([\d.]+)"', drawn)]
    assert max(west) < min(east) + 12


def test_a_point_is_no_interval() -> None:
    assert digits.measured(1.0, 1.0, 1.0, "%") == ("100\u202f%", "")


def test_crowded_spots_of_a_wide_land_are_shown_large() -> None:
    rng = np.random.default_rng(0)
    towns = [np.array([19.4, -99.1]), np.array([21.1, -86.8])]
    places = np.concatenate(
        [t + rng.normal(0, 0.05, (400, 2)) for t in towns] + [rng.uniform([15, -115], [30, -88], (50, 2))]
    )
    views = crowded(places, view_of(places))
    assert len(views) == 2
    assert all(view.holds(town[None])[0] and view.span < 1 for view, town in zip(views, towns, strict=True))
    assert crowded(rng.uniform(0, 1, (500, 2)), view_of(rng.uniform(0, 1, (500, 2)))) == []
    assert atlas(places, rng.normal(0, 0.2, len(places)), "map").count("<svg") == 3


@given(st.integers(1, 60), st.floats(0, 1e-9))
def test_places_that_are_nearly_one_do_not_break_a_map(n: int, apart: float) -> None:
    places = np.full((n, 2), 19.4) + np.linspace(0, apart, n)[:, None]
    assert "NaN" not in atlas(places, np.zeros(n), "map")
    assert "nan" not in atlas(places, np.zeros(n), "map")
