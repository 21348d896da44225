"""What the tests share: tiny random networks, and a cache folder that is not the user's."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from impasto import preparation
from impasto.device import Compute
from impasto.preprocessing import Preprocessing
from impasto.vgg import Encoder
from impasto.weights import Weights, load_weights

TINY = (1, 2, 2)
VGG19 = (2, 2, 4, 4, 4)
COLOURS = Preprocessing("bgr", 2.0, (0.9, 1.0, 1.1), (0.5, 1.0, 2.0))

MakeEncoder = Callable[..., Encoder]
MakeTensors = Callable[..., dict[str, Tensor]]
MakePicture = Callable[..., Tensor]


@pytest.fixture(scope="session", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Every test keeps to a cache folder of its session, and to one thread: sums then add up the same way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMPASTO_CACHE", str(tmp_path_factory.mktemp("cache")))
        torch.set_num_threads(1)
        yield


@pytest.fixture(scope="session")
def make_tensors() -> MakeTensors:
    """`make_tensors((1, 2), channels=4)` -> the weights of a random network in float64 that stays alive."""

    def make(convolutions: tuple[int, ...], channels: int = 5, seed: int = 0) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        tensors, before = {}, 3
        for block, count in enumerate(convolutions, 1):
            for index in range(1, count + 1):
                weight = torch.randn(channels, before, 3, 3, generator=generator, dtype=torch.float64)
                bias = torch.rand(channels, generator=generator, dtype=torch.float64)
                tensors[f"conv{block}_{index}.weight"] = weight * (2 / (9 * before)) ** 0.5
                tensors[f"conv{block}_{index}.bias"] = bias - 0.3
                before = channels
        return tensors

    return make


@pytest.fixture(scope="session")
def make_encoder(make_tensors: MakeTensors) -> MakeEncoder:
    """`make_encoder(taps, convolutions, **settings)` -> an encoder of a tiny random network, in float64."""

    def make(
        taps: list[str],
        convolutions: tuple[int, ...] = TINY,
        *,
        tensors: Mapping[str, Tensor] | None = None,
        **settings: Any,
    ) -> Encoder:
        tensors = tensors or make_tensors(convolutions)
        return Encoder(tensors, convolutions, COLOURS, taps, **{"dtype": torch.float64} | settings)

    return make


@pytest.fixture(scope="session")
def make_picture() -> MakePicture:
    """`make_picture(height, width)` -> noise [1, 3, height, width] in 0..1, in float64."""

    def make(height: int, width: int, seed: int = 0) -> Tensor:
        generator = torch.Generator().manual_seed(1000 + seed)
        return torch.rand(1, 3, height, width, generator=generator, dtype=torch.float64)

    return make


@pytest.fixture(scope="session")
def load_once() -> Callable[[str], Weights]:
    return cache(load_weights)


@pytest.fixture
def quick_runs(monkeypatch: pytest.MonkeyPatch, load_once: Callable[[str], Weights]) -> None:
    """The real weights are read once, and nothing depends on what this machine is fast at."""
    monkeypatch.setattr(preparation, "load_weights", load_once)
    monkeypatch.setattr(preparation, "choose_compute", lambda *_: Compute("cpu", "float32", "direct"))


@pytest.fixture
def tolerant_of_warnings() -> Iterator[None]:
    """As outside of tests: Pillow's warnings do not end the decoding, so more of it is reached."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
