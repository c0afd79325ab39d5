"""How a text table is written: compression, encoding, delimiter, quotes, header. Decided on what the file shows.

Knows nothing of what columns mean. The user's file is only read: what must be unpacked or re-encoded goes to a
scratch folder, in pieces, so that memory stays flat.
"""

import bz2
import codecs
import csv
import gzip
import lzma
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from aprende.core.contract import Note
from aprende.core.errors import DataError
from aprende.core.words import t

HEAD = 1 << 20  # bytes looked at before the whole file is read
PIECE = 1 << 24
DELIMITERS = "\t;|,"  # of equal evidence the first wins: a comma is also a decimal sign
NONE = "\x1f"  # a delimiter that no file has, for tables of one column
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
NUMERIC = re.compile(r"\s*[-+(]?\s*[$€£¥]?\s*[-+]?[\d.,'\s]*\d[\d.,'\s]*[%€)]?\s*")
FOREIGN = re.compile(r"[\t;|]|,(?!\d)|(?<!\d),")
SQUEEZED: dict[bytes, Callable[[Path], IO[bytes]]] = {
    b"\x1f\x8b": lambda p: gzip.open(p, "rb"),
    b"BZh": lambda p: bz2.open(p, "rb"),
    b"\xfd7zXZ\x00": lambda p: lzma.open(p, "rb"),
}
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Dialect:
    """`skip` lines stand before the first row of data; `names` are the header's own words ("" where it had none)."""

    delimiter: str
    quote: str | None
    skip: int
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # the first rows of data, as text
    notes: tuple[Note, ...] = field(default=())


def unpacked(path: Path, scratch: Path) -> list[Path]:
    """Return the file itself, or what its compression holds, unpacked into the scratch folder."""
    with path.open("rb") as f:
        head = f.read(8)
    try:
        for magic, opener in SQUEEZED.items():
            if head.startswith(magic):
                return [_copy(opener(path), scratch / (path.stem or "unpacked"))]
        if head.startswith(b"PK\x03\x04") and "xl/workbook.xml" not in (names := zipfile.ZipFile(path).namelist()):
            return _members(path, names, scratch)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, lzma.LZMAError, RuntimeError, NotImplementedError) as e:
        raise DataError(
            t(
                "{path} is compressed but cannot be unpacked ({why}). Unpack it yourself and give the table.",
                path=path.name,
                why=e,
            )
        ) from None
    return [path]


def _members(path: Path, names: list[str], scratch: Path) -> list[Path]:
    with zipfile.ZipFile(path) as z:
        files = [
            n
            for n in sorted(names)
            if not n.endswith("/") and not n.startswith("__MACOSX") and not Path(n).name.startswith(".")
        ]
        if not files:
            raise DataError(t("{path} is an empty archive; a table is needed.", path=path.name))
        return [_copy(z.open(n), scratch / f"{i}-{Path(n).name}") for i, n in enumerate(files)]


def _copy(source: IO[bytes], to: Path) -> Path:
    with source, to.open("wb") as out:
        while piece := source.read(PIECE):
            out.write(piece)
    return to


def encoding_of(head: bytes, whole: bool) -> str:
    """Return the encoding that the first bytes show: by its mark, by zero bytes, else UTF-8 unless they break it."""
    for mark, name in BOMS.items():
        if head.startswith(mark):
            return name
    zeros = (head[0::2].count(0), head[1::2].count(0))
    if sum(zeros) > 0.02 * len(head):
        if max(zeros) < 0.3 * len(head) / 2 or min(zeros) > 0.1 * max(zeros):
            raise DataError(
                t(
                    "This is not a text table: it has bytes that no text has. Expected csv, tsv, xlsx, parquet or JSON lines."
                )
            )
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head, whole)
    return "utf-8" if _mostly_utf8(text) else _single_byte(head)


def _mostly_utf8(text: str) -> bool:
    broken = text.count("�")
    return broken == 0 or broken <= 0.05 * sum(ord(c) > 127 for c in text)


def _single_byte(some: bytes) -> str:
    return "latin-1" if any(b in some for b in (0x81, 0x8D, 0x8F, 0x90, 0x9D)) else "cp1252"


def as_utf8(path: Path, encoding: str, scratch: Path, returns: bool = False) -> tuple[Path, int]:
    """Return a UTF-8 copy of the file (`returns`: with its line ends \\r turned to \\n), and how many marks were unreadable."""
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
    if text <= max(0.05 * high, 1):
        return "utf-8"
    return _single_byte(bytes(seen))


def dialect_of(text: str, whole: bool) -> Dialect:
    """Return how the table is written, from its first characters (`whole`: they are all there are)."""
    text = text.replace("\r\n", "\n").replace("\r", " ").replace("\0", " ")
    quote = _quote_of(text)
    found = {d: _records(text, d, quote, whole) for d in DELIMITERS}
    best = max(DELIMITERS, key=lambda d: _score(found[d]))
    if _score(found[best]) == 0:
        best, records = NONE, _records(text, NONE, quote, whole)
    else:
        records = found[best]
    return with_header(best, quote, [(end, r) for end, r in records if any(r) or len(r) > 1])


def _quote_of(text: str) -> str | None:
    single = len(re.findall(r"(?:^|[\t;|,])'[^'\n]*'(?=[\t;|,\n])", text, re.MULTILINE))
    return "'" if single > 5 and '"' not in text else '"'


def _records(text: str, delimiter: str, quote: str | None, whole: bool) -> list[tuple[int, tuple[str, ...]]]:
    """Records with the number of the line that each ends on; the last is left out where it may be cut."""
    lines = text.removesuffix("\n").split("\n")
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, quotechar=quote)
    records: list[tuple[int, tuple[str, ...]]] = []
    try:
        for record in reader:
            records.append((reader.line_num, tuple(record)))
    except csv.Error:
        pass
    return records if whole or len(records) < 2 else records[:-1]


def _score(records: list[tuple[int, tuple[str, ...]]]) -> float:
    """How well a delimiter explains the file: share of rows equally long, times share of cells free of other delimiters."""
    rows = [r for _, r in records if r]
    if not rows:
        return 0.0
    length, count = Counter(map(len, rows)).most_common(1)[0]
    if length < 2 or (len(rows[0]) == 1 and not _is_header(rows[[len(r) for r in rows].index(length)])):
        return 0.0
    cells = [c for r in rows[:300] for c in r]
    clean = sum(not FOREIGN.search(c) for c in cells) / len(cells)
    return round(count / len(rows) * (0.5 + 0.5 * clean), 3) * (1.0 if len(rows[0]) >= length - 1 else 0.8)


def _is_header(record: tuple[str, ...]) -> bool:
    return not any(NUMERIC.fullmatch(c) for c in record if c.strip()) and any(c.strip() for c in record)


def with_header(delimiter: str, quote: str | None, records: list[tuple[int, tuple[str, ...]]]) -> Dialect:
    if not records:
        return Dialect(delimiter, quote, 0, (), ())
    length = Counter(len(r) for _, r in records[: max(2, len(records))]).most_common(1)[0][0]
    first = next((i for i, (_, r) in enumerate(records) if len(r) >= length and 2 * sum(map(bool, r)) >= length), 0)
    notes: list[Note] = []
    if first == 1 and len(records[0][1]) == length - 1 and _is_header(records[0][1]):
        end, names, rows = records[0][0], _short_header(records, length, notes), records[1:]
        return Dialect(delimiter, quote, end, names, tuple(r for _, r in rows), tuple(notes))
    if first:
        said = t("The first {n} lines are no part of the table and were passed over.", n=records[first - 1][0])
        notes.append(Note(said, "repaired", count=first))
    rows = records[first:]
    start = records[first - 1][0] if first else 0
    if _has_header([r for _, r in rows]):
        names = tuple(c.strip().removeprefix("\ufeff") for c in rows[0][1])
        return Dialect(delimiter, quote, rows[0][0], names, tuple(r for _, r in rows[1:]), tuple(notes))
    notes.append(Note(t("The first line holds values, so the columns were named column 1, column 2 …"), "repaired"))
    return Dialect(delimiter, quote, start, ("",) * length, tuple(r for _, r in rows), tuple(notes))


def _short_header(records: list[tuple[int, tuple[str, ...]]], length: int, notes: list[Note]) -> tuple[str, ...]:
    """A header one name short: every row ends with a delimiter, or (as R writes) the first column has no name."""
    names = tuple(c.strip().removeprefix("\ufeff") for c in records[0][1])
    ends_empty = all(not r[-1].strip() for _, r in records[1:] if len(r) == length)
    notes.append(Note(t("The header has one name less than the rows have values."), "repaired"))
    return (*names, "") if ends_empty else ("", *names)


def _has_header(rows: list[tuple[str, ...]]) -> bool:
    """False where the first row looks like the others: numbers over numbers, and no word over a number."""
    first = rows[0]
    numbers = [bool(NUMERIC.fullmatch(c)) for c in first]
    filled = [bool(c.strip()) for c in first]
    if not any(numbers) or _are_years([c for c, n in zip(first, numbers, strict=True) if n]):
        return True
    if all(n for n, f in zip(numbers, filled, strict=True) if f):
        return False
    below = [[r[i] for r in rows[1:200] if len(r) == len(first) and r[i].strip()] for i in range(len(first))]
    number_below = [bool(b) and sum(bool(NUMERIC.fullmatch(c)) for c in b) > 0.8 * len(b) for b in below]
    words_over_numbers = any(f and not n and b for n, f, b in zip(numbers, filled, number_below, strict=True))
    numbers_over_words = any(n and not b for n, b in zip(numbers, number_below, strict=True))
    return words_over_numbers or numbers_over_words


def _are_years(cells: list[str]) -> bool:
    years = [int(c) for c in cells if re.fullmatch(r"\s*(19|20|21)\d\d\s*", c)]
    return len(years) == len(cells) > 1 and len(set(years)) == len(years) and sorted(years) in (years, years[::-1])
