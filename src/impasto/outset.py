"""What a scale begins with: its canvas, its targets, and how the canvas is improved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from impasto import optimize, pyramid, strength
from impasto.cache import scratch_folder
from impasto.cost import Layout, Plan, Work
from impasto.image import Picture
from impasto.losses import LEVELS
from impasto.materials import Materials
from impasto.objective import Formulas, from_images
from impasto.options import Options
from impasto.room import Room
from impasto.shared import Shared
from impasto.stage import Stage
from impasto.states import Behind
from impasto.tiles import plan
from impasto.vgg import Encoder


@dataclass(frozen=True, eq=False)
class Outset:
    """Of every scale of a run."""

    options: Options
    materials: Materials
    encoder: Encoder
    start: Picture | None  # a picture to start from, at the coarsest scale
    shared: Shared | None  # with other runs
    tile: int | None = None  # longest side that is computed in one piece, with its bleed; None: any
    room: Room = field(default_factory=Room)  # where what has the picture's size lies

    def laid_out(self, layout: Layout) -> Outset:
        """The same in that layout."""
        return replace(self, tile=layout.tile, room=Room(scratch_folder() if layout.on_disk else None))

    @property
    def circular(self) -> bool:
        """Whether the picture goes on at its opposite borders: then it has no bleed, and is one piece."""
        return self.options.borders == "circular"

    @property
    def bleed(self) -> int:
        """Pixels beyond each border."""
        return 0 if self.circular else self.options.bleed

    @property
    def dial(self) -> bool:
        """Whether the strength decides on the weight of the content."""
        return self.options.content_weight is None and self.materials.content is not None

    @property
    def weight(self) -> float:
        """Of the content, before the dial has corrected it."""
        options = self.options
        if options.content_weight is not None:
            return options.content_weight
        return strength.first_weight(options.strength, options.style_weight)

    def plan(self, schedule: Sequence[tuple[int, int]], base: int) -> Plan:
        """What the cost of these scales depends on, each with its evaluations. base: bytes in memory before."""
        options, materials, works = self.options, self.materials, []
        layers = tuple(options.content_layers) if materials.content else ()
        for scale, evaluations in schedule:
            height, width = materials.shape(scale)
            margin = 2 * min(self.bleed, height - 1, width - 1)
            size = (height + margin, width + margin)
            works.append(Work(scale, size, materials.style_sizes(scale), evaluations, layers))
        return Plan(works, self.encoder, base, options.optimizer == "adam", not self.circular, materials.extra)

    def canvas(self, behind: Behind | None, content: Tensor) -> Tensor:
        """What a scale starts from, with its bleed: the scale behind it, enlarged, or what the run starts from."""
        if behind is None:
            picture = self._first(content)
        else:
            pair = (behind.picture, self.materials.photograph(behind.scale))
            detail, circular = self.options.detail, self.circular
            picture = pyramid.enlarge(*pair, content, detail, circular=circular, room=self.room)
        return pyramid.with_bleed(picture, self.bleed, self.room)[0]

    def stage(self, content: Tensor, scale: int, content_weight: float) -> Stage:
        """A scale, its targets encoded. `content` is the photograph there, [1, 3, H, W]."""
        options, encoder, materials = self.options, self.encoder, self.materials
        canvas, margin = pyramid.with_bleed(content, self.bleed, self.room)
        paintings = materials.paintings(scale)
        objective = from_images(
            encoder,
            canvas,
            paintings,
            content_layers=options.content_layers if materials.content else {},
            style_layers=options.style_layers,
            content_weight=content_weight,
            style_weight=options.style_weight,
            tv_weight=options.tv_weight,
            tile=self.tile,
            formulas=Formulas(options.content_loss, options.style_loss, options.tv_loss),
            regions=materials.regions(scale, margin, paintings),
            shared=self.shared,
            room=self.room,
        )
        tiles = plan(canvas.shape[2], canvas.shape[3], self.tile, encoder.halo, encoder.stride)
        return Stage(encoder, objective, tiles, canvas, margin, materials.cover(scale, margin), self.room)

    def target_error(self, stage: Stage) -> float:
        """The content error that the strength dial asks for, over the part of the picture that is painted."""
        target = strength.target_error(self.options.strength, stage.objective.unrelated_error())
        return target if stage.cover is None else target * float(stage.cover.mean())

    def minimize(
        self, stage: Stage, canvas: Tensor, evaluations: int, progress: optimize.Progress | None, *, known: bool
    ) -> Iterator[optimize.Point]:
        """The canvas after each evaluation. known: whether it has been evaluated before."""
        options = self.options
        return optimize.minimize(
            options.optimizer,
            stage.function,
            canvas,
            evaluations,
            clip=options.clip,
            learning_rate=options.learning_rate / LEVELS,
            beta2=options.beta2,
            hold=self._hold(max(canvas.shape[2:]) - 2 * stage.margin),
            progress=progress,
            room=self.room,
            known=known,
        )

    def _hold(self, scale: int) -> float:
        """In periods a pixel, what a scale keeps of those below it: as much as a picture of the hold's size shows."""
        options = self.options
        return options.hold / (2 * scale) if scale > max(options.hold, options.min_size) else 0.0

    def _first(self, content: Tensor) -> Tensor:
        """What the coarsest scale starts from, [1, 3, H, W] as the photograph there has it."""
        if self.start is not None:
            return self.materials.in_mode(self.start.at(*content.shape[2:]).to(content.device))
        if self.options.init == "noise" or self.materials.content is None:
            generator = torch.Generator().manual_seed(self.options.seed)
            return torch.rand(content.shape, generator=generator).to(content.device)
        return content
