"""The network's session: made on first use, or in the background while the caller reads."""

import numpy as np
import pytest

from aprende.core import words
from aprende.core.errors import ModelError
from aprende.core.model import OnnxForward


def doubling() -> bytes:
    """A graph that adds x to itself."""
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch"]) for n in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "doubling", [x], [y])
    opsets = [helper.make_opsetid("", 18)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


def test_a_session_begun_in_the_background_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = OnnxForward(doubling(), threads=1)
    made = []
    start = forward._start

    def counted() -> object:
        made.append(1)
        return start()

    monkeypatch.setattr(forward, "_start", counted)
    forward.begin()
    forward.begin()
    for _ in range(3):
        np.testing.assert_array_equal(forward({"x": np.ones(2, np.float32)})["y"], [2, 2])
    forward.begin()
    assert made == [1]


def test_what_goes_wrong_in_the_background_is_told_in_the_callers_language() -> None:
    with words.speaking("es"):
        forward = OnnxForward(b"no graph")
        forward.begin()
    with pytest.raises(ModelError, match="La red del modelo"):
        forward({})
