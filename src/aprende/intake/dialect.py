"""How a text table is written: delimiter, quotes, header. Decided on its first rows.

Knows nothing of encodings (`encoding`) nor of what columns mean.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aprende.core.contract import Note
from aprende.core.words import t

if TYPE_CHECKING:
    import polars as pl

DELIMITERS = "\t;|,"  # of equal evidence the first wins: a comma is also a decimal sign
ROW = "\0row"  # a name that no column has
NONE = "\x1f"  # a delimiter that no file has, for tables of one column
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
NUMERIC = re.compile(r"\s*[-+(]?\s*[$€£¥]?\s*[-+]?[\d.,'\s]*\d[\d.,'\s]*[%€)]?\s*")
FOREIGN = re.compile(r"[\t;|]|,(?!\d)|(?<!\d),")


@dataclass(frozen=True)
class Dialect:
    """`skip` lines stand before the first row of data; `names` are the header's own words ("" where it had none)."""

    delimiter: str
    quote: str | None
    skip: int
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # the first rows of data, as text
    notes: tuple[Note, ...] = field(default=())


def dialect_of(text: str, whole: bool) -> Dialect:
    """Return how the table is written, from its first characters (`whole`: they are all there are)."""
    text = text.replace("\r\n", "\n").replace("\r", " ").replace("\0", " ")
    quote = _quote_of(text)
    if named := re.match(r'"?sep=(.)"?[\t;|,]*\n', text):  # Excel's own word for the delimiter
        records = _records(text, named[1], quote, whole)[1:]
        return with_header(named[1], quote, [(end, r) for end, r in records if any(r)])
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
    """How well a delimiter explains the rows: share of equally long ones, times share of cells free of the others."""
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
    """Return the dialect with its header and first rows. records: (where it ends in the text, its cells)."""
    if not records:
        return Dialect(delimiter, quote, 0, (), ())
    length = Counter(len(r) for _, r in records).most_common(1)[0][0]
    first = next((i for i, (_, r) in enumerate(records) if len(r) >= length and 2 * sum(map(bool, r)) >= length), 0)
    notes: list[Note] = []
    if first == 1 and _is_short_header(records, length):
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


def _is_short_header(records: list[tuple[int, tuple[str, ...]]], length: int) -> bool:
    """True for a header one name short; a title of one word above a header is none."""
    titles = records[0][1]
    if len(titles) != length - 1 or not _is_header(titles):
        return False
    return len(titles) > 1 or not _has_header([r for _, r in records[1:] if len(r) == length])


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


def scan(
    path: Path,
    dialect: Dialect,
    names: Sequence[str],
    counted: bool = False,
) -> "pl.LazyFrame":
    """Return the file's cells as text, lazily (`counted`: with the column ROW); too short rows are filled up."""
    import polars as pl

    return pl.scan_csv(
        path,
        has_header=False,
        separator=dialect.delimiter,
        quote_char=dialect.quote,
        skip_lines=dialect.skip,
        schema=dict.fromkeys(names, pl.String),
        empty_string_is_null=False,
        extra_columns="raise",
        missing_columns="insert",
        row_index_name=ROW if counted else None,
        glob=False,
    )
