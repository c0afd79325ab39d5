"""Report section: how to use the model, as commands to copy, with a real row of the model's own fields."""

import json
import shlex
from typing import Any

from aprende.app.drawing.markup import Markup, tag
from aprende.app.drawing.parts import code, section, table
from aprende.app.report.subject import Subject
from aprende.core import flow
from aprende.core.contract import as_rows
from aprende.core.fields import read_all
from aprende.core.words import t
from aprende.insight.opened import Openable


def usage(subject: Subject) -> Markup:
    """Return how to use the model: commands, Python, REST, with a real row."""
    model = f"{subject.run.folder.name}/{flow.MODEL}"
    quoted = shlex.quote(model)
    row = example(subject)
    file = t("photo.jpg") if subject.picture else t("data.csv")
    commands = [
        (t("Predict"), f"aprende predict {quoted} {file}"),
        (t("Score it on other data"), f"aprende test {quoted} {t('photos/') if subject.picture else file}"),
        (t("Why this answer"), f"aprende explain {quoted} {file}"),
        (t("A page and a REST service on this computer"), f"aprende serve {quoted}"),
    ]
    if isinstance(subject.run.model.predictor, Openable):
        commands.append((t("What its layers look for"), f"aprende look {quoted}"))
    files = table([t("File"), t("What it holds")], [[tag("code", n), what] for n, what in _files(subject)])
    return section(
        "use",
        t("How to use the model"),
        tag("div", *(code(title, text) for title, text in commands), class_="commands"),
        code("Python", _python(model, row, file)),
        code("REST (curl)", _curl(subject, row, file)),
        tag("h3", t("Where things lie")),
        files,
    )


def example(subject: Subject) -> dict[str, Any]:
    """Return the first test row as JSON; empty where an input is perceived."""
    if subject.picture:
        return {}
    one = read_all(subject.inputs, subject.run.data.examples("test", 1))
    return as_rows(one, subject.inputs)[0]


def _python(model: str, row: dict[str, Any], file: str) -> str:
    given = _pretty(row) if row else repr(file)
    return f"import aprende\n\nmodel = aprende.load({model!r})\nmodel.predict({given})"


def _curl(subject: Subject, row: dict[str, Any], file: str) -> str:
    if not row:
        return f"curl http://127.0.0.1:8000/predict -F {shlex.quote(subject.picture)}=@{file}"
    body = json.dumps(row, ensure_ascii=False, indent=1).replace("'", "'\\''")
    return f"curl http://127.0.0.1:8000/predict -H 'Content-Type: application/json' -d '{body}'"


def _pretty(row: dict[str, Any]) -> str:
    lines_of = [f"    {k!r}: {v!r}," for k, v in row.items()]
    return "{\n" + "\n".join(lines_of) + "\n}"


def _files(subject: Subject) -> list[tuple[str, str]]:
    held = [
        (flow.MODEL, t("The model: one file, safe to give away; it predicts without PyTorch.")),
        ("report.html", t("This report: one file that needs no network.")),
        ("log.jsonl", t("What was logged at every step.")),
        (flow.RUN, t("The settings of the run.")),
    ]
    return [(f"{subject.run.folder.name}/{name}", what) for name, what in held]
