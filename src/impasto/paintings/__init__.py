"""The paintings that come with Impasto: five pictures after five schools, from numpy and Pillow alone.

A painter first makes a sketch, which says what colour and what direction the paint takes at each place,
and then lays thousands of brush strokes over it, or cuts it in glass or wood. Lengths are in picture heights,
so a picture keeps its composition at any size. Colours are sRGB in 0..1.
"""

from collections.abc import Callable

from PIL import Image

from impasto.errors import OptionsError, OutOfMemoryError
from impasto.paintings.brushed import autumn, pointillist, whirl
from impasto.paintings.glass import stained_glass
from impasto.paintings.woodblock import woodblock

__all__ = ["LONGEST_SIDE", "PAINTINGS", "SHORTEST_SIDE", "check", "describe", "paint"]

SHORTEST_SIDE = 32  # pixels
LONGEST_SIDE = 8192  # pixels
BYTES_PER_PIXEL = 530  # of memory while painting, at most: measured at 3 million pixels

PAINTINGS: dict[str, Callable[[int, int, int], Image.Image]] = {
    "whirl": whirl,
    "pointillist": pointillist,
    "autumn": autumn,
    "stained-glass": stained_glass,
    "woodblock": woodblock,
}


def paint(name: str, width: int = 768, height: int = 600, seed: int = 0) -> Image.Image:
    """Paint one of `PAINTINGS`, `width` x `height` pixels, in RGB: the same picture for the same arguments.

    Raises OptionsError as `check` does, and OutOfMemoryError.
    """
    check(name, width, height, seed)
    try:
        return PAINTINGS[name](width, height, seed)
    except MemoryError as error:
        need = BYTES_PER_PIXEL * width * height / 1e9
        sentence = f"a painting of {width}x{height} takes up to {need:.1f} GB of memory: give a smaller size"
        raise OutOfMemoryError(sentence) from error


def describe(name: str) -> str:
    """What one of `PAINTINGS` shows, on one line: the first line of its painter's docstring."""
    check(name)
    return (PAINTINGS[name].__doc__ or "").partition("\n")[0]


def check(name: str, width: int = SHORTEST_SIDE, height: int = SHORTEST_SIDE, seed: int = 0) -> None:
    """OptionsError for a name that is not in `PAINTINGS`, an impossible side in pixels, or a negative seed."""
    if name not in PAINTINGS:
        raise OptionsError(f"there is no painting {name!r}: choose from {', '.join(PAINTINGS)}")
    if min(width, height) < SHORTEST_SIDE:
        raise OptionsError(
            f"a painting is at least {SHORTEST_SIDE} pixels wide and high, not {width}x{height}: give a larger size"
        )
    if max(width, height) > LONGEST_SIDE:
        raise OptionsError(
            f"a painting is at most {LONGEST_SIDE} pixels wide and high, not {width}x{height}: give a smaller size"
        )
    if seed < 0:
        raise OptionsError(f"a seed is 0 or more, not {seed}")
