"""One picture, whatever its form, as uint8 pixels: the same code for training and for prediction.

Content decides, not the ending. What a picture looks like to a person is what comes out: turned as EXIF says, CMYK in
its right colours, transparency on white, 16 bits scaled, DICOM through its window (`dicom.py`). Size is known from the
header before a pixel is decoded.
Knows no folder, no class and no cache.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFile, UnidentifiedImageError

from aprende.core.errors import InputError
from aprende.core.words import t
from aprende.intake import dicom

VERSION = 4  # of what comes out and is kept: part of every cache key
MOST_PIXELS = 100_000_000  # about 300 MB decoded
MOST_BYTES = 1 << 29  # of one file
LEAST_SEEN = 0.5  # share of its rows that a cut picture must still have to be used
USUAL = ("JPEG", "PNG", "GIF", "BMP", "PPM")  # to load Pillow's readers of all formats takes longer than to decode
FORMATS = ("JPEG", "MPO", "PNG", "GIF", "BMP", "DIB", "WEBP", "TIFF", "PPM", "ICO", "JPEG2000", "AVIF")
ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".ico", ".jp2", ".j2k", ".avif", ".heic", ".heif"),
    *dicom.ENDINGS,
)
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    Pillow.DecompressionBombError,
)  # fmt: skip  what Pillow raises on bad bytes
TURNS = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}  # EXIF orientation → what undoes it
ASIDE = [TURNS[orientation] for orientation in (5, 6, 7, 8)]  # those that make width of height
GREY = 127  # beside a picture that does not fill its canvas

Pixels = NDArray[np.uint8]
Picture = str | Path | bytes | NDArray[Any] | Pillow.Image


@dataclass(frozen=True)
class Opened:
    """A picture in mode "L" or "RGB", upright; `size`: (width, height) of the file, upright; `remark`: what was
    repaired. `image` may be smaller than the file's picture: see `open_picture`."""

    image: Pillow.Image
    size: tuple[int, int]
    remark: str = ""


def decode(picture: Picture) -> Pixels:
    """Return the picture as uint8 (H, W, 3), or (H, W, 1) where it is grey; raise InputError with the reason."""
    opened = open_picture(picture).image
    return without_grey_copies(as_pixels(opened))


def square(picture: Picture, size: int, channels: int, pressed: bool = False) -> Pixels:
    """Return the picture's centre as uint8 (size, size, channels); its shorter side covers the square.

    pressed: nothing is cut off; the longer side is pressed together instead.
    """
    return as_pixels(fitted(open_picture(picture, least=size).image, size, channels, pressed))


def open_picture(picture: Picture, least: int = 0) -> Opened:
    """Return the picture decoded; raise InputError with the reason where nothing can be done.

    least: where given, sides that stay at least this long will do (JPEG is then decoded at 1/2, 1/4 or 1/8).
    """
    if isinstance(picture, np.ndarray):
        image = from_array(picture)
        return Opened(image, image.size)
    if isinstance(picture, Pillow.Image):
        return _upright(picture, least)
    data = picture if isinstance(picture, bytes) else read_bytes(Path(picture))
    if dicom.is_dicom(data):
        pixels, remark = dicom.picture(data, MOST_PIXELS)
        image = Pillow.fromarray(pixels)
        return Opened(image, image.size, remark)
    try:
        with _opened(data) as image:
            return _upright(image, least)
    except InputError:
        raise
    except Pillow.DecompressionBombError:
        raise InputError(t("more than {most} million pixels", most=MOST_PIXELS // 1_000_000)) from None
    except BROKEN:
        raise InputError(reason(data)) from None


def _opened(data: bytes) -> Pillow.Image:
    """Return the picture that these bytes begin; only its header is read."""
    try:
        return Pillow.open(io.BytesIO(data), formats=USUAL)
    except UnidentifiedImageError:
        return Pillow.open(io.BytesIO(data), formats=_formats())


@cache
def _formats() -> tuple[str, ...]:
    """Return those of FORMATS that this Pillow reads."""
    Pillow.init()
    return tuple(name for name in FORMATS if name in Pillow.OPEN)


def read_bytes(path: Path) -> bytes:
    """Return the file's content; raise InputError where it is unreadable or far too long for a picture."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise InputError(t("{size} MB: too long for one picture", size=size >> 20))
        return path.read_bytes()
    except OSError as error:
        raise InputError(t("cannot be read: {why}", why=error.strerror or str(error))) from None


def reason(data: bytes) -> str:
    """Return why these bytes are no picture that we can use."""
    if not data:
        return t("empty file")
    if not data.strip(b"\0"):
        return t("nothing but zero bytes")
    if data[4:8] == b"ftyp":
        return t("HEIC or video: export it as JPEG or PNG")
    if data[:4] == b"%PDF" or b"<svg" in data[:1000]:
        return t("a document or drawing: export it as PNG")
    if data[:3] == b"\xff\xd8\xff" or data[:4] in (b"\x89PNG", b"GIF8", b"RIFF", b"II*\0", b"MM\0*"):
        return t("damaged or cut beyond repair")
    if all(byte >= 32 or byte in (9, 10, 13) for byte in data[:400]):
        return t("text, not a picture")
    return t("no known picture format")


def _upright(image: Pillow.Image, least: int) -> Opened:
    """Check the header's size, decode, turn as EXIF says, and bring to "L" or "RGB"."""
    size = image.size
    if size[0] * size[1] > MOST_PIXELS:
        said = t(
            "{width} × {height} pixels; at most {most} million",
            width=size[0],
            height=size[1],
            most=MOST_PIXELS // 1_000_000,
        )
        raise InputError(said)
    if least and image.format in ("JPEG", "MPO"):
        image.draft(None, (least, least))
    image, remark = _decoded(image)
    turn = (
        TURNS.get(image.getexif().get(0x0112, 1)) if "exif" in image.info or image.format in ("TIFF", "MPO") else None
    )
    plain = _plain(image)
    if turn is None:
        return Opened(plain, size, remark)
    return Opened(plain.transpose(turn), size[::-1] if turn in ASIDE else size, remark)


def _decoded(image: Pillow.Image) -> tuple[Pillow.Image, str]:
    """Decode; of a file that ends too early keep the rows that came, if they are most of it."""
    try:
        image.load()
        return image, ""
    except BROKEN as error:
        if not isinstance(image, ImageFile.ImageFile) or not image.tile or isinstance(error, MemoryError):
            raise
    image.tile = []  # Pillow keeps the rows it has, and decodes no more
    rows = np.asarray(image)
    width, height = image.size
    seen = height - int(np.argmax(rows.reshape(height, -1)[::-1].any(axis=1))) if rows.any() else 0
    if seen < LEAST_SEEN * height:
        raise InputError(t("cut: only {share} of its rows are there", share=f"{seen / height:.0%}"))
    return image.crop((0, 0, width, seen)), t(
        "cut: the {share} of its rows that are there are used", share=f"{seen / height:.0%}"
    )


def _plain(image: Pillow.Image) -> Pillow.Image:
    """Return the image in mode "L" (grey) or "RGB"; transparency is laid on white."""
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        white = Pillow.new("RGBA", image.size, "white")
        white.alpha_composite(seen)
        return white.convert("L" if image.mode in ("LA", "La", "L", "1") else "RGB")
    if image.mode in ("L", "RGB"):
        return image
    if image.mode.startswith(("I", "F")):
        return Pillow.fromarray(scaled(np.asarray(image)))
    if image.mode in ("CMYK", "LAB"):
        return _by_profile(image)
    return image.convert("L" if image.mode == "1" else "RGB")


def _by_profile(image: Pillow.Image) -> Pillow.Image:
    """CMYK or LAB to RGB through the colour profile that the file carries, where it carries a good one."""
    from PIL import ImageCms

    held = image.info.get("icc_profile")
    try:
        profile = (
            ImageCms.createProfile("LAB") if image.mode == "LAB" else ImageCms.ImageCmsProfile(io.BytesIO(held or b""))
        )
        turned = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        turned = None
    return turned or image.convert("RGB")


def from_array(values: NDArray[Any]) -> Pillow.Image:
    """Return an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of any number type as a picture."""
    grey = values.ndim == 2 or (values.ndim == 3 and values.shape[2] == 1)
    if not values.size or not (grey or (values.ndim == 3 and values.shape[2] in (3, 4))):
        raise InputError(t("array of shape {shape}; expected height × width × 1, 3 or 4", shape=values.shape))
    if values.shape[0] * values.shape[1] > MOST_PIXELS:
        raise InputError(t("more than {most} million pixels", most=MOST_PIXELS // 1_000_000))
    pixels = np.ascontiguousarray(scaled(values))
    return _plain(Pillow.fromarray(pixels.reshape(values.shape[:2]) if grey else pixels))


def scaled(values: NDArray[Any]) -> Pixels:
    """Return numbers of any type as uint8, scaled by the range that their type or their greatest value tells.

    Whole numbers: up to 255 as they are, else of 12 bits up to 4095, else of 16 bits. Floats: [0, 1], [-1, 1] or
    [0, 255]. Anything else from its least to its greatest value.
    """
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    numbers = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
    bottom, top = _limits(low, high, whole=values.dtype.kind in "iu")
    shades: Pixels = np.rint((numbers - bottom) * (255.0 / max(top - bottom, 1e-12))).clip(0, 255).astype(np.uint8)
    return shades


def _limits(low: float, high: float, whole: bool) -> tuple[float, float]:
    known = [(0, 255), (0, 4095), (0, 65535)] if whole else [(0, 1), (-1, 1), (0, 255)]
    return next(((a, b) for a, b in known if a <= low and high <= b), (low, high))


def as_pixels(image: Pillow.Image) -> Pixels:
    """Return an image of mode "L" or "RGB" as uint8 (H, W, 1 or 3)."""
    pixels = np.asarray(image)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def without_grey_copies(pixels: Pixels) -> Pixels:
    """Return (H, W, 1) for (H, W, 3) whose three channels are the same."""
    return pixels[:, :, :1] if pixels.shape[2] == 3 and _same(pixels[::8, ::8]) and _same(pixels) else pixels


def _same(pixels: Pixels) -> bool:
    return bool((pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 0] == pixels[..., 2]).all())


def fit(picture: Pixels | Pillow.Image, size: int, channels: int) -> Pixels:
    """Return the centre of a decoded picture as uint8 (size, size, channels)."""
    image = picture if isinstance(picture, Pillow.Image) else from_array(picture)
    return as_pixels(fitted(image, size, channels))


def fitted(image: Pillow.Image, size: int, channels: int, pressed: bool = False) -> Pillow.Image:
    """Return the centre (or the whole, pressed) of an "L" or "RGB" image, size × size, resized with antialiasing.

    A picture more than twice too large is first halved (as often as it goes) by averaging, as a JPEG decoder does.
    """
    shorter = min(image.size)
    if shorter >= 2 * size:
        image = image.reduce(next(k for k in (8, 4, 2) if shorter >= k * size))
    if image.size != (size, size):
        width, height = image.size
        shorter = min(width, height)
        left, top = (width - shorter) / 2, (height - shorter) / 2
        box = (0, 0, width, height) if pressed else (left, top, left + shorter, top + shorter)
        how = Pillow.Resampling.BILINEAR if shorter >= size else Pillow.Resampling.BICUBIC
        image = image.resize((size, size), how, box=box)
    mode = "L" if channels == 1 else "RGB"
    return image if image.mode == mode else image.convert(mode)


def whole(picture: Pixels | Pillow.Image, height: int, width: int, channels: int) -> Pixels:
    """Return the whole picture as uint8 (height, width, channels): as large as it fits, in the upper left corner."""
    image = picture if isinstance(picture, Pillow.Image) else from_array(picture)
    size = fitting(image.size, height, width)
    shorter = min(image.width / size[0], image.height / size[1])
    if shorter >= 2:
        image = image.reduce(next(k for k in (8, 4, 2) if shorter >= k))
    if image.size != size:
        image = image.resize(size, Pillow.Resampling.BILINEAR)
    mode = "L" if channels == 1 else "RGB"
    canvas = np.full((height, width, channels), GREY, np.uint8)
    canvas[: size[1], : size[0]] = as_pixels(image if image.mode == mode else image.convert(mode))
    return canvas


def fitting(size: tuple[int, int], height: int, width: int) -> tuple[int, int]:
    """Return the width and height that a picture of `size` (width, height) has within a canvas, its shape kept."""
    scale = min(width / size[0], height / size[1])
    return max(1, min(width, round(size[0] * scale))), max(1, min(height, round(size[1] * scale)))


def size_of(path: Path) -> tuple[int, int]:
    """Return the width and height of a picture file, upright; only its header is read. Raises InputError as above."""
    try:
        with Pillow.open(path, formats=_formats()) as image:
            turn = TURNS.get(image.getexif().get(0x0112, 1)) if image.format in ("JPEG", "TIFF", "MPO") else None
            return image.size[::-1] if turn in ASIDE else image.size
    except BROKEN:
        raise InputError(t("damaged or cut beyond repair")) from None
