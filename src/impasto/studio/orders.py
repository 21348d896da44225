"""What the page may ask for: a picture to be painted, told by ids and plain values, never by a path or an address."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from impasto.errors import OptionsError
from impasto.options import OF_MACHINE, Options, make_options
from impasto.paintings import PAINTINGS
from impasto.presets import presets
from impasto.remake import FILE_OPTIONS

if TYPE_CHECKING:
    from impasto.studio.pictures import Upload

# Of files, of this machine, and of its owner: nothing that a page has to say something about
CLOSED = frozenset({*FILE_OPTIONS, *OF_MACHINE, "device", "precision", "max_pixels", "height", "depth", "profile"})
MASKS = ("content_mask", "style_mask")  # but these may be said, by the ids of pictures
MOST_STYLES = 8  # paintings
MOST_TIMES = 2  # that each of them comes: in a mixture, and alone in a region
LARGEST = 8192  # pixels
MOST_VALUES = 8192  # characters of options as JSON

Found = TypeVar("Found")


@dataclass(frozen=True)
class Order:
    """A picture to be painted, as the painting process takes it."""

    content: str  # a file
    styles: tuple[str, ...]  # files, and names of built-in styles
    preset: str | None
    values: dict[str, Any]  # of options
    continued: str | None = None  # the file of a picture to go on from

    @property
    def files(self) -> set[str]:
        """What has to be there to paint it, and the names of built-in styles."""
        masks = [file for name in MASKS for file in self.values.get(name, ())]
        return {self.content, *self.styles, *masks, *([self.continued] if self.continued else [])}

    def options(self) -> Options:
        """Those of a picture from the start. OptionsError in one sentence if they are impossible."""
        return make_options(self.preset, **self.values)


def parse(data: object, picture: Callable[[str], Upload], finished: Callable[[str], Path]) -> Order:
    """An order as the page sends it, checked.

    Args:
        data: {"content": id, "styles": [id or name of a built-in style], "preset": name, "options": {name: value},
            "from": id of a finished picture to go on from}; the last three may be missing. A painting may come
            twice, with masks that say where: those options are lists of ids.
        picture, finished: a picture that was uploaded, and the file of one that was painted, by their ids; KeyError
            if there is none.

    Raises:
        OptionsError: one sentence about the first thing that is wrong.
    """
    if not isinstance(data, dict):
        raise OptionsError("expected an order as a JSON object")
    unknown = sorted(set(data) - {"content", "styles", "preset", "options", "from"})
    if unknown:
        raise OptionsError(f"an order has no {str(unknown[0])[:40]!r}")
    content = _found(data.get("content"), picture, "the photograph")
    styles = data.get("styles")
    names = [_text(one) for one in styles] if isinstance(styles, list) else []
    if not names or len(set(names)) > MOST_STYLES or max(map(names.count, names)) > MOST_TIMES:
        raise OptionsError(f"choose a painting to paint like, or up to {MOST_STYLES}")
    found = [one if one in PAINTINGS else str(_found(one, picture, "the painting").file) for one in names]
    source, preset = data.get("from"), _preset(data.get("preset"))
    continued = None if source is None else str(_found(source, finished, "the picture to go on from"))
    if continued is not None and preset is not None:
        raise OptionsError("preset: a picture that is gone on from brings its own options")
    values = _values(data.get("options", {}), picture)
    order = Order(str(content.file), tuple(found), preset, values, continued)
    options = order.options()
    if options.longest(content.height, content.width) > LARGEST:
        raise OptionsError(f"size: the studio paints up to {LARGEST} pixels a side, and the command line more")
    if options.style_weights and len(options.style_weights) != len(found):
        raise OptionsError(f"style_weights: expected a weight for each of {len(found)} paintings")
    return order


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _found(name: object, places: Callable[[str], Found], what: str) -> Found:
    try:
        return places(_text(name))
    except KeyError:
        raise OptionsError(f"{what} is not there, or not any more: choose it again") from None


def _preset(name: object) -> str | None:
    if name is None:
        return None
    if not isinstance(name, str) or name not in presets():
        raise OptionsError(f"preset: expected one of {', '.join(presets())}")
    return name


def _values(values: object, picture: Callable[[str], Upload]) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise OptionsError("options: expected a JSON object of names and values")
    if len(json.dumps(values)) > MOST_VALUES:
        raise OptionsError(f"options: expected at most {MOST_VALUES:,} characters of them")
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name in MASKS:
            if not isinstance(value, list) or len(value) > MOST_STYLES * MOST_TIMES:
                raise OptionsError(f"{name}: expected a list of ids of pictures")
            found[name] = [str(_found(one, picture, "a mask").file) for one in value]
        elif name in CLOSED:
            raise OptionsError(f"{name} is not for the studio: use the command line")
        elif value not in (None, ""):
            found[str(name)] = value
    return found
