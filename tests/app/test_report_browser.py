"""The report in a real browser: nothing blocked, nothing wider than a telephone, values on hover, copying, paper."""

from pathlib import Path

import made_runs
import pytest

pytest.importorskip("playwright", reason="Playwright is not installed: no browser test")

from playwright.sync_api import Browser, Page

from aprende.app import report


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pages")
    makers = {"houses": made_runs.houses, "sick": made_runs.sick, "animals": made_runs.animals}
    return {name: report.write(make(folder / name), seconds=0.5).as_uri() for name, make in makers.items()}


def opened(browser: Browser, address: str, width: int = 1200, **options: str) -> tuple[Page, list[str]]:
    wrong: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 800}, **options)  # type: ignore[arg-type]
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    page.on("request", lambda r: wrong.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
    page.goto(address)
    return page, wrong


@pytest.mark.parametrize("name", ["houses", "sick", "animals"])
@pytest.mark.parametrize("width", [360, 768, 1200])
def test_fits_every_screen_and_asks_for_nothing(
    name: str, width: int, browser: Browser, addresses: dict[str, str]
) -> None:
    page, wrong = opened(browser, addresses[name], width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert wrong == []
    page.close()


def test_values_show_on_hover(browser: Browser, addresses: dict[str, str]) -> None:
    page, wrong = opened(browser, addresses["houses"])
    page.locator("#training .strip").nth(40).hover()
    assert "loss on train rows" in page.locator("#tip").inner_text()
    page.locator("#scores .track svg").first.hover()
    assert page.locator("#tip").inner_text().startswith("This model: ")
    page.locator("h1").hover()
    assert not page.locator("#tip").is_visible()
    assert wrong == []
    page.close()


def test_commands_can_be_copied(browser: Browser, addresses: dict[str, str]) -> None:
    page, _ = opened(browser, addresses["houses"])
    button = page.locator("#use .copy").first
    button.click()
    page.wait_for_function("document.querySelector('#use .copy').textContent === 'Copied'")
    page.close()


def test_dark_where_the_reader_likes_it(browser: Browser, addresses: dict[str, str]) -> None:
    for scheme, dark in (("light", False), ("dark", True)):
        page, _ = opened(browser, addresses["sick"], color_scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(int(v) for v in colour[4:-1].split(",")) < 200) == dark
        page.close()


def test_paper_shows_what_the_screen_folds(browser: Browser, addresses: dict[str, str], tmp_path: Path) -> None:
    page, _ = opened(browser, addresses["houses"])
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert len(page.pdf()) > 50_000
    page.close()
