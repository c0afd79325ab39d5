"""A learner's state on disk: any nesting, exactly; whole or not at all."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aprende.core import checkpoint
from aprende.core.errors import DataError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text() | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers() | st.booleans(), inner, max_size=4)
    ),
    max_leaves=20,
)


def again(state: Any, folder: Path) -> Any:
    checkpoint.save(folder / "c", state)
    return checkpoint.load(folder / "c")


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and bool(torch.equal(a, b))
    if isinstance(a, np.ndarray):
        return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
    if isinstance(a, dict):
        return list(map(repr, a)) == list(map(repr, b)) and all(
            same(x, y) for x, y in zip(a.values(), b.values(), strict=True)
        )
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return (isinstance(b, float) and np.array(a).tobytes() == np.array(b).tobytes()) or (a != a and b != b)
    return type(a) is type(b) and a == b


@given(state=st.dictionaries(st.text(max_size=5), PLAIN, max_size=4))
def test_any_plain_state_comes_back(state: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    assert same(again(state, tmp_path_factory.getbasetemp()), state)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int32", "uint8", "bool", "uint64"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 4)])
def test_arrays_come_back(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    held = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    assert same(
        again({"a": held, "t": held.T}, tmp_path), {"a": held, "t": np.ascontiguousarray(held.T).reshape(held.T.shape)}
    )


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (0,), (3, 2)])
def test_tensors_come_back(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    held = torch.randn(shape).to(getattr(torch, dtype))
    assert same(again({"a": held}, tmp_path)["a"], held)


def test_special_numbers_come_back(tmp_path: Path) -> None:
    state = {
        "a": [float("nan"), float("inf"), -float("inf"), -0.0, 5e-324, 0.1 + 0.2],
        "b": torch.tensor([float("nan")]),
    }
    found = again(state, tmp_path)
    assert same(found["a"], state["a"])
    assert found["b"].isnan().all()


def test_an_optimiser_and_generators_go_on_exactly(tmp_path: Path) -> None:
    """AdamW, torch's and NumPy's generators: ten steps at once = five, saved, loaded elsewhere, five more."""

    def made() -> tuple[Any, Any, Any, Any]:
        torch.manual_seed(0)
        layer = torch.nn.Linear(4, 1)
        return layer, torch.optim.AdamW(layer.parameters()), torch.Generator().manual_seed(1), np.random.default_rng(2)

    def steps(parts: tuple[Any, Any, Any, Any]) -> None:
        layer, optimiser, generator, rng = parts
        for _ in range(5):
            x = torch.randn(8, 4, generator=generator) + float(rng.normal())
            optimiser.zero_grad()
            layer(x).square().mean().backward()
            optimiser.step()

    whole, first, second = made(), made(), made()
    steps(whole)
    steps(whole)
    steps(first)
    layer, optimiser, generator, rng = first
    state = {"layer": layer.state_dict(), "optimiser": optimiser.state_dict(), "generator": generator.get_state(),
             "rng": rng.bit_generator.state}  # fmt: skip
    found = again(state, tmp_path)
    second[0].load_state_dict(found["layer"])
    second[1].load_state_dict(found["optimiser"])
    second[2].set_state(found["generator"])
    second[3].bit_generator.state = found["rng"]
    steps(second)
    assert torch.equal(whole[0].weight, second[0].weight)
    assert torch.equal(whole[0].bias, second[0].bias)


def test_what_was_saved_is_not_touched_by_what_comes_after(tmp_path: Path) -> None:
    held = torch.zeros(3)
    checkpoint.save(tmp_path / "c", {"a": held})
    held += 1
    assert checkpoint.load(tmp_path / "c")["a"].sum() == 0


def test_a_loaded_tensor_can_be_written(tmp_path: Path) -> None:
    found = again({"a": torch.zeros(3), "b": np.zeros(3)}, tmp_path)
    found["a"] += 1
    found["b"] += 1


def test_an_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot hold object"):
        checkpoint.save(tmp_path / "c", {"a": object()})
    with pytest.raises(TypeError, match="cannot hold an array of object"):
        checkpoint.save(tmp_path / "c", {"a": np.array([object()])})
    assert not list(tmp_path.iterdir())


def test_a_long_state_comes_back(tmp_path: Path) -> None:
    """A safetensors header may hold 100 MB; what is no array must not lie there."""
    state = {"text": "x" * 101_000_000}
    assert again(state, tmp_path) == state


def test_killed_at_any_moment_the_last_whole_state_is_there(tmp_path: Path) -> None:
    """A process that does nothing but save is killed ten times; what is there is always one whole state."""
    code = (
        "import sys, itertools, pathlib, numpy as np\n"
        "from aprende.core import checkpoint\n"
        "for n in itertools.count():\n"
        "    checkpoint.save(pathlib.Path(sys.argv[1]), {'n': n, 'a': np.full(2_000_000, n, dtype=np.int32)})\n"
        "    print(n, flush=True)\n"
    )
    path, rng = tmp_path / "c", np.random.default_rng(0)
    for _ in range(6):
        process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()  # the first one is written
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.wait()
        process.stdout.close()
        found = checkpoint.load(path)
        assert (found["a"] == found["n"]).all()


# ---- the disk --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_what_was_there(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path / "c", {"a": 1})

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if step == "write":
        monkeypatch.setattr("builtins.open", lambda *_: _Full())
    else:
        monkeypatch.setattr(os, step, full)
    with pytest.raises(DataError, match="No space left"):
        checkpoint.save(tmp_path / "c", {"a": 2})
    monkeypatch.undo()
    assert checkpoint.load(tmp_path / "c") == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


class _Full:
    def __enter__(self) -> "_Full":
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def write(self, _: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Cannot write"):
        checkpoint.save(tmp_path / "none" / "c", {"a": 1})


def test_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "c"
    checkpoint.save(path, {"a": np.arange(100), "b": "text"})
    whole = path.read_bytes()
    for content in [b"", b"junk", *(whole[: len(whole) * i // 10] for i in range(10)), bytes(100) + whole]:
        path.write_bytes(content)
        with pytest.raises(DataError, match="Cannot read the checkpoint"):
            checkpoint.load(path)
    with pytest.raises(DataError, match="Cannot read the checkpoint"):
        checkpoint.load(tmp_path / "none")
