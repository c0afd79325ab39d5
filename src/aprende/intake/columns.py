"""One column → its kind, its values as `core.fields` stores them, and what had to be decided on the way.

Evidence is a column's distinct values with their counts, so that every rule weighs all rows and no loop runs over cells.
Knows no file: `Where` turns a row into the words with which the person finds it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Note
from aprende.core.fields import Boolean, Category, Column, Date, Field, Number, Place, Text
from aprende.core.words import t
from aprende.intake import dates, numbers, places

if TYPE_CHECKING:
    import polars as pl

MISSING = frozenset(
    [
        "na",
        "n/a",
        "n.a.",
        "#n/a",
        "#n/d",
        "#na",
        "nan",
        "-nan",
        "null",
        "none",
        "nil",
        "nill",
        "<na>",
        "<null>",
        "missing",
        "-",
        "--",
        "---",
        "—",
        "–",
        ".",
        "..",
        "...",
        "?",
        "??",
        "s/d",
        "s/d.",
        "s.d.",
        "sin_dato",
        "n/d",
        "n.d.",
        "nd",
        "n/c",
        "n.c.",
        "#value!",
        "#valor!",
        "#ref!",
        "#¡ref!",
        "#¡valor!",
        "#div/0!",
        "#¡div/0!",
        "#name?",
        "#¿nombre?",
        "#num!",
        "#¡num!",
        "#null!",
        "nat",
    ]
) | {
    "sin dato",
    "sin datos",
    "sin información",
    "sin informacion",
    "no disponible",
    "no informado",
    "not available",
    "no data",
    "no aplica",
}
INFINITE = frozenset(
    ["inf", "-inf", "+inf", "infinity", "-infinity", "+infinity", "∞", "-∞", "+∞", "infinito", "-infinito"]
)
WORDS = (
    {"sí": 1, "si": 1, "yes": 1, "true": 1, "verdadero": 1, "cierto": 1, "no": 0, "false": 0, "falso": 0},
    {"s": 1, "n": 0},
    {"y": 1, "n": 0},
    {"t": 1, "f": 0},
    {"v": 1, "f": 0},
    {"on": 1, "off": 0},
)
DIGITS = {"1": 1, "0": 0}
ALL_WORDS = {word: value for words in (*WORDS, DIGITS) for word, value in words.items()}
IDENTITY = re.compile(
    r"(?i)(?:^|[\W_])(?:id|ids|uuid|guid|folio|c[oó]digo|code|index|[ií]ndice|idx|key|clave|row|rowid|fila|nro|num|n[uú]mero)(?:$|[\W_])|^id|^unnamed|(?<=[a-z])I[dD]$|^$"
)
SAMPLE = 400  # distinct values looked at before the whole column is tried
MOST_OPTIONS = 5000


@dataclass(frozen=True)
class Where:
    """Says where rows are: by the line of the file where it is known (`first` = line of row 0), else by row."""

    first: int | None = None

    def __call__(self, rows: Sequence[int], total: int | None = None) -> str:
        shown = [int(r) + (self.first or 1) for r in rows[:3]]
        text = ", ".join(map(str, shown)) + (" …" if (total or len(rows)) > 3 else "")
        return t("line {list}", list=text) if self.first else t("row {list}", list=text)


@dataclass
class Understood:
    """A column as it will be stored. `decimal`, `day_first`: what it shows about the file; `open`: it could be read in two ways."""

    field: Field
    values: Column
    notes: list[Note] = field(default_factory=list)
    dropped: str = ""
    decimal: str = ""
    day_first: bool | None = None
    open: bool = False


@dataclass(frozen=True)
class Hints:
    """What the rest of the file shows: decimal sign, order of day and month."""

    decimal: str = ""
    day_first: bool | None = None


def understand(
    name: str,
    column: "pl.Series",
    where: Where,
    hints: Hints = Hints(),
    target: bool = False,
    wanted: Field | None = None,
) -> Understood:
    """Return any polars column understood. `target`: never left out, classes stay words; `wanted`: read as this field."""
    import polars as pl

    kind = column.dtype
    if kind.is_numeric() or kind == pl.Boolean:
        return _from_numbers(name, column, where, target, wanted)
    if kind.is_temporal():
        return _from_times(name, column, target, wanted)
    if kind.is_nested() or kind in (pl.Object, pl.Binary):
        shown = pl.Series(name, [None if v is None else str(v) for v in column], dtype=pl.String)
        return Understood(Text(), shown, dropped="" if target or wanted else t("holds lists or binary values"))
    return _from_text(name, column.cast(pl.String), where, hints, target, wanted)


def _from_numbers(name: str, column: "pl.Series", where: Where, target: bool, wanted: Field | None) -> Understood:
    import polars as pl

    if isinstance(wanted, (Category, Text)) or (
        target and wanted is None and column.n_unique() - (column.null_count() > 0) <= 2
    ):
        return _words(name, _number_words(column), [], target or wanted is not None)
    if isinstance(wanted, Place):
        return Understood(
            wanted, np.full((len(column), 2), np.nan), [bad_note(name, column.len(), "place", where, [0])]
        )
    if column.dtype == pl.Boolean and not isinstance(wanted, Number):
        return _booleans(name, column.cast(pl.Float64), [], target or wanted is not None)
    return finish_number(name, column.cast(pl.Float64, strict=False), where, target=target, wanted=wanted)


def _number_words(column: "pl.Series") -> "pl.Series":
    """Numbers as a person writes them: 3, not 3.0."""
    import polars as pl

    if column.dtype == pl.Boolean or column.dtype.is_integer():
        return column.cast(pl.String)
    whole = (column.is_null() | (column == column.floor())).all() and column.is_between(-1e15, 1e15).all()
    return (column.fill_nan(None).cast(pl.Int64) if whole else column.fill_nan(None)).cast(pl.String)


def finish_number(
    name: str,
    column: "pl.Series",
    where: Where,
    notes: Sequence[Note] = (),
    unit: str = "",
    target: bool = False,
    wanted: Field | None = None,
) -> Understood:
    """Return a Float64 column as Number, or Boolean where it is only 0 and 1; infinite values become missing."""
    told = list(notes)
    values = column.fill_null(float("nan")).to_numpy()
    infinite = np.isinf(values)
    if infinite.any():
        rows = np.flatnonzero(infinite)
        told.append(
            Note(
                t(
                    "{name}: {n} infinite values are missing values now ({where}).",
                    name=name,
                    n=len(rows),
                    where=where(rows.tolist()),
                ),
                "repaired",
                name,
                len(rows),
            )
        )
        values = np.where(infinite, np.nan, values)
    filled = values[~np.isnan(values)] if np.isnan(values).any() else values
    if isinstance(wanted, Boolean) or (wanted is None and not target and _zero_one(filled)):
        return _booleans(name, values, told, wanted is not None, where)
    if isinstance(wanted, Date):
        return Understood(wanted, values, told)
    whole = (
        bool(len(filled))
        and bool((filled[:100] == np.floor(filled[:100])).all())
        and bool((filled == np.floor(filled)).all())
    )
    made = wanted if isinstance(wanted, Number) else Number(typical=_middle(filled), unit=unit, whole=whole)
    reason = "" if target or wanted is not None else _why_no_number(name, values, filled, whole)
    return Understood(made, values, told, reason)


def _zero_one(filled: NDArray[np.float64]) -> bool:
    return (
        bool(len(filled))
        and bool(np.isin(filled[:100], (0, 1)).all())
        and filled.min() == 0
        and filled.max() == 1
        and bool(np.isin(filled, (0, 1)).all())
    )


def _middle(filled: NDArray[np.float64]) -> float:
    some = filled[:: max(1, len(filled) // 10_000)]
    return float(np.sort(some)[len(some) // 2]) if len(some) else 0.0


def _why_no_number(name: str, values: NDArray[np.float64], filled: NDArray[np.float64], whole: bool) -> str:
    if not len(filled):
        return t("is empty")
    if len(filled) == len(values) and filled.min() == filled.max():
        return t("has the same value {value} in every row", value=f"{filled[0]:g}")
    if whole and len(filled) == len(values) >= 10:
        steps = np.diff(filled)
        if (steps == 1).all() or (steps == -1).all():
            return t("only counts the rows (an identifier)")
        if IDENTITY.search(name) and len(np.unique(filled)) == len(filled):
            return t("has a different value in every row (an identifier)")
    return ""


def _booleans(name: str, values: Any, notes: Sequence[Note], keep: bool, where: Where = Where()) -> Understood:
    column = np.array(values, dtype=np.float64)
    wrong = ~np.isnan(column) & (column != 0) & (column != 1)
    told = list(notes)
    if wrong.any():
        told.append(bad_note(name, int(wrong.sum()), t("yes or no"), where, np.flatnonzero(wrong).tolist()))
        column[wrong] = np.nan
    filled = column[~np.isnan(column)]
    reason = ""
    if not keep and not len(filled):
        reason = t("is empty")
    elif not keep and len(filled) == len(column) and filled.min() == filled.max():
        reason = t("has the same value {value} in every row", value=t("yes") if filled[0] else t("no"))
    return Understood(Boolean(typical=float(len(filled) and filled.mean() > 0.5)), column, told, reason)


def _from_times(name: str, column: "pl.Series", target: bool, wanted: Field | None) -> Understood:
    import polars as pl

    if column.dtype in (pl.Time, pl.Duration):
        hours = column.cast(pl.Duration("us")) if column.dtype == pl.Duration else column
        scale = 3.6e9 if column.dtype == pl.Duration else 3.6e12
        return finish_number(
            name, hours.to_physical().cast(pl.Float64) / scale, Where(), unit="h", target=target, wanted=wanted
        )
    if isinstance(wanted, (Category, Text)):
        return _words(name, column.cast(pl.String), [], True)
    days = column.cast(pl.Datetime("us")).to_physical().cast(pl.Float64) / 86_400e6
    return finish_date(name, days.fill_null(float("nan")).to_numpy(), [], target or wanted is not None)


def finish_date(name: str, days: NDArray[np.float64], notes: Sequence[Note], keep: bool) -> Understood:
    """Return days since 1970-01-01 (n,) as a Date."""
    filled = days[~np.isnan(days)]
    made = Date(typical=float(np.floor(_middle(filled))))
    reason = "" if keep or len(filled) else t("is empty")
    if not keep and len(filled) == len(days) and len(days) and filled.min() == filled.max():
        reason = t("has the same value {value} in every row", value=made.show(filled[0]))
    return Understood(made, days, list(notes), reason)


def distinct(column: "pl.Series") -> "pl.DataFrame":
    """Return a text column's distinct values, in order of first appearance: raw, text (trimmed), n, missing."""
    import polars as pl

    counted = (
        column.alias("raw")
        .to_frame()
        .lazy()
        .group_by("raw", maintain_order=True)
        .agg(n=pl.len())
        .filter(pl.col("raw").is_not_null())
    )
    trimmed = counted.with_columns(text=pl.col("raw").str.strip_chars("\u200b\ufeff \t\r\n\u00a0\u2007\u202f"))
    short = pl.when(pl.col("text").str.len_bytes() <= 20).then(pl.col("text")).str.to_lowercase()
    return trimmed.with_columns(missing=(pl.col("text") == "") | short.is_in(list(MISSING)).fill_null(False)).collect()


def spread(column: "pl.Series", raw: "pl.Series", values: "pl.Series") -> "pl.Series":
    """Return for every row what its distinct value became; null where that is none."""
    return column.replace_strict(raw, values, default=None, return_dtype=values.dtype)


def _from_text(
    name: str, column: "pl.Series", where: Where, hints: Hints, target: bool, wanted: Field | None
) -> Understood:
    seen = distinct(column)
    filled = seen.filter(~seen["missing"])
    notes = _missing_note(name, seen)
    keep = target or wanted is not None
    if not len(filled) and wanted is None:
        return Understood(Category(), column.clear(len(column)), notes, "" if target else t("is empty"))
    for read in _readers(wanted, target):
        found = read(name, column, filled, where, hints, keep, wanted is not None)
        if found is not None:
            found.notes[:0] = notes
            return found
    return _words(name, column, notes, keep, seen, wanted)


Reader = Callable[[str, "pl.Series", "pl.DataFrame", Where, Hints, bool, bool], Understood | None]


def _readers(wanted: Field | None, target: bool) -> list[Reader]:
    forced: dict[type[Field], Reader] = {
        Boolean: _read_boolean,
        Number: _read_number,
        Date: _read_date,
        Place: _read_place,
    }
    if wanted is not None:
        return [forced[type(wanted)]] if type(wanted) in forced else []
    return [_read_date, _read_place, _read_number] if target else [_read_boolean, _read_date, _read_place, _read_number]


def _read_boolean(
    name: str, column: "pl.Series", filled: "pl.DataFrame", where: Where, hints: Hints, keep: bool, forced: bool
) -> Understood | None:
    import polars as pl

    if not forced and len(filled) > 12:
        return None
    words = filled["text"].str.to_lowercase().str.replace(r"^([01])\.0+$", "$1")
    said = set(words.to_list()) if len(words) <= 12 else set()
    spoken = said - set(DIGITS)  # "0.0" and "False" in one column are the same word
    fits = (w for w in WORDS if spoken and spoken <= set(w) and (len(said) > 1 or min(map(len, said)) > 1))
    pair = ALL_WORDS if forced else next(({**w, **DIGITS} for w in fits), None)
    if pair is None:
        return None
    values = words.replace_strict(pair, default=None, return_dtype=pl.Float64)
    values = values.fill_null(numbers.plain(words)) if forced else values
    notes = _unread(name, column, filled, values.is_null(), t("yes or no"), where)
    return _booleans(name, spread(column, filled["raw"], values).fill_null(float("nan")).to_numpy(), notes, keep, where)


def _read_date(
    name: str, column: "pl.Series", filled: "pl.DataFrame", where: Where, hints: Hints, keep: bool, forced: bool
) -> Understood | None:
    shape = dates.could_be(filled["text"].head(SAMPLE))
    if shape is None and forced:
        shape = dates.ISO
    if shape is None or (shape == dates.COMPACT and not forced and len(filled) < 3):
        return None
    read = dates.parse(filled["text"], filled["n"], shape, hints.day_first, forced)
    if read is None:
        return None
    notes = [Note(t("{name}: {said}.", name=name, said=s), "warning", name) for s in read.said]
    notes += _unread(name, column, filled, read.impossible, t("a date that the calendar has"), where)
    notes += _unread(name, column, filled, read.days.is_null() & ~read.impossible, t("a date"), where)
    days = spread(column, filled["raw"], read.days).fill_null(float("nan")).to_numpy()
    found = finish_date(name, days, notes, keep)
    found.day_first, found.open = read.day_first, bool(read.said)
    return found


def _read_place(
    name: str, column: "pl.Series", filled: "pl.DataFrame", where: Where, hints: Hints, keep: bool, forced: bool
) -> Understood | None:
    import polars as pl

    if not forced and not places.could_be(filled["text"].head(SAMPLE)):
        return None
    both = places.parse(name, filled["text"], filled["n"], forced)
    if both is None:
        return None
    notes = _unread(name, column, filled, pl.Series(np.isnan(both).any(axis=1)), t("a latitude and a longitude"), where)
    halves = [spread(column, filled["raw"], pl.Series(both[:, k])).fill_null(float("nan")).to_numpy() for k in (0, 1)]
    notes.insert(
        0,
        Note(
            t("{name} holds latitude and longitude together; it is one place.", name=name),
            "info",
            name,
            int(filled["n"].sum()),
        ),
    )
    return finish_place(np.column_stack(halves), notes)


def finish_place(both: NDArray[np.float64], notes: Sequence[Note]) -> Understood:
    """Return degrees (n, 2) as a Place."""
    filled = both[~np.isnan(both).any(axis=1)]
    typical = (_middle(filled[:, 0]), _middle(filled[:, 1])) if len(filled) else (0.0, 0.0)
    return Understood(Place(typical=typical), both, list(notes))


def _read_number(
    name: str, column: "pl.Series", filled: "pl.DataFrame", where: Where, hints: Hints, keep: bool, forced: bool
) -> Understood | None:
    """Plain notation first; where that fails, or could mean something else, the careful reading of `numbers`."""
    import polars as pl

    text = filled["text"].str.to_lowercase()
    infinite = text.is_in(list(INFINITE))
    if not forced and (not numbers.could_be(filled.filter(~infinite)["text"].head(SAMPLE)) or _codes(filled["text"])):
        return None
    values, read = numbers.plain(filled["text"]).fill_nan(None), None
    if values.filter(~infinite).has_nulls() or text.str.contains(r"^[-+]?[1-9]\d{0,2}\.\d{3}$").any():
        read = numbers.parse(filled["text"], filled["n"], hints.decimal, forced=forced or bool(infinite.any()))
        if read is None or (
            not forced
            and int(filled["n"].filter(read.values.is_null() & ~infinite).sum())
            > (1 - numbers.ENOUGH) * int(filled["n"].sum())
        ):
            return None
        values = pl.select(pl.when(infinite).then(float("inf")).otherwise(read.values)).to_series()
    values = pl.select(pl.when(infinite).then(float("inf")).otherwise(values)).to_series()
    notes = _unread(name, column, filled, values.is_null(), t("a number"), where)
    said = () if read is None else read.said
    if read is not None and read.decimal == "," and not hints.decimal:
        said = (t("a comma is the decimal sign"), *said)
    notes += [Note(t("{name}: {said}.", name=name, said=s), "repaired", name, int(filled["n"].sum())) for s in said]
    rows = spread(column, filled["raw"], values)
    if keep and not forced and len(filled) <= 2:
        return None
    found = finish_number(
        name, rows, where, notes, read.unit if read else "", keep and not forced, Number() if forced else None
    )
    found.decimal = read.decimal if read else ""
    found.open = read is not None and read.open
    return found


def _codes(text: "pl.Series") -> bool:
    """True where digits are names, not amounts: 08020, 0034911222333."""
    return bool(text.str.contains(r"^0\d+$").any()) and bool(text.str.contains(r"^\d+$").mean() >= 0.9)  # type: ignore[operator]


def _words(
    name: str,
    column: "pl.Series",
    notes: list[Note],
    keep: bool,
    seen: "pl.DataFrame | None" = None,
    wanted: Field | None = None,
) -> Understood:
    """Return the column as Category or Text (or what is wanted), trimmed, missing words null."""
    import polars as pl

    seen = distinct(column) if seen is None else seen
    changed = seen.filter(seen["missing"] | (seen["raw"] != seen["text"]))
    if len(changed):
        new = changed.select(pl.when(~pl.col("missing")).then(pl.col("text"))).to_series()
        column = column.replace(changed["raw"], new)
        trimmed = int(changed.filter(~changed["missing"])["n"].sum())
        if trimmed:
            notes = [
                *notes,
                Note(
                    t("{name}: spaces around {n} values were taken off.", name=name, n=trimmed),
                    "repaired",
                    name,
                    trimmed,
                ),
            ]
    if wanted is not None:
        return Understood(wanted, column, notes)
    words = seen.filter(~seen["missing"]).group_by("text", maintain_order=True).agg(pl.col("n").sum())
    reason = "" if keep else _why_no_words(column, words)
    if not keep and _is_text(words):
        shortest = min(words["text"].head(50), key=len)
        return Understood(Text(typical=shortest[:200]), column, notes, reason)
    options = (
        words.sort("n", "text", descending=[True, False])["text"]
        .head(MOST_OPTIONS if not keep else len(words))
        .to_list()
    )
    return Understood(Category(tuple(sorted(options)), typical=options[0] if options else ""), column, notes, reason)


def _why_no_words(column: "pl.Series", words: "pl.DataFrame") -> str:
    rows = len(column)
    if not len(words):
        return t("is empty")
    if len(words) == 1 and not column.null_count():
        return t("has the same value {value} in every row", value=repr(words["text"][0])[:40])
    codes = len(words) == rows >= 10 and float(words["text"].str.contains(r"^[^\s:/]{1,64}$").mean() or 0) > 0.99  # type: ignore[arg-type]
    return t("has a different value in every row (an identifier)") if codes else ""


def _is_text(words: "pl.DataFrame") -> bool:
    """Text where values are long, or many and of several words, or addresses of the web; else words to be told apart."""
    if not len(words):
        return False
    some = words["text"].head(2000)
    length, parts = float(some.str.len_chars().mean() or 0), float((some.str.count_matches(r"\s+") + 1).mean() or 0)  # type: ignore[arg-type]
    differing = len(words) / int(words["n"].sum())
    urls = float(some.str.contains(r"^(?:https?://|www\.)").mean() or 0)  # type: ignore[arg-type]
    return len(words) > 10 and (
        urls > 0.5
        or length > 60
        or (differing > 0.2 and (parts >= 4 or length > 40))
        or (differing > 0.5 and parts >= 2)
    )


def _missing_note(name: str, seen: "pl.DataFrame") -> list[Note]:
    words = seen.filter(seen["missing"] & (seen["text"] != ""))
    if not len(words):
        return []
    return [missing_note(name, int(words["n"].sum()), words["text"].unique(maintain_order=True).head(4).to_list())]


def missing_note(name: str, n: int, words: Sequence[str]) -> Note:
    """The note on words that stand for a missing value."""
    shown = ", ".join(map(repr, words))
    return Note(
        t("{name}: {n} cells say {words}; they are missing values.", name=name, n=n, words=shown), "repaired", name, n
    )


def _unread(
    name: str, column: "pl.Series", filled: "pl.DataFrame", wrong: "pl.Series", expected: str, where: Where
) -> list[Note]:
    """The note on values that could not be read as what the column is; they become missing."""
    bad = filled.filter(wrong)
    if not len(bad):
        return []
    rows = column.is_in(bad["raw"].head(1000).implode()).arg_true().head(3).to_list()
    n, shown = int(bad["n"].sum()), ", ".join(repr(v)[:30] for v in bad["text"].head(3))
    return [bad_note(name, n, expected, where, rows, shown)]


def bad_note(name: str, n: int, expected: str, where: Where, rows: Sequence[int], shown: str = "") -> Note:
    """The note on values that are not what their column is."""
    said = t(
        "{name}: {n} values are not {expected} and are missing now ({what}).",
        name=name,
        n=n,
        expected=expected,
        what=", ".join(filter(None, [shown, where(rows, n)])),
    )
    return Note(said, "repaired", name, n)
