"""Frames: what fits whole, what is cut, and that pieces put together give the whole again."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aprende.intake import frames
from aprende.intake.frames import Frame


def test_a_picture_keeps_its_aspect_ratio_in_the_frame() -> None:
    frame = Frame(60, 80, 3)
    found = frames.framed(np.full((120, 240, 3), 200, np.uint8), np.ones((120, 240), np.uint8), frame, 0.1)
    assert found.shape == (1, 60, 80, 4)
    assert (found[0, :40, :, :3] == 200).all()
    assert (found[0, 40:, :, :3] == frames.EMPTY).all()
    assert (found[0, :40, :, 3] == 1).all()
    assert (found[0, 40:, :, 3] == 255).all()


def test_grey_and_coloured_frames() -> None:
    grey, coloured = np.zeros((9, 9, 1), np.uint8), np.zeros((9, 9, 3), np.uint8)
    assert frames.framed(grey, None, Frame(32, 32, 3), 0.1).shape == (1, 32, 32, 3)
    assert frames.framed(coloured, None, Frame(32, 32, 1), 0.1).shape == (1, 32, 32, 1)


@given(st.integers(1, 200), st.integers(1, 60), st.sampled_from([0.0, 0.1, 0.25, 0.5]))
def test_windows_cover_and_overlap(length: int, side: int, overlap: float) -> None:
    starts = frames._starts(length, side, overlap)
    assert starts[0] == 0
    assert starts[-1] == max(0, length - side)
    assert all(0 <= b - a <= side * (1 - overlap) + 1 for a, b in pairwise(starts))


@given(st.integers(5, 70), st.integers(5, 70))
def test_tiles_put_together_are_the_whole(height: int, width: int) -> None:
    frame = Frame(20, 20, 1, 1.0)
    whole = np.random.default_rng(0).random((2, height, width)).astype(np.float32)
    places = frame.places(height, width, 0.25)
    views = np.stack([np.stack([frames.cut(k, frame, at, 0) for k in whole]) for at in places])
    assert np.allclose(frames.joined(views, frame, height, width, 0.25), whole, atol=1e-5)


def test_enlarged_is_linear_and_the_same_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    ramp = np.tile(np.arange(4, dtype=np.float32), (1, 3, 1))

    def whole() -> np.ndarray:
        return np.concatenate([held for _, held in frames.enlarged(ramp, 30, 8)], axis=1)

    found = whole()
    assert found.shape == (1, 30, 8)
    assert found[0, 0].tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]
    monkeypatch.setattr(frames, "STRIP", 16)
    assert np.array_equal(whole(), found)


@pytest.mark.parametrize(
    ("size", "frame", "reach"),
    [
        ((36, 48), Frame(36, 48, 1), (1.0, 0.75)),  # as it comes: its middle
        ((72, 96), Frame(36, 48, 1), (1.0, 0.75)),  # shrunk
        ((48, 24), Frame(36, 48, 1), (1.0, 2.0)),  # upright in a lying frame: grey on both sides
        ((100, 200), Frame(40, 40, 1, 0.5), (0.8, 0.4)),  # tiles
    ],
)
def test_the_middle_of_a_picture_is_what_reach_says(
    size: tuple[int, int], frame: Frame, reach: tuple[float, float]
) -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, size[1]), size)[..., None].astype(np.uint8)
    seen = frames.middle(ramp, frame)
    side = min(frame.height, frame.width)
    assert seen.shape == (side, side, 1)
    assert frame.reach(*size) == reach
    across = seen[side // 2, :, 0].astype(float)
    beside = max(0, round(side * (1 - 1 / reach[1]) / 2))  # grey, on each side
    inside = across[beside : side - beside]
    low, high = (255 * (0.5 + sign * min(1, reach[1]) / 2) for sign in (-1, 1))
    assert inside[0] == pytest.approx(low, abs=12)
    assert inside[-1] == pytest.approx(high, abs=12)
    assert not beside or (across[0] == across[-1] == frames.EMPTY)


def test_suited_frames() -> None:
    assert frames.suited([(180, 240)] * 3, 320, 64, 3) == Frame(180, 240, 3)
    assert frames.suited([(720, 960)] * 3, 320, 64, 3) == Frame(240, 320, 3)
    assert frames.suited([(28, 28)], 320, 64, 1) == Frame(64, 64, 1)
    assert frames.suited([(100, 200), (200, 100)], 320, 64, 3) == Frame(150, 150, 3)
    assert frames.tiled([(800, 1200)], 320, 64, 3) == Frame(320, 320, 3, 1.0)
    assert frames.tiled([(4000, 6400)], 320, 64, 3) == Frame(320, 320, 3, 0.2)
