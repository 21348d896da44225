"""Pictures to files: the whole of a new one or nothing, whatever happens meanwhile."""

import errno
import io
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PIL import Image

from impasto import atomic
from impasto.errors import ImageError
from impasto.image import Source
from impasto.imagefile import describe, naming
from impasto.recipe import recipe_metadata
from impasto.srgb import opaque_srgb, srgb_profile

PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
_LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383, "PDF": 60_000}  # pixels: libjpeg, WebP, 200 inches at 300 dpi

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def save_image(
    image: Image.Image,
    path: str | os.PathLike[str],
    *,
    recipe: Mapping[str, object] | None = None,
    quality: int = 95,
) -> None:
    """Write a picture in the format that the extension names, tagged as sRGB, its only metadata the recipe.

    At every instant the path holds its old file or the whole new one. Links are followed, and the permissions
    of a replaced file kept. quality: 1..100, for JPEG and WebP. After an ImageError nothing has changed.
    """
    write_output(path, lambda kind: _encode(image, kind, recipe, quality), image.size)


def write_output(
    path: str | os.PathLike[str],
    encode: Callable[[str], bytes],
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
            atomic.write(target, data)
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise
            raise ImageError(f"needs {len(data):,} bytes: {error.strerror}; nothing was changed") from error


def check_output(
    path: str | os.PathLike[str],
    inputs: Sequence[Source],
    *,
    clobber: bool = True,
    size: tuple[int, int] | None = None,
    kinds: Mapping[str, str] = PICTURES,
) -> None:
    """Find what would keep `save_image` from writing there, before any work is done; leaves nothing behind.

    inputs: none of these may be the output under whatever name. clobber: an existing file may be overwritten.
    size: (height, width) of the picture to come, for formats with a limit. kinds: {extension: format}. Raises
    ImageError.
    """
    with naming(f"output {describe(path)}", "cannot be written"):
        target = _target(path, kinds)
        _check_side(_kind(path, kinds), max(size or (0,)))
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


def _encode(image: Image.Image, kind: str, recipe: Mapping[str, object] | None, quality: int) -> bytes:
    """In memory, so that the space needed is known before the disk is asked for it."""
    options = _encoder_options(kind, quality)
    if recipe is not None:
        options |= recipe_metadata(kind, recipe)
    plain = opaque_srgb(image)[0].copy()
    plain.info = {}  # Pillow's writers would keep a comment or a transparent colour found there
    buffer = io.BytesIO()
    plain.save(buffer, kind, icc_profile=srgb_profile(), **options)
    return buffer.getvalue()


def _encoder_options(kind: str, quality: int) -> dict[str, object]:
    match kind:
        case "JPEG":
            return {"quality": quality, "subsampling": "4:4:4"}  # strokes of pure colour bleed at 4:2:0
        case "WEBP":
            return {"quality": quality}
        case "TIFF":
            return {"compression": "tiff_adobe_deflate"}
    return {}
