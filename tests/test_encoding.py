"""What is asked of a file is in it, to the bit; what a format cannot is said in one sentence."""

import io
import struct
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from deepfiles import Samples, ramps
from PIL import Image, ImageCms
from test_output import names, small_files
from test_srgb import cmyk_profile, swapped_profile

from impasto import encoding
from impasto.encoding import Encoding
from impasto.errors import ImageError
from impasto.image import open_picture
from impasto.output import check_output, save_image
from impasto.recipe import read_recipe
from impasto.srgb import srgb_profile

RECIPE = {"seed": 7, "note": "café"}
DEEP = ["png", "tif"]
ALL = ["png", "jpg", "webp", "tif"]


def written(path: Path) -> tuple[Samples, Samples | None]:
    """Colours [H, W, 3] and opacity [H, W] of a file, in 16 bits."""
    picture = open_picture(path)
    opacity = picture.opacity(*picture.size)
    colours = (picture.at(*picture.size)[0].permute(1, 2, 0) * 65535).round().numpy()
    return colours, None if opacity is None else (opacity[0, 0] * 65535).round().numpy()


def chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    data, place = path.read_bytes(), 8
    while place < len(data):
        length, name = struct.unpack(">I4s", data[place : place + 8])
        yield name, data[place + 8 : place + 8 + length]
        place += 12 + length


def two_halves(mode: str = "RGBA") -> Image.Image:
    """Red, the right half transparent."""
    image = Image.new(mode, (20, 10), (200, 40, 30, 0))
    image.paste((200, 40, 30, 255), (0, 0, 10, 10))
    return image


@pytest.mark.parametrize("extension", DEEP)
@pytest.mark.parametrize("shape", [(1, 1), (3, 130), (150, 7), (64, 64)])
def test_sixteen_bits_come_back(tmp_path: Path, extension: str, shape: tuple[int, int]) -> None:
    path = tmp_path / f"a.{extension}"
    samples = np.random.default_rng(0).integers(0, 65536, (*shape, 3), dtype=np.uint16)
    save_image(samples, path, recipe=RECIPE, encoding=Encoding(16))
    colours, opacity = written(path)
    assert np.array_equal(colours, samples)
    assert opacity is None
    assert read_recipe(path) == RECIPE
    with Image.open(path) as image:
        assert image.size == shape[::-1]
        assert np.abs(np.asarray(image.convert("RGB")) - samples / 257).max() <= 1  # also for those that keep eight
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        assert "dpi" not in image.info or extension == "tif"


@pytest.mark.parametrize("extension", DEEP)
def test_alpha_of_sixteen_bits(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a.{extension}"
    samples = ramps(30, 40, 4)
    save_image(samples, path, encoding=Encoding(16, alpha=True))
    _, opacity = written(path)
    assert opacity is not None
    assert np.array_equal(opacity, samples[..., 3])


@pytest.mark.parametrize("extension", DEEP)
def test_the_same_bytes_each_time(tmp_path: Path, extension: str) -> None:
    files = [tmp_path / f"{number}.{extension}" for number in range(2)]
    for path in files:
        save_image(ramps(70, 90), path, recipe=RECIPE, encoding=Encoding(16, 300))
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_png_is_small_and_has_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    samples = ramps(200, 200)
    save_image(samples, path, recipe=RECIPE, encoding=Encoding(16, 300))
    assert [name for name, _ in chunks(path)] == [b"IHDR", b"iCCP", b"pHYs", b"iTXt", b"IDAT", b"IDAT", b"IEND"]
    assert path.stat().st_size < samples.nbytes / 2


def test_a_tiff_has_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    save_image(ramps(20, 20), path, encoding=Encoding(16))
    with tifffile.TiffFile(path) as file:
        known = {254, 256, 257, 258, 259, 262, 273, 277, 278, 279, 282, 283, 284, 296, 317, 34675}
        assert {tag.code for tag in file.pages.first.tags} <= known
        assert file.pages.first.tags[296].value == 1  # a resolution without a unit: none


@pytest.mark.parametrize("depth", [8, 16])
def test_a_large_tiff_is_a_bigtiff_in_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: int) -> None:
    path = tmp_path / "a.tif"
    samples = ramps(600, 700)
    monkeypatch.setattr(encoding, "LARGE", 1000)
    picture = samples if depth == 16 else Image.fromarray((samples // 257).astype(np.uint8))
    save_image(picture, path, recipe=RECIPE, encoding=Encoding(depth, 300))
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        assert file.is_bigtiff
        assert page.tags["TileWidth"].value == 512
        assert np.array_equal(page.asarray(), np.asarray(picture))
        assert page.iccprofile == srgb_profile()
    assert read_recipe(path) == RECIPE
    assert written(path)[0].shape == samples.shape


@pytest.mark.parametrize("extension", ALL)
@pytest.mark.parametrize("recipe", [None, RECIPE])
def test_resolution(tmp_path: Path, extension: str, recipe: dict[str, Any] | None) -> None:
    path = tmp_path / f"a.{extension}"
    save_image(two_halves("RGB"), path, recipe=recipe, encoding=Encoding(dpi=300))
    with Image.open(path) as image:
        if extension == "webp":
            tags = image.getexif()
            assert (tags[0x011A], tags[0x011B], tags[0x0128]) == (300, 300, 2)
        else:
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)
    assert recipe is None or read_recipe(path) == recipe


@pytest.mark.parametrize("extension", DEEP)
@pytest.mark.parametrize("dpi", [1, 10_000])
def test_resolution_of_sixteen_bits(tmp_path: Path, extension: str, dpi: int) -> None:
    path = tmp_path / f"a.{extension}"
    save_image(ramps(4, 4), path, encoding=Encoding(16, dpi))
    with Image.open(path) as image:
        assert image.info["dpi"] == pytest.approx((dpi, dpi), abs=0.02)


@pytest.mark.parametrize("extension", ALL)
def test_transparency_is_kept_where_the_format_has_any(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a.{extension}"
    save_image(two_halves(), path, encoding=Encoding(alpha=True))
    with Image.open(path) as image:
        assert image.mode == ("RGB" if extension == "jpg" else "RGBA")
        image.load()
        laid = Image.new("RGBA", image.size, "white")
        laid.alpha_composite(image.convert("RGBA"))
    assert laid.getpixel((2, 2))[:3] == pytest.approx((200, 40, 30), abs=4)
    assert laid.getpixel((17, 7))[:3] == pytest.approx((255, 255, 255), abs=4)
    assert (written(path)[1] is None) == (extension == "jpg")


@pytest.mark.parametrize("extension", ALL)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_another_profile(tmp_path: Path, extension: str, mode: str) -> None:
    path, icc = tmp_path / f"a.{extension}", swapped_profile()
    save_image(two_halves(mode), path, encoding=Encoding(profile=icc, alpha=True))
    with Image.open(path) as image:
        assert image.info["icc_profile"] == icc
        red, green, blue, *_ = image.getpixel((2, 2))
        assert (blue, green, red) == pytest.approx((200, 40, 30), abs=4)
    assert written(path)[0][2, 2] / 257 == pytest.approx((200, 40, 30), abs=4)


@pytest.mark.parametrize("extension", DEEP)
def test_another_profile_of_sixteen_bits(tmp_path: Path, extension: str) -> None:
    path, samples = tmp_path / f"a.{extension}", ramps(20, 30)
    save_image(samples, path, encoding=Encoding(16, profile=swapped_profile()))
    assert open_picture(path).profile == swapped_profile()
    assert np.abs(written(path)[0].astype(int) - samples).max() < 100


def test_profiles_that_cannot_be_written() -> None:
    image = Image.new("CMYK", (4, 4))
    for icc in (cmyk_profile(), b"garbage", None):
        image.info["icc_profile"] = icc
        assert open_picture(image).profile is None


@pytest.mark.parametrize("extension", ["jpg", "webp"])
def test_formats_of_eight_bits(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a.{extension}"
    for attempt in (
        lambda: check_output(path, [], encoding=Encoding(16)),
        lambda: save_image(ramps(2, 2), path, encoding=Encoding(16)),
    ):
        with pytest.raises(ImageError, match=r"^output .* cannot hold 16 bits a sample: \w+ ends at 8, PNG and TIFF"):
            attempt()
    assert names(tmp_path) == []


def test_missing_extras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "find_spec", lambda name: None if name == "tifffile" else util.find_spec(name))
    monkeypatch.setattr(encoding, "load_vips", lambda: None)
    check_output(tmp_path / "a.tif", [], size=(9000, 9000), encoding=Encoding(8, 300))
    check_output(tmp_path / "a.png", [], encoding=Encoding(16))
    for name, size, wanted, reason in (
        ("a.tif", (1, 1), Encoding(16), "needs tifffile for 16 bits a sample"),
        ("a.tif", (40_000, 30_000), Encoding(8), "needs tifffile for a TIFF of 30000 x 40000 pixels"),
        ("a.png", (1, 1), Encoding(16, profile=b"x"), "needs pyvips for 16 bits a sample in the photograph's own"),
    ):
        with pytest.raises(ImageError, match=rf"{reason}.*: pip install 'impasto\[huge\]'$"):
            check_output(tmp_path / name, [], size=size, encoding=wanted)


@pytest.mark.parametrize("extension", DEEP)
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a.{extension}"
    path.write_bytes(b"old")
    samples = np.random.default_rng(0).integers(0, 65536, (40, 40, 3), dtype=np.uint16)
    refused = pytest.raises(ImageError, match=r"needs up to 9,600 bytes: File too large; nothing was changed")
    with refused, small_files():
        save_image(samples, path, encoding=Encoding(16))
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == [path.name]
