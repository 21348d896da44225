"""What the page is shown of pictures and recipes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from impasto.studio.form import EXACT
from impasto.studio.orders import CLOSED

SMALL = 320  # longest side of a thumbnail, in pixels


def settings(recipe: dict[str, Any]) -> dict[str, Any]:
    """The options of a recipe that the page can set and that are not as they are anyway, as it types them."""
    from impasto.notation import as_typed
    from impasto.options import Options, make_options

    chosen, usual = make_options({k: v for k, v in recipe["options"].items() if k not in CLOSED}), Options()
    found = {}
    for name in Options.model_fields:
        value = getattr(chosen, name)
        if name not in CLOSED and value != getattr(usual, name):
            number = isinstance(value, bool | int | float) and abs(value) <= EXACT
            found[name] = value if number else as_typed(value)
    return found


def thumbnail(file: Path) -> bytes:
    """A picture as a small JPEG."""
    from impasto.image import open_picture

    buffer = io.BytesIO()
    open_picture(file, longest=SMALL).shown(SMALL).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def style_thumbnail(name: str) -> bytes:
    """A built-in style as a small JPEG."""
    from impasto.paintings import paint

    buffer = io.BytesIO()
    paint(name, SMALL, SMALL * 25 // 32).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def convert(file: Path, target: Path, recipe: dict[str, Any]) -> None:
    """Writes a picture of ours in another format, by the extension."""
    from PIL import Image

    from impasto.output import save_image

    with Image.open(file) as image:
        save_image(image.copy(), target, recipe=recipe)
