"""Pictures of 16 bits a sample, of which Pillow keeps eight: libvips reads them and converts their colours."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from impasto.errors import ImageError
from impasto.srgb import profile_mode, srgb_profile

INSTALL = "pip install 'impasto[huge]'"
CUT = "{}-bit samples were read as 8 bits"
WHITE = 65535

_INTENT = {"intent": "relative", "black_point_compensation": True, "depth": 16}


def is_deep(image: ImageFile.ImageFile, data: bytes) -> bool:
    """Whether a file with that header is a PNG or TIFF of 16-bit grey or RGB, with or without alpha."""
    if image.format == "TIFF":
        return _is_plain_tiff(cast(Any, image).tag_v2)
    return image.format == "PNG" and data[24] == 16  # of IHDR


def cut_notes(image: ImageFile.ImageFile, *, deep: bool) -> tuple[str, ...]:
    """What Pillow does not keep of a file with that header, for people; deep: libvips would.

    ImageError for planes of 16 bits, which Pillow takes for others.
    """
    bits = image.info.get("bit_depth", 8) if image.format == "HEIF" else 8
    if image.format == "TIFF":
        tags = cast(Any, image).tag_v2
        bits = max(tags.get(258, (8,)))
        if bits > 8 and tags.get(284, 1) != 1 and tags.get(277, 1) > 1:
            raise ImageError(f"has planes of {bits} bits" + f": {INSTALL} reads them" * deep)
    if deep:
        return (f"{CUT.format(16)}: {INSTALL} reads them whole",)
    return (CUT.format(bits),) if bits > 8 else ()


def _is_plain_tiff(tags: Mapping[int, Any]) -> bool:
    """No palette, no inks, no floats; and colours that are not multiplied by their alpha."""
    colours, extra = {1: 1, 2: 3}.get(tags.get(262, 0)), tags.get(338, ())
    whole_numbers = set(tags.get(258, (1,))) == {16} and set(tags.get(339, (1,))) == {1}
    return whole_numbers and extra in ((), (2,)) and tags.get(277, 1) == (colours or 0) + len(extra)


@cache
def load_vips() -> Any:
    """pyvips, silent, and without the loaders that libvips itself does not trust; None if it is not installed."""
    os.environ["VIPS_BLOCK_UNTRUSTED"] = "1"
    logging.getLogger("pyvips").addHandler(logging.NullHandler())
    try:
        import pyvips
    except (ImportError, OSError):  # the latter of a libvips that is missing
        return None
    pyvips.cache_set_max(0)  # nothing is asked for twice
    return pyvips


def read_deep(
    data: bytes, kind: str, size: tuple[int, int], icc: object, scale: int
) -> tuple[tuple[Image.Image, ...], Image.Image | None, tuple[str, ...]]:
    """Decodes a "PNG" or "TIFF" of 16 bits and that (width, height), and reduces it by halves to 1/scale.

    Returns three bands in "F", sRGB over white in 0..65535; the opacity likewise, or None; and notes.
    """
    vips = load_vips()
    try:
        source = vips.Source.new_from_memory(data)  # unlike a buffer not copied
        if kind == "PNG":
            image = vips.Image.pngload_source(source, access="sequential", fail_on="error")
        else:  # where a tile ends early, it warns and goes on in black
            image = vips.Image.tiffload_source(source, access="sequential", fail_on="warning")
        if (image.width, image.height) != size:
            raise ImageError(f"has two sizes: {size[0]} x {size[1]} pixels, and {image.width} x {image.height}")
        samples, notes = _over_white(image, icc)
        while scale > 1:
            samples, scale = samples.shrink(2, 2, ceil=True), scale // 2
        array = samples.numpy()
    except vips.Error as error:
        raise ImageError(f"cannot be read: {' '.join(str(error).split())[:200]}") from error
    *colours, alpha = [Image.fromarray(np.ascontiguousarray(array[..., band])) for band in range(array.shape[2])]
    if array.shape[2] == 3:
        return (*colours, alpha), None, notes
    return tuple(colours), alpha, notes


def to_profile(levels: npt.NDArray[np.uint16], icc: bytes) -> npt.NDArray[np.uint16]:
    """Samples [H, W, 3 or 4] in sRGB as numbers of an RGB profile; alpha stays."""
    vips = load_vips()
    height, width, bands = levels.shape
    image = vips.Image.new_from_memory(levels.data, width, height, bands, "ushort").copy(interpretation="rgb16")
    with tempfile.TemporaryDirectory() as folder:  # libvips takes the profile to convert to from a file only
        profile = Path(folder) / "profile.icc"
        profile.write_bytes(icc)
        converted = image[:3].icc_transform(str(profile), input_profile="srgb", **_INTENT).copy_memory()
    if bands == 4:
        converted = converted.bandjoin(image[3])
    return cast("npt.NDArray[np.uint16]", converted.numpy())


def _over_white(image: Any, icc: object) -> tuple[Any, tuple[str, ...]]:
    """An image of libvips as floats [RGB, or RGB and alpha], sRGB over white in 0..65535, and notes."""
    vips = load_vips()
    colours, alpha = (image[:-1], image[image.bands - 1]) if image.hasalpha() else (image, None)
    if image.format != "ushort" or colours.bands not in (1, 3):
        raise ImageError(f"has samples of an unexpected kind: {image.bands} bands of {image.format}")
    notes: tuple[str, ...] = ()
    known = profile_mode(icc) if icc else None
    if icc and known not in ("RGB", "L" if colours.bands == 1 else "RGB"):
        notes = ("broken colour profile ignored",)
    elif icc and icc != srgb_profile():
        if known == "RGB" and colours.bands == 1:
            colours = _as_rgb(colours)
        colours = colours.copy()
        colours.set_type(vips.GValue.blob_type, "icc-profile-data", icc)
        colours = colours.icc_transform("srgb", embedded=True, **_INTENT)
    colours = _as_rgb(colours)
    if alpha is None:
        return colours.cast("float"), notes
    covered = colours.bandjoin(alpha).copy(interpretation="rgb16").flatten(background=WHITE)
    return covered.bandjoin(alpha).cast("float"), notes


def _as_rgb(colours: Any) -> Any:
    bands = colours if colours.bands == 3 else colours.bandjoin([colours, colours])
    return bands.copy(interpretation="rgb16")
