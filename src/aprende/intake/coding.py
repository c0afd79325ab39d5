"""How masks are coded, decided on the evidence of many of them: which value or colour means which class, or none.

Two values (0 and 255, also blurred by JPEG), indices (grey, palette or 16-bit; 255 is no class), evenly spread levels,
or colours with their names. Every decision is a note. Knows neither folders nor pictures: it gets files of masks.
"""

import io
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from aprende.core.contract import Note
from aprende.core.errors import DataError, InputError
from aprende.core.fields import VOID
from aprende.core.words import t
from aprende.intake import decoder
from aprende.intake.legends import VOID_WORDS, Legend

SEEN = 500  # masks looked at
PIXELS = 1 << 18  # looked at in each
MOST_CLASSES = 254
INDEX = 64  # values below this are indices, even with gaps
NEAR = 48  # grey levels from black or white that JPEG may have moved a value
NEARLY_ALL = 0.97  # of the pixels
RARE = 0.001  # share of the area of a colour that may only be a smoothed edge
BORDER = 0xE0E0C0  # the colour of Pascal VOC's borders
NO_CLASS = {255, 65535}
COLOURS = {
    0x000000: "black", 0xFFFFFF: "white", 0xFF0000: "red", 0x00FF00: "green", 0x0000FF: "blue",
    0xFFFF00: "yellow", 0x00FFFF: "cyan", 0xFF00FF: "magenta", 0x808080: "grey",
}  # fmt: skip

Places = NDArray[np.uint8]
Values = NDArray[np.int64]


@dataclass(frozen=True)
class Coding:
    """What values mean: `values` (m,) sorted, whole numbers (a colour is 0xRRGGBB); `places` (m,) in `classes` or VOID.

    threshold: masks blurred by JPEG, in which greys from here on are the second class. colour: values are colours.
    painted: palette files have palettes of their own, so that their colours count, not their indices.
    """

    classes: tuple[str, ...]
    values: tuple[int, ...]
    places: tuple[int, ...]
    colour: bool = False
    threshold: int = 0
    painted: bool = False

    def read(self, mask: Any) -> Places:
        """Return a mask's file (path or bytes) as places (H, W); values that mean nothing are VOID."""
        held = _painted(_values(mask)) if self.painted else _values(mask)
        numbers = held.numbers
        if self.colour and not held.colour:
            numbers = numbers * 0x010101
        elif held.colour and not self.colour:
            numbers = numbers & 0xFF
        if self.threshold:
            return np.asarray(numbers >= self.threshold, dtype=np.uint8)
        known, found = np.array(self.values, np.int64), np.array(self.places, np.uint8)
        at = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
        return np.where(known[at] == numbers, found[at], np.uint8(VOID)).astype(np.uint8)


@dataclass(frozen=True)
class Held:
    """A mask's numbers (H, W): indices, grey levels or colours; `palette`: how its file colours the indices."""

    numbers: Values
    colour: bool
    palette: dict[int, int]


def _values(mask: Any) -> Held:
    """Return a mask's values as they are in its file; raise InputError where it is no usable picture."""
    data = mask if isinstance(mask, bytes) else decoder.read_bytes(Path(mask))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(io.BytesIO(data), formats=decoder.USUAL + ("TIFF", "WEBP")) as image:
                if image.size[0] * image.size[1] > decoder.MOST_PIXELS:
                    raise InputError(t("more than {most} million pixels", most=decoder.MOST_PIXELS // 1_000_000))
                image.load()
                return _held(image)
    except decoder.BROKEN:
        raise InputError(decoder.reason(data)) from None


def _held(image: Pillow.Image) -> Held:
    if image.mode == "P":
        colours = np.array(image.getpalette("RGB") or [], np.int64).reshape(-1, 3)
        codes = (colours[:, 0] << 16) | (colours[:, 1] << 8) | colours[:, 2]
        return Held(np.asarray(image).astype(np.int64), False, dict(enumerate(codes.tolist())))
    if image.mode == "1":
        return Held(np.asarray(image).astype(np.int64) * 255, False, {})
    pixels = np.asarray(image)
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        pixels = _without_alpha(pixels)
    if pixels.ndim == 2:
        if pixels.dtype.kind == "f" and (pixels != np.round(pixels)).any():
            raise InputError(t("its values are fractions, not classes"))
        return Held(pixels.astype(np.int64), False, {})
    if image.mode not in ("RGB", "RGBA"):
        pixels = np.asarray(image.convert("RGB"))
    if (pixels[..., :1] == pixels[..., 1:3]).all():
        return Held(pixels[..., 0].astype(np.int64), False, {})
    wide = pixels.astype(np.int64)
    return Held((wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2], True, {})


def _painted(held: Held) -> Held:
    """A palette file's colours instead of its indices; any other file as it is."""
    if not held.palette:
        return held
    colours = np.zeros(max(256, int(held.numbers.max()) + 1), np.int64)
    colours[list(held.palette)] = list(held.palette.values())
    return Held(colours[held.numbers], True, {})


def _without_alpha(pixels: NDArray[Any]) -> NDArray[Any]:
    """The colours; the transparency itself where it alone tells anything."""
    colours, alpha = pixels[..., :-1], pixels[..., -1]
    if (colours == colours[:1, :1]).all() and (alpha != alpha[0, 0]).any():
        return np.asarray(alpha)
    return colours[..., 0] if colours.shape[2] == 1 else colours


def decide(files: Sequence[Path], legend: Legend) -> tuple[Coding, list[Note]]:
    """Return how these masks are coded, and what there is to say of it; raise DataError where they are no masks."""
    seen = _seen(files)
    if seen.palettes:  # each file has one of its own
        seen = _seen(files, painted=True)
    if not seen.counts:
        raise DataError(t("No mask can be read: {files}.", files=", ".join(f.name for f in list(files)[:5])))
    if seen.colour:
        return _colours(seen, legend)
    return _numbers(seen, legend)


@dataclass
class Seen:
    """What many masks hold: how often each value, whether colours, which palette, and whether palettes contradict one
    another (or, when they were painted, whether they did)."""

    counts: Counter[int]
    colour: bool
    palette: dict[int, int]
    masks: int
    palettes: bool = False


def _seen(files: Sequence[Path], painted: bool = False) -> Seen:
    """Count the values of at most SEEN masks spread over all, of some of the pixels of each."""
    greys, colours, palette, masks, several = Counter[int](), Counter[int](), dict[int, int](), 0, painted
    for row in np.unique(np.linspace(0, len(files) - 1, SEEN).astype(int)):
        try:
            held = _painted(_values(files[int(row)])) if painted else _values(files[int(row)])
        except InputError:
            continue
        step = int(np.ceil(np.sqrt(held.numbers.size / PIXELS)))
        values, counts = np.unique(held.numbers[::step, ::step], return_counts=True)
        (colours if held.colour else greys).update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        used = {v: held.palette[v] for v in values.tolist() if v in held.palette}
        several |= any(palette.get(v, colour) != colour for v, colour in used.items())
        palette |= used
        masks += 1
        if len(colours) > 100_000:
            break
    if not colours:
        return Seen(greys, False, palette, masks, several)
    return Seen(Counter({v * 0x010101: n for v, n in greys.items()}) + colours, True, {}, masks, several)


def _numbers(seen: Seen, legend: Legend) -> tuple[Coding, list[Note]]:
    """Grey levels and indices."""
    values, total = sorted(seen.counts), seen.counts.total()
    ends = sum(n for v, n in seen.counts.items() if v < NEAR or 255 - NEAR < v <= 255)
    if values[-1] <= 255 and len(values) > 2 and ends >= NEARLY_ALL * total and _blurred(seen):
        names = legend.two()
        said = t("masks in black and white, blurred (JPEG): from 128 on they are {name}", name=names[1])
        return Coding(names, (), (), threshold=128), [Note(said, "repaired", "mask", seen.masks)]
    rest = [v for v in values if v not in NO_CLASS]
    if len(values) > MOST_CLASSES:
        raise DataError(_no_classes(len(values)))
    if len(values) == 1:
        said = t("The masks hold one value only, {value}: there is nothing to tell apart.", value=values[0])
        raise DataError(said)
    if (
        len(values) == 2
        and values[0] == 0
        and (values[1] in (1, 255) or len(rest) == 2)
        and len(legend.names) in (0, 2)
    ):
        names = legend.two()
        said = t("masks of two values: 0 is {first}, {value} is {second}", first=names[0], value=values[1],
                 second=names[1])  # fmt: skip
        return Coding(names, tuple(values), (0, 1)), [Note(said, "info", "mask", seen.masks)]
    if rest[-1] < INDEX or rest[-1] + 1 <= 3 * len(rest):
        return _indices(values, seen, legend)
    said = t("masks of {n} grey levels, each a class: {levels}", n=len(values), levels=_listed(values))
    return _named(values, [legend.of_index(v) for v in values], [Note(said, "info", "mask", seen.masks)])


def _blurred(seen: Seen) -> bool:
    """Whether both black and white are many, and much of the rest lies close to them, as JPEG leaves it."""
    dark = sum(n for v, n in seen.counts.items() if v < NEAR)
    light = sum(n for v, n in seen.counts.items() if v > 255 - NEAR)
    nearly_white = [v for v in seen.counts if 255 - NEAR < v < 255]
    return dark > 0 and light > 0 and len(nearly_white) >= 3


def _indices(values: list[int], seen: Seen, legend: Legend) -> tuple[Coding, list[Note]]:
    names = [legend.of_colour(seen.palette[v]) if v in seen.palette and legend.colours else legend.of_index(v)
             for v in values]  # fmt: skip
    kind = t("palette indices") if seen.palette else t("indices")
    notes = [Note(t("masks of {kind}: {values}", kind=kind, values=_listed(values)), "info", "mask", seen.masks)]
    void = [v for v in values if v in NO_CLASS]
    for value in void:
        names[values.index(value)] = ""
        share = seen.counts[value] / seen.counts.total()
        said = t("value {value} is taken for no class ({share} of the area)", value=value, share=f"{share:.1%}")
        notes.append(Note(said, "info", "mask", seen.masks))
    return _named(values, names, notes)


def _colours(seen: Seen, legend: Legend) -> tuple[Coding, list[Note]]:
    total = seen.counts.total()
    known = {c: legend.of_colour(c) for c in seen.counts if c in legend.colours}
    strange = {c: n for c, n in seen.counts.items() if c not in known}
    notes: list[Note] = []
    if known and sum(strange.values()) <= 0.5 * total:
        if strange:
            share = sum(strange.values()) / total
            said = t("{n} colours that the list of classes lacks are taken for no class ({share} of the area)",
                     n=len(strange), share=f"{share:.1%}")  # fmt: skip
            notes.append(Note(said, "warning" if share > 0.01 else "info", "mask", len(strange)))
        names = known
    else:
        names = _common(seen, notes)
    said = t("masks of colours, each a class: {names}", names=_listed(sorted(n for n in names.values() if n)))
    notes.insert(0, Note(said, "info", "mask", seen.masks))
    return _named(sorted(names), [names[c] for c in sorted(names)], notes, colour=True, painted=seen.palettes)


def _common(seen: Seen, notes: list[Note]) -> dict[int, str]:
    """Names of the colours themselves; rare ones, of smoothed edges, are no class."""
    total = seen.counts.total()
    common = {c for c, n in seen.counts.items() if n >= RARE * total} if len(seen.counts) > 32 else set(seen.counts)
    rare = 1 - sum(seen.counts[c] for c in common) / total
    if len(common) > MOST_CLASSES or rare > 1 - NEARLY_ALL:
        raise DataError(_no_classes(len(seen.counts)))
    if rare:
        said = t("rare colours (smoothed edges) are taken for no class: {share} of the area", share=f"{rare:.1%}")
        notes.append(Note(said, "repaired", "mask", len(seen.counts) - len(common)))
    if BORDER in common:
        notes.append(Note(t("the colour of borders (224, 224, 192) is taken for no class"), "info", "mask"))
    return {c: "" if c == BORDER else COLOURS.get(c, f"#{c:06x}") for c in common}


def _named(
    values: list[int], names: Sequence[str], notes: list[Note], colour: bool = False, painted: bool = False
) -> tuple[Coding, list[Note]]:
    """The coding of these values; "" and words such as "void" mean no class."""
    void = sorted({name for name in names if name.lower() in VOID_WORDS})
    if void:
        notes.append(Note(t("{names}: taken for no class", names=", ".join(void)), "info", "mask"))
    classes = list(dict.fromkeys(name for name in names if name and name not in void))
    if len(classes) < 2:
        said = t("The masks hold one class only, {name}: there is nothing to tell apart.", name=", ".join(classes))
        raise DataError(said)
    places = tuple(classes.index(name) if name in classes else VOID for name in names)
    return Coding(tuple(classes), tuple(values), places, colour, painted=painted), notes


def _no_classes(n: int) -> str:
    return t(
        "The masks hold {n} different values: they look like photographs, instance numbers, or masks saved as JPEG."
        " Expected at most {most} classes; save masks as PNG, one value or colour a class.",
        n=n,
        most=MOST_CLASSES,
    )


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values[:12])) + (" …" if len(values) > 12 else "")
