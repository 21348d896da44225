"""The studio's page in a real browser: from the upload to the download, with a real painter, at a small size."""

import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from studioplay import Client, studio

from impasto.studio.form import sample
from impasto.studio.process import Spawned

pytest.importorskip("playwright")
from playwright.sync_api import Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
PATIENCE = 120_000  # milliseconds for what paints
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with studio(tmp_path_factory.mktemp("studio"), Spawned) as (opened, _):
        yield opened


@pytest.fixture
def page(browser: Any, client: Client) -> Iterator[Page]:
    """A page of a new visitor; whatever it asks for is asked of this machine, and nothing is an error."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 860}, accept_downloads=True, reduced_motion="reduce"
    )
    made = context.new_page()
    asked: list[str] = []
    problems: list[str] = []
    made.on("request", lambda request: asked.append(request.url))
    made.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    made.problems = problems  # type: ignore[attr-defined]
    made.on("pageerror", lambda error: problems.append(str(error)))
    made.goto(f"http://127.0.0.1:{client.port}/")
    yield made
    assert [url for url in asked if not url.startswith((f"http://127.0.0.1:{client.port}/", "blob:", "data:"))] == []
    assert problems == []
    context.close()


@pytest.fixture(scope="module")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cat where scikit-image is installed, under a name that is hard to type."""
    path = tmp_path_factory.mktemp("photos") / "my photo's.png"
    cat = sample("chelsea")
    image = Image.open(cat) if cat else Image.radial_gradient("L").convert("RGB")
    image.resize((440, 330)).save(path)
    return path


def _begin(page: Page, photograph: Path, size: int = 256) -> None:
    page.locator("#photo-file").set_input_files(photograph)
    expect(page.locator("#paint")).to_be_enabled()
    page.locator("#size").select_option(str(size))


def _keep(page: Page, name: str) -> None:
    """A picture of the page for the documentation, where a folder for those is named."""
    if folder := os.environ.get("IMPASTO_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_from_the_upload_to_the_download(page: Page, photograph: Path, client: Client) -> None:
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#paint")).to_be_disabled()
    _begin(page, photograph)
    expect(page.locator("#cost")).to_contain_text("256 × 192 pixels, about", timeout=PATIENCE)
    page.locator("#paint").click()
    expect(page.locator("#where")).to_contain_text("step", timeout=PATIENCE)
    expect(page.locator("#after")).to_have_attribute("src", re.compile("/preview"), timeout=PATIENCE)
    expect(page.locator("#result")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#facts")).to_contain_text("256 × 192 pixels")
    for kind in ("png", "jpg", "tiff"):
        with page.expect_download() as download:
            page.locator(f"#get-{kind}").click()
        with Image.open(download.value.path()) as image:
            assert image.size == (256, 192)
    page.locator("#compare").fill("50")
    expect(page.locator("#divider")).to_be_visible()
    _keep(page, "studio")
    page.locator("#zoom-one").click()
    assert page.locator("#after").bounding_box()["width"] == pytest.approx(256, abs=1)  # type: ignore[index]
    page.locator("#larger button").first.click()
    expect(page.locator("#where")).to_contain_text("512 px", timeout=PATIENCE)
    page.locator("#stop").click()
    expect(page.locator("#progress")).to_be_hidden(timeout=3000)
    expect(page.locator("#gallery button").first).to_be_visible()
    del client


def test_stop_and_reload_in_the_middle(page: Page, photograph: Path) -> None:
    _begin(page, photograph, 512)
    page.locator("#paint").click()
    expect(page.locator("#where")).to_contain_text("step", timeout=PATIENCE)
    page.reload()
    expect(page.locator("#where")).to_contain_text("step", timeout=PATIENCE)
    page.locator("#stop").click()
    expect(page.locator("#progress")).to_be_hidden(timeout=3000)


def test_what_is_no_picture_is_said_beside_it(page: Page, tmp_path: Path) -> None:
    wrong = tmp_path / "words.png"
    wrong.write_text("no picture")
    page.locator("#photo-file").set_input_files(wrong)
    expect(page.locator("#photo-error")).to_contain_text("This picture")
    problems: list[str] = page.problems  # type: ignore[attr-defined]
    assert "422" in problems.pop()  # which a browser logs


@pytest.mark.parametrize("width", [360, 2560])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_is_accessible(browser: Any, client: Client, photograph: Path, width: int, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{client.port}/")
    _begin(page, photograph)
    page.locator("summary").click()
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    results = axe.Axe().run(page)
    serious = [one for one in results.response["violations"] if one["impact"] in ("serious", "critical")]
    assert not serious, [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in serious]
    context.close()


def test_the_keyboard_is_enough(page: Page, photograph: Path) -> None:
    page.locator("#photo-file").set_input_files(photograph)
    expect(page.locator("#paint")).to_be_enabled()
    page.locator("#strength").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#strength-shown")).to_have_text("51 %")
    second = page.locator("#styles button").nth(1)
    second.focus()
    page.keyboard.press("Space")
    expect(page.locator("#styles button").nth(1)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#styles button").nth(1)).to_be_focused()


def test_settings_come_back_from_a_picture(page: Page, photograph: Path, tmp_path: Path) -> None:
    from impasto.recipe import recipe_metadata

    recipe = {"content": "0" * 64, "styles": ["1" * 64], "options": {"strength": 0.8, "size": 300, "tv_weight": 2.0}}
    path = tmp_path / "painted.png"
    buffer = io.BytesIO()
    Image.open(photograph).save(buffer, "PNG", **recipe_metadata("PNG", recipe))
    path.write_bytes(buffer.getvalue())
    page.locator("#recipe-file").set_input_files(path)
    expect(page.locator("#strength-shown")).to_have_text("80 %")
    expect(page.locator("#size")).to_have_value("300")
    page.locator("summary").click()
    expect(page.locator("#option-tv_weight")).to_have_value("2")
    expect(page.locator("#settings")).to_contain_text("Choose the photograph and its painting again")


def test_a_content_weight_takes_the_dials_place(page: Page) -> None:
    page.locator("summary").click()
    page.locator("#preset").select_option("gatys2016")
    expect(page.locator("#strength")).to_be_disabled()
    expect(page.locator("#strength-shown")).to_have_text("by the content weight")
    page.locator("#reset").click()
    expect(page.locator("#strength")).to_be_enabled()
    page.locator("#option-content_weight").fill("0.2")
    page.locator("#option-content_weight").press("Tab")
    expect(page.locator("#strength")).to_be_disabled()


def test_the_buttons_stay_where_they_are(page: Page, photograph: Path) -> None:
    """Whatever is said beneath them: one that moves between press and release is not pressed."""
    before = page.locator("#vary").bounding_box()
    _begin(page, photograph)
    assert page.locator("#vary").bounding_box() == before
    expect(page.locator("#cost")).to_contain_text("pixels", timeout=PATIENCE)
    assert page.locator("#vary").bounding_box() == before


def test_a_sheet_of_variations(page: Page, photograph: Path) -> None:
    """Filled as they come; one of them comes to the stage, and can be painted larger."""
    _begin(page, photograph)
    page.locator("summary").click()
    page.locator("#option-iterations").fill("2")
    page.locator("#option-iterations").press("Tab")
    expect(page.locator("#cost")).to_contain_text("pixels", timeout=PATIENCE)
    page.locator("#vary").click()
    cells = page.locator("#sheet-cells button")
    expect(cells).to_have_count(4)
    expect(page.locator("#sheet-cells img")).to_have_count(4, timeout=PATIENCE)
    page.reload()
    expect(page.locator("#sheet-cells img")).to_have_count(4, timeout=PATIENCE)
    expect(cells.nth(2)).to_have_attribute("aria-label", "whirl at 60 %: done", timeout=PATIENCE)
    cells.nth(2).click()
    expect(page.locator("#facts")).to_contain_text("256 × 192 pixels", timeout=PATIENCE)
    expect(page.locator("#larger button").first).to_have_text("Paint at 512")
