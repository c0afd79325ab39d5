"""Text → days since 1970-01-01, deciding on the whole column: order of day and month, month names, times, zones.

Works on a column's distinct values with their counts. An impossible date (30 February) is missing; years 1 to 9999 are
dates like any other. Knows no file and no other column, but for one hint: the order that the rest of the file uses.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aprende.core.words import t
from aprende.intake.evidence import share

if TYPE_CHECKING:
    import polars as pl

ENOUGH = 0.95  # share of filled rows that must look like dates for a column to be one
MONTHS = (
    ("ene", "jan"), ("feb",), ("mar",), ("abr", "apr"), ("may",), ("jun",),
    ("jul",), ("ago", "aug"), ("sep", "set"), ("oct",), ("nov",), ("dic", "dec"),
)  # fmt: skip
NAME = (
    r"(?:ene(?:ro)?|jan(?:uary)?|feb(?:rero|ruary)?|mar(?:zo|ch)?|abr(?:il)?|apr(?:il)?|mayo?|jun(?:io|e)?|jul(?:io|y)?|"
    r"ago(?:sto)?|aug(?:ust)?|sept?(?:iembre|ember)?|set(?:iembre)?|oct(?:ubre|ober)?|nov(?:iembre|ember)?|dic(?:iembre)?|dec(?:ember)?)\.?"
)
WEEKDAY = r"(?:(?:lun|mar|mi[eé]|jue|vie|s[aá]b|dom|mon|tue|wed|thu|fri|sat|sun)\p{L}*\.?,?\s+)?"
TIME = (
    r"(?:[T\s,]\s*(?P<h>\d{1,2}):(?P<mi>\d{2})(?::(?P<s>\d{2}(?:[.,]\d+)?))?"
    r"\s*(?P<half>[aApP]\.?\s?[mM]\.?)?\s*(?P<zone>Z|UTC|GMT|[-+]\d{2}:?\d{2})?)?"
)
SHAPES = (
    r"(?P<y>\d{4})[-/.](?P<a>\d{1,2})[-/.](?P<b>\d{1,2})",  # 2016-05-31, 2016/5/31
    r"(?P<y>(?:19|20)\d{2})(?P<a>\d{2})(?P<b>\d{2})",  # 20160531
    r"(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<y>\d{4}|\d{2})",  # 31/05/2016, 5-31-16
    rf"(?P<a>\d{{1,2}})(?:st|nd|rd|th|º|ª)?[-/.\s]*(?:de\s+|of\s+)?(?P<b>{NAME})[-/.,\s]*(?:del?\s+)?"
    r"(?P<y>\d{4}|\d{2})",  # 31 de mayo de 2016, 31-may-16
    rf"(?P<a>{NAME})[-/.\s]+(?P<b>\d{{1,2}})(?:st|nd|rd|th)?[,.\s]+(?P<y>\d{{4}})",  # May 31, 2016
    r"(?P<y>(?:19|20)\d{2})[-/](?P<a>0?[1-9]|1[0-2])(?P<b>)",  # 2016-05
)
ISO, COMPACT, NUMERIC, DAY_NAME, NAME_DAY, MONTH = range(6)


@dataclass(frozen=True)
class Dates:
    """`days` (distinct,) Float64: null where the text is no date; `impossible` (distinct,): it only looks like one."""

    days: "pl.Series"
    impossible: "pl.Series"
    day_first: bool | None = None  # the order that was taken; None where days and months are not both digits
    said: tuple[str, ...] = ()


def pattern(shape: int) -> str:
    """Return the regular expression of one way to write a date, with an optional time after it."""
    return rf"(?i)^\s*{WEEKDAY}{SHAPES[shape]}{TIME}\s*$"


def could_be(sample: "pl.Series") -> int | None:
    """Return the way in which most of a few distinct values are written, or None where they are no dates."""
    if not sample.str.contains(r"\d.*\d").any():
        return None
    shares = [share(sample.str.contains(pattern(k))) for k in range(len(SHAPES))]
    best = max(range(len(SHAPES)), key=lambda k: shares[k])
    return best if shares[best] >= 0.7 else None


def parse(
    values: "pl.Series",
    counts: "pl.Series",
    shape: int,
    hint: bool | None = None,
    forced: bool = False,
    decided: bool = False,
) -> Dates | None:
    """Return distinct texts as days, or None where fewer than ENOUGH of the rows look like dates (unless forced).

    hint: whether the day comes first, where the texts do not show it; decided: that is known, not guessed.
    """
    import polars as pl

    parts = values.str.extract_groups(pattern(shape)).struct.unnest().with_columns(n=counts)
    like = parts["y"].is_not_null()
    if not forced and int(counts.filter(like).sum()) < ENOUGH * int(counts.sum()):
        return None
    day_first, said = _order(parts, shape, hint, decided)
    days = parts.select(_days(shape, day_first).alias("d"))["d"]
    if shape == COMPACT and not forced and int(counts.filter(days.is_not_null()).sum()) < ENOUGH * int(counts.sum()):
        return None
    taken = day_first if shape == NUMERIC else None
    return Dates(days.cast(pl.Float64), like & days.is_null(), taken, said)


def _order(parts: "pl.DataFrame", shape: int, hint: bool | None, decided: bool) -> tuple[bool, tuple[str, ...]]:
    """Decide whether the day comes first: by numbers above 12, else as in the rest of the file, else day first."""
    import polars as pl

    if shape != NUMERIC:
        return shape == DAY_NAME, ()
    a, b = (pl.col(c).cast(pl.Int32, strict=False) for c in "ab")
    day_first, month_first = parts.select(
        ((a > 12) & (b <= 12)).cast(pl.UInt32).dot("n"), ((b > 12) & (a <= 12)).cast(pl.UInt32).dot("n")
    ).row(0)
    if day_first or month_first:
        return (day_first or 0) >= (month_first or 0), ()
    if decided and hint is not None:
        return hint, ()
    order = True if hint is None else hint
    words = t("day/month/year") if order else t("month/day/year")
    return order, (t("no date shows whether the day or the month comes first; taken as {order}", order=words),)


def _days(shape: int, day_first: bool) -> "pl.Expr":
    """Days since 1970-01-01, null where the calendar has no such day."""
    import polars as pl

    year = pl.col("y").cast(pl.Int32, strict=False)
    short = pl.col("y").str.len_bytes() == 2
    year = pl.when(short).then(year + pl.when(year < 70).then(2000).otherwise(1900)).otherwise(year)
    day, month = ("a", "b") if day_first else ("b", "a")
    text = pl.concat_str(
        year.cast(pl.String).str.zfill(4),
        _month(month).str.zfill(2),
        pl.col(day).replace("", "1").str.zfill(2),
        separator="-",
    )
    date = text.str.to_date("%Y-%m-%d", strict=False)
    return pl.when(year >= 1).then(date.cast(pl.Int32).cast(pl.Float64) + _time())


def _month(column: str) -> "pl.Expr":
    """A month's number as text, from digits or a name."""
    import polars as pl

    number = {name: str(i + 1) for i, names in enumerate(MONTHS) for name in names}
    named = (
        pl.col(column).str.to_lowercase().str.slice(0, 3).replace_strict(number, default=None, return_dtype=pl.String)
    )
    return pl.when(pl.col(column).str.contains(r"^\d+$")).then(pl.col(column)).otherwise(named)


def _time() -> "pl.Expr":
    """The part of the day, in UTC where a zone is named; 0 where no time is; null where there is no such time."""
    import polars as pl

    hour, minute = (pl.col(c).cast(pl.Float64).fill_null(0) for c in ("h", "mi"))
    second = pl.col("s").str.replace(",", ".").cast(pl.Float64).fill_null(0)
    half = pl.col("half").str.to_lowercase().str.slice(0, 1)
    hour = pl.when(half == "p").then(hour % 12 + 12).when(half == "a").then(hour % 12).otherwise(hour)
    digits = pl.col("zone").str.replace(":", "")
    offset = digits.str.slice(1, 2).cast(pl.Float64, strict=False) * 60 + digits.str.slice(3, 2).cast(
        pl.Float64, strict=False
    )
    offset = pl.when(digits.str.starts_with("-")).then(-offset).otherwise(offset).fill_null(0)
    real = (hour < 24) & (minute < 60) & (second < 61)
    return pl.when(real).then((hour * 60 + minute - offset) / 1440 + second / 86400)
