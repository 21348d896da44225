"""Picture files to tensors: whatever comes in, upright opaque sRGB comes out, or one ImageError."""

import hashlib
import io
import os
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from impasto.deep import WHITE, cut_notes, is_deep, load_vips, read_deep
from impasto.errors import ImageError, OptionsError
from impasto.imagefile import check_size, describe, naming, parse, read
from impasto.limits import MAX_PIXELS
from impasto.picture import Bands, Picture, coarsest_scale, halve
from impasto.srgb import lay_on, opaque_mask, opaque_srgb, split_srgb

if TYPE_CHECKING:
    import torch

__all__ = ["Picture", "Source", "check_result", "fit", "load_image", "open_picture", "to_levels", "to_pil"]

Source: TypeAlias = str | os.PathLike[str] | Image.Image | npt.NDArray[np.uint8]
"""What every entry point takes for a picture; arrays are uint8, [H, W] or [H, W, 1, 3 or 4]."""

_ROWS = 256  # of a tensor that are made levels at a time
_WIDTH, _HEIGHT, _ORIENTATION = 0x0100, 0x0101, 0x0112  # tags of TIFF and EXIF
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_picture(
    source: Source,
    *,
    role: str = "content",
    longest: int | None = None,
    max_pixels: int = MAX_PIXELS,
    mask: bool = False,
) -> Picture:
    """Open, check and decode a picture; every failure is an ImageError that names its role and file.

    longest: the largest side in pixels that will be asked of it; a large picture then takes less memory.
    max_pixels: refuse, before decoding, what claims to hold more. mask: what is transparent is black, not white.
    """
    with naming(f"{role} image {describe(source)}"):
        if isinstance(source, Image.Image):
            return _from_image(source, longest, max_pixels, mask=mask)
        if isinstance(source, np.ndarray):
            return _from_image(_from_array(source), longest, max_pixels, mask=mask)
        return _from_file(source, longest, max_pixels, mask=mask)


def load_image(source: Source, size: int | None = None) -> "torch.Tensor":
    """A picture as a tensor: float32 [1, 3, H, W], sRGB in 0..1; its longest side `size` if given."""
    picture = open_picture(source, longest=size)
    return picture.at(*(picture.size if size is None else fit(*picture.size, size)))


def fit(height: int, width: int, longest: int) -> tuple[int, int]:
    """Height and width, each at least 1, in the given proportion with that longest side."""
    side = max(height, width)
    return max(1, round(height * longest / side)), max(1, round(width * longest / side))


def check_result(height: int, width: int, max_pixels: int) -> None:
    """OptionsError for a result of more pixels than that, or than are usual."""
    limit = max(max_pixels, MAX_PIXELS)
    if height * width > limit:
        raise OptionsError(
            f"the result would have {width:,} x {height:,} pixels, and expected are {limit:,} at most: "
            "give a smaller size, or a larger --max-pixels"
        )


def to_pil(image: "torch.Tensor") -> Image.Image:
    """[1, 3, H, W], sRGB in 0..1 (clamped) -> an 8-bit "RGB" image, rounded to nearest."""
    if image.ndim != 4 or tuple(image.shape[:2]) != (1, 3):
        raise ValueError(f"expected an image tensor [1, 3, H, W], got {list(image.shape)}")
    return Image.fromarray(to_levels(image, 8))


def to_levels(image: "torch.Tensor", depth: int) -> npt.NDArray[np.unsignedinteger]:
    """[1, C, H, W] in 0..1 (clamped) -> [H, W, C] of uint8, or uint16 at a depth of 16, rounded to nearest."""
    _, channels, height, width = image.shape
    levels = np.empty((height, width, channels), np.uint8 if depth == 8 else np.uint16)
    for top in range(0, height, _ROWS):  # of a large picture no more than a part is there as floats
        rows = image.detach()[0, :, top : top + _ROWS].float()
        if not rows.isfinite().all():
            raise ValueError("expected an image of finite numbers, got NaN or infinity")
        levels[top : top + _ROWS] = rows.clamp(0, 1).mul_(2**depth - 1).round_().permute(1, 2, 0).cpu().numpy()
    return levels


def _from_file(path: object, longest: int | None, max_pixels: int, *, mask: bool) -> Picture:
    if not isinstance(path, str | os.PathLike):
        raise ImageError("is not a picture: expected a path, a Pillow image or an array of uint8")
    data = read(path, max_pixels)
    image = parse(data, max_pixels)
    digest = hashlib.sha256(data).hexdigest()
    if isinstance(image, JpegImageFile):
        return _from_jpeg(data, image, longest, digest)
    deep = not mask and is_deep(image, data)
    if deep and load_vips():
        return _from_deep(data, image, longest, digest)
    notes = cut_notes(image, deep=deep)
    return _from_image(image, longest, max_pixels, digest, mask=mask, notes=() if mask else notes)


def _from_jpeg(data: bytes, image: JpegImageFile, longest: int | None, digest: str) -> Picture:
    """Keep the file's bytes, and decode them at the scale that each size needs.

    The coarsest decoding, too, reads every byte, so it finds what is missing; and it is small enough to keep.
    """
    stored = image.size
    coarsest = coarsest_scale(stored, (1, 1))
    smallest, notes = opaque_srgb(_decode_jpeg(image, coarsest))

    def level(scale: int) -> Bands:
        if scale == coarsest:
            return (smallest,)
        return opaque_srgb(_decode_jpeg(JpegImageFile(io.BytesIO(data)), scale))[:1]

    turn, more_notes = _read_turn(image)
    icc = image.info.get("icc_profile")
    return Picture(level, stored, turn=turn, longest=longest, sha256=digest, notes=notes + more_notes, icc=icc)


def _decode_jpeg(image: JpegImageFile, scale: int) -> JpegImageFile:
    image.draft(None, (image.width // scale, image.height // scale))
    image.load()
    return image


def _from_deep(data: bytes, image: ImageFile.ImageFile, longest: int | None, digest: str) -> Picture:
    """The same of 16-bit samples, which Pillow does not decode here: it has read the header."""
    icc = image.info.get("icc_profile")
    # A PNG may end with its EXIF, which Pillow finds when it decodes
    known = image.format == "TIFF" or "exif" in image.info or b"eXIf" in data
    turn, more_notes = _read_turn(image) if known else (None, ())
    stored = image.size
    if isinstance(image, TiffImageFile):  # its size is upright already
        stored = image.tag_v2[_WIDTH], image.tag_v2[_HEIGHT]
    finest = 1 if longest is None else coarsest_scale(stored, (longest, longest))
    colours, alpha, notes = read_deep(data, str(image.format), stored, icc, finest)
    return _kept(
        colours, alpha, finest, stored, turn=turn, longest=longest, sha256=digest, notes=notes + more_notes, icc=icc
    )


def _from_image(
    image: Image.Image,
    longest: int | None,
    max_pixels: int,
    digest: str | None = None,
    *,
    mask: bool = False,
    notes: tuple[str, ...] = (),
) -> Picture:
    """Decode once, and keep no more pixels than `longest` needs."""
    check_size(image.size, max_pixels)
    image.load()
    # Read when loaded: Pillow turns a TIFF by itself then, and a PNG may end with its EXIF
    turn, more_notes = _read_turn(image)
    icc = image.info.get("icc_profile")
    image = image if digest else image.copy()  # callers may go on drawing in theirs
    alpha = None
    if mask:
        rgb, ignored = opaque_mask(image)
    else:
        colours, alpha, ignored = split_srgb(image)
        rgb = lay_on(colours, alpha)
    digest = digest or hashlib.sha256(f"{rgb.size}".encode() + rgb.tobytes()).hexdigest()
    finest = 1 if longest is None else coarsest_scale(rgb.size, (longest, longest))
    notes = ignored + more_notes + notes
    smaller = None if alpha is None else halve((alpha,), 1, finest)[0]
    return _kept(
        halve((rgb,), 1, finest), smaller, finest, rgb.size,
        turn=turn, longest=longest, sha256=digest, notes=notes, icc=icc,
    )  # fmt: skip


def _kept(colours: Bands, alpha: Image.Image | None, finest: int, stored: tuple[int, int], **rest: Any) -> Picture:
    """A picture of what was decoded, at 1/finest of its size."""
    if alpha is not None:
        least, most = cast("tuple[float, float]", alpha.getextrema())
        if most == 0:
            raise ImageError("is transparent all over")
        if least == (WHITE if alpha.mode == "F" else 255):
            alpha = None
    opacity = None if alpha is None else partial(halve, (alpha,), finest)
    return Picture(partial(halve, colours, finest), stored, alpha=opacity, **rest)


def _from_array(array: npt.NDArray[np.uint8]) -> Image.Image:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise ImageError(f"holds {array.dtype} {list(array.shape)}: expected uint8 [H, W] or [H, W, 1, 3 or 4]")
    if array.size == 0:
        raise ImageError(f"has no pixels: its shape is {list(array.shape)}")
    return Image.fromarray(array.squeeze(2) if array.ndim == 3 and channels == 1 else array)


def _read_turn(image: Image.Image) -> tuple[Image.Transpose | None, tuple[str, ...]]:
    """The turn that puts a stored picture upright, by its EXIF orientation."""
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1)), ()
    except Exception:  # broken metadata of any kind must not cost the picture
        return None, ("unreadable EXIF ignored: the picture may not be upright",)
