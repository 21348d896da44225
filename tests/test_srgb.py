"""Every kind of Pillow image becomes opaque 8-bit sRGB with the colours it stands for."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from impasto.errors import ImageError
from impasto.srgb import opaque_srgb, srgb_profile


def colour_of(image: Image.Image) -> tuple[int, ...]:
    rgb, _ = opaque_srgb(image)
    assert rgb.mode == "RGB"
    assert rgb.size == image.size
    return tuple(rgb.getpixel((0, 0)))


def swapped_profile() -> bytes:
    """sRGB with the names of its red and blue primaries exchanged."""
    profile = srgb_profile()
    return profile.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")


def cmyk_profile() -> bytes:
    """A made-up press: all four inks together make black, any fewer leave the paper white."""
    corners = [(0 if corner == 15 else 255, 128, 128) for corner in range(16)]  # Lab in bytes, C slowest
    ramp = bytes(range(256))
    lut = struct.pack(">4s4xBBBx9i", b"mft1", 4, 3, 2, *(65536 * (i % 4 == 0) for i in range(9)))
    lut += 4 * ramp + bytes(sample for corner in corners for sample in corner) + 3 * ramp
    header = bytearray(srgb_profile()[:128])
    header[12:24] = b"prtrCMYKLab "
    header[:4] = struct.pack(">I", 128 + 16 + len(lut))
    return bytes(header) + struct.pack(">I4sII", 1, b"A2B0", 144, len(lut)) + lut


@pytest.mark.parametrize(
    ("mode", "pixel", "expected"),
    [
        ("1", 255, (255, 255, 255)),
        ("L", 77, (77, 77, 77)),
        ("RGB", (10, 20, 30), (10, 20, 30)),
        ("RGBX", (10, 20, 30, 99), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 128), (127, 127, 127)),
        ("RGBa", (128, 0, 0, 128), (255, 127, 127)),  # premultiplied: pure red at half
        ("LA", (0, 128), (127, 127, 127)),
        ("La", (0, 128), (127, 127, 127)),
        ("CMYK", (0, 0, 0, 0), (255, 255, 255)),
        ("CMYK", (0, 0, 0, 255), (0, 0, 0)),
        ("CMYK", (0, 255, 255, 0), (255, 0, 0)),
        ("HSV", (0, 0, 200), (200, 200, 200)),
        ("I;16", 65535, (255, 255, 255)),
        ("I;16", 257 * 40, (40, 40, 40)),
        ("I;16B", 257 * 40, (40, 40, 40)),
        ("I;16L", 257 * 40, (40, 40, 40)),
        ("I", 257 * 40, (40, 40, 40)),
        ("F", 0.2, (51, 51, 51)),
    ],
)
def test_mode(mode: str, pixel: float | tuple[int, ...], expected: tuple[int, ...]) -> None:
    colour = colour_of(Image.new(mode, (3, 2), pixel))
    assert colour == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("mode", ["YCbCr", "LAB"])
def test_luminance_and_chroma_modes(mode: str) -> None:
    red = Image.new("RGB", (2, 2), (200, 30, 40))
    if mode == "LAB":
        to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
        coded = to_lab.apply(red)
    else:
        coded = red.convert(mode)
    assert colour_of(coded) == pytest.approx((200, 30, 40), abs=3)


def test_palette_with_one_transparent_colour() -> None:
    image = Image.new("P", (2, 1), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 0), 0)
    image.info["transparency"] = 0
    rgb, _ = opaque_srgb(image)
    assert [rgb.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (0, 0, 255)]


def test_palette_with_its_own_alpha() -> None:
    image = Image.new("PA", (1, 1))
    image.putpalette([255, 0, 0])
    image.putalpha(0)
    assert colour_of(image) == (255, 255, 255)


def test_transparent_level_of_16_bit_grey() -> None:
    image = Image.fromarray(np.array([[1000, 1001]], np.uint16))
    image.info["transparency"] = 1000
    rgb, _ = opaque_srgb(image)
    assert [rgb.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (4, 4, 4)]


@pytest.mark.parametrize("sample", [-0.01, 1.01, 255.0, float("nan"), float("inf"), float("-inf")])
def test_floats_that_are_no_colours_are_refused(sample: float) -> None:
    image = Image.fromarray(np.array([[0.5, sample]], np.float32))
    with pytest.raises(ImageError, match=r"float samples .* expected 0 to 1"):
        opaque_srgb(image)


@pytest.mark.parametrize("sample", [-1, 65536])
def test_integers_beyond_16_bits_are_refused(sample: int) -> None:
    with pytest.raises(ImageError, match=r"integer samples .* expected 0 to 65535"):
        opaque_srgb(Image.new("I", (1, 1), sample))


def test_profile_is_honoured() -> None:
    image = Image.new("RGB", (1, 1), (255, 0, 0))
    image.info["icc_profile"] = swapped_profile()
    rgb, notes = opaque_srgb(image)
    assert rgb.getpixel((0, 0)) == pytest.approx((0, 0, 255), abs=1)
    assert notes == ()


def test_profile_is_honoured_below_alpha() -> None:
    image = Image.new("RGBA", (1, 1), (255, 0, 0, 128))
    image.info["icc_profile"] = swapped_profile()
    assert colour_of(image) == pytest.approx((127, 127, 255), abs=1)


@pytest.mark.parametrize(("ink", "grey"), [((0, 0, 0, 0), 255), ((0, 0, 0, 255), 255), ((255,) * 4, 0)])
def test_profile_of_a_press_is_honoured(ink: tuple[int, ...], grey: int) -> None:
    image = Image.new("CMYK", (1, 1), ink)
    image.info["icc_profile"] = cmyk_profile()
    rgb, notes = opaque_srgb(image)
    assert rgb.getpixel((0, 0)) == pytest.approx((grey,) * 3, abs=1)
    assert notes == ()


def test_own_profile_changes_nothing() -> None:
    samples = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    image = Image.fromarray(samples)
    image.info["icc_profile"] = srgb_profile()
    assert np.array_equal(np.asarray(opaque_srgb(image)[0]), samples)


def test_grey_image_may_carry_an_rgb_profile() -> None:
    image = Image.new("L", (1, 1), 90)
    image.info["icc_profile"] = srgb_profile()
    rgb, notes = opaque_srgb(image)
    assert rgb.getpixel((0, 0)) == (90, 90, 90)
    assert notes == ()


@pytest.mark.parametrize(
    "profile",
    [
        b"garbage",
        srgb_profile()[:200],
        srgb_profile()[:16] + b"CMYK" + srgb_profile()[20:],
        srgb_profile()[:16] + b"2CLR" + srgb_profile()[20:],
        "text",
    ],
    ids=["garbage", "truncated", "of another mode", "of a mode unknown here", "not bytes"],
)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "CMYK", "I;16"])
def test_broken_profile_is_ignored_with_a_note(mode: str, profile: object) -> None:
    image, bare = Image.new(mode, (2, 2)), Image.new(mode, (2, 2))
    image.info["icc_profile"] = profile
    rgb, notes = opaque_srgb(image)
    assert notes == ("broken colour profile ignored",)
    assert rgb.tobytes() == opaque_srgb(bare)[0].tobytes()


def test_srgb_profile_is_one_and_does_not_tell_the_day() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    assert "sRGB" in ImageCms.getProfileDescription(profile)
    made = profile.profile.creation_date
    assert made is not None
    assert made.year == 2000
