"""Batch augmentation: what it must keep, and what each change does where the answer is known."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from aprende.methods.augment import Augment, affine, cut_out, mirrored, shifted, warped


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(n: int = 6, height: int = 12, width: int = 10, channels: int = 3) -> torch.Tensor:
    made = np.random.default_rng(0).integers(0, 256, (n, height, width, channels), dtype=np.uint8)
    return torch.from_numpy(made)


EVERY = Augment(flip=True, shift=0.2, rotate=20, scale=0.2, shear=10, elastic=0.02, colour=0.3, cutout=0.3)


def test_nothing_asked_changes_nothing() -> None:
    held = pictures()
    assert torch.equal(Augment()(held, random()), held.permute(0, 3, 1, 2).float())


@given(st.integers(1, 5), st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 3]), st.integers(0, 99))
def test_any_shape_stays_and_values_stay_in_range(n: int, height: int, width: int, channels: int, seed: int) -> None:
    held = pictures(n, height, width, channels)
    made = EVERY(held, random(seed))
    assert made.shape == (n, channels, height, width)
    assert made.dtype == torch.float32
    assert made.min() >= -1e-3
    assert made.max() <= 255 + 1e-3


def test_same_generator_same_batch_and_input_untouched() -> None:
    held = pictures()
    kept = held.clone()
    assert torch.equal(EVERY(held, random(3)), EVERY(held, random(3)))
    assert not torch.equal(EVERY(held, random(3)), EVERY(held, random(4)))
    assert torch.equal(held, kept)


def test_flip_mirrors_about_half_of_the_pictures_and_leaves_the_rest() -> None:
    held = pictures(400, 4, 4, 1)
    made = shifted(held, 0.0, True, random())
    mirror = torch.tensor([torch.equal(a, b.flip(1)) for a, b in zip(made, held, strict=True)])
    same = torch.tensor([torch.equal(a, b) for a, b in zip(made, held, strict=True)])
    assert torch.all(mirror | same)
    assert 140 < int(mirror.sum()) < 260


def test_shift_moves_by_whole_pixels_each_picture_its_own_way() -> None:
    spot = torch.zeros((50, 9, 9, 1), dtype=torch.uint8)
    spot[:, 4, 4] = 255
    places = [tuple(p.nonzero()[0, :2].tolist()) for p in shifted(spot, 0.25, False, random())]
    assert len(set(places)) > 5
    assert all(2 <= row <= 6 and 2 <= column <= 6 for row, column in places)


def test_border_is_mirrored() -> None:
    assert mirrored(torch.tensor([-2, -1, 0, 4, 5, 6]), 5).tolist() == [2, 1, 0, 4, 3, 2]


def test_rotation_by_known_matrix_turns_the_picture() -> None:
    picture = torch.arange(9.0).view(1, 1, 3, 3)
    quarter = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]])
    turned = warped(picture, F.affine_grid(quarter, [1, 1, 3, 3], align_corners=False))
    assert any(torch.allclose(turned[0, 0], torch.rot90(picture[0, 0], k), atol=1e-4) for k in (1, 3))


def test_affine_without_amounts_is_the_identity_and_small_angles_stay_small() -> None:
    identity = torch.eye(2, 3).expand(4, 2, 3)
    assert torch.allclose(affine(4, 0, 0, 0, random()), identity)
    assert (affine(100, 10, 0, 0, random()) - torch.eye(2, 3)).abs().max() < 0.18  # sin 10° = 0.174
    areas = torch.linalg.det(affine(100, 30, 0.5, 20, random())[:, :, :2])
    assert areas.min() > 1 / 1.5**2 - 1e-3
    assert areas.max() < 1.5**2 + 1e-3


def test_grid_without_elastic_is_that_of_the_matrices() -> None:
    x, amounts = torch.zeros(5, 1, 8, 6), (20.0, 0.2, 10.0)
    grid = Augment(rotate=20, scale=0.2, shear=10).grid(x, random())
    assert torch.allclose(
        grid, F.affine_grid(affine(5, *amounts, random()), [*x.shape], align_corners=False), atol=1e-6
    )


def test_displacement_is_smooth_and_as_large_as_asked() -> None:
    x = torch.zeros(200, 1, 28, 28)
    field = Augment(elastic=0.02).grid(x, random()) - Augment().grid(x, random())
    assert field.shape == (200, 28, 28, 2)
    assert float(field.std()) == pytest.approx(0.04, rel=0.25)  # of a side that is 2 long
    assert (field[:, 1:] - field[:, :-1]).abs().mean() < 0.3 * field.abs().mean()


def test_cutout_is_one_square_of_the_pictures_mean() -> None:
    x = torch.rand(20, 3, 16, 16, generator=random()) * 255
    made = cut_out(x, 0.5, random())
    changed = (made != x).any(1).flatten(1).sum(1)
    assert changed.min() >= 9  # a corner of it at least
    assert changed.max() <= 81
    where = (made[0] != x[0]).any(0)
    assert torch.allclose(made[0][:, where], x[0].mean(), atol=1e-3)
