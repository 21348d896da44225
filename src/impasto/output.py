"""Pictures to files: the whole of a new one or nothing, whatever happens meanwhile."""

import errno
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PIL import Image

from impasto import atomic
from impasto.encoding import EIGHT_BITS, Encoding, Levels, Stream, encode
from impasto.errors import ImageError
from impasto.image import Source
from impasto.imagefile import describe, naming

PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
_LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383, "PDF": 60_000}  # pixels: libjpeg, WebP, 200 inches at 300 dpi

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def save_image(
    image: Image.Image | Levels,
    path: str | os.PathLike[str],
    *,
    recipe: Mapping[str, object] | None = None,
    quality: int = 95,
    encoding: Encoding = EIGHT_BITS,
) -> None:
    """Write a picture in the format that the extension names, tagged as sRGB, its only metadata the recipe.

    At every instant the path holds its old file or the whole new one. Links are followed, and the permissions
    of a replaced file kept. image: of Pillow; or, for an encoding of 16 bits, levels [H, W, 3 or 4] of uint16 in
    sRGB. quality: 1..100, for JPEG and WebP. After an ImageError nothing has changed.
    """
    size = image.size if isinstance(image, Image.Image) else (image.shape[1], image.shape[0])

    def encoded(kind: str) -> bytes | Stream:
        encoding.check(kind, size)
        return encode(image, kind, recipe, quality, encoding)

    write_output(path, encoded, size)


def write_output(
    path: str | os.PathLike[str],
    encode: Callable[[str], bytes | Stream],
    size: tuple[int, int],
    *,
    kinds: Mapping[str, str] = PICTURES,
) -> None:
    """Write what `encode` makes of the format's name ("PNG"), as `save_image` promises to.

    size: (width, height) of the picture, for formats with a limit. kinds: {extension: format}. Raises ImageError.
    """
    with naming(f"output {describe(path)}", "cannot be written"):
        target = _target(path, kinds)
        kind = _kind(path, kinds)
        _check_side(kind, max(size))
        data = encode(kind)
        try:
            if isinstance(data, Stream):
                atomic.replace(target, data.fill)
            else:
                atomic.write(target, data)
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise
            needed = f"up to {data.most:,}" if isinstance(data, Stream) else f"{len(data):,}"
            raise ImageError(f"needs {needed} bytes: {error.strerror}; nothing was changed") from error


def check_output(
    path: str | os.PathLike[str],
    inputs: Sequence[Source],
    *,
    clobber: bool = True,
    size: tuple[int, int] | None = None,
    kinds: Mapping[str, str] = PICTURES,
    encoding: Encoding = EIGHT_BITS,
) -> None:
    """Find what would keep `save_image` from writing there, before any work is done; leaves nothing behind.

    inputs: none of these may be the output under whatever name. clobber: an existing file may be overwritten.
    size: (height, width) of the picture to come, for formats with a limit. kinds: {extension: format}. encoding: how
    it is to be stored. Raises ImageError.
    """
    with naming(f"output {describe(path)}", "cannot be written"):
        target = _target(path, kinds)
        kind, (height, width) = _kind(path, kinds), size or (0, 0)
        _check_side(kind, max(height, width))
        encoding.check(kind, (width, height))
        if target.exists():
            _check_overwriting(target, inputs, clobber)
        atomic.check(target)


def _kind(path: str | os.PathLike[str], kinds: Mapping[str, str]) -> str:
    try:
        return kinds[Path(path).suffix.lower()]
    except KeyError:
        raise ImageError(f"has no extension we can write: expected {', '.join(kinds)}") from None


def _target(path: str | os.PathLike[str], kinds: Mapping[str, str]) -> Path:
    """The file that the path and its links lead to, there or yet to be."""
    _kind(path, kinds)
    target = Path(path).resolve()
    try:
        mode = target.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if not target.parent.is_dir():
            raise ImageError(f"cannot be written: there is no folder {str(target.parent)!r}") from None
        return target
    if stat.S_ISDIR(mode):
        raise ImageError("is a folder")
    if not stat.S_ISREG(mode):
        raise ImageError("is not a regular file")
    return target


def _check_side(kind: str, longest: int) -> None:
    limit = _LONGEST_SIDE.get(kind)
    if limit is not None and longest > limit:
        raise ImageError(f"cannot hold a side of {longest:,} pixels: {kind} ends at {limit:,}, TIFF and PNG do not")


def _check_overwriting(target: Path, inputs: Sequence[Source], clobber: bool) -> None:
    for source in inputs:
        if isinstance(source, str | os.PathLike) and _is_same_file(target, Path(source)):
            raise ImageError(f"is the same file as the input {describe(source)}")
    if not clobber:
        raise ImageError("exists already, and overwriting was not allowed")
    os.close(os.open(target, os.O_WRONLY))  # tried, as asking (os.access) is answered wrongly for root


def _is_same_file(target: Path, source: Path) -> bool:
    try:
        return target.samefile(source)
    except (OSError, ValueError):
        return False  # an input that cannot be opened is refused elsewhere, by its own name
