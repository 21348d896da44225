"""Filters of steps: linear maps that favour the coarse, or leave it as it is."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from impasto.precondition import CHROMA, FADE, Preconditioner, fine


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (9, 12), (40, 33)])
def test_preconditioner_is_symmetric_positive_and_linear(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, 1, 3, *size, generator=generator).unbind()
    smooth = Preconditioner(left)
    assert smooth(left).shape == left.shape
    torch.testing.assert_close((smooth(left) * right).sum(), (left * smooth(right)).sum(), rtol=1e-4, atol=1e-3)
    assert (left * smooth(left)).sum() > 0
    torch.testing.assert_close(
        smooth(2 * left - 3 * right), 2 * smooth(left) - 3 * smooth(right), rtol=1e-4, atol=1e-4
    )


def test_preconditioner_favours_the_coarse_and_the_grey() -> None:
    """By the root of the wavelength in pixels, up to an eighth of the picture."""
    image = torch.zeros(1, 3, 64, 128)
    smooth, columns = Preconditioner(image), torch.arange(128) * 2 * math.pi
    for period, gain in ((2, 2), (8, 8), (16, 16), (64, 16), (128, 16)):
        wave = torch.cos(columns / period).expand_as(image)
        torch.testing.assert_close(smooth(wave), math.sqrt(gain) * wave, rtol=0, atol=1e-4)
    colour = torch.tensor([1.0, -1.0, 0.0]).view(1, 3, 1, 1).expand_as(image)
    torch.testing.assert_close(smooth(colour), 4 * CHROMA * colour, rtol=0, atol=1e-4)


def _wave(periods: int) -> Tensor:
    """[1, 3, 64, 128], so many periods wide."""
    return torch.cos(torch.arange(128) * 2 * math.pi * periods / 128).expand(1, 3, 64, 128)


@pytest.mark.parametrize("periods", [0, 1, 8, 16])
def test_what_is_coarser_than_a_hold_has_no_step(periods: int) -> None:
    """Up to 16 periods in 128 pixels, where the fade begins."""
    hold = 16 / 128 / FADE[0]
    for steps in (Preconditioner(_wave(1), hold=hold), fine(_wave(1), hold)):
        torch.testing.assert_close(steps(_wave(periods)), torch.zeros(1, 3, 64, 128), rtol=0, atol=1e-5)


@pytest.mark.parametrize("periods", [32, 33, 64])
def test_what_is_finer_than_a_hold_moves_as_without(periods: int) -> None:
    hold, wave = 32 / 128 / FADE[1], _wave(periods)
    torch.testing.assert_close(Preconditioner(wave, hold=hold)(wave), Preconditioner(wave)(wave), rtol=0, atol=1e-4)
    torch.testing.assert_close(fine(wave, hold)(wave), wave, rtol=0, atol=1e-4)


def test_between_them_it_is_a_smooth_step() -> None:
    hold = 32 / 128 / FADE[1]
    waves = [_wave(periods) for periods in (16, 20, 24, 28, 32)]
    passed = [float((fine(wave, hold)(wave) * wave).sum() / wave.square().sum()) for wave in waves]
    assert passed == pytest.approx([0, 0.15625, 0.5, 0.84375, 1], abs=1e-5)


def test_a_hold_is_the_same_in_every_direction() -> None:
    rows = torch.cos(torch.arange(64) * 2 * math.pi * 12 / 64)[:, None].expand(1, 3, 64, 128)
    columns = _wave(24)
    kept = [float(fine(wave, 0.25 / FADE[1])(wave).std() / wave.std()) for wave in (rows, columns)]
    assert kept == pytest.approx([0.5, 0.5], abs=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (9, 12)])
def test_a_hold_makes_something_of_every_size(size: tuple[int, int]) -> None:
    picture = torch.rand(1, 3, *size)
    assert fine(picture, 0.4)(picture).shape == picture.shape
    assert Preconditioner(picture, hold=0.4)(picture).isfinite().all()
