"""The `seed` preset against the TensorFlow program of the same method: losses, gradient, 50 Adam steps, seconds.

    python benchmarks/parity_tensorflow/compare.py --tensorflow out/parity-venv/bin/python

Prints a Markdown table; exits with 1 where a bound is missed. `run.sh` makes the environment of TensorFlow first.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from impasto import Options, Transfer, optimize, prepare
from impasto.architecture import keras_name
from impasto.options import make_options
from impasto.weights import load_weights

Array = np.ndarray[Any, np.dtype[Any]]

STEPS = 50
LOSSES, COSINE, PSNR = 1e-4, 0.9999, 45.0  # what has to be reached


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tensorflow", type=Path, required=True, help="the Python that has TensorFlow")
    parser.add_argument("--content", type=Path, default=_photo("chelsea.png"))
    parser.add_argument("--style", type=Path, default=_photo("coffee.png"))
    parser.add_argument("--size", default="320x240", help="width and height, multiples of 16; the seed's is 960x720")
    arguments = parser.parse_args()
    width, height = (int(side) for side in arguments.size.split("x"))
    content, style = (_read(path, (width, height)) for path in (arguments.content, arguments.style))
    other = content // 2 + style // 2  # where no loss is at its least
    options = make_options("seed", height=height, precision="float32")
    run = prepare(content, style, options=options)
    theirs = _tensorflow(arguments.tensorflow, options, content, style, other)
    rows = [*_evaluation(run, other, theirs), *_descent(run, theirs)]
    print(f"{width} x {height}, TensorFlow {theirs['version']}, torch {torch.__version__}, {run.compute}\n")
    print("| | found | asked | |\n|---|---|---|---|")
    for name, found, asked, passed in rows:
        print(f"| {name} | {found} | {asked} | {'yes' if passed else '**no**' if asked else ''} |")
    sys.exit(not all(passed for _, _, asked, passed in rows if asked))


def _photo(name: str) -> Path:
    package = importlib.util.find_spec("skimage")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).with_name("data") / name


def _read(path: Path, size: tuple[int, int]) -> Array:
    """[H, W, 3] of uint8 at just that size, as the seed has both pictures."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))


def _tensorflow(python: Path, options: Options, content: Array, style: Array, other: Array) -> dict[str, Any]:
    """What the other program finds, for the same pictures, weights and settings."""
    arrays: dict[str, Any] = {"content": content, "style": style, "other": other}
    for name, tensor in load_weights("vgg19").tensors.items():
        layer, _, part = name.partition(".")
        arrays[f"{keras_name(layer)}.{part}"] = (tensor.permute(2, 3, 1, 0) if part == "weight" else tensor).numpy()
    (content_layer,) = options.content_layers
    settings = {
        "content_layer": _keras(content_layer), "style_layers": [_keras(tap) for tap in options.style_layers],
        "content_weight": options.content_weight, "style_weight": options.style_weight,
        "tv_weight": options.tv_weight, "steps": STEPS,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "input.npz", Path(folder) / "output.npz"
        np.savez(source, settings=json.dumps(settings), **arrays)
        program = Path(__file__).with_name("seed_tensorflow.py")
        subprocess.run([str(python), str(program), str(source), str(target)], check=True)
        return dict(np.load(target))


def _keras(tap: str) -> str:
    """`relu5_2` -> `block5_conv2`: Keras' activations are those after the ReLU."""
    assert tap.startswith("relu"), "a Keras layer ends with its ReLU"
    return keras_name(tap.replace("relu", "conv"))


def _evaluation(run: Transfer, other: Array, theirs: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """Losses and gradient at one picture."""
    assert run.options.content_weight is not None
    function, _ = run.function(run.size, run.options.content_weight)
    value = function(torch.from_numpy(other).permute(2, 0, 1)[None].float() / 255)
    ours = {"total": value.loss, **value.terms}
    found = {"total": float(theirs["total"])}
    for name, loss in zip(theirs["names"], theirs["terms"], strict=True):
        found[_name(str(name), run.options)] = float(loss)
    rows = []
    for name, loss in found.items():
        error = abs(ours[name] - loss) / abs(loss)
        what = f"{name}: {ours[name]:.6g} and {loss:.6g}, relative difference"
        rows.append((what, f"{error:.1e}", f"{LOSSES:.0e}", error <= LOSSES))
    one, two = (
        value.grad[0].permute(1, 2, 0).double().flatten(),
        torch.from_numpy(theirs["gradient"]).flatten().double(),
    )
    cosine = float(one @ two / (one.norm() * two.norm()))
    rows.append(("cosine of the gradients", f"{cosine:.7f}", f"{COSINE}", cosine > COSINE))
    ratio = float(one.norm() / 255 / two.norm())
    rows.append(("their lengths, in levels of 0..255", f"{ratio:.6f}", "1 ± 1e-3", abs(ratio - 1) < 1e-3))
    return rows


def _name(name: str, options: Options) -> str:
    """The other program's name of a term in our words."""
    if name == "content":
        return f"content {next(iter(options.content_layers))}"
    if name == "variation":
        return "total variation"
    return next(f"style {tap}" for tap in options.style_layers if name == f"style {_keras(tap)}")


def _descent(run: Transfer, theirs: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """Adam from the photograph: the pictures after so many steps, and what a step takes."""
    options = run.options
    assert options.content_weight is not None
    function, photograph = run.function(run.size, options.content_weight)
    seconds, begun, image = [], time.perf_counter(), photograph
    settings: dict[str, Any] = {"clip": False, "learning_rate": options.learning_rate / 255, "beta2": options.beta2}
    for point in optimize.minimize("adam", function, photograph, STEPS + 1, **settings):
        seconds.append(time.perf_counter() - begun)
        begun, image = time.perf_counter(), point.image
    step = statistics.median(seconds[1:])
    error = _mean_square(image[0].permute(1, 2, 0) * 255, theirs["result"])
    decibels = 10 * math.log10(255**2 / error)
    moved = _mean_square(photograph[0].permute(1, 2, 0) * 255, theirs["result"]) ** 0.5
    other, stacked = float(theirs["seconds"]), float(theirs["seconds_stacked"])
    return [
        (
            f"PSNR of the pictures after {STEPS} steps (which moved them by {moved:.1f} levels)",
            f"{decibels:.1f} dB", f"{PSNR:.0f} dB", decibels > PSNR,
        ),
        ("seconds a step: ours", f"{step:.3f}", "", True),
        ("TensorFlow, targets encoded once", f"{other:.3f} ({other / step:.2f} times ours)", "", True),
        ("TensorFlow, all three pictures each step", f"{stacked:.3f} ({stacked / step:.2f} times)", "", True),
    ]  # fmt: skip


def _mean_square(one: Tensor, other: Array) -> float:
    return float((one.double() - torch.from_numpy(other).double()).square().mean())


if __name__ == "__main__":
    main()
