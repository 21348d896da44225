"""Sheets keep their recipe in every format, PDF among them, and reading it is safe on any file."""

import io
import json
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PdfParser
from tinyruns import make_array

from impasto.errors import ImageError
from impasto.recipe import MAX_RECIPE
from impasto.sheetfile import SHEETS, check_sheet, read_sheet_recipe, save_sheet

RECIPE: dict[str, Any] = {
    "seed": 7,
    "note": 'café "\n\\ (a) ) ( \\) /Keywords (x) >>endobj xref %%EOF',
    "sheet": {"axes": [{"name": "style_weight", "values": [1e-4, 100.0, None, True]}]},
    "empty": {},
}
every_kind = pytest.mark.parametrize("extension", [*SHEETS, ".PDF"])


@pytest.fixture(scope="module")
def image() -> Image.Image:
    return Image.fromarray(make_array(60, 90, 5))


@pytest.fixture
def pdf(tmp_path: Path, image: Image.Image) -> Path:
    path = tmp_path / "sheet.pdf"
    save_sheet(image, path, recipe=RECIPE)
    return path


@every_kind
@pytest.mark.parametrize("recipe", [RECIPE, {}])
def test_round_trip(tmp_path: Path, image: Image.Image, extension: str, recipe: dict[str, Any]) -> None:
    path = tmp_path / f"sheet{extension}"
    save_sheet(image, path, recipe=recipe)
    assert read_sheet_recipe(path) == recipe
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    path.rename(tmp_path / "renamed")
    assert read_sheet_recipe(tmp_path / "renamed") == recipe


@every_kind
@pytest.mark.parametrize("filling", ["x", "\\", "é", "("])
def test_the_longest_recipe(tmp_path: Path, image: Image.Image, extension: str, filling: str) -> None:
    path = tmp_path / f"sheet{extension}"
    count = (MAX_RECIPE - len('{"k": ""}')) // (len(json.dumps(filling)) - 2)
    longest = {"k": filling * count}
    save_sheet(image, path, recipe=longest)
    assert read_sheet_recipe(path) == longest
    before = path.read_bytes()
    with pytest.raises(
        ImageError, match=r"output '.*' cannot hold a recipe of 60,\d{3} characters: expected at most"
    ):
        save_sheet(image, path, recipe={"k": filling * (count + 1)})
    assert path.read_bytes() == before


@every_kind
def test_a_sheet_without_a_recipe(tmp_path: Path, image: Image.Image, extension: str) -> None:
    path = tmp_path / f"sheet{extension}"
    save_sheet(image, path)
    with pytest.raises(ImageError, match="holds no Impasto recipe"):
        read_sheet_recipe(path)


@every_kind
def test_the_same_bytes_each_time(
    tmp_path: Path, image: Image.Image, monkeypatch: pytest.MonkeyPatch, extension: str
) -> None:
    one, two = tmp_path / f"1{extension}", tmp_path / f"2{extension}"
    save_sheet(image, one, recipe=RECIPE)
    monkeypatch.setattr(time, "gmtime", lambda *_: time.struct_time((2001, 2, 3, 4, 5, 6, 5, 34, 0)))
    save_sheet(image, two, recipe=RECIPE)
    assert one.read_bytes() == two.read_bytes()


def test_another_reader_understands_the_pdf(pdf: Path, image: Image.Image) -> None:
    with PdfParser.PdfParser(str(pdf)) as parsed:
        assert len(parsed.pages) == 1
        assert json.loads(parsed.info.Keywords)["impasto"] == RECIPE
        assert set(parsed.info) == {b"Title", b"Keywords"}  # no date, no file name
        assert parsed.info.Title == "Contact sheet"
        page = parsed.read_indirect(parsed.pages[0])
    width, height = page[b"MediaBox"][2:]  # in points of 1/72 inch
    assert (width, height) == pytest.approx((90 / 150 * 72, 60 / 150 * 72))


def test_the_picture_in_the_pdf(pdf: Path, image: Image.Image) -> None:
    data = pdf.read_bytes()
    jpeg = data[data.index(b"\xff\xd8\xff") : data.index(b"\nendstream")]
    with Image.open(io.BytesIO(jpeg)) as embedded:
        assert embedded.size == image.size
        error = np.asarray(embedded).astype(float) - np.asarray(image)
    assert np.sqrt((error**2).mean()) < 2.5  # grey levels


@pytest.mark.parametrize(("side", "dots"), [(30_000, 150), (30_001, 151), (60_000, 300)])
def test_long_pages_are_printed_finer(tmp_path: Path, side: int, dots: int) -> None:
    path = tmp_path / "long.pdf"
    check_sheet(path, [], size=(1, side))
    save_sheet(Image.new("RGB", (side, 1)), path, recipe={})
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", path.read_bytes())
    assert box is not None
    assert float(box[1]) == pytest.approx(side / dots * 72)
    assert float(box[1]) <= 14_400  # where PDF ends


def test_a_page_that_no_pdf_holds(tmp_path: Path) -> None:
    path = tmp_path / "long.pdf"
    for attempt in (
        lambda: check_sheet(path, [], size=(60_001, 1)),
        lambda: save_sheet(Image.new("RGB", (1, 60_001)), path),
    ):
        with pytest.raises(ImageError, match="cannot hold a side of 60,001 pixels: PDF ends at 60,000"):
            attempt()
    assert list(tmp_path.iterdir()) == []


def test_a_transparent_sheet_lies_on_white(tmp_path: Path) -> None:
    path = tmp_path / "clear.pdf"
    save_sheet(Image.new("RGBA", (16, 16)), path)
    data = path.read_bytes()
    with Image.open(io.BytesIO(data[data.index(b"\xff\xd8\xff") :])) as embedded:
        assert embedded.getpixel((8, 8)) == (255, 255, 255)


@pytest.mark.parametrize("recipe", [{"k": float("nan")}, {"k": b"bytes"}])
def test_a_recipe_that_is_not_json(tmp_path: Path, image: Image.Image, recipe: dict[str, Any]) -> None:
    with pytest.raises(ImageError, match=r"cannot be written: .*JSON"):
        save_sheet(image, tmp_path / "sheet.pdf", recipe=recipe)
    assert list(tmp_path.iterdir()) == []


def test_every_cut_is_noticed(pdf: Path) -> None:
    data = pdf.read_bytes()
    for length in (*range(0, 1000, 7), *range(len(data) - 1500, len(data), 3), *range(len(data) - 40, len(data))):
        pdf.write_bytes(data[:length])
        with pytest.raises(ImageError) as caught:
            read_sheet_recipe(pdf)
        assert str(caught.value).isprintable()


def test_bytes_too_many_are_noticed(pdf: Path) -> None:
    data = pdf.read_bytes()
    for damaged in (data[:100] + b"x" + data[100:], b"%PDF-" + data, data + b"x", data + data[9:]):
        pdf.write_bytes(damaged)
        with pytest.raises(ImageError, match=r"sheet '.*' holds no Impasto recipe: expected a PDF as .* wrote it"):
            read_sheet_recipe(pdf)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(1, 1500), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_ends_give_a_recipe_or_one_sentence(pdf: Path, changes: list[tuple[int, int]]) -> None:
    whole = pdf.read_bytes()
    data = bytearray(whole)
    for place, value in changes:
        data[-place] = value
    pdf.write_bytes(data)
    with suppress(ImageError):  # any other error fails
        assert isinstance(read_sheet_recipe(pdf), dict)
    pdf.write_bytes(whole)


def forged(text: bytes) -> bytes:
    """A PDF that ends as ours do, with these keywords."""
    head = b"%PDF-1.4\n1 0 obj<<\n/Keywords (" + text + b")\n>>endobj\n"
    return head + b"xref\n0 0\ntrailer\n<<\n>>\nstartxref\n%d\n%%%%EOF" % len(head)


def as_text(content: str) -> bytes:
    return b"\xfe\xff" + re.sub(rb"([()\\])", rb"\\\1", content.encode("utf-16-be"))


def test_the_forger_can_forge(tmp_path: Path) -> None:
    """So that the refusals below are of what they name."""
    path = tmp_path / "a.pdf"
    path.write_bytes(forged(as_text('{"impasto": {"a": "(\\\\)"}}')))
    assert read_sheet_recipe(path) == {"a": "(\\)"}


@pytest.mark.parametrize(
    "text",
    [
        as_text(""),
        as_text("holiday, sun"),
        as_text("[" * 100_000),
        as_text('{"impasto": ' + "[" * 50_000 + "]" * 50_000 + "}"),
        as_text('{"impasto": 3}'),
        as_text('{"other": {}}'),
        as_text("[1]"),
        as_text('{"impasto": ' + "9" * 5_000 + "}"),
        as_text('{"impasto": {}'),
        b"\xfe\xff\x00{\xd8\x00",
        b"\xfe\xff\x00",
        b'{"impasto": {}}',
        b"\xff\xfe" + '{"impasto": {}}'.encode("utf-16-le"),
    ],
    ids=range(13),
)
def test_keywords_of_others(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(forged(text))
    with pytest.raises(ImageError, match="holds no Impasto recipe"):
        read_sheet_recipe(path)


@pytest.mark.parametrize(
    "part",
    [
        b"/Keywords (\xfe\xff",
        b"\\\\",
        b"\\(",
        b"/Keywords (\xfe\xff)\n>>endobj\nxref\n",
        b"xref\n",
        b"\nstartxref\n9\n",
    ],
)
def test_hostile_files_are_quick(tmp_path: Path, part: bytes) -> None:
    """And so are large ones: no more than their end is read."""
    path = tmp_path / "a.pdf"
    with path.open("wb") as file:
        file.write(b"%PDF-1.4\n")
        file.seek(10**10)  # a hole on the disk
        file.write(b"/Keywords (\xfe\xff" + part * (2**19 // len(part)) + b"%%EOF")
    started = time.process_time()
    with pytest.raises(ImageError, match="holds no Impasto recipe"):
        read_sheet_recipe(path)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, "No such file"),
        (Path.mkdir, "cannot be read|is not a regular file"),
        (os.mkfifo, "is not a regular file"),
        (lambda path: path.touch(), "is empty"),
        (lambda path: path.write_bytes(b"GIF87a"), "image '"),
        (lambda path: path.write_bytes(b"%PDF"), "is not a picture"),
        (lambda path: path.write_bytes(b"%PDF-"), "holds no Impasto recipe"),
    ],
)
def test_what_is_no_sheet(tmp_path: Path, make: Any, sentence: str) -> None:
    path = tmp_path / "a.pdf"
    make(path)
    with pytest.raises(ImageError, match=sentence):
        read_sheet_recipe(path)


@pytest.mark.parametrize("path", ["nul\0.pdf", "x" * 5000 + ".pdf"])
def test_names_that_cannot_be(path: str) -> None:
    for attempt in (
        lambda: read_sheet_recipe(path),
        lambda: check_sheet(path, []),
        lambda: save_sheet(Image.new("RGB", (1, 1)), path),
    ):
        with pytest.raises(ImageError):
            attempt()


def test_the_check_finds_for_pdf_what_it_finds_for_pictures(tmp_path: Path, image: Image.Image) -> None:
    path = tmp_path / "sheet.pdf"
    check_sheet(path, [image], clobber=False)
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"old")
    check_sheet(path, [])
    for values, sentence in (
        ({"inputs": [], "clobber": False}, "exists already, and overwriting was not allowed"),
        ({"inputs": [path]}, "is the same file as the input"),
    ):
        with pytest.raises(ImageError, match=sentence):
            check_sheet(path, **values)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="there is no folder"):
        check_sheet(tmp_path / "missing" / "sheet.pdf", [])
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["sheet.gif", "sheet"])
def test_other_extensions(tmp_path: Path, image: Image.Image, name: str) -> None:
    sentence = "has no extension we can write: expected .png, .jpg, .jpeg, .webp, .tif, .tiff, .pdf"
    for attempt in (lambda: check_sheet(tmp_path / name, []), lambda: save_sheet(image, tmp_path / name)):
        with pytest.raises(ImageError, match=sentence):
            attempt()


def test_an_old_pdf_stays_if_the_new_one_fails(
    pdf: Path, monkeypatch: pytest.MonkeyPatch, image: Image.Image
) -> None:
    before = pdf.read_bytes()

    def failing(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(ImageError, match=r"needs [\d,]+ bytes: No space left on device; nothing was changed"):
        save_sheet(image, pdf, recipe={})
    assert pdf.read_bytes() == before
    assert [file.name for file in pdf.parent.iterdir()] == [pdf.name]
