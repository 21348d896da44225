"""Files that hold pictures: opened without waiting, known by their content, measured before decoding."""

import ctypes
import io
import logging
import os
import re
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import BinaryIO, cast

from PIL import Image, ImageFile, _imaging
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from impasto.errors import ImageError
from impasto.limits import MAX_PIXELS

# Recognised by content, never by name. Pillow's `Image.open` is not used: it warns and refuses by a global
# limit, and stumbles over a damaged list of a phone's further pictures (MPO) where we want the first alone.
_FORMATS: tuple[tuple[bytes, type[ImageFile.ImageFile]], ...] = (
    (rb"\xff\xd8\xff", JpegImageFile),
    (rb"\x89PNG\r\n\x1a\n", PngImageFile),
    (rb"RIFF....WEBP", WebPImageFile),
    (rb"II[*+]\0|MM\0[*+]", TiffImageFile),
    (rb"....ftyp(avi[fs]|mif1|msf1)", AvifImageFile),
    (rb"GIF8[79]a", GifImageFile),
    (rb"BM", BmpImageFile),
)
_SIGNATURE_BYTES = 64  # HEIF lists its brands there
# Brands of HEIF whose pictures are HEVC's, alone or in sequences; those that say AV1; and those that say neither
_HEIC = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_AVIF = frozenset((b"avif", b"avis"))
_HEIF = frozenset((b"mif1", b"msf1"))

_SCAN, _MOST_SCANS = b"\xff\xda", 100  # of a progressive JPEG: the marker; some ten are usual

_TECHNICAL = re.compile(r"Error|driver|decoder|[a-z]_[a-z]|[A-Z]{3}_|^-?\d+$")  # words of Pillow's own workings

# A FIFO without a writer would block, and a terminal could become ours
_NO_WAITING = sum(getattr(os, flag, 0) for flag in ("O_NONBLOCK", "O_NOCTTY"))


@contextmanager
def naming(subject: str, failure: str = "cannot be read") -> Iterator[None]:
    """Turn whatever fails inside into one ImageError, a sentence on one line that begins with `subject`.

    An ImageError raised inside holds the rest of the sentence ("is empty"); for any other error the rest is
    `failure` and that error's own words.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")  # of what the exception tells as well, if it matters
            yield
    except ImageError as error:
        raise ImageError(f"{subject} {error}") from error.__cause__
    except MemoryError as error:
        raise ImageError(f"{subject} does not fit in this machine's memory") from error
    except Exception as error:  # Pillow's plugins raise some fifteen classes on bad files
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if _TECHNICAL.search(reason):
            reason = "it is damaged"
        raise ImageError(f"{subject} {failure}: {repr(reason)[1:-1][:200]}") from error


def describe(source: object) -> str:
    """The file's name as a Python literal, so that it stays on one line; else the kind of source."""
    if isinstance(source, str | os.PathLike):
        return repr(os.fspath(source))
    return f"({type(source).__name__})"


def read(path: str | os.PathLike[str], max_pixels: int) -> bytes:
    """The bytes of a regular file that begins like a picture; of any other, no more than those are read.

    To be called in `naming`, as everything here: failures come in any class.
    """
    with _opened(path, max_pixels) as file:
        _plugin(file.peek(_SIGNATURE_BYTES)[:_SIGNATURE_BYTES])
        return file.read(os.fstat(file.fileno()).st_size)


@contextmanager
def header(path: str | os.PathLike[str], max_pixels: int) -> Iterator[ImageFile.ImageFile]:
    """A regular file as `parse` gives it, of which no more is read than most formats need for that."""
    with _opened(path, max_pixels) as file:
        yield _parsed(file, file.peek(_SIGNATURE_BYTES), max_pixels)


@contextmanager
def _opened(path: str | os.PathLike[str], max_pixels: int) -> "Iterator[io.BufferedReader[io.FileIO]]":
    with io.BufferedReader(io.FileIO(os.fspath(path), opener=_open_without_waiting)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("is not a regular file")
        if status.st_size == 0:
            raise ImageError("is empty")
        if status.st_size > _most_bytes(max_pixels):
            raise ImageError(f"holds {status.st_size:,} bytes: too many for --max-pixels {max_pixels:,}")
        yield file


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | _NO_WAITING)


def _most_bytes(max_pixels: int) -> int:
    """Four 16-bit samples a pixel, and ample room for metadata."""
    return 8 * max_pixels + 2**24


def parse(data: bytes, max_pixels: int) -> ImageFile.ImageFile:
    """A file's bytes as a Pillow image whose metadata is read and whose pixels are not decoded yet."""
    image = _parsed(io.BytesIO(data), data, max_pixels)
    if isinstance(image, JpegImageFile) and (scans := data.count(_SCAN)) > _MOST_SCANS:
        raise ImageError(f"has {scans:,} scans: no photograph has more than {_MOST_SCANS}, and each takes its time")
    return image


def _parsed(file: BinaryIO, start: bytes, max_pixels: int) -> ImageFile.ImageFile:
    plugin = _plugin(start)
    if plugin is TiffImageFile:
        _quieten_tiff()
    try:
        image = plugin(file)
    except Image.DecompressionBombError as error:  # some plugins check for themselves, by Pillow's own limit
        most = min(max_pixels, MAX_PIXELS)
        raise ImageError(f"has more pixels than --max-pixels allows ({most:,} in this format)") from error
    check_size(image.size, max_pixels)
    return image


def _plugin(data: bytes) -> type[ImageFile.ImageFile]:
    if _is_heic(data):
        try:
            from pi_heif import HeifImageFile
        except ImportError:
            raise ImageError("is a HEIC picture: pip install 'impasto[heif]' to read those") from None
        return cast(type[ImageFile.ImageFile], HeifImageFile)
    for signature, plugin in _FORMATS:
        if re.match(signature, data, re.DOTALL):
            return plugin
    raise ImageError("is not a picture in JPEG, PNG, WebP, TIFF, AVIF, HEIC, GIF or BMP format")


def _is_heic(data: bytes) -> bool:
    """Whether a file's major brand says so; or, where that says no more than HEIF, its others."""
    if data[4:8] != b"ftyp":
        return False
    end, major = min(int.from_bytes(data[:4], "big"), _SIGNATURE_BYTES), data[8:12]
    others = {data[place : place + 4] for place in range(16, end, 4)}
    return major in _HEIC or (major in _HEIF and bool(others & _HEIC) and not others & _AVIF)


def check_size(size: tuple[int, int], max_pixels: int) -> None:
    """ImageError for a (width, height) without pixels, or with more than `max_pixels`."""
    width, height = size
    if min(size) < 1:
        raise ImageError(f"has no pixels: its size is {width} x {height}")
    if width * height > max_pixels:
        raise ImageError(f"has {width} x {height} pixels: more than --max-pixels {max_pixels:,} allows")


@cache
def _quieten_tiff() -> None:
    """Keep the TIFF readers from printing what the exception that Pillow raises tells as well.

    libtiff writes straight to descriptor 2. Its handler is found through Pillow's extension module, so it is
    the one of Pillow's own copy; and unlike a redirected descriptor this leaves other threads' output alone.
    A Pillow that hides the symbol stays noisy. Pillow itself logs, which Python prints if nothing handles it.
    """
    logging.getLogger("PIL.TiffImagePlugin").addHandler(logging.NullHandler())
    with suppress(OSError, AttributeError):
        set_error_handler = ctypes.CDLL(str(_imaging.__file__)).TIFFSetErrorHandler
        set_error_handler.argtypes, set_error_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
        set_error_handler(None)
