"""Everything that a run needs, opened, checked and fitted into the memory, before anything is painted."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import partial
from typing import cast

from impasto import memory, room
from impasto.architecture import CONVOLUTIONS
from impasto.cache import scratch_folder
from impasto.cost import Layout
from impasto.device import Compute, choose_compute
from impasto.errors import CacheError, OptionsError, OutOfMemoryError, memory_told
from impasto.image import Picture, Source, check_result, open_picture
from impasto.imagefile import describe
from impasto.limits import MAX_PIXELS
from impasto.materials import COLOR_SIDE, Materials
from impasto.options import Options
from impasto.regions import Division, Mask, divide, read_mask
from impasto.run import Transfer
from impasto.shared import Shared
from impasto.styles import builtin_name, style_source
from impasto.vgg import Encoder
from impasto.weights import Weights, load_weights


def prepare_run(
    photograph: Picture | None,
    size: tuple[int, int],
    style: Source | Sequence[Source],
    options: Options,
    shared: Shared | None,
    *,
    continued: Picture | None = None,
    started: float,
) -> Transfer:
    """The run of a picture of that (height, width), but for its layouts."""
    check_result(*size, options.max_pixels)
    sources: list[Source] = list(style) if isinstance(style, (list, tuple)) else [cast(Source, style)]
    if not sources:
        raise OptionsError("expected at least one style picture, got none")
    stroke = options.style_size / max(size) if options.style_size else options.style_scale
    longest = max(round(max(size) * stroke), COLOR_SIDE)
    styles = [open_once(shared, source, "style", longest, options) for source in sources]
    start = None
    if options.start is not None:
        start = open_once(shared, options.start, "init", max(size), options)
    masks, divisions = _divide(photograph, styles, options, shared)
    with memory_told(max(size)):
        shelf = shared or Shared()
        weights = shelf.once("network", options.weights, partial(load_weights, options.weights))
        compute = choose_compute(options.device, options.precision)
        layers = (*options.content_layers, *options.style_layers)
        key = (options.weights, compute, *layers, options.pooling, options.borders)
        encoder = shelf.once("encoder", key, partial(_load_encoder, weights, compute, options))
    materials = Materials(photograph, size, styles, stroke, options.color, divisions, compute.device)
    memory.give_back()
    seconds = time.perf_counter() - started
    return Transfer(
        options, materials, start, continued, masks, weights.info, compute, encoder, seconds, shared,
        base=memory.resident(compute.device),
    )  # fmt: skip


def layouts(transfer: Transfer, known: Sequence[int | None] = ()) -> list[Layout]:
    """How each scale fits into the memory that it may have; where that will do, in tiles that are known from before.

    OutOfMemoryError, with what would fit, where it does not; CacheError where files would do that have no place.
    """
    options, device, plan = transfer.options, transfer.compute.device, transfer.plan
    budget = options.memory if options.memory is not None else transfer.base + memory.available(device)
    fitting = plan.fit(budget, options.tile, known=known)
    if not any(layout.on_disk for layout in fitting):
        return fitting
    try:
        room.check(scratch_folder(), plan.estimate(fitting).disk)
        return fitting
    except CacheError as error:
        try:
            return plan.fit(budget, options.tile, known=known, files=False)
        except OutOfMemoryError:
            raise error from None


def open_once(shared: Shared | None, source: Source, role: str, longest: int | None, options: Options) -> Picture:
    """A picture, opened once where it has a name."""

    def open_it() -> Picture:
        if role == "style" and builtin_name(source) is not None:  # --max-pixels is about files
            return open_picture(style_source(source), role=role, longest=longest, max_pixels=MAX_PIXELS)
        return open_picture(source, role=role, longest=longest, max_pixels=options.max_pixels)

    if shared is None:
        return open_it()
    return shared.once("picture", (*_name(source), role, longest, options.max_pixels), lambda: (open_it(), source))[0]


def _name(source: Source) -> tuple[object, ...]:
    """What to know a source by: of a picture in memory, which has to be kept, where it is."""
    return (os.fspath(source),) if isinstance(source, (str, os.PathLike)) else (id(source), "in memory")


def _divide(
    photograph: Picture | None, styles: Sequence[Picture], options: Options, shared: Shared | None
) -> tuple[list[str], list[Division]]:
    """The hashes of the masks, and which style paints where."""
    weights = options.style_weights or (1.0,) * len(styles)
    if len(weights) != len(styles):
        raise OptionsError(f"expected a weight for each of {len(styles)} styles, got {len(weights)} in style_weights")
    if len(options.style_mask) > len(styles):
        raise OptionsError(
            f"expected at most {len(styles)} style masks, one for each style, got {len(options.style_mask)}"
        )
    shelf = shared or Shared()
    content_masks = [_mask(one, photograph, "content mask", options, shelf) for one in options.content_mask]
    style_masks = [
        _mask(one, style, "style mask", options, shelf)
        for one, style in zip(options.style_mask, styles, strict=False)
    ]
    divisions = divide(content_masks, style_masks, weights)
    return [mask.sha256 for mask in (*content_masks, *style_masks)], divisions


def _mask(source: Source, of: Picture | None, role: str, options: Options, shared: Shared) -> Mask:
    if of is None:
        raise OptionsError("a texture has no content that a content mask could divide")

    def read_it() -> tuple[Mask, Source]:
        picture = open_picture(source, role=role, max_pixels=options.max_pixels, mask=True)
        return read_mask(picture, of, f"{role} {describe(source)}"), source

    return shared.once("mask", (*_name(source), of.size, options.max_pixels), read_it)[0]


def _load_encoder(weights: Weights, compute: Compute, options: Options) -> Encoder:
    try:
        return Encoder(
            weights.tensors,
            CONVOLUTIONS[weights.architecture],
            weights.preprocessing,
            [*options.content_layers, *options.style_layers],
            pooling=options.pooling,
            borders=options.borders,
            method=compute.method,
            device=compute.device,
            dtype=compute.dtype,
        )
    except ValueError as error:
        raise OptionsError(str(error)) from None
