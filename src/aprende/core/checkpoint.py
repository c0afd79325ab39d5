"""A learner's state on disk, whole or not at all: one safetensors file, of which one array is the structure as JSON.

No pickle. Leaves may be torch tensors (also bf16 and complex RNG states), NumPy arrays, bytes, numbers, text, None.
Written beside and renamed, so that neither a kill nor a full disk harms what was saved before.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from aprende.core.errors import DataError
from aprende.core.words import t


def save(path: Path, state: dict[str, Any]) -> None:
    """Write the state; raise DataError on a full disk, leaving the older file as it was."""
    from safetensors.numpy import save as to_bytes

    arrays: dict[str, np.ndarray[Any, Any]] = {}
    structure = json.dumps(_pack(state, arrays)).encode()
    write_atomic(path, to_bytes({"structure": np.frombuffer(structure, dtype=np.uint8), **arrays}))


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise DataError(t("Cannot write {path}: {error}.", path=path, error=error.strerror or error)) from None


def load(path: Path) -> Any:
    """Return the state that `save` wrote."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
        return _unpack(json.loads(arrays["structure"].tobytes()), arrays)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(t("Cannot read the checkpoint {path}: {error}.", path=path, error=error)) from None


def _pack(value: Any, arrays: dict[str, Any]) -> Any:
    """JSON for the value, its arrays put aside. Every container is tagged, so that keys of any kind survive."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return {"f": value.hex()}
    if isinstance(value, dict):
        return {"d": [[_pack(k, arrays), _pack(v, arrays)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return {"l" if isinstance(value, list) else "t": [_pack(v, arrays) for v in value]}
    name = f"a{len(arrays)}"
    if isinstance(value, (bytes, bytearray)):
        arrays[name] = np.frombuffer(bytes(value), dtype=np.uint8)
        return {"b": name}
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.kind not in "biuf":
            raise TypeError(f"a learner's state cannot hold an array of {value.dtype}")
        arrays[name] = np.ascontiguousarray(value).reshape(np.shape(value))
        return {"n": name}
    return _pack_tensor(value, name, arrays)


def _pack_tensor(value: Any, name: str, arrays: dict[str, Any]) -> Any:
    import torch

    if not isinstance(value, torch.Tensor):
        raise TypeError(f"a learner's state cannot hold {type(value).__name__}")
    held = value.detach().cpu().contiguous()
    if held.dtype == torch.bfloat16:
        arrays[name] = held.view(torch.int16).numpy()
        return {"bf16": name}
    arrays[name] = held.numpy().copy()
    return {"T": name}


def _unpack(value: Any, arrays: dict[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    ((tag, held),) = value.items()
    if tag == "f":
        return float.fromhex(held)
    if tag == "d":
        return {_unpack(k, arrays): _unpack(v, arrays) for k, v in held}
    if tag in "lt":
        items = [_unpack(v, arrays) for v in held]
        return items if tag == "l" else tuple(items)
    if tag == "b":
        return arrays[held].tobytes()
    if tag == "n":
        return arrays[held]
    import torch

    tensor = torch.from_numpy(np.array(arrays[held]))
    return tensor.view(torch.bfloat16) if tag == "bf16" else tensor
