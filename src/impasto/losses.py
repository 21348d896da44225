"""The losses of style transfer, as pure functions of features and of sums over their positions.

Features are [1, C, H, W], channels last; N = H·W is the number of positions. All that a loss needs of the features
is a sum over positions, so that the sums of tiles, or of machines, can simply be added. Beside each sum stands the
function that adds its gradient, in place, to a gradient that is being gathered for the features.
"""

from __future__ import annotations

import torch
from torch import Tensor

GRAM_BLOCK = 4096  # positions summed at a time, in half precision: their number may be millions


def gram_matrix(features: Tensor) -> Tensor:
    """[1, C, H, W] -> [C, C] in float32 or better, summed over positions: F Fᵀ (Gatys et al. 2016, eq. 3)."""
    positions = features[0].permute(1, 2, 0).reshape(-1, features.shape[1])  # [N, C]
    if positions.dtype in (torch.float32, torch.float64):
        return positions.T @ positions
    blocks = torch.split(positions, GRAM_BLOCK)
    return torch.stack([(block.T @ block).float() for block in blocks]).sum(0)


def add_gram_gradient(grad: Tensor, features: Tensor, sensitivity: Tensor) -> None:
    """grad [1, C, H, W] += (S + Sᵀ) F, where S [C, C] is the loss's gradient of the Gram matrix."""
    rows, target = (tensor[0].permute(1, 2, 0) for tensor in (features, grad))  # [H, W, C]
    matrix = (sensitivity + sensitivity.T).to(features.dtype).expand(rows.shape[0], -1, -1)
    torch.baddbmm(target, rows, matrix, out=target)


def squared_error(features: Tensor, target: Tensor) -> Tensor:
    """Σ (F - P)² in float32 or better, a number (Gatys et al. 2016, eq. 1, without its ½)."""
    difference = features - target
    return difference.to(torch.promote_types(features.dtype, torch.float32)).square().sum()


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


def relative_error(value: Tensor, target: Tensor) -> Tensor:
    """‖X - Y‖² / ‖Y‖², a number: 0 when equal, 1 when X = 0. Ours: docs/method.md#relative-errors."""
    return (value - target).square().sum() / target.square().sum().clamp_min(torch.finfo(target.dtype).tiny)
