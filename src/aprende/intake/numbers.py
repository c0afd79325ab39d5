"""Text → numbers, deciding on the whole column: decimal sign, thousands, currency, unit, brackets for negatives.

Works on a column's distinct values with their counts, so that evidence is weighed by rows. Knows no file and no other
column, but for one hint: the decimal sign that the rest of the file uses.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aprende.core.words import t

if TYPE_CHECKING:
    import polars as pl

ENOUGH = 0.95  # share of filled rows that must be numbers for a column to be one
CURRENCY = r"US\$|U\$S|AR\$|MX\$|CA\$|A\$|R\$|S/\.?|[$€£¥₡₲₱₽₹₩]|(?:USD|EUR|MXN|MN|ARS|CLP|COP|PEN|UYU|BRL|GBP|JPY|CHF|CAD|AUD|Bs|Q)\.?"
SPACE = r"[\s\u00a0\u2009\u202f'’]"
SHAPE = (
    rf"^\s*(?P<open>\()?\s*(?P<sign>[-+−–])?\s*(?P<currency>{CURRENCY})?\s*(?P<sign2>[-+−–])?\s*"
    rf"(?P<body>\d(?:(?:[.,]|{SPACE})?\d)*[.,]?|[.,]\d+)(?P<power>[eE][-+]?\d{{1,3}})?\s*(?P<after>[-−])?\s*"
    r"(?P<unit>[%‰°\p{L}€$£¥/²³.·]{1,12}[23]?)?\s*(?P<close>\))?\s*$"
)
GROUPED = r"^\d{1,3}(?:S\d{2,3})*S\d{3}$"


@dataclass(frozen=True)
class Numbers:
    """`values` (distinct,) Float64: null where the text is no number. The rest tells how they were written."""

    values: "pl.Series"
    decimal: str = ""  # "," or "." where the column shows it
    unit: str = ""
    said: tuple[str, ...] = ()
    open: bool = False  # it could have been read in two ways


def plain(values: "pl.Series") -> "pl.Series":
    """Return the text as Float64; null where it is no number in plain notation."""
    import polars as pl

    return values.cast(pl.Float64, strict=False)


def could_be(sample: "pl.Series") -> bool:
    """True where most of a few distinct values have the shape of a number."""
    return bool(len(sample)) and float(sample.str.contains(SHAPE).mean() or 0) >= 0.7


def parse(values: "pl.Series", counts: "pl.Series", hint: str = "", forced: bool = False) -> Numbers | None:
    """Return distinct texts as numbers, or None where fewer than ENOUGH of the rows are (unless forced)."""
    import polars as pl

    parts = values.str.extract_groups(SHAPE).struct.unnest()
    frame = parts.with_columns(n=counts, body=pl.col("body").str.replace_all(SPACE + "+", " "))
    frame, unit, currency = _one_unit(frame)
    money = bool(currency) or bool(re.search(CURRENCY, unit))
    decimal, said = _decimal(frame, hint, money)
    number = _body(decimal).cast(pl.Float64, strict=False)
    negative = pl.any_horizontal([pl.col(c).is_in(["-", "−", "–"]) for c in ("sign", "sign2", "after")]) | (
        pl.col("open").is_not_null() & pl.col("close").is_not_null()
    )
    out = frame.select(pl.when(negative).then(-number).otherwise(number).alias("v"))["v"]
    parsed = int(counts.filter(out.is_not_null()).sum())
    if not forced and (parsed < ENOUGH * int(counts.sum()) or parsed == 0):
        return None
    return Numbers(out, decimal, unit or currency, (*said, *_said_units(frame, unit, currency)), bool(said))


def _one_unit(frame: "pl.DataFrame") -> tuple["pl.DataFrame", str, str]:
    """Keep the commonest unit and currency; a number in another unit is no number here (80 m² beside 900 ft²)."""
    import polars as pl

    chosen = []
    for part in ("unit", "currency"):
        seen = (
            frame.filter(pl.col(part).is_not_null())
            .group_by(part)
            .agg(pl.col("n").sum())
            .sort("n", part, descending=True)
        )
        main = seen[part][0] if len(seen) else ""
        frame = frame.with_columns(body=pl.when(pl.col(part).is_null() | (pl.col(part) == main)).then(pl.col("body")))
        chosen.append(main)
    return frame, chosen[0], chosen[1]


def _body(decimal: str) -> "pl.Expr":
    """Digits with their grouping checked and removed, and a dot for the decimal sign; null where the grouping is wrong."""
    import polars as pl

    mark = decimal or "."
    other = "." if mark == "," else ","
    whole, part = (
        pl.col("body").str.split_exact(mark, 1).struct.field("field_0"),
        pl.col("body").str.split_exact(mark, 1).struct.field("field_1"),
    )
    once = pl.col("body").str.count_matches(mark, literal=True) <= 1
    grouped = pl.any_horizontal([whole.str.contains(GROUPED.replace("S", s)) for s in (rf"\{other}", " ")])
    fine = once & (whole.str.contains(r"^\d*$") | grouped) & (part.is_null() | part.str.contains(r"^\d*$"))
    digits = whole.str.replace_all(rf"[ {other}]", "") + "." + part.fill_null("") + "0" + pl.col("power").fill_null("")
    return pl.when(fine).then(pl.concat_str(pl.lit("0"), digits))


def _decimal(frame: "pl.DataFrame", hint: str, money: bool) -> tuple[str, list[str]]:
    """Decide the decimal sign by what only one reading allows; where both are possible, by habit, and say so."""
    import polars as pl

    body = pl.col("body")
    both_comma = body.str.contains(r"\..*,\d*$") & (body.str.count_matches(",", literal=True) == 1)
    both_dot = body.str.contains(r",.*\.\d*$") & (body.str.count_matches(".", literal=True) == 1)
    only = {m: body.str.contains(rf"^[^{o}]*\{m}[^{o}]*$") for m, o in ((",", "."), (".", ","))}
    once = {m: only[m] & (body.str.count_matches(m, literal=True) == 1) for m in ",."}
    open_to_both = {m: once[m] & body.str.contains(rf"^[1-9]\d{{0,2}}\{m}\d{{3}}$") for m in ",."}
    votes = {
        ",": both_comma | (once[","] & ~open_to_both[","]) | (only["."] & ~once["."]),
        ".": both_dot | (once["."] & ~open_to_both["."]) | (only[","] & ~once[","]),
    }
    shown = frame.select(
        **{f"sure{m}": (votes[m] * pl.col("n")).sum() for m in ",."},
        **{f"open{m}": (open_to_both[m] * pl.col("n")).sum() for m in ",."},
    ).row(0, named=True)
    if shown["sure,"] or shown["sure."]:
        return ("," if shown["sure,"] > shown["sure."] else "."), []
    if not shown["open,"] and not shown["open."]:
        return "", []
    decimal = _by_habit(frame, shown, hint, money)
    example = frame.filter(body.str.contains("[.,]"))["body"][0]
    whole = example.replace("," if decimal == "." else ".", "")
    return decimal, [
        t(
            "{text} could be read in two ways; it was taken as {number}",
            text=repr(example),
            number=whole.replace(",", "."),
        )
    ]


def _by_habit(frame: "pl.DataFrame", shown: dict[str, int], hint: str, money: bool) -> str:
    import polars as pl

    if hint:
        return hint
    if shown["open,"]:
        return "."  # 1,234: an English thousands sign
    bodies = frame.filter(pl.col("body").is_not_null())["body"]
    undotted = int((~bodies.str.contains(".", literal=True)).sum())
    rounded = int(bodies.str.contains(r"\.\d\d0$").sum())
    return "," if money or (undotted and rounded) else "."  # 350, 1.200, 12.500: no decimals would be written so


def _said_units(frame: "pl.DataFrame", unit: str, currency: str) -> list[str]:
    said = [t("the unit {unit!r} was taken off", unit=u) for u in (unit, currency) if u]
    if frame["open"].is_not_null().any() and frame["close"].is_not_null().any():
        said.append(t("numbers in brackets are negative"))
    return said
