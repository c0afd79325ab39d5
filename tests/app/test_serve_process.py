"""`aprende serve` as a process: it says where it is, answers, warns, refuses a taken port, and ends whole."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from aprende.app import cli


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve")
    points = np.random.default_rng(0).normal(size=(200, 2)).round(4)
    lines = [f"{x},{y},{'red' if x + y > 0 else 'blue'}" for x, y in points]
    (folder / "dots.csv").write_text("x,y,colour\n" + "\n".join(lines) + "\n")
    wanted = ["--system", "dots", "--target", "colour", "--steps", "40", "--out", str(folder / "run")]
    assert cli.main(["train", str(folder / "dots.csv"), *wanted]) == 0
    return folder / "run"


@contextmanager
def running(model: Path, *options: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run the command on a free port; yield the process and the address that it says."""
    command = [sys.executable, "-u", "-m", "aprende", "serve", str(model), "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", line := process.stdout.readline())
        assert found, line + (process.stderr.read() if process.stderr else "")
        yield process, found[0]
    finally:
        process.kill()
        process.wait()


def ask(address: str, row: dict[str, float], **headers: str) -> dict[str, object]:
    """POST a row; wait for a server that is about to start."""
    request = urllib.request.Request(address + "predict", json.dumps(row).encode(), headers)
    return dict(json.loads(urllib.request.urlopen(request, timeout=20).read()))


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to see processes")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_and_ends_with_its_workers(model: Path, how: signal.Signals) -> None:
    with running(model, "--workers", "2") as (process, address):
        assert ask(address, {"x": 3, "y": 3})["colour"] == "red"
        workers = children(process.pid)
        assert workers
        process.send_signal(how)
        assert process.wait(20) in (0, 130, -how)
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_a_token_is_in_the_address_that_it_says(model: Path) -> None:
    with running(model, "--token", "sesame") as (_, address):
        assert address.endswith("/?token=sesame")
        at = address.partition("?")[0]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(at, {"x": 1, "y": 1})
        assert ask(at, {"x": -3, "y": -3}, Authorization="Bearer sesame")["colour"] == "blue"


def test_it_warns_where_others_can_reach_it(model: Path) -> None:
    with running(model, "--host", "0.0.0.0") as (process, _):
        process.terminate()
        said = process.communicate(timeout=20)[1]
    assert "Warning" in said
    assert "--token" in said


def test_a_taken_port_is_told_in_words(model: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        command = [sys.executable, "-m", "aprende", "serve", str(model), "--port", str(held.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode != 0
    assert "--port" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
