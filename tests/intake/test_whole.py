"""Pictures fitted whole into a canvas, for systems that tell where things are: shape, size, and what is broken."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from aprende.core.errors import DataError
from aprende.intake import decoder, images, pictures
from aprende.intake.pictures import Pictures


def save(file: Path, width: int, height: int, orientation: int = 1) -> Path:
    """A red picture with a white upper left quarter."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0], image[: height // 2, : width // 2] = 200, 255
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    Pillow.fromarray(image).save(file, exif=exif, quality=95)
    return file


@pytest.mark.parametrize(
    ("size", "fits"), [((80, 40), (40, 20)), ((40, 80), (15, 30)), ((1, 500), (1, 30)), ((4, 3), (40, 30))]
)
def test_a_picture_keeps_its_shape(size: tuple[int, int], fits: tuple[int, int]) -> None:
    assert decoder.fitting(size, 30, 40) == fits
    canvas = decoder.whole(np.full((size[1], size[0], 3), 9, np.uint8), 30, 40, 3)
    assert canvas.shape == (30, 40, 3)
    assert (canvas[: fits[1], : fits[0]] == 9).all()
    assert (canvas[fits[1] :] == decoder.GREY).all()
    assert (canvas[:, fits[0] :] == decoder.GREY).all()


def test_grey_and_colour_become_what_is_asked_for() -> None:
    assert decoder.whole(np.full((8, 8, 3), 50, np.uint8), 8, 8, 1).shape == (8, 8, 1)
    assert decoder.whole(np.full((8, 8, 1), 50, np.uint8), 8, 8, 3).shape == (8, 8, 3)


def test_sizes_are_those_of_the_upright_picture_even_if_it_is_decoded_smaller(tmp_path: Path) -> None:
    files = [
        save(tmp_path / "a.jpg", 1600, 800),
        save(tmp_path / "b.jpg", 1600, 800, 6),
        save(tmp_path / "c.png", 30, 20),
    ]
    loaded = pictures.load(Pictures(files), (40, 60), 3)
    assert loaded.pixels.shape == (3, 40, 60, 3)
    assert loaded.sizes.tolist() == [[1600, 800], [800, 1600], [30, 20]]
    assert pictures.sizes_of(Pictures(files)).tolist() == loaded.sizes.tolist()
    assert [decoder.size_of(file) for file in files] == [(1600, 800), (800, 1600), (30, 20)]
    assert (loaded.pixels[0, 31:] == decoder.GREY).all()
    assert loaded.pixels[0, 5, 5].min() > 240
    assert loaded.pixels[0, 25, 50].tolist() == pytest.approx([200, 0, 0], abs=12)


def test_a_cut_picture_is_as_large_as_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    Pillow.fromarray(noise).save(file, quality=90)
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 3 // 4])
    loaded = pictures.load(Pictures([file]), (40, 40), 3)
    width, height = loaded.sizes[0].tolist()
    assert width == 400
    assert 250 < height < 340


def test_pictures_stay_whole_and_lazy_when_they_are_predicted(tmp_path: Path) -> None:
    for i in range(20):
        save(tmp_path / f"{i}.png", 30 + i, 20)
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n")
    table = images.prepared(images.read(tmp_path), 8, 3, whole=True)
    assert isinstance(table.columns["image"], Pictures)
    assert [p.shape[:2] for p in table.columns["image"]] == [(20, 30 + i) for i in range(20)]
    assert any(note.level == "set aside" and "x.png" in note.text for note in table.notes)
    for file in tmp_path.glob("[0-9]*.png"):
        file.unlink()
    with pytest.raises(DataError, match="No picture can be used"):
        images.prepared(images.read(tmp_path), 8, 3, whole=True)
