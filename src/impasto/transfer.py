"""The main path: a photograph and paintings in, a picture out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

from impasto.architecture import CONVOLUTIONS
from impasto.device import Compute, choose_compute
from impasto.errors import OptionsError, memory_told
from impasto.image import Picture, Source, check_result, fit, open_picture
from impasto.imagefile import describe
from impasto.limits import MAX_PIXELS
from impasto.materials import COLOR_SIDE, Materials
from impasto.options import Options, check_texture, make_options, make_texture_options
from impasto.regions import Division, Mask, divide, read_mask
from impasto.remake import check_files, continued_options, run_recipe
from impasto.run import Transfer
from impasto.shared import Shared
from impasto.snapshots import Snapshots
from impasto.states import Iterate, Result
from impasto.styles import builtin_name, style_source
from impasto.vgg import Encoder
from impasto.weights import Weights, load_weights

__all__ = ["Iterate", "Result", "Transfer", "iterate", "prepare", "prepare_texture", "stylize", "texture"]


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
        style: the same, the name of a built-in style ("whirl"), or a list of them.
        preset: a named set of options, or a TOML file with one.
        options: an `Options`, in place of preset and values.
        **values: any field of `Options`, such as `size=1024, strength=0.7`.

    Raises:
        ImpastoError: in one sentence, for pictures that cannot be read and options that are impossible.
    """
    return _result(prepare(content, style, preset=preset, options=options, **values))


def iterate(content: Source, style: Source | Sequence[Source], **values: Any) -> Iterator[Iterate]:
    """The same as a generator that yields every evaluation; to cancel, stop iterating."""
    yield from prepare(content, style, **values)


def prepare(
    content: Source,
    style: Source | Sequence[Source],
    *,
    preset: str | os.PathLike[str] | None = None,
    options: Options | None = None,
    continued: Source | None = None,
    shared: Shared | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    **values: Any,
) -> Transfer:
    """Opens and checks everything, so that what cannot work fails here, and starts nothing.

    continued: a picture to go on from at a larger size. From a file its recipe is taken, too: then `values` say what
    is to be different, and content and styles have to be those that it was painted with. shared: what several runs
    need, so that it is made once. checkpoint: a folder in which the run is kept every half minute, and from which the
    same run goes on, to the same bytes.
    """
    started = time.perf_counter()
    recipe = None
    if isinstance(continued, (str, os.PathLike)):
        limits = (
            options if isinstance(options, Options) else make_options(max_pixels=values.get("max_pixels", MAX_PIXELS))
        )
        recipe = run_recipe(continued, limits.max_pixels)
    if recipe is not None and options is None:
        if preset is not None:
            raise OptionsError("a continued picture brings its options: give single values, and no preset")
        if "init" in values:
            raise OptionsError("a continued picture is what its run starts from: give no init")
        check_files(recipe, values)
        options = make_options(continued_options(recipe), **values)
    else:
        options = _chosen(options, preset, values)
    longest = None if options.height else max(options.size, COLOR_SIDE)
    photograph = _open(shared, content, "content", longest, options)
    size = fit(*photograph.size, options.longest(*photograph.size))
    before = None
    if continued is not None:
        before = _open(shared, continued, "continued", None, options)
        _check_continued(before.size, size, photograph.size)
    transfer = _prepare(photograph, size, style, options, shared, continued=before, started=started)
    if recipe is not None:
        _check_same(recipe, transfer)
    return _with_snapshots(transfer, checkpoint)


def texture(
    style: Source | Sequence[Source],
    size: tuple[int, int] = (512, 512),
    *,
    tileable: bool = False,
    preset: str | os.PathLike[str] | None = None,
    options: Options | None = None,
    **values: Any,
) -> Result:
    """A picture in a style and of nothing: its texture (Gatys et al. 2015, Texture Synthesis).

    Args:
        style: as for `stylize`.
        size: (width, height) in pixels.
        tileable: whether copies of the result can be laid side by side without a seam: `borders="circular"`.
        **values: any field of `Options` that is not about the content.
    """
    return _result(prepare_texture(style, size, tileable=tileable, preset=preset, options=options, **values))


def prepare_texture(
    style: Source | Sequence[Source],
    size: tuple[int, int] = (512, 512),
    *,
    tileable: bool = False,
    preset: str | os.PathLike[str] | None = None,
    options: Options | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    **values: Any,
) -> Transfer:
    """As `prepare`, for `texture`."""
    started = time.perf_counter()
    options = _chosen(options, preset, values, partial(make_texture_options, size, tileable=tileable))
    check_texture(options, tileable)
    transfer = _prepare(None, (size[1], size[0]), style, options, None, started=started)
    return _with_snapshots(transfer, checkpoint)


def _with_snapshots(transfer: Transfer, folder: str | os.PathLike[str] | None) -> Transfer:
    """The same run, kept in a folder. SnapshotError for one that does not do."""
    if folder is None:
        return transfer
    snapshots = Snapshots(folder, transfer.identity)
    snapshots.check()
    return replace(transfer, snapshots=snapshots)


def _result(transfer: Transfer) -> Result:
    for state in transfer:
        last = state
    return transfer.result(last)


def _check_continued(before: tuple[int, int], size: tuple[int, int], photograph: tuple[int, int]) -> None:
    shown = f"{before[1]} x {before[0]}"
    if max(before) > max(size):
        raise OptionsError(f"the continued picture is {shown} pixels already: give a size of {max(before)} or more")
    if fit(*photograph, max(before)) != before:
        raise OptionsError(f"the continued picture is {shown} pixels: the content has other proportions")


def _check_same(recipe: Mapping[str, Any], transfer: Transfer) -> None:
    """OptionsError where a picture is to be continued with another photograph or other styles."""
    present = transfer.recipe
    for name, what in (("content", "photograph"), ("styles", "styles"), ("weights", "weights")):
        if recipe.get(name) != present[name]:
            raise OptionsError(f"the continued picture was painted with other {what}: give the same files as then")


def _chosen(
    options: Options | None,
    preset: str | os.PathLike[str] | None,
    values: Mapping[str, Any],
    make: Callable[..., Options] = make_options,
) -> Options:
    """The options that were given, or those that a preset and single values make."""
    if options is not None and (preset is not None or values):
        raise OptionsError("give either options, or a preset and single values, not both")
    options = options if options is not None else make(preset, **values)
    if not isinstance(options, Options):
        raise OptionsError(
            f"options are an impasto.Options, not {type(options).__name__}: give values by their names"
        )
    return options


def _prepare(
    photograph: Picture | None,
    size: tuple[int, int],
    style: Source | Sequence[Source],
    options: Options,
    shared: Shared | None,
    *,
    continued: Picture | None = None,
    started: float,
) -> Transfer:
    """The run of a picture of that (height, width)."""
    check_result(*size, options.max_pixels)
    sources: list[Source] = list(style) if isinstance(style, (list, tuple)) else [cast(Source, style)]
    if not sources:
        raise OptionsError("expected at least one style picture, got none")
    stroke = options.style_size / max(size) if options.style_size else options.style_scale
    longest = max(round(max(size) * stroke), COLOR_SIDE)
    styles = [_open(shared, source, "style", longest, options) for source in sources]
    start = None
    if options.start is not None:
        start = _open(shared, options.start, "init", max(size), options)
    masks, divisions = _divide(photograph, styles, options, shared)
    with memory_told(max(size)):
        shelf = shared or Shared()
        weights = shelf.once("network", options.weights, partial(load_weights, options.weights))
        compute = choose_compute(options.device, options.precision)
        layers = (*options.content_layers, *options.style_layers)
        key = (options.weights, compute, *layers, options.pooling, options.borders)
        encoder = shelf.once("encoder", key, partial(_load_encoder, weights, compute, options))
    materials = Materials(photograph, size, styles, stroke, options.color, divisions, compute.device)
    seconds = time.perf_counter() - started
    return Transfer(options, materials, start, continued, masks, weights.info, compute, encoder, seconds, shared)


def _open(shared: Shared | None, source: Source, role: str, longest: int | None, options: Options) -> Picture:
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
