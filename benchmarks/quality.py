"""How good a finished picture is: style error, content error and border, by code apart from the engine's."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from reference import CONTENT_TAP, STYLE_TAPS, PlainVGG, gram, read
from torch import Tensor


@torch.no_grad()
def measure(result: Path, content: Path, style: Path) -> dict[str, float]:
    """Errors of the saved picture; content and style are brought to its longest side (a style is not enlarged)."""
    network, picture = PlainVGG(), read(result)
    longest = max(picture.shape)
    photograph = read(content, longest)
    painting = read(style)
    if max(painting.shape) > longest:
        painting = read(style, longest)
    found, wanted, target = network(picture), network(photograph), network(painting)
    errors = {f"style {tap}": _relative(gram(found[tap]), gram(target[tap])) for tap in STYLE_TAPS}
    return {
        "style": sum(errors.values()) / len(errors),
        "content": _relative(found[CONTENT_TAP], wanted[CONTENT_TAP]),
        "border": _border(picture) - _border(photograph),
        **errors,
    }


def _relative(value: Tensor, target: Tensor) -> float:
    return float((value - target).square().sum() / target.square().sum())


def _border(image: Tensor) -> float:
    """Mean grey level of the outermost 4 pixels minus that of the ring from 8 to 16 pixels."""
    grey = image[0].mean(0) * 255
    return float(_ring(grey, 0, 4) - _ring(grey, 8, 16))


def _ring(grey: Tensor, outer: int, inner: int) -> Tensor:
    inside = torch.zeros_like(grey, dtype=torch.bool)
    inside[outer : grey.shape[0] - outer, outer : grey.shape[1] - outer] = True
    inside[inner : grey.shape[0] - inner, inner : grey.shape[1] - inner] = False
    return grey[inside].mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("--content", type=Path, required=True)
    parser.add_argument("--style", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    errors = measure(arguments.result, arguments.content, arguments.style)
    if arguments.json:
        print(json.dumps(errors))
        return
    for name, value in errors.items():
        print(f"{name:16} {value:8.4f}")


if __name__ == "__main__":
    main()
