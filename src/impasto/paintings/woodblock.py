"""A colour woodcut, `woodblock`: flat inks in outlines on fibrous paper."""

import numpy as np
from PIL import Image

from impasto.paintings.canvas import OVERSAMPLING, Canvas
from impasto.paintings.fields import Array, smoothstep
from impasto.paintings.sketch import Sketch

# fmt: off
CURLS = [(0.84, 0.4, 0.21, 2.7), (0.2, 0.62, 0.14, 2.4), (1.22, 0.7, 0.11, 2.3), (0.55, 0.82, 0.1, 2.3)]
WAVES = [(0.57, 0.11, "152f5a"), (0.67, 0.12, "1f4a5a"), (0.79, 0.11, "1a3a74"), (0.91, 0.09, "10244a")]
INK, PAPER = "14203f", "f6eeda"
# fmt: on


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
