"""Paintings in brush strokes or strokes of a knife: `whirl`, `pointillist`, `autumn`.

Each is painted from its width and height in pixels and a seed, and comes as an RGB image.
"""

from dataclasses import replace

import numpy as np
from PIL import Image

from impasto.paintings.brushwork import brush_over, dots, oils, varied
from impasto.paintings.canvas import Brush, Canvas, enlarged, uneven
from impasto.paintings.fields import Random, at, over, rgb, smoothstep
from impasto.paintings.sketch import Sketch

# fmt: off
STARS = [(1.1, 0.16, 0.1), (0.38, 0.1, 0.045), (0.76, 0.1, 0.04),
         (0.05, 0.24, 0.05), (0.73, 0.5, 0.035), (0.37, 0.53, 0.03)]  # x, y, radius
VORTICES = [(0.52, 0.3, 0.19, 0.34), (0.94, 0.4, 0.12, -0.2), (0.03, 0.46, 0.1, 0.14)]  # x, y, radius, spin
NIGHT_HILLS = {0.66: "20306f 5a86a8", 0.72: "101c48 2c5f86", 0.8: "0a1526 2b6a58", 0.89: "0b1420 8a8a3a"}
POPLARS = [(0.06, 0.44, 0.05), (0.13, 0.36, 0.04), (0.21, 0.22, 0.035),
           (0.81, 0.4, 0.05), (0.91, 0.5, 0.06), (0.73, 0.27, 0.04)]  # part of the width, height, thickness
PIGMENTS = ("1b1464 2a3fb0 2f7fc8 7cc4e0 0f5a4a 2f9a5a a8c84a f4e06a "
            "fbf3cf f5b23a ee7a30 d63a3a e58aa0 8a3f98 c9a6d8 3a1c3c")
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
