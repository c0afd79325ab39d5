"""A run as one self-contained HTML page (`drawing.document`).

Every section derives from Fields and per-unit results, and appears only where the run has what it needs. All that users
or files say is escaped (`drawing.markup`).
"""

from collections.abc import Callable
from pathlib import Path

from aprende.app.drawing.document import document
from aprende.app.drawing.markup import Markup
from aprende.app.report.classes import classes
from aprende.app.report.drawn import drawn as placed
from aprende.app.report.findings import findings, where
from aprende.app.report.found import found
from aprende.app.report.matters import matters
from aprende.app.report.mistakes import mistakes
from aprende.app.report.numbers import numbers
from aprende.app.report.regions import regions
from aprende.app.report.sections import header, learnt, measured, notes, training
from aprende.app.report.subject import Subject
from aprende.app.report.usage import usage
from aprende.core import flow
from aprende.core.checkpoint import write_atomic

REPORT = "report.html"
Section = Callable[[Subject], Markup]
FIRST: tuple[Section, ...] = (learnt, notes, training)
EACH: tuple[Section, ...] = (numbers, classes, regions, found, placed, mistakes)  # once for each answer
LAST: tuple[Section, ...] = (findings, where, matters, usage, measured)


def write(run: flow.Run, seconds: float = 20.0) -> Path:
    """Write the report into the run's folder, whole or not at all, and return its path."""
    path = run.folder / REPORT
    write_atomic(path, render(run, seconds).encode())
    return path


def render(run: flow.Run, seconds: float = 20.0) -> str:
    """Return the page in the user's language. seconds: how long finding out what matters may take (0: leave it out)."""
    subject = Subject(run, seconds)
    makers = [(make, subject) for make in FIRST]
    makers += [(make, part) for part in subject.parts for make in EACH]
    makers += [(make, subject) for make in LAST]
    drawn = [made for make, about in makers if (made := make(about))]
    version = subject.manifest.get("versions", {}).get("aprende", "")
    return document(subject.run.folder.name, header(subject), drawn, version)
