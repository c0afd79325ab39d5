"""A zip file unpacked safely into the cache: no name leads out of it, no more is written than is allowed.

Knows nothing of what the files hold. Encrypted members and links are passed over, with a note.
"""

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from aprende.core import cache
from aprende.core.contract import Note
from aprende.core.errors import DataError
from aprende.core.words import t

MOST_BYTES = 64 << 30  # unpacked
MOST_FILES = 5_000_000
ENCRYPTED = 0x1
UTF8 = 0x800


def unpack(path: Path) -> tuple[Path, list[Note]]:
    """Return the folder (in the cache) with the archive's files, and notes; raise DataError where it is unfit."""
    try:
        with zipfile.ZipFile(path) as held:
            good, notes = _members(held)
            size = sum(member.file_size for member in good)
            if size > MOST_BYTES or len(good) > MOST_FILES:
                said = t(
                    "{file} unpacks to {size} GB in {n} files; at most {most} GB and {files} files are read.",
                    file=path.name,
                    size=size >> 30,
                    n=len(good),
                    most=MOST_BYTES >> 30,
                    files=MOST_FILES,
                )
                raise DataError(said)
            found = path.stat()
            key = cache.digest("zip", str(path.absolute()), found.st_size, found.st_mtime_ns)
            return cache.folder(key, size, lambda folder: _write(held, good, folder)), notes
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DataError(t("{file} is no whole zip file: {why}", file=path.name, why=error)) from error


def _members(held: zipfile.ZipFile) -> tuple[list[zipfile.ZipInfo], list[Note]]:
    """Return the members to unpack, and notes on the others."""
    good, outside, closed = [], 0, 0
    for member in held.infolist():
        link = stat.S_ISLNK(member.external_attr >> 16)
        if member.is_dir():
            continue
        if link or not _inside(member.filename):
            outside += 1
        elif member.flag_bits & ENCRYPTED:
            closed += 1
        else:
            good.append(member)
    told = (
        (outside, t("{n} files of the archive would lead out of it: set aside.", n=outside)),
        (closed, t("{n} files of the archive are encrypted: set aside.", n=closed)),
    )
    return good, [Note(said, "set aside", str(held.filename), n) for n, said in told if n]


def _inside(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return bool(parts) and ".." not in parts and parts[0] != "/" and ":" not in parts[0]


def _write(held: zipfile.ZipFile, members: list[zipfile.ZipInfo], folder: Path) -> None:
    """Write the members; zipfile itself stops a member at the length its header tells."""
    for member in members:
        file = folder / PurePosixPath(_name(member).replace("\\", "/"))
        file.parent.mkdir(parents=True, exist_ok=True)
        with held.open(member) as source, file.open("wb") as kept:
            shutil.copyfileobj(source, kept, 1 << 20)


def _name(member: zipfile.ZipInfo) -> str:
    """Return the member's name; those written without the UTF-8 mark are UTF-8 where they can be read so."""
    if member.flag_bits & UTF8:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename
