"""Folder conventions: class folders, parts, wrappers, what is passed over, what is noted."""

import os
from pathlib import Path

import pytest
from PIL import Image

from aprende.core.contract import Table
from aprende.core.errors import DataError
from aprende.intake import images


def tree(root: Path, *names: str) -> Path:
    """Write a small picture for each name that ends like one, an empty folder for "…/", else a text file."""
    for i, name in enumerate(names):
        file = root / name
        if name.endswith("/"):
            file.mkdir(parents=True)
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix in (".png", ".jpg"):
            Image.new("RGB", (8, 8), (i * 9 % 256, 40, 90)).save(file)
        else:
            file.write_text("x")
    return root


def rows(table: Table) -> dict[str, tuple[str | None, str | None]]:
    """Return {file: (class, part)}."""
    classes = table.columns["class"].to_list() if "class" in table.columns else [None] * table.rows
    return dict(zip(table.columns["file"], zip(classes, table.parts or [None] * table.rows, strict=True), strict=True))


def told(table: Table) -> str:
    return " | ".join(f"{note.count} {note.where} {note.text} [{note.level}]" for note in table.notes)


def test_class_folders(tmp_path: Path) -> None:
    table = images.read(tree(tmp_path, "perro/1.png", "perro/más/2.jpg", "gato/3.png", "vacía/", "x.png", "léeme.txt"))
    assert rows(table) == {
        "gato/3.png": ("gato", None),
        "perro/1.png": ("perro", None),
        "perro/más/2.jpg": ("perro", None),
    }
    assert table.target == "class"
    assert table.fields["class"].options == ("gato", "perro")
    assert "1 vacía vacía holds no picture: it is no class. [left out]" in told(table)
    assert "1 pictures lie outside any class folder" in told(table)
    assert "1 .txt" in told(table)


@pytest.mark.parametrize("names", [("train", "test"), ("Entrenamiento", "Prueba"), ("TRAIN", "testing")])
def test_parts(tmp_path: Path, names: tuple[str, str]) -> None:
    train, test = names
    table = images.read(tree(tmp_path, f"{train}/a/1.png", f"{train}/b/2.png", f"{test}/a/3.png"))
    assert rows(table) == {f"{train}/a/1.png": ("a", "train"), f"{train}/b/2.png": ("b", "train"),
                           f"{test}/a/3.png": ("a", "test")}  # fmt: skip


def test_imagenet_with_wrapper_and_flat_test(tmp_path: Path) -> None:
    table = images.read(tree(tmp_path, "ILSVRC/Data/train/n01/1.png", "ILSVRC/Data/train/n02/2.png",
                             "ILSVRC/Data/val/n01/3.png", "ILSVRC/Data/test/4.png", "ILSVRC/notes.txt"))  # fmt: skip
    assert sorted(rows(table).values(), key=str) == [
        ("n01", "train"),
        ("n01", "valid"),
        ("n02", "train"),
        (None, "test"),
    ]
    assert "used as unlabelled" in told(table)


def test_validation_is_the_test_where_there_is_no_other(tmp_path: Path) -> None:
    table = images.read(tree(tmp_path, "train/a/1.png", "train/b/2.png", "validation/a/3.png"))
    assert list(table.parts or []) == ["train", "train", "test"]
    assert "The validation part (1 pictures) is kept as the test" in told(table)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    table = images.read(tree(tmp_path, "train/1.png", "bus/2.png", "car/3.png"))
    assert table.fields["class"].options == ("bus", "car", "train")
    assert table.parts is None


def test_folders_beside_parts_are_left_out(tmp_path: Path) -> None:
    table = images.read(tree(tmp_path, "train/a/1.png", "train/b/2.png", "test/a/3.png", "extra/a/4.png", "5.png"))
    assert table.rows == 3
    assert "2 pictures lie outside the folders of train, valid and test: left out. [left out]" in told(table)


def test_class_that_train_lacks_is_warned_of(tmp_path: Path) -> None:
    table = images.read(tree(tmp_path, "train/a/1.png", "train/b/2.png", "test/c/3.png"))
    assert "c: train holds no picture of this class, so it cannot be learnt. [warning]" in told(table)


def test_wrapping_folder_is_seen_through(tmp_path: Path) -> None:
    table = images.read(tree(tmp_path, "fotos/perro/1.png", "fotos/gato/2.png", "fotos/nada/"))
    assert table.fields["class"].options == ("gato", "perro")
    assert "nada holds no picture" in told(table)


def test_one_class_is_a_class(tmp_path: Path) -> None:
    assert images.read(tree(tmp_path, "perro/1.png", "perro/2.png")).fields["class"].options == ("perro",)


def test_flat_folder_has_no_labels(tmp_path: Path) -> None:
    table = images.read(tree(tmp_path, "2.png", "10.png"))
    assert list(table.columns["file"]) == ["2.png", "10.png"]
    assert table.target is None
    assert "class" not in table.columns


def test_system_files_are_passed_over_and_counted(tmp_path: Path) -> None:
    table = images.read(
        tree(tmp_path, "a/1.png", "b/2.png", "a/Thumbs.db", ".DS_Store", "b/._1.png", "__MACOSX/a/3.png")
    )
    assert table.rows == 2
    assert "3 system files passed over" in told(table)


def test_accents_written_in_two_ways_are_one_class(tmp_path: Path) -> None:
    table = images.read(tree(tmp_path, "train/nin\u0303o/1.png", "train/b/2.png", "test/ni\xf1o/3.png"))
    assert table.fields["class"].options == ("b", "ni\xf1o")


def test_classes_in_natural_order(tmp_path: Path) -> None:
    table = images.read(tree(tmp_path, "10/1.png", "2/2.png", "1/3.png"))
    assert table.fields["class"].options == ("1", "2", "10")


def test_links_that_lead_in_circles(tmp_path: Path) -> None:
    tree(tmp_path, "a/1.png", "b/2.png")
    os.symlink(tmp_path, tmp_path / "a" / "up")
    assert images.read(tmp_path).rows == 2


def test_picture_without_an_ending(tmp_path: Path) -> None:
    tree(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "a" / "1.png").rename(tmp_path / "a" / "one")
    assert images.read(tmp_path).rows == 2


def test_no_pictures_says_what_came(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)casas\.csv.*metadata\.csv"):
        images.read(tree(tmp_path, "casas.csv"))
    with pytest.raises(DataError, match=r"perros\?|Did you mean 'perros'"):
        images.read(tree(tmp_path / "x", "perros/1.png") / "perro")
