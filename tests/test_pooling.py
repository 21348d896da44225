"""Pooling by hand, at odd ends, and its adjoint; that it is the library's stands in test_vgg.py."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import pooling
from impasto.pooling import POOLINGS, PoolingName
from impasto.workspace import Workspace

PRECISIONS = [torch.bfloat16, torch.float32, torch.float64]
NAMES: list[PoolingName] = ["max", "avg"]


def _make(name: PoolingName) -> pooling.Pooling:
    return POOLINGS[name](Workspace("cpu", torch.float64))


def _image(rows: list[list[float]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)[:, :, None]


def test_by_hand() -> None:
    """3×3: a whole window, one of two rows, one of two columns, one of a single pixel."""
    image = _image([[1, 4, 5], [2, 3, 7], [8, 6, 9]])
    assert torch.equal(_make("max").forward(image), _image([[4, 7], [8, 9]]))
    assert torch.equal(_make("avg").forward(image), _image([[2.5, 6], [7, 9]]))


def test_gradient_by_hand() -> None:
    image, grad = _image([[1, 4, 5], [2, 3, 7], [8, 6, 9]]), _image([[8, 2], [4, 1]])
    assert torch.equal(_make("max").adjoint(grad.clone(), image), _image([[0, 8, 0], [0, 0, 2], [4, 0, 1]]))
    assert torch.equal(_make("avg").adjoint(grad.clone(), image), _image([[2, 2, 1], [2, 2, 1], [2, 2, 1]]))


def test_of_equal_values_the_first_has_the_gradient() -> None:
    """Half precision makes many: counted twice, the gradient would be too large."""
    image, grad = _image([[0, 5, 3, 3], [5, 5, 3, 3]]), _image([[1, 2]])
    assert torch.equal(_make("max").adjoint(grad, image), _image([[0, 1, 2, 0], [0, 0, 0, 0]]))


@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
@pytest.mark.parametrize("size", [(8, 10), (7, 9)])
def test_largest_values_in_every_precision(dtype: torch.dtype, size: tuple[int, int]) -> None:
    """As the library finds them, gradient included, from 0 to the largest finite number."""
    generator = torch.Generator().manual_seed(2)
    image = (torch.randn(*size, 3, generator=generator).relu() * 10 ** torch.linspace(-30, 38, 3)).to(dtype)
    image[0, :, 0] = torch.finfo(dtype).max
    pool = POOLINGS["max"](Workspace("cpu", dtype))
    variable = image.permute(2, 0, 1)[None].clone().requires_grad_()
    expected = F.max_pool2d(variable, 2, ceil_mode=True)
    assert torch.equal(pool.forward(image), expected[0].permute(1, 2, 0))
    cotangent = torch.randn(expected.shape, generator=generator).to(dtype)
    slope = torch.autograd.grad(expected, variable, cotangent)[0][0].permute(1, 2, 0)
    assert torch.equal(pool.adjoint(cotangent[0].permute(1, 2, 0), image), slope)


@pytest.mark.parametrize("chunk", [1, 1 << 19])
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (7, 2), (9, 11), (8, 8)])
@pytest.mark.parametrize("name", NAMES)
def test_adjoint(monkeypatch: pytest.MonkeyPatch, name: PoolingName, size: tuple[int, int], chunk: int) -> None:
    """It is the gradient by finite differences, however many rows are taken at a time."""
    monkeypatch.setattr(pooling, "CHUNK_BYTES", chunk)
    generator = torch.Generator().manual_seed(1)
    image, direction = (torch.randn(*size, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    image = image.abs() + 0.1
    pool, step = _make(name), 1e-6
    cotangent = torch.randn(pool.forward(image).shape, generator=generator, dtype=torch.float64)
    above, below = ((pool.forward(image + sign * step * direction) * cotangent).sum() for sign in (1, -1))
    slope = (pool.adjoint(cotangent.clone(), image) * direction).sum()
    torch.testing.assert_close(slope, (above - below) / (2 * step), rtol=1e-6, atol=1e-6)
