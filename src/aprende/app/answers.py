"""Predictions as files and text: a table with its answers beside it, pictures with their answers drawn over them.

Knows fields only through their methods: what is drawn, and what is a file, each field says itself.
"""

import base64
import json
from pathlib import Path, PurePath
from typing import Any, TextIO

import numpy as np

from aprende.core.contract import Table
from aprende.core.errors import DataError, SettingError
from aprende.core.fields import Columns, Drawn, Field, Findings, Flags, Image, Probabilities, png, rows_of
from aprende.core.words import t

MANY_CLASSES = 20


def answers(outputs: Columns, fields: dict[str, Field]) -> dict[str, list[Any]]:
    """Return the outputs as plain columns for a table: probabilities become a column a class (while they are few), and
    heavy ones, such as masks, which no cell should hold, are left out."""
    found: dict[str, list[Any]] = {}
    for name, field in fields.items():
        if isinstance(field, Probabilities | Findings):
            if len(field.options) <= MANY_CLASSES:
                found |= {f"p({o})": np.round(outputs[name][:, i], 6).tolist() for i, o in enumerate(field.options)}
        elif isinstance(field, Flags):
            found[name] = [field.show(v) for v in outputs[name]]
        elif not field.heavy:
            found[name] = [_cell(field.plain(v)) for v in outputs[name]]
    return found


def _cell(value: Any) -> Any:
    """Return a plain value as a table's cell can hold it: several things in one, such as boxes, as JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def write_answers(source: Any, table: Table, outputs: Columns, fields: dict[str, Field], path: Path) -> None:
    """Write the user's own columns as they were, then the answers; a name that is taken gets "predicted " before it."""
    from aprende.intake.tables import original, write

    columns: Columns = _plain(table) if "image" in table.columns else dict(original(source))
    for name, values in answers(outputs, fields).items():
        columns[name if name not in columns else t("predicted {name}", name=name)] = values
    write(columns, path)


def _plain(table: Table) -> Columns:
    """Return the user's columns as plain values; of pictures, their file names (column `file`)."""
    shown = {n: f for n, f in table.fields.items() if not f.heavy and n in table.columns}
    return {n: [f.plain(v) for v in table.columns[n]] for n, f in shown.items()}


def print_answers(table: Table, outputs: Columns, fields: dict[str, Field], to: TextIO) -> None:
    """Print one JSON object a row: the file's name where rows are pictures, then the answers."""
    files = table.columns.get("file")
    for i in range(rows_of(outputs)):
        row = {name: f.show(outputs[name][i]) if f.heavy else f.plain(outputs[name][i]) for name, f in fields.items()}
        to.write(json.dumps(row if files is None else {"file": files[i], **row}, ensure_ascii=False) + "\n")


def drawable(outputs: dict[str, Field]) -> dict[str, Drawn]:
    """Return those outputs that can be drawn over their picture."""
    return {name: field for name, field in outputs.items() if isinstance(field, Drawn)}


def picture_of(inputs: dict[str, Field]) -> str:
    """Return the name of the first input that is a picture, or ""."""
    return next((name for name, field in inputs.items() if isinstance(field, Image)), "")


def write_folder(
    table: Table, columns: Columns, outputs: Columns, inputs: dict[str, Field], fields: dict[str, Field], folder: Path
) -> None:
    """Write answers.csv; and of each output that is a file or can be drawn, a folder of files named as the pictures.

    Raises DataError where the folder cannot be written.
    """
    picture, names = picture_of(inputs), _names(table)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, field in fields.items():
            if _is_file(field):
                for i, stem in enumerate(names):
                    _written(folder / name / f"{stem}.png", base64.b64decode(field.plain(outputs[name][i])))
            if isinstance(field, Drawn) and picture:
                for i, stem in enumerate(names):
                    over = field.drawn(outputs[name][i], np.asarray(columns[picture][i]))
                    _written(folder / t("{name} drawn", name=name) / f"{stem}.png", png_bytes(over))
    except OSError as error:
        raise DataError(t("Cannot write {path}: {error}.", path=folder, error=error.strerror or error)) from None
    write_answers(None, table, outputs, fields, folder / "answers.csv")


def _is_file(field: Field) -> bool:
    return field.schema().get("contentEncoding") == "base64"


def _names(table: Table) -> list[str]:
    """Return a name for each row's files: its picture's, without the ending; told apart where two are alike."""
    files = table.columns.get("file")
    said = [str(f) for f in files] if files is not None else [str(i + 1) for i in range(table.rows)]
    inside = [PurePath(s) for s in said]
    stems = [p.with_suffix("") if not p.is_absolute() and ".." not in p.parts else PurePath(p.stem) for p in inside]
    seen: dict[str, int] = {}
    found = []
    for stem in map(PurePath.as_posix, stems):
        seen[stem] = seen.get(stem, 0) + 1
        found.append(stem if seen[stem] == 1 else f"{stem}-{seen[stem]}")
    return found


def _written(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def png_bytes(picture: Any) -> bytes:
    """Return a picture (H, W, 1 or 3) as the bytes of a PNG file."""
    return base64.b64decode(png(picture))


def write_heat(row: Columns, explanation: Any, path: Path) -> None:
    """Write the picture with its heat map over it as PNG."""
    from PIL import Image as Pillow

    found = [a for a in explanation.attributions if a.map is not None]
    if not found:
        raise SettingError(t("There is no picture in this explanation; leave out --out."))
    picture = np.asarray(row[found[0].column][0])
    base = Pillow.fromarray(np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture)
    heat = np.clip(found[0].map, 0, None)
    alpha = (200 * heat / max(1e-9, float(heat.max()))).astype(np.uint8)
    mask = Pillow.fromarray(alpha).resize(base.size, Pillow.Resampling.BICUBIC)
    side = max(1, 256 // max(base.size))
    over = Pillow.composite(Pillow.new("RGB", base.size, (225, 60, 30)), base, mask)
    over.resize((over.width * side, over.height * side), Pillow.Resampling.NEAREST).save(path, "PNG")
