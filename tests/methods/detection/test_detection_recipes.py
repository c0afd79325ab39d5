"""What the dial, the pictures and their boxes decide."""

import numpy as np
import pytest

from aprende.core.errors import SettingError
from aprende.core.settings import make
from aprende.methods.detection import recipes
from aprende.methods.detection.recipes import DetectSettings

SIZES = np.full((10, 2), (640, 480), np.int32)


def canvas(count: int = 205, sizes: np.ndarray = SIZES, **values: object) -> tuple[int, int]:
    return recipes.canvas(make(DetectSettings, values), sizes, count)


def test_more_time_or_fewer_pictures_are_seen_larger() -> None:
    short, long, few = canvas(minutes=2), canvas(minutes=8), canvas(20, minutes=8)
    assert short[0] < long[0] < few[0]
    assert few == (480, 640)  # never larger than they are
    assert canvas(100_000) == (120, 160)


def test_the_canvas_has_the_shape_of_the_pictures() -> None:
    assert canvas(size=320) == (240, 320)
    assert canvas(sizes=SIZES[:, ::-1], size=320) == (320, 240)
    assert canvas(sizes=np.array([[1000, 10]]), size=320) == (80, 320)


def test_a_side_too_small_is_refused() -> None:
    with pytest.raises(SettingError, match="32"):
        canvas(size=10)


def test_maps_are_chosen_by_the_sizes_of_boxes() -> None:
    assert recipes.strides(np.full(50, 40.0)) == (8,)
    assert recipes.strides(np.full(50, 6.0)) == (4, 8)
    assert recipes.strides(np.linspace(20, 150, 50)) == (8, 16)
    assert recipes.strides(np.linspace(8, 400, 50)) == (8, 16, 32)
    assert recipes.strides(np.full(50, 300.0)) == (16, 32)
    assert recipes.usual(np.full(50, 40.0), (8,)) == 20
