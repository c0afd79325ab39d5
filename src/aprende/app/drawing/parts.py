"""The pieces that a report's page is made of: section, figure, table, code to copy, grid. Knows no run."""

from collections.abc import Container, Sequence

from aprende.app.drawing.markup import Child, Markup, join, tag
from aprende.core.words import t


def section(name: str, title: str, *content: Child, lead: str = "") -> Markup:
    """Return a section; nothing where it would hold nothing."""
    if not join(*content):
        return Markup("")
    return tag("section", tag("h2", title), tag("p", lead, class_="lead") if lead else None, *content, id=name)


def figure(title: str, how: str, chart: Markup, wide: bool = False) -> Markup:
    """Return a chart with its title and one sentence on how to read it; nothing where there is no chart."""
    if not chart:
        return Markup("")
    caption = tag("figcaption", tag("h3", title), tag("p", how) if how else None)
    return tag("figure", caption, chart, class_="wide" if wide else None)


def grid(*figures: Child, packed: bool = False) -> Markup:
    """Return figures side by side where there is room; packed: in two columns, each figure as high as it is."""
    inside = join(*figures)
    return tag("div", inside, class_="packed" if packed else "grid") if inside else Markup("")


def table(head: Sequence[Child], rows: Sequence[Sequence[Child]], numbers: Container[int] = ()) -> Markup:
    """Return a table that scrolls sideways where it must. numbers: which columns are aligned at their end."""
    looks = ["n" if i in numbers else None for i in range(len(head))]
    top = tag("tr", *(tag("th", h, class_=look, scope="col") for h, look in zip(head, looks, strict=True)))
    body = [tag("tr", *(tag("td", c, class_=look) for c, look in zip(row, looks, strict=True))) for row in rows]
    return tag("div", tag("table", tag("thead", top), tag("tbody", *body)), class_="scroll", tabindex="0")


def with_small(text: Child, small: Child) -> Markup:
    """Return a text with small print under it."""
    return join(text, tag("small", small) if small else None)


def code(title: str, text: str, language: str = "") -> Markup:
    """Return text to copy."""
    button = tag("button", t("Copy"), type="button", class_="copy", data_done=t("Copied"))
    return tag(
        "div",
        tag("div", tag("span", title), button, class_="code-head"),
        tag("pre", tag("code", text)),
        class_="code",
        data_language=language or None,
    )


def facts(pairs: Sequence[tuple[str, Child]]) -> Markup:
    """Return names with their values."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs if value), class_="facts")


def more(title: str, *content: Child, opened: bool = False) -> Markup:
    """Return content that opens at a touch."""
    return tag("details", tag("summary", title), *content, open="" if opened else None)
