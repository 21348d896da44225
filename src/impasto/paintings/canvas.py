"""The canvas: strokes of a brush in wet paint, each over those before, and the light on their relief."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from impasto.paintings.fields import Array, Index, Random, blurred

OVERSAMPLING = 2  # canvas pixels per picture pixel: reducing the canvas smooths the strokes' hard edges


@dataclass(frozen=True)
class Brush:
    """A tool and the way it is held."""

    length: float  # picture heights, as is the width
    width: float
    cover: float = 1.0  # layers of paint: area of all strokes over area of the picture
    relief: float = 1.0  # thickness of the paint
    bristles: int = 14
    streak: float = 0.5  # how far the second colour on the brush stays unmixed
    ragged: float = 0.3  # how unevenly the bristles set down and lift off
    round: float = 0.3  # how round the ends are
    slant: float = 0.0  # how askew the ends are
    taper: float = 0.5  # how much thinner a stroke ends than it begins
    ridge: float = 0.0  # how much paint is pushed to the edges


def enlarged(field: Array) -> Array:
    """[h, w, ...] -> the same at canvas size."""
    return field.repeat(OVERSAMPLING, 0).repeat(OVERSAMPLING, 1)


def uneven(count: int, samples: int, knots: int, rng: Random) -> Array:
    """[count, samples]: `count` random curves of about -1..1, straight between `knots` values."""
    place = np.linspace(0, knots - 1.001, samples, dtype=np.float32)
    left = place.astype(np.intp)
    values = rng.normal(0, 0.5, (count, knots)).astype(np.float32)
    return values[:, left] + (values[:, left + 1] - values[:, left]) * (place - left)


def bent(paths: Array, samples: int) -> tuple[Array, Array]:
    """`paths` [n, steps, 2] in `samples` points: positions and unit normals, each [n, samples, 2]."""
    place = np.linspace(0, paths.shape[1] - 1.001, samples, dtype=np.float32)
    left = place.astype(np.intp)
    spine = paths[:, left] + (paths[:, left + 1] - paths[:, left]) * (place - left)[:, None]
    tangent = np.gradient(spine, axis=1)
    tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True) + 1e-9
    return spine, np.stack([-tangent[..., 1], tangent[..., 0]], -1)


class Canvas:
    """Wet paint: `colour` [h, w, 3] and `relief` [h, w], its thickness; `OVERSAMPLING` times the picture."""

    def __init__(self, ground: Array) -> None:
        self.colour: Array = np.ascontiguousarray(ground, np.float32)
        self.height, self.width = ground.shape[:2]
        self.relief: Array = np.zeros((self.height, self.width), np.float32)

    def stroke(self, brush: Brush, paths: Array, widths: Array, colours: Array, rng: Random) -> None:
        """Paint along `paths` [n, steps, 2], later over earlier; the brush holds two `colours` [2, n, 3]."""
        rng = rng.spawn(1)[0]  # how much is drawn from it depends on the size, and the composition must not
        along, across = int(brush.length * self.height * 2) + 3, int(brush.width * self.height * 1.6) + 3
        at_once = 2_000_000 // (along * across) + 1  # bounds the memory; another number, other pictures
        last: Index = np.full(self.height * self.width, -1, np.int32)  # the bristle that touched a pixel last
        paints: list[Array] = []
        for first in range(0, len(paths), at_once):
            some = slice(first, first + at_once)
            pixel, bristle, thickness = self._footprint(brush, paths[some], widths[some], (along, across), rng)
            load = uneven(len(paths[some]), across, brush.bristles, rng)
            mix = np.clip(brush.streak * (0.5 + load), 0, 1)[..., None]
            paint = colours[0, some, None] + (colours[1] - colours[0])[some, None] * mix
            paints.append(paint.reshape(-1, 3))
            last[pixel] = first * across + bristle
            self.relief.reshape(-1)[pixel] = brush.relief * thickness * (1 + 0.35 * load.reshape(-1)[bristle])
        touched = np.flatnonzero(last >= 0)
        self.colour.reshape(-1, 3)[touched] = np.concatenate(paints)[last[touched]]

    def _footprint(
        self, brush: Brush, paths: Array, widths: Array, samples: tuple[int, int], rng: Random
    ) -> tuple[Index, Index, Array]:
        """Where paint lands: pixel [m], bristle [m] and thickness [m], the last stroke last.

        A stroke is a grid of samples bent over its path; `t` runs along it, `s` across.
        """
        count, (along, across) = len(paths), samples
        t = np.linspace(0, 1, along, dtype=np.float32)[:, None]
        s = np.linspace(-1, 1, across, dtype=np.float32)
        spine, normal = bent(paths, along)
        belly = (1 - brush.taper * t[:, 0] ** 2) * (1 + 0.12 * uneven(count, along, 6, rng))
        offset = (widths[:, None] * belly / 2)[..., None] * s
        x, y = (
            ((spine[..., axis, None] + normal[..., axis, None] * offset) * self.height).astype(np.int32)
            for axis in (0, 1)
        )
        slant = brush.slant * rng.uniform(-1, 1, (count, 1)) * s
        begin = slant + 0.35 * brush.ragged * rng.random((count, across)) + 0.3 * brush.round * s**4
        end = 1 + slant - 0.8 * brush.ragged * rng.random((count, across)) - 0.5 * brush.round * s**2
        inside = (t >= begin.astype(np.float32)[:, None]) & (t <= end.astype(np.float32)[:, None])
        inside &= (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height)
        bristle = np.arange(count * across, dtype=np.int32).reshape(count, 1, across)
        thickness = np.sqrt(1 - 0.9 * s**2) * (1 - 0.5 * t) + brush.ridge * (s**8 + t**12)
        return (
            (y * self.width + x)[inside],
            np.broadcast_to(bristle, inside.shape)[inside],
            np.broadcast_to(thickness, inside.shape)[inside],
        )

    def picture(self, depth: float = 0.5, gloss: float = 0.25) -> Image.Image:
        """Light the relief from the upper left and reduce the canvas to the picture."""
        unit = self.height / 1200
        fall_y, fall_x = np.gradient(blurred(self.relief, max(0.6 * unit, 0.4)) / -unit)
        light = 0.6 * fall_x + 0.8 * fall_y
        light = (light / np.sqrt(1 + light**2))[..., None]
        lit = self.colour * (1 + depth * light) + gloss * np.maximum(light - 0.25, 0) ** 2
        return Image.fromarray((lit.clip(0, 1) * 255).round().astype(np.uint8)).reduce(OVERSAMPLING)
