"""Near-copies are found, and only they."""

import io

import numpy as np
from PIL import Image, ImageEnhance

from aprende.intake.decoder import fit
from aprende.intake.likeness import NEAR, near_copies, thumbnail, thumbnails


def photo(seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 255, (7, 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((96, 80), Image.Resampling.BICUBIC)


def test_re_encoded_resized_and_brighter_are_near_copies() -> None:
    held = io.BytesIO()
    photo(0).save(held, "JPEG", quality=40)
    copies = [photo(0), Image.open(held), photo(0).resize((60, 50)), ImageEnhance.Brightness(photo(0)).enhance(1.1)]
    others = [photo(seed) for seed in range(1, 60)]
    thumbs = np.stack([thumbnail(Image.fromarray(fit(image, 32, 3))) for image in [*copies, *others]])
    assert sorted(map(tuple, near_copies(thumbs).tolist())) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_equals_comparing_all_pairs() -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 255, (40, 16, 16)).astype(float)
    thumbs = (np.repeat(base, 3, 0) + rng.normal(0, 7.4, (120, 16, 16))).clip(0, 255).astype(np.uint8)
    flat = thumbs.reshape(120, -1).astype(float)
    alike = np.corrcoef(flat)
    expected = {(i, j) for i, j in np.argwhere(np.triu(alike >= NEAR, 1))}
    assert set(map(tuple, near_copies(thumbs).tolist())) == expected
    assert 10 < len(expected) < 120


def test_flat_pictures_are_copies_of_nothing() -> None:
    assert len(near_copies(np.full((50, 16, 16), 200, np.uint8))) == 0
    assert len(near_copies(np.zeros((1, 16, 16), np.uint8))) == 0
    assert len(near_copies(np.zeros((0, 16, 16), np.uint8))) == 0


def test_array_and_picture_give_the_same_thumbnail() -> None:
    pixels = np.stack([fit(photo(seed), 64, 3) for seed in range(5)])
    single = np.stack([thumbnail(Image.fromarray(p)) for p in pixels])
    assert np.abs(thumbnails(pixels).astype(int) - single).max() <= 1
