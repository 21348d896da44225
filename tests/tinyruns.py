"""Pictures and runs small enough for a test, for all that walk the main path with the real network."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from impasto import Iterate, Result, stylize

TINY: dict[str, Any] = {"size": 40, "min_size": 20, "iterations": 2}


def make_array(height: int, width: int, seed: int) -> npt.NDArray[np.uint8]:
    """A picture with large shapes and small ones: blurred noise of two sizes."""
    generator = np.random.default_rng(seed)
    layers = [
        Image.fromarray(generator.integers(0, 256, (side, side, 3), dtype=np.uint8)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        for side in (5, 24)
    ]
    return np.asarray(Image.blend(*layers, 0.4))


CONTENT, STYLE, OTHER = make_array(60, 80, 1), make_array(50, 50, 2), make_array(30, 90, 3)


def paint(**values: Any) -> Result:
    return stylize(CONTENT, STYLE, **TINY | values)


@cache
def default_bytes(**values: Any) -> bytes:
    return picture_bytes(paint(**values))


def picture_bytes(result: Result | Iterate) -> bytes:
    image = result.image if isinstance(result, Result) else result.picture()
    return image.tobytes()
