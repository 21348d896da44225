"""The weighted sum of losses that a picture minimises, split into additive statistics and the loss of their sums.

The targets are computed once. `statistics` gives the sums of one tile, `losses` the losses of the sums of all
tiles, and `add_gradient` carries the gradient of the sums back to the features of one tile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from impasto import losses
from impasto.tiles import IMAGE, Tile, plan
from impasto.vgg import Encoder, Tap


class Term(Protocol):
    """One loss at one tap."""

    @property
    def name(self) -> str: ...
    @property
    def tap(self) -> str: ...
    @property
    def weight(self) -> float: ...

    def statistic(self, features: Tensor, tile: Tile) -> Tensor: ...
    def loss(self, statistic: Tensor) -> Tensor: ...
    def add_gradient(self, grad: Tensor, features: Tensor, tile: Tile, sensitivity: Tensor) -> None: ...


@dataclass(frozen=True)
class StyleTerm:
    """Relative error of the Gram matrix: ‖G/N - A‖² / ‖A‖²; docs/method.md#style."""

    tap: str
    weight: float
    target: Tensor  # A [C, C]: the style's Gram matrix by its own number of positions
    positions: int  # N of the whole picture

    @property
    def name(self) -> str:
        return f"style {self.tap}"

    def statistic(self, features: Tensor, tile: Tile) -> Tensor:
        return losses.gram_matrix(tile.inner(features, Tap.parse(self.tap).stride))

    def loss(self, statistic: Tensor) -> Tensor:
        return losses.relative_error(statistic / self.positions, self.target)

    def add_gradient(self, grad: Tensor, features: Tensor, tile: Tile, sensitivity: Tensor) -> None:
        stride = Tap.parse(self.tap).stride
        losses.add_gram_gradient(tile.inner(grad, stride), tile.inner(features, stride), sensitivity)


@dataclass(frozen=True)
class ContentTerm:
    """Relative error of the features: Σ (F - P)² / Σ P²; docs/method.md#content."""

    tap: str
    weight: float
    target: Tensor  # P [1, C, H, W] of the whole picture
    energy: Tensor  # Σ P²

    @property
    def name(self) -> str:
        return f"content {self.tap}"

    def statistic(self, features: Tensor, tile: Tile) -> Tensor:
        stride = Tap.parse(self.tap).stride
        return losses.squared_error(tile.inner(features, stride), tile.part(self.target, stride))

    def loss(self, statistic: Tensor) -> Tensor:
        return statistic / self.energy

    def add_gradient(self, grad: Tensor, features: Tensor, tile: Tile, sensitivity: Tensor) -> None:
        stride = Tap.parse(self.tap).stride
        losses.add_squared_error_gradient(
            tile.inner(grad, stride),
            tile.inner(features, stride),
            tile.part(self.target, stride),
            sensitivity,
        )


@dataclass(frozen=True)
class VariationTerm:
    """Total variation per pixel: Σ (dx² + dy²) / N; docs/method.md#total-variation."""

    weight: float
    positions: int
    name: str = "total variation"
    tap: str = IMAGE

    def statistic(self, features: Tensor, tile: Tile) -> Tensor:
        down, across = (losses.variation(tile.with_next(features, axis), axis) for axis in (2, 3))
        return down + across

    def loss(self, statistic: Tensor) -> Tensor:
        return statistic / self.positions

    def add_gradient(self, grad: Tensor, features: Tensor, tile: Tile, sensitivity: Tensor) -> None:
        for axis in (2, 3):
            views = tile.with_next(grad, axis), tile.with_next(features, axis)
            losses.add_variation_gradient(*views, axis, sensitivity)


@dataclass(frozen=True)
class Objective:
    """Σ weight · loss over the terms."""

    terms: Sequence[Term]

    def statistics(self, features: Mapping[str, Tensor], tile: Tile) -> list[Tensor]:
        """One sum for each term, over the positions of the tile."""
        return [term.statistic(features[term.tap], tile) for term in self.terms]

    def losses(self, statistics: Sequence[Tensor]) -> list[Tensor]:
        """The loss of each term, without its weight, from the sums over all tiles."""
        return [term.loss(statistic) for term, statistic in zip(self.terms, statistics, strict=True)]

    def values(self, statistics: Sequence[Tensor]) -> tuple[float, dict[str, float]]:
        """The weighted sum, and the losses it is made of by name, as numbers: one wait for the device."""
        losses = torch.stack([loss.to(torch.float32) for loss in self.losses(statistics)]).tolist()
        total = sum(term.weight * loss for term, loss in zip(self.terms, losses, strict=True))
        return total, {term.name: loss for term, loss in zip(self.terms, losses, strict=True)}

    def content_error(self, values: Mapping[str, float]) -> float:
        """The mean of the content terms' relative errors, each by its share of the weight."""
        terms = [term for term in self.terms if isinstance(term, ContentTerm)]
        return sum(term.weight * values[term.name] for term in terms) / sum(term.weight for term in terms)

    def with_content_weight(self, weight: float) -> Objective:
        """The same targets, with another weight of the content as a whole."""
        old = sum(term.weight for term in self.terms if isinstance(term, ContentTerm))
        return Objective(
            [
                replace(term, weight=weight * term.weight / old) if isinstance(term, ContentTerm) else term
                for term in self.terms
            ]
        )

    def total(self, statistics: Sequence[Tensor]) -> Tensor:
        """The weighted sum, a number."""
        values = zip(self.terms, self.losses(statistics), strict=True)
        return torch.stack([term.weight * loss for term, loss in values]).sum()

    def add_gradient(
        self, tap: str, grad: Tensor, features: Tensor, tile: Tile, sensitivities: Sequence[Tensor]
    ) -> None:
        """Adds the gradient of the tap's features [1, C, h, w], in place, to what `grad` holds already."""
        for term, sensitivity in zip(self.terms, sensitivities, strict=True):
            if term.tap == tap:
                term.add_gradient(grad, features, tile, sensitivity)


def from_images(
    encoder: Encoder,
    content: Tensor,
    styles: Sequence[Tensor],
    *,
    content_layers: Mapping[str, float],
    style_layers: Mapping[str, float],
    content_weight: float,
    style_weight: float,
    tv_weight: float,
    tile: int | None,
) -> Objective:
    """Encodes the targets and binds them to the weights. Pictures are [1, 3, H, W], sRGB in 0..1.

    Layers of one kind share its weight in proportion to their own. Several styles are averaged, each by its own
    Gram matrix, so that a large picture counts no more than a small one.
    """
    height, width = content.shape[2:]
    grams = [style_targets(encoder, style, list(style_layers), tile) for style in styles]
    features = content_targets(encoder, content, list(content_layers), tile)
    terms: list[Term] = []
    for tap, weight in style_layers.items():
        stride = Tap.parse(tap).stride
        target = torch.stack([gram[tap] for gram in grams]).mean(0)
        positions = -(-height // stride) * -(-width // stride)
        terms.append(StyleTerm(tap, style_weight * weight / sum(style_layers.values()), target, positions))
    for tap, weight in content_layers.items():
        target = features[tap]
        energy = target.to(torch.promote_types(target.dtype, torch.float32)).square().sum()
        terms.append(ContentTerm(tap, content_weight * weight / sum(content_layers.values()), target, energy))
    if tv_weight:
        terms.append(VariationTerm(tv_weight, height * width))
    return Objective(terms)


def unrelated_error(
    encoder: Encoder, content: Tensor, styles: Sequence[Tensor], layers: Mapping[str, float], tile: int | None
) -> float:
    """The content error to expect of a picture with the styles' features at places of their own.

    Σ_C (mean F² + mean P² - 2 mean F · mean P) / Σ_C mean P², the mean over the layers by their weights and over the
    styles: what `ContentTerm.loss` is on average when F and P, over positions, are independent.
    """

    def moments(image: Tensor) -> list[tuple[Tensor, Tensor]]:
        targets = content_targets(encoder, image, list(layers), tile)
        features = [targets[tap].to(torch.promote_types(targets[tap].dtype, torch.float32)) for tap in layers]
        return [(feature.mean((2, 3)), feature.square().mean((2, 3))) for feature in features]

    photograph = moments(content)
    errors = []
    for style in styles:
        for weight, (mean, square), (other, energy) in zip(layers.values(), moments(style), photograph, strict=True):
            errors.append(weight * float((square + energy - 2 * mean * other).sum() / energy.sum()))
    return sum(errors) / (len(styles) * sum(layers.values()))


def style_targets(encoder: Encoder, style: Tensor, taps: Sequence[str], tile: int | None) -> dict[str, Tensor]:
    """{tap: Gram matrix [C, C] by the number of positions} of a picture, tile by tile."""
    sums: dict[str, Tensor] = {}
    positions: dict[str, int] = {}
    for part in plan(style.shape[2], style.shape[3], tile, encoder.halo, encoder.stride):
        features = encoder.forward(part.crop(style))
        for tap in taps:
            inner = part.inner(features[tap], Tap.parse(tap).stride)
            gram = losses.gram_matrix(inner)
            sums[tap] = sums[tap] + gram if tap in sums else gram
            positions[tap] = positions.get(tap, 0) + inner.shape[2] * inner.shape[3]
    return {tap: gram / positions[tap] for tap, gram in sums.items()}


def content_targets(encoder: Encoder, content: Tensor, taps: Sequence[str], tile: int | None) -> dict[str, Tensor]:
    """{tap: features [1, C, h, w]} of a picture, put together from its tiles."""
    height, width = content.shape[2:]
    targets: dict[str, Tensor] = {}
    for part in plan(height, width, tile, encoder.halo, encoder.stride):
        features = encoder.forward(part.crop(content))
        for tap in taps:
            stride = Tap.parse(tap).stride
            inner = part.inner(features[tap], stride)
            if tap not in targets:
                shape = (1, inner.shape[1], -(-height // stride), -(-width // stride))
                targets[tap] = torch.empty(
                    shape, dtype=inner.dtype, device=inner.device, memory_format=torch.channels_last
                )
            part.part(targets[tap], stride).copy_(inner)
    return targets
