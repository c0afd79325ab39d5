"""Seconds that `aprende checks` takes, for every system that is installed: the whole command, in its own process.

python benchmarks/contract_suite.py
python benchmarks/contract_suite.py --system tables
"""

import argparse
import resource
import subprocess
import sys
import time

from record import record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", default="", help="one system alone")
    asked = parser.parse_args()
    command = [sys.executable, "-m", "aprende", "checks", *([asked.system] if asked.system else []), "--lang", "en"]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = done.stdout.splitlines()
    systems = sorted({line.split()[1].rstrip(":") for line in lines if line.startswith(("ok ", "FAIL"))})
    failed = [line for line in lines if line.startswith("FAIL")]
    print("\n".join(failed) + done.stderr, file=sys.stderr)
    record("contract_suite", systems=systems, checks=len(lines), failed=len(failed), passed=done.returncode == 0,
           seconds=round(seconds, 1), processor_seconds=round(used.ru_utime + used.ru_stime, 1))  # fmt: skip


if __name__ == "__main__":
    main()
