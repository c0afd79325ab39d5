"""A mask over its picture on the page, with its legend and the reason, in a real browser; the report on a telephone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("playwright", reason="Playwright is not installed: no browser test")
pytest.importorskip("uvicorn")

from playwright.sync_api import Browser, expect
from test_page_browser import serving

from aprende.app import report
from aprende.core import flow
from aprende.core.settings import make
from aprende.methods.segmentation.drawings import drawings
from aprende.methods.segmentation.recipes import SegmentSettings
from aprende.systems.segment import SYSTEM


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> flow.Run:
    chosen = make(SegmentSettings, {"steps": 6, "encoder": "resnet", "width": 8, "lr": 0.01})
    return flow.train(SYSTEM, drawings(60), chosen, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def address(run: flow.Run) -> Iterator[str]:
    yield from serving(run.model)


def test_a_picture_comes_back_with_its_mask(browser: Browser, address: str, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(drawings(1).columns["image"][0]).save(photo)
    page = browser.new_page()
    blocked: list[str] = []
    page.on("console", lambda m: blocked.append(m.text) if m.type == "error" else None)
    page.goto(address)
    page.set_input_files(".file input", photo)
    page.get_by_role("button", name="Predict").click()
    picture = page.locator(".output img")
    expect(picture).to_have_count(1)
    assert picture.evaluate("image => image.naturalWidth") == 48
    expect(page.locator(".legend > span")).to_have_text(["disc", "square"])
    assert page.locator(".patch").first.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(255, 127, 14)"
    expect(page.locator(".chances .word")).to_have_count(3)
    page.get_by_role("button", name="Why?").click()
    expect(page.locator(".heat canvas")).to_have_count(1)
    assert blocked == []
    page.close()


def test_the_report_fits_a_telephone(browser: Browser, run: flow.Run) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.goto(report.write(run, seconds=0).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator(".triple img").first.evaluate("image => image.naturalWidth") > 0
    page.close()
