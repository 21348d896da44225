"""Seconds and memory of the whole command, and seconds per evaluation against its floor and a plain PyTorch loop.

Writes the record as JSON, and a table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from cost import record
from floor import floor
from reference import CONTENT_TAP, STYLE_TAPS, PlainVGG, gram, read
from torch import Tensor

from impasto import Options, prepare
from impasto.device import machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--content", type=Path, required=True)
    parser.add_argument("--style", type=Path, required=True)
    parser.add_argument("--sizes", default=str(Options().size), help="one or more, as 256,512,1024,2048")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/speed.json"))
    arguments = parser.parse_args()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    content, style = arguments.content, arguments.style
    found: dict[str, Any] = {"machine": _machine(), "sizes": {}}
    print(HEADING, flush=True)
    for size in map(int, arguments.sizes.split(",")):
        picture = arguments.output.with_name(f"{arguments.output.stem}-{size}.png")
        one = {"command": _command(content, style, size, picture)}
        one["evaluation"] = _evaluation(content, style, size, arguments.repeats)
        found["sizes"][size] = one
        print(_row(size, one), flush=True)
    arguments.output.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    print(f"\n{json.dumps(found['machine'])}\n{arguments.output}")


def _command(content: Path, style: Path, size: int, output: Path) -> dict[str, object]:
    """The whole of `impasto stylize`, from the start of Python to the finished file."""
    start = time.perf_counter()
    ran = record([str(content), str(style), "--size", str(size), "-o", str(output)])
    seconds = time.perf_counter() - start
    return {"seconds": round(seconds, 1), "peak_memory_mb": ran["peak_memory"] // 10**6, "picture": str(output)}


def _evaluation(content: Path, style: Path, size: int, repeats: int) -> dict[str, object]:
    """Ours and the plain loop's evaluation, in turn: loss and gradient of the picture."""
    transfer = prepare(content, style, size=size, min_size=size, content_weight=0.1)
    ours, photograph = transfer.function(size, 0.1)
    plain = plain_function(photograph, read(style, size))
    ways: dict[str, Callable[[Tensor], object]] = {"ours": ours, "plain float32, channels first": plain}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats + 1):  # the first one warms up
        for name, function in ways.items():
            start = time.perf_counter()
            function(photograph)
            if repeat:
                times[name].append(time.perf_counter() - start)
    least = floor(transfer.encoder, *photograph.shape[2:])
    medians = {name: statistics.median(values) for name, values in times.items()}
    spread = {name: [round(min(values), 3), round(max(values), 3)] for name, values in times.items()}
    return {
        "computed": str(transfer.compute),
        "median_seconds": {name: round(seconds, 3) for name, seconds in medians.items()},
        "spread": spread,
        "plain_by_ours": round(medians["plain float32, channels first"] / medians["ours"], 2),
        "gflop": round(least.operations / 1e9),
        "floor_seconds": round(least.seconds, 4),
        "convolutions_seconds": round(least.convolutions, 4),
        "best_gflops": round(least.rate / 1e9),
        "best_is": least.found,
        "share_of_floor": round(least.seconds / medians["ours"], 3),
    }


COLUMNS = (
    "size", "seconds an evaluation (fastest, slowest)", "share of the floor", "the floor", "a plain loop",
    "finished picture", "peak memory",
)  # fmt: skip
HEADING = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"


def _row(size: int, found: dict[str, Any]) -> str:
    one, command = found["evaluation"], found["command"]
    fastest, slowest = one["spread"]["ours"]
    cells = [
        str(size),
        f"{one['median_seconds']['ours']:.3f} ({fastest:.3f}, {slowest:.3f})",
        f"{one['share_of_floor']:.0%}",
        f"{one['floor_seconds']:.3f} s: {one['gflop']:,} GFLOP at {one['best_gflops']:,} GFLOP/s ({one['best_is']})",
        f"{one['plain_by_ours']:.1f} times as long",
        f"{command['seconds']} s",
        f"{command['peak_memory_mb'] / 1000:.2f} GB",
    ]
    return f"| {' | '.join(cells)} |"


def plain_function(content: Tensor, style: Tensor) -> Callable[[Tensor], Tensor]:
    """The losses as in the well-known tutorial, by autograd: a picture in, its gradient out."""
    network = PlainVGG()
    with torch.no_grad():
        targets = {tap: gram(features) for tap, features in network(style).items() if tap in STYLE_TAPS}
        wanted = network(content)[CONTENT_TAP]

    def function(image: Tensor) -> Tensor:
        leaf = image.detach().clone().requires_grad_()
        features = network(leaf)
        loss = (features[CONTENT_TAP] - wanted).square().mean()
        for tap, target in targets.items():
            loss = loss + (gram(features[tap]) - target).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        return leaf.grad

    return function


def _machine() -> dict[str, object]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "commit": commit.stdout.strip(),
        "processor": machine("cpu"),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
