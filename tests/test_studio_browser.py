"""The studio's page in a real browser: from the upload to the download, with a real painter, at a small size."""

import base64
import hashlib
import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
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
WHOLE = "The whole photograph is painted."
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
    yield from _visit(browser, client)


@pytest.fixture
def played(browser: Any, tmp_path: Path) -> Iterator[Page]:
    """The same, before a painter that is played."""
    with studio(tmp_path / "studio") as (client, _):
        yield from _visit(browser, client)


def _visit(browser: Any, client: Client) -> Iterator[Page]:
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
    page.locator("#styles button").nth(1).click()
    for state in ("choosing", "brushing"):
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), state
        results = axe.Axe().run(page)
        serious = [one for one in results.response["violations"] if one["impact"] in ("serious", "critical")]
        assert not serious, (state, [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in serious])
        if state == "choosing":
            page.locator("#regions-open").click()
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
    _drop(page, path, "#stage")
    expect(page.locator("#strength-shown")).to_have_text("80 %")
    page.reload()
    page.locator("#recipe-file").set_input_files(path)
    expect(page.locator("#strength-shown")).to_have_text("80 %")
    expect(page.locator("#size")).to_have_value("300")
    page.locator("summary").click()
    expect(page.locator("#option-tv_weight")).to_have_value("2")
    expect(page.locator("#settings")).to_contain_text("Choose the photograph and its painting again")


@pytest.mark.parametrize("late", ["page/files.js", "api/form"])
def test_files_may_come_before_the_page_stands(page: Page, photograph: Path, late: str) -> None:
    """While the machine is busy painting, scripts and answers take their time."""
    held: list[Any] = []
    page.route(f"**/{late}", lambda route: held.append(route))  # noqa: PLW0108 - playwright marks what it calls
    page.reload(wait_until="commit")
    page.locator("#photo-file").set_input_files(photograph)
    page.locator("#style-file").set_input_files(photograph)
    page.wait_for_timeout(300)
    assert len(held) == 1
    expect(page.locator("#paint")).to_be_disabled()
    held[0].continue_()
    expect(page.locator("#paint")).to_be_enabled()
    expect(page.locator("#photo-drop label")).to_have_text("Another photograph")
    expect(page.locator("#styles button[aria-pressed=true]")).to_have_attribute("title", photograph.name)


def _drop(page: Page, path: Path, place: str) -> None:
    data = base64.b64encode(path.read_bytes()).decode()
    page.evaluate(
        """([data, name, place]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(atob(data), (one) => one.charCodeAt(0))], name));
            const event = new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
            document.querySelector(place).dispatchEvent(event);
        }""",
        [data, path.name, place],
    )


def test_a_picture_is_dropped_anywhere(page: Page, photograph: Path) -> None:
    """One without a recipe is a photograph; on the paintings, it is one of them."""
    _drop(page, photograph, "#stage")
    expect(page.locator("#photo-shown")).to_be_visible()
    problems: list[str] = page.problems  # type: ignore[attr-defined]
    assert "422" in problems.pop()  # which a browser logs
    _drop(page, photograph, "#styles")
    expect(page.locator("#styles button").last).to_have_attribute("aria-pressed", "true")


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


def _brush(page: Page, *places: tuple[float, float]) -> None:
    """Through places of the photograph, in fractions of it."""
    box = page.locator("#after").bounding_box()
    assert box is not None
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=5)
    page.mouse.up()


def test_what_is_brushed_stays_the_photograph(page: Page, photograph: Path, tmp_path: Path) -> None:
    """The mask can be kept, and comes back with the settings of the picture."""
    _begin(page, photograph)
    page.locator("summary").click()
    page.locator("#option-iterations").fill("3")
    page.locator("#option-iterations").press("Tab")
    page.locator("#regions-open").click()
    expect(page.get_by_label("Keep the photograph")).to_be_checked()
    _brush(page, (0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6), (0.4, 0.5), (0.6, 0.5))
    page.locator("#brush-done").click()
    expect(page.locator("#regions-shown")).to_contain_text("% stays as it is")
    shares = page.locator("#regions-shown").text_content()
    page.locator("#paint").click()
    expect(page.locator("#facts")).to_contain_text("256 × 192 pixels", timeout=PATIENCE)
    with page.expect_download() as download:
        page.get_by_text("Mask", exact=True).click()
    assert download.value.suggested_filename == "mask-1.png"
    mask = np.asarray(Image.open(download.value.path()).convert("L"), dtype=float)
    assert mask.shape == (330, 440)
    assert (mask[165, 220], mask[5, 5]) == (0, 255)
    with page.expect_download() as download:
        page.locator("#get-png").click()
    painted = tmp_path / "painted.png"
    download.value.save_as(painted)
    with Image.open(photograph) as image:
        before = np.asarray(image.convert("RGB").resize((256, 192), Image.Resampling.BICUBIC), dtype=float)
    change = np.abs(np.asarray(Image.open(painted), dtype=float) - before).mean(2)
    assert change[80:112, 106:150].mean() < 4  # resampled otherwise, and no more
    assert change[:40].mean() > 12
    page.reload()
    page.locator("#recipe-file").set_input_files(painted)
    expect(page.locator("#settings")).to_have_text("The settings are those of painted.png.")
    expect(page.locator("#regions-shown")).to_have_text(str(shares))


def test_regions_by_the_keyboard(page: Page, photograph: Path, tmp_path: Path) -> None:
    """Two paintings, one of them alone in a part; strokes are taken back one by one."""
    _begin(page, photograph)
    page.locator("#styles button").nth(1).click()
    page.locator("#regions-open").click()
    expect(page.locator("#canvas")).to_be_focused()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Space")
    expect(page.locator("#says")).to_have_text("Keep the photograph, 60 % from the left and 50 % from the top")
    page.get_by_label("pointillist").check()
    page.locator("#brush-fill").click()
    page.locator("#brush-done").click()
    shown = page.locator("#regions-shown")
    expect(shown).to_have_text("100 % is painted with pointillist.")
    page.locator("#regions-open").click()
    page.locator("#canvas").press("Control+z")
    page.locator("#brush-done").click()
    expect(shown).to_contain_text("stays as it is")
    expect(shown).to_contain_text("is painted with all of them")
    page.locator("#styles button").nth(0).click()  # one of the two is left
    expect(shown).to_contain_text("% is painted.")
    page.locator("#regions-open").click()
    page.locator("#brush-fill").click()
    page.locator("#paint").click()  # which ends the brushing
    expect(page.locator("#brush")).to_be_hidden()
    expect(page.locator("#paint-error")).to_contain_text("Nothing is left to paint")
    Image.open(photograph).resize((300, 200)).save(tmp_path / "other.png")
    page.locator("#photo-file").set_input_files(tmp_path / "other.png")
    expect(shown).to_have_text(WHOLE)


def test_a_second_finger_takes_the_stroke_back(page: Page, photograph: Path) -> None:
    """It was to move the picture, or to enlarge it."""
    _begin(page, photograph)
    page.locator("#regions-open").click()
    page.evaluate(
        """() => {
            const canvas = document.getElementById("canvas"), box = canvas.getBoundingClientRect();
            canvas.setPointerCapture = () => {};
            const finger = (name, pointerId, x, y) => canvas.dispatchEvent(new PointerEvent(name, {
                pointerId, clientX: box.left + x, clientY: box.top + y, pointerType: "touch", bubbles: true }));
            finger("pointerdown", 1, 300, 200);
            finger("pointermove", 1, 320, 200);
            finger("pointerdown", 2, 400, 200);
            finger("pointermove", 2, 500, 200);
            finger("pointerup", 1, 320, 200);
            finger("pointerup", 2, 500, 200);
        }"""
    )
    expect(page.locator("#brush-undo")).to_be_disabled()
    page.locator("#brush-done").click()
    expect(page.locator("#regions-shown")).to_have_text(WHOLE)


def test_regions_of_two_paintings(page: Page, photograph: Path, client: Client) -> None:
    """The mixture has one mask for both; a sheet, whose pictures have one painting each, keeps what is kept."""
    _begin(page, photograph)
    page.locator("#styles button").nth(1).click()
    page.locator("summary").click()
    page.locator("#option-iterations").fill("1")
    page.locator("#option-style_weights").fill("2,1")
    page.locator("#option-style_weights").press("Tab")
    page.locator("#regions-open").click()
    _brush(page, (0.36, 0.39), (0.73, 0.43))
    page.get_by_label("whirl").check()
    page.locator("#brush-soft").uncheck()
    _brush(page, (0.1, 0.8), (0.9, 0.8))
    _keep(page, "brush")
    sent: list[dict[str, Any]] = []
    page.on("request", lambda asked: sent.append(asked.post_data_json) if asked.url.endswith("/api/jobs") else None)
    page.locator("#paint").click()
    expect(page.locator("#facts")).to_contain_text("256 × 192 pixels", timeout=PATIENCE)
    order = sent.pop()
    assert order["styles"] == ["whirl", "pointillist", "whirl"]
    mixed, same, own = order["options"]["content_mask"]
    assert mixed == same != own
    assert order["options"]["style_weights"] == "2,1,2"
    expect(page.locator("#masks a")).to_have_count(2)
    shares = page.locator("#regions-shown").text_content()
    page.locator("#reset").click()
    page.locator("#regions-open").click()
    page.locator("#brush-clear").click()
    page.locator("#brush-done").click()
    page.locator("#again").click()
    expect(page.locator("#settings")).to_have_text("The settings are those of this picture.")
    assert sorted(str(shares)[:-1].split(", ")) == sorted(
        str(page.locator("#regions-shown").text_content())[:-1].split(", ")
    )
    expect(page.locator("#option-style_weights")).to_have_value("2,1")
    page.locator("#larger button").first.click()
    expect(page.locator("#facts")).to_contain_text("512 × 384 pixels", timeout=PATIENCE)
    assert sent.pop()["options"] == {"size": 512, "content_mask": [mixed, same, own]}
    page.locator("#vary").click()
    expect(page.locator("#sheet-cells img")).to_have_count(8, timeout=PATIENCE)
    (kept,) = {one["options"]["content_mask"][0] for one in sent}
    assert len(sent) == 8
    assert kept not in (mixed, own)
    status, _, data = client.ask("GET", f"/api/pictures/{kept}/file")
    mask = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    assert status == 200
    assert (mask[135, 242], mask[264, 220]) == (0, 255)


def test_another_photograph_while_brushing(played: Page, photograph: Path, tmp_path: Path) -> None:
    """It comes to the stage, in place of what was painted."""
    _begin(played, photograph)
    played.locator("#paint").click()
    expect(played.locator("#result")).to_be_visible()
    played.locator("#regions-open").click()
    _brush(played, (0.2, 0.2), (0.8, 0.8))
    Image.new("RGB", (200, 500), "teal").save(tmp_path / "other.png")
    played.locator("#photo-file").set_input_files(tmp_path / "other.png")
    expect(played.locator("#photo-shown")).to_have_attribute("alt", "The photograph, other.png")
    box = played.locator("#after").bounding_box()
    assert box is not None
    assert box["width"] / box["height"] == pytest.approx(0.4, rel=0.02)
    played.locator("#brush-done").click()
    expect(played.locator("#regions-shown")).to_have_text(WHOLE)


def test_settings_without_regions_take_them_away(played: Page, photograph: Path, tmp_path: Path) -> None:
    from impasto.recipe import recipe_metadata

    _begin(played, photograph)
    played.locator("#regions-open").click()
    _brush(played, (0.2, 0.2), (0.8, 0.8))
    played.locator("#brush-done").click()
    expect(played.locator("#regions-shown")).to_contain_text("stays as it is")
    hashed = hashlib.sha256(photograph.read_bytes()).hexdigest()
    recipe = {"content": hashed, "styles": ["1" * 64], "options": {"strength": 0.8}}
    Image.open(photograph).save(tmp_path / "painted.png", **recipe_metadata("PNG", recipe))
    played.locator("#recipe-file").set_input_files(tmp_path / "painted.png")
    expect(played.locator("#settings")).to_contain_text("Choose its painting again")
    expect(played.locator("#regions-shown")).to_have_text(WHOLE)


def test_a_stroke_that_is_not_ended(played: Page, photograph: Path) -> None:
    """Is taken back by Ctrl+Z, and kept where brushing ends."""
    _begin(played, photograph)
    played.locator("#regions-open").click()
    box = played.locator("#after").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    for end in ("Control+z", "Done"):
        played.mouse.move(box["x"] + 50, middle)
        played.mouse.down()
        played.mouse.move(box["x"] + 150, middle)
        if end == "Done":
            played.locator("#brush-done").dispatch_event("click")
        else:
            played.keyboard.press(end)
            expect(played.locator("#brush-undo")).to_be_disabled()
        played.mouse.move(box["x"] + 300, middle)
        played.mouse.up()
    expect(played.locator("#regions-shown")).to_contain_text("stays as it is")
    played.locator("#regions-open").click()
    played.locator("#brush-undo").click()
    played.locator("#brush-done").click()
    expect(played.locator("#regions-shown")).to_have_text(WHOLE)


def test_an_order_is_sent_once(played: Page, photograph: Path) -> None:
    """Masks take a moment on their way: whatever is changed meanwhile, there is no second picture."""
    _begin(played, photograph)
    played.locator("#regions-open").click()
    _brush(played, (0.2, 0.2), (0.8, 0.8))
    sent: list[str] = []
    played.on("request", lambda asked: sent.append(asked.url) if asked.url.endswith("/api/jobs") else None)

    def slowly(route: Any) -> None:
        played.wait_for_timeout(500)
        route.continue_()

    played.route("**/api/pictures", slowly)
    played.locator("#paint").click()
    played.locator("#strength").press("ArrowRight")
    expect(played.locator("#paint")).to_be_disabled()
    expect(played.locator("#vary")).to_be_disabled()
    expect(played.locator("#paint")).to_be_enabled()
    assert len(sent) == 1


def test_weights_are_those_of_the_paintings(played: Page, photograph: Path) -> None:
    """Which are named twice in an order with regions; a wrong number is said beside them."""
    _begin(played, photograph)
    played.locator("#styles button").nth(1).click()
    played.locator("summary").click()
    played.locator("#option-style_weights").fill("1,2,3")
    played.locator("#option-style_weights").press("Tab")
    expect(played.locator("#option-style_weights-error")).to_have_text("Expected a weight for each of 2 paintings")


def test_long_names_stay_on_a_telephone(browser: Any, photograph: Path, tmp_path: Path) -> None:
    with studio(tmp_path / "studio") as (client, _):
        page = browser.new_context(viewport={"width": 360, "height": 740}).new_page()
        page.goto(f"http://127.0.0.1:{client.port}/")
        _begin(page, photograph)
        for number in range(2):
            path = tmp_path / f"PXL_20240514_143512345_exported_from_a_darkroom_final_version_{number}.png"
            Image.new("RGB", (60, 40 + number), "teal").save(path)
            page.locator("#style-file").set_input_files(path)
            expect(page.locator("#styles button")).to_have_count(6 + number)
        page.locator("#regions-open").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.locator("#labels label").nth(1).click()
        page.locator("#brush-fill").click()
        page.locator("#brush-done").click()
        expect(page.locator("#regions-shown")).to_contain_text("is painted with PXL_2024")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.context.close()


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
