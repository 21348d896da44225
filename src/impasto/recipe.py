"""The recipe a picture was made with, kept as JSON in its file's metadata."""

import json
import os
from collections.abc import Mapping

from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo

from impasto.errors import ImageError
from impasto.imagefile import describe, naming, parse, read
from impasto.limits import MAX_PIXELS

MAX_RECIPE = 60_000  # characters of JSON: JPEG holds 64 KiB of EXIF, and one limit for all is easier told

_KEY = "impasto"  # of the iTXt chunk in a PNG, and of the JSON object in an EXIF description elsewhere
_IMAGE_DESCRIPTION = 0x010E  # the EXIF tag, ASCII


def recipe_metadata(kind: str, recipe: Mapping[str, object]) -> dict[str, object]:
    """The options for Pillow's `save` that put the recipe into a file of this kind ("PNG", "JPEG" ...).

    Raises ImageError for a recipe longer than MAX_RECIPE characters, TypeError or ValueError where it is not
    plain JSON.
    """
    text = json.dumps(recipe, allow_nan=False)
    if len(text) > MAX_RECIPE:
        raise ImageError(f"cannot hold a recipe of {len(text):,} characters: expected at most {MAX_RECIPE:,}")
    if kind == "PNG":
        chunks = PngInfo()
        chunks.add_itxt(_KEY, text)
        return {"pnginfo": chunks}
    exif = Image.Exif()
    exif[_IMAGE_DESCRIPTION] = f'{{"{_KEY}": {text}}}'
    return {"exif": exif}


def read_recipe(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> dict[str, object]:
    """The recipe in a PNG, JPEG, WebP or TIFF file; ImageError where there is none, or no such file."""
    with naming(f"image {describe(path)}"):
        image = parse(read(path, max_pixels), max_pixels)
        recipe = _from_chunk(image) if image.format == "PNG" else _from_description(image)
        if not isinstance(recipe, dict):
            raise ImageError("holds no Impasto recipe")
        return recipe


def _from_chunk(image: ImageFile.ImageFile) -> object:
    return _load(image.info.get(_KEY))


def _from_description(image: ImageFile.ImageFile) -> object:
    description = _load(image.getexif().get(_IMAGE_DESCRIPTION))
    return description.get(_KEY) if isinstance(description, dict) else None


def _load(text: object) -> object:
    """The JSON in a piece of metadata; None where it is anything else: a caption, bytes, an attack."""
    if not isinstance(text, str) or len(text) > MAX_RECIPE + len(_KEY) + 6:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
