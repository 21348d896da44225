"""What a GPU is asked for: on torch's "meta" device, which has shapes but no numbers, and so cannot be waited for.

Numbers on a real GPU are compared by `test_precision.py`, where there is one.
"""

from typing import Any

import pytest
import torch
from networkfiles import hollow
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from impasto.convolution import as_asked
from impasto.losses import batched_products, gram_matrix
from impasto.objective import Objective, from_images
from impasto.optimize import Memory
from impasto.options import Options
from impasto.pooling import PoolingName
from impasto.precondition import Preconditioner
from impasto.preprocessing import CAFFE
from impasto.tiles import plan, value_and_grad
from impasto.vgg import Borders, Encoder

META = torch.device("meta")


class Asked(TorchDispatchMode):
    """Counts the operations that would be kernels of a GPU."""

    VIEWS = (
        "view",
        "permute",
        "slice",
        "select",
        "alias",
        "as_strided",
        "detach",
        "expand",
        "empty",
        "::t",
        "squeeze",
    )

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not any(name in str(function) for name in self.VIEWS)
        return function(*args, **(kwargs or {}))


def _evaluation(
    side: int, tile: int | None = None, *, pooling: PoolingName = "max", borders: Borders = "replicate"
) -> tuple[int, Tensor]:
    """How many operations an evaluation with the default losses takes there, and its gradient."""
    options = Options()
    encoder, objective = _engine(side, tile, pooling, borders)
    tiles = plan(side, side, tile, encoder.halo, encoder.stride)
    picture = torch.empty(1, 3, side, side, device=META)
    with Asked() as asked:
        statistics, grad = value_and_grad(picture, encoder, objective, tiles)
        objective.stacked(statistics)
    assert set(options.style_layers) <= set(encoder.taps)
    return asked.count, grad


def _engine(side: int, tile: int | None, pooling: PoolingName, borders: Borders) -> tuple[Encoder, Objective]:
    options, picture = Options(), torch.empty(1, 3, side, side, device=META)
    tensors = {name: tensor.to(META) for name, tensor in hollow("vgg19", "conv5_1").items()}
    encoder = Encoder(
        tensors, (2, 2, 4, 4, 1), CAFFE, [*options.content_layers, *options.style_layers],
        pooling=pooling, borders=borders, device=META, dtype=torch.bfloat16,
    )  # fmt: skip
    objective = from_images(
        encoder, picture, [picture], content_layers=options.content_layers, style_layers=options.style_layers,
        content_weight=0.1, style_weight=1.0, tv_weight=1e-4, tile=tile,
    )  # fmt: skip
    return encoder, objective


@pytest.mark.parametrize("pooling", ["max", "avg"])
@pytest.mark.parametrize("borders", ["replicate", "zeros", "circular"])
def test_an_evaluation_waits_for_nothing(pooling: PoolingName, borders: Borders) -> None:
    """A number that Python asks for, or a tensor that lies elsewhere, is an error there."""
    _, grad = _evaluation(64, pooling=pooling, borders=borders)
    assert (grad.device, grad.dtype, grad.shape) == (META, torch.float32, (1, 3, 64, 64))


def test_a_number_is_an_error_there() -> None:
    with pytest.raises((RuntimeError, NotImplementedError)):
        torch.ones(1, device=META).item()


def test_a_large_picture_takes_no_more_operations() -> None:
    """What a processor makes in pieces for its cache, a GPU is asked for at once."""
    small, large = (_evaluation(side)[0] for side in (256, 2048))
    assert small <= large <= small + 5 < 600  # products of what is over when positions are taken by thousands


def test_tiles_wait_for_nothing() -> None:
    _, grad = _evaluation(512, 256)
    assert grad.device == META


def test_lbfgs_waits_for_nothing_but_its_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The direction is made of twenty dot products, and none is a number of Python's."""
    picture = torch.empty(1, 3, 64, 64, device=META)
    memory = Memory(10, Preconditioner(picture), [(picture, picture, 1.0)] * 10)
    assert memory.direction(picture).device == META
    waits = []
    monkeypatch.setattr(Tensor, "tolist", lambda tensor: waits.append(tensor) or [1.0, 1.0])
    memory.add(picture, picture)
    assert len(waits) == 1
    assert memory.pairs[-1] == (picture, picture, 1.0)


@pytest.mark.parametrize("height", [1, 63, 64, 200, 256])
def test_products_at_once_are_those_one_by_one(monkeypatch: pytest.MonkeyPatch, height: int) -> None:
    monkeypatch.setattr("impasto.losses.GRAM_BLOCK", 64)
    features = torch.randn(1, 4, height, 1, generator=torch.Generator().manual_seed(0)).bfloat16()
    features = features.contiguous(memory_format=torch.channels_last)
    rows = features[0].permute(1, 2, 0).reshape(-1, 4)
    found = torch.stack(batched_products(rows, rows)).sum(0)
    torch.testing.assert_close(found, gram_matrix(features), rtol=0.01, atol=0.01)
    assert found.dtype == torch.float32


def _library() -> tuple[object, ...]:
    library: Any = torch.backends.cudnn
    return library.conv.fp32_precision, library.deterministic, library.benchmark


@pytest.mark.parametrize("setting", ["none", "ieee", "tf32"])
def test_convolutions_of_cuda_are_as_asked(setting: str) -> None:
    """Whatever the program around us has chosen for its own, and has again afterwards."""
    library: Any = torch.backends.cudnn
    standard = library.conv.fp32_precision
    try:
        library.conv.fp32_precision = setting
        before = _library()
        with as_asked(torch.device("cpu")):
            assert _library() == before
        with as_asked(torch.device("cuda")):
            assert _library() == ("ieee", True, False)
        assert _library() == before
    finally:
        library.conv.fp32_precision = standard
