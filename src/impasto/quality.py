"""How good a finished picture is: style and content error, border and grain, by code apart from the engine's.

The network here is VGG-19 as its authors trained it, in plain float32 (zero padding, max pooling), whatever the
picture was painted with: figures of several tools, presets and versions can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.architecture import CONVOLUTIONS
from impasto.errors import ImageError, ImpastoError, OptionsError, OutOfMemoryError, is_out_of_memory
from impasto.image import Source, fit, open_picture
from impasto.styles import style_source
from impasto.weights import load_weights

STYLE_TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_TAP = "relu4_2"
LEAST_SIDE = 16  # pixels: one position of relu5_1
TILE, MARGIN = 768, 80  # pixels a side computed at a time, and beyond them: relu5_1 sees 70; multiples of 16
STRIDES = {"relu1_1": 1, "relu2_1": 2, "relu3_1": 4, "relu4_1": 8, "relu4_2": 8, "relu5_1": 16}
OUTER, INNER = (0, 4), (8, 16)  # the rings of pixels whose levels are compared at a border

# Finds noise, and neither edges nor slopes (Immerkær 1996, Fast Noise Variance Estimation)
NOISE_FILTER = ((1.0, -2.0, 1.0), (-2.0, 4.0, -2.0), (1.0, -2.0, 1.0))
MEDIAN_TO_DEVIATION = 1.4826  # of normal noise


@dataclass(frozen=True)
class Report:
    """What was measured; errors are relative (0 is a perfect match), levels those of 0..255."""

    style: float  # mean over the taps of ‖G - A‖² / ‖A‖², Gram matrices per position
    content: float  # Σ (F - P)² / Σ P² at relu4_2
    border: float  # mean level of the outermost 4 pixels less that 8 to 16 further in, less the photograph's own
    grain: float  # deviation of the noise where the photograph is flattest, less the photograph's own
    taps: Mapping[str, float]  # the style error of each
    sides: Mapping[str, float]  # the border's, of each side

    def as_dict(self) -> dict[str, float]:
        """All figures by name."""
        return {
            "style": self.style,
            "content": self.content,
            "border": self.border,
            "grain": self.grain,
            **{f"style {tap}": value for tap, value in self.taps.items()},
            **{f"border {side}": value for side, value in self.sides.items()},
        }

    def table(self) -> str:
        """All figures, one on a line."""
        return "\n".join(f"{name:16} {value:8.4f}" for name, value in self.as_dict().items())


@torch.no_grad()
def measure(
    result: Source, content: Source, style: Source | Sequence[Source], *, weights: Sequence[float] = ()
) -> Report:
    """Measures a picture against the photograph and the styles that it was painted from.

    Both are brought to its longest side; a style is not enlarged. Several styles count by their `weights`, equally if
    none are given.

    Raises:
        ImpastoError: for what cannot be read, is too small or large, or has other proportions than the photograph.
    """
    styles: list[Source] = list(style) if isinstance(style, (list, tuple)) else [cast(Source, style)]
    shares = list(weights) or [1.0] * len(styles)
    if not styles or len(shares) != len(styles):
        raise OptionsError(
            f"expected styles and a weight for each: got {len(styles)} styles and {len(shares)} weights"
        )
    if not (min(shares) >= 0 and 0 < sum(shares) < math.inf):
        raise OptionsError(f"expected weights of 0 and more, a weight for each style, one above 0: got {shares}")
    try:
        return _report(result, content, styles, shares)
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, ImpastoError) or not is_out_of_memory(error):
            raise
        raise OutOfMemoryError("the pictures do not fit into this machine's memory: measure smaller ones") from error


def _report(result: Source, content: Source, styles: Sequence[Source], shares: Sequence[float]) -> Report:
    picture = _whole(result, "result")
    photograph = _fitted(content, picture)
    paintings = [_reduced(one, max(picture.shape)) for one in styles]  # a bad file ends it before the work starts
    network = _Network()
    found, content_error = network.compare(picture, photograph)
    targets = [network.compare(one)[0] for one in paintings]
    wanted = {tap: _mean([target[tap] for target in targets], shares) for tap in STYLE_TAPS}
    taps = {tap: _relative(found[tap], wanted[tap]) for tap in STYLE_TAPS}
    borders = [_borders(image) for image in (picture, photograph)]
    return Report(
        sum(taps.values()) / len(taps),
        content_error,
        borders[0]["all"] - borders[1]["all"],
        noise(picture, photograph) - noise(photograph, photograph),
        taps,
        {side: borders[0][side] - borders[1][side] for side in ("top", "bottom", "left", "right")},
    )


def noise(image: Tensor, flat: Tensor) -> float:
    """Deviation of the noise of a picture [1, 3, H, W] in 0..1 where another is flattest, in levels of 255.

    A median over that half of the pixels: noise in less than half of them does not show, nor do stripes along an
    axis, which the filter takes for edges. 8-bit pictures resolve about 0.1 of a level.
    """
    grey, guide = (one.mean(1, keepdim=True) for one in (image, flat))
    kernel = grey.new_tensor(NOISE_FILTER).view(1, 1, 3, 3) / 6  # of unit gain for noise
    residue = F.conv2d(grey, kernel).abs()
    mean, square = (F.avg_pool2d(F.pad(one, (4,) * 4, mode="replicate"), 9, 1) for one in (guide, guide.square()))
    spread = (square - mean.square())[..., 1:-1, 1:-1]
    level = spread.flatten().kthvalue(max(1, spread.numel() // 2)).values
    return float(residue[spread <= level].median()) * MEDIAN_TO_DEVIATION * 255


class _Network:
    """VGG-19 to relu5_1, on one tile of a picture at a time."""

    def __init__(self) -> None:
        self.tensors = load_weights("vgg19", deepest="conv5_1").tensors

    def compare(self, image: Tensor, photograph: Tensor | None = None) -> tuple[dict[str, Tensor], float]:
        """{style tap: Gram matrix [C, C] by the number of positions}, and Σ (F - P)² / Σ P² at the content tap."""
        sums = {tap: torch.zeros(()) for tap in STYLE_TAPS}
        counts = dict.fromkeys(STYLE_TAPS, 0)
        error = energy = 0.0
        for rows, columns in _tiles(image.shape[2], image.shape[3]):
            wanted = None if photograph is None else self._content(photograph, rows, columns)
            for tap, features in self._features(image, rows, columns):  # each is let go of before the next
                if tap in STYLE_TAPS:
                    flat = features[0].flatten(1)
                    sums[tap] = sums[tap] + flat @ flat.T
                    counts[tap] += flat.shape[1]
                elif wanted is not None:
                    error += float((features - wanted).square().sum())
                    energy += float(wanted.square().sum())
        return {tap: sums[tap] / counts[tap] for tap in STYLE_TAPS}, error / max(energy, 1e-30)

    def _content(self, image: Tensor, rows: range, columns: range) -> Tensor:
        return next(part for tap, part in self._features(image, rows, columns) if tap == CONTENT_TAP)

    def _features(self, image: Tensor, rows: range, columns: range) -> Iterator[tuple[str, Tensor]]:
        """Features of those pixels, at each tap, as they are in the whole picture."""
        top, left = max(0, rows.start - MARGIN), max(0, columns.start - MARGIN)
        crop = image[..., top : rows.stop + MARGIN, left : columns.stop + MARGIN]
        mean = image.new_tensor((103.939, 116.779, 123.68)).view(3, 1, 1)  # BGR, 0..255
        x = crop.flip(1) * 255 - mean
        for block, count in enumerate(CONVOLUTIONS["vgg19"], 1):
            for index in range(1, count + 1):
                name = f"conv{block}_{index}"
                x = F.conv2d(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"], padding=1).relu_()
                if (tap := f"relu{block}_{index}") in STRIDES:
                    yield tap, x[..., _part(rows, top, STRIDES[tap]), _part(columns, left, STRIDES[tap])]
                if tap == STYLE_TAPS[-1]:
                    return
            x = F.max_pool2d(x, 2)


def _tiles(height: int, width: int) -> Iterator[tuple[range, range]]:
    """Rows and columns of each tile; together they are the picture."""
    for rows in _steps(height):
        for columns in _steps(width):
            yield rows, columns


def _steps(length: int) -> list[range]:
    """The last one takes what is too short for a position of relu5_1."""
    starts = [start for start in range(0, length, TILE) if start == 0 or length - start >= LEAST_SIDE]
    return [range(start, stop) for start, stop in zip(starts, [*starts[1:], length], strict=True)]


def _part(pixels: range, origin: int, stride: int) -> slice:
    return slice((pixels.start - origin) // stride, (pixels.stop - origin) // stride)


def _whole(source: Source, role: str) -> Tensor:
    picture = open_picture(source, role=role)
    if min(picture.size) < LEAST_SIDE:
        height, width = picture.size
        raise ImageError(
            f"{role} image is {width} x {height} pixels: expected at least {LEAST_SIDE} a side to measure"
        )
    return picture.at(*picture.size)


def _fitted(source: Source, result: Tensor) -> Tensor:
    """The photograph in the result's size."""
    picture, size = open_picture(source, role="content"), (result.shape[2], result.shape[3])
    expected = fit(*picture.size, max(size))
    if max(abs(one - other) for one, other in zip(expected, size, strict=True)) > 1:
        raise ImageError(
            f"content image would be {expected[1]} x {expected[0]} pixels and the result is {size[1]} x {size[0]}: "
            "expected the photograph that it was painted from"
        )
    return picture.at(*size)


def _reduced(source: Source, longest: int) -> Tensor:
    """A style with no more than that longest side."""
    picture = open_picture(style_source(source), role="style")
    if min(picture.size) < LEAST_SIDE:
        raise ImageError(f"style image is smaller than {LEAST_SIDE} pixels a side: too small to measure")
    least = math.ceil(LEAST_SIDE * max(picture.size) / min(picture.size))  # of a narrow one
    return picture.at(*fit(*picture.size, min(max(longest, least), max(picture.size))))


def _mean(matrices: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    return torch.stack([share * one for share, one in zip(shares, matrices, strict=True)]).sum(0) / math.fsum(shares)


def _relative(value: Tensor, target: Tensor) -> float:
    return float((value - target).square().sum() / target.square().sum().clamp_min(1e-30))


def _borders(image: Tensor) -> dict[str, float]:
    """Mean grey level of the outer ring less that of the inner one, all around and along each side."""
    grey = image[0].mean(0) * 255
    rings = [_ring(grey, *bounds) for bounds in (OUTER, INNER)]
    height, width = grey.shape
    limit = INNER[1]
    sides = {"all": torch.ones_like(grey, dtype=torch.bool)}
    for side, part in {
        "top": (slice(0, limit), slice(limit, width - limit)),  # without the corners
        "bottom": (slice(max(0, height - limit), height), slice(limit, width - limit)),
        "left": (slice(limit, height - limit), slice(0, limit)),
        "right": (slice(limit, height - limit), slice(max(0, width - limit), width)),
    }.items():
        sides[side] = torch.zeros_like(grey, dtype=torch.bool)
        sides[side][part] = True
    return {side: _level(grey, rings[0] & part) - _level(grey, rings[1] & part) for side, part in sides.items()}


def _level(grey: Tensor, where: Tensor) -> float:
    """The mean there; 0 for a picture that is too small to have such a ring."""
    return float(grey[where].mean()) if where.any() else 0.0


def _ring(grey: Tensor, outer: int, inner: int) -> Tensor:
    inside = torch.zeros_like(grey, dtype=torch.bool)
    inside[outer : grey.shape[0] - outer, outer : grey.shape[1] - outer] = True
    inside[inner : grey.shape[0] - inner, inner : grey.shape[1] - inner] = False
    return inside
