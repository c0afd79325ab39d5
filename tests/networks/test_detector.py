"""The detector: its shapes, where its boxes begin, and its graph."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from aprende.networks.detector import PRIOR, Shape, make  # noqa: E402
from aprende.networks.graph import Graph  # noqa: E402


@pytest.mark.parametrize("strides", [(8,), (4, 8), (8, 16, 32), (16, 32)])
def test_shapes(strides: tuple[int, ...]) -> None:
    """72 and 104 are multiples of 8 alone: coarser maps are rounded up."""
    net = make(Shape(3, 72, 104, 1, strides, pretrained=False)).eval()
    cells = sum(-(-72 // s) * -(-104 // s) for s in strides)
    with torch.inference_mode():
        scores, boxes = net(torch.zeros((2, 72, 104, 1), dtype=torch.uint8))
    assert scores.shape == (2, cells, 3)
    assert boxes.shape == (2, cells, 4)
    assert (boxes >= 0).all()
    assert (boxes[..., 0::2] <= 104).all()
    assert (boxes[..., 1::2] <= 72).all()


def test_before_training_nothing_is_likely_and_boxes_are_usual() -> None:
    net = make(Shape(2, 64, 64, 3, (8,), usual=12, pretrained=False)).eval()
    with torch.inference_mode():
        scores, boxes = net(torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8))
    assert scores.mean().item() == pytest.approx(PRIOR, rel=0.5)
    inside = boxes[0].view(8, 8, 4)[3, 3]
    assert (inside[2:] - inside[:2]).tolist() == pytest.approx([24, 24], rel=0.3)


def test_the_graph_gives_the_same() -> None:
    import onnxruntime

    net = make(Shape(2, 48, 64, 3, (8, 16), features=16, pretrained=False)).eval()
    pictures = np.random.default_rng(0).integers(0, 256, (3, 48, 64, 3), dtype=np.uint8)
    graph = Graph(net, {"pictures": pictures}, ["scores", "boxes"])
    session = onnxruntime.InferenceSession(graph.onnx(), providers=["CPUExecutionProvider"])
    for found, wanted in zip(
        session.run(None, {"pictures": pictures}), graph({"pictures": pictures}).values(), strict=True
    ):
        assert np.allclose(found, wanted, atol=1e-3)
