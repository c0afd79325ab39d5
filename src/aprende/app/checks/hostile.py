"""Model files that a stranger could send: each must be refused with a ModelError, never used, never crash.

Made from a good model; knows the layout of `core.bundle` and no system.
"""

import hashlib
import io
import itertools
import json
import pickle
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Members = dict[str, bytes]
Change = Callable[[dict[str, Any]], Any]
MANIFEST, WEIGHTS, GRAPH = "manifest.json", "weights.safetensors", "network.onnx"
BOMB = "a bomb"
JUNK: tuple[Any, ...] = (None, "x", -1, 1e308, [], {}, [[]], {"kind": "nothing"})


def variants(model: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (what was done to it, the file's bytes)."""
    whole = model.read_bytes()
    with zipfile.ZipFile(model) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    yield from ((f"cut at {tenth * 10} %", whole[: len(whole) * tenth // 10]) for tenth in range(10))
    for done, change in CHANGES.items():
        yield done, packed(change(members), zipfile.ZIP_DEFLATED if done == BOMB else zipfile.ZIP_STORED)
    for key in json.loads(members[MANIFEST]):
        if key in ("format", "system", "settings", "inputs", "outputs", "facts", "hashes"):
            yield f"a manifest without {key}", packed(_manifest(members, _without(key)))


def doubtful(model: Path, most: int = 80) -> Iterator[tuple[str, bytes]]:
    """Yield files whose facts or settings are nonsense: they must be refused or load, but raise nothing else.

    At most so many, drawn at random from every key of every part with every junk.
    """
    with zipfile.ZipFile(model) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members[MANIFEST])
    keys = [(part, key) for part in ("facts", "settings", "inputs", "outputs") for key in manifest[part]]
    cases = list(itertools.product(keys, JUNK))
    for (part, key), junk in random.Random(0).sample(cases, min(most, len(cases))):
        yield f"{part} {key} = {junk!r}", packed(_manifest(members, _with(part, key, junk)))


def packed(members: Members, method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip of these members."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return held.getvalue()


def _manifest(members: Members, change: Change) -> Members:
    manifest = json.loads(members[MANIFEST])
    change(manifest)
    return {**members, MANIFEST: json.dumps(manifest).encode()}


def _without(key: str) -> Change:
    return lambda manifest: manifest.pop(key)


def _with(part: str, key: str, value: Any) -> Change:
    return lambda manifest: manifest[part].update({key: value})


def _signed(members: Members, name: str, content: bytes) -> Members:
    """A member replaced, its hash in the manifest made right: what a stranger would do."""
    digest = hashlib.sha256(content).hexdigest()
    return _manifest({**members, name: content}, lambda m: m["hashes"].update({name: digest}))


def _renamed(members: Members, name: str, other: str) -> Members:
    return {other if n == name else n: content for n, content in members.items()}


class _Told:
    """Would create a dictionary when unpickled; harmless, and never unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (dict, ())


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def _outside(graph: bytes) -> bytes:
    """The graph with a tensor that lies in another file: ONNX field 13 of a tensor is its external data."""
    entry = b"\x0a\x08location\x12\x0b/etc/passwd"
    tensor = b"\x08\x01\x10\x01" + b"\x6a" + bytes([len(entry)]) + entry + b"\x70\x01"
    initializer = b"\x2a" + bytes([len(tensor)]) + tensor
    return graph + b"\x3a" + bytes([len(initializer)]) + initializer


CHANGES: dict[str, Callable[[Members], Members]] = {
    "a further member": lambda m: {**m, "run.py": b"print()"},
    "a member less": lambda m: {n: c for n, c in m.items() if n != GRAPH},
    "a name that climbs out": lambda m: _renamed(m, GRAPH, "../network.onnx"),
    "an absolute name": lambda m: _renamed(m, GRAPH, "/network.onnx"),
    "one bit of the weights turned": lambda m: {**m, WEIGHTS: _flipped(m[WEIGHTS])},
    "one bit of the graph turned": lambda m: {**m, GRAPH: _flipped(m[GRAPH])},
    "a pickle instead of weights": lambda m: _signed(m, WEIGHTS, pickle.dumps(_Told())),
    "nothing instead of weights": lambda m: _signed(m, WEIGHTS, b""),
    "weights that promise more than they hold": lambda m: _signed(m, WEIGHTS, (2**62).to_bytes(8, "little") + b"{}"),
    "text instead of a graph": lambda m: _signed(m, GRAPH, b"not a graph"),
    "nothing instead of a graph": lambda m: _signed(m, GRAPH, b""),
    "a graph that reads another file": lambda m: _signed(m, GRAPH, _outside(m[GRAPH])),
    BOMB: lambda m: _signed(m, WEIGHTS, bytes(50_000_000)),
    "a manifest that is no JSON": lambda m: {**m, MANIFEST: b"{"},
    "a manifest that is a list": lambda m: {**m, MANIFEST: b"[1]"},
    "a manifest nested deep": lambda m: {**m, MANIFEST: b"[" * 200_000},
    "an unknown format": lambda m: _manifest(m, lambda held: held.update(format=999)),
    "an unknown system": lambda m: _manifest(m, lambda held: held.update(system="nothing_of_this_name")),
    "a system named like a path": lambda m: _manifest(m, lambda held: held.update(system="../core/flow")),
    "an unknown setting": lambda m: _manifest(m, lambda held: held["settings"].update(nothing=1)),
    "an unknown kind of field": lambda m: _manifest(m, lambda held: held["inputs"].update(a={"kind": "nothing"})),
    "hashes of another kind": lambda m: _manifest(m, lambda held: held.update(hashes=[])),
}
