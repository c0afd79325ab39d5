"""Arrays of pictures: the names and layouts that people use, and what is refused."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from aprende.core.contract import Table
from aprende.core.errors import DataError
from aprende.intake import images

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 8, 9, 3), dtype=np.uint8)


def npz(at: Path, **arrays: object) -> Table:
    np.savez_compressed(at / "set.npz", **arrays)  # type: ignore[arg-type]
    return images.read(at / "set.npz")


def classes(table: Table) -> list[str | None]:
    return list(table.columns["class"])


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y"), ("X", "Y"), ("data", "target"), ("arr_0", "arr_1"),
                                   ("train_images", "train_labels"), ("x_train", "y_train")])  # fmt: skip
def test_names(tmp_path: Path, names: tuple[str, str]) -> None:
    table = npz(tmp_path, **{names[0]: PIXELS, names[1]: np.array([0, 1, 2, 0, 1, 10])})
    np.testing.assert_array_equal(table.columns["image"], PIXELS)
    assert classes(table) == ["0", "1", "2", "0", "1", "10"]
    assert table.fields["class"].options == ("0", "1", "2", "10")
    assert table.parts is None


@pytest.mark.parametrize("names", [("x_train", "y_train", "x_test", "y_test"), ("xtrain", "ytrain", "xtest", "ytest"),
                                   ("train_images", "train_labels", "test_images", "test_labels"),
                                   ("X_train", "Y_train", "X_test", "Y_test")])  # fmt: skip
def test_parts(tmp_path: Path, names: tuple[str, ...]) -> None:
    held = (PIXELS, np.arange(6)[:, None], PIXELS[:2], np.array([4.0, 5.0]))
    table = npz(tmp_path, **dict(zip(names, held, strict=True)))
    assert table.rows == 8
    assert classes(table)[6:] == ["4", "5"]
    assert list(table.parts or []) == ["train"] * 6 + ["test"] * 2


def test_layouts(tmp_path: Path) -> None:
    first = npz(tmp_path, images=PIXELS.transpose(0, 3, 1, 2)).columns["image"]
    np.testing.assert_array_equal(first, PIXELS)
    assert npz(tmp_path, images=PIXELS[..., 0]).columns["image"].shape == (6, 8, 9, 1)
    rows = npz(tmp_path, images=PIXELS[:, :8, :8, 0].reshape(6, 64)).columns["image"]
    np.testing.assert_array_equal(rows[..., 0], PIXELS[:, :8, :8, 0])
    alpha = np.concatenate([PIXELS, np.zeros((6, 8, 9, 1), np.uint8)], axis=3)
    assert (npz(tmp_path, images=alpha).columns["image"] == 255).all()


def test_number_types_are_scaled_and_noted(tmp_path: Path) -> None:
    table = npz(tmp_path, images=PIXELS.astype(np.float32) / 255)
    np.testing.assert_array_equal(table.columns["image"], PIXELS)
    assert any("float32" in note.text for note in table.notes)


def test_labels_of_many_kinds(tmp_path: Path) -> None:
    assert classes(npz(tmp_path, images=PIXELS, labels=np.eye(6)[[2, 0, 1, 5, 4, 3]])) == ["2", "0", "1", "5", "4", "3"]
    assert classes(npz(tmp_path, images=PIXELS, labels=np.array(list("ñbcdef")))) == list("ñbcdef")
    named = npz(tmp_path, images=PIXELS, labels=np.array([0, 1, 0, 1, 0, 1]), class_names=np.array(["no", "sí"]))
    assert classes(named) == ["no", "sí"] * 3


def test_what_cannot_be_used_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected one label"):
        npz(tmp_path, images=PIXELS, labels=np.arange(5))
    with pytest.raises(DataError, match="holds no pictures"):
        npz(tmp_path, numbers=np.arange(5))
    with pytest.raises(DataError, match="pickle"):
        npz(tmp_path, images=np.array([{}, []], dtype=object))
    with pytest.raises(DataError, match="different shapes"):
        npz(tmp_path, x_train=PIXELS, x_test=PIXELS[:, :4])
    (tmp_path / "bad.npz").write_bytes(b"no zip")
    with pytest.raises(DataError, match=r"bad\.npz"):
        images.read(tmp_path / "bad.npz")


def test_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", PIXELS)
    np.testing.assert_array_equal(images.read(tmp_path / "a.npy").columns["image"], PIXELS)


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


@pytest.mark.parametrize("pattern", ["{part}-{what}-idx{n}-ubyte.gz", "{part}-{what}.idx{n}-ubyte"])
def test_idx_folder(tmp_path: Path, pattern: str) -> None:
    for part, n in (("train", 4), ("t10k", 2)):
        for what, held in (("images", PIXELS[:n, ..., 0]), ("labels", np.arange(n, dtype=np.uint8))):
            data = idx(held)
            name = pattern.format(part=part, what=what, n=held.ndim)
            (tmp_path / name).write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
    table = images.read(tmp_path)
    assert sorted(zip(table.parts or [], classes(table), strict=True)) == [
        ("test", "0"), ("test", "1"), ("train", "0"), ("train", "1"), ("train", "2"), ("train", "3")]  # fmt: skip
    assert table.columns["image"].shape == (6, 8, 9, 1)


@pytest.mark.parametrize(
    "data", [idx(PIXELS[..., 0])[:-1], b"", b"\0\0\x08\x09" + bytes(40), gzip.compress(b"abc", mtime=0)[:9]]
)
def test_damaged_idx(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(data)
    with pytest.raises(DataError, match="cannot be read as arrays"):
        images.read(tmp_path / "train-images-idx3-ubyte")


def test_headers_that_promise_too_much_are_refused_before_reading(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(struct.pack(">HBB3I", 0, 14, 3, 2**31, 2**10, 2**10))
    with pytest.raises(DataError, match="GB"):
        images.read(tmp_path)


def test_mnist(data_dir: Path) -> None:
    table = images.read(data_dir / "mnist")
    labels = np.array(classes(table))
    parts = np.array(table.parts)
    assert labels[parts == "train"][:6].tolist() == list("504192")
    assert labels[parts == "test"][:6].tolist() == list("721041")
    assert (parts == "train").sum() == 60_000
