"""The cache: made once, whole or not at all, oldest first out, safe for two processes."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aprende.core import cache
from aprende.core.errors import DataError, SettingError


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("APRENDE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def counting(rows: np.ndarray) -> cache.Filled:
    rows[:] = np.arange(len(rows), dtype=rows.dtype)[:, None]
    return cache.Filled(None, {"twice": np.arange(len(rows)) * 2}, {"who": "me"})


def refuse(rows: np.ndarray) -> cache.Filled:
    raise AssertionError("was in the cache")


def test_made_once_then_found() -> None:
    key = cache.digest("a", 1)
    cache.array(key, (5, 3), np.int32, counting)
    again = cache.array(key, (5, 3), np.int32, refuse)
    assert isinstance(again.rows, np.memmap)
    np.testing.assert_array_equal(again.rows, np.repeat(np.arange(5)[:, None], 3, 1))
    np.testing.assert_array_equal(again.sides["twice"], [0, 2, 4, 6, 8])
    assert again.facts == {"who": "me"}
    with pytest.raises(ValueError):
        again.rows[0] = 1


def test_dropped_rows_leave_no_hole(root: Path) -> None:
    def some(rows: np.ndarray) -> cache.Filled:
        counting(rows)
        return cache.Filled(np.array([0, 3, 4]))

    entry = cache.array(cache.digest("b"), (5, 2), np.uint8, some)
    np.testing.assert_array_equal(entry.rows, [[0, 0], [3, 3], [4, 4]])
    assert (root / cache.digest("b") / "rows.bin").stat().st_size == 6


@pytest.mark.parametrize("shape", [(0, 4), (3, 0)])
def test_nothing_to_keep(shape: tuple[int, int]) -> None:
    for _ in range(2):
        entry = cache.array(cache.digest(shape), shape, np.uint8, lambda rows: cache.Filled())
        assert entry.rows.shape == shape


def test_same_content_under_another_key() -> None:
    cache.array(cache.digest("there"), (2, 2), np.uint8, counting)
    entry = cache.array(cache.digest("here"), (2, 2), np.uint8, refuse, same=lambda facts: facts.get("who") == "me")
    assert entry.rows.shape == (2, 2)


def test_failed_fill_leaves_nothing(root: Path) -> None:
    def fail(rows: np.ndarray) -> cache.Filled:
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        cache.array(cache.digest("c"), (5, 3), np.uint8, fail)
    assert [f for f in root.iterdir() if f.suffix != ".lock"] == []


def test_damaged_entry_is_made_anew(root: Path) -> None:
    key = cache.digest("d")
    for file, content in (("about.json", b"{"), ("rows.bin", b"1"), ("sides.npz", b"no zip")):
        cache.array(key, (5, 3), np.uint8, counting)
        (root / key / file).write_bytes(content)
        assert cache.array(key, (5, 3), np.uint8, counting).rows[4, 2] == 4


def test_oldest_used_go_first(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APRENDE_CACHE_GB", str(3.5e6 / cache.GB))
    keys = [cache.digest("e", i) for i in range(3)]
    for age, key in enumerate(keys):
        cache.array(key, (1_000_000, 1), np.uint8, lambda rows: cache.Filled())
        os.utime(root / key, (1000 + age, 1000 + age))
    cache.array(keys[0], (1_000_000, 1), np.uint8, refuse)  # used again: now the youngest
    cache.array(cache.digest("f"), (1_000_000, 1), np.uint8, lambda rows: cache.Filled())
    assert [(root / key).exists() for key in keys] == [True, False, True]


def test_more_than_the_cap_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APRENDE_CACHE_GB", "0.001")
    with pytest.raises(DataError, match="APRENDE_CACHE_GB"):
        cache.array(cache.digest("g"), (10_000_000, 1), np.uint8, counting)
    monkeypatch.setenv("APRENDE_CACHE_GB", "much")
    with pytest.raises(SettingError, match="much"):
        cache.cap()


def test_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("APRENDE_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="APRENDE_CACHE"):
        cache.array(cache.digest("h"), (1, 1), np.uint8, counting)


def run(code: str, root: Path, **kwargs: Any) -> "subprocess.Popen[str]":
    environment = {**os.environ, "APRENDE_CACHE": str(root)}
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="limits of processes are POSIX")
def test_full_disk_is_a_clear_error_and_leaves_nothing(root: Path) -> None:
    """A limit on the size of files stands for the full disk: the system refuses the space in the same way."""
    code = """
        import resource, signal
        import numpy as np
        from aprende.core import cache
        from aprende.core.errors import DataError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        try:
            cache.array(cache.digest("x"), (1 << 24, 1), np.uint8, lambda rows: cache.Filled())
        except DataError as error:
            print(error)
    """
    out, err = run(code, root).communicate(timeout=60)
    assert "The disk is full: 16.0 MB are needed" in out, err
    assert [f for f in root.iterdir() if f.suffix != ".lock"] == []


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_killed_leaves_no_half_entry_and_the_next_one_cleans_up(root: Path) -> None:
    code = """
        import time
        import numpy as np
        from aprende.core import cache
        def slow(rows):
            rows[:] = 7
            print("filling", flush=True)
            time.sleep(60)
        cache.array(cache.digest("x"), (100, 1), np.uint8, slow)
    """
    process = run(code, root)
    assert process.stdout is not None
    assert process.stdout.readline() == "filling\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (root / cache.digest("x")).exists()
    cache.array(cache.digest("y"), (1, 1), np.uint8, counting)
    assert not list(root.glob("*.part"))
    assert cache.array(cache.digest("x"), (100, 1), np.uint8, counting).rows[99, 0] == 99


def test_two_processes_make_it_once(root: Path) -> None:
    code = """
        import json, time
        import numpy as np
        from aprende.core import cache
        made = []
        def fill(rows):
            made.append(1)
            time.sleep(0.5)
            rows[:] = 3
            return cache.Filled()
        entry = cache.array(cache.digest("x"), (1000, 2), np.uint8, fill)
        print(json.dumps([len(made), int(entry.rows.sum())]))
    """
    both = [run(code, root) for _ in range(2)]
    told = [json.loads(process.communicate(timeout=60)[0]) for process in both]
    assert [total for _, total in told] == [6000, 6000]
    if cache.fcntl is not None:
        assert sum(made for made, _ in told) == 1


def test_folder_kept(root: Path) -> None:
    def fill(at: Path) -> None:
        (at / "a").write_text(str(time.time_ns()))

    first = (cache.folder(cache.digest("z"), 10, fill) / "a").read_text()
    assert (cache.folder(cache.digest("z"), 10, fill) / "a").read_text() == first


def test_digest_tells_parts_apart() -> None:
    assert cache.digest("ab", "c") != cache.digest("a", "bc")
    assert cache.digest(1) != cache.digest("1")
    assert len(cache.digest()) == 32
