"""A run as one self-contained HTML page: no network, no font, no library; light and dark, telephone and paper.

Every section derives from Fields and per-unit results, and appears only where the run has what it needs. A content
security policy forbids the page to load anything, and all that users or files say is escaped (`markup.py`).
"""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from aprende.app.drawing.markup import Markup, join, tag
from aprende.app.report.classes import classes
from aprende.app.report.drawn import drawn as placed
from aprende.app.report.findings import findings, where
from aprende.app.report.found import found
from aprende.app.report.matters import matters
from aprende.app.report.mistakes import mistakes
from aprende.app.report.numbers import numbers
from aprende.app.report.sections import header, learnt, measured, notes, training
from aprende.app.report.subject import Subject
from aprende.app.report.usage import usage
from aprende.core import flow
from aprende.core.checkpoint import write_atomic
from aprende.core.words import language, t

REPORT = "report.html"
Section = Callable[[Subject], Markup]
FIRST: tuple[Section, ...] = (learnt, notes, training)
EACH: tuple[Section, ...] = (numbers, classes, found, placed, mistakes)  # once for each answer
LAST: tuple[Section, ...] = (findings, where, matters, usage, measured)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


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
    body = join(header(subject), _contents(drawn), tag("main", *drawn), _footer(subject), _script())
    return "<!doctype html>\n" + tag("html", _head(subject), tag("body", body), lang=language())


def _head(subject: Subject) -> Markup:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="generator", content="aprende"),
        tag("title", f"{subject.run.folder.name} · aprende"),
        tag("style", Markup(_asset("report.css"))),
    )


def _contents(sections: list[Markup]) -> Markup:
    """Links to the sections that there are, read from the sections themselves."""
    named = [(_between(s, "<h2>", "</h2>"), _between(s, 'id="', '"')) for s in sections]
    links = [tag("a", Markup(title), href=f"#{name}") for title, name in named]
    return tag("nav", *links, aria_label=t("Contents"))


def _between(text: str, start: str, end: str) -> str:
    return text.split(start, 1)[1].split(end, 1)[0]


def _footer(subject: Subject) -> Markup:
    made = subject.manifest.get("versions", {}).get("aprende", "")
    return tag("footer", t("Made by aprende {version}. This page loads nothing from the network.", version=made))


def _script() -> Markup:
    return tag("script", Markup(_asset("report.js")))


def _asset(name: str) -> str:
    return files("aprende.app").joinpath("assets", name).read_text(encoding="utf-8")
