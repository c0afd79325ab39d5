"""Text tables whose rows are not equally long: the records with another number of values, and the file without them.

Works on whole lines in Rust; a line break within quotes ends no record. Knows nothing of what columns mean.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aprende.core.contract import Note
from aprende.core.errors import DataError
from aprende.core.words import t
from aprende.intake.dialect import Dialect

if TYPE_CHECKING:
    import polars as pl

BAD_SHARE = 0.5  # more rows of another length than this, and the file is no table
FEW = 0.05


@dataclass(frozen=True)
class Sieve:
    """Frames of `line`, `text`: the records to set aside and those to keep; `quote` is what quotes them."""

    bad: "pl.DataFrame"
    kept: "pl.DataFrame"
    quote: str | None


def sieve(path: Path, dialect: Dialect, width: int) -> Sieve:
    """Return the records that do not have `width` values, with the quoting (or none) that leaves fewer such."""
    first = _sieve(path, dialect, dialect.quote, width)
    if dialect.quote is None or len(first.bad) <= FEW * len(first.kept):
        return first
    return min((first, _sieve(path, dialect, None, width)), key=lambda s: len(s.bad))


def without_bad(found: Sieve, width: int, to: Path) -> Note:
    """Write the records to keep; return the note on the others. Raises DataError where they are most of the file."""
    bad, every = len(found.bad), len(found.bad) + len(found.kept)
    if bad > BAD_SHARE * every:
        said = t(
            "{bad} of {all} rows do not have the {n} values that the first rows have: this is no table.",
            bad=bad,
            all=every,
            n=width,
        )
        hint = t("Is the delimiter the same everywhere, and are texts that contain it in quotes?")
        raise DataError(f"{said} {hint}")
    with to.open("wb") as out:
        for part in found.kept["text"].to_frame().iter_slices(100_000):
            out.write("\n".join(part["text"].to_list()).encode() + b"\n")
    lines = ", ".join(map(str, found.bad["line"][:5])) + (" …" if bad > 5 else "")
    said = t("{n} rows do not have {width} values and were set aside (lines {lines}).", n=bad, width=width, lines=lines)
    return Note(said, "set aside", count=bad)


def _sieve(path: Path, dialect: Dialect, quote: str | None, width: int) -> Sieve:
    import polars as pl

    lines = pl.scan_lines(path, name="text", glob=False)
    lines = lines.slice(dialect.skip).with_row_index("line", offset=dialect.skip + 1)
    lines = _records(lines, quote) if quote else lines.with_columns(bare=pl.col("text"), broken=pl.lit(False))
    wrong = (pl.col("bare").str.count_matches(dialect.delimiter, literal=True) != width - 1) | pl.col("broken")
    try:
        told = lines.filter(pl.col("text") != "").select("line", "text", wrong=wrong).collect()
    except pl.exceptions.ComputeError as e:
        raise UnicodeError(str(e)) from None  # lines have no other way to fail
    return Sieve(told.filter("wrong").drop("wrong"), told.filter(~pl.col("wrong")).drop("wrong"), quote)


def _records(lines: "pl.LazyFrame", quote: str) -> "pl.LazyFrame":
    """Lines → records. `bare` is a record without its quoted parts; `broken` has text beside a quoted part."""
    import polars as pl

    quotes = pl.col("text").str.count_matches(quote, literal=True)
    begins = (quotes.cum_sum().shift(1, fill_value=0) % 2 == 0).cum_sum()
    joined = pl.col("text").str.join("\n")
    records = lines.group_by(begins.alias("record"), maintain_order=True).agg(pl.col("line").first(), joined)
    bare = pl.col("text").str.replace_all(f"{quote}[^{quote}]*{quote}", "\0")
    beside = pl.col("bare").str.replace_all("\0+", "\0").str.contains("\0[^\0,;|\t]|[^\0,;|\t]\0")
    return records.with_columns(bare=bare).with_columns(
        broken=pl.col("bare").str.contains(quote, literal=True) | beside
    )
