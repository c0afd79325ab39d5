"""Hand-made features: equal to the reference where there is one, and with the invariances that they are made for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aprende.methods import handmade

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("side", [28, 32, 63])
def test_edges_equal_scikit_image(side: int) -> None:
    feature = pytest.importorskip("skimage.feature")
    pictures = RNG.integers(0, 256, (3, side, side, 1), dtype=np.uint8)
    cell = side // 7
    whole = side // cell * cell
    for picture, found in zip(pictures, handmade.edges(pictures), strict=True):
        grey = picture[..., 0].astype(np.float32) / 255
        expected = feature.hog(grey, 9, (cell, cell), (2, 2), block_norm="L2-Hys", feature_vector=False)
        assert expected.shape[:2] == (whole // cell - 1, whole // cell - 1)
        # a gradient that lies on the border of two angles may fall to either side by rounding
        assert np.mean(np.abs(found.reshape(expected.shape[:2] + (2, 2, 9)) - expected) > 1e-3) < 0.01


def test_edges_see_direction_not_brightness() -> None:
    ramp = np.broadcast_to(np.arange(32, dtype=np.uint8) * 3, (32, 32))
    across, down = ramp[None, :, :, None], ramp.T[None, :, :, None]
    assert not np.allclose(handmade.edges(across), handmade.edges(down))
    np.testing.assert_allclose(handmade.edges(across), handmade.edges(across + 50), atol=1e-5)


def test_textures_do_not_change_with_brightness() -> None:
    dark = NOISE[..., :1] // 2
    np.testing.assert_allclose(handmade.textures(dark), handmade.textures(dark + 90), atol=1e-6)
    assert handmade.textures(NOISE).shape == (6, 2 * 16 * 59)


def test_textures_count_shares() -> None:
    squares = handmade.textures(NOISE[..., :1]) ** 2
    np.testing.assert_allclose(squares.reshape(6, 32, 59).sum(axis=2), 1, atol=1e-5)


def test_colours_count_shares_and_ignore_place() -> None:
    whole = handmade.colours(NOISE)[:, :216]
    np.testing.assert_allclose((whole**2).sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(whole, handmade.colours(NOISE[:, ::-1, ::-1])[:, :216], atol=1e-6)
    red = np.zeros((1, 8, 8, 3), np.uint8)
    red[..., 0] = 255
    assert handmade.colours(red)[0, :216].argmax() == 5


def test_words_are_whitened_and_found_again() -> None:
    pytest.importorskip("sklearn")
    words = handmade.learn_words(NOISE, 20, 1, np.random.default_rng(0))
    assert words.vocabulary.shape == (20, 108)
    found = words(NOISE)
    assert found.shape == (6, 80)
    assert (found >= 0).all()
    np.testing.assert_array_equal(found[2:3], words(NOISE[2:3]))
    again = handmade.learn_words(NOISE, 20, 1, np.random.default_rng(0))
    np.testing.assert_array_equal(words.vocabulary, again.vocabulary)


@given(st.integers(8, 70), st.sampled_from([1, 3]), st.integers(0, 255))
def test_any_size_gives_finite_numbers(side: int, channels: int, shade: int) -> None:
    pictures = np.full((2, side, side, channels), shade, np.uint8)
    pictures[1] = RNG.integers(0, 256, pictures.shape[1:])
    for family in (handmade.edges, handmade.textures, handmade.colours):
        found = family(pictures)
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
