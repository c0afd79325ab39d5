"""Average precision: known answers, the same figure as COCO's evaluator, and over resampled pictures."""

import contextlib
import io

import numpy as np
import pytest

from aprende.core import precision

Pictures = list[np.ndarray]


def one(*boxes: list[float]) -> np.ndarray:
    return np.array(boxes, np.float32).reshape(-1, 6)


def made(found: Pictures, truth: Pictures, classes: int = 1, sure: int = 100) -> dict[str, np.ndarray]:
    return precision.units(found, truth, np.full(len(found), sure), classes)


def test_all_right_is_one_and_nothing_found_is_zero() -> None:
    truth = [one([0, 0, 10, 10, 0, 1], [20, 20, 40, 40, 0, 1])]
    assert precision.mean_precision(made(truth, truth)) == pytest.approx(1)
    assert precision.mean_precision(made([one()], truth)) == 0
    assert np.isnan(precision.mean_precision(made([one()], [one()])))


def test_half_found_after_a_false_one() -> None:
    """A wrong box first, then one of two: precision 1/2 up to recall 1/2, 51 of 101 places."""
    truth = [one([0, 0, 10, 10, 0, 1], [20, 20, 40, 40, 0, 1])]
    found = [one([60, 60, 70, 70, 0, 0.9], [0, 0, 10, 10, 0, 0.8])]
    held = made(found, truth)
    assert precision.mean_precision(held, slice(0, 1)) == pytest.approx(0.5 * 51 / 101)
    assert (precision.recall(held), precision.precision(held)) == (0.5, 0.5)
    assert held["error"].tolist() == [2]
    assert precision.best_threshold(held)[0] < 0.8


def test_a_second_box_on_one_thing_is_wrong_and_in_a_crowd_it_is_neither() -> None:
    found = [one([0, 0, 10, 10, 0, 0.9], [0, 0, 10, 9, 0, 0.8])]
    state = precision.matches(found[0], one([0, 0, 10, 10, 0, 1]), 1)
    assert state[:, 0].tolist() == [precision.RIGHT, precision.WRONG]
    crowd = precision.matches(found[0], one([0, 0, 50, 50, 0, 0]), 1)
    assert crowd[:, 0].tolist() == [precision.NEITHER, precision.NEITHER]


def test_the_threshold_is_where_f1_is_best() -> None:
    truth = [one([0, 0, 10, 10, 0, 1], [20, 20, 40, 40, 0, 1])]
    found = [one([0, 0, 10, 10, 0, 0.9], [20, 20, 40, 40, 0, 0.6], [60, 0, 70, 9, 0, 0.4])]
    assert precision.best_threshold(made(found, truth)) == (pytest.approx(0.5), pytest.approx(1.0))


def drawn(seed: int, n: int = 40, classes: int = 3) -> tuple[Pictures, Pictures]:
    """Random truth, some of it crowds, and boxes found near it or anywhere."""
    rng, found, truth = np.random.default_rng(seed), [], []
    for _ in range(n):
        k = int(rng.integers(0, 9))
        low = rng.uniform(0, 80, (k, 2))
        true = np.column_stack(
            [low, low + rng.uniform(5, 40, (k, 2)), rng.integers(0, classes, k), rng.random(k) > 0.1]
        )
        near = true[rng.random(k) < 0.8].repeat(2, axis=0)
        near[:, :4] += rng.normal(0, 2.5, (len(near), 4))
        far = np.column_stack([f := rng.uniform(0, 80, (4, 2)), f + 20, rng.integers(0, classes, 4), np.ones(4)])
        boxes = np.concatenate([near, far])
        boxes[:, 5] = np.round(rng.random(len(boxes)), 2)  # many ties
        boxes[:, 2:4] = np.maximum(boxes[:, 2:4], boxes[:, :2] + 1)
        found.append(boxes.astype(np.float32))
        truth.append(true.astype(np.float32))
    return found, truth


def by_evaluator(found: Pictures, truth: Pictures, classes: int) -> np.ndarray:
    """AP, AP50, AP75 of faster-coco-eval."""
    coco_eval = pytest.importorskip("faster_coco_eval")
    images = [{"id": i + 1, "width": 200, "height": 200} for i in range(len(truth))]
    told = [(i + 1, b) for i, boxes in enumerate(truth) for b in boxes.astype(np.float64)]
    annotations = [
        {"id": n + 1, "image_id": i, "category_id": int(b[4]) + 1, "iscrowd": int(b[5] == 0),
         "bbox": [b[0], b[1], b[2] - b[0], b[3] - b[1]], "area": (b[2] - b[0]) * (b[3] - b[1])}
        for n, (i, b) in enumerate(told)
    ]  # fmt: skip
    categories = [{"id": k + 1, "name": str(k)} for k in range(classes)]
    results = [
        {"image_id": i + 1, "category_id": int(b[4]) + 1, "score": float(b[5]),
         "bbox": [b[0], b[1], b[2] - b[0], b[3] - b[1]]}
        for i, boxes in enumerate(found) for b in boxes.astype(np.float64)
    ]  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        held = coco_eval.COCO({"images": images, "annotations": annotations, "categories": categories})
        judge = coco_eval.COCOeval_faster(held, held.loadRes(results), "bbox")
        judge.run()
    return np.array(judge.stats[:3])


@pytest.mark.parametrize("seed", range(4))
def test_the_same_figures_as_the_evaluator(seed: int) -> None:
    found, truth = drawn(seed)
    held = made(found, truth, 3)
    own = [precision.mean_precision(held, at) for at in (slice(None), slice(0, 1), slice(5, 6))]
    assert own == pytest.approx(by_evaluator(found, truth, 3), abs=1e-9)
    assert 0.05 < own[0] < 0.9


def test_resampled_pictures_are_the_evaluators_on_those_pictures() -> None:
    found, truth = drawn(7)
    rows = np.random.default_rng(0).integers(0, len(found), len(found))
    held = {name: column[rows] for name, column in made(found, truth, 3).items()}
    again = by_evaluator([found[r] for r in rows], [truth[r] for r in rows], 3)
    assert precision.mean_precision(held) == pytest.approx(again[0], abs=1e-9)
