"""A table beside pictures: its rows find their pictures, and never lead out of the folder."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aprende.core.contract import Table
from aprende.intake import images


def folder(root: Path, table: str, n: int = 30, name: str = "metadata.csv") -> Table:
    rng = np.random.default_rng(0)
    (root / "a").mkdir(parents=True, exist_ok=True)
    for i in range(n):
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(root / "a" / f"{i}.png")
    (root / name).write_text(table, encoding="utf-8")
    return images.read(root)


def told(table: Table) -> str:
    return " | ".join(f"{note.count} {note.text} [{note.level}]" for note in table.notes)


def test_columns_follow_their_pictures(tmp_path: Path) -> None:
    lines = [f"a/{i}.png,{'perro' if i % 2 else 'gato'},{i / 2}" for i in reversed(range(30))]
    table = folder(tmp_path, "file_name,clase,peso\n" + "\n".join(lines))
    assert list(table.columns["file"]) == [f"a/{i}.png" for i in reversed(range(30))]
    assert list(table.columns["clase"])[:2] == ["perro", "gato"]
    np.testing.assert_allclose(table.columns["peso"], np.arange(29, -1, -1) / 2)
    assert table.target == "clase"
    assert "class" not in table.columns


def test_rows_without_a_picture_are_set_aside(tmp_path: Path) -> None:
    lines = [f"a/{i}.png,{i}" for i in range(20)] + ["../../etc/passwd,1", "/etc/passwd,2", "a/0.png,3"]
    table = folder(tmp_path, "file_name,peso\n" + "\n".join(lines))
    assert table.rows == 20
    assert "2 rows name a picture that is not in the folder" in told(table)
    assert "1 rows name a picture again" in told(table)
    assert "10 pictures are not named by the table: left out. [left out]" in told(table)


@pytest.mark.parametrize(("name", "column"), [("fotos.csv", "image"), ("datos.csv", "archivo")])
def test_any_table_that_names_the_pictures(tmp_path: Path, name: str, column: str) -> None:
    lines = [f"{i}.png,{i % 3}.5" for i in range(30)]
    table = folder(tmp_path, f"{column},peso\n" + "\n".join(lines), name=name)
    assert table.rows == 30
    assert table.columns["peso"][1] == 1.5


def test_a_table_of_something_else_is_passed_over(tmp_path: Path) -> None:
    table = folder(tmp_path, "file,peso\n" + "\n".join(f"other{i}.wav,{i}" for i in range(30)), name="sonidos.csv")
    assert table.target == "class"


def test_one_table_a_part(tmp_path: Path) -> None:
    for part, n in (("train", 30), ("test", 20)):
        (tmp_path / part).mkdir()
        for i in range(n):
            Image.new("RGB", (8, 8), (i, 9, 9)).save(tmp_path / part / f"{i}.png")
        lines = [f"{i}.png,{'x' if i % 2 else 'y'}" for i in range(n)]
        (tmp_path / part / "metadata.csv").write_text("file_name,label\n" + "\n".join(lines))
    table = images.read(tmp_path)
    parts = list(table.parts or [])
    assert (parts.count("train"), parts.count("test")) == (30, 20)
    assert set(table.columns["label"]) == {"x", "y"}


@pytest.mark.parametrize("n", [1, 4, 9])
def test_few_rows_are_enough_beside_pictures(tmp_path: Path, n: int) -> None:
    lines = [f"a/{i}.png,{'perro' if i % 2 else 'gato'},{i / 2}" for i in range(n)]
    table = folder(tmp_path, "file_name,clase,peso\n" + "\n".join(lines), n)
    assert table.rows == n
    assert list(table.columns["clase"]) == ["gato" if i % 2 == 0 else "perro" for i in range(n)]
    np.testing.assert_allclose(table.columns["peso"], np.arange(n) / 2)
