"""Text → numbers, deciding on the whole column: decimal sign, thousands, currency, unit, brackets for negatives.

Works on a column's distinct values with their counts, so that evidence is weighed by rows. Knows no file and no other
column, but for one hint: the decimal sign that the rest of the file uses.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aprende.core.words import t
from aprende.intake.evidence import share

if TYPE_CHECKING:
    import polars as pl

ENOUGH = 0.95  # share of filled rows that must be numbers for a column to be one
CURRENCY = (
    r"US\$|U\$S|AR\$|MX\$|CA\$|A\$|R\$|S/\.?|[$€£¥₡₲₱₽₹₩]|"
    r"(?:USD|EUR|MXN|MN|ARS|CLP|COP|PEN|UYU|BRL|GBP|JPY|CHF|CAD|AUD|Bs|Q)\.?"
)
SPACE = r"[\s\u00a0\u2009\u202f'’]"
SHAPE = (
    rf"^\s*(?P<open>\()?\s*(?P<sign>[-+−–])?\s*(?P<currency>{CURRENCY})?\s*(?P<sign2>[-+−–])?\s*"
    rf"(?P<body>\d(?:(?:[.,]|{SPACE})?\d)*[.,]?|[.,]\d+)(?P<power>[eE][-+]?\d{{1,3}})?\s*(?P<after>[-−])?\s*"
    r"(?P<unit>[%‰°\p{L}€$£¥/²³.·]{1,12}[23]?)?\s*(?P<close>\))?\s*$"
)
PROBE = 3000  # values that are taken apart to find out how the column is written


@dataclass(frozen=True)
class Numbers:
    """`values` (distinct,) Float64: null where the text is no number. The rest tells how they were written."""

    values: "pl.Series"
    decimal: str = ""  # "," or "." where the column shows it
    unit: str = ""
    said: tuple[str, ...] = ()
    unsure: bool = False  # it could have been read in two ways


def plain(values: "pl.Series") -> "pl.Series":
    """Return the text as Float64; null where it is no number in plain notation."""
    import polars as pl

    return values.cast(pl.Float64, strict=False)


def could_be(sample: "pl.Series") -> bool:
    """True where most of a few distinct values have the shape of a number."""
    return bool(len(sample)) and share(sample.str.contains(SHAPE)) >= 0.7


def are_codes(values: "pl.Series") -> bool:
    """True where digits are names, not amounts: 08020, 0034911222333."""
    digits = values.str.contains(r"^\d+$")
    return bool(values.str.contains(r"^0\d+$").any()) and float(digits.mean() or 0) >= 0.9  # type: ignore[arg-type]


def may_be_thousands(values: "pl.Series") -> bool:
    """True where every dotted number may be a whole one with a thousands sign (1.234)."""
    dotted = values.str.contains(".", literal=True)
    return bool(dotted.any()) and bool(values.filter(dotted).str.contains(r"^[-+]?[1-9]\d{0,2}\.\d{3}$").all())


@dataclass(frozen=True)
class Style:
    """How a column's numbers are written: `decimal` is "" where no value has a mark; `sure`: no other is possible."""

    decimal: str = ""
    sure: bool = False
    unit: str = ""
    currency: str = ""
    said: tuple[str, ...] = ()


def parse(
    values: "pl.Series", counts: "pl.Series", hint: str = "", forced: bool = False, decided: bool = False
) -> Numbers | None:
    """Return texts as numbers, or None where fewer than ENOUGH of the rows are (unless forced).

    hint: the decimal sign, where the texts could be read in two ways; decided: that is known, not guessed.
    """
    style = _style(values, counts, hint, decided)
    out = _quickly(values, style)
    rest = out.is_null().arg_true()
    if len(rest):
        out = out.scatter(rest, _carefully(_parts(values.gather(rest)), style))
    parsed = int(counts.filter(out.is_not_null()).sum())
    if not forced and (parsed < ENOUGH * int(counts.sum()) or parsed == 0):
        return None
    units = [t("the unit {unit!r} was taken off", unit=u) for u in (style.unit, style.currency) if u]
    brackets = [t("numbers in brackets are negative")] if values.str.contains(r"^\s*\(.*\)\s*$").any() else []
    unsure = bool(style.said)
    return Numbers(out, style.decimal, style.unit or style.currency, (*style.said, *units, *brackets), unsure)


def _parts(values: "pl.Series") -> "pl.DataFrame":
    """Each text taken apart: sign, currency, body (digits and marks), power, unit …; all null where it is no number."""
    import polars as pl

    parts = values.str.extract_groups(SHAPE).struct.unnest()
    return parts.with_columns(body=pl.col("body").str.replace_all(SPACE + "+", " "))


def _style(values: "pl.Series", counts: "pl.Series", hint: str, decided: bool) -> Style:
    """Decide from some values spread over the column; from all, where these leave something open."""
    step = max(1, len(values) // PROBE)
    some = _parts(values.gather_every(step)).with_columns(n=counts.gather_every(step))
    style = _style_of(some, hint, decided)
    if step == 1 or style.sure or not (style.decimal or values.str.contains("[.,]").any()):
        return style
    return _style_of(_parts(values).with_columns(n=counts), hint, decided)


def _style_of(frame: "pl.DataFrame", hint: str, decided: bool) -> Style:
    unit, currency = (_commonest(frame, part) for part in ("unit", "currency"))
    votes = _votes(frame)
    if votes["sure,"] or votes["sure."]:
        return Style("," if votes["sure,"] > votes["sure."] else ".", True, unit, currency)
    if not votes["open,"] and not votes["open."]:
        return Style("", False, unit, currency)
    if decided and hint:
        return Style(hint, False, unit, currency)
    money = bool(currency) or bool(re.search(CURRENCY, unit))
    decimal = _by_habit(frame, bool(votes["open,"]), money, hint)
    shown = frame["body"].drop_nulls()
    example = shown.filter(shown.str.contains("[.,]"))[0]
    number = example.replace("," if decimal == "." else ".", "").replace(",", ".")
    said = t("{text} could be read in two ways; it was taken as {number}", text=repr(example), number=number)
    return Style(decimal, False, unit, currency, (said,))


def _commonest(frame: "pl.DataFrame", part: str) -> str:
    """The commonest unit or currency; a number in another is no number here (80 m² beside 900 ft²)."""
    import polars as pl

    seen = frame.drop_nulls(part).group_by(part).agg(pl.col("n").sum()).sort("n", part, descending=True)
    return str(seen[part][0]) if len(seen) else ""


def _votes(frame: "pl.DataFrame") -> dict[str, int]:
    """Rows that only one decimal sign explains (sure), and rows that a decimal or a thousands sign explains (open)."""
    import polars as pl

    body = pl.col("body")
    marks = {m: body.str.count_matches(m, literal=True) for m in ",."}
    sure, unsure = {}, {}
    for mark, other in ((",", "."), (".", ",")):
        last = body.str.contains(rf"\{other}.*\{mark}\d*$") & (marks[mark] == 1)  # 1.234,5
        once = (marks[mark] == 1) & (marks[other] == 0)
        unsure[mark] = once & body.str.contains(rf"^[1-9]\d{{0,2}}\{mark}\d{{3}}$")  # 1,234
        often = (marks[other] > 1) & (marks[mark] == 0)  # 1.234.567
        sure[mark] = last | (once & ~unsure[mark]) | often
    rows = {f"sure{m}": (sure[m] * pl.col("n")).sum() for m in ",."} | {
        f"open{m}": (unsure[m] * pl.col("n")).sum() for m in ",."
    }
    return frame.select(**rows).row(0, named=True)


def _by_habit(frame: "pl.DataFrame", commas: bool, money: bool, hint: str) -> str:
    """Where both readings are possible: as nobody writes decimals so, else as the file does, else with a point."""
    if commas:
        return hint or "."
    bodies = frame["body"].drop_nulls()
    undotted = not bodies.str.contains(".", literal=True).all()
    rounded = bodies.str.contains(r"\.\d\d0$").any()
    return "," if money or (undotted and rounded) else hint or "."  # $ 1.234; 350, 1.200, 12.500


def _quickly(values: "pl.Series", style: Style) -> "pl.Series":
    """The commonest way to write a number in this style, without taking each text apart; null for the others."""
    import polars as pl

    mark, other = (",", ".") if style.decimal == "," else (".", ",")
    body = values.str.strip_prefix(style.currency).str.strip_suffix(style.unit).str.strip_chars(" \u00a0")
    fine = body.str.contains(rf"^[-+]?(?:\d+|\d{{1,3}}(?:\{other}\d{{3}})+)(?:\{mark}\d+)?$")
    digits = body.str.replace_all(other, "", literal=True)
    digits = digits.str.replace(",", ".", literal=True) if mark == "," else digits
    return pl.select(pl.when(fine).then(digits)).to_series().cast(pl.Float64, strict=False)


def _carefully(parts: "pl.DataFrame", style: Style) -> "pl.Series":
    """Any way to write a number: sign before or after, brackets, grouping by spaces; null for another unit or none."""
    import polars as pl

    mark, other = (",", ".") if style.decimal == "," else (".", ",")
    same = [pl.col(p).is_null() | (pl.col(p) == v) for p, v in (("unit", style.unit), ("currency", style.currency))]
    halves = pl.col("body").str.split_exact(mark, 1).struct
    whole, part = halves.field("field_0"), halves.field("field_1").fill_null("")
    grouped = [whole.str.contains(rf"^\d{{1,3}}(?:{s}\d{{2,3}})*{s}\d{{3}}$") for s in (rf"\{other}", " ")]
    fine = pl.all_horizontal(
        *same, pl.any_horizontal(whole.str.contains(r"^\d*$"), *grouped), part.str.contains(r"^\d*$")
    )
    digits = pl.concat_str(
        pl.lit("0"),
        whole.str.replace_all(rf"[ {other}]", ""),
        pl.lit("."),
        part,
        pl.lit("0"),
        pl.col("power").fill_null(""),
    )
    number = pl.when(fine).then(digits).cast(pl.Float64, strict=False)
    minus = pl.any_horizontal(pl.col("sign", "sign2", "after").is_in(["-", "−", "–"]).fill_null(False))
    negative = minus | (pl.col("open").is_not_null() & pl.col("close").is_not_null())
    return parts.select(pl.when(negative).then(-number).otherwise(number).alias("value")).to_series()
