"""Pictures that come as arrays: .npz, .npy, and IDX files (MNIST's own form), compressed or not.

Gives pixels (n, H, W, 1 or 3), labels and the parts that the names tell. Never unpickles. Knows no folder convention
but IDX's pairs of files.
"""

import gzip
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Note
from aprende.core.errors import DataError
from aprende.core.words import t
from aprende.intake import decoder

MOST_BYTES = 16 << 30  # unpacked
PARTS = {
    "train": "train",
    "training": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
    "t10k": "test",
    "eval": "test",
}
PIXELS = {"x", "image", "images", "img", "imgs", "picture", "pictures", "data", "features", "pixels"}
LABELS = {"y", "label", "labels", "target", "targets", "class", "classes"}
NAMES = {"names", "classnames", "labelnames"}
IDX = re.compile(r"[.\-_]?idx(\d)[.\-_]ubyte(\.gz)?$")
IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


@dataclass
class Held:
    """Pixels (n, H, W, C) uint8, and for each picture its label and its part where they are given (else None)."""

    pixels: NDArray[np.uint8]
    labels: list[str | None]
    parts: list[str | None]
    notes: list[Note] = field(default_factory=list)


def read(path: Path) -> Held:
    """Read one .npz, .npy or IDX file."""
    try:
        if path.suffix.lower() == ".npz":
            return _assembled(_npz(path), path.name)
        if path.suffix.lower() == ".npy":
            return _assembled({"images": _npy(path)}, path.name)
        return _assembled({"images": _idx(path)}, path.name)
    except (OSError, EOFError, ValueError, KeyError, struct.error, zlib.error, zipfile.BadZipFile) as error:
        said = t("{file} cannot be read as arrays: {why}", file=path.name, why=_why(error))
        raise DataError(said) from error


def idx_pairs(files: Iterable[Path]) -> list[Path]:
    """Return those of the files that are IDX by name ("train-images-idx3-ubyte.gz", "t10k-labels.idx1-ubyte" …)."""
    return sorted(f for f in files if IDX.search(f.name.lower()))


def read_idx_folder(files: list[Path]) -> Held:
    """Read IDX files that lie together: images and labels, by part."""
    found: dict[str, NDArray[Any]] = {}
    for file in files:
        try:
            found[IDX.sub("", file.name.lower())] = _idx(file)
        except (OSError, EOFError, ValueError, KeyError, struct.error, zlib.error) as error:
            said = t("{file} cannot be read as arrays: {why}", file=file.name, why=_why(error))
            raise DataError(said) from error
    return _assembled(found, files[0].parent.name)


def _why(error: Exception) -> str:
    if "pickle" in str(error).lower() or "Object arrays" in str(error):
        return t("it holds Python objects (pickle), which can run code. Save plain arrays with numpy.savez")
    return str(error) or type(error).__name__


def _npz(path: Path) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(path) as held:
        _check_size(sum(member.file_size for member in held.infolist()), path)
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _npy(path: Path) -> NDArray[Any]:
    _check_size(path.stat().st_size, path)
    return cast(NDArray[Any], np.load(path, allow_pickle=False, mmap_mode="r"))


def _idx(path: Path) -> NDArray[Any]:
    """IDX: two zero bytes, the type, the number of axes, their lengths (big-endian), the values (LeCun, 1998)."""
    with cast(IO[bytes], gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")) as held:
        zero, kind, axes = struct.unpack(">HBB", held.read(4))
        if zero or kind not in IDX_TYPES or not 1 <= axes <= 4:
            raise ValueError(t("no IDX file"))
        shape = struct.unpack(f">{axes}I", held.read(4 * axes))
        size = math.prod(shape) * np.dtype(IDX_TYPES[kind]).itemsize
        _check_size(size, path)
        data = held.read(size + 1)
    if len(data) != size:
        raise ValueError(t("its header tells {told} bytes, but {came} came", told=size, came=len(data)))
    return np.frombuffer(data, IDX_TYPES[kind]).reshape(shape)


def _check_size(size: int, path: Path) -> None:
    if size > MOST_BYTES:
        said = t(
            "{file} unpacks to {size} GB; at most {most} GB are read as arrays. Save it as a folder of pictures.",
            file=path.name,
            size=size >> 30,
            most=MOST_BYTES >> 30,
        )
        raise DataError(said)


def _assembled(found: dict[str, NDArray[Any]], source: str) -> Held:
    """Pair pixels with labels by what their names say; where names say nothing, by their shapes."""
    names = next((found[n] for n in found if _plain(n) in NAMES), None)
    roles = {name: _role(name, found[name]) for name in found if _plain(name) not in NAMES}
    pixels = {part: name for name, (part, what) in roles.items() if what == "pixels"}
    labels = {part: name for name, (part, what) in roles.items() if what == "labels"}
    if not pixels:
        came = ", ".join(f"{name} {array.shape}" for name, array in found.items()) or t("nothing")
        said = t(
            "{source} holds no pictures. It holds: {came}. Expected an array of pictures × height × width"
            " (× channels), named for example x_train, train_images or images.",
            source=source,
            came=came,
        )
        raise DataError(said)
    notes: list[Note] = []
    stacked = [_pixels(found[name], name, notes) for name in pixels.values()]
    said_labels: list[str | None] = []
    parts: list[str | None] = []
    for part, array in zip(pixels, stacked, strict=True):
        held = found[labels[part]] if part in labels else None
        said_labels += _labels(held, len(array), labels.get(part, ""), names)
        parts += [part or None] * len(array)
    unused = sorted(set(roles) - set(pixels.values()) - set(labels.values()))
    if unused:
        notes.append(Note(t("Not used: {names}.", names=", ".join(unused)), "left out", "", len(unused)))
    return Held(_stack(stacked, list(pixels.values())), said_labels, parts, notes)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _role(name: str, array: NDArray[Any]) -> tuple[str, str]:
    """Return (part, "pixels" | "labels" | ""): "x_train" → ("train", "pixels"). Shapes decide where names do not."""
    tokens = [w for w in re.split(r"[^a-z0-9]+|(?<=[a-z])(?=[A-Z])", name.lower()) if w]
    tokens = [w for token in tokens for w in _split_token(token)]
    part = next((PARTS[w] for w in tokens if w in PARTS), "")
    if array.ndim in (3, 4):
        return part, "pixels"
    if array.ndim <= 2 and set(tokens) & LABELS:
        return part, "labels"
    if array.ndim == 2 and set(tokens) & PIXELS and _side(array.shape[1]):
        return part, "pixels"
    return part, "labels" if array.ndim == 1 else ""


def _split_token(token: str) -> list[str]:
    """ "xtrain" → ["x", "train"]; "arr" stays."""
    found = re.fullmatch(r"([xy])(train|val|valid|test)|(train|val|valid|test)([xy])", token)
    return [w for w in found.groups() if w] if found else [token]


def _side(length: int) -> int:
    """Return the side of a square picture of this many values, grey or RGB, else 0."""
    sides = [math.isqrt(length // c) if length % c == 0 and length >= 16 else 0 for c in (1, 3)]
    return next((side for side, c in zip(sides, (1, 3), strict=True) if side * side * c == length), 0)


def _pixels(array: NDArray[Any], name: str, notes: list[Note]) -> NDArray[np.uint8]:
    """Return pictures of any layout and number type as uint8 (n, H, W, 1 or 3)."""
    if array.ndim == 2:
        side = _side(array.shape[1])
        array = array.reshape(len(array), side, side, -1)
        notes.append(
            Note(t("{name}: rows read as pictures of {side} × {side}.", name=name, side=side), "info", name, len(array))
        )
    if array.ndim == 3:
        array = array[..., None]
    if array.shape[3] not in (1, 3, 4) and array.shape[1] in (1, 3, 4):
        array = array.transpose(0, 2, 3, 1)
        notes.append(
            Note(t("{name}: channels came first, and were turned to the end.", name=name), "info", name, len(array))
        )
    if array.shape[3] not in (1, 3, 4) or not array.size:
        said = t(
            "{name} has shape {shape}; expected pictures × height × width × 1, 3 or 4 channels",
            name=name,
            shape=array.shape,
        )
        raise DataError(said)
    if array.dtype != np.uint8:
        notes.append(
            Note(t("{name}: {kind} values scaled to 0 … 255.", name=name, kind=array.dtype), "info", name, len(array))
        )
        array = decoder.scaled(array)
    if array.shape[3] == 4:
        alpha = array[..., 3:].astype(np.uint16)
        array = ((array[..., :3] * alpha + 255 * (255 - alpha)) // 255).astype(np.uint8)
        notes.append(Note(t("{name}: transparency laid on white.", name=name), "info", name, len(array)))
    return array


def _labels(held: NDArray[Any] | None, n: int, name: str, names: NDArray[Any] | None) -> list[str | None]:
    """Return labels as words: numbers, words, one column, or one-hot rows."""
    if held is None:
        return [None] * n
    if held.ndim == 2 and held.shape[1] == 1:
        held = held[:, 0]
    if held.ndim == 2 and held.shape[1] > 1 and bool((held.sum(axis=1) == 1).all()) and set(np.unique(held)) <= {0, 1}:
        held = held.argmax(axis=1)
    if held.shape != (n,):
        said = t(
            "{name} has shape {shape}; expected one label for each of {n} pictures", name=name, shape=held.shape, n=n
        )
        raise DataError(said)
    if names is not None and held.dtype.kind in "iu" and held.min() >= 0 and held.max() < len(names):
        return [_word(names[int(value)]) for value in held]
    return [_word(value) for value in held.tolist()]


def _word(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float):
        return None if math.isnan(value) else str(int(value)) if value.is_integer() else str(value)
    return str(value)


def _stack(arrays: list[NDArray[np.uint8]], names: list[str]) -> NDArray[np.uint8]:
    if len({array.shape[1:] for array in arrays}) > 1:
        came = ", ".join(f"{name} {array.shape}" for name, array in zip(names, arrays, strict=True))
        raise DataError(t("Pictures of different shapes: {came}. Expected one shape in all parts.", came=came))
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
