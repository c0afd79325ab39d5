"""`aprende look`: find pictures, look into the network with them, write a folder of page, pictures and tables."""

from pathlib import Path
from typing import Any

from aprende.app.look.files import write_files
from aprende.app.look.page import render
from aprende.app.look.sample import sample
from aprende.core.checkpoint import write_atomic
from aprende.core.errors import DataError
from aprende.core.model import Model
from aprende.core.words import t
from aprende.insight.look import Say, look

PAGE = "look.html"


def make(model: Model, path: Path, source: Any = None, out: Path | None = None, say: Say = lambda _: None) -> Path:
    """Look into a model and return the page's path. path: of the model; out: the folder (default: `look`, beside it).

    source: pictures to look with; without them those that the model was tested on, where they still are. Raises
    MissingExtra without torch, InputError where the model's network cannot be opened.
    """
    folder = out or path.parent / "look"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(t("Cannot write {path}: {error}.", path=folder, error=error.strerror)) from None
    found = look(model, sample(model, source, say), say)
    write_files(found, folder)
    page = folder / PAGE
    write_atomic(page, render(found, model, path).encode())
    return page
