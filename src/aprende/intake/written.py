"""A column of text → booleans, dates, places, numbers, categories or free text, whichever the whole column shows.

Evidence is a column's distinct values with their counts (or every row, where nearly all differ), so that every rule
weighs all rows and no loop runs over cells. Knows no file and no other column but for `Hints`.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from aprende.core.contract import Note
from aprende.core.fields import Boolean, Category, Date, Field, Number, Place, Text
from aprende.core.words import t
from aprende.intake import dates, numbers, places, understood
from aprende.intake.evidence import share
from aprende.intake.lexicon import ANY_YES_NO, DIGITS, INFINITE, MISSING, YES_NO
from aprende.intake.understood import SHOWN, Ask, Understood, bad_note, missing_note, same_value

if TYPE_CHECKING:
    import polars as pl

SAMPLE = 400  # distinct values looked at before the whole column is tried
MOST_OPTIONS = 5000  # categories listed by name; rarer words are read all the same
SPACES = "\u200b\ufeff \t\r\n\u00a0\u2007\u202f"
Read = Callable[[Ask, "pl.Series", "pl.DataFrame"], Understood | None]


def evidence(column: "pl.Series") -> "pl.DataFrame":
    """Return the distinct values: raw, text (trimmed), n, missing; in order of first appearance.

    Where nearly all differ, finding the distinct costs more than it saves: then every row, with its number in `row`.
    """
    import polars as pl

    raw = column.alias("raw").to_frame().lazy()
    if len(column) > 10_000 and _distinct(column) > 0.4 * len(column):
        seen = raw.with_row_index("row").with_columns(n=pl.lit(1, pl.UInt32)).filter(pl.col("raw").is_not_null())
    else:
        seen = raw.group_by("raw", maintain_order=True).agg(n=pl.len()).filter(pl.col("raw").is_not_null())
    text = pl.col("raw").str.strip_chars(SPACES)
    short = pl.when(pl.col("text").str.len_bytes() <= 24).then(pl.col("text")).str.to_lowercase()
    missing = (pl.col("text") == "") | short.is_in(list(MISSING)).fill_null(False)
    return seen.with_columns(text=text).with_columns(missing=missing).collect()


def spread(column: "pl.Series", seen: "pl.DataFrame", values: "pl.Series") -> "pl.Series":
    """Return for every row what its value became; null where that is none."""
    import polars as pl

    if "row" in seen.columns:
        rows = pl.repeat(None, len(column), dtype=values.dtype, eager=True)
        return rows.scatter(seen["row"], values) if len(seen) < len(column) else values
    return column.replace_strict(seen["raw"], values, default=None, return_dtype=values.dtype)


def understand_text(ask: Ask, column: "pl.Series") -> Understood:
    """Return a String column understood."""
    seen = evidence(column)
    filled = seen.filter(~seen["missing"])
    notes = _missing_words(ask.name, seen)
    if not len(filled) and ask.wanted is None:
        return Understood(Category(), column.clear(len(column)), notes, "" if ask.target else t("is empty"))
    for read in _readers(ask, filled["text"].head(SAMPLE)):
        found = read(ask, column, filled)
        if found is not None:
            found.notes[:0] = notes
            return found
    found = understand_words(ask, column, seen)
    found.notes[:0] = notes
    return found


def _readers(ask: Ask, sample: "pl.Series") -> list[Read]:
    forced: dict[type[Field], Read] = {Boolean: _boolean, Number: _number, Date: _date, Place: _place}
    if ask.wanted is not None:
        return [forced[type(ask.wanted)]] if type(ask.wanted) in forced else []
    words: list[Read] = [] if ask.target else [_boolean]
    return [*words, _date, _place, _number] if sample.str.contains(r"\d").any() else words


def _missing_words(name: str, seen: "pl.DataFrame") -> list[Note]:
    words = seen.filter(seen["missing"] & (seen["text"] != ""))
    if not len(words):
        return []
    return [missing_note(name, int(words["n"].sum()), words["text"].unique(maintain_order=True).head(4).to_list())]


def _unread(ask: Ask, column: "pl.Series", filled: "pl.DataFrame", wrong: "pl.Series", expected: str) -> list[Note]:
    """The note on values that could not be read as what the column is."""
    bad = filled.filter(wrong)
    if not len(bad):
        return []
    found = bad["row"] if "row" in bad.columns else column.is_in(bad["raw"].head(1000).implode()).arg_true()
    shown = bad["text"].unique(maintain_order=True).head(SHOWN).to_list()
    return [bad_note(ask, int(bad["n"].sum()), expected, found.head(SHOWN).to_list(), shown)]


def _boolean(ask: Ask, column: "pl.Series", filled: "pl.DataFrame") -> Understood | None:
    import polars as pl

    forced = ask.wanted is not None
    if not forced and len(filled) > 20:
        return None
    words = filled["text"].str.to_lowercase().str.replace(r"^([01])\.0+$", "$1")
    values = _yes_or_no(words.unique().to_list(), forced)
    if values is None:
        return None
    told = words.replace_strict(values, default=None, return_dtype=pl.Float64)
    told = told.fill_null(numbers.plain(words)) if forced else told
    notes = _unread(ask, column, filled, told.is_null(), t("yes or no"))
    return understood.boolean(ask, spread(column, filled, told).fill_null(np.nan).to_numpy(), notes)


def _yes_or_no(words: list[str], forced: bool) -> dict[str, int] | None:
    """The words of the pair that all these belong to; a single letter alone (s, n) shows nothing."""
    if forced:
        return ANY_YES_NO
    spoken = set(words) - set(DIGITS)  # "0.0" and "False" in one column say the same
    if not spoken or (len(words) == 1 and len(words[0]) == 1):
        return None
    return next(({**pair, **DIGITS} for pair in YES_NO if spoken <= set(pair)), None)


def _date(ask: Ask, column: "pl.Series", filled: "pl.DataFrame") -> Understood | None:
    forced = ask.wanted is not None
    shape = dates.could_be(filled["text"].head(SAMPLE))
    if shape is None and forced:
        shape = dates.ISO
    if shape is None:
        return None
    read = dates.parse(filled["text"], filled["n"], shape, ask.hints.day_first, forced, ask.hints.decided)
    if read is None:
        return None
    notes = [Note(t("{name}: {said}.", name=ask.name, said=s), "warning", ask.name) for s in read.said]
    notes += _unread(ask, column, filled, read.impossible, t("a date that the calendar has"))
    notes += _unread(ask, column, filled, read.days.is_null() & ~read.impossible, t("a date"))
    found = understood.date(ask, spread(column, filled, read.days).fill_null(np.nan).to_numpy(), notes)
    found.day_first, found.unsure = read.day_first, bool(read.said)
    return found


def _place(ask: Ask, column: "pl.Series", filled: "pl.DataFrame") -> Understood | None:
    import polars as pl

    forced = ask.wanted is not None
    if not forced and not places.could_be(filled["text"].head(SAMPLE)):
        return None
    both = places.parse(ask.name, filled["text"], filled["n"], forced)
    if both is None:
        return None
    said = t("{name} holds latitude and longitude together; it is one place.", name=ask.name)
    notes = [] if forced else [Note(said, "info", ask.name, int(filled["n"].sum()))]
    notes += _unread(ask, column, filled, pl.Series(np.isnan(both).any(axis=1)), t("a latitude and a longitude"))
    halves = [spread(column, filled, pl.Series(both[:, k])).fill_null(np.nan).to_numpy() for k in (0, 1)]
    return understood.place(ask, np.column_stack(halves), notes)


def _number(ask: Ask, column: "pl.Series", filled: "pl.DataFrame") -> Understood | None:
    """Plain notation first; where that fails, or could mean something else, the careful reading of `numbers`."""
    import polars as pl

    forced = ask.wanted is not None
    sample = filled["text"].head(SAMPLE)
    if not forced and not numbers.could_be(sample.filter(~_infinite(sample))):
        return None
    infinite = _infinite(filled["text"])
    finite = filled.filter(~infinite) if infinite.any() else filled
    if not forced and numbers.are_codes(finite["text"]):
        return None
    values, read = numbers.plain(filled["text"]).fill_nan(None), None
    if values.filter(~infinite).has_nulls() or numbers.may_be_thousands(finite["text"]):
        read = numbers.parse(finite["text"], finite["n"], ask.hints.decimal, forced, ask.hints.decided)
        if read is None:
            return None
        values = pl.repeat(None, len(filled), dtype=pl.Float64, eager=True).scatter((~infinite).arg_true(), read.values)
    if ask.target and len(filled) <= 2:
        return None
    values = pl.select(pl.when(infinite).then(float("inf")).otherwise(values)).to_series()
    notes = [*_how_written(ask, filled, read), *_unread(ask, column, filled, values.is_null(), t("a number"))]
    found = understood.number(ask, spread(column, filled, values), notes, read.unit if read else "")
    return found if read is None else replace(found, decimal=read.decimal, unsure=read.unsure)


def _infinite(text: "pl.Series") -> "pl.Series":
    return text.str.to_lowercase().is_in(list(INFINITE))


def _how_written(ask: Ask, filled: "pl.DataFrame", read: numbers.Numbers | None) -> list[Note]:
    if read is None:
        return []
    comma = [t("a comma is the decimal sign")] if read.decimal == "," and not read.unsure else []
    n = int(filled["n"].sum())
    return [Note(t("{name}: {said}.", name=ask.name, said=s), "repaired", ask.name, n) for s in (*comma, *read.said)]


def understand_words(ask: Ask, column: "pl.Series", seen: "pl.DataFrame | None" = None) -> Understood:
    """Return a String column as Category or Text (or the wanted one): trimmed, missing words null."""
    import polars as pl

    seen = evidence(column) if seen is None else seen
    changed = seen.filter(seen["missing"] | (seen["raw"] != seen["text"]))
    notes = _trimmed_note(ask.name, changed)
    if len(changed):
        new = changed.select(pl.when(~pl.col("missing")).then(pl.col("text"))).to_series()
        column = column.scatter(changed["row"], new) if "row" in seen.columns else column.replace(changed["raw"], new)
    if ask.wanted is not None:
        return Understood(ask.wanted, column, notes)
    words = seen.filter(~seen["missing"])
    if not ask.target and _is_text(words):
        shortest = min(words["text"].head(50), key=len)
        return Understood(Text(typical=shortest[:200]), column, notes, _nothing_in_words(column, words))
    words = (
        words.group_by("text", maintain_order=True).agg(pl.col("n").sum()).sort("n", "text", descending=[True, False])
    )
    options = words["text"].head(len(words) if ask.target else MOST_OPTIONS).to_list()
    made = Category(tuple(sorted(options)), typical=options[0] if options else "")
    return Understood(made, column, notes, "" if ask.target else _nothing_in_words(column, words))


def _trimmed_note(name: str, changed: "pl.DataFrame") -> list[Note]:
    n = int(changed.filter(~changed["missing"])["n"].sum())
    said = t("{name}: spaces around {n} values were taken off.", name=name, n=n)
    return [Note(said, "repaired", name, n)] if n else []


def _nothing_in_words(column: "pl.Series", words: "pl.DataFrame") -> str:
    if not len(words):
        return t("is empty")
    if len(words) == 1 and not column.null_count():
        return same_value(repr(words["text"][0])[:40])
    if len(words) < len(column) or len(words) < 10 or not share(words["text"].str.contains(r"^[^\s:/]{1,64}$")) > 0.99:
        return ""
    return t("has a different value in every row (an identifier)") if words["text"].n_unique() == len(column) else ""


def _is_text(words: "pl.DataFrame") -> bool:
    """Text where values are long, or many and of several words, or web addresses; else words to be told apart."""
    if len(words) <= 10:
        return False
    some = words["text"].head(2000)
    length, parts = share(some.str.len_chars()), share(some.str.count_matches(r"\s+")) + 1
    differing = (_distinct(words["text"]) if "row" in words.columns else len(words)) / int(words["n"].sum())
    wordy = (differing > 0.2 and (parts >= 4 or length > 40)) or (differing > 0.5 and parts >= 2)
    return wordy or length > 60 or share(some.str.contains(r"^(?:https?://|www\.)")) > 0.5


def _distinct(column: "pl.Series") -> int:
    """About how many values differ."""
    found: Any = column.approx_n_unique()
    return int(found)
