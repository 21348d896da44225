"""The `seed` preset against the TensorFlow program of the same method: losses, gradients, 50 Adam steps, seconds.

    python benchmarks/parity_tensorflow/compare.py --tensorflow out/parity-venv/bin/python

Prints a Markdown table; exits with 1 where a bound is missed, with 2 where it cannot start. `run.sh` makes the
environment of TensorFlow first.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from judge import Row, descent, evaluation, keras_tap, seconds
from PIL import Image
from torch import Tensor

from impasto import Iterate, Options, prepare
from impasto.architecture import keras_name
from impasto.device import machine
from impasto.errors import ImpastoError
from impasto.options import make_options
from impasto.weights import load_weights

Array = np.ndarray[Any, np.dtype[Any]]

STEPS = 50
STRIDE = 16  # of conv5: what is over, Keras drops and Impasto does not


def main() -> None:
    parser = argparse.ArgumentParser(description="The seed preset against TensorFlow: prints a Markdown table.")
    parser.add_argument("--tensorflow", type=Path, required=True, help="the Python that has TensorFlow")
    parser.add_argument("--content", type=Path, help="default: a photograph of scikit-image's")
    parser.add_argument("--style", type=Path, help="default: another one")
    parser.add_argument("--size", type=_size, default="320x240", help="multiples of 16; the seed's is 960x720")
    arguments = parser.parse_args()
    try:
        content = read_at(arguments.content or _photo("chelsea.png"), arguments.size)
        style = read_at(arguments.style or _photo("coffee.png"), arguments.size)
        rows, title = _compare(arguments.tensorflow, content, style)
    except OSError as error:
        parser.error(f"{error}: expected two pictures and, for --tensorflow, the Python that run.sh installs")
    except ImpastoError as error:
        parser.error(str(error))
    except subprocess.CalledProcessError as error:
        parser.error(f"TensorFlow's program ended with {error.returncode}: what it said stands above")
    print(title, "\n\n| | found | asked | |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.name} | {row.found} | {row.asked} | {'yes' if row.passed else '**no**'} |")
    sys.exit(0 if all(row.passed for row in rows) else 1)


def _size(text: str) -> tuple[int, int]:
    """`320x240` -> (320, 240)."""
    sides = text.split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) > 0 and int(side) % STRIDE == 0 for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r}: expected width x height in multiples of {STRIDE}, as in 960x720")
    return int(sides[0]), int(sides[1])


def _photo(name: str) -> Path:
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        raise FileNotFoundError("scikit-image, whose photographs are the default, is not installed")
    return Path(package.origin).with_name("data") / name


def read_at(path: Path, size: tuple[int, int]) -> Array:
    """[H, W, 3] of uint8 at just that size, as the seed has both pictures."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))


def _compare(python: Path, content: Array, style: Array) -> tuple[list[Row], str]:
    """The table and its title. Both descents run in turn: half of ours, TensorFlow's, the rest of ours."""
    options = make_options("seed", height=content.shape[0], precision="float32", iterations=(STEPS + 1,))
    run = prepare(content, style, options=options)
    states = iter(run)
    before = _timed(states, STEPS // 2 + 1)[1][1:]  # the first one encodes the targets
    mean = content // 2 + style // 2
    theirs = tensorflow(python, options, content, style, np.stack([mean, style]), steps=STEPS)
    image, after = _timed(states, STEPS - STEPS // 2)
    rows = [*evaluation(run, mean, theirs, 0), *evaluation(run, style, theirs, 1, styled=True)]
    rows += [*descent(image, content, theirs, STEPS), *seconds([*before, *after], theirs)]
    return rows, (
        f"{content.shape[1]} x {content.shape[0]}, TensorFlow {theirs['version']}, torch {torch.__version__}, "
        f"{run.compute.precision} {run.compute.method}, {torch.get_num_threads()} threads of {os.cpu_count()}, "
        f"{machine('cpu')}, commit {_commit()}"
    )


def _commit() -> str:
    if not (git := shutil.which("git")):
        return "unknown"
    command = [git, "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def _timed(states: Iterator[Iterate], count: int) -> tuple[Tensor, list[float]]:
    """The picture after so many evaluations more, and the seconds of each."""
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        image = next(states).image
        times.append(time.perf_counter() - begun)
    return image, times


def tensorflow(
    python: Path, options: Options, content: Array, style: Array, points: Array, *, steps: int
) -> dict[str, Any]:
    """What the other program finds, for the same pictures, weights and settings."""
    arrays: dict[str, Any] = {"content": content, "style": style, "points": points}
    for name, tensor in load_weights("vgg19").tensors.items():
        layer, _, part = name.partition(".")
        arrays[f"{keras_name(layer)}.{part}"] = (tensor.permute(2, 3, 1, 0) if part == "weight" else tensor).numpy()
    (content_layer,) = options.content_layers
    settings = {
        "content_layer": keras_tap(content_layer), "style_layers": [keras_tap(tap) for tap in options.style_layers],
        "content_weight": options.content_weight, "style_weight": options.style_weight,
        "tv_weight": options.tv_weight, "steps": steps,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "input.npz", Path(folder) / "output.npz"
        np.savez(source, settings=json.dumps(settings), **arrays)
        program = Path(__file__).with_name("seed_tensorflow.py")
        subprocess.run([str(python), str(program), str(source), str(target)], check=True)
        with np.load(target) as found:
            return dict(found)


if __name__ == "__main__":
    main()
