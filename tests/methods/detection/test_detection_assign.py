"""Known answers: generalised IoU, which cells learn which box, and what the loss is of the perfect answer."""

import pytest

torch = pytest.importorskip("torch")

from aprende.methods.detection.assign import assign, giou, loss, pair_iou  # noqa: E402
from aprende.networks.detector import places  # noqa: E402

CENTRES = places(32, 32, (8,))[0]  # 4 × 4 cells


def around(half: float) -> "torch.Tensor":
    """A square around every cell: (1, 16, 4)."""
    return torch.cat([CENTRES - half, CENTRES + half], 1)[None]


def truth(*boxes: list[float]) -> "torch.Tensor":
    return torch.tensor([boxes], dtype=torch.float32)


def test_giou_of_known_boxes() -> None:
    a = torch.tensor([[0.0, 0, 2, 2]]).expand(4, 4)
    b = torch.tensor([[0.0, 0, 2, 2], [1, 0, 3, 2], [2, 0, 4, 2], [4, 0, 6, 2]])
    assert giou(a, b).tolist() == pytest.approx([1, 1 / 3, 0, -1 / 3])
    assert pair_iou(a[:1], b)[0].tolist() == pytest.approx([1, 1 / 3, 0, 0])


def test_places_are_the_middles_of_cells_finer_maps_first() -> None:
    centres, lengths = places(16, 24, (8, 16))
    assert centres.tolist() == [[4, 4], [12, 4], [20, 4], [4, 12], [12, 12], [20, 12], [8, 8], [24, 8]]
    assert lengths.tolist() == [8] * 6 + [16] * 2


def test_cells_within_the_box_learn_it_and_the_best_learns_it_most() -> None:
    boxes = around(8)
    made = assign(torch.full((1, 16, 2), 0.1), boxes, CENTRES, truth([0, 0, 16, 16, 1, 1]))
    chosen = made.weights[0] > 0
    assert chosen.nonzero().flatten().tolist() == [0, 1, 4, 5]
    assert (made.shares[0, chosen, 0] == 0).all()
    over = pair_iou(truth([0, 0, 16, 16])[0], boxes[0])[0]
    assert float(made.shares[0, :, 1].max()) == pytest.approx(float(over.max()))
    assert made.boxes[0, 0].tolist() == [0, 0, 16, 16]


def test_at_most_the_best_few_learn_it() -> None:
    made = assign(torch.full((1, 16, 1), 0.1), around(16), CENTRES, truth([0, 0, 32, 32, 0, 1]), best=4)
    assert (made.weights[0] > 0).nonzero().flatten().tolist() == [5, 6, 9, 10]


def test_a_cell_of_two_boxes_learns_the_one_it_fits() -> None:
    made = assign(torch.full((1, 16, 2), 0.1), around(4), CENTRES, truth([0, 0, 32, 32, 0, 1], [8, 8, 16, 16, 1, 1]))
    assert made.shares[0, 5].tolist() == [0, pytest.approx(1)]


def test_a_box_too_small_to_hold_a_centre_is_given_to_the_nearest_cell() -> None:
    made = assign(torch.full((1, 16, 1), 0.1), around(2), CENTRES, truth([13.5, 4.5, 15, 6, 0, 1]))
    assert (made.weights[0] > 0).nonzero().flatten().tolist() == [1]


def test_padding_is_no_box_and_a_crowd_is_not_judged() -> None:
    nothing = assign(torch.full((1, 16, 1), 0.1), around(4), CENTRES, truth([0, 0, 16, 16, 0, -1]))
    assert not nothing.weights.any()
    assert nothing.counts.all()
    crowd = assign(torch.full((1, 16, 1), 0.1), around(4), CENTRES, truth([0, 0, 16, 16, 0, 0]))
    assert not crowd.weights.any()
    assert (~crowd.counts[0]).nonzero().flatten().tolist() == [0, 1, 4, 5]


def test_the_right_answer_costs_nothing_and_background_alone_is_finite() -> None:
    wanted = truth([4, 4, 20, 20, 0, 1])
    boxes = wanted[:, :, :4].expand(1, 16, 4)
    made = assign(torch.full((1, 16, 1), 0.5), boxes, CENTRES, wanted)
    scores = torch.logit(made.shares.clamp(1e-6, 1 - 1e-6))
    classes, sides = loss(scores, boxes, made)
    assert float(classes) == pytest.approx(0, abs=1e-4)
    assert float(sides) == pytest.approx(0, abs=1e-5)
    empty = assign(torch.full((1, 16, 1), 0.5), boxes, CENTRES, truth([0, 0, 0, 0, 0, -1]))
    classes, sides = loss(torch.zeros(1, 16, 1), boxes, empty)
    assert float(classes) == pytest.approx(16 * 0.25 * 0.6931, rel=1e-3)
    assert float(sides) == 0
