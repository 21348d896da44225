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
from functools import partial
from pathlib import Path
from typing import Any

import torch
from cost import record
from floor import floor
from reference import CONTENT_TAP, STYLE_TAPS, PlainVGG, gram, read
from torch import Tensor

from impasto import Options, prepare, stylize
from impasto.device import choose_device, machine, timed
from impasto.memory import available


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--content", type=Path, required=True)
    parser.add_argument("--style", type=Path, required=True)
    parser.add_argument("--sizes", default=str(Options().size), help="one or more, as 256,512,1024,2048")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/speed.json"))
    arguments = parser.parse_args()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    content, style, device = arguments.content, arguments.style, choose_device(arguments.device)
    found: dict[str, Any] = {"machine": about_machine(device), "sizes": {}}
    print(HEADING, flush=True)
    for size in map(int, arguments.sizes.split(",")):
        picture = arguments.output.with_name(f"{arguments.output.stem}-{size}.png")
        one = {"command": _command(content, style, size, device, picture)}
        if device != "cpu":
            one["warm"] = {"seconds": _warm(content, style, size, device)}
        one["evaluation"] = _evaluation(content, style, size, device, arguments.repeats)
        found["sizes"][size] = one
        print(_row(size, one), flush=True)
    arguments.output.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    print(f"\n{json.dumps(found['machine'])}\n{arguments.output}")


def _command(content: Path, style: Path, size: int, device: str, output: Path) -> dict[str, object]:
    """The whole of `impasto stylize`, from the start of Python to the finished file."""
    start = time.perf_counter()
    ran = record([str(content), str(style), "--size", str(size), "--device", device, "-o", str(output)])
    seconds = time.perf_counter() - start
    return {"seconds": round(seconds, 1), "peak_memory_mb": ran["peak_memory"] // 10**6, "picture": str(output)}


def _warm(content: Path, style: Path, size: int, device: str) -> float:
    """A picture in a process that has made one before: what a device costs only once is behind it."""
    return round(min(stylize(content, style, size=size, device=device).seconds for _ in range(2)), 2)


PLAIN = "plain float32, channels first"
PLAIN_BYTES = 3400  # a pixel: what autograd keeps of VGG-19, and what it makes on the way back


def _plain_fits(photograph: Tensor) -> bool:
    """Whether the plain loop has the memory for that picture."""
    pixels = photograph.shape[2] * photograph.shape[3]
    return pixels * PLAIN_BYTES < available(photograph.device.type)


def _evaluation(content: Path, style: Path, size: int, device: str, repeats: int) -> dict[str, object]:
    """Ours and the plain loop's evaluation, in turn: loss and gradient of the picture."""
    transfer = prepare(content, style, size=size, min_size=size, content_weight=0.1, device=device)
    ours, photograph = transfer.function(size, 0.1)
    plain = plain_function(photograph, read(style, size).to(device)) if _plain_fits(photograph) else None
    ways: dict[str, Callable[[Tensor], object]] = {"ours": ours} | ({PLAIN: plain} if plain else {})
    times: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats + 1):  # the first one warms up
        for name, function in ways.items():
            seconds = timed(partial(function, photograph), photograph.device)
            if repeat:
                times[name].append(seconds)
    least = floor(transfer.encoder, *photograph.shape[2:])
    medians = {name: statistics.median(values) for name, values in times.items()}
    spread = {name: [round(min(values), 3), round(max(values), 3)] for name, values in times.items()}
    return {
        "computed": str(transfer.compute),
        "median_seconds": {name: round(seconds, 3) for name, seconds in medians.items()},
        "spread": spread,
        "plain_by_ours": round(medians[PLAIN] / medians["ours"], 2) if plain else None,
        "gflop": round(least.operations / 1e9),
        "convolutions_seconds": round(least.convolutions, 4),
        **{
            kind: {
                "is": name,
                "gflops": round(least.rates[name] / 1e9),
                "seconds": round(least.seconds(name), 4),
                "share": round(least.seconds(name) / medians["ours"], 3),
            }
            for kind, name in (("floor", least.processor), ("best_layer", least.layer))
        },
    }


COLUMNS = (
    "size", "seconds an evaluation (fastest, slowest)", "share of the floor", "the floor",
    "share of the best layer's rate", "a plain loop",
    "finished picture", "warm", "peak memory",
)  # fmt: skip
HEADING = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"


def _row(size: int, found: dict[str, Any]) -> str:
    one, command = found["evaluation"], found["command"]
    (fastest, slowest), least, best = one["spread"]["ours"], one["floor"], one["best_layer"]
    cells = [
        str(size),
        f"{one['median_seconds']['ours']:.3f} ({fastest:.3f}, {slowest:.3f})",
        f"{least['share']:.0%}",
        f"{least['seconds']:.3f} s: {one['gflop']:,} GFLOP at {least['gflops']:,} GFLOP/s ({least['is']})",
        f"{best['share']:.0%}: {best['gflops']:,} GFLOP/s ({best['is']})",
        f"{one['plain_by_ours']:.1f} times as long" if one["plain_by_ours"] else "does not fit",
        f"{command['seconds']} s",
        f"{found['warm']['seconds']} s" if "warm" in found else "",
        f"{command['peak_memory_mb'] / 1000:.2f} GB",
    ]
    return f"| {' | '.join(cells)} |"


def plain_function(
    content: Tensor, style: Tensor, content_weight: float = 1.0, style_weight: float = 1.0
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """The losses as in the well-known tutorial, by autograd: a picture in, its loss and gradient out."""
    network = PlainVGG(content.device)
    with torch.no_grad():
        targets = {tap: gram(features) for tap, features in network(style).items() if tap in STYLE_TAPS}
        wanted = network(content)[CONTENT_TAP]

    def function(image: Tensor) -> tuple[Tensor, Tensor]:
        leaf = image.detach().clone().requires_grad_()
        features = network(leaf)
        loss = content_weight * (features[CONTENT_TAP] - wanted).square().mean()
        for tap, target in targets.items():
            error = (gram(features[tap]) - target) / len(target)
            loss = loss + style_weight * error.square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        return loss.detach(), leaf.grad.contiguous()

    return function


def about_machine(device: str = "cpu") -> dict[str, object]:
    """What a record of figures has to name."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "commit": commit.stdout.strip(),
        "processor": machine(device),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
