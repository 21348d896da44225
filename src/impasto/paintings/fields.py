"""Pictures as arrays: colours from hex codes, ramps and blends of them, blurring and looking up.

`Array` is of floats. Colours are sRGB in 0..1, pictures [h, w, 3], fields [h, w].
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Index = NDArray[np.integer[Any]]
Random = np.random.Generator


def rgb(codes: str) -> Array:
    """Hex colours as [n, 3]."""
    return np.array([list(bytes.fromhex(code)) for code in codes.split()], np.float32) / 255


def ramp(value: Array | float, codes: str) -> Array:
    """[...] in 0..1 -> [..., 3]: evenly spaced hex colours, linearly blended."""
    colours = rgb(codes)
    stops, steps = np.linspace(0, 1, len(colours)), np.linspace(0, 1, 1024)
    table: Array = np.stack([np.interp(steps, stops, channel) for channel in colours.T], -1, dtype=np.float32)
    blended: Array = table[np.asarray(1023 * np.clip(value, 0, 1), np.int16)]
    return blended


def smoothstep(low: float, high: float, value: Array) -> Array:
    """0 at `low`, 1 at `high`, smooth between; `low` > `high` runs downwards."""
    t: Array = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def over(below: Array, cover: Array, above: Array) -> Array:
    """`above` laid on `below` [h, w, 3] where `cover` [h, w] is 1."""
    return below + (above - below) * cover[..., None]


def blurred(field: Array, radius: float) -> Array:
    """[h, w] -> [h, w]: Gaussian blur, `radius` in pixels; the border goes on beyond the edges."""
    margin = int(np.ceil(3 * radius))
    wide = np.pad(field, margin, mode="edge")
    rows, columns = np.fft.fftfreq(wide.shape[0])[:, None], np.fft.rfftfreq(wide.shape[1])
    kept = np.exp(-2 * (np.pi * radius) ** 2 * (rows**2 + columns**2))
    smooth = np.fft.irfft2(np.fft.rfft2(wide) * kept, wide.shape)[margin:-margin, margin:-margin]
    return np.asarray(smooth, np.float32)


def at(field: NDArray[Any], points: Array) -> NDArray[Any]:
    """Values of `field` [h, w, ...] nearest to `points` [..., 2] (x, y); points outside take the border's."""
    height, width = field.shape[:2]
    places = (points * height).astype(np.intp).clip(0, (width - 1, height - 1))
    found: NDArray[Any] = field[places[..., 1], places[..., 0]]
    return found


def nearest(points: Array, centres: Array) -> Index:
    """Index [n] of the centre [m, k] nearest to each of the points [n, k]."""
    half = (centres**2).sum(1) / 2
    return np.concatenate([np.argmin(half - part @ centres.T, 1) for part in np.array_split(points, 64)])
