"""Write a model's network for other programs: an ONNX file, and a JSON file that says what goes in and out."""

import json
from pathlib import Path
from typing import Any

from aprende.core.checkpoint import write_atomic
from aprende.core.errors import SettingError
from aprende.core.model import Model
from aprende.core.words import t


def export(model: Model, path: Path) -> Path:
    """Write path (.onnx) and its .json; return path. The graph takes encoded inputs: the JSON says how to encode."""
    if path.suffix.lower() != ".onnx":
        raise SettingError(t("The file should end in .onnx; got {path}.", path=path))
    write_atomic(path, model.parts.onnx)
    about = {
        "system": model.system.name,
        "inputs": {n: f.to_json() for n, f in model.inputs.items()},
        "outputs": {n: f.to_json() for n, f in model.outputs.items()},
        "graph": graph_edges(model.parts.onnx),
        "facts": model.manifest["facts"],
    }
    write_atomic(path.with_suffix(".json"), json.dumps(about, ensure_ascii=False, indent=1).encode())
    return path


def graph_edges(onnx: bytes) -> dict[str, list[dict[str, Any]]]:
    """Return name, type and shape of the graph's inputs and outputs."""
    import onnxruntime as ort

    session = ort.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    edges = {"inputs": session.get_inputs(), "outputs": session.get_outputs()}
    return {side: [{"name": e.name, "type": e.type, "shape": e.shape} for e in found] for side, found in edges.items()}
