"""HTML and SVG written as nested calls, in which every text is escaped unless it is markup already.

Knows no page: what a user or a file says (column names, words of a table) can never become an element or a script.
"""

import html


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | None


def tag(element: str, *children: Child, **attributes: object) -> Markup:
    """Return an element. `class_` stands for class, `stroke_width` for stroke-width; None leaves an attribute out."""
    said = "".join(f' {_name(k)}="{html.escape(str(v))}"' for k, v in attributes.items() if v is not None)
    inside = join(*children)
    if not inside and element in ("path", "line", "circle", "rect", "img", "br", "meta"):
        return Markup(f"<{element}{said}/>")
    return Markup(f"<{element}{said}>{inside}</{element}>")


def join(*children: Child) -> Markup:
    """Return the children one after the other, plain text escaped, None left out."""
    return Markup("".join(c if isinstance(c, Markup) else html.escape(c) for c in children if c))


def _name(key: str) -> str:
    return "viewBox" if key == "viewBox" else key.rstrip("_").replace("_", "-")
