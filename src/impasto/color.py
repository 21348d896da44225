"""Colours: lightness and chroma apart, the photograph's kept, the style's matched to it. Pure functions of tensors.

Pictures are [1, 3, H, W], sRGB in 0..1. Everything happens in Oklab (Ottosson 2020): its lightness is the eye's, and
along a line of one hue in it colours keep that hue.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Linear sRGB -> cone responses, and their cube roots -> Oklab (Ottosson 2020, "A perceptual color space")
_CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_OPPONENTS = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)

LEAST_VARIANCE = 1e-4  # of Oklab's axes, added to every covariance: a spread of 0.01 is hardly seen
GAIN = 3.0  # how much the match may stretch colours, at the most: beyond it lies noise
BISECTIONS = 12  # to bring a chroma into the gamut, to within 1/4096 of it


def to_oklab(image: Tensor) -> Tensor:
    """[1, 3, H, W] -> [1, 3, H, W]: lightness in 0..1, green to red, blue to yellow."""
    linear = torch.where(image <= 0.04045, image / 12.92, ((image.clamp_min(0) + 0.055) / 1.055) ** 2.4)
    cones = _mixed(linear, _matrix(_CONES, image))
    return _mixed(cones.sign() * cones.abs() ** (1 / 3), _matrix(_OPPONENTS, image))


def from_oklab(lab: Tensor) -> Tensor:
    """The inverse of `to_oklab`; colours outside of sRGB come out beyond 0..1."""
    cones = _mixed(lab, _matrix(_OPPONENTS, lab, inverse=True)) ** 3
    linear = _mixed(cones, _matrix(_CONES, lab, inverse=True))
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055)


def to_srgb(lab: Tensor) -> Tensor:
    """Oklab -> sRGB in 0..1; for a colour that sRGB lacks, the same lightness and hue, with the chroma it has."""
    lightness, chroma = lab[:, :1].clamp(0, 1), lab[:, 1:]
    image = from_oklab(torch.cat([lightness, chroma], 1))
    outside = _outside(image)
    if outside.any():
        low, high = torch.zeros_like(lightness), torch.ones_like(lightness)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            beyond = _outside(from_oklab(torch.cat([lightness, chroma * middle], 1)))
            low, high = torch.where(beyond, low, middle), torch.where(beyond, middle, high)
        reduced = from_oklab(torch.cat([lightness, chroma * low], 1))
        image = torch.where(outside, reduced, image)
    return image.clamp_(0, 1)


def to_grey(image: Tensor) -> Tensor:
    """A picture's lightness as neutral grey."""
    lab = to_oklab(image)
    return from_oklab(torch.cat([lab[:, :1], torch.zeros_like(lab[:, 1:])], 1)).clamp_(0, 1)


def match_lightness(source: Tensor, target: Tensor) -> Tensor:
    """A grey picture with the mean and the standard deviation of another's lightness (Gatys et al. 2016b, sec. 4)."""
    lightness, wanted = to_oklab(source)[:, :1], to_oklab(target)[:, :1]
    gain = (wanted.std(correction=0) / lightness.std(correction=0).clamp_min(LEAST_VARIANCE**0.5)).clamp_max(GAIN)
    matched = ((lightness - lightness.mean()) * gain + wanted.mean()).clamp_(0, 1)
    return from_oklab(torch.cat([matched, torch.zeros_like(matched), torch.zeros_like(matched)], 1)).clamp_(0, 1)


def keep_color(painted: Tensor, photograph: Tensor) -> Tensor:
    """The lightness of the painted picture with hue and chroma of the photograph (Gatys et al. 2016b, sec. 4).

    Gatys, Bethge, Hertzmann & Shechtman, Preserving Color in Neural Artistic Style Transfer, arXiv 1606.05897.
    """
    return to_srgb(torch.cat([to_oklab(painted)[:, :1], to_oklab(photograph)[:, 1:]], 1))


@dataclass(frozen=True)
class ColorMap:
    """A linear map of colours in Oklab: c -> A (c - from) + to."""

    matrix: Tensor  # A [3, 3], symmetric, positive
    before: Tensor  # mean colour [3] of the source
    after: Tensor  # mean colour [3] of the target


def color_map(source: Tensor, target: Tensor) -> ColorMap:
    """The map that gives the source the target's mean and covariance of colours (Gatys et al. 2017, sec. 5).

    Of all linear maps that do, the one that changes colours least: S^-½ (S^½ T S^½)^½ S^-½ (Pitié & Kokaram 2007).
    """
    (before, spread), (after, wanted) = _moments(source), _moments(target)
    root, inverse = _power(spread, 0.5), _power(spread, -0.5)
    matrix = inverse @ _power(root @ wanted @ root, 0.5) @ inverse
    values, vectors = torch.linalg.eigh(matrix)
    return ColorMap(vectors @ torch.diag(values.clamp_max(GAIN)) @ vectors.T, before, after)


def apply_color_map(image: Tensor, colors: ColorMap) -> Tensor:
    """A picture of any size with its colours mapped, in 0..1."""
    before, after = (mean.to(image).view(3, 1, 1) for mean in (colors.before, colors.after))
    return to_srgb(_mixed(to_oklab(image) - before, colors.matrix.to(image)) + after)


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean colour [3] and covariance [3, 3] in Oklab, in float64, never singular."""
    colors = to_oklab(image.double())[0].flatten(1)
    centred = colors - colors.mean(1, keepdim=True)
    return colors.mean(1), centred @ centred.T / colors.shape[1] + LEAST_VARIANCE * torch.eye(3).to(colors)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    result: Tensor = vectors @ torch.diag(values.clamp_min(1e-12) ** exponent) @ vectors.T
    return result


def _mixed(image: Tensor, matrix: Tensor) -> Tensor:
    """[1, 3, H, W] -> [1, 3, H, W], each pixel's vector times the matrix."""
    return (matrix @ image.flatten(2)).view_as(image)


def _matrix(rows: tuple[tuple[float, ...], ...], like: Tensor, *, inverse: bool = False) -> Tensor:
    matrix = torch.tensor(rows, dtype=torch.float64)
    return (matrix.inverse() if inverse else matrix).to(like)


def _outside(image: Tensor) -> Tensor:
    """[1, 1, H, W]: whether a pixel is beyond 0..1 by more than rounding."""
    return ((image < -1e-4) | (image > 1 + 1e-4)).any(1, keepdim=True)
