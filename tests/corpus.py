"""Hostile pictures and odd ones, made when a test needs them: none of them lies in the repository."""

import gzip
import io
import os
import re
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from impasto.srgb import srgb_profile

# Every format that is read, and every decoder of it that differs: name -> Pillow's kind and options
ENCODINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "jpeg": ("JPEG", {}),
    "jpeg-progressive": ("JPEG", {"progressive": True}),
    "png": ("PNG", {}),
    "webp": ("WEBP", {}),
    "webp-lossless": ("WEBP", {"lossless": True}),
    "tiff": ("TIFF", {}),
    "tiff-lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "tiff-deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "tiff-jpeg": ("TIFF", {"compression": "jpeg"}),
    "avif": ("AVIF", {}),
    "gif": ("GIF", {}),
    "bmp": ("BMP", {}),
}
OTHERS = ("DDS", "EPS", "ICNS", "ICO", "JPEG2000", "PDF", "PPM", "TGA")  # whole pictures that are not read


def photo(height: int = 24, width: int = 32, seed: int = 1) -> Image.Image:
    """Noise in colours."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def grey_photo() -> Image.Image:
    """The same without colours, in white to one side: a mask."""
    image = photo().convert("L")
    image.paste(255, (0, 0, 8, 24))
    return image.convert("RGB")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def in_encoding(encoding: str, image: Image.Image | None = None) -> bytes:
    kind, options = ENCODINGS[encoding]
    return encoded(image or photo(), kind, **options)


# Parts of which PNG and TIFF are made


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    size: tuple[int, int], *, depth: int = 8, colours: int = 2, rows: bytes | None = None, more: bytes = b""
) -> bytes:
    """A PNG of that (width, height), black if no rows are given, with more chunks before its pixels."""
    rows = bytes(size[1] * (1 + 3 * size[0])) if rows is None else rows
    header = struct.pack(">IIBBBBB", *size, depth, colours, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), more, chunk(b"IDAT", zlib.compress(rows, 9)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def tiff(tags: dict[int, int], pixels: bytes = b"") -> bytes:
    """A TIFF of 8 x 8 in grey with other tags than are usual, each one number."""
    usual = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: 64}
    entries = sorted((usual | tags).items())
    usual_end = 8 + 2 + 12 * len(entries) + 4
    entries = [(tag, usual_end if tag == 273 and value == 8 else value) for tag, value in entries]
    packed = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(4) + pixels


def claiming(encoding: str, width: int, height: int) -> bytes:
    """A small file of this format whose header says that it is huge."""
    return claim(in_encoding(encoding), encoding, width, height)


def claim(file: bytes, encoding: str, width: int, height: int) -> bytes:
    """The same of a file that is there: its header says something else."""
    data = bytearray(file)
    match encoding.partition("-")[0]:
        case "png":
            data[16:24] = struct.pack(">II", width, height)
            data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        case "jpeg":
            frame = data.index(b"\xff\xc0")
            data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
        case "webp":
            data[26:30] = struct.pack("<HH", width, height)
        case "gif":
            data[6:10] = struct.pack("<HH", width, height)
        case "bmp":
            data[18:26] = struct.pack("<ii", width, height)
        case "tiff":
            for tag, side in ((256, width), (257, height)):
                entry = re.search(struct.pack("<H", tag) + b"[\3\4]\0\1\0\0\0....", data, re.DOTALL)
                assert entry
                data[entry.start() : entry.end()] = struct.pack("<HHII", tag, 4, 1, side)
    return bytes(data)


def changed(encoding: str, mark: bytes, offset: int, new: bytes) -> bytes:
    """A picture with other bytes at an offset from the first place that is marked like that."""
    data = bytearray(in_encoding(encoding))
    at = data.index(mark) + offset
    data[at : at + len(new)] = new
    return bytes(data)


def many_scans(side: int, count: int) -> bytes:
    """A progressive JPEG that refines nothing, many times over: 12 bytes each, and a walk through all its blocks."""
    data = encoded(Image.new("L", (side, side)), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * count + data[-2:]


# What is at a path


class Case(NamedTuple):
    """A file that is no picture, or none that can be used."""

    make: Callable[[Path], object]
    reason: str  # what is said of it
    early: bool = True  # whether it has to be found before torch is imported
    name: str = "photo.jpg"


def _holds(data: bytes, reason: str, *, early: bool = True, name: str = "photo.jpg") -> Case:
    return Case(lambda path: path.write_bytes(data), reason, early, name)


def _make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))  # the name of a socket must be short


_NO_PICTURE = "is not a picture in JPEG, PNG, WebP, TIFF, AVIF, HEIC, GIF or BMP format"
_SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
_EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(touched) (w) file closefile\nshowpage\n"
_TOO_LARGE = "more than --max-pixels"


def hostile() -> dict[str, Case]:
    """Everything that has to be refused, by name."""
    wrong = {
        "empty": _holds(b"", "is empty"),
        "one byte": _holds(b"\xff", _NO_PICTURE),
        "zeros": _holds(bytes(1000), _NO_PICTURE),
        "words": _holds(b"just some words, and no picture at all\n", _NO_PICTURE),
        "web page": _holds(b"<!DOCTYPE html><html><img src='/etc/passwd'>", _NO_PICTURE),
        "playlist": _holds(b"#EXTM3U\n/etc/passwd\n", _NO_PICTURE),
        "svg": _holds(_SVG, _NO_PICTURE),
        "svgz": _holds(gzip.compress(_SVG), _NO_PICTURE),
        "eps": _holds(_EPS, _NO_PICTURE),
        "eps for windows": _holds(
            b"\xc5\xd0\xd3\xc6" + struct.pack("<7I", 32, len(_EPS), 0, 0, 0, 0, 0) + _EPS, _NO_PICTURE
        ),
        "heic": _holds(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "cannot be read"),
        "film": _holds(b"\0\0\0\x18ftypisom\0\0\0\0isomiso2" + bytes(99), _NO_PICTURE),
        "sound": _holds(b"RIFF\x24\0\0\0WAVEfmt " + bytes(99), _NO_PICTURE),
        "zip": _holds(b"PK\3\4" + bytes(99), _NO_PICTURE),
        "pickle": _holds(b"\x80\4cos\nsystem\n(S'touch touched'\ntR.", _NO_PICTURE),
        "eps named png": _holds(_EPS, _NO_PICTURE, name="photo.png"),
    } | {f"other {kind}": _holds(encoded(photo(32, 32), kind), _NO_PICTURE) for kind in OTHERS}
    cut = {
        f"{encoding} cut in half": _holds(data[: len(data) // 2], "cannot be read", early=False)
        for encoding in ENCODINGS
        for data in [in_encoding(encoding)]
    }
    signatures = {
        f"{encoding} of 16 bytes": _holds(in_encoding(encoding)[:16], "cannot be read")
        for encoding in ("jpeg", "png", "webp", "tiff", "avif", "gif", "bmp")
    }
    return wrong | cut | signatures | _bombs() | _damaged() | _no_files()


def _bombs() -> dict[str, Case]:
    bombs = {
        f"{encoding} bomb": _holds(claiming(encoding, 60000, 59999), _TOO_LARGE)
        for encoding in ("png", "jpeg", "gif", "bmp", "tiff")
    }
    text, megabytes = (
        chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**26), 9)),
        "cannot be read: it is damaged",
    )
    return bombs | {
        "webp bomb": _holds(claiming("webp", 16383, 16382), "more pixels than --max-pixels"),
        "gif with a huge frame": _holds(
            changed("gif", b",\0\0\0\0", 5, b"\xff\xff\xff\xff"), "more pixels than --max-pixels"
        ),
        "gif with a frame far away": _holds(
            changed("gif", b",\0\0\0\0", 1, b"\xf0\xf0\xf0\xf0"), "more pixels than --max-pixels"
        ),
        "bmp of the largest height": _holds(changed("bmp", b"BM", 22, struct.pack("<i", -(2**31))), _TOO_LARGE),
        "png with a bomb of text": _holds(png((4, 4), more=text), megabytes),
        "png with a bomb for a profile": _holds(png((4, 4), more=text.replace(b"zTXt", b"iCCP")), "cannot be read"),
        "file of a terabyte": Case(_make_long, "too many for --max-pixels"),
    }


def _make_long(path: Path) -> None:
    with path.open("wb") as file:
        file.write(in_encoding("png"))
        file.truncate(2**40)


def _damaged() -> dict[str, Case]:
    nan = encoded(Image.fromarray(np.array([[0, np.nan, 1]], np.float32)), "TIFF")
    infinite = encoded(Image.fromarray(np.array([[0, np.inf, 1]], np.float32)), "TIFF")
    wide = encoded(Image.fromarray(np.array([[0, 70_000]], np.int32)), "TIFF")
    return {
        "png without width": _holds(png((0, 5)), "cannot be read"),
        "png of depth 3": _holds(png((4, 4), depth=3), "cannot be read"),
        "png without its palette": _holds(png((4, 4), colours=3, rows=bytes(20)), "cannot be read", early=False),
        "png with a wrong sum": _holds(changed("png", b"IHDR", 17, b"\0\0\0\0"), "cannot be read"),
        "png without pixels": _holds(png((4, 4)).partition(b"\0\0\0\x1eIDAT")[0][:33], "cannot be read"),
        "png with too few rows": _holds(png((9, 9), rows=bytes(50)), "cannot be read", early=False),
        "jpeg without height": _holds(changed("jpeg", b"\xff\xc0", 5, b"\0\0"), "cannot be read"),
        "jpeg of 12 bits": _holds(changed("jpeg", b"\xff\xc0", 4, b"\x0c"), "cannot be read"),
        "jpeg without loss": _holds(changed("jpeg", b"\xff\xc0", 1, b"\xc3"), "cannot be read", early=False),
        "bmp that begins at its end": _holds(
            changed("bmp", b"BM", 10, b"\xff\xff\xff\xff"), "cannot be read", early=False
        ),
        "tiff far away": _holds(b"II*\0\xff\xff\xff\xff" + bytes(99), "cannot be read"),
        "tiff of huge tiles": _holds(
            tiff({259: 8, 322: 60_000, 323: 60_000, 324: 8, 325: 9}), "cannot be read", early=False
        ),
        "tiff of many samples": _holds(tiff({277: 65_535}), "cannot be read"),
        "tiff of a strange compression": _holds(tiff({259: 34_712}), "cannot be read"),
        "tiff of NaN": _holds(nan, "has float samples from nan", early=False),
        "tiff of infinity": _holds(infinite, "has float samples from 0 to inf", early=False),
        "tiff of large numbers": _holds(wide, "has integer samples from 0 to 70000", early=False),
    }


def _no_files() -> dict[str, Case]:
    return {
        "missing": Case(lambda _: None, "cannot be read: No such file or directory"),
        "folder": Case(Path.mkdir, "cannot be read: Is a directory"),
        "fifo": Case(os.mkfifo, "is not a regular file"),
        "socket": Case(_make_socket, "cannot be read: No such device or address"),
        "loop of links": Case(
            lambda path: path.symlink_to(path.name), "cannot be read: Too many levels of symbolic links"
        ),
        "link to nothing": Case(lambda path: path.symlink_to("nowhere"), "cannot be read: No such file or directory"),
        "link to a device": Case(lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
        "link to a fifo": Case(_make_linked_fifo, "is not a regular file"),
        "name of two lines": _holds(b"no picture", _NO_PICTURE, name="two\nlines.png"),
        "name that clears the screen": _holds(b"no picture", _NO_PICTURE, name="\x1b[2J\x1b[31m.png"),
        "name that is read backwards": _holds(b"no picture", _NO_PICTURE, name="\u202egnp.exe"),
        "name that is not UTF-8": _holds(b"no picture", _NO_PICTURE, name="\udcff\udc80.png"),
        "name with quotes": _holds(b"no picture", _NO_PICTURE, name="'\"`$(touch touched).png"),
        "name of 255 bytes": _holds(b"no picture", _NO_PICTURE, name="x" * 251 + ".png"),
        "name that is too long": Case(lambda _: None, "cannot be read: File name too long", name="x" * 300),
    }


def _make_linked_fifo(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


# What is odd, and has to work


def welcome(image: Image.Image) -> dict[str, bytes]:
    """Files of a picture, or of its grey levels, that are to be used like any other, by name."""
    width, height = image.size
    grey, levels = image.convert("L"), np.arange(height * width, dtype=np.uint16).reshape(height, width) * 80
    see_through = image.copy()
    see_through.putalpha(grey)
    sideways = Image.Exif()
    sideways[0x0112] = 6
    lying = encoded(image.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=sideways)
    several = {"save_all": True, "append_images": [photo(height, width, seed=2)]}
    return {encoding: in_encoding(encoding, image) for encoding in ENCODINGS} | {
        "black and white": encoded(image.convert("1"), "PNG"),
        "grey": encoded(grey, "JPEG"),
        "16-bit grey png": encoded(Image.fromarray(levels), "PNG"),
        "16-bit grey tiff": encoded(Image.fromarray(levels), "TIFF"),
        "float tiff": encoded(Image.fromarray((levels / levels.max()).astype(np.float32)), "TIFF"),
        "cmyk jpeg": encoded(image.convert("CMYK"), "JPEG"),
        "cmyk tiff": encoded(image.convert("CMYK"), "TIFF"),
        "lab tiff": encoded(image.convert("LAB"), "TIFF"),
        "palette with a transparent colour": encoded(image.convert("P"), "PNG", transparency=3),
        "grey with alpha": encoded(see_through.convert("LA"), "PNG"),
        "alpha": encoded(see_through, "WEBP"),
        "turned by its tag": lying,
        "broken exif": encoded(image, "PNG", exif=b"Exif\0\0not a TIFF header at all"),
        "broken profile": encoded(image, "JPEG", icc_profile=b"not a profile"),
        "profile of another kind of colours": encoded(grey, "PNG", icc_profile=srgb_profile()),
        "film of two frames": encoded(image, "WEBP", **several),
        "phone's two pictures": encoded(image, "MPO", **several),
        "tiff that leads back to itself": _circular_tiff(image),
        "more after the end": in_encoding("png", image) + bytes(1000),
    }


def _circular_tiff(image: Image.Image) -> bytes:
    """The list of its pictures has no end."""
    data = bytearray(encoded(image, "TIFF"))
    (start,) = struct.unpack("<I", data[4:8])
    (count,) = struct.unpack("<H", data[start : start + 2])
    end = start + 2 + 12 * count
    data[end : end + 4] = data[4:8]
    return bytes(data)
