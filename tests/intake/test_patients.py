"""Whose picture it is: by column, by DICOM, by name; and never on two sides."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image as Pillow

from aprende.core.contract import Table
from aprende.core.errors import SettingError
from aprende.core.fields import Category, Image
from aprende.core.settings import Settings
from aprende.intake import images, patients, pictures
from intake.dicom_help import dicom


def folder(root: Path, *names: str) -> Table:
    """Pictures of noise under these names."""
    rng = np.random.default_rng(0)
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(rng.integers(0, 255, (20, 20), dtype=np.uint8)).save(root / name)
    return images.read(root)


def names_of(table: Table, asked: str = "") -> list[str]:
    found = patients.find(table, asked)
    assert found.told
    assert found.names is not None
    return found.names


@pytest.mark.parametrize("column", ["patient", "Patient ID", "subject_id", "paciente"])
def test_by_a_column(column: str) -> None:
    words = pl.Series(["a", "a", None, "b"])
    table = Table(
        {"image": np.zeros((4, 8, 8, 1), np.uint8), column: words}, {"image": Image(1, 8), column: Category()}
    )
    names = names_of(table)
    assert names[0] == names[1]
    assert len(set(names)) == 3
    assert column in patients.find(table).note.text
    with pytest.raises(SettingError, match="nobody"):
        patients.find(table, "nobody")


def test_by_the_number_before_the_pictures_number(tmp_path: Path) -> None:
    table = folder(tmp_path, *(f"{i // 3:08d}_{i % 3:03d}.png" for i in range(12)))
    assert names_of(table) == [f"{i // 3:08d}" for i in range(12)]


def test_by_words_in_the_path(tmp_path: Path) -> None:
    table = folder(tmp_path, "a/patient1/x.png", "a/patient1/y.png", "b/patient02/x.png", "b/patient3/x.png")
    names = names_of(table)
    assert names[0] == names[1]
    assert len(set(names)) == 3


def test_by_days_views_and_parts(tmp_path: Path) -> None:
    table = folder(tmp_path, "covid-4-day0-PA.png", "covid-4-day35-PA.png", "nejm_f1a.png", "nejm_f1b.png", "alone.png",
                   "case-7-PA.png", "case-7-lateral.png")  # fmt: skip
    held = dict(zip((f.stem for f in table.columns["image"].files), names_of(table), strict=True))
    assert held["covid-4-day0-PA"] == held["covid-4-day35-PA"]
    assert held["nejm_f1a"] == held["nejm_f1b"]
    assert held["case-7-PA"] == held["case-7-lateral"]
    assert len(set(held.values())) == 4


def test_plain_numbers_are_no_patients_and_that_is_a_warning(tmp_path: Path) -> None:
    found = patients.find(folder(tmp_path, *(f"img_{i:03d}.png" for i in range(20))))
    assert not found.told
    assert found.note.level == "warning"
    assert "--group" in found.note.text


def test_by_dicom_files_as_a_hash(tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    for i in range(4):
        dicom(tmp_path / f"{i}.dcm", np.full((8, 8), i * 99, np.uint16), patient=f"Secret{i // 2}")
    names = names_of(images.read(tmp_path))
    assert names[0] == names[1] != names[2] == names[3]
    assert not any("Secret" in name for name in names)


def test_no_patient_is_on_two_sides_even_where_the_source_has_him_there() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (60, 16, 16, 1), dtype=np.uint8)
    whose = pl.Series([f"p{i // 4}" for i in range(60)])
    table = Table({"image": pixels, "patient": whose}, {"image": Image(1, 16), "patient": Category()})
    loaded, found = pictures.load(pixels, 16, 1), patients.find(table)
    made, notes = patients.part(table, loaded, found, Settings(), 0.2)
    assert not notes
    sides = [{whose[int(i)] for i in rows} for rows in (made.train, made.valid, made.test)]
    assert all(sides)
    assert not sides[0] & sides[1]
    assert not (sides[0] | sides[1]) & sides[2]

    parted = Table(table.columns, table.fields, parts=["test" if i % 4 == 0 and i < 20 else "train" for i in range(60)])
    made, notes = patients.part(parted, loaded, found, Settings(), 0.2)
    sides = [{whose[int(i)] for i in rows} for rows in (made.train, made.valid, made.test)]
    assert not (sides[0] | sides[1]) & sides[2]
    assert not sides[0] & sides[1]
    assert sum(note.count for note in notes) >= 15
