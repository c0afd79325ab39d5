"""Pictures with masks from the disk: every layout and every coding that people use, and what is wrong with some."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from aprende.core.errors import DataError, InputError
from aprende.core.fields import VOID, Mask
from aprende.intake import framed, frames, images, masks
from aprende.intake.masks import Masks

SIDE = 24
TRUTH = np.zeros((SIDE, SIDE), np.uint8)
TRUTH[4:12, 4:12], TRUTH[14:22, 10:20] = 1, 2
Save = Callable[[NDArray[np.uint8], Path], None]


def photo(at: Path, seed: int = 0, size: tuple[int, int] = (SIDE, SIDE)) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)).save(at)


def index(mask: NDArray[np.uint8], at: Path) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(at)


def pairs(root: Path, *names: tuple[str, str], save: Save = index) -> Path:
    """Pictures and masks under these names; the masks are turned, each otherwise."""
    for number, (picture, mask) in enumerate(names):
        photo(root / picture, number)
        (root / mask).parent.mkdir(parents=True, exist_ok=True)
        save(np.rot90(TRUTH, number), root / mask)
    return root


# ---- layouts


@pytest.mark.parametrize(
    ("picture", "mask"),
    [
        ("images/{n}.jpg", "masks/{n}.png"),
        ("imagenes/{n}.jpg", "máscaras/{n}.png"),
        ("Images/{n}.png", "Labels/{n}.png"),
        ("x/imgs/{n}.jpg", "x/ground_truth/{n}_gt.png"),
        ("images/a/{n}.jpg", "annotations/a/{n}.png"),
        ("images/{n}_leftImg8bit.png", "gtFine/{n}_labelIds.png"),
        ("{n}.jpg", "{n}_mask.png"),
        ("{n}.jpg", "{n}-mask.png"),
        ("{n}_sat.jpg", "{n}_mask.png"),
        ("{n}.png", "{n}_L.png"),
        ("{n}.jpg", "{n}_seg.png"),
        ("{n}.jpg", "mask_{n}.png"),
        ("{n}.jpg", "{n}.png"),
        ("JPEGImages/{n}.jpg", "SegmentationClass/{n}.png"),
    ],
)
def test_layouts_without_parts(tmp_path: Path, picture: str, mask: str) -> None:
    names = [(picture.format(n=n), mask.format(n=n)) for n in ("a1", "a2", "a10")]
    table = images.read(pairs(tmp_path, *names))
    assert table.target == "mask"
    assert table.fields["mask"].classes == ("0", "1", "2")
    assert [Path(name).stem.split("_")[0] for name in table.columns["file"]] == ["a1", "a2", "a10"]
    for row in range(3):
        assert np.array_equal(table.columns["mask"][row], np.rot90(TRUTH, row))
    assert table.parts is None


@pytest.mark.parametrize(
    ("picture", "mask"),
    [
        ("{p}/images/{n}.jpg", "{p}/masks/{n}.png"),
        ("images/{p}/{n}.jpg", "masks/{p}/{n}.png"),
        ("{p}/{n}.jpg", "{p}annot/{n}.png"),
        ("{p}/{n}.jpg", "{p}_labels/{n}.png"),
        ("{p}_images/{n}.jpg", "{p}_masks/{n}.png"),
        ("{p}/{n}.jpg", "{p}/{n}_mask.png"),
    ],
)
def test_parts_above_or_below(tmp_path: Path, picture: str, mask: str) -> None:
    parts = ("train", "val", "test")
    names = [(picture.format(p=p, n=1), mask.format(p=p, n=1)) for p in parts]  # the same name in every part
    table = images.read(pairs(tmp_path, *names))
    told = dict(zip(table.columns["file"], table.parts or [], strict=True))
    assert sorted(told.values()) == ["test", "train", "valid"]
    for number, part in enumerate(("train", "valid", "test")):
        row = list(told.values()).index(part)
        assert np.array_equal(table.columns["mask"][row], np.rot90(TRUTH, number))


def test_voc_takes_parts_from_its_lists(tmp_path: Path) -> None:
    names = [(f"JPEGImages/{n}.jpg", f"SegmentationClass/{n}.png") for n in "abcd"]
    root = pairs(tmp_path, *names)
    photo(root / "JPEGImages" / "unmasked.jpg")
    pairs(root, ("JPEGImages/a.jpg", "SegmentationObject/a.png"))
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("a\nb\n")
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("c\n")
    table = images.read(root)
    assert table.parts == ["train", "train", "test"]
    said = " ".join(note.text for note in table.notes)
    assert "1 pairs stand in no list" in said
    assert "pictures without a mask: unmasked.jpg" in said


def test_missing_masks_and_pictures_are_listed(tmp_path: Path) -> None:
    root = pairs(tmp_path, *[(f"images/{n}.jpg", f"masks/{n}.png") for n in "abc"])
    photo(root / "images" / "alone.jpg")
    index(TRUTH, root / "masks" / "spare.png")
    table = images.read(root)
    told = {note.text: note.count for note in table.notes if note.level == "left out"}
    assert told == {"pictures without a mask: alone.jpg": 1, "masks without a picture: spare.png": 1}


def test_class_folders_are_no_masks(tmp_path: Path) -> None:
    for n in range(3):
        photo(tmp_path / "mask" / f"{n}.jpg", n)
        photo(tmp_path / "no_mask" / f"{n}.jpg", 9 + n)
    table = images.read(tmp_path)
    assert table.target == "class"
    assert table.fields["class"].options == ("mask", "no_mask")


def test_photos_of_two_endings_are_no_masks(tmp_path: Path) -> None:
    for n in range(3):
        photo(tmp_path / f"{n}.jpg", n)
        photo(tmp_path / f"{n}.png", n)
    assert "mask" not in images.read(tmp_path).fields


# ---- codings


def coded(root: Path, save: Save) -> masks.Table:
    return images.read(pairs(root, *[(f"images/{n}.jpg", f"masks/{n}.png") for n in range(3)], save=save))


def colours(mask: NDArray[np.uint8], at: Path) -> None:
    Image.fromarray(np.array([(0, 0, 0), (128, 0, 0), (0, 64, 200)], np.uint8)[mask]).save(at)


def test_palette_indices_with_the_border_of_voc(tmp_path: Path) -> None:
    def save(mask: NDArray[np.uint8], at: Path) -> None:
        held = Image.fromarray(np.where(np.arange(SIDE) == 0, 255, mask).astype(np.uint8))
        held.putpalette([v for i in range(256) for v in ((224, 224, 192) if i == 255 else (i, 0, i))])
        held.save(at)

    table = coded(tmp_path, save)
    assert table.fields["mask"].classes == ("0", "1", "2")
    assert (table.columns["mask"][0][:, 0] == VOID).all()
    assert any("255 is taken for no class" in note.text for note in table.notes)


def test_many_indices_and_a_border_are_not_taken_for_black_and_white(tmp_path: Path) -> None:
    def save(mask: NDArray[np.uint8], at: Path) -> None:
        held = np.arange(SIDE * SIDE, dtype=np.uint8).reshape(SIDE, SIDE) % 21
        held[0] = 255
        Image.fromarray(held).save(at)

    table = coded(tmp_path, save)
    assert table.fields["mask"].classes == tuple(str(n) for n in range(21))


def test_palettes_of_each_file_are_taken_for_colours(tmp_path: Path) -> None:
    """As tools write that turn coloured masks into palette files: the same index is another class elsewhere."""

    def save(mask: NDArray[np.uint8], at: Path) -> None:
        order = np.roll(np.arange(3), int(at.stem))
        held = Image.fromarray(np.argsort(order).astype(np.uint8)[mask])
        held.putpalette([v for i in order for v in ((0, 0, 0), (128, 0, 0), (0, 64, 200))[i]])
        held.save(at)

    table = coded(tmp_path, save)
    assert table.fields["mask"].classes == ("black", "#0040c8", "#800000")
    for row in range(3):
        assert np.array_equal(table.columns["mask"][row], np.array([0, 2, 1])[np.rot90(TRUTH, row)])


def test_two_values_with_names(tmp_path: Path) -> None:
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nroad,255,255,255\nother,0,0,0\n")
    table = coded(tmp_path, lambda m, at: Image.fromarray(((m > 0) * 255).astype(np.uint8)).save(at))
    assert table.fields["mask"].classes == ("other", "road")
    assert np.array_equal(table.columns["mask"][0], TRUTH > 0)


@pytest.mark.parametrize("light", [1, 128, 255])
def test_two_values(tmp_path: Path, light: int) -> None:
    table = coded(tmp_path, lambda m, at: Image.fromarray(((m > 0) * light).astype(np.uint8)).save(at))
    assert table.fields["mask"].classes == ("background", "object")
    assert np.array_equal(table.columns["mask"][1], np.rot90(TRUTH, 1) > 0)


def test_two_values_as_bits_and_as_transparency(tmp_path: Path) -> None:
    table = coded(tmp_path / "a", lambda m, at: Image.fromarray(m > 0).save(at))
    assert np.array_equal(table.columns["mask"][0], TRUTH > 0)

    def transparent(mask: NDArray[np.uint8], at: Path) -> None:
        held = np.zeros((SIDE, SIDE, 4), np.uint8)
        held[..., 3] = (mask > 0) * 255
        Image.fromarray(held).save(at)

    assert np.array_equal(coded(tmp_path / "b", transparent).columns["mask"][0], TRUTH > 0)


def test_black_and_white_blurred_by_jpeg(tmp_path: Path) -> None:
    def save(mask: NDArray[np.uint8], at: Path) -> None:
        large = Image.fromarray(((mask > 0) * 255).astype(np.uint8)).resize((100, 100), Image.Resampling.NEAREST)
        large.save(at, "JPEG", quality=85)

    table = coded(tmp_path, save)
    assert table.fields["mask"].classes == ("background", "object")
    large = np.asarray(Image.fromarray((TRUTH > 0).astype(np.uint8)).resize((100, 100), Image.Resampling.NEAREST))
    assert (table.columns["mask"][0] == large).mean() > 0.99
    assert any(note.level == "repaired" and "JPEG" in note.text for note in table.notes)


def test_spread_levels_are_classes_and_white_is_one(tmp_path: Path) -> None:
    table = coded(tmp_path, lambda m, at: Image.fromarray(np.array([0, 127, 255], np.uint8)[m]).save(at))
    assert table.fields["mask"].classes == ("0", "127", "255")
    assert np.array_equal(table.columns["mask"][0], TRUTH)


def test_16_bit_indices(tmp_path: Path) -> None:
    def save(mask: NDArray[np.uint8], at: Path) -> None:
        wide = mask.astype(np.uint16)
        wide[0, 0] = 65535
        Image.fromarray(wide).save(at)

    table = coded(tmp_path, save)
    assert table.fields["mask"].classes == ("0", "1", "2")
    assert table.columns["mask"][0][0, 0] == VOID
    assert np.array_equal(table.columns["mask"][0][1:], TRUTH[1:])


def test_colours_without_names(tmp_path: Path) -> None:
    table = coded(tmp_path, colours)
    assert table.fields["mask"].classes == ("black", "#0040c8", "#800000")
    assert np.array_equal(table.columns["mask"][0] == 2, TRUTH == 1)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("class_dict.csv", "name,r,g,b\nvoid,0,0,0\ncar,128,0,0\nroad,0,64,200\n"),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nvoid:0,0,0::\ncar:128,0,0::\nroad:0,64,200::\n"),
        ("label_colors.txt", "0 0 0\tVoid\n128 0 0\tcar\n0 64 200\troad\n"),
    ],
)
def test_colours_with_names_and_a_void_one(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    table = coded(tmp_path, colours)
    assert table.fields["mask"].classes == ("road", "car")
    assert np.array_equal(table.columns["mask"][0] == VOID, TRUTH == 0)
    assert np.array_equal(table.columns["mask"][0] == 1, TRUTH == 1)
    assert any("taken for no class" in note.text for note in table.notes)


def test_indices_with_names(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("fondo\ncoche\nunlabelled\n")
    table = coded(tmp_path, index)
    assert table.fields["mask"].classes == ("fondo", "coche")
    assert np.array_equal(table.columns["mask"][0] == VOID, TRUTH == 2)


def test_smoothed_edges_of_colours_are_no_class(tmp_path: Path) -> None:
    def save(mask: NDArray[np.uint8], at: Path) -> None:
        pixels = np.array([(0, 0, 0), (128, 0, 0), (0, 64, 200)], np.uint8)[np.kron(mask, np.ones((8, 8), np.uint8))]
        seed = int(at.stem)
        edge = np.random.default_rng(seed).integers(1, 255, (40, 3), dtype=np.uint8)
        pixels[100, :40] = edge
        Image.fromarray(pixels).save(at)

    table = coded(tmp_path, save)
    assert len(table.fields["mask"].classes) == 3
    assert (table.columns["mask"][0][100, :40] == VOID).mean() > 0.9


@pytest.mark.parametrize(
    ("save", "said"),
    [
        (lambda m, at: photo(at), "values: they look like photographs"),
        (lambda m, at: Image.fromarray(np.full((SIDE, SIDE), 7, np.uint8)).save(at), "one value only, 7"),
        (lambda m, at: at.write_bytes(b"no picture"), "No mask can be read"),
    ],
)
def test_what_is_no_mask_is_said(tmp_path: Path, save: Save, said: str) -> None:
    with pytest.raises(DataError, match=said):
        coded(tmp_path, save)


# ---- a column of masks


def test_masks_of_other_files_are_told_by_their_classes(tmp_path: Path) -> None:
    first, second = coded(tmp_path / "a", index), coded(tmp_path / "b", lambda m, at: index(m + 1, at))
    both: Masks = first.columns["mask"] + second.columns["mask"]
    assert len(both) == 6
    assert both.classes == ("0", "1", "2")
    assert np.array_equal(both[3][TRUTH < 2], TRUTH[TRUTH < 2] + 1)
    assert (both[3][TRUTH == 2] == VOID).all()
    assert np.array_equal(both[np.array([4])][0], both[4])


def test_a_broken_mask_is_named(tmp_path: Path) -> None:
    table = coded(tmp_path, index)
    (tmp_path / "masks" / "1.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(InputError, match=r"1\.png: damaged"):
        table.columns["mask"][1]


# ---- loading


def test_loading_sets_aside_and_mends(tmp_path: Path) -> None:
    root = pairs(tmp_path, *[(f"images/{n}.png", f"masks/{n}.png") for n in "abcdef"])
    index(np.kron(TRUTH, np.ones((2, 2), np.uint8)), root / "masks" / "b.png")  # twice as large
    index(np.ones((10, 40), np.uint8), root / "masks" / "c.png")  # of another shape
    (root / "masks" / "d.png").write_bytes(b"x")
    (root / "images" / "e.png").write_bytes(b"\x89PNG x")
    index(np.full((SIDE, SIDE), 255, np.uint8), root / "masks" / "f.png")
    table = images.read(root)
    loaded = framed.load(table.columns["image"], table.columns["mask"], frames.Frame(SIDE, SIDE, 3))
    assert loaded.pictures.kept.tolist() == [0, 1]
    told = {note.text: note.level for note in loaded.pictures.notes}
    assert told == {
        "pictures that cannot be read: e.png": "set aside",
        "masks that cannot be read: d.png": "set aside",
        "masks of another shape than their picture: c.png": "set aside",
        "masks in which nothing has a class: f.png": "set aside",
        "masks of another size than their picture, resized: b.png": "repaired",
    }
    assert np.array_equal(loaded.rows[1][..., 3], TRUTH)
    assert np.array_equal(loaded.rows[0][..., :3], table.columns["image"][0])


def test_loading_in_tiles_and_from_the_cache(tmp_path: Path) -> None:
    pictures = [np.random.default_rng(n).integers(0, 255, (30, 50, 1), dtype=np.uint8) for n in range(40)]
    truths = [np.tile(np.arange(50, dtype=np.uint8) // 25, (30, 1)) for _ in range(40)]
    once, again = (framed.load(pictures, truths, frames.Frame(20, 20, 1, 1.0)) for _ in range(2))
    assert once.rows.shape[1:] == (20, 20, 2)
    assert len(once.rows) == len(once.owner) == 40 * len(frames.Frame(20, 20, 1, 1.0).places(30, 50, framed.OVERLAP))
    assert isinstance(again.rows, np.memmap)
    assert np.array_equal(once.rows, again.rows)
    assert set(once.of(np.array([3]))) == set(np.flatnonzero(once.owner == 3))
    other = framed.load(pictures, [1 - t for t in truths], frames.Frame(20, 20, 1, 1.0))
    assert not np.array_equal(other.rows, once.rows)


def test_fine_masks_do_not_survive_being_shrunk() -> None:
    coarse = np.kron(TRUTH, np.ones((20, 20), np.uint8))
    fine = np.zeros((480, 480), np.uint8)
    fine[::7] = 1
    assert framed.survival([coarse], frames.Frame(96, 96, 3)) > 0.95
    assert framed.survival([fine], frames.Frame(96, 96, 3)) < 0.6


def test_camvid(data_dir: Path) -> None:
    table = images.read(data_dir / "seg_camvid")
    assert isinstance(table.fields["mask"], Mask)
    assert table.fields["mask"].classes == tuple(str(n) for n in range(12))
    assert [list(table.parts or []).count(part) for part in ("train", "valid", "test")] == [367, 101, 233]
