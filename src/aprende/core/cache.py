"""Work done once and kept on disk: memory-mapped arrays and unpacked folders, found again by a key.

    entry   <root>/<key>/   rows.bin (the array), sides.npz (small arrays beside it), about.json (shape, type, facts)

An entry is made in `<key>.part` under a lock and renamed when whole, so a kill leaves no half entry, and two processes
that want the same one make it once. The oldest used go first when the cap is reached. Losing the cache loses only time.
Knows no modality: what an array holds, and what makes two of them the same, is the caller's.
"""

import errno
import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.errors import DataError, SettingError
from aprende.core.words import t

try:
    import fcntl
except ImportError:  # Windows: no lock; two processes may both make an entry, and the first to finish keeps it
    fcntl = None  # type: ignore[assignment]

GB = 1 << 30
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Filled:
    """What `fill` says of the array it filled: which rows to keep, in order, and what to keep beside them."""

    keep: NDArray[np.int64] | None = None  # None: all
    sides: dict[str, NDArray[Any]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)  # JSON


@dataclass(frozen=True)
class Entry:
    """A kept array: `rows` is a read-only memory map of the rows that `fill` kept."""

    rows: NDArray[Any]
    sides: dict[str, NDArray[Any]]
    facts: dict[str, Any]


def home() -> Path:
    """Return the folder of the cache: APRENDE_CACHE, else XDG_CACHE_HOME/aprende, else ~/.cache/aprende."""
    asked = os.environ.get("APRENDE_CACHE")
    return Path(asked) if asked else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aprende"


def cap() -> int:
    """Return how many bytes the cache may hold: APRENDE_CACHE_GB, else 20 GB."""
    asked = os.environ.get("APRENDE_CACHE_GB", "20")
    try:
        return int(float(asked) * GB)
    except (ValueError, OverflowError):
        raise SettingError(t("APRENDE_CACHE_GB: expected a number, got {value!r}.", value=asked)) from None


def digest(*parts: object) -> str:
    """Return a key (32 hexadecimal digits) for anything whose `repr` tells it whole; bytes count as they are."""
    made = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part if isinstance(part, bytes) else repr(part).encode("utf-8", "surrogatepass")
        made.update(len(data).to_bytes(8, "little") + data)
    return made.hexdigest()


def array(
    key: str,
    shape: tuple[int, ...],
    dtype: Any,
    fill: Callable[[NDArray[Any]], Filled],
    same: Callable[[dict[str, Any]], bool] | None = None,
) -> Entry:
    """Return the array kept under this key; where there is none, let `fill` write it, and keep it.

    shape: (rows, …); `fill` gets the array to write (a memory map) and may drop rows. `same` tells by its facts whether
    an entry under another key is this one (the same content elsewhere); it is asked only where the key is unknown.
    Raises DataError where the disk or the cap is too small.
    """
    where = _known(key, same)
    entry = _read(where) if where is not None else None
    if entry is None:
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        entry = _read(_make(key, size, lambda folder: _write(folder, shape, np.dtype(dtype), fill)))
    if entry is None:
        raise DataError(t("The cache entry {name} was removed while in use. Try again.", name=home() / key))
    return entry


def folder(key: str, size: int, fill: Callable[[Path], None]) -> Path:
    """Return the folder kept under this key; where there is none, let `fill` write about `size` bytes into it."""
    return _known(key, None) or _make(key, size, fill)


def _known(key: str, same: Callable[[dict[str, Any]], bool] | None) -> Path | None:
    """Return the entry with this key, or the one that is the same by its facts; mark it as used."""
    where = home() / key
    if not where.is_dir() and same is not None:
        where = next((e for e in _entries() if (facts := _facts(e)) is not None and same(facts)), where)
    try:
        os.utime(where)
    except OSError:  # not there
        return None
    return where


def _make(key: str, size: int, fill: Callable[[Path], None]) -> Path:
    """Make the entry in `<key>.part`, then give it its name."""
    root = home()
    where, part = root / key, root / f"{key}.part"
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root / f"{key}.lock"):
            if where.is_dir():  # another process made it while we waited
                return where
            shutil.rmtree(part, ignore_errors=True)  # of a process that was killed
            _make_room(size)
            part.mkdir()
            try:
                fill(part)
                part.rename(where)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        said = _meaning(error, root, size)
        if not said:
            raise
        raise DataError(said) from error
    return where


def _meaning(error: OSError, root: Path, size: int) -> str:
    """Return what the error means to a person, where it is the cache's."""
    if error.errno in FULL:
        return t(
            "The disk is full: {need} are needed in {folder}. Free some space, or set APRENDE_CACHE to another disk.",
            need=_human(size),
            folder=root,
        )
    if error.filename is not None and str(error.filename).startswith(str(root)):
        return t(
            "The cache folder {folder} cannot be written ({why}). Set APRENDE_CACHE to a folder of yours.",
            folder=root,
            why=error.strerror,
        )
    return ""


def _write(folder: Path, shape: tuple[int, ...], dtype: np.dtype[Any], fill: Callable[[NDArray[Any]], Filled]) -> None:
    """Write rows.bin, sides.npz and about.json."""
    file = folder / "rows.bin"
    each = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
    _reserve(file, shape[0] * each)
    rows = np.memmap(file, dtype, "r+", shape=shape) if shape[0] * each else np.zeros(shape, dtype)
    filled = fill(rows)
    kept = shape[0] if filled.keep is None else len(filled.keep)
    if filled.keep is not None:
        for new, old in enumerate(filled.keep):  # old >= new: rows move down over dropped ones
            if new != old:
                rows[new] = rows[old]
    if isinstance(rows, np.memmap):
        rows.flush()
    del rows
    os.truncate(file, kept * each)
    np.savez(folder / "sides.npz", **filled.sides)  # type: ignore[arg-type]
    about = {"shape": [kept, *shape[1:]], "dtype": dtype.str, "facts": filled.facts}
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")


def _reserve(file: Path, size: int) -> None:
    """Take the disk space now: a memory map on a full disk would end the process with SIGBUS."""
    with file.open("wb") as held:
        if not size:
            return
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(held.fileno(), 0, size)
        else:
            for start in range(0, size, 1 << 24):
                held.write(bytes(min(1 << 24, size - start)))


def _read(where: Path) -> Entry | None:
    """Return the entry; a damaged one is removed (None), so that it is made anew."""
    try:
        about = json.loads((where / "about.json").read_text(encoding="utf-8"))
        shape, dtype = tuple(about["shape"]), np.dtype(about["dtype"])
        rows = np.memmap(where / "rows.bin", dtype, "r", shape=shape) if np.prod(shape) else np.zeros(shape, dtype)
        with np.load(where / "sides.npz", allow_pickle=False) as sides:
            return Entry(rows, dict(sides), about["facts"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        shutil.rmtree(where, ignore_errors=True)
        return None


def _facts(where: Path) -> dict[str, Any] | None:
    try:
        about: dict[str, Any] = json.loads((where / "about.json").read_text(encoding="utf-8"))
        return dict(about["facts"])
    except (OSError, ValueError, KeyError, TypeError):  # a folder entry, or one just removed
        return None


def _entries() -> list[Path]:
    """Return the whole entries, the one unused for longest first."""
    aged = []
    for entry in home().glob("?" * 32):
        try:
            aged.append((entry.stat().st_mtime_ns, entry))
        except OSError:  # just removed
            continue
    return [entry for _, entry in sorted(aged)]


def _size(entry: Path) -> int:
    return sum(file.stat().st_size for file in entry.rglob("*") if file.is_file())


def _make_room(size: int) -> None:
    """Remove what killed processes left, then the entries unused for longest, until `size` more bytes fit the cap."""
    if size > cap():
        said = t(
            "{need} are needed in the cache, more than its cap of {cap}. Set APRENDE_CACHE_GB higher, or take"
            " smaller pictures or fewer rows.",
            need=_human(size),
            cap=_human(cap()),
        )
        raise DataError(said)
    for part in home().glob("*.part"):
        with _locked(part.with_suffix(".lock"), wait=False) as free:
            if free:
                shutil.rmtree(part, ignore_errors=True)
    entries = [(entry, _size(entry)) for entry in _entries()]
    total = sum(held for _, held in entries)
    for entry, held in entries:
        if total + size <= cap():
            break
        shutil.rmtree(entry, ignore_errors=True)
        total -= held


def _human(size: int) -> str:
    return f"{size / GB:.1f} GB" if size >= GB else f"{size / (1 << 20):.1f} MB"


@contextmanager
def _locked(file: Path, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of this file (the system frees it when a process dies); give False where it is not free."""
    with file.open("a") as held:
        try:
            if fcntl is not None:
                fcntl.flock(held, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
