"""Pairs of pictures at several strengths: a sheet to look at, and how even the strength dial is between them."""

from __future__ import annotations

import argparse
import importlib.util
import time
from pathlib import Path

from PIL import Image, ImageDraw

from impasto import Options, measure, stylize

PAIRS = [  # landscapes, portraits, still lifes, animals; oil, crayon, abstract
    ("tubingen.jpg", "starry_night.jpg"),
    ("astronaut.png", "the_scream.jpg"),
    ("astronaut.png", "starry_night.jpg"),
    ("chelsea.png", "composition_vii.jpg"),
    ("coffee.png", "woman_with_a_hat.jpg"),
    ("rocket.jpg", "shipwreck.jpg"),
    ("woman_with_a_hat.jpg", "starry_night.jpg"),
    ("tubingen.jpg", "shipwreck.jpg"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True, help="the folder of paintings and photographs")
    parser.add_argument("--strengths", default="0.5", help="a list, such as 0,0.25,0.5,0.75,1")
    parser.add_argument("--size", type=int, default=Options().size)
    parser.add_argument("--preset")
    parser.add_argument("--pairs", type=int, default=len(PAIRS), help="only so many of them")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/pairs.png"))
    arguments = parser.parse_args()
    strengths = [float(part) for part in arguments.strengths.split(",")]
    pairs = [[find(arguments.images, name) for name in pair] for pair in PAIRS[: arguments.pairs]]
    folder = arguments.output.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[list[Path]] = []
    print("| photograph | painting | strength | seconds | style | content | border |\n|---|---|---|---|---|---|---|")
    for content, style in pairs:
        rows.append([])
        for strength in strengths:
            path = folder / f"{content.stem}-{style.stem}-{strength:g}.png"
            start = time.perf_counter()
            stylize(content, style, preset=arguments.preset, size=arguments.size, strength=strength).save(path)
            seconds, errors = time.perf_counter() - start, measure(path, content, style)
            cells = f"{errors.style:.3f} | {errors.content:.2f} | {errors.border:+.1f}"
            print(f"| {content.stem} | {style.stem} | {strength:g} | {seconds:.0f} | {cells} |", flush=True)
            rows[-1].append(path)
    _sheet(rows).save(arguments.output)
    print(arguments.output)


def find(images: Path, name: str) -> Path:
    """From the folder, or from scikit-image's own data."""
    package = importlib.util.find_spec("skimage")
    places = package.submodule_search_locations if package else None
    for folder in [images, *(Path(place) / "data" for place in places or [])]:
        if (folder / name).is_file():
            return folder / name
    raise SystemExit(f"{name} is neither in {images} nor in scikit-image's data")


def _sheet(rows: list[list[Path]], side: int = 512) -> Image.Image:
    sheet = Image.new("RGB", (side * max(len(row) for row in rows), side * len(rows)), "white")
    for y, row in enumerate(rows):
        for x, path in enumerate(row):
            with Image.open(path) as picture:
                picture.thumbnail((side - 8, side - 8))
                sheet.paste(picture, (x * side, y * side))
            ImageDraw.Draw(sheet).text((x * side + 6, (y + 1) * side - 12), path.stem, "black")
    return sheet


if __name__ == "__main__":
    main()
