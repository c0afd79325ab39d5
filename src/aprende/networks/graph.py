"""A torch module as core wants a network: named arrays in, named arrays out, an ONNX graph, weights by name.

Knows no system: the module takes its inputs in order and returns its outputs in order, batch first, both named here.
"""

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from aprende.core.contract import Arrays

OPSET = 18
Module = TypeVar("Module", bound=nn.Module)


class Graph:
    """One forward graph. `example` holds an array for each input (its first axis is the batch; any length will do)."""

    def __init__(self, module: nn.Module, example: Arrays, outputs: Sequence[str]) -> None:
        self.module, self.outputs = module, list(outputs)
        self.example = {name: np.repeat(array[:1], 2, axis=0) for name, array in example.items()}

    def __call__(self, arrays: Arrays) -> Arrays:
        """Return the named outputs for the named inputs: in evaluation mode, fp32, on the module's device."""
        device = next(self.module.parameters()).device
        training, tensors = self.module.training, [torch.as_tensor(arrays[name]).to(device) for name in self.example]
        self.module.eval()
        with torch.inference_mode():
            found = self.module(*tensors)
        self.module.train(training)
        return {name: tensor.cpu().numpy() for name, tensor in zip(self.outputs, _several(found), strict=True)}

    def weights(self) -> Arrays:
        """Return parameters and buffers by name."""
        return {name: tensor.detach().cpu().numpy() for name, tensor in self.module.state_dict().items()}

    def onnx(self) -> bytes:
        """Return the graph with a free batch axis. The module is left in evaluation mode, on the CPU."""
        module = self.module.to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            made = Path(folder) / "graph.onnx"
            warnings.simplefilter("ignore")  # of the tracer: sizes become constants, which is what we want
            torch.onnx.export(
                module,
                tuple(torch.as_tensor(array) for array in self.example.values()),
                made,
                input_names=list(self.example),
                output_names=self.outputs,
                dynamic_axes={name: {0: "batch"} for name in [*self.example, *self.outputs]},
                opset_version=OPSET,
                dynamo=False,
            )
            return made.read_bytes()


def restored(module: Module, weights: Arrays) -> Module:
    """Return the module with these weights (as `Graph.weights` gives them), in evaluation mode."""
    counts = {name for name, tensor in module.state_dict().items() if tensor.ndim == 0}  # kept as one number in a row
    held = {name: torch.from_numpy(np.array(weight)) for name, weight in weights.items()}
    module.load_state_dict({name: tensor.reshape(()) if name in counts else tensor for name, tensor in held.items()})
    return module.eval()


def _several(found: torch.Tensor | Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
    return [found] if isinstance(found, torch.Tensor) else found
