"""A model on disk: one zip of JSON, safetensors and ONNX. No pickle, no code; a stranger's file is safe to load.

    manifest.json         format, system, settings, fields, facts, scores, versions, hashes of the members
    weights.safetensors   "network/…" what was learnt; "encode/…" the arrays that encoding needs
    network.onnx          the forward graph

Names, sizes, hashes, JSON and the graph's references are checked before anything is used.
"""

import hashlib
import io
import json
import platform
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aprende.core.checkpoint import write_atomic
from aprende.core.contract import Arrays, Predictor
from aprende.core.errors import ModelError
from aprende.core.settings import Settings, to_json
from aprende.core.words import t

FORMAT = 1
MEMBERS = ("manifest.json", "weights.safetensors", "network.onnx")
MAX_MEMBER = 4 * 2**30  # bytes, unpacked
MAX_MANIFEST = 64 * 2**20
SAMPLE = 2**16  # bytes
OUTSIDE = b"location"  # the key of external data …
KEY = re.compile(rb"(?:\n|\x8a\x80{0,8}\x00)(?:\x08|\x88\x80{0,8}\x00)\Z")  # … after its tag and length, in any varint
NEEDED = ("format", "system", "settings", "inputs", "outputs", "facts", "hashes")


@dataclass(frozen=True)
class Parts:
    """A model file, read and checked, not yet alive."""

    manifest: dict[str, Any]
    arrays: Arrays
    onnx: bytes

    def only(self, prefix: str) -> Arrays:
        """Return the arrays under a prefix ("encode/", "network/"), without it."""
        return {k.removeprefix(prefix): v for k, v in self.arrays.items() if k.startswith(prefix)}


def save(path: Path, system: str, settings: Settings, predictor: Predictor, onnx: bytes, about: dict[str, Any]) -> Path:
    """Write the model, whole or not at all. `about` is JSON for people: scores, notes, history, baselines …"""
    from safetensors.numpy import save as to_bytes

    weights = {f"network/{k}": v for k, v in (predictor.network.weights() if predictor.network else {}).items()}
    weights |= {f"encode/{k}": v for k, v in predictor.arrays.items()}
    content = {
        "weights.safetensors": to_bytes({k: np.ascontiguousarray(v) for k, v in weights.items()}),
        "network.onnx": onnx,
    }
    manifest = {
        "format": FORMAT,
        "system": system,
        "settings": to_json(settings),
        "inputs": {k: f.to_json() for k, f in predictor.inputs.items()},
        "outputs": {k: f.to_json() for k, f in predictor.outputs.items()},
        "facts": predictor.facts,
        "hashes": {name: hashlib.sha256(held).hexdigest() for name, held in content.items()},
        "versions": versions(),
        **about,
    }
    text = json.dumps(manifest, ensure_ascii=False, allow_nan=False, indent=1).encode()
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(_member("manifest.json"), text, zipfile.ZIP_DEFLATED)
        for name, member in content.items():
            method = zipfile.ZIP_DEFLATED if _shrinks(member) else zipfile.ZIP_STORED
            archive.writestr(_member(name), member, method, compresslevel=3)
    write_atomic(path, held.getvalue())
    return path


def _shrinks(held: bytes) -> bool:
    """Tell by samples whether a member shrinks: weights of a network do not, and unpacking takes time."""
    seen = b"".join(held[at : at + SAMPLE] for at in range(0, len(held), 16 * SAMPLE))
    return len(zlib.compress(seen, 3)) < 0.8 * len(seen)


def _member(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))  # the same model gives the same file


def versions() -> dict[str, str]:
    """Return what made the model: Python, the platform, and the libraries that matter."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in ("aprende", "numpy", "torch", "onnxruntime", "lightgbm", "catboost", "polars"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def read(path: Path) -> Parts:
    """Return a model file's parts; raise ModelError where it is damaged, foreign, or could do harm."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            manifest = _manifest(path, _unpacked(archive, "manifest.json"))
            content = {name: _unpacked(archive, name) for name in MEMBERS[1:]}
    except FileNotFoundError:
        raise ModelError(t("There is no model at {path}.", path=path)) from None
    except (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, RuntimeError) as error:
        raise ModelError(
            t("{path} is not a model of aprende, or is damaged: {error}.", path=path, error=error)
        ) from None
    for name, held in content.items():
        if hashlib.sha256(held).hexdigest() != manifest["hashes"].get(name):
            raise ModelError(t("{path} is damaged: {name} does not match its hash.", path=path, name=name))
    _check_graph(path, content["network.onnx"])
    return Parts(manifest, _arrays(path, content["weights.safetensors"]), content["network.onnx"])


def _unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a member, of which never more is unpacked than the size that was checked."""
    with archive.open(name) as file:
        return file.read(archive.getinfo(name).file_size)


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    infos = archive.infolist()
    if sorted(i.filename for i in infos) != sorted(MEMBERS):
        said = t(
            "{path} is not a model of aprende: it should hold {names} and nothing else.",
            path=path,
            names=", ".join(MEMBERS),
        )
        raise ModelError(said)
    for info in infos:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise zipfile.BadZipFile(f"compression {info.compress_type}")
        limit = MAX_MANIFEST if info.filename == "manifest.json" else MAX_MEMBER
        if info.file_size > limit or info.file_size > 1000 * max(1, info.compress_size) + 1_000_000:
            raise ModelError(
                t("{path} is refused: {name} unpacks to {n} bytes.", path=path, name=info.filename, n=info.file_size)
            )


def _manifest(path: Path, text: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(text)
        found = manifest["format"]
        missing = [key for key in NEEDED if key not in manifest]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ModelError(t("{path} is not a model of aprende: its manifest cannot be read.", path=path)) from None
    if found != FORMAT:
        said = t(
            "{path} has format {found}; this version reads {format}. Update aprende, or train again.",
            path=path,
            found=found,
            format=FORMAT,
        )
        raise ModelError(said)
    shapes_ok = all(isinstance(manifest.get(k), dict) for k in ("settings", "inputs", "outputs", "facts", "hashes"))
    if missing or not shapes_ok or not isinstance(manifest["system"], str):
        raise ModelError(t("{path} is not a model of aprende: its manifest is incomplete.", path=path))
    return dict(manifest)


def _check_graph(path: Path, onnx: bytes) -> None:
    """A graph may keep weights in other files; ours never do, and a stranger's could point at the reader's files."""
    at = onnx.find(OUTSIDE)
    while at >= 0:
        if KEY.search(onnx[max(0, at - 20) : at]):
            raise ModelError(t("{path} is refused: its network refers to files outside the model.", path=path))
        at = onnx.find(OUTSIDE, at + 1)


def _arrays(path: Path, held: bytes) -> Arrays:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return dict(load(held))
    except (SafetensorError, ValueError, KeyError, TypeError):
        raise ModelError(t("{path} is damaged: its weights cannot be read.", path=path)) from None
