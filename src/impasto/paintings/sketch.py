"""The sketch of a painting: what colour and what direction the paint takes at each place."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from impasto.paintings.fields import Array, over, ramp

ROWS_AT_ONCE = 16  # so many stay in the processor's cache while they are worked on


class Sketch:
    """What to paint: `colour` [h, w, 3] and `flow` [h, w], a complex direction (1 is right, 1j down).

    `x` in 0..aspect and `y` in 0..1 are the places [h, w].
    """

    def __init__(self, width: int, height: int, seed: int) -> None:
        self.width, self.height, self.aspect = width, height, width / height
        self.rng = np.random.default_rng(seed)
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        self.x, self.y = (columns + 0.5) / height, (rows + 0.5) / height
        self.colour: Array = np.zeros((height, width, 3), np.float32)
        self.flow = np.ones((height, width), np.complex64)

    def noise(self, grain: float, octaves: int = 3, stretch: float = 1) -> Array:
        """Fractal value noise [h, w], about -1..1, with lumps `grain` high and `stretch` times as wide."""
        total: Array = np.zeros((self.height, self.width), np.float32)
        for octave in range(octaves):
            high, wide = grain / 2**octave, grain * stretch / 2**octave
            shape = int(np.ceil(1 / high)) + 3, int(np.ceil(self.aspect / wide)) + 3
            lumps = Image.fromarray(self.rng.uniform(-1, 1, shape).astype(np.float32))
            box = 1, 1, 1 + self.aspect / wide, 1 + 1 / high
            lumps = lumps.resize((self.width, self.height), Image.Resampling.BICUBIC, box)
            total += 0.55**octave * np.asarray(lumps)
        return total

    def ridge(self, base: float, tall: float) -> Array:
        """Heights [1, w] of a skyline round `base`."""
        return base + tall * self.noise(0.5)[:1]

    def fill(self, where: NDArray[Any] | bool, value: Array | float, codes: str, flow: Any = None) -> None:
        """Where `where` [h, w] is 1, lay the `ramp` of `value` [h, w] and, if given, the flow [h, w]."""
        cover = np.broadcast_to(np.asarray(where, np.float32), self.x.shape)
        for first in range(0, self.height, ROWS_AT_ONCE):
            rows = slice(first, first + ROWS_AT_ONCE)
            if cover[rows].any():
                paint = ramp(value if np.ndim(value) == 0 else np.broadcast_to(value, cover.shape)[rows], codes)
                self.colour[rows] = over(self.colour[rows], cover[rows], paint)
        if flow is not None:
            turned = flow / np.maximum(np.abs(flow), 1e-12)  # at the very centre of a star it has no direction
            self.flow = self.flow + (turned - self.flow) * cover
