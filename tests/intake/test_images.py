"""Every source of pictures through the one door, and the odd files, each with its right outcome."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aprende.core.errors import DataError
from aprende.intake import archives, images, pictures


def photos(root: Path, *names: str) -> Path:
    rng = np.random.default_rng(0)
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)).save(root / name)
    return root


def test_one_picture_and_a_list(tmp_path: Path) -> None:
    photos(tmp_path, "1.png", "2.png")
    assert images.read(tmp_path / "1.png").columns["image"][0].shape == (12, 12, 3)
    table = images.read([tmp_path / "2.png", str(tmp_path / "1.png")])
    assert [Path(name).name for name in table.columns["file"]] == ["2.png", "1.png"]
    with pytest.raises(DataError, match="empty"):
        images.read([])


def test_suits() -> None:
    assert images.suits(["a.jpg", "b.PNG"])
    assert images.suits("train-images-idx3-ubyte.gz")
    assert not images.suits("casas.csv")
    assert not images.suits(["a.jpg", "b.csv"])


def zipped(at: Path, root: Path, *more: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(at, "w", zipfile.ZIP_DEFLATED) as held:
        for file in sorted(root.rglob("*.png")):
            held.write(file, file.relative_to(root))
        for name, data in more:
            held.writestr(name, data)
    return at


def test_zip(tmp_path: Path) -> None:
    root = photos(tmp_path / "x", "fotos/niño/1.png", "fotos/b/2.png")
    table = images.read(zipped(tmp_path / "a.zip", root, ("__MACOSX/fotos/b/._2.png", b"x")))
    assert table.fields["class"].options == ("b", "niño")
    assert list(table.columns["file"]) == ["fotos/b/2.png", "fotos/niño/1.png"]
    assert images.read(tmp_path / "a.zip").rows == 2


@pytest.mark.parametrize("name", ["../out.png", "a/../../out.png", "/abs.png", "C:\\x\\out.png", "..\\out.png"])
def test_zip_never_writes_outside(tmp_path: Path, name: str) -> None:
    root = photos(tmp_path / "x", "a/1.png", "b/2.png")
    before = {f for f in tmp_path.rglob("*") if "cache" not in f.parts}
    table = images.read(zipped(tmp_path / "a.zip", root, (name, b"x")))
    assert table.rows == 2
    assert any("lead out of it" in note.text for note in table.notes)
    assert {f for f in tmp_path.rglob("*") if "cache" not in f.parts} == before | {tmp_path / "a.zip"}


def test_zip_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = zipped(tmp_path / "a.zip", photos(tmp_path / "x", "a/1.png", "b/2.png"))
    monkeypatch.setattr(archives, "MOST_BYTES", 100)
    with pytest.raises(DataError, match="at most"):
        images.read(file)
    (tmp_path / "cut.zip").write_bytes(file.read_bytes()[:200])
    with pytest.raises(DataError, match="no whole zip"):
        images.read(tmp_path / "cut.zip")


@pytest.mark.parametrize("few", [0, 16])
def test_prepared_sets_aside_and_keeps_the_rest_in_step(
    tmp_path: Path, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "FEW", few)
    photos(tmp_path, "train/a/1.png", "train/b/2.png", "test/a/3.png")
    (tmp_path / "train" / "a" / "0.png").write_bytes(b"")
    table = images.prepared(images.read(tmp_path), 6, 3)
    assert [picture.shape for picture in table.columns["image"]] == [(12, 12, 3) if few else (6, 6, 3)] * 3
    assert list(table.columns["file"]) == ["test/a/3.png", "train/a/1.png", "train/b/2.png"]
    assert list(table.columns["class"]) == ["a", "a", "b"]
    assert list(table.parts or []) == ["test", "train", "train"]
    assert table.notes[-1].text == "0.png: empty file"


def test_nothing_that_can_be_used_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("words")
    with pytest.raises(DataError, match=r"a\.jpg: text, not a picture"):
        images.prepared(images.read(tmp_path / "a.jpg"), 8, 3)


def test_odd_files(odd_dir: Path) -> None:
    table = images.read(odd_dir / "images")
    assert table.fields["class"].options == ("azul", "rojo")
    assert any(note.where == "clase_vacia" for note in table.notes)
    assert any("system files" in note.text and note.count == 2 for note in table.notes)
    loaded = pictures.load(table.columns["image"])
    used = {Path(name).name for name in np.array(table.columns["file"])[loaded.kept]}
    good = {"cmyk.jpg", "sixteen_bit.png", "turned_by_exif.jpg", "palette_transparent.png", "grey_alpha.png"}
    good |= {"one_bit.png", "animated.gif", "really_a_png.jpg", "tamaño ñandú 사진.png", "one_pixel.png", "whole.jpg"}
    bad = {"cut.jpg", "empty.jpg", "zeros.jpg", "text.jpg", "bomb.png"}
    assert used == good | {f"{i}.png" for i in range(12)}
    assert {note.text.split(":")[0] for note in loaded.notes if note.level == "set aside"} == bad


def test_odd_pictures_look_right(odd_dir: Path) -> None:
    files = images.read(odd_dir / "images" / "rojo").columns["image"].files
    shown = {file.name: pictures.decode(file).astype(float) for file in files
             if file.stem in ("whole", "cmyk", "turned_by_exif", "sixteen_bit", "animated")}  # fmt: skip
    whole = shown["whole.jpg"]
    assert np.abs(shown["cmyk.jpg"] - whole).mean() < 5
    assert np.abs(shown["animated.gif"] - whole).mean() < 5
    assert np.abs(np.rot90(whole, -1) - shown["turned_by_exif.jpg"]).mean() < 5
    assert np.abs(shown["sixteen_bit.png"] - whole[..., :1]).mean() < 5


@pytest.mark.parametrize(("name", "rows", "classes"), [("cifar10", 7000, 10), ("chihuahua_muffin", 150, 2)])
def test_real_folders(data_dir: Path, name: str, rows: int, classes: int) -> None:
    table = images.read(data_dir / name)
    assert (table.rows, len(table.fields["class"].options)) == (rows, classes)
    assert set(table.parts or []) == {"train", "test"}
