"""An evaluation with Winograd's tiles in one piece each, and with its frequencies so: the two in turn, pair by pair.

What `convolution.Winograd` takes by itself depends on the precision and the library; here both are forced.
"""

from __future__ import annotations

import argparse
import statistics
from functools import partial
from pathlib import Path

import torch

from impasto import Options, prepare
from impasto.convolution import Winograd
from impasto.device import timed

LAYOUTS = {"by tile": True, "by frequency": False}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--content", type=Path, required=True)
    parser.add_argument("--style", type=Path, required=True)
    parser.add_argument("--size", type=int, default=Options().size)
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--pairs", type=int, default=30)
    arguments = parser.parse_args()
    size, pairs = arguments.size, arguments.pairs
    transfer = prepare(
        arguments.content, arguments.style,
        size=size, min_size=size, content_weight=0.1, device="cpu", precision=arguments.precision,
    )  # fmt: skip
    function, photograph = transfer.function(size, 0.1)
    layers = [layer.convolution for layer in transfer.encoder.layers if isinstance(layer.convolution, Winograd)]
    if not layers:
        parser.error(f"this machine computes without Winograd: {transfer.compute}")
    times: dict[str, list[float]] = {name: [] for name in LAYOUTS}
    gradients = {}
    for pair in range(pairs + 1):  # the first one warms up
        for name, by_tile in LAYOUTS.items():
            for layer in layers:
                layer.by_tile = by_tile
            seconds = timed(partial(function, photograph), photograph.device)
            if pair:
                times[name].append(seconds)
            else:
                gradients[name] = function(photograph).grad.clone()
    print(f"{transfer.compute}, {size} px, {pairs} pairs of evaluations")
    for name, all_seconds in times.items():
        print(f"{name}: {statistics.median(all_seconds):.3f} s ({min(all_seconds):.3f} to {max(all_seconds):.3f})")
    ratios = [one / other for one, other in zip(*times.values(), strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4)
    print(f"by tile takes {median:.3f} of the time (quartiles {low:.3f} and {high:.3f})")
    print("the gradients are", "the same" if torch.equal(*gradients.values()) else "not the same, bit by bit")


if __name__ == "__main__":
    main()
