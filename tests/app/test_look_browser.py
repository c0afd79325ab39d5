"""The page of a look in a real browser: nothing blocked, nothing wider than a telephone, pictures on hover."""

from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed: no browser test")

from playwright.sync_api import Browser, Page


def opened(browser: Browser, page_path: Path, width: int = 1200, **options: str) -> tuple[Page, list[str]]:
    wrong: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 900}, **options)  # type: ignore[arg-type]
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
    page.on("request", lambda r: wrong.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
    page.goto(page_path.as_uri())
    return page, wrong


@pytest.mark.parametrize("width", [360, 768, 1200])
def test_fits_every_screen_and_asks_for_nothing(width: int, browser: Browser, looked: Path) -> None:
    page, wrong = opened(browser, looked, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert wrong == []
    page.close()


def test_every_picture_is_drawn(browser: Browser, looked: Path) -> None:
    page, _ = opened(browser, looked)
    page.evaluate("for (const i of document.images) i.loading = 'eager'")
    page.wait_for_function("[...document.images].every(i => i.complete)")
    assert page.evaluate("document.images.length") > 100
    assert page.evaluate("[...document.images].every(i => i.naturalWidth > 0)")
    page.close()


def test_the_picture_behind_a_point_shows_on_hover(browser: Browser, looked: Path) -> None:
    page, wrong = opened(browser, looked)
    point = page.locator(".plane-0 circle").nth(3)
    point.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    point.hover(force=True)
    peek = page.locator("#peek")
    assert peek.is_visible()
    assert peek.locator("span").inner_text() in ("lying", "standing")
    assert "data:image/jpeg" in page.evaluate("getComputedStyle(document.querySelector('#peek i')).backgroundImage")
    assert page.locator("circle.same").count() > 10  # the same picture on every plane
    page.locator("h1").hover()
    assert not peek.is_visible()
    assert wrong == []
    page.close()


def test_planes_are_chosen_without_a_script(browser: Browser, looked: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(looked.as_uri())
    assert page.locator(".plane-0").is_visible()
    page.get_by_text("PCA", exact=True).click()
    assert page.locator(".plane-1").is_visible()
    assert not page.locator(".plane-0").is_visible()
    context.close()
