"""Paint the style images of our demo: five pictures after five schools, from numpy and Pillow alone.

    python examples/paintings.py whirl autumn --size 768x600 --seed 0 -o styles/

A painter first makes a sketch, which says what colour and what direction the paint takes at each place,
and then lays thousands of brush strokes over it, or cuts it in glass or wood. Lengths are in picture heights,
so a picture keeps its composition at any size. Colours are sRGB in 0..1.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.floating[Any]]
Index = NDArray[np.integer[Any]]
Random = np.random.Generator
Mix = Callable[[Array, Random], Array]  # the sketch's colours [n, 3] -> the paint's

OVERSAMPLING = 2  # canvas pixels per picture pixel: reducing the canvas smooths the strokes' hard edges


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
        self.colour = over(self.colour, cover, ramp(value, codes))
        if flow is not None:
            self.flow = self.flow + (flow / np.abs(flow) - self.flow) * cover


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
        at_once = 2_000_000 // (along * across) + 1  # bounds the memory
        for first in range(0, len(paths), at_once):
            some = slice(first, first + at_once)
            pixel, bristle, thickness = self._footprint(brush, paths[some], widths[some], (along, across), rng)
            load = uneven(len(paths[some]), across, brush.bristles, rng)
            mix = np.clip(brush.streak * (0.5 + load), 0, 1)[..., None]
            paint = colours[0, some, None] + (colours[1] - colours[0])[some, None] * mix
            self.colour.reshape(-1, 3)[pixel] = paint.reshape(-1, 3)[bristle]
            self.relief.reshape(-1)[pixel] = brush.relief * thickness * (1 + 0.35 * load.reshape(-1)[bristle])

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


def nearest(points: Array, centres: Array) -> Index:
    """Index [n] of the centre [m, k] nearest to each of the points [n, k]."""
    half = (centres**2).sum(1) / 2
    return np.concatenate([np.argmin(half - part @ centres.T, 1) for part in np.array_split(points, 64)])


def brush_over(canvas: Canvas, sketch: Sketch, brush: Brush, mix: Mix) -> None:
    """Cover the canvas with strokes that follow the sketch's flow in a mix of its colours."""
    rng, count = sketch.rng, int(brush.cover * sketch.aspect / (brush.length * brush.width))
    starts = scattered(count, sketch.aspect, brush.length / 2, rng)
    lengths, widths = np.array([[brush.length], [brush.width]]) * rng.uniform(0.6, 1, (2, len(starts)))
    paths = traced(sketch, starts, lengths)
    colours = mix(at(sketch.colour, paths[:, 4]), rng)
    seconds = varied(at(sketch.colour, paths[:, 0]), 0.15, rng)
    canvas.stroke(brush, paths, widths.astype(np.float32), np.stack([colours, seconds]), rng)


# fmt: off
STARS = [(1.1, 0.16, 0.1), (0.38, 0.1, 0.045), (0.76, 0.1, 0.04),
         (0.05, 0.24, 0.05), (0.73, 0.5, 0.035), (0.37, 0.53, 0.03)]  # x, y, radius
VORTICES = [(0.52, 0.3, 0.19, 0.34), (0.94, 0.4, 0.12, -0.2), (0.03, 0.46, 0.1, 0.14)]  # x, y, radius, spin
NIGHT_HILLS = {0.66: "20306f 5a86a8", 0.72: "101c48 2c5f86", 0.8: "0a1526 2b6a58", 0.89: "0b1420 8a8a3a"}
POPLARS = [(0.06, 0.44, 0.05), (0.13, 0.36, 0.04), (0.21, 0.22, 0.035),
           (0.81, 0.4, 0.05), (0.91, 0.5, 0.06), (0.73, 0.27, 0.04)]  # part of the width, height, thickness
PIGMENTS = ("1b1464 2a3fb0 2f7fc8 7cc4e0 0f5a4a 2f9a5a a8c84a f4e06a "
            "fbf3cf f5b23a ee7a30 d63a3a e58aa0 8a3f98 c9a6d8 3a1c3c")
CURLS = [(0.84, 0.4, 0.21, 2.7), (0.2, 0.62, 0.14, 2.4), (1.22, 0.7, 0.11, 2.3), (0.55, 0.82, 0.1, 2.3)]
WAVES = [(0.57, 0.11, "152f5a"), (0.67, 0.12, "1f4a5a"), (0.79, 0.11, "1a3a74"), (0.91, 0.09, "10244a")]
INK, PAPER = "14203f", "f6eeda"
# fmt: on


def whirl(width: int, height: int, seed: int) -> Image.Image:
    """Impasto: a swirling night sky over hills and a cypress, after the post-impressionists."""
    sketch = Sketch(width, height, seed)
    x, y, noise = sketch.x, sketch.y, sketch.noise
    stream = y + 0.04 * np.sin(4.2 * x + 1) + 0.05 * noise(0.45, 2)  # strokes follow its level lines
    for cx, cy, radius, spin in VORTICES:
        stream += spin * np.exp(-((x - cx) ** 2 + 1.3 * (y - cy) ** 2) / radius**2)
    down, right = np.gradient(stream)
    bands = 0.47 + 0.4 * np.sin(38 * stream + 3 * noise(0.2)) + 0.2 * noise(0.12)
    night = "0a0f33 14256f 1d47a3 2f77bd 7db4cc d9e2c6 f3e6b0"
    sketch.fill(True, bands, night, (down - 1j * right) * np.exp(0.15j))
    for cx, cy, radius in STARS:
        spoke = (x - cx + 1j * (y - cy)) / radius
        far = np.abs(spoke) + 0.1 * noise(0.03, 1)
        rings = 1 - 0.62 * far + 0.1 * np.cos(9 * far)
        warm = "1d47a3 6fa9ae d8cf79 f2bb35 f6d35e fff6d6"
        sketch.fill(smoothstep(1.7, 1.1, far), rings, warm, spoke * np.exp(1.67j))
    for base, colours in NIGHT_HILLS.items():
        below = y - sketch.ridge(base, 0.05) + 0.06 * np.sin(3 * x[:1] + 40 * base)
        furrows = 0.5 + 0.5 * np.sin(55 * below + 4 * noise(0.2)) + 0.3 * noise(0.06, 2)
        slope = -np.gradient(below, axis=1) * height + 0.5 * noise(0.3, 1)
        sketch.fill(below > 0, furrows * smoothstep(0, 0.025, below), colours, 1 + 1j * slope)
    sway = 0.2 + 0.018 * np.sin(14 * y) + 0.01 * noise(0.1, 2)
    flame = np.abs(x - sway) < 0.075 * smoothstep(0.05, 0.95, y) * (1 + 0.5 * noise(0.08, 2))
    lick = -1j + 0.5 * np.sin(25 * y + 30 * x)
    sketch.fill(flame, 0.4 + 0.5 * noise(0.05, 3, 0.3), "070d12 0d2220 24432c 6b5a2a", lick)
    canvas = Canvas(enlarged(0.5 * sketch.colour + 0.5 * rgb("060a24")))
    lights = "f6eccb f0b63a 2c8f8c 6d4fa0"
    brush_over(canvas, sketch, Brush(0.09, 0.02, 3), oils(0.05, lights))
    brush_over(canvas, sketch, Brush(0.065, 0.012, 2.2, relief=1.3), oils(0.08, lights))
    brush_over(canvas, sketch, Brush(0.04, 0.007, 0.8, relief=1.3), oils(0.12, lights))
    return canvas.picture()


def pointillist(width: int, height: int, seed: int) -> Image.Image:
    """Divisionism: evening on a river with poplars, in dots of pure colour."""
    sketch = Sketch(width, height, seed)
    x, y, noise, horizon = sketch.x, sketch.y, sketch.noise, 0.52
    sun = np.hypot(x - 0.42 * sketch.aspect, y - 0.4)
    dusk = y / horizon + 0.12 * noise(0.3, 3, 2.5) - 0.25 * np.exp(-4 * (x - 0.42 * sketch.aspect) ** 2)
    sketch.fill(True, dusk, "3a5fb8 7fa8dc d8b8d0 f6c27a fbe9a8", 1 + 0.3j)
    sketch.fill(sun < 0.052, sun * 15, "fffbe0 fbe28a")
    hills = y - sketch.ridge(horizon - 0.05, 0.05)
    sketch.fill(hills > 0, hills * 9, "8a78c0 5a6fb0 4f9a8a")
    for place, tall, thick in POPLARS:
        up = np.clip((horizon + 0.02 - y) / tall, 0, 1)
        side = (x - place * sketch.aspect) / thick
        lit = 0.5 + 0.3 * side * np.sign(0.42 - place) + 0.35 * noise(0.06, 2)
        crown = np.abs(side) < 2 * np.sqrt(up * (1 - up)) * (1 + 0.5 * noise(0.07, 2))
        sketch.fill(crown, lit, "12204f 1f5a55 5a9a4a e0c850", -1j)
    ripple = 0.02 * noise(0.03, 2, 6)
    mirrored = at(sketch.colour, np.stack([x + ripple, 2 * horizon - y + ripple / 2], -1))
    river = 0.85 * mirrored + 0.12 * rgb("203a80") + 0.1 * noise(0.04, 2, 8)[..., None]
    sketch.colour = over(sketch.colour, 1.0 * (y > horizon), river)
    bank = y - sketch.ridge(0.88, 0.06) + 0.22 * np.abs(x / sketch.aspect - 0.55) ** 1.5
    meadow = 0.5 + 0.6 * noise(0.16, 3, 2) + 0.15 * noise(0.03, 1)
    sketch.fill(bank > 0, meadow, "1b1a50 1f5a4a 5f9a3f d8cf5a f3a04a", 1 - 0.6j)
    canvas = Canvas(enlarged(0.5 * sketch.colour + 0.4 * rgb("d8c8a0")))
    dab = Brush(0.021, 0.017, 2, streak=0.3, ragged=0.1, round=0.6, taper=0.4)
    brush_over(canvas, sketch, dab, dots(PIGMENTS))
    brush_over(canvas, sketch, replace(dab, length=0.013, width=0.0105, cover=2.2), dots(PIGMENTS))
    return canvas.picture()


def autumn(width: int, height: int, seed: int) -> Image.Image:
    """Palette knife: a wet avenue under autumn trees."""
    sketch = Sketch(width, height, seed)
    far_x, far_y, noise = 0.52 * sketch.aspect, 0.58, sketch.noise
    x, y = sketch.x - far_x, sketch.y - far_y
    glow = 1.4 * np.hypot(0.85 * x, 1.05 * y) + 0.3 * noise(0.22) + 0.1 * noise(0.05, 2)
    wind = np.exp(1j * (0.9 + 1.6 * noise(0.25, 2)))
    sketch.fill(True, glow, "fff4cc f9d867 f2a02c e0521c b02a24 6a1c3c 2a1c4a 17305a", wind)
    fallen = 0.25 + 1.2 * y + 0.5 * noise(0.14, 3, 2)
    sketch.fill(y > 0.015 * noise(0.2), fallen, "f9cf58 ef8a24 c23c1e 7a2038 33204a", 1 + 0.2j)
    wet = 1.5 * np.hypot(2 * x, 0.5 * y) + 0.4 * noise(0.14, 3, 0.5)
    path = smoothstep(0.02, -0.02, np.abs(x - 0.1 * y) - 0.05 - 0.75 * y) * (y > 0)
    sketch.fill(path, wet, "fffae0 f9d080 dc8a58 8a78a8 3a5a94 1a2450", 1 + 0.05j)
    canvas, accents = Canvas(enlarged(0.8 * sketch.colour)), "2a8f9a ffe9a0 f0501c 7a3a8a fff6d8"
    knife = Brush(0.08, 0.045, 3, 1.2, bristles=6, ragged=0.1, round=0.05, slant=0.2, taper=0, ridge=0.6)
    brush_over(canvas, sketch, knife, oils(0.06, accents))
    brush_over(canvas, sketch, replace(knife, length=0.05, width=0.026, cover=0.6), oils(0.09, accents))
    plant_avenue(canvas, sketch.rng, far_x, far_y)
    brush_over(canvas, sketch, replace(knife, length=0.028, width=0.014, cover=0.35), oils(0.14, accents))
    return canvas.picture()


def plant_avenue(canvas: Canvas, rng: Random, far_x: float, far_y: float) -> None:
    """Two rows of trees with two boughs each, which shrink towards the vanishing point."""
    trees, rise = 14, np.linspace(0, 1, 24)
    near = (np.linspace(0.15, 1, trees) ** 1.4 * rng.uniform(0.9, 1.1, trees))[:, None]
    foot_x, foot_y = far_x + np.resize([-0.72, 0.72], (trees, 1)) * near, far_y + 0.34 * near
    paths, widths = [], []
    for fork, lean, tall, thick in [(0, 0, 1.2, 0.055), (0.35, -0.4, 0.6, 0.028), (0.5, 0.45, 0.6, 0.028)]:
        sway = 0.07 * uneven(trees, 24, 7, rng) * np.sqrt(rise) + lean * rise**0.8
        paths.append(np.stack([foot_x + near * sway, foot_y - near * (fork + tall * rise)], -1))
        widths.append(thick * near[:, 0])
    bark = varied(rgb("1c1230 8a5a52").repeat(3 * trees, 0), 0.05, rng).reshape(2, -1, 3)
    brush = Brush(1.2, 0.055, ragged=0.1, taper=0.7, streak=0.4)
    canvas.stroke(brush, np.concatenate(paths), np.concatenate(widths), bark, rng)


def stained_glass(width: int, height: int, seed: int) -> Image.Image:
    """Leaded opalescent glass: sunrise behind mountains, a lake and flowers."""
    sketch = Sketch(width, height, seed)
    x, y, noise = sketch.x, sketch.y, sketch.noise
    sun_x, sun_y = x - 0.62 * sketch.aspect, y - 0.4
    far = np.hypot(sun_x, sun_y)
    rays = 1.1 * far + 0.13 * np.sin(17 * np.arctan2(sun_y, sun_x) + 4 * noise(0.4, 1)) + 0.15 * noise(0.3, 2)
    sketch.fill(True, rays, "fff3c4 fdd35a f59a3a e0607a 8a5ac0 2f4fb8 16246a")
    sketch.fill(far < 0.1, far * 10, "fffbe6 fff0b0")
    for base, colours in [(0.5, "8a5ab8 3f4fa0"), (0.58, "2f9a98 143f6a")]:
        below = y - sketch.ridge(base, 0.12)
        sketch.fill(below > 0, 6 * below + 0.3 * noise(0.2, 2), colours)
    gleam = 0.6 + 0.35 * np.sin(75 * y + 6 * noise(0.4, 2)) + 0.2 * noise(0.1, 2, 3) - np.exp(-39 * sun_x**2)
    sketch.fill(y > 0.66, gleam, "fdd98a e88a6a 3fb0c0 1f6fb0 14306f")
    sketch.fill(y > 0.84 + 0.1 * noise(0.4, 2), 0.5 + 0.7 * noise(0.12, 2), "0f4a2f 1f7a3f 7ab83f d8d860")
    for right, down in sketch.rng.uniform((0, 0.82), (sketch.aspect, 0.96), (13, 2)):
        star = np.sin(5 * np.arctan2(y - down, x - right) + 9 * right)
        petals = np.hypot(x - right, y - down) * (1.1 + 0.25 * star)
        sketch.fill(petals < 0.05, petals * 22, "fbd040 f0402a c01838")
    return glazed(sketch, 420)


def pieces(sketch: Sketch, count: int, wobble: float) -> tuple[Index, Array]:
    """The sketch cut in `count` pieces of like place and colour: labels [h, w] and colours [count, 3].

    It is k-means over five coordinates; `wobble` bends the cuts.
    """
    places = np.stack([axis + wobble * sketch.noise(0.15, 2) for axis in (sketch.x, sketch.y)], -1)
    features = np.concatenate([3.2 * places, sketch.colour], -1)
    sample = at(features, sketch.rng.uniform(0, (sketch.aspect, 1), (6000, 2)))
    centres = sample[:count]
    for _ in range(5):
        labels = nearest(sample, centres)
        sums = np.stack([np.bincount(labels, column, count) for column in sample.T], -1)
        sizes = np.bincount(labels, minlength=count)[:, None]
        centres = np.where(sizes > 0, sums / np.maximum(sizes, 1), centres)
    return nearest(features.reshape(-1, 5), centres).reshape(sketch.x.shape), centres[:, 2:]


def glazed(sketch: Sketch, count: int) -> Image.Image:
    """The sketch in `count` pieces of streaky glass, set in lead."""
    height, rng, noise = sketch.height, sketch.rng, sketch.noise
    labels, colours = pieces(sketch, count, 0.02)
    glass = varied(colours, 0.06, rng)[labels]
    turn, shift = rng.uniform(0, np.pi, count)[labels], rng.uniform(0, 0.8, count)[labels]
    place = (sketch.x + 1j * sketch.y) * np.exp(1j * turn)  # each is cut from one sheet, at its own angle
    place = np.stack([0.12 * np.abs(place.real) + shift, 0.5 * np.abs(place.imag)], -1)
    cloud = at(noise(0.15, 4), place)
    glass = over(glass, smoothstep(0.2, -1, cloud), 0.8 * glass**2)
    glass = over(glass, smoothstep(0.1, 1.2, cloud), 0.5 * glass + 0.5 * rgb("fffbf0"))
    seams = np.diff(labels, axis=0, prepend=labels[:1]) != 0
    seams |= np.diff(labels, axis=1, prepend=labels[:, :1]) != 0
    grime = blurred(1.0 * seams, 0.005 * height) * 0.01 * height
    light = 1.15 - 0.3 * grime + 0.15 * noise(0.4, 2) + 0.08 * noise(0.012, 2)
    canvas = Canvas(enlarged(glass * light[..., None]))
    lead = blurred(enlarged(1.0 * seams), 0.004 * height) * 0.004 * height
    cover = smoothstep(0.16, 0.26, lead)
    canvas.colour = over(canvas.colour, cover, rgb("16151c"))
    canvas.relief = 4 * lead * cover + 0.4 * enlarged(cloud) * (1 - cover)
    return canvas.picture(0.5, 0.5)


def woodblock(width: int, height: int, seed: int) -> Image.Image:
    """Colour woodcut: breaking waves before a snowy mountain and a red sun, after the ukiyo-e masters."""
    sketch = Sketch(OVERSAMPLING * width, OVERSAMPLING * height, seed)
    x, y, noise = sketch.x, sketch.y, sketch.noise
    sketch.fill(True, 1.5 * y, "14284f 3f6f94 a9bfae ecdcb4 f2d2a0 eeb27c")
    printed(sketch, np.hypot(x - 0.24 * sketch.aspect, y - 0.25) - 0.11, 3 * y - 0.2, "b8282a d2402c ea8a50")
    clouds = np.abs(noise(0.22, 2, 4) + 0.25 * np.sin(40 * y)) - 0.14
    printed(sketch, clouds, 2 * y, "f0e8d0 e6cfa4", 0.0016)
    side = np.abs(x - 0.55 * sketch.aspect)
    peak = 0.27 + 0.62 * side - 0.35 * side**2 + 0.006 * noise(0.04)
    printed(sketch, peak - y, 4 * (y - peak), "5a6f8a 2f4a74 8aa0a0", 0.002)
    snow = y - 0.34 - 0.03 * np.abs(np.sin(38 * x + 2 * noise(0.1, 1))) - 0.02 * noise(0.1, 1)
    printed(sketch, np.maximum(snow, peak - y), 0, PAPER, 0.0012)
    for cx, cy, radius, turn in CURLS:
        place = x - cx + 1j * (y - cy)
        place *= np.exp(1j * turn * np.exp(-((np.abs(place) / radius) ** 2)))  # curls the crests over
        x, y = place.real + cx, place.imag + cy
    for base, tall, deep in WAVES:
        crest = base + 0.6 * tall * np.sin(5.2 * x + 18 * base) + 0.5 * tall * noise(0.3, 2)
        break_wave(sketch, x, y - crest, deep)
    return printed_sheet(sketch)


def break_wave(sketch: Sketch, along: Array, depth: Array, deep: str) -> None:
    """One wave, from its spray down: `along` [h, w] runs along the crest, `depth` [h, w] down from it."""
    noise = sketch.noise
    depth = depth + 0.005 * np.abs(np.sin(75 * along + 3 * noise(0.1, 1)))
    printed(sketch, 0.55 - 7 * np.minimum(depth, 0) - noise(0.02, 1), 0, PAPER, 0.0012)
    printed(sketch, -depth, 5.5 * depth, f"c9d2c0 7fa3ac 3f74a0 {deep} {deep}")
    furrow = np.abs((30 * depth + 0.5 * noise(0.2, 2)) % 1 - 0.5) / 30
    printed(sketch, np.maximum(furrow - 0.002 * (1 + noise(0.1, 1)), 0.02 - depth), 0, INK, 0)
    claws = np.sin(41 * along + 5 * noise(0.08, 2)) ** 2
    printed(sketch, np.maximum(depth - 0.012 - 0.03 * claws, -depth), 20 * depth, "faf4e4 e4e6da", 0.0022)


def printed(sketch: Sketch, outside: Array, value: Array | float, codes: str, line: float = 0.003) -> None:
    """Print a `ramp` where `outside` [h, w] is negative, in an outline about `line` picture heights thick."""
    steep = np.hypot(*np.gradient(outside)) * sketch.height
    distance, pixel = outside / np.maximum(steep, 0.3), 1 / sketch.height
    sketch.fill(smoothstep(pixel, -pixel, distance), value, codes)
    if line:
        stroke = np.abs(distance) - line * (1 + 0.5 * sketch.noise(0.15, 1))
        sketch.fill(smoothstep(pixel, -pixel, stroke), 0, INK)


def printed_sheet(sketch: Sketch) -> Image.Image:
    """The print as it dries: wood grain in the flats, worn ink, fibrous paper."""
    noise = sketch.noise
    grain = np.sin(160 * sketch.y + 25 * noise(0.5, 2, 3)) * (0.5 + 0.5 * noise(0.3)) + noise(0.008, 2, 12)
    sketch.fill(0.5 * smoothstep(0.9, 1.5, noise(0.006, 2) + 0.4 * noise(0.3, 2)), 0, PAPER)
    canvas = Canvas(sketch.colour * (0.98 + 0.05 * grain)[..., None])
    canvas.relief = 0.5 * noise(0.006, 2, 1.5) + 0.3 * grain
    return canvas.picture(0.12, 0)


PAINTINGS: dict[str, Callable[[int, int, int], Image.Image]] = {
    "whirl": whirl,
    "pointillist": pointillist,
    "autumn": autumn,
    "stained-glass": stained_glass,
    "woodblock": woodblock,
}


def paint(name: str, width: int = 768, height: int = 600, seed: int = 0) -> Image.Image:
    """Paint one of `PAINTINGS`, in RGB; raises ValueError as `check` does."""
    check([name], width, height)
    return PAINTINGS[name](width, height, seed)


def check(names: Sequence[str], width: int, height: int) -> None:
    """Raise ValueError for a name that is not in `PAINTINGS`, or for a side below 32 pixels."""
    for name in names:
        if name not in PAINTINGS:
            raise ValueError(f"There is no painting {name!r}: choose from {', '.join(PAINTINGS)}.")
    if min(width, height) < 32:
        raise ValueError(f"A painting is at least 32 pixels wide and high, not {width}x{height}.")


def picture_size(text: str) -> tuple[int, int]:
    """'768x600' -> (768, 600)."""
    width, _, height = text.partition("x")
    return int(width), int(height)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: paint the pictures named, or all, into a folder."""
    parser = argparse.ArgumentParser(description="Paint style images: " + ", ".join(PAINTINGS) + ".")
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to paint; all if none is named")
    parser.add_argument("--size", type=picture_size, default=(768, 600), metavar="WxH", help="in pixels")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another picture")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="gets NAME.png")
    options = parser.parse_args(arguments)
    try:
        check(options.names, *options.size)
    except ValueError as error:
        parser.exit(2, f"{error}\n")
    options.output.mkdir(parents=True, exist_ok=True)
    width, height = options.size
    for name in options.names or PAINTINGS:
        paint(name, width, height, options.seed).save(options.output / f"{name}.png")


if __name__ == "__main__":
    main()
