"""The recipe a picture was made with, kept as JSON in its file's metadata."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo

from impasto.errors import ImageError
from impasto.imagefile import describe, header, naming
from impasto.limits import MAX_PIXELS

MAX_RECIPE = 60_000  # characters of JSON: JPEG holds 64 KiB of EXIF, and one limit for all is easier told

KEY = "impasto"  # of the iTXt chunk in a PNG, and of the JSON object in an EXIF description elsewhere
_IMAGE_DESCRIPTION = 0x010E  # the EXIF tag, ASCII


def recipe_metadata(kind: str, recipe: Mapping[str, object]) -> dict[str, object]:
    """The options for Pillow's `save` that put the recipe into a file of this kind ("PNG", "JPEG" ...).

    Errors are those of `recipe_text`.
    """
    if kind == "PNG":
        chunks = PngInfo()
        chunks.add_itxt(KEY, recipe_text(recipe))
        return {"pnginfo": chunks}
    exif = Image.Exif()
    exif[_IMAGE_DESCRIPTION] = recipe_description(recipe)
    return {"exif": exif}


def recipe_text(recipe: Mapping[str, object]) -> str:
    """A recipe as JSON, in ASCII.

    Raises ImageError for more than MAX_RECIPE characters, TypeError or ValueError where it is not plain JSON.
    """
    text = json.dumps(recipe, allow_nan=False)
    if len(text) > MAX_RECIPE:
        raise ImageError(f"cannot hold a recipe of {len(text):,} characters: expected at most {MAX_RECIPE:,}")
    return text


def recipe_description(recipe: Mapping[str, object]) -> str:
    """What a picture's EXIF or TIFF description is, with the recipe in it."""
    return f'{{"{KEY}": {recipe_text(recipe)}}}'


def anonymous_options(
    options: Mapping[str, Any], *, masks: Sequence[str], start: str | None, weights: str | None
) -> dict[str, Any]:
    """Options as JSON with hashes (SHA-256) in place of the names of files: masks of the content first."""
    hashes, count = [f"sha256:{one}" for one in masks], len(options["content_mask"])
    named = {"content_mask": hashes[:count], "style_mask": hashes[count:]}
    single = {"init": start, "weights": weights}
    return {**options, **named, **{name: f"sha256:{one}" for name, one in single.items() if one is not None}}


def read_recipe(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> dict[str, object]:
    """The recipe in a PNG, JPEG, WebP or TIFF file; ImageError where there is none, or no such file."""
    with naming(f"image {describe(path)}"), header(path, max_pixels) as image:
        recipe = _from_chunk(image) if image.format == "PNG" else _from_description(image)
        if not isinstance(recipe, dict):
            raise ImageError("holds no Impasto recipe")
        return recipe


def _from_chunk(image: ImageFile.ImageFile) -> object:
    return _load(image.info.get(KEY))


def _from_description(image: ImageFile.ImageFile) -> object:
    description = _load(image.getexif().get(_IMAGE_DESCRIPTION))
    return description.get(KEY) if isinstance(description, dict) else None


def _load(text: object) -> object:
    """The JSON in a piece of metadata; None where it is anything else: a caption, bytes, an attack."""
    if not isinstance(text, str) or len(text) > MAX_RECIPE + len(KEY) + 6:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
