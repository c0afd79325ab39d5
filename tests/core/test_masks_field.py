"""The field of masks: what it takes, what it gives as JSON and PNG, and how it is drawn."""

import base64
import io

import numpy as np
import pytest
from PIL import Image as Pillow

from aprende.core.errors import InputError
from aprende.core.fields import VOID, Drawn, Keyed, Mask, from_json
from aprende.core.fields.masks import resized
from aprende.core.fields.palette import css, palette

FIELD = Mask(("background", "road", "car"))


def test_json_and_back() -> None:
    assert from_json(FIELD.to_json()) == FIELD


def test_plain_is_a_png_of_places_that_reads_back() -> None:
    mask = np.array([[0, 1, 2], [VOID, 1, 0]], np.uint8)
    text = FIELD.plain(mask)
    held = Pillow.open(io.BytesIO(base64.b64decode(text)))
    assert held.mode == "P"
    assert np.array_equal(np.asarray(held), mask)
    assert held.convert("RGB").getpixel((1, 0)) == tuple(palette()[1])
    assert np.array_equal(FIELD.read("mask", [text])[0], mask)


@pytest.mark.parametrize(
    "wrong", [np.full((2, 2), 3, np.uint8), np.zeros((2, 2)), np.zeros((2, 2, 1), np.uint8), "no png", 7, None]
)
def test_refuses_what_is_no_mask(wrong: object) -> None:
    with pytest.raises(InputError, match="mask: expected a mask"):
        FIELD.read("mask", [np.zeros((2, 2), np.uint8), wrong])


def test_refuses_an_array_with_an_unknown_class() -> None:
    many = np.zeros((3, 2, 2), np.uint8)
    many[1, 0, 0] = 9
    with pytest.raises(InputError, match="row 2"):
        FIELD.read("mask", many)


def test_samples_and_edges_are_valid() -> None:
    rng = np.random.default_rng(0)
    assert len(FIELD.read("mask", FIELD.sample(rng, 4))) == 4
    assert [m.shape for m in FIELD.read("mask", FIELD.edges())] == [(1, 1), (1, 7), (9, 5)]


def test_shares_leave_void_out() -> None:
    mask = np.array([[1, 1, 2, VOID]], np.uint8)
    assert FIELD.shares(mask) == pytest.approx([0, 2 / 3, 1 / 3])
    assert FIELD.show(mask) == "road 67%, car 33%"
    assert FIELD.show(np.full((2, 2), VOID, np.uint8)) == "–"


def test_drawn_colours_classes_and_leaves_background_and_void() -> None:
    assert isinstance(FIELD, Drawn)
    assert isinstance(FIELD, Keyed)
    grey = np.full((6, 8, 1), 100, np.uint8)
    mask = np.zeros((6, 8), np.uint8)
    mask[:, 4:], mask[0, 0] = 1, VOID
    over = FIELD.drawn(mask, grey)
    assert over.shape == (6, 8, 3)
    assert (over[1:, :3] == 100).all()
    assert (over[0, 0] == 100).all()
    expected = 0.45 * 100 + 0.55 * palette()[1].astype(float)
    assert np.abs(over[3, 6] - expected).max() <= 1
    assert FIELD.colours() == {"road": css(1), "car": css(2)}


def test_drawn_fits_the_mask_to_its_picture() -> None:
    assert FIELD.drawn(np.ones((2, 3), np.uint8), np.zeros((20, 30, 3), np.uint8)).shape == (20, 30, 3)


def test_resized_takes_the_nearest() -> None:
    small = np.array([[1, 2]], np.uint8)
    assert resized(small, 2, 4).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]
    assert resized(np.arange(16, dtype=np.uint8).reshape(4, 4), 2, 2).tolist() == [[5, 7], [13, 15]]


def test_palette_colours_differ() -> None:
    assert len({tuple(colour) for colour in palette()[:255].tolist()}) > 230
    near = palette()[:20].astype(int)
    apart = np.abs(near[:, None] - near[None]).sum(axis=2) + 999 * np.eye(20, dtype=int)
    assert apart.min() >= 60
