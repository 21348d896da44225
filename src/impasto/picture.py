"""A picture that has been opened: upright sRGB at any size, and how opaque it is."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np
from PIL import Image

from impasto.deep import WHITE
from impasto.srgb import can_be_written

if TYPE_CHECKING:
    import torch

Bands: TypeAlias = tuple[Image.Image, ...]  # one image in 0..255, "RGB" or "L", or several "F" in 0..65535
Level: TypeAlias = Callable[[int], Bands]  # a picture not yet turned, at 1/scale of its size

_SCALES = (8, 4, 2, 1)  # libjpeg decodes straight to these fractions of a picture's size
_SIDEWAYS = {
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
}


class Picture:
    """A picture that has been opened, checked and wholly decoded once: upright, in sRGB, over white.

    size: (height, width) in pixels, upright, before any scaling.
    sha256: of the file's bytes; of the size and the sRGB pixels for a Pillow image or an array.
    notes: what could not be honoured, for people ("broken colour profile ignored").
    profile: the file's own ICC profile, if it is one that sRGB pictures can be converted to.
    """

    def __init__(
        self,
        level: Level,
        stored: tuple[int, int],
        *,
        alpha: Level | None = None,
        turn: Image.Transpose | None,
        longest: int | None,
        sha256: str,
        notes: tuple[str, ...],
        icc: object = None,
    ) -> None:
        """`level(scale)` is the picture not yet turned, at 1/scale of `stored`, its own (width, height)."""
        self._level = level
        self._alpha = alpha
        self._stored = stored
        self._turn = turn
        self._longest = longest
        self.size = stored if turn in _SIDEWAYS else stored[::-1]
        self.sha256 = sha256
        self.notes = notes
        self.profile = cast(bytes, icc) if icc and can_be_written(icc) else None

    def at(self, height: int, width: int) -> "torch.Tensor":
        """The whole picture at a size: float32 [1, 3, height, width], sRGB in 0..1, by Lanczos.

        The same bytes for the same source and size, whatever `longest` was. ValueError for a size beyond it.
        """
        return self._sized(self._level, height, width)

    def opacity(self, height: int, width: int) -> "torch.Tensor | None":
        """How opaque it is there, [1, 1, height, width] in 0..1; None for a picture that is so everywhere."""
        return None if self._alpha is None else self._sized(self._alpha, height, width)

    def shown(self, longest: int) -> Image.Image:
        """The picture as a screen shows it, 8-bit "RGB" over white, no longer than that and no longer than it is."""
        height, width = self.size
        scale = min(1.0, longest / max(height, width))
        bands = self._bands(self._level, max(1, round(height * scale)), max(1, round(width * scale)))
        if bands[0].mode != "F":
            return bands[0]
        return Image.merge("RGB", [band.point(lambda level: level * (255 / WHITE)).convert("L") for band in bands])

    def _sized(self, level: Level, height: int, width: int) -> "torch.Tensor":
        return _to_tensor(self._bands(level, height, width))

    def _bands(self, level: Level, height: int, width: int) -> Bands:
        if min(height, width) < 1 or (self._longest is not None and max(height, width) > self._longest):
            raise ValueError(f"expected 1 to {self._longest or 'any'} pixels a side, got {height} x {width}")
        asked = (height, width) if self._turn in _SIDEWAYS else (width, height)
        scale = coarsest_scale(self._stored, asked)
        # The last column and row of a reduced picture may stand for less than `scale` pixels each
        box = (0.0, 0.0, self._stored[0] / scale, self._stored[1] / scale)
        bands = [band.resize(asked, Image.Resampling.LANCZOS, box=box) for band in level(scale)]
        return tuple(bands if self._turn is None else [band.transpose(self._turn) for band in bands])


def halve(bands: Bands, scale: int, wanted: int) -> Bands:
    """From 1/scale to 1/wanted of the size; always by halves: the way there leaves no trace."""
    while scale < wanted:
        bands, scale = tuple(band.reduce(2) for band in bands), scale * 2
    return bands


def coarsest_scale(stored: tuple[int, int], asked: tuple[int, int]) -> int:
    """The largest reduction that leaves both sides twice as long as asked, enough for Lanczos."""
    least = min(stored[0] // (2 * asked[0]), stored[1] // (2 * asked[1]))
    return next((scale for scale in _SCALES if scale <= least), 1)


def _to_tensor(bands: Sequence[Image.Image]) -> "torch.Tensor":
    import torch

    if bands[0].mode == "F":  # Lanczos shoots beyond the ends there
        return torch.stack([torch.from_numpy(np.array(band)) for band in bands])[None].div_(WHITE).clamp_(0, 1)
    samples = torch.from_numpy(np.array(bands[0]))  # [H, W, 3] or [H, W], uint8
    return samples.view(*samples.shape[:2], -1).permute(2, 0, 1)[None].contiguous().float().div_(255)
