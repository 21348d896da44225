"""What the page is shown of pictures and recipes."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from impasto.encoding import Encoding
from impasto.studio.form import typed
from impasto.studio.orders import CLOSED

SMALL = 320  # longest side of a thumbnail, in pixels
QUALITY = 88  # of what is shown, as JPEG
DEEP = find_spec("tifffile") is not None  # whether there are pictures of 16 bits: by the extra "huge"


def jpeg(image: Image.Image) -> bytes:
    """An "RGB" image as a file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def settings(recipe: dict[str, Any]) -> dict[str, Any]:
    """The options of a recipe that the page can set and that are not as they are anyway, as it types them."""
    from impasto.options import Options, make_options

    chosen, usual = make_options({k: v for k, v in recipe["options"].items() if k not in CLOSED}), Options()
    found = {}
    for name in Options.model_fields:
        value = getattr(chosen, name)
        if name not in CLOSED and value != getattr(usual, name):
            found[name] = typed(value)
    return found


def thumbnail(file: Path) -> bytes:
    """A picture as a small JPEG."""
    from impasto.image import open_picture

    return jpeg(open_picture(file, longest=SMALL).shown(SMALL))


def style_thumbnail(name: str) -> bytes:
    """A built-in style as a small JPEG."""
    from impasto.paintings import paint

    return jpeg(paint(name, SMALL, SMALL * 25 // 32))


def convert(file: Path, target: Path, recipe: dict[str, Any]) -> None:
    """Writes a picture of ours in another format, by the extension."""
    from impasto.output import save_image

    with Image.open(file) as image:
        encoding = Encoding(dpi=recipe.get("options", {}).get("dpi"), alpha=image.mode == "RGBA")
        save_image(image.copy(), target, recipe=recipe, encoding=encoding)
