"""Time to quality: how long Impasto takes to reach what another program has when it is finished.

Both errors, style and content, have to be at or below the peer's, as `impasto measure` has them. Peers run with their
own defaults, one after the other, from the same two files, at the same size, with the same network: in this process,
and the TensorFlow program in its own. Seconds are those of the work, from files to the last evaluation: without
imports, and without the file that is written. The pictures stay beside the record, to be looked at. What the record
has of this size is not run again, so that hours of it can be run in parts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pairs import PAIRS, find
from PIL import Image
from reference import read
from speed import about_machine, plain_function

from impasto import Iterate, Options, iterate, measure, stylize
from impasto.image import to_pil
from impasto.losses import LEVELS
from impasto.options import make_options
from impasto.quality import Report

sys.path.append(str(Path(__file__).with_name("parity_tensorflow")))
from compare import STRIDE, read_at, tensorflow

TRIES = (0.97, 0.9, 0.8)  # of the strength that has the peer's content error; the fastest counts
TENSORFLOW = Path("out/parity-venv/bin/python")  # as parity_tensorflow/run.sh makes it
DEVICE = "cpu"  # of all of them
CONTENT_WEIGHT, STYLE_WEIGHT = 5.0, 100.0  # neural-style's, of Gram matrices by C·N and mean errors


@dataclass(frozen=True)
class Finished:
    """What a peer has made."""

    seconds: float
    steps: int
    picture: Path


def pastiche(content: Path, style: Path, size: int, steps: int, picture: Path) -> Finished:
    """Its own package and defaults: L-BFGS from the photograph, one evaluation a step."""
    from pastiche.pastiche import PasticheArtist, save_image

    start = time.perf_counter()
    artist = PasticheArtist(str(content), [str(style)], device=DEVICE, size=size)
    for _ in range(steps):
        artist.draw()
    seconds = time.perf_counter() - start
    save_image(artist.pastiche, str(picture))
    return Finished(seconds, steps, picture)


def tutorial(content: Path, style: Path, size: int, steps: int, picture: Path) -> Finished:
    """The well-known tutorial's loop: float32, channels first, autograd, L-BFGS as it comes, from the photograph.

    Pixels count 0..255 and are clamped at the end, as in neural-style: in 0..1, clamped each time as in the tutorial,
    L-BFGS without a line search throws the picture away first, and takes a hundred evaluations to come back.
    """
    start = time.perf_counter()
    photograph, count = read(content, size), 0
    image = (photograph * LEVELS).requires_grad_()
    function = plain_function(photograph, read(style, size), CONTENT_WEIGHT, STYLE_WEIGHT)
    optimizer = torch.optim.LBFGS([image])

    def closure() -> float:
        nonlocal count
        count += 1
        loss, grad = function(image.detach() / LEVELS)
        image.grad = grad / LEVELS
        return float(loss)

    while count < steps:
        optimizer.step(closure)  # type: ignore[no-untyped-call]
    seconds = time.perf_counter() - start
    to_pil(image.detach() / LEVELS).save(picture)
    return Finished(seconds, count, picture)


def seed(content: Path, style: Path, size: int, steps: int, picture: Path) -> Finished:
    """The TensorFlow program: 0..255, Adam with a rate of 1 from the photograph; the style takes its shape."""
    with Image.open(content) as image:
        scale = size / max(image.size) / STRIDE
        shape = (round(image.width * scale) * STRIDE, round(image.height * scale) * STRIDE)
    photograph, painting = read_at(content, shape), read_at(style, shape)
    options = make_options("seed", height=shape[1])
    found = tensorflow(TENSORFLOW, options, photograph, painting, photograph[None], steps=steps)
    Image.fromarray(np.uint8(found["result"].clip(0, 255).round())).save(picture)
    return Finished(float(found["seconds"].sum()), steps, picture)


@dataclass(frozen=True)
class Peer:
    """Another program, and how many steps it makes unless it is told otherwise."""

    paint: Callable[[Path, Path, int, int, Path], Finished]
    steps: int


PEERS = {"tutorial": Peer(tutorial, 300), "pastiche": Peer(pastiche, 1000), "seed": Peer(seed, 2200)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True, help="the folder of paintings and photographs")
    parser.add_argument("--size", type=int, default=Options().size)
    parser.add_argument("--pairs", type=int, default=6, help="only so many of them")
    parser.add_argument("--peers", default="tutorial,pastiche", help=f"of {', '.join(PEERS)}")
    parser.add_argument("--steps", type=int, help="of each peer; default: its own")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/peers.json"))
    arguments = parser.parse_args()
    if "seed" in (peers := arguments.peers.split(",")) and not TENSORFLOW.exists():
        parser.error("the seed's program needs TensorFlow: benchmarks/parity_tensorflow/run.sh installs it")
    size, folder = arguments.size, arguments.output.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    runs = json.loads(arguments.output.read_text("utf-8"))["runs"] if arguments.output.exists() else []
    summaries: list[str] = []
    print(HEADING, flush=True)
    for peer in peers:
        steps, results = arguments.steps or PEERS[peer].steps, []
        for pair in PAIRS[: arguments.pairs]:
            content, style = (find(arguments.images, name) for name in pair)
            names = {"content": content.stem, "style": style.stem}
            what = names | {"peer": peer, "size": size, "steps": steps}
            one = next((run for run in runs if what.items() <= run.items()), None)
            if one is None:
                picture = folder / f"{content.stem}-{style.stem}-{peer}-{steps}-{size}.png"
                theirs = PEERS[peer].paint(content, style, size, steps, picture)
                one = what | {"machine": about_machine()} | _compared(theirs, content, style, size)
                runs.append(one)
                arguments.output.write_text(json.dumps({"runs": runs}, indent=2) + "\n", "utf-8")
            results.append(one["ratio"])
            print(_row(one), flush=True)
        ratios = [ratio for ratio in results if ratio]
        reached = f"reached in {len(ratios)} of {len(results)} pairs"
        summaries.append(f"{peer}: {reached}" + (f", median {statistics.median(ratios):.0f} times" if ratios else ""))
    print("", *summaries, arguments.output, sep="\n")


HEADING = (
    "| photograph | painting | peer | seconds | style | content | ours, as good after | style | content | times |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def _row(one: dict[str, Any]) -> str:
    theirs, ours = one["theirs"], one["ours"]
    seconds = f"{ours['seconds']:.1f} s" if one["ratio"] else "not reached"
    cells = [
        one["content"], one["style"], f"{one['peer']}, {one['steps']} steps", f"{theirs['seconds']:.0f} s",
        f"{theirs['style_error']:.3f}", f"{theirs['content_error']:.3f}", seconds, f"{ours['style_error']:.3f}",
        f"{ours['content_error']:.3f}", f"{one['ratio']:.0f}" if one["ratio"] else "-",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _compared(theirs: Finished, content: Path, style: Path, size: int) -> dict[str, Any]:
    """The peer's finished picture, and the first state of ours that is as good in both errors."""
    goal = measure(theirs.picture, content, style)
    ours = theirs.picture.with_name(f"{theirs.picture.stem}-ours.png")
    tries = [
        _first_as_good(goal, strength, content, style, size) for strength in _strengths(goal, content, style, size)
    ]
    state, strength, errors, reached = min(tries, key=lambda one: (not one[-1], one[0].seconds))
    state.picture().save(ours)
    return {
        "theirs": asdict(theirs) | _numbers(goal) | {"picture": str(theirs.picture)},
        "ours": {
            "seconds": state.seconds, "strength": strength, "evaluations": state.evaluations, **_numbers(errors),
            "picture": str(ours),
        },
        "ratio": theirs.seconds / state.seconds if reached else None,
    }  # fmt: skip


def _numbers(errors: Report) -> dict[str, float]:
    return {"style_error": errors.style, "content_error": errors.content}


def _strengths(goal: Report, content: Path, style: Path, size: int) -> Iterator[float]:
    """Those to try: the content error is proportional to it, and one run, which does not count, tells the factor."""
    fitting = Options().strength * goal.content / _content_error(content, style, min(size, 256))
    yield from (min(1.0, fitting * factor) for factor in TRIES)


@cache
def _content_error(content: Path, style: Path, size: int) -> float:
    """Of the default picture."""
    return measure(stylize(content, style, size=size, device=DEVICE).image, content, style).content


def _first_as_good(
    goal: Report, strength: float, content: Path, style: Path, size: int
) -> tuple[Iterate, float, Report, bool]:
    """Of the last scale, the first state with both errors at or below the goal; the last one, where none has.

    With it the strength, its errors, and whether it is as good.
    """
    last = [
        state for state in iterate(content, style, size=size, strength=strength, device=DEVICE) if state.scale == size
    ]
    for state in last:  # measured when all is done: that takes time too
        errors = measure(state.picture(), content, style)
        if errors.style <= goal.style and errors.content <= goal.content:
            return state, strength, errors, True
    return state, strength, errors, False


if __name__ == "__main__":
    main()
