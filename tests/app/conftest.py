"""The served models and the browser that the tests of this folder share."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import served
from starlette.testclient import TestClient
from stripes import stripes

from aprende.app import api, cli
from aprende.app.server.serve import create_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = "http://127.0.0.1:8000"
CHROMIUM = next((p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))), None)
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
           "--disable-background-networking", "--disable-component-update"]  # fmt: skip


@pytest.fixture(scope="module")  # while it is open, no other test can run a loop of its own
def browser() -> Iterator["Browser"]:
    """Return Debian's Chromium, driven by Playwright; skip where either is missing."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: no browser test")
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def houses() -> Iterator[TestClient]:
    """Return a client of a served valuation."""
    with TestClient(create_app(served.valuation()), base_url=HERE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def photos() -> Iterator[TestClient]:
    """Return a client of a served picture classifier."""
    with TestClient(create_app(served.colour()), base_url=HERE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a look into a small network that tells lying from standing stripes."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("look")
    source = stripes(folder / "stripes", 70)
    api.train(source, out=folder / "run", network="resnet", width=8, steps=40, batch=32)
    assert cli.main(["look", str(folder / "run")]) == 0
    return folder / "run" / "look" / "look.html"
