"""What every test has: the example system installed, English messages, one thread, a cache of its own, shared data."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from hypothesis import settings

HERE = Path(__file__).parent
ROOT = HERE.parent
SCRATCH = Path(tempfile.mkdtemp(prefix="aprende-tests-"))
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)

os.environ["APRENDE_LANG"] = "en"
os.environ["APRENDE_CACHE"] = str(SCRATCH / "cache")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # small work is quicker so, and processes do not fight for cores
settings.register_profile("quick", deadline=None, max_examples=60, derandomize=True, database=None)
settings.load_profile("quick")


def _install_example() -> None:
    """Install tests/example_system for this session, as a third party's package, unless it is already there."""
    if any(e.name == "dots" for e in entry_points(group="aprende.systems")):
        return
    source, target = SCRATCH / "example_system", SCRATCH / "site"
    shutil.copytree(
        HERE / "example_system", source, ignore=shutil.ignore_patterns("*.egg-info", "build", "__pycache__")
    )
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index",
               "--disable-pip-version-check", "--target", str(target), str(source)]  # fmt: skip
    subprocess.run(command, check=True)
    sys.path.insert(0, str(target))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(target), os.environ.get("PYTHONPATH")]))


_install_example()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of real data (APRENDE_DATA, or `shared/data` in or beside the checkout); skip where absent."""
    return _shared("data", "APRENDE_DATA")


@pytest.fixture(scope="session")
def odd_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the odd files that `shared/odd/make.py` writes; skip where that is absent."""
    folder = tmp_path_factory.mktemp("odd")
    subprocess.run([sys.executable, str(_shared("odd", "APRENDE_ODD") / "make.py"), str(folder)], check=True)
    return folder


def _shared(name: str, variable: str) -> Path:
    asked = os.environ.get(variable)
    places = [Path(asked)] if asked else [ROOT / "shared" / name, ROOT.parent / "shared" / name]
    for place in places:
        if place.is_dir():
            return place
    pytest.skip(f"no shared {name} here (set {variable} to its folder)")
