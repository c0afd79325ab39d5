"""Pictures with masks → a Table with the columns `image` and `mask`; a mask is decoded when it is asked for.

Which mask belongs to which picture is told by `pairs`, how masks are coded by `coding`, what classes are called by
`legends`. Knows no network, and no size but the files' own.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from aprende.core.contract import Note, Table
from aprende.core.errors import DataError, InputError
from aprende.core.fields import VOID, Image, Mask, Text
from aprende.core.words import t
from aprende.intake import coding, folders, legends, pairs
from aprende.intake.coding import Coding, Places
from aprende.intake.pictures import Pictures, natural


class Masks(Sequence[Any]):
    """A column of mask files; each is decoded to places in `classes` (uint8 (H, W)) when it is asked for."""

    def __init__(self, files: Sequence[Path], codings: Sequence[Coding], classes: tuple[str, ...]) -> None:
        self.files, self.codings, self.classes = list(files), list(codings), classes

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, which: int) -> Places: ...
    @overload
    def __getitem__(self, which: slice | Sequence[Any] | NDArray[Any]) -> "Masks": ...
    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, int | np.integer):
            return self._one(int(which))
        rows = range(len(self))[which] if isinstance(which, slice) else np.arange(len(self))[np.asarray(which)]
        return Masks([self.files[int(r)] for r in rows], [self.codings[int(r)] for r in rows], self.classes)

    def __add__(self, other: "Masks") -> "Masks":
        return Masks([*self.files, *other.files], [*self.codings, *other.codings], self.classes)

    def __iter__(self) -> Iterator[Places]:
        return (self[row] for row in range(len(self)))

    def _one(self, row: int) -> Places:
        own = self.codings[row]
        try:
            found = own.read(self.files[row])
        except InputError as error:
            raise InputError(f"{self.files[row].name}: {error}") from None
        return found if own.classes == self.classes else translated(found, own.classes, self.classes)


def translated(places: Places, own: Sequence[str], classes: Sequence[str]) -> Places:
    """Return places in one list of classes as places in another, by name; VOID for a class that it lacks."""
    table = np.full(256, VOID, np.uint8)
    for i, name in enumerate(own):
        table[i] = classes.index(name) if name in classes else VOID
    return np.asarray(table[places])


def table(root: Path, found: folders.Walked, source: str, notes: Sequence[Note] = ()) -> Table | None:
    """Return the pictures and masks among what a folder holds, None where there are none; raise DataError where masks
    are no masks."""
    paired = pairs.find(root, found)
    if paired is None:
        return None
    legend, told = legends.read(_around(root, paired))
    try:
        how, said = coding.decide(paired.masks, legend)
    except DataError:
        if paired.sure:
            raise
        return None
    parts, parted = folders.parts_of(paired.parts)
    pictures = Pictures(paired.pictures, root)
    size, channels = natural(pictures)
    fields = {"image": Image(channels, size), "mask": Mask(how.classes, size), "file": Text()}
    columns = {"image": pictures, "mask": Masks(paired.masks, [how] * len(paired.masks), how.classes)}
    every = (*notes, *paired.notes, *told, *said, *parted)
    dropped = {"file": t("the name of the file")}
    return Table(columns | {"file": _words(pictures.names)}, fields, every, source, "mask", dropped, parts)


def _around(root: Path, paired: pairs.Paired) -> list[Path]:
    """The folders in which a list of classes may lie: from the root down to the masks."""
    first = paired.masks[0].parent
    inner = [first, *(p for p in first.parents if p == root or root in p.parents)]
    return list(dict.fromkeys([root, *reversed(inner), paired.pictures[0].parent]))


def _words(values: Sequence[str]) -> Any:
    import polars as pl

    return pl.Series(values, dtype=pl.String)
