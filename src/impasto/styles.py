"""Built-in styles: our own paintings, to be named in place of a style file.

A painting takes seconds, so it is kept in the cache folder. What is kept is used only if it is, to the pixel,
what the code that runs now has painted.
"""

import hashlib
import io
import os
from contextlib import suppress
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from impasto import __version__, atomic
from impasto.cache import cache_folder, code_version
from impasto.errors import ImageError
from impasto.image import Source, open_picture
from impasto.imagefile import naming, parse, read
from impasto.limits import MAX_PIXELS
from impasto.paintings import PAINTINGS, describe, paint

SIZE = 1536, 1200  # (width, height) in pixels: fine enough for 2048, and up to 1 GB to paint where 2048 takes 1.7

_COLUMNS = 3
_THUMBNAIL = 480, 375  # (width, height) in pixels
_MARGIN, _CAPTION = 24, 48  # pixels, round a thumbnail and beneath it
_PAPER, _INK = "#f7f5f0", "#22201c"
_DIGEST_KEY = "pixels-sha256"


def builtin_styles() -> dict[str, str]:
    """Names of the built-in styles, and what each shows on one line."""
    return {name: describe(name) for name in PAINTINGS}


def builtin_name(source: object) -> str | None:
    """The built-in style that is meant by this; None for everything else, be it a picture or not.

    A string means a style by its name, unless there is a file of that name; "./whirl" and `Path("whirl")` mean
    the file, and a folder stands in nobody's way. ImageError for a bare word that is neither.
    """
    if not isinstance(source, str) or (os.path.lexists(source) and not Path(source).is_dir()):
        return None
    if source in PAINTINGS:
        return source
    if Path(source).name == source and not Path(source).suffix and not os.path.lexists(source):
        raise ImageError(f"no style is named {source!r}: choose from {', '.join(PAINTINGS)}, or give a picture file")
    return None


def style_source(source: Source) -> Source:
    """The painting, as an RGB image of `SIZE`, if a built-in style is named; else the source itself.

    The same pixels every time on one machine. Errors as of `builtin_name`, and OutOfMemoryError. A cache folder
    that is closed, full or damaged costs time, nothing else.
    """
    name = builtin_name(source)
    return source if name is None else _painting(name)


def kept_styles() -> dict[str, str]:
    """{SHA-256 as in a recipe: name} of the built-in styles that have been painted on this machine."""
    found = {}
    for name in PAINTINGS:
        image = _kept(_file(name))
        if image is not None:
            found[open_picture(image).sha256] = name
    return found


def preview_sheet() -> Image.Image:
    """Every built-in style as a small painting with its name beneath, in RGB."""
    width, height = _THUMBNAIL
    cell, row = width + _MARGIN, height + _CAPTION
    rows = -(-len(PAINTINGS) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * cell + _MARGIN, rows * row + _MARGIN), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(28)
    for index, name in enumerate(PAINTINGS):
        left, top = _MARGIN + index % _COLUMNS * cell, _MARGIN + index // _COLUMNS * row
        sheet.paste(paint(name, width, height), (left, top))
        draw.text((left + width / 2, top + height + 18), name, _INK, font, anchor="mm")
    return sheet


def _painting(name: str) -> Image.Image:
    file = _file(name)
    image = _kept(file)
    if image is None:
        image = paint(name, *SIZE)
        _keep(file, image)
    return image


def _file(name: str) -> Path:
    return cache_folder() / "styles" / f"{name}-{SIZE[0]}x{SIZE[1]}-{_code_version()}.png"


def _kept(file: Path) -> Image.Image | None:
    """The painting in a file that `_keep` wrote; None if there is none, or not the whole of it."""
    try:
        with naming("kept style"):
            image = parse(read(file, MAX_PIXELS), MAX_PIXELS)
            image.load()
            pixels = image.tobytes()
    except ImageError:
        return None
    if (image.mode, image.size, image.info.get(_DIGEST_KEY)) != ("RGB", SIZE, hashlib.sha256(pixels).hexdigest()):
        return None
    return Image.frombytes("RGB", SIZE, pixels)  # without what the file says besides


def _keep(file: Path, image: Image.Image) -> None:
    """Write a painting in place of those that other versions of the code have left, if that can be done."""
    info, buffer = PngInfo(), io.BytesIO()
    info.add_text(_DIGEST_KEY, hashlib.sha256(image.tobytes()).hexdigest())
    image.save(buffer, "PNG", pnginfo=info)
    with suppress(OSError, RuntimeError):  # the latter of a link that leads to itself
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic.sweep_leftovers(file)
        atomic.write(file, buffer.getvalue())
        for other in file.parent.glob(f"{file.name.rpartition('-')[0]}-*.png"):
            if other != file:
                other.unlink()


@cache
def _code_version() -> str:
    """Of the painters' code and the libraries that they paint with."""
    painters = Path(str(resources.files("impasto.paintings")))
    return code_version(painters, __version__, np.__version__, PIL.__version__)
