"""One DICOM file as the picture that a radiologist would see, and the patient whose it is. Needs the `medical` extra.

Stored values → rescale slope and intercept → window or look-up table → 0 to 255; MONOCHROME1 (low is white) is turned
round (DICOM PS3.3 C.7.6.3.1.2, C.11.1, C.11.2). Of several frames the first is used. Without a window the values that
occur fill the range. Knows no folder; a patient's name and number never leave this module: only a hash of them does.
"""

import io
import warnings
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.core import splits
from aprende.core.errors import InputError, MissingExtra
from aprende.core.words import t

if TYPE_CHECKING:
    from pydicom import Dataset

MAGIC_AT, MAGIC = 128, b"DICM"
OLD = (b"\x08\x00", b"\x02\x00")  # how a file without preamble begins: group 0008 or 0002, little-endian
ENDINGS = (".dcm", ".dicom", ".dic")
BRIGHT = 255.0
COLOURS = 3  # channels

Values = NDArray[np.float32]


def is_dicom(data: bytes) -> bool:
    """Tell whether these bytes begin a DICOM file."""
    if data[MAGIC_AT : MAGIC_AT + 4] == MAGIC:
        return True
    return data[:2] in OLD and data[4:6].isalpha() and data[4:6].isupper()  # two letters: how the value is written


def picture(data: bytes, most: int) -> tuple[NDArray[np.uint8], str]:
    """Return the picture, uint8 (H, W) or (H, W, 3), and what had to be decided; raise InputError with the reason.

    most: pixels above which it is refused before it is decoded.
    """
    try:
        return _picture(_parsed(io.BytesIO(data)), most)
    except _broken() as error:  # elements are read when they are asked for
        raise InputError(t("damaged DICOM file: {why}", why=_first_line(error))) from None


def _picture(held: "Dataset", most: int) -> tuple[NDArray[np.uint8], str]:
    rows, columns, frames = (_number(held, name, 1) for name in ("Rows", "Columns", "NumberOfFrames"))
    if "PixelData" not in held or "Rows" not in held:
        raise InputError(t("a DICOM file without a picture"))
    if rows * columns > most:
        said = t("{width} × {height} pixels; at most {most} million", width=columns, height=rows, most=most // 10**6)
        raise InputError(said)
    values = _decoded(held)
    remark = t("the first of {n} frames is used", n=frames) if frames > 1 else ""
    if values.ndim == 3 and values.shape[2] == COLOURS:
        return values.astype(np.uint8), remark
    return _as_seen(values, held), remark


def patient(path: Path) -> str | None:
    """Return a hash that stands for the patient of a file; None where it is no DICOM file, or names none."""
    try:
        with path.open("rb") as file:
            head = file.read(MAGIC_AT + 4)
            return _patient(file) if is_dicom(head) else None
    except OSError:
        return None


def _patient(file: IO[bytes]) -> str | None:
    file.seek(0)
    try:
        held = _parsed(file, stop_before_pixels=True, specific_tags=["PatientID", "IssuerOfPatientID"])
        number, issuer = (str(held.get(name) or "").strip() for name in ("PatientID", "IssuerOfPatientID"))
    except InputError:
        return None
    except _broken():  # elements are read when they are asked for
        return None
    return splits.digest("patient", number, issuer) if number else None


@cache
def _pydicom() -> Any:
    try:
        import pydicom
    except ModuleNotFoundError:
        raise MissingExtra(t("DICOM files need pydicom: pip install 'aprende[medical]'")) from None
    return pydicom


def _broken() -> tuple[type[Exception], ...]:
    errors = _pydicom().errors
    return (errors.InvalidDicomError, errors.BytesLengthException, *BAD)


def _parsed(file: Any, **asked: Any) -> "Dataset":
    pydicom = _pydicom()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd values that are not used
            held: Dataset = pydicom.dcmread(file, force=True, **asked)
            return held
    except _broken() as error:
        raise InputError(t("damaged DICOM file: {why}", why=_first_line(error))) from None


BAD = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    OverflowError,
    MemoryError,
    AssertionError,
)  # fmt: skip  what pydicom raises on bad files


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).split("\n")[0][:160]


def _number(held: "Dataset", name: str, default: int) -> int:
    try:
        return int(held.get(name) or default)
    except BAD:
        return default


def _decoded(held: "Dataset") -> NDArray[Any]:
    """The stored values of the first frame, (H, W), or (H, W, 3) as red, green, blue."""
    pydicom = _pydicom()
    syntax = getattr(getattr(held, "file_meta", None), "TransferSyntaxUID", None)
    if syntax is None:
        held.ensure_file_meta()
        syntax = held.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(pydicom.pixels.pixel_array(held, index=0))
    except _broken() as error:
        name = str(getattr(syntax, "name", syntax))
        if _compressed(syntax):
            said = t("DICOM compressed as {name}, which cannot be unpacked here; save it uncompressed", name=name)
            raise InputError(f"{said} ({_first_line(error)})") from None
        raise InputError(t("damaged DICOM file: {why}", why=_first_line(error))) from None


def _compressed(syntax: Any) -> bool:
    try:
        return bool(syntax.is_compressed)
    except (AttributeError, ValueError):  # it is no transfer syntax at all
        return False


def _as_seen(stored: NDArray[Any], held: "Dataset") -> NDArray[np.uint8]:
    """Stored values (H, W) as a person sees them: 0 black to 255 white."""
    slope, intercept = (_float(held.get(n), d) for n, d in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0)))
    values = stored.astype(np.float32) * (slope or 1.0) + intercept
    shades = _by_table(stored, held) if "VOILUTSequence" in held else None
    if shades is None:
        shades = _by_window(values, held)
    if shades is None:
        shades = _by_range(values, stored, held)
    if str(held.get("PhotometricInterpretation", "")).strip().upper() == "MONOCHROME1":
        shades = BRIGHT - shades
    return np.rint(shades).clip(0, BRIGHT).astype(np.uint8)


def _by_table(stored: NDArray[Any], held: "Dataset") -> Values | None:
    """By the look-up table that the file carries; None where it is no good."""
    try:
        entry = held["VOILUTSequence"].value[0]
        length, first, bits = (int(v) for v in list(entry.LUTDescriptor)[:3])
        data = entry.LUTData
        if isinstance(data, bytes):
            data = np.frombuffer(data, np.uint8 if len(data) < 2 * (length or 65536) else np.dtype("<u2"))
        table = np.asarray(data, dtype=np.float32)[: length or 65536]
    except BAD:
        return None
    if len(table) < (length or 65536):
        return None
    slope, intercept = (_float(held.get(n), d) for n, d in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0)))
    place = np.rint(stored.astype(np.float32) * (slope or 1.0) + intercept).astype(np.int64) - first
    return np.asarray(table[place.clip(0, len(table) - 1)] * (BRIGHT / (2.0**bits - 1)), dtype=np.float32)


def _by_window(values: Values, held: "Dataset") -> Values | None:
    """By the first window (C.11.2.1.2): linear, linear exact, or sigmoid; None where the file carries none."""
    centre, width = (_float(_first(held.get(name)), np.nan) for name in ("WindowCenter", "WindowWidth"))
    how = str(held.get("VOILUTFunction") or "LINEAR").strip().upper()
    if not (np.isfinite(centre) and np.isfinite(width) and width > 0):
        return None
    if how == "SIGMOID":
        return np.asarray(BRIGHT / (1 + np.exp(np.clip(-4 * (values - centre) / width, -80, 80))), dtype=np.float32)
    if how == "LINEAR":
        centre, width = centre - 0.5, max(width - 1, 1e-6)
    return np.asarray(((values - centre) / width + 0.5).clip(0, 1) * BRIGHT, dtype=np.float32)


def _by_range(values: Values, stored: NDArray[Any], held: "Dataset") -> Values:
    """Without a window: 8 bits as they are, else from the least to the greatest value that is no padding."""
    if _number(held, "BitsStored", 16) <= 8 and stored.min(initial=0) >= 0:
        return stored.astype(np.float32)
    padding = held.get("PixelPaddingValue")
    seen = values[stored != int(padding)] if isinstance(padding, int) else values
    seen = seen if seen.size else values
    low, high = float(seen.min()), float(seen.max())
    return np.asarray((values.clip(low, high) - low) * (BRIGHT / max(high - low, 1e-6)), dtype=np.float32)


def _first(value: Any) -> Any:
    """The first of several values, as of windows."""
    return value[0] if not isinstance(value, str | bytes) and hasattr(value, "__len__") and len(value) else value


def _float(value: Any, default: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return default
    return number if np.isfinite(number) else default
