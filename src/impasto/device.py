"""The machine: which device computes, in what precision, and how convolutions are computed there.

Nothing is guessed from a name: the candidates are timed on two convolutions, after a glance at small ones, because a
processor that imitates a precision takes fifty times as long. What was measured is kept in the cache folder, so that
a machine computes the same way, and gives the same bytes, tomorrow.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import torch

from impasto.cache import remember, remembered
from impasto.convolution import Convolution, ConvolutionMethod, Direct, Winograd
from impasto.errors import OptionsError
from impasto.workspace import Workspace

Precision = Literal["float32", "bfloat16"]

SPEEDS = "speed.json"  # in the cache folder
MARGIN = 1.15  # half precision must be this much faster than float32 to be worth its rounding
SIDE, GLANCE = 128, 8  # pixels of the first layer that is timed, and of one that is glanced at
HOPELESS = 4  # times as long as the fastest at a glance: not timed any further
ROUNDS = 4


@dataclass(frozen=True)
class Compute:
    """How to compute an encoder on this machine."""

    device: str
    precision: Precision
    method: ConvolutionMethod

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.precision == "bfloat16" else torch.float32


def choose_compute(device: str, precision: str) -> Compute:
    """The fastest way that the two options leave open. OptionsError if the device is not there."""
    device = choose_device(device)
    seconds = measured_seconds(device)
    fastest = {compute.precision: compute for compute in sorted(seconds, key=seconds.__getitem__, reverse=True)}
    float32, bfloat16 = fastest["float32"], fastest.get("bfloat16")
    if precision == "float32" or (precision == "auto" and bfloat16 is None):
        return float32
    if bfloat16 is None:
        raise OptionsError(f"{device} cannot compute in bfloat16: choose --precision float32 or auto")
    faster = seconds[bfloat16] * MARGIN < seconds[float32]
    return bfloat16 if precision == "bfloat16" or faster else float32


def choose_device(name: str) -> str:
    """A device that is there: the one asked for, or the fastest kind for "auto"."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, available in there.items() if available)
    if not there[name]:
        raise OptionsError(f"this machine, or this build of torch, has no {name} device: choose --device auto")
    return name


def measured_seconds(device: str) -> dict[Compute, float]:
    """Seconds of typical convolutions, forward and back, for each way to compute it here; from the cache if there."""
    ways = _ways(device)
    names = " ".join(f"{way.precision}-{way.method}" for way in ways)
    key = f"{circumstances(device)}, {names}"
    known = remembered(SPEEDS)
    try:
        seconds = {Compute(**way): float(value) for way, value in known[key]}
    except (KeyError, TypeError, ValueError, OverflowError):
        seconds = {}
    whole = {way for way in ways if way.precision == "float32"} <= set(seconds) <= set(ways)
    if not (whole and all(0 < value < math.inf for value in seconds.values())):
        seconds = _measure(device)
        remember(SPEEDS, known | {key: [[asdict(way), value] for way, value in seconds.items()]})
    return seconds


def _measure(device: str) -> dict[Compute, float]:
    """The fastest of several rounds, taken in turn: what else the machine does meanwhile must not decide.

    Of a way that is hopeless at a glance, what the glance promises.
    """
    glances = _times(_ways(device), GLANCE)
    limit = HOPELESS * min(glances.values())
    times = _times([way for way, seconds in glances.items() if seconds <= limit], SIDE)
    return {way: times.get(way, seconds * (SIDE / GLANCE) ** 2) for way, seconds in glances.items()}


def _times(ways: Iterable[Compute], side: int) -> dict[Compute, float]:
    """Seconds of the typical layers in each way that the device has, after a warm-up."""
    layers = {}
    for way in ways:
        try:
            layers[way] = _typical_layers(way, side)
            layers[way]()  # warms up
        except (RuntimeError, TypeError) as error:  # an operation that this device does not have in this precision
            if way.precision == "float32" or isinstance(error, torch.OutOfMemoryError):
                raise
            layers.pop(way, None)
    times = [{way: layer() for way, layer in layers.items()} for _ in range(ROUNDS)]
    return {way: min(time[way] for time in times) for way in layers}


def _ways(device: str) -> list[Compute]:
    """What is tried there."""
    methods = get_args(ConvolutionMethod) if device == "cpu" else ("direct",)
    return [Compute(device, precision, method) for precision in get_args(Precision) for method in methods]


def _typical_layers(way: Compute, side: int) -> Callable[[], float]:
    """Two layers of the encoder as in a picture of twice that side, forward and back: call it for their seconds."""
    layers = [_layer(way, channels=128, side=side), _layer(way, channels=256, side=side // 2)]

    def run() -> None:
        for convolution, image in layers:
            output = convolution.forward(image, True)
            convolution.adjoint(output, output)

    return partial(timed, run, torch.device(way.device))


def _layer(way: Compute, channels: int, side: int) -> tuple[Convolution, torch.Tensor]:
    """A random layer, and an image for it."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(channels, channels, 3, 3, generator=generator).mul_(0.02).to(way.device)
    image = torch.randn(side + 2, side + 2, channels, generator=generator).to(way.device, way.dtype)
    bias = weight.new_zeros(channels)
    workspace = Workspace(way.device, way.dtype)
    if way.method == "winograd":
        return Winograd(weight, bias, workspace, "probe"), image
    return Direct(weight, bias, workspace), image


def timed(call: Callable[[], object], device: torch.device) -> float:
    """Seconds of a call on an idle device, until that has done what it was asked for."""
    _wait(device)
    start = time.perf_counter()
    call()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize()


def circumstances(device: str) -> str:
    """What a measurement of speed holds for."""
    return f"{machine(device)}, torch {torch.__version__}, {torch.get_num_threads()} threads"


def machine(device: str) -> str:
    """What tells this machine from others that may share its cache folder."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        processor = " ".join([line.partition(":")[2].strip() for line in lines if line.startswith("model")][:2])
    except OSError:
        processor = platform.processor()
    return f"{device} {platform.machine()} {processor} {torch.backends.cpu.get_cpu_capability()}"
