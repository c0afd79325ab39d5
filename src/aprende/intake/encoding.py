"""The bytes of a text table: compression and encoding, found by what the file shows.

The user's file is only read: what must be unpacked or re-encoded goes to a scratch folder, in pieces, so that memory
stays flat. Knows nothing of delimiters or columns.
"""

import bz2
import codecs
import gzip
import lzma
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from aprende.core.errors import DataError
from aprende.core.words import t

EXPECTED = "csv, tsv, txt, xlsx, xls, ods, parquet, arrow, json, jsonl; .gz, .zip"
HEAD = 1 << 20  # bytes looked at before the whole file is read
PIECE = 1 << 24  # bytes re-encoded at a time
SQUEEZED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
BAD_PACKING = (
    OSError, EOFError, zlib.error, zipfile.BadZipFile, lzma.LZMAError, RuntimeError, NotImplementedError, ValueError
)  # fmt: skip
SHEETS = frozenset({"xl/workbook.xml", "xl/workbook.bin", "content.xml"})  # zips that are spreadsheets
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
CONTROL = bytes({*range(1, 32)} - set(b"\t\n\v\f\r\x1a\x1f"))  # bytes that text does not have
NOT_CP1252 = frozenset((0x81, 0x8D, 0x8F, 0x90, 0x9D))  # bytes that cp1252 does not have


def unpacked(path: Path, scratch: Path, most: int | None = None) -> list[Path]:
    """Return the file itself, or what its compression holds, unpacked into the scratch folder.

    Raises DataError where it is damaged, or unpacks to more than `most` bytes.
    """
    with path.open("rb") as f:
        head = f.read(8)
    try:
        for magic, opener in SQUEEZED.items():
            if head.startswith(magic):
                return [_copy(opener(path), path.stem, scratch, most)]
        if head.startswith(b"PK\x03\x04"):
            return _members(path, scratch, most)
    except BAD_PACKING as e:
        said = t("{path} is compressed but cannot be unpacked ({why}).", path=path.name, why=e)
        raise DataError(said + " " + t("Unpack it yourself and give the table.")) from None
    return [path]


def _members(path: Path, scratch: Path, most: int | None) -> list[Path]:
    with zipfile.ZipFile(path) as z:
        names = sorted(z.namelist())
        if not SHEETS.isdisjoint(names):
            return [path]
        hidden = [n for n in names if n.endswith("/") or n.startswith("__MACOSX") or Path(n).name.startswith(".")]
        files = [n for n in names if n not in hidden]
        if not files:
            raise DataError(t("{path} is an empty archive; a table is needed.", path=path.name))
        return [_copy(z.open(n), Path(n).name, scratch, most) for n in files]


def _copy(source: IO[bytes], name: str, scratch: Path, most: int | None) -> Path:
    to, size = Path(tempfile.mkdtemp(dir=scratch)) / (name or "unpacked"), 0
    with source, to.open("wb") as out:
        while piece := source.read(PIECE):
            size += len(piece)
            if most is not None and size > most:
                raise DataError(t("{path} unpacks to more than {most} bytes.", path=name, most=most))
            out.write(piece)
    return to


def encoding_of(head: bytes, whole: bool) -> str:
    """Return the encoding that the first bytes show: by its mark, by zero bytes, else UTF-8 unless they break it."""
    for mark, name in BOMS.items():
        if head.startswith(mark):
            return name
    if len(head) - len(head.translate(None, CONTROL)) > 0.02 * len(head):
        raise _no_text()
    zeros = (head[0::2].count(0), head[1::2].count(0))
    if sum(zeros) > 0.02 * len(head):
        if max(zeros) < 0.3 * len(head) / 2 or min(zeros) > 0.1 * max(zeros):
            raise _no_text()
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head, whole)
    return "utf-8" if _mostly_utf8(text) else _single_byte(head)


def _no_text() -> DataError:
    said = t("This is not a text table: it has bytes that no text has.")
    return DataError(said + " " + t("Expected: {expected}.", expected=EXPECTED))


def _mostly_utf8(text: str) -> bool:
    broken = text.count("�")
    return broken == 0 or broken <= 0.05 * sum(ord(c) > 127 for c in text)


def _single_byte(some: bytes) -> str:
    return "cp1252" if NOT_CP1252.isdisjoint(some) else "latin-1"


def as_utf8(path: Path, encoding: str, scratch: Path, returns: bool = False) -> tuple[Path, int]:
    """Return a UTF-8 copy of the file, and how many letters were unreadable. `returns`: its lines end with \\r."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    to, broken = scratch / f"utf8-{path.name}", 0
    with path.open("rb") as source, to.open("wb") as out:
        while piece := source.read(PIECE):
            broken += _put(decoder.decode(piece), returns, out)
        broken += _put(decoder.decode(b"", True), returns, out)
    return to, broken


def _put(text: str, returns: bool, out: IO[bytes]) -> int:
    out.write((text.replace("\r", "\n") if returns else text).encode("utf-8", "replace"))
    return text.count("�")


def damaged_encoding(path: Path) -> str:
    """Return how to read a file that is not pure UTF-8: as UTF-8 with a few broken places, or as a single-byte code."""
    decoder, text, high = codecs.getincrementaldecoder("utf-8")("replace"), 0, 0
    seen: set[int] = set()
    with path.open("rb") as f:
        while piece := f.read(PIECE):
            said = decoder.decode(piece)
            text, high = text + said.count("�"), high + len(re.findall(r"[^\x00-\x7f]", said))
            seen |= set(piece)
    if text <= 0.05 * high:
        return "utf-8"
    return _single_byte(bytes(seen))
