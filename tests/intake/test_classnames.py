"""Words for numbered folders: ImageNet's layout in small, and files that are something else."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from aprende.intake.classnames import words
from aprende.intake.images import read

WORDS = {"n03": "crane", "n01": "tench, Tinca tinca", "n02": "crane, bird", "n10": "maillot", "n11": "maillot"}


def folder(root: Path, each: int = 2) -> Path:
    """train/<wnid>/ and val/<wnid>/ with a few pictures."""
    rng = np.random.default_rng(0)
    for part in ("train", "val"):
        for name in WORDS:
            (root / part / name).mkdir(parents=True)
            for i in range(each):
                pixels = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
                Pillow.fromarray(pixels).save(root / part / name / f"{name}_{i}.JPEG", "JPEG")
    return root


def names(root: Path, name: str = "LOC_synset_mapping.txt", told: dict[str, str] = WORDS) -> None:
    (root / name).write_text("".join(f"{key} {held}\n" for key, held in told.items()), encoding="utf-8")


def test_imagenets_layout_is_read_with_its_parts_and_words(tmp_path: Path) -> None:
    names(folder(tmp_path))
    table = read(tmp_path)
    assert table.parts is not None
    assert (table.parts.count("train"), table.parts.count("test")) == (10, 10)
    expected = ("tench", "crane, bird", "crane", "maillot (n10)", "maillot (n11)")  # in the order of the folders
    assert table.fields["class"].options == expected  # type: ignore[attr-defined]
    assert set(table.columns["class"]) == set(expected)
    assert any("LOC_synset_mapping.txt names the classes" in note.text for note in table.notes)


def test_without_such_a_file_or_with_one_of_other_classes_the_folders_name_them(tmp_path: Path) -> None:
    names(folder(tmp_path), "classes.txt", {"n01": "tench", "other": "words"})
    assert read(tmp_path).fields["class"].options == tuple(sorted(WORDS))  # type: ignore[attr-defined]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"justonewordaline\n"])
def test_a_file_that_is_no_such_text_tells_nothing(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_bytes(content)
    assert words([tmp_path / "words.txt", tmp_path / "missing.txt"], {"n01"}) == ({}, [])


def test_tabs_separate_too(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("n01\ttench, Tinca tinca\n", encoding="utf-8")
    assert words([tmp_path / "words.txt"], {"n01"})[0] == {"n01": "tench"}
