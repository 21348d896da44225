"""How like a large picture its previews are: the scales of one run, each reduced, by structural similarity.

A preview is a state of the large run, byte for byte (a test proves that), so that one run shows all of them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.metrics import structural_similarity

from impasto import prepare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--content", required=True)
    parser.add_argument("--style", required=True)
    parser.add_argument("--sizes", default="512,1024,2048,4096")
    parser.add_argument("--side", type=int, default=384, help="pixels of each picture on the sheet")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/previews.jpg"))
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    pictures = []
    start = time.perf_counter()
    for state in prepare(arguments.content, arguments.style, size=sizes[-1]):
        if state.step == state.steps and state.scale in sizes:
            pictures.append(state.picture())
            pictures[-1].save(arguments.output.with_name(f"preview-{state.scale}.png"))
            print(
                f"{state.scale} px after {time.perf_counter() - start:.0f} s: {_similarity(pictures):.3f}", flush=True
            )
    _sheet(pictures, arguments.side).save(arguments.output, quality=88)


def _similarity(pictures: list[Image.Image]) -> float:
    """Of the last of them, reduced, to the first: 1 where they are the same."""
    small = [np.asarray(picture.resize(pictures[0].size, Image.Resampling.LANCZOS)) for picture in pictures]
    return float(structural_similarity(small[0], small[-1], channel_axis=2))  # type: ignore[no-untyped-call]


def _sheet(pictures: list[Image.Image], side: int) -> Image.Image:
    """All of them in a row, the smallest first, reduced to one size."""
    width, height = pictures[0].size
    size = (side, round(side * height / width))
    sheet = Image.new("RGB", (len(pictures) * (side + 8) - 8, size[1]), "white")
    for number, picture in enumerate(pictures):
        sheet.paste(picture.resize(size, Image.Resampling.LANCZOS), (number * (side + 8), 0))
    return sheet


if __name__ == "__main__":
    main()
