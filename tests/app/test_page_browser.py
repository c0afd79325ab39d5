"""The page in a real browser (Debian's Chromium through Playwright): fill in, predict, ask why, drop files, Spanish."""

import csv
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import served
from PIL import Image

pytest.importorskip("playwright", reason="Playwright is not installed: no browser test")
uvicorn = pytest.importorskip("uvicorn")

from playwright.sync_api import Browser, Page, expect  # noqa: E402

from aprende.app.server.serve import create_app, listen  # noqa: E402
from aprende.core.model import Model  # noqa: E402

PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}


def serving(model: Model) -> Iterator[str]:
    """Serve a model from a thread for as long as the test asks; yield its address."""
    socket = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(model), log_level="error"))
    thread = threading.Thread(target=server.run, args=([socket],))
    thread.start()
    yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def houses_at() -> Iterator[str]:
    yield from serving(served.valuation())


@pytest.fixture(scope="module")
def photos_at() -> Iterator[str]:
    yield from serving(served.colour())


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails its test where a script fails, a message is blocked, or anything comes from elsewhere."""
    yield from _watched(browser, {})


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    yield from _watched(browser, PHONE)


def _watched(browser: Browser, options: dict[str, Any]) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB", **options)
    opened, wrong = context.new_page(), []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: wrong.append(f"dialog {dialog.message}"))
    opened.on(
        "request",
        lambda r: wrong.append(r.url) if not r.url.startswith(("http://127.0.0.1", "blob:", "data:")) else None,
    )
    opened.on("console", lambda m: wrong.append(m.text) if "Content Security Policy" in m.text else None)
    yield opened
    context.close()
    assert not wrong


def test_fill_in_predict_and_ask_why(page: Page, houses_at: str) -> None:
    page.goto(houses_at)
    expect(page).to_have_title("Predict price · aprende")
    expect(page.get_by_role("button", name="Why?")).to_be_disabled()
    page.get_by_label("area").fill("100")
    page.get_by_label("rooms").fill("2")
    page.get_by_label("town").select_option("Puebla")
    page.get_by_label("garden").select_option("yes")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator(".big")).to_have_text("230,000\u00a0USD")
    expect(page.locator("#answer")).to_contain_text("between 207,000\u00a0USD and 253,000\u00a0USD")
    expect(page.locator(".range svg")).to_be_visible()
    page.get_by_role("button", name="Why?").click()
    expect(page.locator(".effects .bar").first).to_be_visible()
    expect(page.locator("#reason")).to_contain_text("this one is 230,000\u00a0USD")


def test_hostile_names_are_only_text(page: Page, houses_at: str) -> None:
    page.goto(houses_at)
    page.get_by_label(served.HOSTILE).fill("7")
    page.get_by_label("town").select_option(served.HOSTILE)
    page.get_by_role("button", name="Predict").click()
    expect(page.locator(".big")).to_contain_text("USD")
    page.get_by_role("button", name="Why?").click()
    expect(page.locator("#reason")).to_contain_text(served.HOSTILE)
    page.goto(houses_at + "/docs")
    expect(page.get_by_text(served.HOSTILE, exact=True).first).to_be_visible()


def test_an_unknown_value_is_empty_and_an_unlike_one_is_named(page: Page, houses_at: str) -> None:
    page.goto(houses_at)
    page.get_by_label("rooms").fill("900")
    page.get_by_label("area").fill("")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator(".unlike")).to_contain_text("rooms")


def test_a_wrong_value_is_told(page: Page, houses_at: str) -> None:
    page.goto(houses_at)
    page.get_by_label("where").fill("nowhere")
    page.keyboard.press("Enter")  # works without a mouse
    expect(page.get_by_role("alert").first).to_contain_text("nowhere")


def test_a_table_is_dropped_and_downloaded(page: Page, houses_at: str, tmp_path: Path) -> None:
    names = ",".join(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in served.Valuation.inputs)
    table = names + "\n" + '100,2,Puebla,yes,2016-05-31,"19.4,-99.1","a, ""b""",1.5,2,0\n' * 60
    page.goto(houses_at)
    drop(page, "casas.csv", table)
    expect(page.locator("#many")).to_contain_text("Rows answered: 60")
    expect(page.locator("#many tbody tr")).to_have_count(50)
    with page.expect_download() as download:
        page.get_by_text("Download as CSV").click()
    download.value.save_as(tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text("utf-8-sig").splitlines()
    assert len(lines) == 61
    assert next(csv.reader(lines[:1])) == [*served.Valuation.inputs, *served.Valuation.outputs]
    assert ",230000,207000,253000" in lines[1]
    drop(page, "no.csv", "a,b\n1,2\n")
    expect(page.locator("#wrong-file")).to_contain_text("area")


def drop(page: Page, name: str, content: str) -> None:
    """Drop a file on the page as a hand does."""
    made = page.evaluate_handle(
        "([name, content]) => { const d = new DataTransfer(); d.items.add(new File([content], name)); return d; }",
        [name, content],
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": made})


def red(tmp_path: Path) -> Path:
    Image.new("RGB", (40, 30), (250, 10, 10)).save(tmp_path / "rojo.png")
    return tmp_path / "rojo.png"


def test_a_picture_is_shown_answered_and_explained(page: Page, photos_at: str, tmp_path: Path) -> None:
    page.goto(photos_at)
    page.get_by_role("button", name="Predict").click()
    expect(page.get_by_role("alert").first).to_have_text("Choose a picture first.")
    page.get_by_label("photo").set_input_files(red(tmp_path))
    expect(page.locator(".preview img")).to_be_visible()
    page.get_by_role("button", name="Predict").click()
    expect(page.locator(".big")).to_have_text("rojo")
    expect(page.locator(".chances .word").first).to_have_text("rojo")
    expect(page.locator(".output .picture img")).to_be_visible()
    page.get_by_role("button", name="Why?").click()
    expect(page.locator(".heat canvas")).to_be_visible()


def test_several_pictures_are_a_table(page: Page, photos_at: str, tmp_path: Path) -> None:
    page.goto(photos_at)
    held = io.BytesIO()
    Image.new("RGB", (9, 9), (9, 9, 250)).save(held, "PNG")
    sent = [
        {"name": n, "mimeType": "image/png", "buffer": b} for n, b in (("a.png", held.getvalue()), ("b.png", b"no"))
    ]
    page.locator("#file").set_input_files(sent)  # type: ignore[arg-type]
    expect(page.locator("#many")).to_contain_text("Rows answered: 1")
    expect(page.locator("#many tbody tr").first).to_contain_text("azul")
    expect(page.locator("#many tbody tr").nth(1)).to_contain_text("b.png")


def test_the_page_speaks_spanish(page: Page, houses_at: str) -> None:
    page.goto(houses_at)
    page.get_by_role("link", name="Español").click()
    expect(page).to_have_title("Predecir price · aprende")
    page.get_by_role("button", name="Predecir").click()
    expect(page.locator("#answer")).to_contain_text("90 de cada 100")
    page.get_by_label("where").fill("x")
    page.get_by_role("button", name="Predecir").click()
    expect(page.get_by_role("alert").first).to_contain_text("grados")


def test_it_fits_a_telephone_and_is_reached_by_keyboard(phone: Page, houses_at: str, photos_at: str) -> None:
    for address in (houses_at, photos_at, houses_at + "/docs"):
        phone.goto(address)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    phone.goto(houses_at)
    phone.keyboard.press("Tab")
    expect(phone.get_by_role("link", name="To the content")).to_be_focused()
    assert phone.evaluate(UNNAMED) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: Browser, houses_at: str, scheme: Any) -> None:
    """Contrast of at least 4.5 : 1 (WCAG 2.1 AA) for every text, in light and dark."""
    context = browser.new_context(color_scheme=scheme)
    opened = context.new_page()
    opened.goto(houses_at)
    opened.get_by_role("button", name="Predict").click()
    opened.locator(".big").wait_for()
    found = opened.evaluate(CONTRAST)
    context.close()
    assert not found


UNNAMED = """() => [...document.querySelectorAll("input, select, textarea, button")]
  .filter((e) => !(e.labels?.length || e.textContent.trim())).map((e) => e.outerHTML)"""

CONTRAST = """() => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0.5) return colour;
    }
    return [255, 255, 255];
  };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement, text = walk.currentNode.textContent.trim();
    if (!text || !e.checkVisibility() || e.closest("button:disabled, script, .skip")) continue;
    const style = getComputedStyle(e), ink = parse(e.closest("svg") ? style.fill : style.color);
    const [dark, bright] = [light(ink), light(ground(e))].sort((a, b) => a - b);
    if ((bright + 0.05) / (dark + 0.05) < 4.5) found.push([text.slice(0, 30), (bright + 0.05) / (dark + 0.05)]);
  }
  return found;
}"""
