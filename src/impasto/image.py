"""Picture files to tensors: whatever comes in, upright opaque sRGB comes out, or one ImageError."""

import hashlib
import io
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from impasto.errors import ImageError, OptionsError
from impasto.imagefile import check_size, describe, naming, parse, read
from impasto.limits import MAX_PIXELS
from impasto.srgb import opaque_mask, opaque_srgb

if TYPE_CHECKING:
    import torch

Source: TypeAlias = str | os.PathLike[str] | Image.Image | npt.NDArray[np.uint8]
"""What every entry point takes for a picture; arrays are uint8, [H, W] or [H, W, 1, 3 or 4]."""

_Flatten: TypeAlias = Callable[[Image.Image], tuple[Image.Image, tuple[str, ...]]]

_SCALES = (8, 4, 2, 1)  # libjpeg decodes straight to these fractions of a picture's size

_ROWS = 256  # of a tensor that are made levels at a time

_ORIENTATION = 0x0112  # the EXIF tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {_TURNS[orientation] for orientation in (5, 6, 7, 8)}


class Picture:
    """A picture that has been opened, checked and wholly decoded once: upright, sRGB, opaque.

    size: (height, width) in pixels, upright, before any scaling.
    sha256: of the file's bytes; of the size and the sRGB pixels for a Pillow image or an array.
    notes: what could not be honoured, for people ("broken colour profile ignored").
    """

    def __init__(
        self,
        level: Callable[[int], Image.Image],
        stored: tuple[int, int],
        *,
        turn: Image.Transpose | None,
        longest: int | None,
        sha256: str,
        notes: tuple[str, ...],
    ) -> None:
        """`level(scale)` is the picture not yet turned, at 1/scale of `stored`, its own (width, height)."""
        self._level = level
        self._stored = stored
        self._turn = turn
        self._longest = longest
        self.size = stored if turn in _SIDEWAYS else stored[::-1]
        self.sha256 = sha256
        self.notes = notes

    def at(self, height: int, width: int) -> "torch.Tensor":
        """The whole picture at a size: float32 [1, 3, height, width], sRGB in 0..1, by Lanczos.

        The same bytes for the same source and size, whatever `longest` was. ValueError for a size beyond it.
        """
        if min(height, width) < 1 or (self._longest is not None and max(height, width) > self._longest):
            raise ValueError(f"expected 1 to {self._longest or 'any'} pixels a side, got {height} x {width}")
        asked = (height, width) if self._turn in _SIDEWAYS else (width, height)
        scale = _coarsest_scale(self._stored, asked)
        # The last column and row of a reduced picture may stand for less than `scale` pixels each
        box = (0.0, 0.0, self._stored[0] / scale, self._stored[1] / scale)
        image = self._level(scale).resize(asked, Image.Resampling.LANCZOS, box=box)
        return _to_tensor(image if self._turn is None else image.transpose(self._turn))


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
    flatten = opaque_mask if mask else opaque_srgb
    with naming(f"{role} image {describe(source)}"):
        if isinstance(source, Image.Image):
            return _from_image(source, longest, max_pixels, flatten)
        if isinstance(source, np.ndarray):
            return _from_image(_from_array(source), longest, max_pixels, flatten)
        return _from_file(source, longest, max_pixels, flatten)


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
    levels = np.empty((*image.shape[2:], 3), np.uint8)
    for top in range(0, len(levels), _ROWS):  # of a large picture no more than a part is there as floats
        rows = image.detach()[0, :, top : top + _ROWS].float()
        if not rows.isfinite().all():
            raise ValueError("expected an image of finite numbers, got NaN or infinity")
        levels[top : top + _ROWS] = rows.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).cpu().numpy()
    return Image.fromarray(levels)


def _from_file(path: object, longest: int | None, max_pixels: int, flatten: _Flatten) -> Picture:
    if not isinstance(path, str | os.PathLike):
        raise ImageError("is not a picture: expected a path, a Pillow image or an array of uint8")
    data = read(path, max_pixels)
    image = parse(data, max_pixels)
    digest = hashlib.sha256(data).hexdigest()
    if isinstance(image, JpegImageFile):
        return _from_jpeg(data, image, longest, digest)
    return _from_image(image, longest, max_pixels, flatten, digest)


def _from_jpeg(data: bytes, image: JpegImageFile, longest: int | None, digest: str) -> Picture:
    """Keep the file's bytes, and decode them at the scale that each size needs.

    The coarsest decoding, too, reads every byte, so it finds what is missing; and it is small enough to keep.
    """
    stored = image.size
    coarsest = _coarsest_scale(stored, (1, 1))
    smallest, notes = opaque_srgb(_decode_jpeg(image, coarsest))

    def level(scale: int) -> Image.Image:
        if scale == coarsest:
            return smallest
        return opaque_srgb(_decode_jpeg(JpegImageFile(io.BytesIO(data)), scale))[0]

    turn, more_notes = _read_turn(image)
    return Picture(level, stored, turn=turn, longest=longest, sha256=digest, notes=notes + more_notes)


def _decode_jpeg(image: JpegImageFile, scale: int) -> JpegImageFile:
    image.draft(None, (image.width // scale, image.height // scale))
    image.load()
    return image


def _from_image(
    image: Image.Image, longest: int | None, max_pixels: int, flatten: _Flatten, digest: str | None = None
) -> Picture:
    """Decode once, and keep no more pixels than `longest` needs."""
    check_size(image.size, max_pixels)
    image.load()
    # Read when loaded: Pillow turns a TIFF by itself then, and a PNG may end with its EXIF
    turn, more_notes = _read_turn(image)
    rgb, notes = flatten(image if digest else image.copy())  # callers may go on drawing in theirs
    digest = digest or hashlib.sha256(f"{rgb.size}".encode() + rgb.tobytes()).hexdigest()
    finest = 1 if longest is None else _coarsest_scale(rgb.size, (longest, longest))
    level = partial(_halve, _halve(rgb, 1, finest), finest)
    return Picture(level, rgb.size, turn=turn, longest=longest, sha256=digest, notes=notes + more_notes)


def _halve(image: Image.Image, scale: int, wanted: int) -> Image.Image:
    """From 1/scale to 1/wanted of the size; always by halves: the way there leaves no trace."""
    while scale < wanted:
        image, scale = image.reduce(2), scale * 2
    return image


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


def _coarsest_scale(stored: tuple[int, int], asked: tuple[int, int]) -> int:
    """The largest reduction that leaves both sides twice as long as asked, enough for Lanczos."""
    least = min(stored[0] // (2 * asked[0]), stored[1] // (2 * asked[1]))
    return next((scale for scale in _SCALES if scale <= least), 1)


def _to_tensor(image: Image.Image) -> "torch.Tensor":
    import torch

    samples = torch.from_numpy(np.array(image))  # [H, W, 3], uint8
    return samples.permute(2, 0, 1)[None].contiguous().float().div_(255)
