"""Where the time of a run on the processor goes: by stage, and inside each scale by kind of work.

A table, and a picture in SVG.
"""

from __future__ import annotations

import argparse
import functools
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

from speed import about_machine

from impasto import Options, losses, optimize, prepare

KINDS = {
    "convolutions": "#31688e", "Gram matrices": "#35b779", "pooling": "#90d743", "optimiser": "#f6a22d",
    "all else": "#9aa0a6",
}  # fmt: skip
STAGES = ("#5f6368", "#80868b", "#c6dbef", "#6baed6", "#2171b5", "#08306b", "#041a3c", "#f6a22d")


class Stopwatch:
    """Seconds by kind of work. Kinds do not overlap: none of what is watched calls another."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def watch(self, owner: object, name: str, kind: str) -> None:
        """Adds up what calls of that attribute take, from now on."""
        original: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(original)
        def timed(*values: Any, **named: Any) -> Any:
            with self.timing(kind):
                return original(*values, **named)

        setattr(owner, name, timed)

    @contextmanager
    def timing(self, kind: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[kind] += time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--content", type=Path, required=True)
    parser.add_argument("--style", type=Path, required=True)
    parser.add_argument("--size", type=int, default=Options().size)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/stages.svg"))
    arguments = parser.parse_args()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    machine = about_machine()
    stages, kinds = _measured(
        arguments.content, arguments.style, arguments.size, arguments.output.with_suffix(".png")
    )
    for title, parts in {"the whole run": stages, **kinds}.items():
        total = sum(parts.values())
        print(f"\n| {title} | {total:.1f} s | |\n|---|---|---|")
        for name, seconds in parts.items():
            print(f"| {name} | {seconds:.2f} s | {seconds / total:.0%} |")
    arguments.output.write_text(_drawn(stages, kinds, f"{arguments.size} px, {machine['processor']}"), "utf-8")
    print(f"\n{machine}\n{arguments.output}")


def _measured(
    content: Path, style: Path, size: int, picture: Path
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Seconds of each stage, and of each scale by kind of work."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import impasto; impasto.stylize"], check=True)
    stages = {"Python and torch": time.perf_counter() - start}
    start = time.perf_counter()
    transfer = prepare(content, style, size=size, device="cpu")
    stages["files and network"] = time.perf_counter() - start
    watch = Stopwatch()
    for layer in transfer.encoder.layers:
        watch.watch(layer.convolution, "forward", "convolutions")
        watch.watch(layer.convolution, "adjoint", "convolutions")
    for name in ("forward", "adjoint"):
        watch.watch(transfer.encoder.pooling, name, "pooling")
    for name in ("gram_matrix", "add_gram_gradient"):
        watch.watch(losses, name, "Gram matrices")
    for name in ("direction", "add"):
        watch.watch(optimize.Memory, name, "optimiser")
    kinds: dict[str, dict[str, float]] = {}
    start = time.perf_counter()
    for state in transfer:
        if state.step == state.steps:
            now = time.perf_counter()
            title = f"{state.scale} px, {state.steps} evaluations"
            stages[title] = now - start
            known = {kind: watch.seconds[kind] for kind in KINDS if kind in watch.seconds}
            kinds[title] = known | {"all else": now - start - sum(known.values())}
            watch.seconds.clear()
            start = now
    transfer.result(state).save(picture)
    stages["the file"] = time.perf_counter() - start
    return stages, kinds


WIDTH, LEFT, BAR, GAP, LINE = 760, 20, 34, 84, 16  # pixels


def _drawn(stages: dict[str, float], kinds: dict[str, dict[str, float]], title: str) -> str:
    """Bars of one length each, one below the other."""
    rows = {f"the whole run, {sum(stages.values()):.1f} s": (stages, dict(zip(stages, STAGES, strict=False)))}
    rows |= {f"{name}, {sum(parts.values()):.1f} s": (parts, KINDS) for name, parts in kinds.items()}
    lines = [f'<text x="{LEFT}" y="24" font-size="15" font-weight="bold">Where the time goes: {escape(title)}</text>']
    for number, (name, (parts, colours)) in enumerate(rows.items()):
        top, x, total = 62 + number * (BAR + GAP), float(LEFT), sum(parts.values())
        lines.append(f'<text x="{LEFT}" y="{top - 8}">{escape(name)}</text>')
        key, below = LEFT, top + BAR + 8
        for part, seconds in parts.items():
            width = seconds / total * WIDTH
            fill = colours[part]
            lines.append(f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="{BAR}" fill="{fill}"/>')
            label = f"{part} {seconds:.1f} s"
            wide = 26 + 6 * len(label)
            if key + wide > LEFT + WIDTH:
                key, below = LEFT, below + LINE
            lines.append(f'<rect x="{key}" y="{below}" width="10" height="10" fill="{fill}"/>')
            lines.append(f'<text x="{key + 14}" y="{below + 9}" font-size="11">{escape(label)}</text>')
            x, key = x + width, key + wide
    height = 62 + len(rows) * (BAR + GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH + 2 * LEFT}" height="{height}" font-size="13" '
        'font-family="sans-serif">\n<rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join(lines)
        + "\n</svg>\n"
    )


if __name__ == "__main__":
    main()
