"""DICOM: what a radiologist sees is what comes out; what cannot be read is said; patients are hashes."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aprende.core.errors import InputError, MissingExtra
from aprende.intake import dicom, images, pictures
from aprende.intake.decoder import decode, open_picture
from intake.dicom_help import dicom as written

pytest.importorskip("pydicom")
RAMP = np.tile(np.linspace(0, 4095, 64).astype(np.uint16), (48, 1))


def shades(path: Path) -> Any:
    return decode(path)[:, :, 0].astype(int)


def test_low_is_white_in_monochrome1_and_both_kinds_give_the_same_picture(tmp_path: Path) -> None:
    two = shades(written(tmp_path / "2.dcm", RAMP))
    one = shades(written(tmp_path / "1.dcm", np.asarray(4095 - RAMP, np.uint16), "MONOCHROME1"))
    assert np.array_equal(one, two)
    assert (two[0, 0], two[0, -1]) == (0, 255)
    assert (np.diff(two[0]) >= 0).all()


def test_the_shared_odd_files_give_the_same_picture(odd_dir: Path) -> None:
    first, second = (decode(odd_dir / "dicom" / f"monochrome{n}.dcm") for n in (1, 2))
    assert np.array_equal(first, second)


def test_a_window_is_that_of_the_standard(tmp_path: Path) -> None:
    """PS3.3 C.11.2.1.2.1: x <= c - 0.5 - (w-1)/2 is black, x > c - 0.5 + (w-1)/2 is white, linear between."""
    seen = shades(written(tmp_path / "w.dcm", RAMP, WindowCenter=2048, WindowWidth=1025))
    values = RAMP[0].astype(float)
    wanted = np.clip((values - 2047.5) / 1024 + 0.5, 0, 1) * 255
    assert np.abs(seen[0] - wanted).max() <= 0.5
    exact = shades(
        written(tmp_path / "e.dcm", RAMP, WindowCenter=2048, WindowWidth=1024, VOILUTFunction="LINEAR_EXACT")
    )
    assert np.abs(exact[0] - np.clip((values - 2048) / 1024 + 0.5, 0, 1) * 255).max() <= 0.5
    bent = shades(written(tmp_path / "s.dcm", RAMP, WindowCenter=2048, WindowWidth=1024, VOILUTFunction="SIGMOID"))
    assert np.abs(bent[0] - 255 / (1 + np.exp(-4 * (values - 2048) / 1024))).max() <= 0.5


def test_the_first_of_several_windows_counts_and_a_bad_one_does_not(tmp_path: Path) -> None:
    several = written(tmp_path / "a.dcm", RAMP, WindowCenter=[2048, 100], WindowWidth=[1025, 10])
    single = written(tmp_path / "b.dcm", RAMP, WindowCenter=2048, WindowWidth=1025)
    assert np.array_equal(shades(several), shades(single))
    none = shades(written(tmp_path / "c.dcm", RAMP, WindowCenter=2048, WindowWidth=0))
    assert (none.min(), none.max()) == (0, 255)


def test_rescale_comes_before_the_window(tmp_path: Path) -> None:
    stored = np.tile(np.arange(0, 2000, 40, dtype=np.int16), (50, 1))
    asked = {"RescaleSlope": 2, "RescaleIntercept": -1000, "WindowCenter": 0, "WindowWidth": 401}
    seen = shades(written(tmp_path / "r.dcm", stored, bits=16, **asked))
    wanted = np.clip((stored[0] * 2.0 - 1000 + 0.5) / 400 + 0.5, 0, 1) * 255
    assert np.abs(seen[0] - wanted).max() <= 0.5


def test_sixteen_bits_signed_and_padding(tmp_path: Path) -> None:
    stored = np.tile(np.linspace(-1000, 3000, 64).astype(np.int16), (64, 1))
    stored[:8] = -2000
    seen = shades(written(tmp_path / "p.dcm", stored, bits=16, PixelPaddingValue=-2000))
    assert (seen[8, 0], seen[8, -1]) == (0, 255)
    assert (seen[:8] == 0).all()


def test_eight_bits_stay_as_they_are_and_colour_stays_colour(tmp_path: Path) -> None:
    grey = np.tile(np.arange(40, 104, dtype=np.uint8), (64, 1))
    assert np.array_equal(shades(written(tmp_path / "8.dcm", grey, bits=8)), grey)
    rgb = np.random.default_rng(0).integers(0, 255, (16, 20, 3), dtype=np.uint8)
    assert np.array_equal(decode(written(tmp_path / "c.dcm", rgb, "RGB", bits=8)), rgb)


def test_a_look_up_table_is_followed(tmp_path: Path) -> None:
    from pydicom.dataset import Dataset

    table = Dataset()
    table.add_new("LUTDescriptor", "US", [4096, 0, 8])
    table.add_new("LUTData", "OW", np.where(np.arange(4096) < 2000, 10, 200).astype(np.uint16).tobytes())
    seen = shades(written(tmp_path / "t.dcm", RAMP, VOILUTSequence=[table]))
    assert set(np.unique(seen)) == {10, 200}
    assert np.array_equal(seen[0] == 200, RAMP[0] >= 2000)


def test_of_several_frames_the_first_is_used_and_said(tmp_path: Path) -> None:
    stack = np.stack([RAMP, RAMP[:, ::-1], RAMP])
    opened = open_picture(written(tmp_path / "f.dcm", stack, frames=3))
    assert "first of 3" in opened.remark
    assert np.asarray(opened.image)[0, 0] == 0


def test_what_cannot_be_unpacked_is_refused_by_name(tmp_path: Path) -> None:
    from pydicom.encaps import encapsulate

    path = written(tmp_path / "j.dcm", RAMP)
    import pydicom

    held = pydicom.dcmread(path)
    held.file_meta.TransferSyntaxUID = pydicom.uid.UID("1.2.840.10008.1.2.4.70")
    held.PixelData = encapsulate([b"\xff\xd8\xff\xc3 no picture \xff\xd9"])
    held["PixelData"].is_undefined_length = True
    held["PixelData"].VR = "OB"
    held.save_as(path, enforce_file_format=True)
    with pytest.raises(InputError, match="JPEG Lossless"):
        decode(path)


def test_damaged_and_empty_files_are_refused(tmp_path: Path) -> None:
    whole = written(tmp_path / "w.dcm", RAMP).read_bytes()
    for cut in (140, 300, 700, len(whole) - 2000):
        with pytest.raises(InputError):
            decode(whole[:cut])
    import pydicom

    held = pydicom.dcmread(tmp_path / "w.dcm")
    del held.PixelData
    held.save_as(tmp_path / "n.dcm")
    with pytest.raises(InputError, match="without a picture"):
        decode(tmp_path / "n.dcm")
    held = pydicom.dcmread(tmp_path / "w.dcm")
    held.Rows, held.Columns = 60000, 60000
    held.save_as(tmp_path / "b.dcm")
    with pytest.raises(InputError, match="million"):
        decode(tmp_path / "b.dcm")


def test_random_damage_never_raises_anything_else(tmp_path: Path) -> None:
    whole = bytearray(written(tmp_path / "w.dcm", RAMP, WindowCenter=2048, WindowWidth=1025).read_bytes())
    rng = np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(whole)
        for at in rng.integers(132, 900, 6):
            broken[at] = rng.integers(0, 256)
        try:
            decode(bytes(broken))
        except InputError:
            continue


def test_without_pydicom_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "w.dcm", RAMP)
    dicom._pydicom.cache_clear()
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(MissingExtra, match=r"aprende\[medical\]"):
        decode(path)
    dicom._pydicom.cache_clear()


def test_a_patient_is_a_hash(tmp_path: Path) -> None:
    first, second = (written(tmp_path / f"{n}.dcm", RAMP, patient="Erika-17") for n in (1, 2))
    other = written(tmp_path / "3.dcm", RAMP, patient="Max-4")
    named = dicom.patient(first)
    assert named == dicom.patient(second) != dicom.patient(other)
    assert named is not None
    assert "17" not in named or "Erika" not in named
    (tmp_path / "x.png").write_bytes(b"\x89PNG")
    assert dicom.patient(tmp_path / "x.png") is None
    assert dicom.patient(tmp_path / "nothing.dcm") is None


def test_a_folder_of_dicom_files_is_a_folder_of_pictures(tmp_path: Path) -> None:
    for i in range(4):
        name = f"{'normal' if i % 2 else 'pneumonia'}/{i}" + (".dcm" if i < 2 else "")
        written(tmp_path / name, np.roll(RAMP, 9 * i, axis=1))
    (tmp_path / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    table = images.read(tmp_path)
    assert table.rows == 4
    assert set(table.columns["class"]) == {"normal", "pneumonia"}
    loaded = pictures.load(table.columns["image"], 32, 1, pressed=True)
    assert loaded.pixels.shape == (4, 32, 32, 1)
    assert len(set(loaded.hashes.tolist())) == 4
