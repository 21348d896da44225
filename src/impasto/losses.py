"""The losses of style transfer, as pure functions of features and of sums over their positions.

Features are [1, C, H, W], channels last; N = H·W is the number of positions. All that a loss needs of the features
is a sum over positions, so that the sums of tiles, or of machines, can simply be added. Beside each sum stands the
function that adds its gradient, in place, to a gradient that is being gathered for the features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import torch
from torch import Tensor

BAND, GPU_BAND = 1 << 16, 1 << 22  # positions of a part of an image that are copied at a time
GRAM_BLOCK = 4096  # positions summed at a time, in half precision: their number may be millions
LEVELS = 255  # published weights of total variation are for pixels in 0..255

ContentLoss = Literal["relative", "gatys", "sum", "mean"]
StyleLoss = Literal["relative", "gatys", "seed", "mean"]
VariationLoss = Literal["squared", "power", "absolute"]


def gram_matrix(features: Tensor, guide: Tensor | None = None) -> Tensor:
    """[1, C, H, W] -> [C, C] in float32 or better, summed over positions: F Fᵀ (Gatys et al. 2016, eq. 3).

    With a guide [1, 1, H, W] each position counts by its share, T² F Fᵀ with the guide T² (Gatys et al. 2017, eq. 5).
    """
    parts = []
    for band, share in _bands(features, guide):
        assert band is not None, "of features"
        positions = _rows(band)
        weighted = positions if share is None else positions * _rows(share).to(positions.dtype)
        if positions.dtype in (torch.float32, torch.float64) and positions.device.type != "mps":
            parts.append(weighted.T @ positions)
        else:  # Apple's sum past the end of 32,767 positions and more: pytorch#193487
            parts += (_block_products if positions.device.type == "cpu" else batched_products)(weighted, positions)
    return torch.stack(parts).sum(0)


def _block_products(left: Tensor, right: Tensor) -> list[Tensor]:
    """Products [C, C] of [N, C] and [N, C] in half precision, so many positions at a time, in float32."""
    blocks = zip(*(torch.split(side, GRAM_BLOCK) for side in (left, right)), strict=True)
    return [(one.T @ other).float() for one, other in blocks]


def batched_products(left: Tensor, right: Tensor) -> list[Tensor]:
    """The same sums with all products asked for at once: of a GPU, where each takes longer to begin than to make."""
    count = len(left) // GRAM_BLOCK
    batch, rest = zip(*(side.tensor_split([count * GRAM_BLOCK]) for side in (left, right)), strict=True)
    parts = [(rest[0].T @ rest[1]).float()] if len(rest[0]) else []
    if count:
        one, other = (side.view(count, GRAM_BLOCK, -1) for side in batch)
        parts.append(torch.bmm(one.mT, other).float().sum(0))
    return parts


def add_gram_gradient(grad: Tensor, features: Tensor, sensitivity: Tensor, guide: Tensor | None = None) -> None:
    """grad [1, C, H, W] += (S + Sᵀ) F, where S [C, C] is the loss's gradient of the Gram matrix; times the guide."""
    matrix = (sensitivity + sensitivity.T).to(features.dtype)
    for band, sums, share in _bands(features, grad, guide):
        assert band is not None, "of features"
        assert sums is not None, "of their gradient"
        rows, target = (tensor[0].permute(1, 2, 0) for tensor in (band, sums))  # [H, W, C]
        if share is not None:
            rows = rows * share[0].permute(1, 2, 0).to(rows.dtype)
        if target.device.type == "mps":  # whose products do not write into a part of a tensor
            target.add_(rows @ matrix)
        else:
            torch.baddbmm(target, rows, matrix.expand(rows.shape[0], -1, -1), out=target)


def _bands(*images: Tensor | None) -> Iterator[tuple[Tensor | None, ...]]:
    """The same rows of images [1, C, H, W]: all; but few at a time of a part of an image, as products copy those."""
    first = images[0]
    assert first is not None, "the one that decides"
    whole = first[0].permute(1, 2, 0).is_contiguous()
    band = BAND if first.device.type == "cpu" else GPU_BAND
    step = first.shape[2] if whole else max(1, band // first.shape[3])
    for top in range(0, first.shape[2], step):
        yield tuple(None if image is None else image[:, :, top : top + step] for image in images)


def _rows(features: Tensor) -> Tensor:
    return features[0].permute(1, 2, 0).reshape(-1, features.shape[1])  # [N, C]


def squared_error(features: Tensor, target: Tensor) -> Tensor:
    """Σ (F - P)² in float32 or better, a number (Gatys et al. 2016, eq. 1, without its ½)."""
    return energy(features - target)


def energy(features: Tensor) -> Tensor:
    """Σ F² in float32 or better, a number."""
    return features.to(torch.promote_types(features.dtype, torch.float32)).square().sum()


def channel_sums(features: Tensor) -> Tensor:
    """Σ F and Σ F² over positions, [2, 1, C] in float32 or better."""
    values = features.to(torch.promote_types(features.dtype, torch.float32))
    return torch.stack([values.sum((2, 3)), values.square().sum((2, 3))])


def add_squared_error_gradient(grad: Tensor, features: Tensor, target: Tensor, sensitivity: Tensor) -> None:
    """grad [1, C, H, W] += 2 s (F - P), where s is the loss's gradient of the squared error."""
    grad.add_((features - target) * (2 * sensitivity).to(features.dtype))


def variation(image: Tensor, axis: int) -> Tensor:
    """Σ of the squared differences of neighbours along an axis of [1, C, H, W], a number.

    Over both axes it is Σ (dx² + dy²), the total variation of the Lua neural-style without its ½: smooth, unlike a
    sum of absolute differences.
    """
    return image.diff(dim=axis).square().sum()


def add_variation_gradient(grad: Tensor, image: Tensor, axis: int, sensitivity: Tensor) -> None:
    """grad [1, C, H, W] += s times the gradient of `variation`."""
    difference = image.diff(dim=axis).mul_(2 * sensitivity)
    grad.narrow(axis, 1, difference.shape[axis]).add_(difference)
    grad.narrow(axis, 0, difference.shape[axis]).sub_(difference)


def power_variation(image: Tensor) -> Tensor:
    """Σ (dx² + dy²)^1.25 over the pixels of [1, C, H, W] that have both neighbours, in levels of 255: the seed's."""
    down, across = _corners(image)
    return (down.square() + across.square()).pow(1.25).sum()


def add_power_variation_gradient(grad: Tensor, image: Tensor, *, sensitivity: Tensor) -> None:
    """grad [1, C, H, W] += s times the gradient of `power_variation`."""
    down, across = _corners(image)
    slope = (down.square() + across.square()).pow_(0.25).mul_(2.5 * LEVELS * sensitivity)
    down, across = down * slope, across * slope
    grad[..., 1:, :-1] += down
    grad[..., :-1, 1:] += across
    grad[..., :-1, :-1] -= down + across


def absolute_variation(image: Tensor, axis: int) -> Tensor:
    """Σ |differences| of neighbours along an axis, in levels of 255: over both, neural-style-pt's total variation."""
    return LEVELS * image.diff(dim=axis).abs().sum()


def add_absolute_variation_gradient(grad: Tensor, image: Tensor, axis: int, sensitivity: Tensor) -> None:
    """grad [1, C, H, W] += s times the gradient of `absolute_variation`; 0 where neighbours are equal."""
    sign = image.diff(dim=axis).sign_().mul_(LEVELS * sensitivity)
    grad.narrow(axis, 1, sign.shape[axis]).add_(sign)
    grad.narrow(axis, 0, sign.shape[axis]).sub_(sign)


def _corners(image: Tensor) -> tuple[Tensor, Tensor]:
    """Differences to the lower and to the right neighbour of all pixels that have both, [1, C, H-1, W-1]."""
    corner = image[..., :-1, :-1]
    return (image[..., 1:, :-1] - corner) * LEVELS, (image[..., :-1, 1:] - corner) * LEVELS


def relative_error(value: Tensor, target: Tensor) -> Tensor:
    """‖X - Y‖² / ‖Y‖², a number: 0 when equal, 1 when X = 0. Ours: docs/method.md#relative-errors."""
    return (value - target).square().sum() / target.square().sum().clamp_min(torch.finfo(target.dtype).tiny)


def style_relative(gram: Tensor, target: Tensor, positions: float, pixels: int) -> Tensor:
    """‖G/N - A‖² / ‖A‖², ours. As of every style loss here, G and A [C, C] are per position: docs/method.md#style."""
    return relative_error(gram, target)


def style_gatys(gram: Tensor, target: Tensor, positions: float, pixels: int) -> Tensor:
    """Σ (G - A)² / (4 C² N²) (Gatys et al. 2016, eq. 4)."""
    return (gram - target).square().sum() / (4 * gram.shape[0] ** 2)


def style_seed(gram: Tensor, target: Tensor, positions: float, pixels: int) -> Tensor:
    """Σ (G - A)² / (4 (3 H₀ W₀)²), with H₀ W₀ the pixels of the picture at every layer: the seed's script."""
    return ((gram - target) * (positions / (3 * pixels))).square().sum() / 4


def style_mean(gram: Tensor, target: Tensor, positions: float, pixels: int) -> Tensor:
    """The mean over C × C of (G/(C N) - A/(C N))²: neural-style, neural-style-pt."""
    return ((gram - target) / gram.shape[0]).square().mean()


def content_relative(error: Tensor, energy: Tensor, count: int) -> Tensor:
    """Σ (F - P)² / Σ P², ours; of every content loss here, error = Σ (F - P)²: docs/method.md#content."""
    return error / energy


def content_gatys(error: Tensor, energy: Tensor, count: int) -> Tensor:
    """½ Σ (F - P)² (Gatys et al. 2016, eq. 1)."""
    return error / 2


def content_sum(error: Tensor, energy: Tensor, count: int) -> Tensor:
    """Σ (F - P)²: the seed's TensorFlow script."""
    return error


def content_mean(error: Tensor, energy: Tensor, count: int) -> Tensor:
    """The mean of (F - P)² over `count` = C·N numbers: neural-style, neural-style-pt."""
    return error / count


def variation_per_pixel(variation: Tensor, positions: int) -> Tensor:
    """Σ (dx² + dy²) / N, ours: docs/method.md#total-variation."""
    return variation / positions


def variation_sum(variation: Tensor, positions: int) -> Tensor:
    """The sum as it is: the seed, neural-style-pt."""
    return variation


class AddGradient(Protocol):
    """Adds the gradient of a sum over features, in place."""

    def __call__(self, grad: Tensor, image: Tensor, /, *, sensitivity: Tensor) -> None: ...


@dataclass(frozen=True)
class VariationFormula:
    """A total variation: sums of differences along axes, apart or together, and what is made of their total."""

    sums: tuple[tuple[tuple[int, ...], Callable[[Tensor], Tensor], AddGradient], ...]
    loss: Callable[[Tensor, int], Tensor]


CONTENT_LOSSES: dict[ContentLoss, Callable[[Tensor, Tensor, int], Tensor]] = {
    "relative": content_relative,
    "gatys": content_gatys,
    "sum": content_sum,
    "mean": content_mean,
}
STYLE_LOSSES: dict[StyleLoss, Callable[[Tensor, Tensor, float, int], Tensor]] = {
    "relative": style_relative,
    "gatys": style_gatys,
    "seed": style_seed,
    "mean": style_mean,
}
VARIATION_LOSSES: dict[VariationLoss, VariationFormula] = {
    "squared": VariationFormula(
        tuple(
            ((axis,), partial(variation, axis=axis), partial(add_variation_gradient, axis=axis)) for axis in (2, 3)
        ),
        variation_per_pixel,
    ),
    "power": VariationFormula((((2, 3), power_variation, add_power_variation_gradient),), variation_sum),
    "absolute": VariationFormula(
        tuple(
            ((axis,), partial(absolute_variation, axis=axis), partial(add_absolute_variation_gradient, axis=axis))
            for axis in (2, 3)
        ),
        variation_sum,
    ),
}
