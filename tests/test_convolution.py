"""Both ways to convolve give the library's numbers, forward and back, at any size."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from impasto import convolution
from impasto.convolution import Convolution, Direct, Winograd
from impasto.workspace import Workspace

SIZES = [(1, 1), (1, 9), (2, 3), (8, 6), (13, 11)]  # of the output

Make = Callable[[Tensor, Tensor], Convolution]


def _direct(weight: Tensor, bias: Tensor) -> Convolution:
    return Direct(weight, bias, Workspace("cpu", weight.dtype))


def _winograd(by_tile: bool, weight: Tensor, bias: Tensor) -> Convolution:
    """In either layout, whichever it takes here by itself."""
    layer = Winograd(weight, bias, Workspace("cpu", weight.dtype), "layer")
    layer.by_tile = by_tile
    return layer


WINOGRADS = [
    pytest.param(partial(_winograd, True), id="winograd by tile"),
    pytest.param(partial(_winograd, False), id="winograd by frequency"),
]
METHODS = [pytest.param(_direct, id="direct"), *WINOGRADS]


def _layer(dtype: torch.dtype = torch.float64, inputs: int = 3, outputs: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(outputs, inputs, 3, 3, generator=generator, dtype=torch.float64)
    return weight.to(dtype), torch.randn(outputs, generator=generator, dtype=torch.float64).to(dtype)


def _noise(*shape: int, seed: int = 2) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _reference(padded: Tensor, weight: Tensor, bias: Tensor, grad: Tensor, relu: bool) -> tuple[Tensor, Tensor]:
    """Output [H, W, K] and the gradient [H+2, W+2, C], by autograd in float64."""
    padded = padded.double().clone().requires_grad_()
    output = F.conv2d(padded.permute(2, 0, 1)[None], weight.double(), bias.double())
    output = (output.relu() if relu else output)[0].permute(1, 2, 0)
    return output.detach(), torch.autograd.grad(output, padded, grad.double())[0]


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make", METHODS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_equals_the_library(
    make: Make, size: tuple[int, int], relu: bool, dtype: torch.dtype, tolerance: float
) -> None:
    weight, bias = _layer(dtype)
    padded = _noise(size[0] + 2, size[1] + 2, 3).to(dtype)
    grad = _noise(*size, 4, seed=3).to(dtype)
    expected, expected_grad = _reference(padded, weight, bias, grad, relu)
    layer = make(weight, bias)
    output = layer.forward(padded, relu)
    assert output.shape == (*size, 4)
    assert (output - expected).abs().max() <= tolerance * expected.abs().max()
    back = layer.adjoint(grad, output if relu else None)
    assert back.shape == padded.shape
    assert (back - expected_grad).abs().max() <= tolerance * expected_grad.abs().max()


# Where a processor has no such instructions the library rounds more often.
IMITATED = not torch.ops.mkldnn._is_mkldnn_bf16_supported()


@pytest.mark.parametrize(("method", "tolerance"), [("direct", 0.006 if IMITATED else 0.004), ("winograd", 0.02)])
def test_bfloat16_is_rounded_on_the_way_only(method: str, tolerance: float) -> None:
    """Root mean square errors, of both directions, by what half precision may cost."""
    weight, bias = _layer(torch.float32, inputs=64, outputs=64)
    workspace = Workspace("cpu", torch.bfloat16)
    layer: Convolution = Direct(weight, bias, workspace)
    if method == "winograd":
        layer = Winograd(weight, bias, workspace, "layer")
    padded, grad = _noise(22, 31, 64).bfloat16(), _noise(20, 29, 64, seed=3).bfloat16()
    expected, expected_grad = _reference(padded, weight, bias, grad, False)
    for found, right in ((layer.forward(padded, False), expected), (layer.adjoint(grad, None), expected_grad)):
        assert found.dtype == torch.bfloat16
        assert (found.double() - right).norm() <= tolerance * right.norm()


@pytest.mark.parametrize("make", METHODS)
def test_a_box_filter_sums_what_it_sees(make: Make) -> None:
    layer = make(torch.ones(1, 1, 3, 3, dtype=torch.float64), torch.tensor([0.5], dtype=torch.float64))
    padded = torch.arange(1.0, 13, dtype=torch.float64).view(3, 4, 1)
    output = layer.forward(padded, False).flatten()
    torch.testing.assert_close(output, torch.tensor([54.5, 63.5], dtype=torch.float64))
    grad = torch.tensor([1.0, 10.0], dtype=torch.float64).view(1, 2, 1)
    row = torch.tensor([1.0, 11.0, 11.0, 10.0], dtype=torch.float64)
    torch.testing.assert_close(layer.adjoint(grad, None)[..., 0], row.expand(3, 4))


@pytest.mark.parametrize("make", METHODS)
def test_forward_and_adjoint_are_adjoint(make: Make) -> None:
    """⟨conv x, y⟩ = ⟨x, convᵀ y⟩, without the bias."""
    weight, bias = _layer()
    layer = make(weight, torch.zeros_like(bias))
    x, y = _noise(9, 12, 3), _noise(7, 10, 4, seed=4)
    forward = (layer.forward(x, False) * y).sum()
    torch.testing.assert_close(forward, (x * layer.adjoint(y, None)).sum(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("make", WINOGRADS)
@pytest.mark.parametrize("chunk_bytes", [1, 20_000])
def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch, make: Make, chunk_bytes: int) -> None:
    weight, bias = _layer()
    padded, grad = _noise(27, 19, 3), _noise(25, 17, 4, seed=3)

    def both() -> tuple[Tensor, Tensor]:
        layer = make(weight, bias)
        output = layer.forward(padded, True)
        return output, layer.adjoint(grad, output)

    products = _count_calls(monkeypatch, "bmm")
    whole = both()
    of_one_chunk = len(products)
    monkeypatch.setattr(convolution, "CHUNK_BYTES", chunk_bytes)
    chunked = both()
    assert len(products) > 2 * of_one_chunk
    for expected, found in zip(whole, chunked, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def _count_calls(monkeypatch: pytest.MonkeyPatch, name: str) -> list[None]:
    """A list that grows by one with each call of that function of torch."""
    calls: list[None] = []
    original = getattr(torch, name)

    def counted(*args: object, **settings: object) -> object:
        calls.append(None)
        return original(*args, **settings)

    monkeypatch.setattr(torch, name, counted)
    return calls


@pytest.mark.parametrize("make", METHODS)
def test_views_are_as_good_as_tensors(make: Make) -> None:
    """The encoder hands in parts of larger buffers."""
    weight, bias = _layer()
    layer = make(weight, bias)
    padded, grad = _noise(12, 11, 8)[1:-1, 2:, 1:4], _noise(4, 9, 8, seed=3).permute(2, 1, 0)
    expected, expected_grad = _reference(padded, weight, bias, grad[:8, :7], True)
    output = layer.forward(padded, True)
    torch.testing.assert_close(output, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(layer.adjoint(grad[:8, :7], output), expected_grad, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("make", METHODS)
def test_inputs_are_left_alone(make: Make) -> None:
    layer = make(*_layer())
    padded, grad = _noise(9, 8, 3), _noise(7, 6, 4, seed=3)
    before = padded.clone(), grad.clone()
    output = layer.forward(padded, True)
    kept = output.clone()
    layer.adjoint(grad, output)
    assert torch.equal(padded, before[0])
    assert torch.equal(grad, before[1])
    assert torch.equal(output, kept)


@pytest.mark.parametrize("make", METHODS)
def test_wrong_channels_are_refused(make: Make) -> None:
    layer = make(*_layer())
    with pytest.raises(RuntimeError):
        layer.forward(_noise(5, 5, 2), False)
    with pytest.raises(RuntimeError):
        layer.adjoint(_noise(5, 5, 3), None)


def test_a_gradient_lives_until_the_next_but_one() -> None:
    workspace = Workspace("cpu", torch.float64)
    first, second = (Winograd(*_layer(), workspace, name) for name in ("first", "second"))
    grad = _noise(7, 6, 4)
    result = first.adjoint(grad, None)
    kept = result.clone()
    second.adjoint(2 * grad, None)
    assert torch.equal(result, kept)
    second.adjoint(grad, None)
    assert torch.equal(second.adjoint(grad, None), kept)


def test_transforms_make_a_correlation() -> None:
    """Aᵀ ((G g) ∘ (Bᵀ d)) = the 4 values of d ⋆ g, for every pair of unit vectors."""
    inverse, filters, data = convolution._transforms()
    product = torch.einsum("ik,kj,kl->ijl", inverse, filters, data)
    i, j, place = torch.meshgrid(torch.arange(4), torch.arange(3), torch.arange(6), indexing="ij")
    torch.testing.assert_close(product, (i + j == place).double(), rtol=0, atol=1e-12)


def test_workspace_gives_the_same_memory_again() -> None:
    workspace = Workspace("cpu", torch.float32)
    buffer = workspace.take("name", 4, 5)
    assert (buffer.shape, buffer.dtype) == ((4, 5), torch.float32)
    assert workspace.take("name", 2, 3).data_ptr() == buffer.data_ptr()
    assert workspace.take("other", 2, 3).data_ptr() != buffer.data_ptr()
    assert workspace.take("name", 40, 5).shape == (40, 5)
    assert workspace.take("name", 4, 5).untyped_storage().nbytes() == 800
    workspace.clear()
    assert workspace.take("name", 4, 5).untyped_storage().nbytes() == 80


def test_workspace_takes_two_in_turn() -> None:
    workspace = Workspace("cpu", torch.float32)
    pointers = [workspace.take_other("name", 3).data_ptr() for _ in range(4)]
    assert pointers[0] != pointers[1]
    assert pointers[2:] == pointers[:2]
