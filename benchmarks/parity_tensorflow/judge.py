"""The rows of the table: what was found on both sides, what is asked, and whether it is so."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from impasto import Options, Transfer
from impasto.architecture import keras_name

Array = np.ndarray[Any, np.dtype[Any]]

LOSSES, COSINE, LENGTHS, PSNR = 1e-4, 0.9999, 1e-3, 45.0  # what has to be reached
WEIGHTS = 1e-12  # our total is a sum in float64, so that a weight shows where its term is a millionth of it
BEYOND = 0.01  # of how far the pictures have left 0..255, where a clipped one has not


class Row(NamedTuple):
    """A line of the table; nothing is asked of a time."""

    name: str
    found: str
    asked: str = ""
    passed: bool = True


def keras_tap(tap: str) -> str:
    """`relu5_2` -> `block5_conv2`: Keras' activations are those after the ReLU."""
    assert tap.startswith("relu"), "a Keras layer ends with its ReLU"
    return keras_name(tap.replace("relu", "conv"))


def evaluation(
    run: Transfer, picture: Array, theirs: Mapping[str, Any], index: int, *, styled: bool = False
) -> list[Row]:
    """Losses and gradient at one picture [H, W, 3] of uint8, the other program's by its index.

    styled: the picture is the style itself. Style is 0 there, but for rounding, and only there do content and total
    variation show in the total and in the gradient: elsewhere they are some hundred-thousandths.
    """
    options, place = run.options, "at the style" if styled else "at the mean"
    assert options.content_weight is not None
    function, _ = run.function(run.size, options.content_weight)
    value = function(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)
    ours, found = value.terms, _in_our_words(theirs, index, options)
    assert found.keys() == ours.keys(), "both have the same terms"
    compared = [name for name in found if not (styled and name.startswith("style"))]
    rows = [_loss(f"{place}: {name}", ours[name], found[name]) for name in compared]
    total = float(theirs["totals"][index])
    rows.append(_loss(f"{place}: total", value.loss, total))
    if styled:  # what is left is content: so its weight shows as well as its loss
        variation = [options.tv_weight * terms["total variation"] for terms in (ours, found)]
        rows.append(_loss(f"{place}: total less its variation", value.loss - variation[0], total - variation[1]))
    rows.append(_sum(f"{place}: our total", value.loss, ours, options))
    return rows + _gradients(place, value.grad[0].permute(1, 2, 0) / 255, theirs["gradients"][index])


def _in_our_words(theirs: Mapping[str, Any], index: int, options: Options) -> dict[str, float]:
    """The other program's terms by our names."""
    (content,) = options.content_layers
    names = {f"style {keras_tap(tap)}": f"style {tap}" for tap in options.style_layers}
    names |= {"content": f"content {content}", "variation": "total variation"}
    return {names[str(name)]: float(loss) for name, loss in zip(theirs["names"], theirs["terms"][index], strict=True)}


def _loss(name: str, ours: float, theirs: float, bound: float = LOSSES) -> Row:
    error = abs(ours - theirs) / max(abs(ours), abs(theirs), 1e-300)
    what = f"{name}: {ours:.6g} and {theirs:.6g}, relative difference"
    return Row(what, f"{error:.1e}", f"{bound:.0e}", error <= bound)


def _sum(name: str, total: float, terms: Mapping[str, float], options: Options) -> Row:
    """Our total against our terms by the weights that TensorFlow has."""
    assert options.content_weight is not None
    weights = {"content": options.content_weight, "total": options.tv_weight}  # by the first words of their names
    share = options.style_weight / len(options.style_layers)
    expected = math.fsum(weights.get(term.split()[0], share) * loss for term, loss in terms.items())
    return _loss(f"{name} and its terms by their weights", total, expected, WEIGHTS)


def _gradients(place: str, ours: Tensor, theirs: Array) -> list[Row]:
    """Direction and length, both of the gradient by levels of 0..255, [H, W, 3]."""
    one, two = ours.double().flatten(), torch.from_numpy(theirs).double().flatten()
    cosine, ratio = float(one @ two / (one.norm() * two.norm())), float(one.norm() / two.norm())
    return [
        Row(f"{place}: cosine of the gradients", f"{cosine:.7f}", f"{COSINE}", cosine > COSINE),
        Row(f"{place}: ratio of their lengths", f"{ratio:.6f}", f"1 ± {LENGTHS:.0e}", abs(ratio - 1) <= LENGTHS),
    ]


def descent(image: Tensor, photograph: Array, theirs: Mapping[str, Any], steps: int) -> list[Row]:
    """Our picture [1, 3, H, W] after so many steps from the photograph, and that neither side clips."""
    ours, other = (image[0].permute(1, 2, 0) * 255).double().numpy(), theirs["result"].astype(np.float64)
    decibels = 10 * math.log10(255**2 / max(_mean_square(ours, other), 1e-12))
    moved = f"which moved them by {_mean_square(photograph, other) ** 0.5:.1f} levels"
    one, two = (float(np.mean(np.abs(picture - picture.clip(0, 255)))) for picture in (ours, other))
    beyond = f"mean of levels beyond 0..255: {one:.4g} and {two:.4g}, relative difference"
    error = abs(one - two) / max(one, two, 1e-12)
    return [
        Row(f"PSNR after {steps} steps ({moved})", f"{decibels:.1f} dB", f"{PSNR:.0f} dB", decibels > PSNR),
        Row(beyond, f"{error:.1e}", f"{BEYOND:.0e}", error <= BEYOND),
    ]


def _mean_square(one: Array, other: Array) -> float:
    return float(np.mean((one.astype(np.float64) - other) ** 2))


def seconds(ours: Sequence[float], theirs: Mapping[str, Any]) -> list[Row]:
    """Medians, with the fastest and the slowest beside them."""
    ways = {"targets encoded once": theirs["seconds"], "all three pictures each step": theirs["seconds_stacked"]}
    rows = [Row("seconds a step: Impasto", _spread(ours))]
    for name, times in ways.items():
        ratio = statistics.median(times) / statistics.median(ours)
        rows.append(Row(f"seconds a step: TensorFlow, {name}", f"{_spread(times)}: {ratio:.2f} times ours"))
    return rows


def _spread(times: Sequence[float]) -> str:
    return f"{statistics.median(times):.3f} ({min(times):.3f} to {max(times):.3f})"
