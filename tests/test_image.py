"""Pictures come out upright, at any size, the same bytes each time; and sources of every kind are taken."""

import hashlib
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from impasto.errors import ImageError
from impasto.image import Picture, open_picture, to_pil

Pixels = npt.NDArray[np.uint8]

# What EXIF says each orientation needs: from the stored [H, W, 3] to the upright one
UPRIGHT = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}


def noise(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height: int, width: int) -> Pixels:
    """Two ramps and a wave: every shift, turn or mirroring shows."""
    y, x = np.mgrid[0:height, 0:width] / [[[height]], [[width]]]
    return np.stack([255 * x, 255 * y, 127 + 127 * np.sin(9 * x + 5 * y)], -1).round().astype(np.uint8)


def encode(pixels: Pixels, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def whole(picture: Picture) -> Pixels:
    """The picture at its own size, as 8-bit [H, W, 3]."""
    return np.asarray(to_pil(picture.at(*picture.size)))


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def test_an_array_comes_back_exactly() -> None:
    pixels = noise(5, 7)
    picture = open_picture(pixels)
    tensor = picture.at(5, 7)
    assert picture.size == (5, 7)
    assert picture.notes == ()
    assert tensor.dtype == torch.float32
    assert tensor.shape == (1, 3, 5, 7)
    assert tensor.is_contiguous()
    assert torch.equal(tensor[0, :, 2, 3], torch.from_numpy(pixels[2, 3]) / 255)
    assert np.array_equal(whole(picture), pixels)


@pytest.mark.parametrize("channels", [None, 1, 3, 4])
def test_arrays_of_every_depth(channels: int | None) -> None:
    pixels = np.full((2, 3) if channels is None else (2, 3, channels), 60, np.uint8)
    expected = 255 - 195 * 60 // 255 if channels == 4 else 60  # alpha 60 over white
    assert np.abs(whole(open_picture(pixels)).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3)),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
        np.zeros((3, 4, 5), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((4, 4), bool),
    ],
)
def test_other_arrays_are_refused_with_what_came(array: npt.NDArray[np.generic]) -> None:
    with pytest.raises(ImageError) as caught:
        open_picture(array, role="style")  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.startswith("style image (ndarray) holds ")
    assert str(array.dtype) in message
    assert str(list(array.shape)) in message
    assert "expected uint8 [H, W] or [H, W, 1, 3 or 4]" in message


@pytest.mark.parametrize("shape", [(0, 4, 3), (4, 0)])
def test_empty_arrays_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="has no pixels"):
        open_picture(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("source", [None, True, 0, 1.5, b"photo.jpg", ["photo.jpg"], object(), io.BytesIO()])
def test_other_things_are_refused(source: object) -> None:
    with pytest.raises(ImageError, match=r"mask image \(\w+\) is not a picture: expected a path"):
        open_picture(source, role="mask")  # type: ignore[arg-type]


def test_a_pillow_image_is_copied() -> None:
    image = Image.new("RGB", (2, 2), "red")
    picture = open_picture(image)
    image.paste("blue", (0, 0, 2, 2))
    assert whole(picture)[0, 0].tolist() == [255, 0, 0]


def test_a_lazy_pillow_image_that_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "half.png"
    data = encode(noise(20, 20), "PNG")
    path.write_bytes(data[: len(data) // 2])
    with Image.open(path) as image, pytest.raises(ImageError, match=r"\(PngImageFile\) cannot be read"):
        open_picture(image)


def test_a_pillow_image_beyond_the_limit() -> None:
    with pytest.raises(ImageError, match="30 x 20 pixels: more than --max-pixels 599 allows"):
        open_picture(Image.new("RGB", (30, 20)), max_pixels=599)
    assert open_picture(Image.new("RGB", (30, 20)), max_pixels=600).size == (20, 30)


def test_hash_is_of_the_bytes_or_of_the_pixels(tmp_path: Path) -> None:
    pixels = noise(4, 6)
    path = tmp_path / "a.png"
    path.write_bytes(encode(pixels, "PNG"))
    assert open_picture(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    of_array = open_picture(pixels).sha256
    assert open_picture(Image.fromarray(pixels)).sha256 == of_array
    assert open_picture(pixels.reshape(6, 4, 3)).sha256 != of_array
    assert open_picture(255 - pixels).sha256 != of_array


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("JPEG", {"quality": 100, "subsampling": 0}, 6),
    ],
)
def test_upright(tmp_path: Path, orientation: int, kind: str, options: dict[str, object], tolerance: int) -> None:
    stored = smooth(40, 56)
    path = tmp_path / "picture"
    path.write_bytes(encode(stored, kind, exif=exif(orientation), **options))
    upright = UPRIGHT[orientation](stored)
    picture = open_picture(path)
    assert picture.size == upright.shape[:2]
    assert np.abs(whole(picture).astype(int) - upright).max() <= tolerance


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_small_size_of_a_large_turned_photo_is_not_shifted(tmp_path: Path, orientation: int) -> None:
    """1/8 of 389 x 501 is 48.6 x 62.6: the eighths must not be taken for whole ones, nor at the wrong end."""
    stored = smooth(389, 501)
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(stored, "JPEG", quality=95, subsampling=0, exif=exif(orientation)))
    upright = UPRIGHT[orientation](stored)
    height, width = (20, 26) if upright.shape[0] == 389 else (26, 20)
    small = open_picture(path).at(height, width)
    reference = Image.fromarray(upright.copy()).resize((width, height), Image.Resampling.LANCZOS)
    difference = small - open_picture(reference).at(height, width)
    assert difference.abs().max() * 255 < 4
    assert difference.mean(dim=(0, 2, 3)).abs().max() * 255 < 0.4


@pytest.mark.parametrize("value", [0, 9, 77])
def test_orientations_that_do_not_exist_mean_nothing(tmp_path: Path, value: int) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(noise(2, 3), "PNG", exif=exif(value)))
    assert open_picture(path).size == (2, 3)


def test_broken_exif_is_ignored_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(noise(16, 24), "PNG", exif=b"Exif\0\0not a TIFF header at all"))
    picture = open_picture(path)
    assert picture.size == (16, 24)
    assert picture.notes == ("unreadable EXIF ignored: the picture may not be upright",)


def test_broken_profile_is_noted(tmp_path: Path) -> None:
    for kind in ("JPEG", "PNG"):
        path = tmp_path / kind
        path.write_bytes(encode(noise(16, 24), kind, icc_profile=b"not a profile"))
        assert open_picture(path).notes == ("broken colour profile ignored",)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "array"])
@pytest.mark.parametrize("shape", [(300, 420), (301, 423), (64, 700)])
def test_the_same_bytes_whatever_longest(tmp_path: Path, kind: str, shape: tuple[int, int]) -> None:
    source: Path | Pixels = noise(*shape)
    if kind != "array":
        path = tmp_path / "picture"
        path.write_bytes(encode(source, kind))
        source = path
    free, loose, tight = (
        open_picture(source),
        open_picture(source, longest=100),
        open_picture(source, longest=26),
    )
    for height, width in [(18, 26), (9, 13), (1, 1), (26, 26)]:
        expected = free.at(height, width)
        assert torch.equal(loose.at(height, width), expected)
        assert torch.equal(tight.at(height, width), expected)
        assert torch.equal(free.at(height, width), expected)
    assert torch.equal(loose.at(70, 100), free.at(70, 100))


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-1, 5), (5, 101)])
def test_sizes_that_cannot_be(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected 1 to 100 pixels a side, got"):
        open_picture(noise(200, 200), longest=100).at(*size)


def test_a_large_jpeg_is_decoded_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(smooth(1200, 1600), "JPEG"))
    decoded: list[tuple[int, int]] = []
    load = JpegImageFile.load

    def recording(image: JpegImageFile) -> object:
        if image.tile:
            decoded.append(image.size)
        return load(image)

    monkeypatch.setattr(JpegImageFile, "load", recording)
    picture = open_picture(path)
    picture.at(75, 100)
    assert decoded == [(200, 150)]
    picture.at(150, 200)
    assert decoded[1:] == [(400, 300)]


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (2, 2)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_thin_and_tiny_pictures(tmp_path: Path, shape: tuple[int, int], kind: str) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encode(np.full((*shape, 3), 200, np.uint8), kind))
    picture = open_picture(path)
    assert picture.size == shape
    for size in [(1, 1), (3, 40), (64, 64)]:
        assert (picture.at(*size) * 255 - 200).abs().max() <= 1


def test_upscaling_stays_within_range() -> None:
    checks = (np.indices((6, 6)).sum(0) % 2 * 255).astype(np.uint8)
    large = open_picture(checks).at(50, 70)
    assert large.shape == (1, 3, 50, 70)
    assert large.min() == 0
    assert large.max() == 1


def test_to_pil_rounds_to_nearest_and_clamps() -> None:
    row = torch.tensor([-0.5, 0.4 / 255, 0.6 / 255, 254.4 / 255, 254.6 / 255, 7.0])
    image = to_pil(row.expand(1, 3, 2, 6))
    assert image.mode == "RGB"
    assert np.asarray(image)[1, :, 2].tolist() == [0, 0, 1, 254, 255, 255]
    assert to_pil(row.to(torch.bfloat16).requires_grad_().expand(1, 3, 2, 6)).size == (6, 2)


@pytest.mark.parametrize("shape", [(3, 4, 4), (2, 3, 4, 4), (1, 1, 4, 4), (1, 4, 4, 3)])
def test_to_pil_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected an image tensor \[1, 3, H, W\], got"):
        to_pil(torch.zeros(shape))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_to_pil_refuses_what_is_not_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        to_pil(torch.full((1, 3, 2, 2), bad))


def test_import_is_free_of_torch() -> None:
    code = "import sys, impasto.image, impasto.output, impasto.recipe; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
