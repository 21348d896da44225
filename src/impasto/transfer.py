"""The main path: a photograph and paintings in, a picture out."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor

from impasto import __version__, optimize, pyramid, strength
from impasto.architecture import CONVOLUTIONS
from impasto.device import Compute, choose_compute
from impasto.errors import OptionsError, OutOfMemoryError, is_out_of_memory
from impasto.image import Picture, Source, fit, open_picture, to_pil
from impasto.objective import Objective, from_images, unrelated_error
from impasto.options import Options, make_options
from impasto.output import save_image
from impasto.tiles import Tile, plan, value_and_grad
from impasto.vgg import Encoder
from impasto.weights import Weights, WeightsInfo, available_weights, load_weights

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

    @property
    def last(self) -> bool:
        """Whether the run ends here."""
        return self.scale == self.scales[-1] and self.step == self.steps

    def picture(self) -> Image.Image:
        """The state as an 8-bit picture."""
        return to_pil(self.image)


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


def stylize(
    content: Source,
    style: Source | Sequence[Source],
    *,
    preset: str | os.PathLike[str] | None = None,
    options: Options | None = None,
    **values: Any,
) -> Result:
    """Paints `content` in the style of `style`, or of several styles in equal parts.

    Args:
        content: a path, a Pillow image, or an array [H, W, 3] of uint8.
        style: the same, or a list of them.
        preset: a named set of options, or a TOML file with one.
        options: an `Options`, in place of preset and values.
        **values: any field of `Options`, such as `size=1024, strength=0.7`.

    Raises:
        ImpastoError: in one sentence, for pictures that cannot be read and options that are impossible.
    """
    transfer = prepare(content, style, preset=preset, options=options, **values)
    for state in transfer:
        last = state
    return transfer.result(last)


def iterate(content: Source, style: Source | Sequence[Source], **values: Any) -> Iterator[Iterate]:
    """The same as a generator that yields every evaluation; to cancel, stop iterating."""
    yield from prepare(content, style, **values)


def prepare(
    content: Source,
    style: Source | Sequence[Source],
    *,
    preset: str | os.PathLike[str] | None = None,
    options: Options | None = None,
    **values: Any,
) -> Transfer:
    """Opens and checks everything, so that what cannot work fails here, and starts nothing."""
    if options is not None and (preset is not None or values):
        raise OptionsError("give either options, or a preset and single values, not both")
    options = options if options is not None else make_options(preset, **values)
    if not isinstance(options, Options):
        raise OptionsError(
            f"options are an impasto.Options, not {type(options).__name__}: give values by their names"
        )
    styles: list[Source] = list(style) if isinstance(style, (list, tuple)) else [cast(Source, style)]
    if not styles:
        raise OptionsError("expected at least one style picture, got none")
    started = time.perf_counter()
    limits = {"longest": options.size, "max_pixels": options.max_pixels}
    pictures = [open_picture(source, role="style", **limits) for source in styles]
    start = open_picture(options.init, role="init", **limits) if options.init not in ("content", "noise") else None
    photograph = open_picture(content, role="content", **limits)
    with _memory(options.size):
        weights = load_weights(options.weights)
        compute = choose_compute(options.device, options.precision)
        encoder = _load_encoder(weights, compute, options)
    seconds = time.perf_counter() - started
    return Transfer(options, photograph, pictures, start, weights.info, compute, encoder, seconds)


def _load_encoder(weights: Weights, compute: Compute, options: Options) -> Encoder:
    try:
        return Encoder(
            weights.tensors,
            CONVOLUTIONS[weights.architecture],
            weights.preprocessing,
            [*options.content_layers, *options.style_layers],
            pooling=options.pooling,
            method=compute.method,
            device=compute.device,
            dtype=compute.dtype,
        )
    except ValueError as error:
        raise OptionsError(str(error)) from None


@contextmanager
def _memory(size: int) -> Iterator[None]:
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
    content: Picture
    styles: Sequence[Picture]
    start: Picture | None
    weights: WeightsInfo
    compute: Compute
    encoder: Encoder
    preparation: float  # seconds

    def __iter__(self) -> Iterator[Iterate]:
        with _memory(self.options.size):
            yield from self._paint()

    def result(self, state: Iterate) -> Result:
        """The state of this run as a finished picture, with the recipe that makes it again."""
        return Result(state.picture(), state.losses, state.seconds, state.evaluations, self.recipe)

    @property
    def recipe(self) -> dict[str, Any]:
        """What it takes to make the picture again: options and hashes, no paths and no names."""
        options = self.options.model_dump(mode="json")
        if self.start is not None:
            options["init"] = f"sha256:{self.start.sha256}"
        if self.options.weights not in {known.name for known in available_weights()}:
            options["weights"] = f"sha256:{self.weights.sha256}"
        return {
            "impasto": __version__,
            "options": options,
            "content": self.content.sha256,
            "styles": [style.sha256 for style in self.styles],
            "weights": self.weights.sha256,
            "computed": asdict(self.compute) | {"threads": torch.get_num_threads(), "torch": torch.__version__},
        }

    @property
    def notes(self) -> list[str]:
        """What could not be honoured in the pictures, for people."""
        pictures = [self.content, *self.styles, *([self.start] if self.start else [])]
        return [note for picture in pictures for note in picture.notes]

    def _paint(self) -> Iterator[Iterate]:
        options, began, done = self.options, time.perf_counter() - self.preparation, 0
        scales = tuple(pyramid.scales(options.size, options.min_size))
        weight, dial = self._first_weight(), options.content_weight is None
        picture = coarse = None
        for scale, steps in zip(scales, pyramid.evaluations(options.iterations, len(scales)), strict=True):
            content, step = self._tensor(self.content, scale), 0
            if picture is None or coarse is None:
                picture = self._first(content)
            else:
                picture = pyramid.enlarge(picture, coarse, content, options.detail)
            canvas, margin = pyramid.with_bleed(picture)
            target = self._target_error(content, scale) if dial else None
            objective, tiles = self._objective(content, scale, weight)
            for evaluations in strength.rounds(steps) if dial else [steps]:
                function = self._function(objective, tiles)
                for point in optimize.minimize(options.optimizer, function, canvas, evaluations):
                    step, done = step + 1, done + 1
                    losses = {"total": point.value.loss, **point.value.terms}
                    picture, seconds = pyramid.without_bleed(point.image, margin), time.perf_counter() - began
                    yield Iterate(scale, scales, step, steps, done, losses, weight, seconds, picture)
                    canvas = point.image
                if target is not None:
                    error = objective.content_error(losses)
                    weight = strength.corrected_weight(weight, error, target, options.style_weight)
                    objective = objective.with_content_weight(weight)
            coarse, dial = content, False  # the dial is set at the coarsest scale

    def _first_weight(self) -> float:
        options = self.options
        if options.content_weight is not None:
            return options.content_weight
        return strength.first_weight(options.strength, options.style_weight)

    def _target_error(self, content: Tensor, scale: int) -> float:
        """The content error that the strength dial asks for."""
        canvas, _ = pyramid.with_bleed(content)
        layers = self.options.content_layers
        unrelated = unrelated_error(self.encoder, canvas, self._paintings(scale), layers, tile=WHOLE)
        return strength.target_error(self.options.strength, unrelated)

    def _objective(self, content: Tensor, scale: int, content_weight: float) -> tuple[Objective, list[Tile]]:
        """The objective of a scale, and how its canvas is divided."""
        options, encoder = self.options, self.encoder
        encoder.workspace.clear()
        canvas, _ = pyramid.with_bleed(content)
        objective = from_images(
            encoder,
            canvas,
            self._paintings(scale),
            content_layers=options.content_layers,
            style_layers=options.style_layers,
            content_weight=content_weight,
            style_weight=options.style_weight,
            tv_weight=options.tv_weight,
            tile=WHOLE,
        )
        return objective, plan(canvas.shape[2], canvas.shape[3], WHOLE, encoder.halo, encoder.stride)

    def function(self, scale: int, content_weight: float) -> tuple[optimize.Function, Tensor]:
        """What a scale minimises, and the photograph there, [1, 3, H, W] with its bleed: for benchmarks."""
        content = self._tensor(self.content, scale)
        return self._function(*self._objective(content, scale, content_weight)), pyramid.with_bleed(content)[0]

    def _function(self, objective: Objective, tiles: Sequence[Tile]) -> optimize.Function:
        def function(image: Tensor) -> optimize.Value:
            statistics, grad = value_and_grad(image, self.encoder, objective, tiles)
            return optimize.Value(*objective.values(statistics), grad)

        return function

    def _first(self, content: Tensor) -> Tensor:
        """What the coarsest scale starts from, [1, 3, H, W] as the photograph there has it."""
        if self.options.init == "noise":
            generator = torch.Generator().manual_seed(self.options.seed)
            return torch.rand(content.shape, generator=generator).to(content.device)
        if self.start is not None:
            return self.start.at(*content.shape[2:]).to(content.device)
        return content

    def _paintings(self, scale: int) -> list[Tensor]:
        """The styles at a scale, never enlarged."""
        return [self._tensor(style, min(scale, max(style.size))) for style in self.styles]

    def _tensor(self, picture: Picture, longest: int) -> Tensor:
        return picture.at(*fit(*picture.size, longest)).to(self.compute.device)
