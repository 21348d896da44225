"""A painting in leaded glass, `stained_glass`: a sketch cut in pieces."""

import numpy as np
from PIL import Image

from impasto.paintings.brushwork import varied
from impasto.paintings.canvas import Canvas, enlarged
from impasto.paintings.fields import Array, Index, at, blurred, nearest, over, rgb, smoothstep
from impasto.paintings.sketch import Sketch


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
