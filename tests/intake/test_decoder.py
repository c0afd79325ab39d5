"""One picture, whatever its form: what a person sees is what comes out, and what cannot be used says why."""

import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from aprende.core.errors import InputError
from aprende.intake import decoder
from aprende.intake.decoder import decode, fit, open_picture, square

RAMP = (np.linspace(0, 1, 64)[None, :, None] * [200, 120, 60] + np.linspace(0, 50, 48)[:, None, None]).astype(np.uint8)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    held = io.BytesIO()
    image.save(held, form, **options)
    return held.getvalue()


def near(a: np.ndarray, b: np.ndarray, most: float) -> bool:
    return a.shape == b.shape and float(np.abs(a.astype(float) - b).mean()) <= most


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_forms(form: str) -> None:
    np.testing.assert_array_equal(decode(saved(Image.fromarray(RAMP), form)), RAMP)


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "GIF"])
def test_lossy_forms(form: str) -> None:
    assert near(decode(saved(Image.fromarray(RAMP), form)), RAMP, 4)


def test_cmyk_keeps_its_colours() -> None:
    assert near(decode(saved(Image.fromarray(RAMP).convert("CMYK"), "JPEG", quality=95)), RAMP, 4)


def test_sixteen_bits_are_scaled_not_cut() -> None:
    np.testing.assert_array_equal(decode(saved(Image.fromarray(RAMP[..., 0].astype(np.uint16) * 257), "PNG"))[..., 0],
                                  RAMP[..., 0])  # fmt: skip


def test_twelve_bits_in_sixteen_are_seen_as_such() -> None:
    twelve = saved(Image.fromarray((RAMP[..., 0] * (4095 / 255)).astype(np.uint16)), "PNG")
    assert near(decode(twelve)[..., 0], RAMP[..., 0], 1)


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_turns(turn: int) -> None:
    exif = Image.Exif()
    exif[274] = turn
    undone = {1: RAMP, 2: RAMP[:, ::-1], 3: RAMP[::-1, ::-1], 4: RAMP[::-1], 5: RAMP.transpose(1, 0, 2),
              6: np.rot90(RAMP, -1), 7: np.rot90(RAMP, 2).transpose(1, 0, 2), 8: np.rot90(RAMP)}  # fmt: skip
    for form in ("JPEG", "PNG", "TIFF"):
        assert near(decode(saved(Image.fromarray(RAMP), form, exif=exif)), undone[turn], 4), form


def test_transparency_is_laid_on_white() -> None:
    alpha = np.zeros(RAMP.shape[:2], np.uint8)
    alpha[:, :32] = 255
    pixels = decode(saved(Image.fromarray(np.dstack([RAMP, alpha])), "PNG"))
    np.testing.assert_array_equal(pixels[:, :32], RAMP[:, :32])
    assert (pixels[:, 32:] == 255).all()
    grey = decode(saved(Image.fromarray(np.dstack([RAMP[..., 0], alpha])), "PNG"))
    assert grey.shape == (48, 64, 1)
    assert (grey[:, 32:] == 255).all()


def test_palette_transparency_is_laid_on_white() -> None:
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((0, 0), 1)
    pixels = decode(saved(palette, "PNG", transparency=0))
    assert pixels[0, 0].tolist() == [0, 0, 255]
    assert pixels[3, 3].tolist() == [255, 255, 255] or pixels[3, 3].tolist() == [255]


def test_one_bit_and_grey_have_one_channel() -> None:
    assert decode(saved(Image.fromarray(RAMP).convert("1"), "PNG")).shape == (48, 64, 1)
    assert decode(saved(Image.fromarray(RAMP[..., :1].repeat(3, 2)), "PNG")).shape == (48, 64, 1)
    assert set(np.unique(decode(saved(Image.fromarray(RAMP).convert("1"), "PNG")))) <= {0, 255}


def test_first_frame_of_an_animation() -> None:
    frames = [Image.fromarray(RAMP), Image.fromarray(255 - RAMP)]
    assert near(decode(saved(frames[0], "GIF", save_all=True, append_images=frames[1:])), RAMP, 4)


def test_content_decides_not_the_ending(tmp_path: Path) -> None:
    (tmp_path / "año 사진.jpg").write_bytes(saved(Image.fromarray(RAMP), "PNG"))
    np.testing.assert_array_equal(decode(tmp_path / "año 사진.jpg"), RAMP)


@pytest.mark.parametrize(("data", "why"), [
    (b"", "empty file"), (bytes(900), "zero bytes"), (b"this is no image\n", "text"),
    (b"\x01\x02\x03\x04" * 9, "no known picture format"), (b"%PDF-1.7 x\x00", "document"),
    (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"), (b"\xff\xd8\xff\xe0\0\x10JFIF", "beyond repair"),
])  # fmt: skip
def test_what_cannot_be_used_says_why(data: bytes, why: str) -> None:
    with pytest.raises(InputError, match=why):
        decode(data)


def test_missing_and_overlong_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        decode(tmp_path / "none.jpg")
    (tmp_path / "long.jpg").write_bytes(bytes(100))
    monkeypatch.setattr(decoder, "MOST_BYTES", 99)
    with pytest.raises(InputError, match="too long"):
        decode(tmp_path / "long.jpg")


def test_bombs_are_refused_by_their_header() -> None:
    header = struct.pack(">4sIIBBBBB", b"IHDR", 40_000, 40_000, 1, 0, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(bytes(9))
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, pixels)]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
    tracemalloc.start()
    with pytest.raises(InputError, match="million"):
        decode(data)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_cut_pictures_are_used_where_most_is_there() -> None:
    photo = np.random.default_rng(0).integers(0, 255, (300, 200, 3), dtype=np.uint8)
    for form in ("JPEG", "PNG"):
        whole = saved(Image.fromarray(photo), form)
        opened = open_picture(whole[: len(whole) * 8 // 10])
        assert opened.remark
        assert 200 <= opened.image.size[1] < 300
        with pytest.raises(InputError, match="cut"):
            decode(whole[: len(whole) * 3 // 10])


@pytest.mark.parametrize(("values", "shades"), [
    (np.array([[0, 1], [1, 0]], bool), [[0, 255], [255, 0]]),
    (np.array([[0.0, 0.5], [1.0, np.nan]]), [[0, 128], [255, 0]]),
    (np.array([[-1.0, 0.0], [1.0, 0.5]]), [[0, 128], [255, 191]]),
    (np.array([[0.0, 100.4], [255.0, 3.0]]), [[0, 100], [255, 3]]),
    (np.array([[0, 65535], [257, 0]], np.uint16), [[0, 255], [1, 0]]),
    (np.array([[-300, 0], [300, 0]], np.int16), [[0, 128], [255, 128]]),
])  # fmt: skip
def test_arrays_of_any_type(values: np.ndarray, shades: list[list[int]]) -> None:
    np.testing.assert_allclose(decode(values)[..., 0], shades, atol=1)


def test_wrong_arrays_are_refused() -> None:
    for shape in ((2, 3, 5), (0, 3), (2,), (1, 2, 3, 3)):
        with pytest.raises(InputError, match="shape"):
            decode(np.zeros(shape, np.uint8))


def test_square_covers_and_crops_the_centre() -> None:
    stripes = np.zeros((40, 120, 3), np.uint8)
    stripes[:, 40:80] = 255  # the centre square
    assert (fit(stripes, 20, 3) == 255).all()
    assert fit(stripes, 40, 1).shape == (40, 40, 1)
    np.testing.assert_array_equal(fit(RAMP[:, :48], 48, 3), RAMP[:, :48])


def test_reduced_decoding_differs_little_from_whole() -> None:
    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)).resize(
        (640, 480), Image.Resampling.BICUBIC
    )
    data = saved(smooth, "JPEG", quality=92)
    assert near(square(data, 100, 3), fit(decode(data), 100, 3), 1.5)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30), st.sampled_from([1, 3]))),
       st.integers(1, 40), st.sampled_from([1, 3]))  # fmt: skip
def test_any_picture_fits_any_square(pixels: np.ndarray, size: int, channels: int) -> None:
    made = fit(pixels, size, channels)
    assert (made.shape, made.dtype) == ((size, size, channels), np.uint8)
    if pixels.min() == pixels.max():
        assert made.min() == made.max() == pixels.min()


WHOLE = {form: saved(Image.fromarray(RAMP), form) for form in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")}


@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_damaged_files_give_a_picture_or_a_reason(form: str, data: st.DataObject) -> None:
    broken = bytearray(WHOLE[form])
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        pixels = decode(bytes(broken[: data.draw(st.integers(1, len(broken)))]))
    except InputError:
        return  # a reason
    assert (pixels.dtype, pixels.ndim) == (np.uint8, 3)
