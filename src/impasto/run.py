"""A run: the scales of one picture, from coarse to fine, evaluation by evaluation."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from impasto import __version__, optimize, pyramid, strength
from impasto.device import Compute
from impasto.errors import OutOfMemoryError, is_out_of_memory
from impasto.image import Picture, to_pil
from impasto.losses import LEVELS
from impasto.materials import Materials
from impasto.objective import Formulas, from_images, unrelated_error
from impasto.options import Options
from impasto.output import save_image
from impasto.shared import Shared
from impasto.stage import Stage
from impasto.tiles import plan
from impasto.vgg import Encoder
from impasto.weights import WeightsInfo, available_weights

WHOLE = 1088  # longest side, with bleed, that is computed in one piece; larger pictures go in tiles of that size


@dataclass(frozen=True)
class Iterate:
    """The state of a run after an evaluation."""

    scale: int  # longest side in pixels
    scales: tuple[int, ...]  # all of the run
    step: int  # evaluations at this scale so far
    steps: int  # and in all at this scale
    evaluations: int  # since the run began
    losses: Mapping[str, float]  # of each term, without its weight; "total" is the weighted sum
    content_weight: float  # as the strength dial has set it
    seconds: float  # of preparing, and since the run began
    image: Tensor  # [1, 3, H, W], sRGB in 0..1; to be read only: the run goes on from it
    finish: Callable[[Tensor], Tensor] | None = None  # puts back what is the photograph's: colours, parts

    @property
    def last(self) -> bool:
        """Whether the run ends here."""
        return self.scale == self.scales[-1] and self.step == self.steps

    def picture(self) -> Image.Image:
        """The state as an 8-bit picture."""
        return to_pil(self.image if self.finish is None else self.finish(self.image))


@dataclass(frozen=True)
class Result:
    """A finished picture."""

    image: Image.Image
    losses: Mapping[str, float]
    seconds: float
    evaluations: int
    recipe: Mapping[str, Any]  # everything that it takes to make it again; no paths, no names

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes PNG, JPEG, WebP or TIFF by the extension, the recipe inside. ImageError if it cannot."""
        save_image(self.image, path, recipe=self.recipe)


@contextmanager
def memory_told(size: int) -> Iterator[None]:
    """Tells what would fit where memory runs out."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        remedy = f"try size {size // 2}" if size > 1 else "close other programs"
        raise OutOfMemoryError(f"size {size} does not fit into this machine's memory: {remedy}") from error


@dataclass(frozen=True, eq=False)
class Transfer:
    """A run that is ready to start: iterate over it."""

    options: Options
    materials: Materials
    start: Picture | None  # a picture to start from, at the coarsest scale
    continued: Picture | None  # a picture of the same recipe at a smaller size, to go on from
    masks: Sequence[str]  # SHA-256 of the content masks, then of the style masks
    weights: WeightsInfo
    compute: Compute
    encoder: Encoder
    preparation: float  # seconds
    shared: Shared | None = None  # with other runs

    def __iter__(self) -> Iterator[Iterate]:
        with memory_told(self.size):
            yield from self._paint()

    @property
    def size(self) -> int:
        """The longest side of the result."""
        return max(self.materials.size)

    @property
    def schedule(self) -> list[tuple[int, int]]:
        """The scales to paint, and the evaluations at each; without those that a continued run has behind it."""
        scales = pyramid.scales(self.size, self.options.min_size)
        both = list(zip(scales, pyramid.evaluations(self.options.iterations, len(scales)), strict=True))
        behind = max(self.continued.size) if self.continued else 0
        return [part for part in both if part[0] > behind] or both[-1:]

    @property
    def recipe(self) -> dict[str, Any]:
        """What it takes to make the picture again: options and hashes, no paths and no names."""
        content = self.materials.content
        return {
            "impasto": __version__,
            "options": self._anonymous_options(),
            "content": content.sha256 if content else None,
            **({} if content else {"texture": list(self.materials.size[::-1])}),  # width, height
            **({"continued": self.continued.sha256} if self.continued else {}),
            "styles": [style.sha256 for style in self.materials.styles],
            "weights": self.weights.sha256,
            "computed": asdict(self.compute) | {"threads": torch.get_num_threads(), "torch": torch.__version__},
        }

    def recipe_of(self, state: Iterate) -> dict[str, Any]:
        """The recipe of a state: with the content weight that was found, and how far it got."""
        reached = {} if state.last else {"reached": {"scale": state.scale, "evaluations": state.evaluations}}
        return self.recipe | {"content_weight": state.content_weight} | reached

    def result(self, state: Iterate) -> Result:
        """The state of this run as a finished picture, with the recipe that makes it again."""
        return Result(state.picture(), state.losses, state.seconds, state.evaluations, self.recipe_of(state))

    @property
    def notes(self) -> list[str]:
        """What could not be honoured in the pictures, for people."""
        pictures = [self.materials.content, *self.materials.styles, self.start, self.continued]
        notes = [note for picture in pictures if picture for note in picture.notes]
        short = self.materials.shortfalls if self.materials.stroke != 1 else []
        return notes + [
            f"style {number} is smaller than its strokes ask for, and is not enlarged" for number in short
        ]

    def _anonymous_options(self) -> dict[str, Any]:
        """The options, with hashes in place of the names of files."""
        options = self.options.model_dump(mode="json")
        hashes = [f"sha256:{one}" for one in self.masks]
        count = len(self.options.content_mask)
        options["content_mask"], options["style_mask"] = hashes[:count], hashes[count:]
        if self.start is not None:
            options["init"] = f"sha256:{self.start.sha256}"
        if self.options.weights not in {known.name for known in available_weights()}:
            options["weights"] = f"sha256:{self.weights.sha256}"
        return options

    def _paint(self) -> Iterator[Iterate]:
        options, began = self.options, time.perf_counter() - self.preparation
        dial = options.content_weight is None and self.materials.content is not None
        (picture, coarse), weight, done = self._behind(), self._first_weight(), 0
        scales = tuple(scale for scale, _ in self.schedule)
        for index, (scale, steps) in enumerate(self.schedule, 1):
            content, step = self.materials.photograph(scale), 0
            known = self.shared.get("scale", self._key(index)) if self.shared else None
            if isinstance(known, Iterate):  # another run has painted it
                seconds = time.perf_counter() - began
                yield replace(known, scales=scales, seconds=seconds, finish=self._finish(scale))
                picture, weight, done = known.image, known.content_weight, known.evaluations
                coarse, dial = content, False
                continue
            if picture is None or coarse is None:
                picture = self._first(content)
            else:
                repeated = options.borders == "circular"
                picture = pyramid.enlarge(picture, coarse, content, options.detail, circular=repeated)
            canvas, _ = pyramid.with_bleed(picture, self._bleed)
            target = self._target_error(content, scale) if dial else None
            stage, finish = self._stage(content, scale, weight), self._finish(scale)
            for evaluations in strength.rounds(steps) if dial else [steps]:
                for point in self._minimize(stage, canvas, evaluations):
                    step, done, canvas = step + 1, done + 1, point.image
                    losses = {"total": point.value.loss, **point.value.terms}
                    picture, seconds = stage.shown(canvas), time.perf_counter() - began
                    state = Iterate(scale, scales, step, steps, done, losses, weight, seconds, picture, finish)
                    yield state
                if target is not None:
                    error = stage.objective.content_error(losses)
                    weight = strength.corrected_weight(weight, error, target, options.style_weight)
                    stage = stage.with_content_weight(weight)
            coarse, dial = content, False  # the dial is set at the coarsest scale
            if self.shared:
                self.shared.keep("scale", self._key(index), replace(state, content_weight=weight, finish=None))

    def _key(self, count: int) -> str:
        """What the picture after so many scales depends on: a preview at 512 is a state of the run at 1024."""
        recipe = self.recipe
        without = ("size", "height", "iterations", "style_scale", "style_size", "max_pixels")
        options = {name: value for name, value in recipe.pop("options").items() if name not in without}
        recipe.pop("texture", None)
        proportions = self.materials.shape(max(scale for scale, _ in self.schedule[:count]))
        return repr((recipe, options, self.materials.stroke, self.schedule[:count], proportions))

    def _minimize(self, stage: Stage, canvas: Tensor, evaluations: int) -> Iterator[optimize.Point]:
        options = self.options
        return optimize.minimize(
            options.optimizer,
            stage.function,
            canvas,
            evaluations,
            clip=options.clip,
            learning_rate=options.learning_rate / LEVELS,
            beta2=options.beta2,
        )

    @property
    def _bleed(self) -> int:
        return 0 if self.options.borders == "circular" else self.options.bleed

    def _first_weight(self) -> float:
        options = self.options
        if options.content_weight is not None:
            return options.content_weight
        return strength.first_weight(options.strength, options.style_weight)

    def _behind(self) -> tuple[Tensor | None, Tensor | None]:
        """The picture that a run goes on from, and the photograph in its size; nothing for one from the start."""
        if self.continued is None:
            return None, None
        picture = self.materials.in_mode(self.continued.at(*self.continued.size).to(self.compute.device))
        return picture, self.materials.photograph(max(self.continued.size))

    def _first(self, content: Tensor) -> Tensor:
        """What the coarsest scale starts from, [1, 3, H, W] as the photograph there has it."""
        if self.options.init == "noise" or (self.start is None and self.materials.content is None):
            generator = torch.Generator().manual_seed(self.options.seed)
            return torch.rand(content.shape, generator=generator).to(content.device)
        if self.start is not None:
            return self.materials.in_mode(self.start.at(*content.shape[2:]).to(content.device))
        return content

    def _target_error(self, content: Tensor, scale: int) -> float:
        """The content error that the strength dial asks for, over the part of the picture that is painted."""
        canvas, margin = pyramid.with_bleed(content, self._bleed)
        layers, paintings = self.options.content_layers, self.materials.paintings(scale)
        cover = self.materials.cover(scale, margin)
        unrelated = unrelated_error(self.encoder, canvas, paintings, layers, tile=WHOLE)
        return strength.target_error(self.options.strength, unrelated) * (1 if cover is None else float(cover.mean()))

    def _stage(self, content: Tensor, scale: int, content_weight: float) -> Stage:
        """A scale, its targets encoded."""
        options, encoder, materials = self.options, self.encoder, self.materials
        encoder.workspace.clear()
        canvas, margin = pyramid.with_bleed(content, self._bleed)
        tile = None if options.borders == "circular" else WHOLE  # a tile's crop does not reach around the border
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
            tile=tile,
            formulas=Formulas(options.content_loss, options.style_loss, options.tv_loss),
            regions=materials.regions(scale, margin, paintings),
            shared=self.shared,
        )
        tiles = plan(canvas.shape[2], canvas.shape[3], tile, encoder.halo, encoder.stride)
        return Stage(encoder, objective, tiles, canvas, margin, materials.cover(scale, margin))

    def _finish(self, scale: int) -> Callable[[Tensor], Tensor] | None:
        return partial(self.materials.finished, scale=scale) if self.materials.keeps_photograph else None

    def function(self, scale: int, content_weight: float) -> tuple[optimize.Function, Tensor]:
        """What a scale minimises, and the photograph there, [1, 3, H, W] with its bleed: for benchmarks."""
        stage = self._stage(self.materials.photograph(scale), scale, content_weight)
        return stage.function, stage.photograph
