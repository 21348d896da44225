"""The main path: a photograph and paintings in, a picture out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from impasto.cost import Estimate
from impasto.errors import OptionsError
from impasto.image import Source, fit
from impasto.limits import MAX_PIXELS
from impasto.materials import COLOR_SIDE
from impasto.options import Options, check_texture, make_options, make_texture_options
from impasto.preparation import layouts, open_once, prepare_run
from impasto.remake import check_files, continued_options, run_recipe
from impasto.run import Transfer
from impasto.shared import Shared
from impasto.snapshots import Snapshots
from impasto.states import Iterate, Result

__all__ = [
    "Estimate",
    "Iterate",
    "Result",
    "Transfer",
    "estimate",
    "iterate",
    "prepare",
    "prepare_texture",
    "stylize",
    "texture",
]


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


def estimate(content: Source, style: Source | Sequence[Source], **values: Any) -> Estimate:
    """What `stylize` would take on this machine, in seconds and in bytes, scale by scale; arguments as there.

    The first estimate for a network on a machine times it, which takes some seconds.
    """
    return prepare(content, style, **values).estimate


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
    photograph = open_once(shared, content, "content", longest, options)
    size = fit(*photograph.size, options.longest(*photograph.size))
    before = None
    if continued is not None:
        before = open_once(shared, continued, "continued", None, options)
        _check_continued(before.size, size, photograph.size)
    transfer = prepare_run(photograph, size, style, options, shared, continued=before, started=started)
    if recipe is not None:
        _check_same(recipe, transfer)
    return _laid_out(transfer, checkpoint)


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
    transfer = prepare_run(None, (size[1], size[0]), style, options, None, started=started)
    return _laid_out(transfer, checkpoint)


def _laid_out(transfer: Transfer, folder: str | os.PathLike[str] | None) -> Transfer:
    """The same run, fitted into the memory, and kept in a folder if one is given. SnapshotError where that fails."""
    if folder is None:
        return replace(transfer, layouts=layouts(transfer))
    snapshots = Snapshots(folder, transfer.identity)
    snapshots.check()
    known = (snapshots.tiles() if transfer.options.tile is None else None) or []
    resumed = replace(transfer, snapshots=snapshots, layouts=layouts(transfer, known))
    if known and resumed.tiles != known:
        resumed.mishaps.append("the run may have less memory than before, and goes on in smaller tiles")
    return resumed


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
