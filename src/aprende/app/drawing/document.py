"""A self-contained HTML page: one file, no network, no font, no library; light and dark, telephone and paper.

A content security policy forbids the page to load anything. Knows no run: sections in, text out.
"""

from collections.abc import Sequence
from importlib.resources import files

from aprende.app.drawing.markup import Markup, join, tag
from aprende.core.words import language, t

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
STYLE, SCRIPT = ("report.css",), ("report.js",)


def document(
    title: str,
    header: Markup,
    sections: Sequence[Markup],
    version: str,
    style: Sequence[str] = STYLE,
    script: Sequence[str] = SCRIPT,
    own_style: str = "",
) -> str:
    """Return the page in the user's language. style, script: names of files in `app/assets`."""
    footer = tag("footer", t("Made by aprende {version}. This page loads nothing from the network.", version=version))
    scripts = (tag("script", Markup(_asset(name))) for name in script)
    body = join(header, _contents(sections), tag("main", *sections), footer, *scripts)
    return "<!doctype html>\n" + tag("html", _head(title, style, own_style), tag("body", body), lang=language())


def _head(title: str, style: Sequence[str], own: str) -> Markup:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="generator", content="aprende"),
        tag("title", f"{title} · aprende"),
        tag("style", Markup("".join(_asset(name) for name in style) + own)),
    )


def _contents(sections: Sequence[Markup]) -> Markup:
    """Links to the sections that there are, read from the sections themselves."""
    named = [(_between(s, "<h2>", "</h2>"), _between(s, 'id="', '"')) for s in sections]
    links = [tag("a", Markup(title), href=f"#{name}") for title, name in named]
    return tag("nav", *links, aria_label=t("Contents"))


def _between(text: str, start: str, end: str) -> str:
    return text.split(start, 1)[1].split(end, 1)[0]


def _asset(name: str) -> str:
    return files("aprende.app").joinpath("assets", name).read_text(encoding="utf-8")
