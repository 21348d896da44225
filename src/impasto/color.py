"""Colours: lightness and chroma apart, the photograph's kept, the style's matched to it. Pure functions of tensors.

Pictures are [1, 3, H, W], sRGB in 0..1. Everything happens in Oklab (Ottosson 2020): its lightness is the eye's, and
along a line of one hue in it colours keep that hue: docs/method.md#colours. Pixels are worked on a block at a time,
in float32 or better, so that a picture of any size needs little more than its result. Nothing here has gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.linalg import matrix_norm as norm

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

GAIN = 3.0  # how much colours may be spread at the most: a flat picture's noise is not to become its colours
BISECTIONS = 24  # halvings in search of a chroma or of a spread: to within 1e-7 of it
BLOCK = 1 << 16  # pixels worked on at a time: they stay in the processor's cache
LOST = 0.002  # the part of a picture that a map may lose in black, and in white
LEAST_SPREAD = 1e-10  # a variance in Oklab, far below what eight bits can show; nothing is divided by less


def to_oklab(image: Tensor) -> Tensor:
    """[1, 3, H, W] -> [1, 3, H, W]: lightness in 0..1, green to red, blue to yellow (both within ±0.4)."""
    return _by_block(_lab, image)


def from_oklab(lab: Tensor) -> Tensor:
    """The inverse of `to_oklab`; colours outside of sRGB come out beyond 0..1."""
    return _by_block(_srgb, lab)


def in_gamut(lab: Tensor) -> Tensor:
    """Oklab -> Oklab that sRGB has: the same hue, lightness in 0..1, chroma no higher than sRGB allows there.

    Colours that are inside stay exactly as they are.
    """
    return _by_block(_allowed, lab)


def to_srgb(lab: Tensor) -> Tensor:
    """Oklab -> sRGB in 0..1, by way of `in_gamut`."""
    return _by_block(_displayed, lab)


def to_grey(image: Tensor) -> Tensor:
    """A picture's lightness as neutral grey: three equal channels."""
    return _by_block(lambda colors: _grey(_lab(colors)[:1]), image)


def match_lightness(source: Tensor, target: Tensor, part: Tensor | None = None) -> Tensor:
    """A grey picture with the mean and standard deviation of another's lightness (Gatys et al. 2016b, sec. 4).

    Nothing is spread more than `GAIN` times, and what would leave 0..1 is cut off. part: whether each
    pixel of the source counts, [1, 1, H, W]; None: all do.
    """
    lightness, wanted = to_oklab(source)[:, :1], to_oklab(target)[:, :1]
    counted = lightness if part is None else lightness[part]
    gain = wanted.std(correction=0) / counted.std(correction=0).clamp_min(LEAST_SPREAD**0.5)
    matched = (lightness - counted.mean()) * gain.clamp_max(GAIN) + wanted.mean()
    return _by_block(_grey, matched.clamp_(0, 1).expand(-1, 3, -1, -1))


def keep_color(painted: Tensor, photograph: Tensor) -> Tensor:
    """The lightness of the painted picture with hue and chroma of the photograph (Gatys et al. 2016b, sec. 4).

    That is arXiv 1606.05897, in YIQ; ours is in Oklab. Where sRGB has less chroma in the painted lightness, it is
    lower. ValueError when the two differ in size.
    """
    if painted.shape != photograph.shape:
        sizes = f"{list(painted.shape)} and {list(photograph.shape)}"
        raise ValueError(f"expected a painted picture and a photograph of one size, got {sizes}")
    return _by_block(lambda new, old: _displayed(torch.cat([_lab(new)[:1], _lab(old)[1:]])), painted, photograph)


@dataclass(frozen=True, eq=False)
class ColorMap:
    """A linear map of colours in Oklab: c -> A (c - before) + after. In float64, wherever the pictures are."""

    matrix: Tensor  # A [3, 3], symmetric, its eigenvalues in 0..GAIN
    before: Tensor  # mean colour [3] of the source
    after: Tensor  # mean colour [3] of the target
    reach: tuple[float, float]  # lightness of the source's darkest and lightest parts once mapped, beyond 0..1 or not


def color_map(source: Tensor, target: Tensor) -> ColorMap:
    """The map that gives the source the target's mean and covariance of colours (Gatys et al. 2017, sec. 5).

    Of all linear maps that do, the one that changes colours least (Pitié & Kokaram 2007, the Monge-Kantorovich map).
    Where the source hardly varies, it is taken to vary just so much that nothing is spread more than `GAIN` times.
    Small versions of the pictures will do.
    """
    colors = _colors(source)
    (before, spread), (after, wanted) = _moments(colors), _moments(_colors(target))
    matrix = _gentle(spread, wanted)
    lightness = (matrix[0] @ (colors - before[:, None]) + after[0]).sort().values
    lost = round(LOST * (len(lightness) - 1))
    return ColorMap(matrix, before, after, (lightness[lost].item(), lightness[-1 - lost].item()))


def apply_color_map(image: Tensor, colors: ColorMap) -> Tensor:
    """A picture of any size with its colours mapped, in 0..1.

    Lights and shadows that would leave 0..1 are bent back, so that what is painted in them is still seen; chroma that
    sRGB lacks is lowered as by `in_gamut`.
    """
    offset = (colors.after - colors.matrix @ colors.before)[:, None]

    def mapped(block: Tensor) -> Tensor:
        lab = colors.matrix.to(block) @ _lab(block) + offset.to(block)
        return _displayed(torch.cat([_eased(lab[:1], *colors.reach), lab[1:]]))

    return _by_block(mapped, image)


def _by_block(convert: Callable[..., Tensor], *pictures: Tensor) -> Tensor:
    """[1, 3, H, W] of the first one's dtype: what `convert` makes of the pictures' colours, [3, n] at a time."""
    result = torch.empty(pictures[0].shape, dtype=pictures[0].dtype, device=pictures[0].device)
    precise = torch.promote_types(result.dtype, torch.float32)
    blocks = (torch.split(one[0].flatten(1), BLOCK, 1) for one in pictures)
    with torch.no_grad():
        for out, *colors in zip(torch.split(result[0].flatten(1), BLOCK, 1), *blocks, strict=True):
            out.copy_(convert(*(one.to(precise) for one in colors)))
    return result


def _lab(colors: Tensor) -> Tensor:
    """sRGB [3, n] -> Oklab [3, n]."""
    linear = torch.where(colors <= 0.04045, colors / 12.92, ((colors.clamp_min(0) + 0.055) / 1.055) ** 2.4)
    cones = _matrix(_CONES, colors) @ linear
    return _matrix(_OPPONENTS, colors) @ (cones.sign() * cones.abs() ** (1 / 3))


def _linear(cube_roots: Tensor) -> Tensor:
    """Cube roots of cone responses [3, n] -> linear sRGB [3, n]."""
    return _matrix(_CONES, cube_roots, inverse=True) @ cube_roots**3


def _curve(linear: Tensor) -> Tensor:
    """Linear sRGB -> sRGB (IEC 61966-2-1)."""
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055)


def _srgb(lab: Tensor) -> Tensor:
    return _curve(_linear(_matrix(_OPPONENTS, lab, inverse=True) @ lab))


def _displayed(lab: Tensor) -> Tensor:
    return _srgb(_allowed(lab)).clamp_(0, 1)


def _grey(lightness: Tensor) -> Tensor:
    """Lightness [1, n] (or [3, n], each for itself) -> neutral sRGB [3, n], in 0..1."""
    return _curve(lightness.clamp(0, 1) ** 3).expand(3, -1)  # Oklab's lightness of a grey is its light's cube root


def _allowed(lab: Tensor) -> Tensor:
    """Oklab [3, n] -> Oklab [3, n] inside of sRGB."""
    lab = torch.cat([lab[:1].clamp(0, 1), lab[1:]])
    slack = 24 * torch.finfo(lab.dtype).eps  # of rounding: sRGB's own corners come out beyond 0..1 by so much
    linear = _linear(_matrix(_OPPONENTS, lab, inverse=True) @ lab)
    outside = ((linear < -slack) | (linear > 1 + slack)).any(0)
    if outside.any():
        lab[:, outside] = _less_chroma(lab[:, outside])
    return lab


def _less_chroma(lab: Tensor) -> Tensor:
    """Oklab [3, n] -> the same lightness and hue, with the chroma at which each colour enters sRGB.

    A line of one hue enters it once, but for a dent of sRGB beside blue, whose far side is blue itself.
    """
    to_cones = _matrix(_OPPONENTS, lab, inverse=True)
    grey, tint = to_cones[:, :1] * lab[:1], to_cones[:, 1:] @ lab[1:]
    low, high = torch.zeros_like(lab[0]), torch.ones_like(lab[0])
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        linear = _linear(grey + middle * tint)
        outside = ((linear < 0) | (linear > 1)).any(0)
        low, high = torch.where(outside, low, middle), torch.where(outside, middle, high)
    return torch.cat([lab[:1], lab[1:] * low])


def _eased(lightness: Tensor, low: float, high: float) -> Tensor:
    """Lightness with `low` brought up to 0 and `high` down to 1, where they are beyond; the middle half stays."""
    lights, shadows = max(high - 0.75, 0.25), max(0.25 - low, 0.25)
    lightness = torch.where(lightness > 0.75, 0.75 + _rolled_off(lightness - 0.75, lights), lightness)
    return torch.where(lightness < 0.25, 0.25 - _rolled_off(0.25 - lightness, shadows), lightness)


def _rolled_off(excess: Tensor, most: float) -> Tensor:
    """0..most -> 0..0.25, with slope 1 at 0 (Reinhard et al. 2002, eq. 4); as it is where `most` is 0.25."""
    excess = excess / 0.25
    return 0.25 * excess * (1 + excess / (4 * most) ** 2) / (1 + excess)


def _colors(image: Tensor) -> Tensor:
    """Oklab [3, n] in float64, on the CPU: not every device has float64."""
    return to_oklab(image.detach().cpu().double())[0].flatten(1)


def _moments(colors: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [3] and covariance [3, 3] of colours [3, n]."""
    return colors.mean(1), colors.cov(correction=0)


def _gentle(spread: Tensor, wanted: Tensor) -> Tensor:
    """The matrix that takes one covariance to another, with the first's variances raised until it keeps to `GAIN`."""
    values, vectors = torch.linalg.eigh(spread)

    def matrix(least: float) -> Tensor:
        return _monge(vectors @ torch.diag(values.clamp_min(least)) @ vectors.T, wanted)

    low = LEAST_SPREAD  # the more variance, the smaller the map; at `high` it is no larger than GAIN
    high = max(low, float(norm(wanted, 2)) / GAIN**2)
    if norm(matrix(low), 2) <= GAIN:
        return matrix(low)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if norm(matrix(middle), 2) > GAIN else (low, middle)
    return matrix(high)


def _monge(spread: Tensor, wanted: Tensor) -> Tensor:
    """S^-½ (S^½ T S^½)^½ S^-½ [3, 3] (Pitié & Kokaram 2007): symmetric, takes covariance S to T."""
    root, inverse = _power(spread, 0.5), _power(spread, -0.5)
    return inverse @ _power(root @ wanted @ root, 0.5) @ inverse


def _power(matrix: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    result: Tensor = vectors @ torch.diag(values.clamp_min(0) ** exponent) @ vectors.T
    return result


def _matrix(rows: tuple[tuple[float, ...], ...], like: Tensor, *, inverse: bool = False) -> Tensor:
    matrix = torch.tensor(rows, dtype=torch.float64)
    return (matrix.inverse() if inverse else matrix).to(like)
