"""Trees as arrays and as a node give the library's own answers, missing values and float32 edges included."""

import numpy as np
import pytest

from aprende.methods.tables import trees


def table(n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 6)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    rows[:, 3] = np.nan_to_num(rows[:, 3])  # a column that has no gap in training
    truth = np.nan_to_num(rows[:, 0]) * 2 + np.nan_to_num(rows[:, 1]) ** 2 + rows[:, 3]
    return rows, truth.astype(np.float64)


def with_gaps(rows: np.ndarray) -> np.ndarray:
    rows = rows.copy()
    rows[:40, 3] = np.nan
    return rows


def onnx(forest: trees.Forest, rows: np.ndarray) -> np.ndarray:
    import onnxruntime as ort
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("rows", "sums")]
    graph = helper.make_graph([trees.onnx_node(forest, "rows", "sums")], "forest", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 5)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return ort.InferenceSession(model.SerializeToString()).run(None, {"rows": rows})[0] + forest.base


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_lightgbm_is_the_same_as_forest_and_as_node(classes: int) -> None:
    rows, truth = table()
    wanted = truth if classes == 0 else np.digitize(truth, [0.0, 1.5][: classes - 1])
    model = trees.lightgbm(rows, wanted, classes, {"num_leaves": 15}, 30, seed=1, threads=1)
    forest, asked = trees.from_lightgbm(model), with_gaps(rows)
    expected = trees.lightgbm_scores(model, asked, 1)
    assert expected.shape == (600, 3 if classes == 3 else 1)
    np.testing.assert_allclose(forest.predict(asked), expected, atol=1e-5)
    np.testing.assert_allclose(onnx(forest, asked), expected, atol=1e-4)


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_catboost_is_the_same_as_forest(classes: int, tmp_path: object) -> None:
    from catboost import CatBoost

    rows, truth = table()
    wanted = truth if classes == 0 else np.digitize(truth, [0.0, 1.5][: classes - 1])
    model = trees.catboost(rows, wanted, classes, {"depth": 4}, 20, seed=1, threads=1)
    path = tmp_path / "model.json"  # type: ignore[operator]
    path.write_text(model)
    own = CatBoost()
    own.load_model(str(path), format="json")
    asked = with_gaps(rows)
    expected = own.predict(asked, prediction_type="RawFormulaVal").reshape(len(rows), -1)
    np.testing.assert_allclose(trees.from_catboost(model).predict(asked), expected, atol=1e-5)


def test_thresholds_are_rounded_so_that_float32_rows_go_the_same_way() -> None:
    rng = np.random.default_rng(0)
    thresholds = rng.normal(size=1000) * 10.0 ** rng.integers(-20, 20, 1000)
    below = trees.rounded_down(thresholds)
    above = np.nextafter(below, np.float32(np.inf))
    assert (below.astype(np.float64) <= thresholds).all()
    assert (above.astype(np.float64) > thresholds).all()


def test_a_tree_of_one_leaf_and_weighted_sums() -> None:
    rows, truth = table(60)
    flat = trees.from_lightgbm(trees.lightgbm(rows, np.full(60, 2.0), 0, {}, 3, 0, 1))
    curved = trees.from_lightgbm(trees.lightgbm(rows, truth, 0, {"min_data_in_leaf": 2}, 5, 0, 1))
    both = trees.merged([(flat, 0.25), (curved, 0.75)])
    expected = 0.25 * flat.predict(rows) + 0.75 * curved.predict(rows)
    np.testing.assert_allclose(both.predict(rows), expected, rtol=1e-6)
    np.testing.assert_allclose(onnx(both, rows), expected, rtol=1e-5)


def test_training_ends_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, truth = table()
    monkeypatch.setattr(trees, "LEAST_ROUNDS", 0)
    left = iter([False] * 5 + [True] * 100)
    model = trees.lightgbm(rows, truth, 0, {}, 50, 0, 1, over=lambda: next(left))
    assert len(trees.from_lightgbm(model).roots) == 6


def test_enough_rounds_are_done_however_little_the_time() -> None:
    rows, truth = table()
    model = trees.lightgbm(rows, truth, 0, {}, 400, 0, 1, over=lambda: True)
    assert len(trees.from_lightgbm(model).roots) == trees.LEAST_ROUNDS + 1


def test_parts_of_a_forest_sum_to_it() -> None:
    rows, truth = table()
    model = trees.lightgbm(rows, np.digitize(truth, [0.0, 1.5]), 3, {"num_leaves": 15}, 30, seed=1, threads=1)
    forest, asked = trees.merged([(trees.from_lightgbm(model), 0.5)]), with_gaps(rows)
    for most in (1, 7, 1000):
        parts = trees.parted(forest, most)
        assert max(len(p.roots) for p in parts) == min(most, len(forest.roots))
        assert sum(len(p.weights) for p in parts) == len(forest.weights)
        np.testing.assert_allclose(sum(p.predict(asked) for p in parts), forest.predict(asked), atol=1e-5)
        np.testing.assert_allclose(sum(onnx(p, asked) for p in parts), forest.predict(asked), atol=1e-5)
