"""How far the predictions of `--dry-run` are from what runs take: time and peak memory, at sizes, tiled and not.

Each row is two commands of its own, so that nothing of one run is in the memory of the next.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ITERATIONS = "8,8,6,4,3,2"  # enough for a time; what a full run takes follows from the same model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--content", required=True)
    parser.add_argument("--style", required=True)
    parser.add_argument("--sizes", default="256,512,1024,2048", help="one or more, as 256,512")
    parser.add_argument("--ways", default="default,tile=512,memory=2GB", help="flags of each row, as tile=512")
    parser.add_argument("--iterations", default=ITERATIONS)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/cost.png"))
    arguments = parser.parse_args()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    print("| size | way | tiles | predicted s | measured s | ratio | predicted MB | measured MB | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    for size in arguments.sizes.split(","):
        for way in arguments.ways.split(","):
            name, _, value = way.partition("=")
            flags = ["--size", size, "--iterations", arguments.iterations, *([f"--{name}", value] if value else [])]
            print(_row(size, way, [arguments.content, arguments.style, *flags], arguments.output), flush=True)


def _row(size: str, way: str, flags: list[str], output: Path) -> str:
    predicted = record([*flags, "--dry-run"])
    measured = record([*flags, "-o", str(output)])
    tiles = "/".join(str(scale["tiles"]) for scale in predicted["scales"][-2:])
    seconds = predicted["seconds"], measured["seconds"]
    peaks = predicted["peak_memory"] / 1e6, measured["peak_memory"] / 1e6
    cells = [size, way, tiles]
    for (one, other), digits in ((seconds, 1), (peaks, 0)):
        cells += [f"{one:.{digits}f}", f"{other:.{digits}f}", f"{one / other:.2f}"]
    return f"| {' | '.join(cells)} |"


def record(flags: list[str]) -> dict[str, Any]:
    """Of a run, as the command prints it."""
    command = [sys.executable, "-m", "impasto", "stylize", *flags, "--json"]
    printed: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return printed


if __name__ == "__main__":
    main()
