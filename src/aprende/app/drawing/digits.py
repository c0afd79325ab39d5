"""Numbers as people read them, in the user's language: 1,234.5 in English, 1 234,5 (thin space) in Spanish.

An interval decides how many digits mean something: two significant digits of its width, and no more. Knows no metric.
"""

import math
from collections.abc import Sequence
from typing import Any

from aprende.core.fields import Field, Number
from aprende.core.words import language, t

LETTERS = (("G", 1e9, 1e9), ("M", 1e6, 1e6), ("k", 1e3, 1e4))  # letter, size, used from
THIN = "\u202f"  # narrow no-break space
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, significant: int = 3) -> str:
    """Return a number with so many significant digits; whole from 1,000 up."""
    if value is None or not math.isfinite(value):
        return "–"
    if value and (abs(value) < 1e-4 or abs(value) >= 1e15):
        return _power(value, significant)
    return fixed(value, decimals_of(value, significant), trim=True)


def _power(value: float, significant: int) -> str:
    power = math.floor(math.log10(abs(value)))
    return f"{number(value / 10.0**power, significant)} × 10{str(power).translate(SUPERSCRIPT)}"


def decimals_of(value: float, significant: int = 3) -> int:
    """Return the decimals that show so many significant digits of a value."""
    return max(0, significant - 1 - math.floor(math.log10(abs(value)))) if value else 0


def fixed(value: float, decimals: int, trim: bool = False) -> str:
    """Return a number rounded to so many decimals (negative: to tens, hundreds …), in the language's own signs."""
    text = f"{round(value, decimals):,.{max(0, decimals)}f}".replace("-", "−")
    if trim and "." in text:
        text = text.rstrip("0").rstrip(".")
    if text.strip("−0.") == "":
        text = text.replace("−", "")
    if language() == "es":
        text = text.replace(",", THIN).replace(".", ",")
    return text


def figure(value: float | None, unit: str = "", significant: int = 3) -> str:
    """Return a number with its unit; the unit "%" says that the value is a share."""
    if value is None or not math.isfinite(value):
        return "–"
    return with_unit(number(value * 100 if unit == "%" else value, significant), unit)


def with_unit(text: str, unit: str) -> str:
    """Return a number's text with its unit, which never stands alone on the next line."""
    return f"{text}{THIN}{unit}" if unit == "%" else f"{text}\u00a0{unit}" if unit else text


def measured(value: float | None, low: float | None, high: float | None, unit: str = "") -> tuple[str, str]:
    """Return a value and its interval as texts, with the digits that the interval's width supports."""
    if value is None or low is None or high is None or not math.isfinite(low + high + value):
        return figure(value, unit), ""
    times = 100.0 if unit == "%" else 1.0
    width = (high - low) * times
    if width == 0:  # nothing varied: resampling tells nothing, and a point is no interval
        return figure(value, unit), ""
    decimals = min(1 - math.floor(math.log10(width)), 6)
    ends = f"{fixed(low * times, decimals)} – {fixed(high * times, decimals)}"
    return with_unit(fixed(value * times, decimals), unit), with_unit(ends, unit)


def difference(value: float | None, low: float | None, high: float | None, unit: str = "") -> tuple[str, str]:
    """Return a difference and its interval as texts: that of two shares is in points, not in per cent."""
    if unit != "%":
        return measured(value, low, high, unit)
    points = [None if v is None else 100 * v for v in (value, low, high)]
    return measured(points[0], points[1], points[2], t("points"))


def ticks(values: Sequence[float], unit: str = "") -> list[str]:
    """Return short labels for an axis: equal decimals, thousands as k and millions as M."""
    shown = [v * 100 for v in values] if unit == "%" else list(values)
    letter, size = _thousands(max((abs(v) for v in shown), default=0.0))
    rest = [number(v / size, 6) for v in shown]
    return [
        with_unit(r, letter or unit) if v and (letter or unit == "%") else r for r, v in zip(rest, shown, strict=True)
    ]


def compact(value: float, significant: int = 3) -> str:
    """Return a short number: 1.25 M, 87.4 k, 132."""
    letter, size = _thousands(abs(value))
    return with_unit(number(value / size, significant), letter)


def _thousands(largest: float) -> tuple[str, float]:
    """The letter and the size in which numbers up to this are short; thousands only from 10,000 up."""
    return next(((w, s) for w, s, least in LETTERS if least <= largest < 1e13), ("", 1.0))


def count(n: int) -> str:
    """Return how many, with the language's separators."""
    return fixed(n, 0)


def size(count_of_bytes: int) -> str:
    """Return the size of a file."""
    kilo = count_of_bytes < 1_000_000
    return with_unit(number(count_of_bytes / (1e3 if kilo else 1e6), 2), "kB" if kilo else "MB")


def rows(n: int) -> str:
    """Return how many rows, in words."""
    return t("1 row") if n == 1 else t("{n} rows", n=count(n))


def duration(seconds: float) -> str:
    """Return a time span for people."""
    if seconds < 10:
        return t("{n} s", n=number(seconds, 2))
    if seconds < 90:
        return t("{n} s", n=fixed(seconds, 0))
    minutes = round(seconds / 60)
    if minutes < 60:
        return t("{n} min", n=minutes)
    return t("{h} h {m} min", h=minutes // 60, m=minutes % 60)


def of_field(field: Field, value: Any) -> str:
    """Return one stored value as its field shows it, numbers in the language's own signs."""
    if not isinstance(field, Number):
        return field.show(value)
    value = float(value)
    if not math.isfinite(value):
        return "–"
    text = fixed(value, 0) if field.whole or abs(value) >= 1000 else number(value, 4)
    return with_unit(text, field.unit)
