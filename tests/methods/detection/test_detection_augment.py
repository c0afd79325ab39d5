"""Pictures and boxes change together: a bright thing stays within its box."""

import pytest

torch = pytest.importorskip("torch")

from aprende.methods.detection.augment import Augment, joined, moved  # noqa: E402


def batch(count: int = 64) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Grey pictures 48 × 64 with one white thing each, and its box."""
    pictures = torch.full((count, 48, 64, 1), 127, dtype=torch.uint8)
    truth = torch.zeros((count, 2, 6))
    for row in range(count):
        left, top = 4 + row % 40, 4 + row % 25
        pictures[row, top : top + 14, left : left + 18] = 255
        truth[row, 0] = torch.tensor([left, top, left + 18, top + 14, 1, 1])
        truth[row, 1, 5] = -1
    return pictures, truth


def bounds(picture: "torch.Tensor") -> list[float]:
    """The box around what is bright in a picture (1, H, W)."""
    rows, columns = (picture[0] > 191).nonzero().T
    return [float(columns.min()), float(rows.min()), float(columns.max()) + 1, float(rows.max()) + 1]


def agree(x: "torch.Tensor", truth: "torch.Tensor") -> int:
    """Check every box that counts against its picture; return how many there are."""
    seen = [(p, t[0]) for p, t in zip(x, truth, strict=True) if t[0, 5] == 1]
    for picture, box in seen:
        assert bounds(picture) == pytest.approx(box[:4].tolist(), abs=1.6)
    return len(seen)


def test_things_stay_in_their_boxes() -> None:
    pictures, truth = batch()
    x, changed = Augment(sideways=True, upside=True, colour=0)(pictures, truth, torch.Generator().manual_seed(0))
    assert x.shape == (64, 1, 48, 64)
    assert agree(x, changed) > 50
    assert (changed[:, 1, 5] == -1).all()
    assert not torch.equal(changed[:, 0, :4], truth[:, 0, :4])


def test_the_same_generator_gives_the_same_batch() -> None:
    pictures, truth = batch(4)
    one, other = (Augment()(pictures, truth, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])


def test_a_mosaic_holds_four_pictures_with_their_boxes() -> None:
    pictures, truth = batch(8)
    x, changed = joined(pictures.permute(0, 3, 1, 2).float(), truth, torch.Generator().manual_seed(0))
    assert x.shape == (8, 1, 48, 64)
    assert changed.shape == (8, 8, 6)
    assert ((changed[..., 5] == 1).sum(1) == 4).all()
    for picture, boxes in zip(x, changed, strict=True):
        for left, top, right, bottom in boxes[boxes[:, 5] == 1][:, :4].round().int().tolist():
            assert picture[0, top + 1 : bottom - 1, left + 1 : right - 1].mean() > 230


def test_what_is_cut_away_is_no_longer_found_nor_judged() -> None:
    truth = torch.tensor([[[0.0, 0, 20, 20, 0, 1], [40, 20, 60, 40, 0, 1], [0, 0, 8, 20, 0, 1]]])
    turn, move = torch.tensor([[1.0, 1.0]]), torch.tensor([[-0.5, 0.0]])  # 16 of 64 pixels to the left
    found = moved(truth, turn, move, 64, 48, seen=0.3)[0]
    assert found[:, 5].tolist() == [0, 1, -1]
    assert found[1, :4].tolist() == pytest.approx([24, 20, 44, 40])
    assert found[0, :4].tolist() == pytest.approx([0, 0, 4, 20])
