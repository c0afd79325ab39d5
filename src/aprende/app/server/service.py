"""What the server does with requests that were let in and understood: predict, explain, compare with train.

Knows fields only through their methods, and neither HTTP nor pages. Slow work is done in threads.
"""

import asyncio
import io
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from aprende.app.answers import drawable, picture_of
from aprende.app.server.batching import Batcher, Busy, Line
from aprende.app.server.guard import Limits
from aprende.core import unlike, words
from aprende.core.contract import as_rows, from_rows
from aprende.core.errors import AprendeError, InputError
from aprende.core.fields import Columns, Json, png, read_all, rows_of, take
from aprende.core.model import Model, join
from aprende.core.words import t
from aprende.intake.inputs import Files, Inputs, Upload, columns_from_upload, picture

PIECE, PIECE_OF_FILES = 1024, 8  # rows predicted before the next look at whether anybody still waits
DECODED = 8  # single rows whose files are held decoded at once
FEW_INPUTS = 15  # that a form shows at once, in the model's own order
RANKED_BY = 3  # rows of train by which more inputs are ranked
EXPLAINED = 16  # rows of one request
JOBS = 2  # threads for long requests

Check = Callable[[], None]
Row = dict[str, Json]
TOLD = ("system", "settings", "inputs", "outputs", "scores", "notes", "history", "versions", "seconds")


class Service:
    """One model and the two ways to it: single rows together, everything else in line."""

    def __init__(self, model: Model, limits: Limits) -> None:
        self.model, self.limits, self.inputs = model, limits, Inputs(model.inputs)
        self.drawable = drawable(model.outputs)
        self.picture = picture_of(model.inputs) if self.drawable else ""
        self.rows: Batcher[tuple[Row, str], bytes] = Batcher(self._rows, waiting=limits.waiting)
        self.line = Line(JOBS, limits.jobs)
        self.decoding, self.decoded = Line(JOBS, DECODED), asyncio.Semaphore(DECODED)
        self._order: list[str] = []
        self.piece = PIECE_OF_FILES if self.inputs.files else PIECE

    def close(self) -> None:
        """Let the threads end."""
        self.rows.close()
        self.line.close()
        self.decoding.close()

    async def one(self, row: Any) -> bytes:
        """Return the answer to one row as JSON text."""
        row = self.inputs.alone(self.inputs.check(row))
        if not self.inputs.files:
            return await self.rows.ask((row, words.language()))
        async with self.decoded:
            row = await self.decoding.run(lambda check: {**row, **{n: picture(row[n]) for n in self.inputs.files}})
            return await self.rows.ask((row, words.language()))

    def _rows(self, asked: list[tuple[Row, str]]) -> list[bytes]:
        with words.speaking(asked[0][1]):  # where a row is bad it is asked again alone: an error is in its own language
            outputs = self.model.predict(self.inputs.of_rows([row for row, _ in asked], as_it_is))
        return [orjson.dumps(row) for row in as_rows(outputs, self.model.outputs)]

    def columns(self, body: Any) -> Columns:
        """Return {"rows": [...]}, {"columns": {...}} or one row as columns; raise InputError.

        Regular but for files, which are decoded when they are asked for: all at once they could fill the memory.
        """
        rows, columns = unwrapped(body)
        if columns is None:
            given = self.inputs.of_rows([self.inputs.check(row) for row in rows], as_it_is)
        else:
            given = self.inputs.of_columns(columns, as_it_is)
        if (n := rows_of(given)) > self.limits.rows:
            raise InputError(t("{n} rows came; at most {most} are answered at once.", n=n, most=self.limits.rows))
        scalars = {name: f for name, f in self.model.inputs.items() if name not in self.inputs.files}
        files = {name: files_of(given.pop(name)) for name in self.inputs.files}
        return {**read_all(scalars, given), **files}

    async def many(self, body: Any) -> bytes:
        """Return the answers to many rows as JSON text; one bad row refuses all of them, by its number."""

        def job(check: Check) -> bytes:
            columns = self.columns(body)
            pieces = []
            for start in range(0, rows_of(columns), self.piece):
                check()
                pieces.append(self.model.predict(take(columns, slice(start, start + self.piece))))
            outputs = {name: join([piece[name] for piece in pieces]) for name in pieces[0]}
            return orjson.dumps({"rows": as_rows(outputs, self.model.outputs)})

        return await self.line.run(job)

    async def files(self, files: Sequence[tuple[str, bytes]], csv: bool) -> bytes:
        """Return uploaded rows with their answers as JSON or CSV text; a bad row has its reason under "error"."""

        def job(check: Check) -> bytes:
            with tempfile.TemporaryDirectory(prefix="aprende-") as folder:
                limits = self.limits
                upload = columns_from_upload(files, self.model.inputs, Path(folder), limits.body, limits.rows)
            rows = self._answered(upload, check)
            if csv:  # no cell of a table holds a picture
                heavy = {name for name, field in self.model.outputs.items() if field.heavy}
                return as_csv([{name: v for name, v in row.items() if name not in heavy} for row in rows])
            return orjson.dumps({"rows": rows, "notes": [note.text for note in upload.notes]})

        return await self.line.run(job)

    def _answered(self, upload: Upload, check: Check) -> list[Row]:
        """Return what was shown of each row with its answers."""
        columns, rows = upload.columns, []
        for start in range(0, rows_of(columns), self.piece):
            check()
            rows += self._each(take_any(columns, start, start + self.piece))
        shown = [dict(zip(upload.shown, values, strict=True)) for values in zip(*upload.shown.values(), strict=True)]
        return [{**left, **_renamed(right, left)} for left, right in zip(shown, rows, strict=True)]

    def _each(self, columns: Columns) -> list[Row]:
        """Return each row's answers; halve until a bad row stands alone."""
        n = rows_of(columns)
        try:
            return self._told(self.model.predict(columns))
        except AprendeError as error:
            if n == 1:
                return [{"error": str(error)}]
        return self._each(take_any(columns, 0, n // 2)) + self._each(take_any(columns, n // 2, n))

    def _told(self, outputs: Columns) -> list[Row]:
        """Answers as rows of a table; of what no cell can hold and is no file (maps) a short text."""
        long = [n for n, f in self.model.outputs.items() if f.heavy and "contentEncoding" not in f.schema()]
        return [
            {**row, **{n: self.model.outputs[n].show(outputs[n][i]) for n in long}}
            for i, row in enumerate(as_rows(outputs, self.model.outputs))
        ]

    async def drawn(self, body: Any) -> bytes:
        """Return {"answer": …, "drawn": {output: base64 of a PNG}} for one row, as JSON text: each output that has a
        place in the picture is drawn over it."""

        def job(check: Check) -> bytes:
            columns = self.columns(body)
            if not self.picture or rows_of(columns) != 1:
                raise InputError(t("One row is drawn at a time, of a model that answers in a picture."))
            outputs = self.model.predict(columns)
            picture = np.asarray(columns[self.picture][0])
            drawn = {name: png(field.drawn(outputs[name][0], picture)) for name, field in self.drawable.items()}
            return orjson.dumps({"answer": as_rows(outputs, self.model.outputs)[0], "drawn": drawn})

        return await self.line.run(job)

    async def explain(self, body: Any, output: str | None) -> list[dict[str, Json]]:
        """Return for each row why it was answered so."""
        from aprende.insight.explain import explain

        def job(check: Check) -> list[dict[str, Json]]:
            columns = self.columns(body)
            if rows_of(columns) > EXPLAINED:
                raise InputError(t("At most {n} rows are explained at once.", n=EXPLAINED))
            found = []
            for i in range(rows_of(columns)):
                check()
                found += explain(self.model, take(columns, slice(i, i + 1)), output, judge=rows_of(columns) == 1)
            return [explained(one) for one in found]

        return await self.line.run(job)

    async def unlike(self, body: Any) -> list[list[str]]:
        """Return for each row the columns whose value is unlike anything in train."""

        def job(check: Check) -> list[list[str]]:
            columns = self.columns(body)
            summary = {n: s for n, s in self.model.manifest["facts"].get("summary", {}).items() if n in columns}
            outside = unlike.Held(summary).outside(columns)
            return [[name for name, rows in outside.items() if rows[i]] for i in range(rows_of(columns))]

        return await self.line.run(job)

    async def order(self) -> list[str]:
        """Return the inputs in the order in which a form should ask for them: those first that matter most."""
        if not self._order:
            try:
                self._order = await self.line.run(lambda check: leading(self.model))
            except Busy:
                return list(self.model.inputs)
        return self._order

    def about(self) -> dict[str, Json]:
        """Return what may be told of the model: no rows of train, no paths."""
        return {key: self.model.manifest[key] for key in TOLD if key in self.model.manifest}


def leading(model: Model) -> list[str]:
    """Return the inputs, those first that move the answers to a few rows of train most; few inputs as they are."""
    from aprende.insight.explain import explain

    names, rows = list(model.inputs), model.manifest.get("background") or []
    if len(names) <= FEW_INPUTS or not rows:
        return names
    moved = dict.fromkeys(names, 0.0)
    try:
        for one in explain(model, from_rows(rows[:RANKED_BY], model.inputs)):
            for part in one.attributions:
                moved[part.column] += abs(part.effect)
    except InputError:  # no numeric output: nothing to rank by
        return names
    return sorted(names, key=lambda name: -moved[name])


def unwrapped(body: Any) -> tuple[list[Any], dict[str, Any] | None]:
    """Return (rows, None) or ([], columns). No value of a field is a list of objects or an object of lists, so a column
    may be called "rows" or "columns" all the same."""
    if isinstance(body, dict) and len(body) == 1:
        held = next(iter(body.values()))
        if "rows" in body and isinstance(held, list) and all(isinstance(v, dict) for v in held):
            return held, None
        if "columns" in body and isinstance(held, dict) and all(isinstance(v, list) for v in held.values()):
            return [], held
    return [body], None


def is_one(body: Any) -> bool:
    """Tell whether the body is one row."""
    rows, columns = unwrapped(body)
    return columns is None and len(rows) == 1 and rows[0] is body


def as_it_is(value: Any) -> Any:
    """Return the value."""
    return value


def files_of(values: Sequence[Any]) -> Files:
    """Return a column of files that are decoded when asked for; an error tells the row."""
    return Files([(t("row {n}", n=i + 1), partial(as_it_is, value)) for i, value in enumerate(values)])


def take_any(columns: Columns, start: int, stop: int) -> Columns:
    """Return these rows of every column."""
    return {name: column[start:stop] for name, column in columns.items()}


def _renamed(answers: Row, taken: Row) -> Row:
    """Return the answers; a name that the table has already gets "predicted " before it."""
    return {n if n not in taken else t("predicted {name}", name=n): v for n, v in answers.items()}


def explained(one: Any) -> dict[str, Json]:
    """Return an explanation as JSON."""
    effects = [
        {
            "column": a.column,
            "effect": finite(a.effect),
            "shown": a.shown,
            "map": None if a.map is None else np.asarray(a.map).round(6).tolist(),
            **({"method": a.method} if a.map is not None else {}),
            **({"faithfulness": _figures(a.faithfulness)} if a.faithfulness else {}),
        }
        for a in one.attributions
    ]
    return {"output": one.output, "answer": finite(one.answer), "base": finite(one.base), "effects": effects}


def _figures(found: Any) -> dict[str, Json]:
    """A map's faithfulness as JSON, with what it means in words."""
    from aprende.insight.faithfulness import in_words

    areas = {"own": found.own, "random": found.random, "centre": found.centre}
    told = {k: {"deletion": finite(a.deletion), "insertion": finite(a.insertion)} for k, a in areas.items()}
    return {**told, "words": in_words(found)}


def finite(value: float) -> float | None:
    """Return the number as JSON has it."""
    return float(value) if np.isfinite(value) else None


def as_csv(rows: list[Row]) -> bytes:
    """Return rows as CSV; objects (probabilities) become a column a member."""
    import csv

    flat = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    held = io.StringIO()
    writer = csv.DictWriter(held, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return b"\xef\xbb\xbf" + held.getvalue().encode()  # the mark with which spreadsheets know UTF-8


def _flat(row: Row) -> Row:
    found: Row = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= {f"{name}({member})": v for member, v in value.items()}
        elif isinstance(value, list):
            found[name] = ", ".join(map(str, value))
        else:
            found[name] = value
    return found
