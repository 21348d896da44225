"""Brushwork: how colours are mixed on the palette, and how strokes cover a canvas along a sketch's flow."""

from collections.abc import Callable

import numpy as np

from impasto.paintings.canvas import Brush, Canvas
from impasto.paintings.fields import Array, Random, at, nearest, rgb
from impasto.paintings.sketch import Sketch

Mix = Callable[[Array, Random], Array]  # the sketch's colours [n, 3] -> the paint's


def scattered(count: int, aspect: float, margin: float, rng: Random) -> Array:
    """About `count` points [n, 2] in random order, one per square of a grid, to `margin` beyond the edges."""
    wide, high = aspect + 2 * margin, 1 + 2 * margin
    step = np.sqrt(wide * high / count)
    rows, columns = np.mgrid[0 : np.ceil(high / step), 0 : np.ceil(wide / step)]
    cells = np.stack([columns.ravel(), rows.ravel()], -1)
    return rng.permutation((cells + rng.uniform(0, 1, cells.shape)) * step - margin)


def traced(sketch: Sketch, starts: Array, lengths: Array, steps: int = 8) -> Array:
    """Follow the flow from `starts` [n, 2] for `lengths` [n]: paths [n, steps + 1, 2]."""
    path = [starts]
    for _ in range(steps):
        flow = at(sketch.flow, path[-1])
        stride = lengths / steps / np.abs(flow + 1e-9)
        path.append(path[-1] + np.stack([flow.real * stride, flow.imag * stride], -1))
    return np.stack(path, 1).astype(np.float32)


def varied(colours: Array, amount: float, rng: Random) -> Array:
    """[n, 3] -> [n, 3]: each a little lighter or darker, warmer or cooler."""
    light, warm = rng.normal(0, amount, (2, len(colours), 1))
    paint: Array = colours + light + warm * np.array([0.6, 0.06, -0.6])
    return paint.clip(0, 1)


def oils(vary: float, accents: str) -> Mix:
    """Varied colours, of which one in twelve leans to one of the accents."""

    def mix(colours: Array, rng: Random) -> Array:
        accent = rng.choice(rgb(accents), len(colours))
        lean = 0.6 * (rng.random((len(colours), 1)) < 1 / 12)
        paint = varied(colours, vary, rng)
        return paint + (accent - paint) * lean

    return mix


def dots(pigments: str) -> Mix:
    """Each colour as a pure pigment near it, so that only the dots together mix to it, in the eye."""

    def mix(colours: Array, rng: Random) -> Array:
        wanted, pure = colours + rng.normal(0, 0.13, colours.shape), rgb(pigments)
        return 0.3 * colours + 0.7 * pure[nearest(wanted, pure)]

    return mix


def brush_over(canvas: Canvas, sketch: Sketch, brush: Brush, mix: Mix) -> None:
    """Cover the canvas with strokes that follow the sketch's flow in a mix of its colours."""
    rng, count = sketch.rng, int(brush.cover * sketch.aspect / (brush.length * brush.width))
    starts = scattered(count, sketch.aspect, brush.length / 2, rng)
    lengths, widths = np.array([[brush.length], [brush.width]]) * rng.uniform(0.6, 1, (2, len(starts)))
    paths = traced(sketch, starts, lengths)
    colours = mix(at(sketch.colour, paths[:, 4]), rng)
    seconds = varied(at(sketch.colour, paths[:, 0]), 0.15, rng)
    canvas.stroke(brush, paths, widths.astype(np.float32), np.stack([colours, seconds]), rng)
