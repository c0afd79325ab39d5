"""Many pictures: decoded once, then found; what was set aside is told each time."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aprende.core import cache
from aprende.core.errors import InputError
from aprende.core.fields import Image as ImageField
from aprende.core.fields import take
from aprende.core.model import join
from aprende.intake import decoder, pictures
from aprende.intake.pictures import Pictures, load, natural


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pictures:
    monkeypatch.setenv("APRENDE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "fotos").mkdir()
    rng = np.random.default_rng(0)
    for i in range(70):
        shape = (20 + i % 3, 30, 3)
        Image.fromarray(rng.integers(0, 255, shape, dtype=np.uint8)).save(tmp_path / "fotos" / f"{i:02}.png")
    (tmp_path / "fotos" / "03.png").write_bytes(b"")
    return Pictures(sorted((tmp_path / "fotos").iterdir()), tmp_path)


def test_load_equals_one_by_one(photos: Pictures) -> None:
    loaded = load(photos, 16, 3)
    assert loaded.pixels.shape == (69, 16, 16, 3)
    assert 3 not in loaded.kept
    for row, at in enumerate(loaded.kept):
        np.testing.assert_array_equal(loaded.pixels[row], decoder.square(photos.files[at], 16, 3))
    assert len(set(loaded.hashes.tolist())) == 69
    assert [(n.level, n.text, n.count) for n in loaded.notes] == [("set aside", "03.png: empty file", 1)]


def never(*_: object) -> tuple[int, int]:
    raise AssertionError("decoded again")


def test_second_time_nothing_is_decoded(photos: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(photos, 16, 3)
    monkeypatch.setattr(pictures, "_one", never)
    again = load(photos, 16, 3)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    np.testing.assert_array_equal(first.hashes, again.hashes)
    np.testing.assert_array_equal(first.kept, again.kept)
    assert first.notes == again.notes


def test_moved_folder_is_found_by_content(photos: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(photos, 16, 3)
    shutil.move(tmp_path / "fotos", tmp_path / "otras")
    monkeypatch.setattr(pictures, "_one", never)
    assert load(Pictures(sorted((tmp_path / "otras").iterdir())), 16, 3).pixels.shape == (69, 16, 16, 3)


def test_changed_file_of_equal_length_is_decoded_anew(photos: Pictures) -> None:
    first = load(photos, 16, 3)
    file = photos.files[0]
    data = photos.files[1].read_bytes()
    Image.new("RGB", (30, 20), "red").save(file)
    file.write_bytes(file.read_bytes().ljust(len(data), b"\0"))
    os.utime(file, ns=(1, 1))
    again = load(photos, 16, 3)
    assert (again.pixels[0] == [255, 0, 0]).all()
    np.testing.assert_array_equal(first.pixels[1:], again.pixels[1:])


def test_a_few_pictures_leave_nothing_on_disk(photos: Pictures) -> None:
    few = load(photos[:5], 16, 3)
    np.testing.assert_array_equal(few.pixels, load(photos, 16, 3).pixels[:4])
    assert few.kept.tolist() == [0, 1, 2, 4]
    assert len([f for f in cache.home().iterdir() if f.is_dir()]) == 1


def test_size_and_channels_have_their_own_entries(photos: Pictures) -> None:
    assert load(photos, 8, 1).pixels.shape == (69, 8, 8, 1)
    assert load(photos, 16, 1).pixels.shape == (69, 16, 16, 1)
    assert natural(photos) == (21, 3)
    assert load(photos).pixels.shape == (69, 21, 21, 3)


def test_progress_and_threads(photos: Pictures) -> None:
    told: list[tuple[int, int]] = []
    one = load(photos, 16, 3, on_progress=lambda done, of: told.append((done, of)), threads=3)
    assert told[-1] == (70, 70)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    shutil.rmtree(cache.home())
    np.testing.assert_array_equal(one.pixels, load(photos, 16, 3, threads=1).pixels)


def test_stopped_half_way_leaves_nothing(photos: Pictures) -> None:
    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(photos, 16, 3, on_progress=stop)
    assert [f for f in cache.home().iterdir() if f.suffix != ".lock"] == []


def test_arrays_of_the_right_size_are_themselves() -> None:
    held = np.random.default_rng(0).integers(0, 255, (9, 8, 8, 1), dtype=np.uint8)
    loaded = load(held)
    assert loaded.pixels is held
    assert loaded.thumbs.shape == (9, 16, 16)
    resized = load(held, 5, 3)
    assert resized.pixels.shape == (9, 5, 5, 3)
    np.testing.assert_array_equal(resized.pixels[2], decoder.fit(held[2], 5, 3))
    np.testing.assert_array_equal(loaded.hashes, resized.hashes)


def test_bytes_and_arrays_in_a_list(photos: Pictures) -> None:
    held = [photos.files[0].read_bytes(), np.zeros((4, 4, 3), np.uint8), str(photos.files[1]), b"no"]
    loaded = load(held, 10, 3)
    assert loaded.kept.tolist() == [0, 1, 2]
    assert loaded.notes[0].text.startswith("row 4:")


def test_a_column_of_files(photos: Pictures) -> None:
    assert photos[0].shape == (20, 30, 3)
    assert photos.names[0] == "fotos/00.png"
    columns = take({"image": photos}, np.array([5, 2]))
    assert columns["image"].names == ["fotos/05.png", "fotos/02.png"]
    assert take({"image": photos}, slice(0, 2))["image"].names == ["fotos/00.png", "fotos/01.png"]
    assert len(take({"image": photos}, np.arange(70) < 3)["image"]) == 3
    assert join([photos, photos]).names == photos.names * 2
    assert ImageField().read("image", photos) is photos
    with pytest.raises(InputError, match=r"03\.png: empty file"):
        photos[3]


def test_no_picture_at_all(tmp_path: Path) -> None:
    assert load(Pictures([]), 8, 3).pixels.shape == (0, 8, 8, 3)
    (tmp_path / "a.png").write_bytes(b"x")
    assert load(Pictures([tmp_path / "a.png"])).pixels.shape == (0, 160, 160, 1)
