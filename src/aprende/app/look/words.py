"""What a look found, in words: whether the lecture's claims hold for this network, with the figures that say so."""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from aprende.app.drawing import digits
from aprende.core.words import t
from aprende.insight.look import EIGHTH, Features, Look, Place
from aprende.insight.tuning import rising

CLEAR = 0.7  # rank correlation with depth from which on something grows "on the whole"


@dataclass(frozen=True)
class Claim:
    """A claim, measured. look: "good" it holds, "even" in part or not told apart, "bad" it does not hold."""

    look: str
    short: str
    words: tuple[str, ...]


def lecture(found: Look) -> Claim:
    """Return whether later layers have larger fields and are less bound to place."""
    layers = found.places[1:]
    if len(layers) < 2:
        return Claim("even", t("Nothing to compare: there is one layer only"), ())
    grows, steadier = _grows(layers), _steadier(layers)
    words = (_fields(layers, found.size, grows), _place(layers, steadier), _learnt(layers), _of_places(found))
    if grows and steadier:
        return Claim("good", t("It holds for this network"), words)
    if grows or steadier:
        return Claim("even", t("It holds in part for this network"), words)
    return Claim("bad", t("It does not hold for this network"), words)


def _grows(layers: list[Place]) -> bool:
    used = np.array([p.used for p in layers if math.isfinite(p.used)])
    return len(used) > 1 and bool(used[-1] > used[0]) and rising(used) >= CLEAR


def _steadier(layers: list[Place]) -> bool:
    first, last = layers[0].steady[EIGHTH], layers[-1].steady[EIGHTH]
    return last[2] > first[3] and rising(np.array([p.held() for p in layers])) >= CLEAR


def _fields(layers: list[Place], side: int, holds: bool) -> str:
    used = [p.used for p in layers if math.isfinite(p.used)] or [math.nan]
    figures = {"first": digits.number(used[0], 3), "last": digits.number(used[-1], 3), "side": side}
    if not holds:
        return t(
            "Larger fields: no. The field that a unit uses goes from {first} to {last} of {side} pixels, and does not "
            "grow with depth.", **figures,
        )  # fmt: skip
    if all(b >= a - 0.01 * side for a, b in itertools.pairwise(used)):
        return t(
            "Larger fields: yes, at every step. The field that a unit uses grows from {first} to {last} of {side} "
            "pixels.", **figures,
        )  # fmt: skip
    return t(
        "Larger fields: yes, on the whole, not at every step. The field that a unit uses grows from {first} to {last} "
        "of {side} pixels.", **figures,
    )  # fmt: skip


def _place(layers: list[Place], holds: bool) -> str:
    held = [p.held() for p in layers]
    shift, *first = layers[0].steady[EIGHTH]
    figures = {"shift": shift, "first": _with_interval(first), "last": _with_interval(layers[-1].steady[EIGHTH][1:])}
    if not holds:
        return t(
            "Less bound to place: not shown. When pictures move by {shift} pixels, answers stay alike with correlation "
            "{first} in the first layer and {last} in the last.", **figures,
        )  # fmt: skip
    if all(b >= a for a, b in itertools.pairwise(held)):
        return t(
            "Less bound to place: yes, at every step. When pictures move by {shift} pixels, answers stay alike with "
            "correlation {first} in the first layer and {last} in the last.", **figures,
        )  # fmt: skip
    return t(
        "Less bound to place: yes, on the whole, not at every step. When pictures move by {shift} pixels, answers stay "
        "alike with correlation {first} in the first layer and {last} in the last.", **figures,
    )  # fmt: skip


def _of_places(found: Look) -> str:
    """What is to be said of networks that answer for every place."""
    end = found.levels[-1].layer if found.levels else None
    if end is None or not (end.last and end.side):
        return ""
    return t(
        "This network says what is where, so its last layers have to be bound to place: it is the middle ones that "
        "could be free of it."
    )


def _learnt(layers: list[Place]) -> str:
    """Whether being less bound to place is learnt, or comes with kernels, strides and poolings."""
    own, built = layers[-1].steady[EIGHTH][1:], (layers[-1].built or (0, math.nan, math.nan, math.nan))[1:]
    figures = {"built": _with_interval(built)}
    if not math.isfinite(built[0]):
        return ""
    if own[1] > built[2]:
        return t(
            "It is learnt, too: with the same weights in disorder, kernels, strides and poolings alone bring the last "
            "layer to {built}.", **figures,
        )  # fmt: skip
    return t(
        "It is built in rather than learnt: with the same weights in disorder, kernels, strides and poolings alone "
        "bring the last layer to {built}.", **figures,
    )  # fmt: skip


def _with_interval(figures: tuple[float, ...] | list[float]) -> str:
    value, low, high = (digits.fixed(v, 2) for v in figures[:3])
    return f"{value} ({low} – {high})"


def edges(found: Look) -> str:
    """Return what the first layer's kernels say of orientation, beside the same weights in any order."""
    if found.by_kernel is None or found.by_chance is None or found.filters is None:
        return ""
    own, chance = (float(np.nanmedian(v)) for v in (found.by_kernel, found.by_chance))
    figures = {"own": digits.fixed(own, 2), "chance": digits.fixed(chance, 2)}
    if own > float(np.nanquantile(found.by_chance, 0.75)):
        return t(
            "Edges first: the median kernel of the first layer has an orientation selectivity of {own}; the same "
            "weights in random order have {chance} (0: any orientation will do, 1: one only).", **figures,
        )  # fmt: skip
    return t(
        "Edges first: not shown. The median kernel of the first layer has an orientation selectivity of {own}, the "
        "same weights in random order {chance}: its order of weights is no edge.", **figures,
    )  # fmt: skip


def cells(found: Look) -> str:
    """Return how the place of the stripes within the field matters, early and late: simple and complex cells."""
    known = [(p, float(np.nanmedian(p.tuning.modulation))) for p in found.places if p.tuning and p.tuning.silent < 1]
    if len(known) < 2:
        return ""
    first, last = known[0][1], known[-1][1]
    figures = {"first": digits.fixed(first, 2), "last": digits.fixed(last, 2)}
    if first > 1 > last:
        return t(
            "Simple, then complex cells: how much an answer swings when the stripes move on within the field (F1/F0) "
            "falls from {first} to {last}; Hubel and Wiesel's simple cells lie above 1, complex ones below.", **figures,
        )  # fmt: skip
    return t(
        "Simple, then complex cells: not as in the cat. How much an answer swings when the stripes move on within the "
        "field (F1/F0) goes from {first} to {last}; simple cells lie above 1, complex ones below.", **figures,
    )  # fmt: skip


def apart(found: Look) -> str:
    """Return how linearly separable the classes are at the end, beside hand-made features and pixels."""
    judged = [f for f in found.features if f.probe]
    learnt = [f for f in judged if f.name and not f.handmade]
    if not learnt:
        return ""
    best_made = max((f for f in judged if f.handmade), key=_accuracy, default=judged[0])
    best = max(learnt, key=_accuracy)
    figures = {"best": _share(best), "made": _share(best_made), "kind": best_made.kind, "layer": number_of(found, best)}
    if best.probe and best_made.probe and best.probe.low > best_made.probe.high:
        return t(
            "Classes come apart: a straight cut tells {best} right in layer {layer}, and {made} with what was made by "
            "hand ({kind}).", **figures,
        )  # fmt: skip
    return t(
        "Classes come apart: a straight cut tells {best} right in layer {layer}, and {made} with what was made by hand "
        "({kind}); the intervals overlap, so one is not told from the other.", **figures,
    )  # fmt: skip


def _accuracy(f: Features) -> float:
    return f.probe.accuracy if f.probe else 0.0


def _share(f: Features) -> str:
    if f.probe is None:
        return "–"
    value, ends = digits.measured(f.probe.accuracy, f.probe.low, f.probe.high, "%")
    return f"{value} ({ends})"


def number_of(found: Look, f: Features) -> int:
    """Return the place of a layer among the layers, from 1."""
    return next(i for i, p in enumerate(found.places) if p.name == f.name)
