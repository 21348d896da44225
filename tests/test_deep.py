"""16-bit files keep their sixteen bits, and are else what files of eight bits are."""

import io
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from corpus import chunk
from deepfiles import Samples, png16, ramps, tiff
from PIL import Image
from test_image import UPRIGHT
from test_srgb import cmyk_profile, swapped_profile

from impasto import image
from impasto.deep import load_vips, read_deep, to_profile
from impasto.errors import ImageError
from impasto.image import Picture, open_picture
from impasto.srgb import srgb_profile

KINDS: dict[str, Callable[..., bytes]] = {"png": png16, "tiff": tiff}
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Picture]:
    def open_it(data: bytes, **settings: Any) -> Picture:
        path = tmp_path / "picture"
        path.write_bytes(data)
        return open_picture(path, **settings)

    return open_it


def levels(picture: Picture) -> Samples:
    """The whole picture as 16-bit numbers [H, W, 3]."""
    return (picture.at(*picture.size)[0].permute(1, 2, 0) * 65535).round().numpy().astype(np.uint16)


def with_profile(kind: str, samples: Samples, icc: bytes) -> bytes:
    if kind == "tiff":
        return tiff(samples, iccprofile=icc)
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG", icc_profile=icc)
    data = buffer.getvalue()
    start = data.index(b"iCCP") - 4
    return png16(samples, before=data[start : data.index(b"IDAT") - 4])


@pytest.mark.parametrize(
    ("kind", "channels"), [("png", 1), ("png", 2), ("png", 3), ("png", 4), ("tiff", 1), ("tiff", 3), ("tiff", 4)]
)
def test_every_bit_is_kept(opened: Callable[..., Picture], kind: str, channels: int) -> None:
    samples = ramps(40, 56, channels)
    picture = opened(KINDS[kind](samples))
    colours, found = np.broadcast_to(samples[..., : 1 if channels < 3 else 3], (40, 56, 3)), levels(picture)
    assert (picture.size, picture.notes) == ((40, 56), ())
    opacity = picture.opacity(40, 56)
    if channels in (1, 3):
        assert opacity is None
        assert np.array_equal(found, colours)
    else:
        assert opacity is not None
        assert np.array_equal((opacity[0, 0] * 65535).round().numpy(), samples[..., -1])
        alpha = samples[..., -1:] / 65535
        assert np.abs(colours * alpha + 65535 * (1 - alpha) - found).max() <= 1


@every_kind
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_without_the_extra_eight_bits_and_a_note(
    opened: Callable[..., Picture], monkeypatch: pytest.MonkeyPatch, kind: str, channels: int
) -> None:
    data = KINDS[kind](ramps(20, 30, channels))
    whole = opened(data)
    monkeypatch.setattr(image, "load_vips", lambda: None)
    cut = opened(data)
    assert cut.notes == ("16-bit samples were read as 8 bits: pip install 'impasto[huge]' reads them whole",)
    assert (cut.at(20, 30) - whole.at(20, 30)).abs().max() * 255 <= 1.01
    assert (cut.opacity(20, 30) is None) == (channels != 4)


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["tiff", "png, before", "png, after"])
def test_upright(opened: Callable[..., Picture], kind: str, orientation: int) -> None:
    samples = ramps(24, 36)
    tags = Image.Exif()
    tags[0x0112] = orientation
    exif = chunk(b"eXIf", tags.tobytes()[6:])
    match kind:
        case "tiff":
            data = tiff(samples, extratags=[(274, 3, 1, orientation, True)])
        case "png, before":
            data = png16(samples, before=exif)
        case _:
            data = png16(samples, after=exif)
    assert np.array_equal(levels(opened(data)), UPRIGHT[orientation](samples))


@every_kind
@pytest.mark.parametrize("shape", [(300, 420), (301, 423), (64, 700)])
def test_the_same_bytes_whatever_longest(opened: Callable[..., Picture], kind: str, shape: tuple[int, int]) -> None:
    data = KINDS[kind](np.random.default_rng(0).integers(0, 65536, (*shape, 4), dtype=np.uint16))
    free, tight = opened(data), opened(data, longest=26)
    for size in [(18, 26), (9, 13), (1, 1)]:
        assert torch.equal(tight.at(*size), free.at(*size))
        one, other = tight.opacity(*size), free.opacity(*size)
        assert one is not None
        assert other is not None
        assert torch.equal(one, other)


@every_kind
def test_profiles_are_honoured(opened: Callable[..., Picture], kind: str) -> None:
    samples = ramps(20, 30)
    found = levels(opened(with_profile(kind, samples, swapped_profile())))
    assert np.abs(found[..., ::-1].astype(int) - samples).max() < 300  # of 65,535: the matrices of two libraries
    own = opened(with_profile(kind, samples, srgb_profile()))
    assert np.array_equal(levels(own), samples)
    assert (own.notes, own.profile) == ((), srgb_profile())


@every_kind
def test_a_grey_picture_may_carry_an_rgb_profile(opened: Callable[..., Picture], kind: str) -> None:
    samples = ramps(20, 30, 1)
    picture = opened(with_profile(kind, samples, swapped_profile()))
    assert np.abs(levels(picture).astype(int) - samples).max() < 300
    assert picture.notes == ()


@every_kind
@pytest.mark.parametrize("icc", [b"garbage" * 30, cmyk_profile()], ids=["garbage", "of inks"])
def test_a_broken_profile_is_ignored_with_a_note(opened: Callable[..., Picture], kind: str, icc: bytes) -> None:
    samples = ramps(20, 30)
    picture = opened(with_profile(kind, samples, icc))
    assert picture.notes == ("broken colour profile ignored",)
    assert picture.profile is None
    assert np.array_equal(levels(picture), samples)


@pytest.mark.parametrize(
    "options",
    [
        {"photometric": "miniswhite"},
        {"dtype": np.float32},
        {"channels": 4, "photometric": "separated"},
        {"channels": 4, "extrasamples": ["assocalpha"]},
    ],
    ids=["white is 0", "floats", "inks", "multiplied by alpha"],
)
def test_other_tiffs_are_pillows(
    opened: Callable[..., Picture], monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.setattr(image, "read_deep", None)
    kind = options.pop("dtype", np.uint16)
    channels = options.pop("channels", 1)
    samples = ramps(20, 30, channels)
    if channels == 4 and "extrasamples" not in options:
        options["extrasamples"] = []
    data = samples[..., 0] if channels == 1 else samples
    picture = opened(tiff(data if kind is np.uint16 else (data / 65535).astype(kind), **options))
    assert picture.size == (20, 30)
    assert picture.notes == (f"{np.dtype(kind).itemsize * 8}-bit samples were read as 8 bits",)


def test_planes(opened: Callable[..., Picture], monkeypatch: pytest.MonkeyPatch) -> None:
    samples = ramps(20, 30)
    data = tiff(samples.transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate", extrasamples=[])
    assert np.array_equal(levels(opened(data)), samples)
    monkeypatch.setattr(image, "load_vips", lambda: None)
    with pytest.raises(ImageError, match=r"has planes of 16 bits: pip install 'impasto\[huge\]' reads them$"):
        opened(data)
    with pytest.raises(ImageError, match=r"has planes of 16 bits$"):
        opened(data, mask=True)


def test_masks_need_no_more_than_eight_bits(opened: Callable[..., Picture], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "read_deep", None)
    assert opened(png16(ramps(20, 30, 1)), mask=True).notes == ()


def test_a_picture_without_anything_to_see(opened: Callable[..., Picture]) -> None:
    samples = ramps(20, 30, 4)
    samples[..., 3] = 0
    with pytest.raises(ImageError, match=r"content image '.*picture' is transparent all over"):
        opened(png16(samples))


def test_two_readers_must_agree_on_the_size() -> None:
    with pytest.raises(ImageError, match="has two sizes: 31 x 20 pixels, and 30 x 20"):
        read_deep(png16(ramps(20, 30)), "PNG", (31, 20), None, 1)


def test_to_a_profile_and_back(opened: Callable[..., Picture]) -> None:
    samples = ramps(20, 30, 4)
    samples[..., 3] = 65535
    converted = to_profile(samples, swapped_profile())
    assert np.array_equal(converted[..., 3], samples[..., 3])
    assert np.abs(converted[..., 2::-1].astype(int) - samples[..., :3]).max() < 300
    back = levels(opened(with_profile("png", converted[..., :3], swapped_profile())))
    assert np.abs(back.astype(int) - samples[..., :3]).max() < 100


def test_libvips_is_closed_and_silent(tmp_path: Path) -> None:
    """In a fresh process: what it warns of is not printed, and its untrusted loaders are shut."""
    path = tmp_path / "picture.png"
    data = png16(ramps(30, 30))
    path.write_bytes(data[: len(data) * 2 // 3])
    code = (
        "import sys; from impasto.image import open_picture; from impasto.deep import load_vips\n"
        "try: load_vips().Image.svgload_buffer(b'<svg/>')\n"
        "except Exception as error: assert 'blocked' in str(error), error\n"
        "try: open_picture(sys.argv[1])\n"
        "except ValueError: sys.exit(7)"
    )
    run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (7, b"", b"")
    assert any(isinstance(handler, logging.NullHandler) for handler in logging.getLogger("pyvips").handlers)
    assert load_vips() is load_vips()
