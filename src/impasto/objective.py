"""The weighted sum of losses that a picture minimises, split into additive statistics and the loss of their sums.

The targets are computed once, by `from_images`, and bound to the weights in terms: see `terms`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from impasto import losses, masks
from impasto.room import Room
from impasto.shared import Shared, digest
from impasto.terms import ContentTerm, StyleTerm, Term, VariationTerm
from impasto.tiles import Tile, plan
from impasto.vgg import Encoder, Tap


@dataclass(frozen=True)
class Formulas:
    """Which formula each loss has: names of `losses.CONTENT_LOSSES` and so on."""

    content: losses.ContentLoss = "relative"
    style: losses.StyleLoss = "relative"
    variation: losses.VariationLoss = "squared"


@dataclass(frozen=True)
class Region:
    """A part of the picture, and the styles that paint there."""

    mask: Tensor | None = None  # [1, 1, H, W] in 0..1, of the picture's pixels; None: everywhere
    shares: Sequence[float] = ()  # of each style, 0 for one that does not paint here; none: equal ones
    style_masks: Sequence[Tensor | None] = ()  # [1, 1, h, w]: which part of each style counts
    strength: float = 1.0  # of the style here, against the average region


@dataclass(frozen=True)
class Painting:
    """What is taken from a style."""

    grams: Mapping[str, Tensor]  # by style layer, [C, C], by the number of positions
    moments: Mapping[str, Tensor]  # by content layer: mean and mean square of its channels, [2, 1, C]


@dataclass(frozen=True)
class Objective:
    """Σ weight · loss over the terms."""

    terms: Sequence[Term]
    paintings: Sequence[tuple[float, Painting]] = ()  # each with its share of the picture

    def statistics(self, features: Mapping[str, Tensor], tile: Tile) -> list[Tensor]:
        """One sum for each term, over the positions of the tile."""
        return [term.statistic(features[term.tap], tile) for term in self.terms]

    def losses(self, statistics: Sequence[Tensor]) -> list[Tensor]:
        """The loss of each term, without its weight, from the sums over all tiles."""
        return [term.loss(statistic) for term, statistic in zip(self.terms, statistics, strict=True)]

    def stacked(self, statistics: Sequence[Tensor]) -> Tensor:
        """Those losses as one tensor, [terms] in float32."""
        return torch.stack([loss.to(torch.float32) for loss in self.losses(statistics)])

    def values(self, stacked: Tensor) -> tuple[float, dict[str, float]]:
        """The weighted sum of losses, and each by its name, as numbers: one wait for the device."""
        losses = stacked.tolist()
        total = sum(term.weight * loss for term, loss in zip(self.terms, losses, strict=True))
        return total, {term.name: loss for term, loss in zip(self.terms, losses, strict=True)}

    def content_error(self, values: Mapping[str, float]) -> float:
        """The mean of the content terms' relative errors, each by its share of the weight."""
        return sum(term.weight * values[term.name] for term in self._content) / self._content_weight

    def unrelated_error(self) -> float:
        """The content error to expect of a picture with the styles' features at places of their own.

        Σ_C (mean F² + mean P² - 2 mean F · mean P) / Σ_C mean P², the mean over the layers by their weights and over
        the styles by their shares of the picture: what `ContentTerm.loss` is on average when F and P, over positions,
        are independent.
        """
        total = 0.0
        for term in self._content:
            mean = term.target.mean((2, 3), dtype=term.energy.dtype)
            energy = term.energy * mean.numel() / term.target.numel()
            for share, painting in self.paintings:
                other, square = painting.moments[term.tap]
                total += term.weight * share * float((square.sum() - 2 * (mean * other).sum()) / energy + 1)
        return total / (sum(share for share, _ in self.paintings) * self._content_weight)

    @property
    def _content(self) -> list[ContentTerm]:
        return [term for term in self.terms if isinstance(term, ContentTerm)]

    @property
    def _content_weight(self) -> float:
        return sum(term.weight for term in self._content)

    def with_content_weight(self, weight: float) -> Objective:
        """The same targets, with another weight of the content as a whole."""
        old = self._content_weight
        terms = [
            replace(term, weight=weight * term.weight / old) if isinstance(term, ContentTerm) else term
            for term in self.terms
        ]
        return replace(self, terms=terms)

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
    formulas: Formulas = Formulas(),
    regions: Sequence[Region] = (Region(),),
    shared: Shared | None = None,
    room: Room | None = None,
) -> Objective:
    """Encodes the targets and binds them to the weights. Pictures are [1, 3, H, W], sRGB in 0..1.

    Layers of one kind share its weight in proportion to their own (with the formula "mean", each has the whole of
    it). Several styles are averaged, each by its own Gram matrix, so that a large picture counts no more than a small
    one. A region has the style's weight by its share of the pixels and its strength: at 1 its styles are
    as strong as if it were the whole. Without content layers, as for a texture, only the size of `content` counts.
    Styles whose targets were made before are found in `shared`; the photograph's features lie in a room.
    """
    size = (content.shape[2], content.shape[3])
    layers = _layer_weights(style_layers, formulas.style)
    terms: list[Term] = []
    paintings: list[tuple[float, Painting]] = []
    for number, region in enumerate(regions, 1 if len(regions) > 1 else 0):
        found = _region_paintings(encoder, styles, region, (list(layers), list(content_layers)), tile, shared=shared)
        covered = 1.0 if region.mask is None else float(region.mask.mean())
        paintings += [(covered * share, painting) for share, painting in found]
        for tap, share in layers.items():
            guide, positions = _guide(encoder, region.mask, tap, size)
            if positions >= 1:  # else the tap has nothing to say of so small a region
                weight = style_weight * share * covered * region.strength
                target = torch.stack([share * painting.grams[tap] for share, painting in found]).sum(0)
                terms.append(
                    StyleTerm(tap, weight, target, positions, size[0] * size[1], formulas.style, guide, number)
                )
    room = room or Room()
    features = content_targets(encoder, content, list(content_layers), tile, room) if content_layers else {}
    for tap, share in _layer_weights(content_layers, formulas.content).items():
        target = features[tap]
        energy = room.each(losses.energy, target.permute(0, 2, 3, 1)).sum()  # as it lies in memory
        terms.append(ContentTerm(tap, content_weight * share, target, energy, formulas.content))
    if tv_weight:
        circular = encoder.borders == "circular"
        terms.append(VariationTerm(tv_weight, size[0] * size[1], formulas.variation, circular))
    return Objective(terms, paintings)


def _layer_weights(layers: Mapping[str, float], formula: str) -> dict[str, float]:
    """What each layer has of the weight: its part of it, or with "mean" the whole, as neural-style has it."""
    total = 1.0 if formula == "mean" else sum(layers.values())
    return {tap: weight / total for tap, weight in layers.items()}


def _region_paintings(
    encoder: Encoder,
    styles: Sequence[Tensor],
    region: Region,
    taps: tuple[Sequence[str], Sequence[str]],
    tile: int | None,
    *,
    shared: Shared | None,
) -> list[tuple[float, Painting]]:
    """What is taken of each style that paints in the region, with its share of it."""
    shares = region.shares or [1.0] * len(styles)
    parts = zip(shares, styles, region.style_masks or [None] * len(styles), strict=True)
    found = []
    for share, style, mask in parts:
        if share:
            make = partial(style_targets, encoder, style, taps, tile, mask)
            key = (encoder.number, *map(tuple, taps), digest(style, mask)) if shared else ()
            found.append((share / sum(shares), shared.once("style", key, make) if shared else make()))
    return found


def _guide(encoder: Encoder, mask: Tensor | None, tap: str, size: tuple[int, int]) -> tuple[Tensor | None, float]:
    """A region's guide at a tap of a picture of that (height, width), and how many positions it counts."""
    stride = Tap.parse(tap).stride
    if mask is None:
        return None, -(-size[0] // stride) * -(-size[1] // stride)
    guide = masks.guide(mask, stride, encoder.reach(tap))
    return guide, float(guide.sum())


def style_targets(
    encoder: Encoder,
    style: Tensor,
    taps: tuple[Sequence[str], Sequence[str]],
    tile: int | None,
    mask: Tensor | None = None,
) -> Painting:
    """What is taken of a picture, tile by tile: Gram matrices, of a part of it where there is a mask, and moments.

    taps: of the style, and of the content.
    """
    size = (style.shape[2], style.shape[3])
    guides = {tap: _guide(encoder, mask, tap, size) for tap in taps[0]}
    grams: dict[str, Tensor] = {}
    moments: dict[str, Tensor] = {}
    for part in plan(*size, tile, encoder.halo, encoder.stride):
        with encoder.not_repeated():
            features = encoder.forward(part.crop(style), part.inner)
        for tap, (guide, _) in guides.items():
            inner = guide if guide is None else part.part(guide, Tap.parse(tap).stride)
            _add_to(grams, tap, losses.gram_matrix(features[tap], inner))
        for tap in taps[1]:
            _add_to(moments, tap, losses.channel_sums(features[tap]))
    for tap, (_, positions) in guides.items():
        grams[tap] /= positions
    for tap in taps[1]:
        moments[tap] /= _guide(encoder, None, tap, size)[1]
    return Painting(grams, moments)


def _add_to(sums: dict[str, Tensor], tap: str, part: Tensor) -> None:
    sums[tap] = sums[tap] + part if tap in sums else part


def content_targets(
    encoder: Encoder, content: Tensor, taps: Sequence[str], tile: int | None, room: Room | None = None
) -> dict[str, Tensor]:
    """{tap: features [1, C, h, w]} of a picture, put together from its tiles, in a room."""
    height, width = content.shape[2:]
    room = room or Room()
    targets: dict[str, Tensor] = {}
    for part in plan(height, width, tile, encoder.halo, encoder.stride):
        features = encoder.forward(part.crop(content), part.inner)
        for tap in taps:
            stride = Tap.parse(tap).stride
            inner = features[tap]
            if tap not in targets:
                shape = (1, -(-height // stride), -(-width // stride), inner.shape[1])
                targets[tap] = room.empty(shape, inner).permute(0, 3, 1, 2)  # channels last
            part.part(targets[tap], stride).copy_(inner)
        room.tidy()
    return targets
