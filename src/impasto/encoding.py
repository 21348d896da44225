"""How a picture is stored in its file: bits a sample, colour profile, resolution, transparency, recipe."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from impasto.deep import INSTALL, load_vips, to_profile
from impasto.deeppng import write_png
from impasto.errors import ImageError
from impasto.recipe import KEY, recipe_description, recipe_metadata, recipe_text
from impasto.srgb import from_srgb, lay_on, split_srgb, srgb_profile

LARGE = 2**31  # bytes of samples from which on a TIFF is a BigTIFF in tiles: it ends at 4 GiB else
TILE = 512  # pixels a side

_DEEP = ("PNG", "TIFF")  # hold 16 bits a sample
_WITH_ALPHA = ("PNG", "TIFF", "WEBP")
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT, _INCH = 0x011A, 0x011B, 0x0128, 2  # of EXIF

Levels: TypeAlias = npt.NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class Encoding:
    """How a picture is stored; what is not said here is 8-bit sRGB on white."""

    depth: int = 8  # bits a sample, 8 or 16
    dpi: int | None = None  # pixels an inch on paper; None: the file does not say
    profile: bytes | None = None  # ICC, of RGB: samples are converted to it from sRGB, and it is embedded
    alpha: bool = False  # whether transparency is kept where the format has any

    def check(self, kind: str, size: tuple[int, int]) -> None:
        """ImageError, a predicate, for what a format ("PNG"), or this installation, cannot do at (width, height)."""
        if self.depth == 16 and kind not in _DEEP:
            raise ImageError(f"cannot hold 16 bits a sample: {kind} ends at 8, PNG and TIFF do not")
        if kind == "TIFF" and find_spec("tifffile") is None:
            if self.depth == 16:
                raise ImageError(f"needs tifffile for 16 bits a sample: {INSTALL}")
            if self.is_large(size):
                raise ImageError(f"needs tifffile for a TIFF of {size[0]} x {size[1]} pixels: {INSTALL}")
        if self.depth == 16 and self.profile is not None and load_vips() is None:
            raise ImageError(f"needs pyvips for 16 bits a sample in the photograph's own profile: {INSTALL}")

    @property
    def icc(self) -> bytes:
        """The profile that is embedded."""
        return srgb_profile() if self.profile is None else self.profile

    def is_large(self, size: tuple[int, int]) -> bool:
        """Whether a TIFF of that (width, height) is a BigTIFF."""
        return size[0] * size[1] * (3 + self.alpha) * self.depth // 8 > LARGE


EIGHT_BITS = Encoding()


@dataclass(frozen=True)
class Stream:
    """A file that is not made in memory."""

    fill: Callable[[Path], None]  # writes it
    most: int  # bytes, about


def encode(
    image: Image.Image | Levels, kind: str, recipe: Mapping[str, object] | None, quality: int, encoding: Encoding
) -> bytes | Stream:
    """The file of a picture: an image of Pillow, or levels [H, W, 3 or 4] of uint16 in sRGB.

    What is small is encoded in memory, so that the space needed is known before the disk is asked for it.
    """
    if isinstance(image, np.ndarray):
        levels = image if encoding.profile is None else to_profile(image, encoding.profile)
        return _stream(levels, kind, recipe, encoding)
    plain = _plain(image, kind, encoding)
    if kind == "TIFF" and encoding.is_large(plain.size):
        return _stream(np.asarray(plain), kind, recipe, encoding)
    options = _encoder_options(kind, quality)
    if recipe is not None:
        options |= recipe_metadata(kind, recipe)
    buffer = io.BytesIO()
    plain.save(buffer, kind, icc_profile=encoding.icc, **_with_resolution(options, kind, encoding.dpi))
    return buffer.getvalue()


def _plain(image: Image.Image, kind: str, encoding: Encoding) -> Image.Image:
    """ "RGB" or "RGBA", in the profile that is asked for, and nothing that Pillow's writers would keep besides."""
    rgb, alpha, _ = split_srgb(image)
    kept = alpha if encoding.alpha and kind in _WITH_ALPHA else None
    if kept is None:
        rgb = lay_on(rgb, alpha)
    rgb = rgb.copy() if encoding.profile is None else from_srgb(rgb, encoding.profile)
    if kept is not None:
        rgb.putalpha(kept)
    rgb.info = {}  # a comment, say, or a transparent colour
    return rgb


def _encoder_options(kind: str, quality: int) -> dict[str, Any]:
    match kind:
        case "JPEG":
            return {"quality": quality, "subsampling": "4:4:4"}  # strokes of pure colour bleed at 4:2:0
        case "WEBP":
            return {"quality": quality}
        case "TIFF":
            return {"compression": "tiff_adobe_deflate"}
    return {}


def _with_resolution(options: dict[str, Any], kind: str, dpi: int | None) -> dict[str, Any]:
    if dpi is None:
        return options
    if kind != "WEBP":
        return options | {"dpi": (dpi, dpi)}
    exif = options.get("exif", Image.Exif())  # which is all that WebP has
    exif[_X_RESOLUTION] = exif[_Y_RESOLUTION] = float(dpi)
    exif[_RESOLUTION_UNIT] = _INCH
    return options | {"exif": exif}


def _stream(levels: Levels, kind: str, recipe: Mapping[str, object] | None, encoding: Encoding) -> Stream:
    icc, dpi = encoding.icc, encoding.dpi
    if kind == "PNG":
        text = {} if recipe is None else {KEY: recipe_text(recipe)}
        return Stream(lambda path: write_png(path, levels, icc=icc, dpi=dpi, text=text), levels.nbytes)
    described = None if recipe is None else recipe_description(recipe)
    return Stream(lambda path: _write_tiff(path, levels, icc, dpi, described), levels.nbytes)


def _write_tiff(path: Path, levels: Levels, icc: bytes, dpi: int | None, described: str | None) -> None:
    """Deflate with differences; from LARGE on a BigTIFF in tiles, one of them in memory at a time."""
    import tifffile

    layout: dict[str, Any] = {"tile": (TILE, TILE), "bigtiff": True} if levels.nbytes > LARGE else {}
    if levels.shape[2] == 4:
        layout["extrasamples"] = ["unassalpha"]
    if dpi is not None:
        layout |= {"resolution": (dpi, dpi), "resolutionunit": "INCH"}
    tifffile.imwrite(
        path,
        levels,
        photometric="rgb",
        compression="adobe_deflate",
        predictor=True,
        iccprofile=icc,
        description=described,
        metadata=None,
        software=False,
        **layout,
    )
