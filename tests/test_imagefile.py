"""Hostile files of every kind, made here: one ImageError on one line comes out, soon and quietly."""

import io
import os
import socket
import struct
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import corpus
import numpy as np
import pytest
import torch
from deepfiles import Samples, png16, tiff
from heicfile import heic
from PIL import Image

from impasto.deep import cut_notes
from impasto.errors import ImageError
from impasto.image import open_picture
from impasto.imagefile import header, naming, parse
from impasto.limits import MAX_PIXELS

HALVES = bytes([60] * 8 + [180] * 8) * 16  # of luma: the left half is darker
NEUTRAL = bytes([128]) * 64  # of both chromas
DEEP: dict[str, Callable[[Samples], bytes]] = {
    "png-16": png16,
    "tiff-16": partial(tiff, compression="zlib", rowsperstrip=8),
    "tiff-16-tiles": partial(tiff, compression="zlib", predictor=True, tile=(16, 16)),
}


ENCODINGS = (*corpus.ENCODINGS, *DEEP)


def encode(encoding: str, side: int = 24) -> bytes:
    if encoding in DEEP:
        samples = np.random.default_rng(1).integers(0, 65536, (side, side + 8, 3), dtype=np.uint16)
        return DEEP[encoding](samples)
    return corpus.in_encoding(encoding, corpus.photo(side, side + 8))


def claiming(encoding: str, width: int, height: int) -> bytes:
    """A small file of this format whose header says that it is huge."""
    return corpus.claim(encode(encoding), encoding, width, height)


def refusal(path: str | os.PathLike[str], role: str = "content", max_pixels: int = MAX_PIXELS) -> str:
    """The message with which a file is refused: one line that begins with the role and the file."""
    begin = time.perf_counter()
    with pytest.raises(ImageError) as caught:
        open_picture(path, role=role, max_pixels=max_pixels)
    assert time.perf_counter() - begin < 2
    message = str(caught.value)
    assert message.startswith(f"{role} image {os.fspath(path)!r} ")
    assert message.isprintable()
    return message


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_content_counts_not_the_name(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "picture.pdf"
    path.write_bytes(encode(encoding))
    assert open_picture(path).size == (24, 32)


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
        b"%PDF-1.7\n1 0 obj\n",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        b"just some words, and no picture at all",
        b"P6 2 2 255\n............",
        b"\0" * 500,
        b"B",
        b"\x89PNG",
    ],
)
def test_other_formats_are_refused_by_content(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert "is not a picture in JPEG, PNG" in refusal(path)


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.touch()
    assert refusal(path).endswith("is empty")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.usefixtures("tolerant_of_warnings")
def test_a_truncated_file_is_refused_unless_no_pixel_is_lost(
    tmp_path: Path, encoding: str, capfd: pytest.CaptureFixture[str]
) -> None:
    data = encode(encoding, 40)
    path = tmp_path / "picture"
    path.write_bytes(data)
    intact = open_picture(path).at(40, 48)
    refused = 0
    for length in {*range(1, len(data), len(data) // 40), *range(len(data) - 16, len(data))}:
        path.write_bytes(data[:length])
        try:
            picture = open_picture(path)
        except ImageError:
            refused += 1
        else:
            assert torch.equal(picture.at(40, 48), intact), f"{len(data) - length} bytes missing"
    assert refused >= 40
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("encoding", ["png", "gif", "bmp", "jpeg", "tiff", "tiff-lzw", "png-16", "tiff-16"])
def test_a_bomb_is_refused_by_its_header(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(claiming(encoding, 60000, 59999))
    assert "has 60000 x 59999 pixels: more than --max-pixels 178,956,970 allows" in refusal(path)


def test_a_webp_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(claiming("webp", 16383, 16382))
    assert "has more pixels than --max-pixels allows (178,956,970 in this format)" in refusal(path)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_limit_is_exact(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encode(encoding))
    assert open_picture(path, max_pixels=24 * 32).size == (24, 32)
    assert "has 32 x 24 pixels: more than --max-pixels 767 allows" in refusal(path, max_pixels=767)


def test_more_pixels_than_pillow_likes_are_welcome_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encode("png"))
    for limit in (24 * 32 - 1, 100):  # where Pillow would warn, and where it would refuse
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert open_picture(path).size == (24, 32)


def test_a_file_too_large_for_any_picture_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    with path.open("wb") as file:
        file.write(encode("png"))
        file.truncate(2**40)
    assert "holds 1,099,511,627,776 bytes: too many for --max-pixels 178,956,970" in refusal(path)


def test_a_header_is_read_without_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "picture.tif"
    with path.open("wb") as file:
        file.write(encode("tiff-16"))
        file.truncate(10**9)
    tracemalloc.start()
    with header(path, MAX_PIXELS) as image:
        assert image.size == (32, 24)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)  # in the current folder: the name of a socket must be short


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_fifo, "is not a regular file"),
        (make_socket, "cannot be read: No such device or address"),
        (Path.mkdir, "cannot be read: Is a directory"),
        (lambda path: path.symlink_to(path), "cannot be read: Too many levels of symbolic links"),
        (lambda path: path.symlink_to("nowhere"), "cannot be read: No such file or directory"),
        (lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
        (lambda path: None, "cannot be read: No such file or directory"),
    ],
    ids=["fifo", "socket", "folder", "loop", "dangling link", "link to a device", "missing"],
)
def test_what_is_no_regular_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "photo.jpg"
    make(path)
    assert refusal(path).endswith(reason)


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero", "/dev/tty", "/dev", "/proc/self/mem", "", "a\0b", "/"])
def test_paths_of_the_system(path: str) -> None:
    refusal(path)


def test_standard_input_is_refused() -> None:
    code = (
        "from impasto.image import open_picture\n"
        "try: open_picture('/dev/stdin')\n"
        "except ValueError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], input=encode("png"), stdout=subprocess.PIPE, check=True)
    assert run.stdout.decode().strip() == "content image '/dev/stdin' is not a regular file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(encode("png"))
    path.chmod(0)
    assert refusal(path).endswith("cannot be read: Permission denied")


@pytest.mark.parametrize(
    "name",
    [
        "sea shore.png",
        "Müller 畫.png",
        "-rf.png",
        "two\nlines.png",
        "esc\x1b[31m.png",
        "'\".png",
        "\udcff\udc80.png",
    ],
)
def test_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(encode("png"))
    assert open_picture(name).size == (24, 32)
    Path(name).write_bytes(b"no picture")
    assert "is not a picture" in refusal(name, role="style")
    Path(name).write_bytes(encode("png")[:-200])
    refusal(Path(name))


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(encode("png"))
    link = tmp_path / "link"
    link.symlink_to("photo")
    assert open_picture(link).size == (24, 32)


@pytest.mark.parametrize("damaged", [False, True])
def test_a_phone_photo_of_several_pictures_is_its_first(tmp_path: Path, damaged: bool) -> None:
    first, second = Image.new("RGB", (30, 20), "red"), Image.new("RGB", (10, 10), "blue")
    buffer = io.BytesIO()
    first.save(buffer, "MPO", save_all=True, append_images=[second])
    data = buffer.getvalue()
    assert data.count(b"MPF\0II*\0") == 1
    path = tmp_path / "phone.jpg"
    path.write_bytes(data.replace(b"MPF\0II*\0", b"MPF\0II*\xff") if damaged else data)
    picture = open_picture(path)
    assert picture.size == (20, 30)
    assert picture.at(1, 1)[0, :, 0, 0].tolist() == pytest.approx([1, 0, 0], abs=0.02)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_an_animation_is_its_first_frame(tmp_path: Path, kind: str) -> None:
    first, second = Image.new("RGB", (30, 20), "red"), Image.new("RGB", (30, 20), "blue")
    path = tmp_path / "moving"
    first.save(path, kind, save_all=True, append_images=[second])
    assert open_picture(path).at(1, 1)[0, :, 0, 0].tolist() == pytest.approx([1, 0, 0], abs=0.02)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "grey"
    Image.fromarray(np.array([[0, 257 * 100, 65535]], np.uint16)).save(path, kind)
    assert (open_picture(path).at(1, 3)[0, 1, 0] * 255).tolist() == pytest.approx([0, 100, 255])


def test_float_tiff(tmp_path: Path) -> None:
    path = tmp_path / "float"
    Image.fromarray(np.array([[0, 0.4, 1]], np.float32)).save(path, "TIFF")
    assert (open_picture(path).at(1, 3)[0, 1, 0] * 255).tolist() == pytest.approx([0, 102, 255])
    Image.fromarray(np.array([[0, np.nan, 1]], np.float32)).save(path, "TIFF")
    assert "has float samples from nan to nan: expected 0 to 1" in refusal(path)


@pytest.mark.parametrize(
    ("major", "brands"),
    [
        (b"heic", b"mif1heic"),
        (b"heix", b"mif1heix"),
        (b"mif1", b"mif1heic"),
        (b"mif1", b"miafMiHBheicmif1"),
        (b"mif1", b"mif1heixmiaf"),
    ],
)
def test_heic(tmp_path: Path, major: bytes, brands: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(heic(HALVES, NEUTRAL, NEUTRAL, major=major, brands=brands))
    picture = open_picture(path)
    assert (picture.size, picture.notes) == ((16, 16), ())
    found = picture.at(16, 16)[0] * 255
    assert found[:, :, 0].numpy() == pytest.approx(51, abs=1)  # of a luma that goes from 16 to 235
    assert found[:, :, -1].numpy() == pytest.approx(191, abs=1)


@pytest.mark.parametrize(("turns", "corners"), [(0, (0, 1, 0, 1)), (1, (1, 1, 0, 0)), (2, (1, 0, 1, 0))])
def test_heic_is_upright(tmp_path: Path, turns: int, corners: tuple[int, ...]) -> None:
    path = tmp_path / "photo.heic"
    path.write_bytes(heic(HALVES, NEUTRAL, NEUTRAL, turns=turns))
    light = open_picture(path).at(16, 16)[0, 0] > 0.5
    assert (light[0, 0], light[0, -1], light[-1, 0], light[-1, -1]) == corners


def test_av1_under_the_general_brand_is_avif(tmp_path: Path) -> None:
    path, data = tmp_path / "photo.avif", encode("avif")
    assert data[8:12] == b"avif"
    for brands in (b"heic", b"mif1"):  # of which the first is one of the others, beside avif
        path.write_bytes(data[:8] + b"mif1" + data[12:].replace(b"miaf", brands, 1))
        assert open_picture(path).size == (24, 32)


def test_heic_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    path = tmp_path / "photo.heic"
    path.write_bytes(heic(HALVES, NEUTRAL, NEUTRAL))
    assert refusal(path).endswith("is a HEIC picture: pip install 'impasto[heif]' to read those")


def test_deeper_heic_is_noted() -> None:
    image = parse(heic(HALVES, NEUTRAL, NEUTRAL), MAX_PIXELS)
    assert cut_notes(image, deep=False) == ()
    image.info["bit_depth"] = 10
    assert cut_notes(image, deep=False) == ("10-bit samples were read as 8 bits",)


def test_heic_within_limits(tmp_path: Path) -> None:
    path = tmp_path / "photo.heic"
    path.write_bytes(heic(HALVES, NEUTRAL, NEUTRAL))
    assert "has 16 x 16 pixels: more than --max-pixels 255 allows" in refusal(path, max_pixels=255)


@pytest.mark.usefixtures("tolerant_of_warnings")
def test_mutants_of_heic(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path, messages = tmp_path / "mutant", []
    for mutant in mutants(heic(HALVES, NEUTRAL, NEUTRAL), 300, seed=7):
        path.write_bytes(mutant)
        begin = time.perf_counter()
        try:
            open_picture(path, max_pixels=1_000_000, longest=50).at(20, 30)
        except ImageError as error:
            messages.append(str(error))
        assert time.perf_counter() - begin < 2
    assert len(messages) > 20
    assert all(message.startswith(f"content image {str(path)!r} ") for message in messages)
    assert capfd.readouterr() == ("", "")


def test_words_of_a_decoder_are_kept_short_and_on_one_line() -> None:
    with pytest.raises(ImageError) as caught, naming("x.png", "cannot be read"):
        raise SyntaxError("red\n\x1b[31m" + 1000 * "!")
    assert str(caught.value).startswith("x.png cannot be read: red\\n\\x1b[31m!!!")
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("error", [MemoryError(), MemoryError("no room")])
def test_too_little_memory_is_told_as_such(error: MemoryError) -> None:
    with pytest.raises(ImageError, match=r"^x\.png does not fit in this machine's memory$"), naming("x.png"):
        raise error


SAMPLES_PER_PIXEL = struct.pack("<HHIH", 277, 3, 1, 3)
TIFF = encode("tiff")
NOISY_TIFFS = {
    "logged": TIFF.replace(SAMPLES_PER_PIXEL, struct.pack("<HHIH", 277, 3, 1, 768)),
    "warned of": TIFF[: TIFF.index(SAMPLES_PER_PIXEL) + 6],
}


@pytest.mark.parametrize("data", NOISY_TIFFS.values(), ids=NOISY_TIFFS)
def test_the_tiff_reader_says_nothing_on_its_own(tmp_path: Path, data: bytes) -> None:
    """In a fresh process: with no handler set up, Python itself prints what is logged, and warnings."""
    path = tmp_path / "noisy.tif"
    path.write_bytes(data)
    code = (
        "import sys; from impasto.image import open_picture\n"
        "try: open_picture(sys.argv[1])\n"
        "except ValueError: sys.exit(7)"
    )
    run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (7, b"", b"")


def test_cmyk_jpeg_has_its_ink_the_right_way_round(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (16, 16), (0, 200, 200, 0)).save(path, "JPEG", quality=100)
    assert b"Adobe" in path.read_bytes()[:60]
    assert open_picture(path).at(1, 1)[0, :, 0, 0].tolist() == pytest.approx([1, 0.22, 0.22], abs=0.02)


def mutants(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Files with bytes changed, cut out, doubled or exchanged; half of the changes in the header."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        mutant = bytearray(data)
        for _ in range(random.integers(1, 5)):
            reach = len(mutant) if random.random() < 0.5 else min(100, len(mutant))
            at, length = int(random.integers(reach)), int(random.integers(1, 9))
            match random.integers(4):
                case 0:
                    mutant[at] = random.integers(256)
                case 1:
                    mutant[at : at + length] = random.choice([b"\0", b"\xff", b"\x7f"]) * length
                case 2:
                    del mutant[at : at + length]
                case 3:
                    mutant[at:at] = mutant[at : at + length]
        yield bytes(mutant)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.usefixtures("tolerant_of_warnings")
def test_mutants_yield_pictures_or_image_errors(
    tmp_path: Path, encoding: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mutant"
    messages, slowest = [], 0.0
    for mutant in mutants(encode(encoding), 300, seed=7):
        path.write_bytes(mutant)
        begin = time.perf_counter()
        try:
            image = open_picture(path, max_pixels=1_000_000, longest=50).at(20, 30)
        except ImageError as error:
            messages.append(str(error))
        else:
            assert image.shape == (1, 3, 20, 30)
        slowest = max(slowest, time.perf_counter() - begin)
    assert len(messages) > 20
    for message in messages:
        assert message.isprintable()
        assert message.startswith(f"content image {str(path)!r} ")
    assert slowest < 2
    assert capfd.readouterr() == ("", "")
