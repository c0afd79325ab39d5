"""Predictions as files and text: a table with its answers beside it, a picture with its heat map over it."""

import json
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from aprende.core.contract import Table
from aprende.core.errors import SettingError
from aprende.core.fields import Columns, Field, FindingMaps, Findings, Flags, Probabilities, rows_of
from aprende.core.words import t

MANY_CLASSES = 20


def answers(outputs: Columns, fields: dict[str, Field]) -> dict[str, list[Any]]:
    """Return the outputs as plain columns for a table: probabilities become a column a class (while they are few)."""
    found: dict[str, list[Any]] = {}
    for name, field in fields.items():
        if isinstance(field, Probabilities | Findings):
            if len(field.options) <= MANY_CLASSES:
                found |= {f"p({o})": np.round(outputs[name][:, i], 6).tolist() for i, o in enumerate(field.options)}
        elif isinstance(field, Flags):
            found[name] = [field.show(v) for v in outputs[name]]
        elif not isinstance(field, FindingMaps):  # maps are drawn, not written as cells
            found[name] = [field.plain(v) for v in outputs[name]]
    return found


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
        row = {name: f.plain(outputs[name][i]) for name, f in fields.items()}
        to.write(json.dumps(row if files is None else {"file": files[i], **row}, ensure_ascii=False) + "\n")


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
