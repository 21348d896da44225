"""Options about the file change how a picture is stored and nothing else; what is transparent stays so."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from clicalls import Caller
from deepfiles import png16, ramps
from PIL import Image
from test_srgb import swapped_profile
from tinyruns import CONTENT, OTHER, STYLE, TINY, paint, picture_bytes

from impasto import Options, prepare, read_recipe, stylize, sweep, texture
from impasto.cells import place_of
from impasto.cli import files
from impasto.errors import ImageError, OptionsError
from impasto.image import open_picture
from impasto.shared import Shared

pytestmark = pytest.mark.usefixtures("quick_runs")

Pixels = npt.NDArray[np.uint8]
ABOUT_FILES: list[dict[str, Any]] = [{"depth": 16}, {"dpi": 300}, {"profile": "input"}]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    monkeypatch.chdir(tmp_path)
    return Caller(tmp_path, capsys)


def covered(picture: Pixels, alpha: npt.ArrayLike) -> Pixels:
    """A picture [H, W, 4] with that opacity."""
    height, width, _ = picture.shape
    return np.dstack([picture, np.broadcast_to(alpha, (height, width)).astype(np.uint8)])


def left_half(picture: Pixels, beyond: Pixels | int = 0) -> Pixels:
    """Its left half is opaque; its right one transparent, and in other colours."""
    width = picture.shape[1]
    half = np.where(np.arange(width)[:, None] < width // 2, picture, beyond).astype(np.uint8)
    return covered(half, np.where(np.arange(width) < width // 2, 255, 0))


def test_a_picture_of_sixteen_bits(tmp_path: Path) -> None:
    result = paint(depth=16, dpi=300)
    assert result.levels is not None
    assert np.abs(result.levels / 257 - np.asarray(result.image)).max() <= 0.51
    assert len(np.unique(result.levels % 257)) > 200  # there is something between the levels of eight bits
    for extension in ("png", "tiff"):
        path = tmp_path / f"a.{extension}"
        result.save(path)
        found = open_picture(path).at(30, 40)[0].permute(1, 2, 0).numpy() * 65535
        assert np.array_equal(found.round(), result.levels)
        assert read_recipe(path) == result.recipe
        with Image.open(path) as image:
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)


@pytest.mark.parametrize("about", ABOUT_FILES)
def test_the_painting_is_the_same(about: dict[str, Any]) -> None:
    plain, other = (prepare(CONTENT, STYLE, **TINY, **values) for values in ({}, about))
    assert other.identity == plain.identity
    assert place_of(other) == place_of(plain)
    assert picture_bytes(paint(**about)) == picture_bytes(paint())
    assert other.recipe["options"] | plain.recipe["options"] == plain.recipe["options"]
    shared = Shared()
    for values in ({}, about):
        states = list(prepare(CONTENT, STYLE, shared=shared, **TINY, **values))
    assert len(states) < 4  # scales were taken from the other run


def test_the_photographs_own_profile(tmp_path: Path) -> None:
    photo, path = tmp_path / "photo.png", tmp_path / "a.png"
    Image.fromarray(CONTENT).save(photo, icc_profile=swapped_profile())
    for depth, tolerance in ((8, 1 / 255), (16, 0.002)):
        stylize(photo, STYLE, profile="input", depth=depth, **TINY).save(path)
        plain = stylize(photo, STYLE, **TINY)
        with Image.open(path) as image:
            assert image.info["icc_profile"] == swapped_profile()
        difference = open_picture(path).at(30, 40) - open_picture(plain.image).at(30, 40)
        assert difference.abs().max() <= tolerance + 0.5 / 255


def test_a_photograph_without_a_profile_is_noted() -> None:
    run = prepare(CONTENT, STYLE, profile="input", **TINY)
    assert run.notes == ["the photograph has no RGB profile to give back: the file is in sRGB"]
    assert run.encoding.profile is None


def test_a_texture_has_no_photographs_profile() -> None:
    with pytest.raises(OptionsError, match="profile: a texture has no content"):
        texture(STYLE, (20, 20), profile="input")
    assert texture(STYLE, (24, 20), depth=16, iterations=1).levels is not None


def test_transparency_of_the_photograph(tmp_path: Path) -> None:
    alpha = np.asarray(Image.fromarray(np.indices((60, 80)).sum(0).astype(np.uint8) + 60))
    result = stylize(covered(CONTENT, alpha), STYLE, **TINY)
    assert result.image.mode == "RGBA"
    expected = Image.fromarray(alpha).resize((40, 30), Image.Resampling.LANCZOS)
    found = result.image.getchannel("A")
    assert np.abs(np.asarray(found).astype(int) - np.asarray(expected)).max() <= 1
    for extension, mode in (("png", "RGBA"), ("webp", "RGBA"), ("tiff", "RGBA"), ("jpg", "RGB")):
        result.save(tmp_path / f"a.{extension}")
        with Image.open(tmp_path / f"a.{extension}") as image:
            assert image.mode == mode
            if mode == "RGBA":
                assert image.getchannel("A").tobytes() == found.tobytes()


def test_what_is_painted_is_the_photograph_on_white() -> None:
    alpha = np.where(np.arange(80) < 40, 255, 100)
    see_through = stylize(covered(CONTENT, alpha), STYLE, **TINY)
    on_white = Image.new("RGBA", (80, 60), "white")
    on_white.alpha_composite(Image.fromarray(covered(CONTENT, alpha)))
    opaque = stylize(on_white.convert("RGB"), STYLE, **TINY)
    colours = np.asarray(see_through.image)[..., :3].astype(int)
    assert np.abs(colours - np.asarray(opaque.image)).max() <= 8  # roundings of the compositing, amplified
    assert see_through.image.size == opaque.image.size


def test_an_opaque_alpha_is_none() -> None:
    result = stylize(covered(CONTENT, 255), STYLE, **TINY)
    assert result.image.mode == "RGB"
    assert result.image.tobytes() == paint().image.tobytes()


@pytest.mark.parametrize("values", [{}, {"color": "match"}, {"color": "content"}, {"style_scale": 0.5}])
def test_what_is_transparent_of_a_style_does_not_count(values: dict[str, Any]) -> None:
    """The weight is given: the strength dial looks at the whole of a style."""
    values = TINY | {"content_weight": 0.1} | values
    beyond = OTHER.repeat(2, 0)[:50, :50]
    whole = stylize(CONTENT, np.where(np.arange(50)[:, None] < 25, STYLE, beyond).astype(np.uint8), **values)
    red, cyan = (
        stylize(CONTENT, left_half(STYLE, np.array(colour, np.uint8)), **values)
        for colour in ((255, 0, 0), (0, 255, 255))
    )
    assert picture_bytes(red) == picture_bytes(cyan)
    assert picture_bytes(red) != picture_bytes(whole)


def test_a_style_mask_and_the_styles_alpha_go_together() -> None:
    mask = np.zeros((50, 50), np.uint8)
    mask[:25] = 255
    values = TINY | {"content_weight": 0.1}
    one = stylize(CONTENT, left_half(STYLE), style_mask=[mask], **values)
    quarter = np.where(np.arange(50) < 25, mask, 0).astype(np.uint8)
    white = np.asarray(Image.composite(Image.fromarray(STYLE), Image.new("RGB", (50, 50), "white"), _left(50)))
    other = stylize(CONTENT, white, style_mask=[quarter], **values)
    difference = np.asarray(one.image).astype(int) - np.asarray(other.image)
    assert np.abs(difference).mean() < 1
    mask[:] = 0
    mask[:, 30:] = 255
    with pytest.raises(OptionsError, match="style 1 is transparent wherever its mask has it count"):
        prepare(CONTENT, left_half(STYLE), style_mask=[mask], **values)


def _left(side: int) -> Image.Image:
    return Image.fromarray(np.where(np.arange(side) < side // 2, 255, 0).astype(np.uint8)[None].repeat(side, 0))


@pytest.mark.parametrize("about", [{"depth": [8, 16]}, {"dpi": [72, 300]}])
def test_sheets_have_no_such_options(about: dict[str, Any]) -> None:
    (name, values), *_ = about.items()
    with pytest.raises(OptionsError, match=f"{name}: it is about the file of a single picture"):
        sweep(CONTENT, STYLE, about)
    with pytest.raises(OptionsError, match=f"{name}: it is about the file of a single picture"):
        sweep(CONTENT, STYLE, {"strength": [0.3]}, **{name: values[0]})


def test_cells_of_a_sheet_are_opaque() -> None:
    (cell,) = sweep(covered(CONTENT, 100), STYLE, {"strength": [0.5]}, **TINY)
    assert cell.image.mode == "RGB"


def test_the_command_line(call: Caller) -> None:
    Path("content.png").write_bytes(png16(ramps(60, 80, 4)))
    code, out, err = call.stylize("-o", "out.tif", "--depth", "16", "--dpi", "240", "--save-every", "3", "--preview")
    assert (code, err) == (0, "")
    assert out.startswith("out.tif: 40 x 30 pixels in ")
    picture = open_picture("out.tif")
    assert picture.opacity(30, 40) is not None
    options: Any = read_recipe("out.tif")["options"]
    assert (options["depth"], options["dpi"], options["profile"]) == (16, 240, "srgb")
    assert "--depth 16 --dpi 240" in call("show", "--command", "out.tif").out
    assert call("stylize", "--from", "out.tif", "--size", "60", "-o", "larger.png").code == 0
    with Image.open("larger.png") as image:
        assert image.info["dpi"] == pytest.approx((240, 240), abs=0.01)


def test_what_a_file_cannot_hold_is_told_before_the_work(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    before = call.names
    code, out, err = call.stylize("-o", "out.jpg", "--depth", "16")
    assert (code, out) == (1, "")
    assert err == "impasto: output 'out.jpg' cannot hold 16 bits a sample: JPEG ends at 8, PNG and TIFF do not\n"
    Image.fromarray(CONTENT).save("content.png", icc_profile=swapped_profile())
    monkeypatch.setattr(files.Encoding, "check", _needing_vips)
    code, out, err = call.stylize("-o", "out.png", "--depth", "16", "--profile", "input")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert call.names == before


def _needing_vips(encoding: files.Encoding, *_: Any) -> None:
    assert encoding == files.Encoding(16, None, swapped_profile(), alpha=True)
    raise ImageError("needs pyvips")


@pytest.mark.parametrize(("flag", "value"), [("--depth", "12"), ("--dpi", "0"), ("--profile", "cmyk")])
def test_values_that_are_none(call: Caller, flag: str, value: str) -> None:
    code, out, err = call.stylize("-o", "out.png", flag, value)
    assert (code, out) == (2, "")
    assert err.startswith(f"impasto: {flag}: ")


def test_help_has_a_heading_of_its_own(call: Caller) -> None:
    text = call("stylize", "--help").out
    heading = text.index("\nFile:")
    assert heading < text.index("--depth 8|16") < text.index("--profile srgb|input")
    assert set(Options.model_fields) >= {"depth", "dpi", "profile"}
