"""Colours by published numbers, there and back, inside the gamut, and with the moments that were asked for."""

import pytest
import torch
from conftest import MakePicture
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from impasto import color

PRIMARIES = torch.tensor([[1.0, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)
# Ottosson 2020, and CSS Color 4's table of sample colours
OKLAB = torch.tensor(
    [[1, 0, 0], [0.62796, 0.22486, 0.12585], [0.86644, -0.23389, 0.17950], [0.45201, -0.03246, -0.31153]],
    dtype=torch.float64,
)


def _row(colours: Tensor) -> Tensor:
    return colours.T.reshape(1, 3, 1, -1)


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    colours = color.to_oklab(image)[0].flatten(1)
    return colours.mean(1), colours.cov(correction=0)


def _soft(make_picture: MakePicture, seed: int, low: float = 0.35, high: float = 0.6) -> Tensor:
    """Colours far from the edges of the gamut, with another tint for each seed."""
    tint = torch.tensor([0.05, -0.02, 0.03], dtype=torch.float64).roll(seed).view(3, 1, 1)
    return make_picture(40, 50, seed) * (high - low) + low + tint


def test_published_colours() -> None:
    torch.testing.assert_close(color.to_oklab(_row(PRIMARIES)), _row(OKLAB), rtol=0, atol=2e-5)
    assert color.to_oklab(torch.zeros(1, 3, 1, 1)).abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_there_and_back(make_picture: MakePicture, dtype: torch.dtype) -> None:
    image = make_picture(30, 41).to(dtype)
    back = color.from_oklab(color.to_oklab(image))
    assert back.dtype == dtype
    torch.testing.assert_close(back, image, rtol=0, atol=2e-5 if dtype == torch.float32 else 1e-9)
    torch.testing.assert_close(color.to_srgb(color.to_oklab(image)), image, rtol=0, atol=1e-4)


@settings(max_examples=100, deadline=None)
@given(st.floats(-0.5, 1.5), st.floats(-2, 2), st.floats(-2, 2))
def test_any_colour_comes_into_the_gamut_with_its_lightness_and_hue(lightness: float, a: float, b: float) -> None:
    lab = torch.tensor([lightness, a, b], dtype=torch.float64).view(1, 3, 1, 1)
    image = color.to_srgb(lab)
    assert 0 <= image.min() <= image.max() <= 1
    found = color.to_oklab(image).flatten()
    dark = lightness < 0.05  # where a ten-thousandth of sRGB is two hundredths of lightness
    assert found[0].item() == pytest.approx(min(max(lightness, 0), 1), abs=0.02 if dark else 2e-3)
    chroma = (a * a + b * b) ** 0.5
    if chroma > 1e-3 and found[1:].norm() > 0.02 and not dark:
        along = (found[1] * a + found[2] * b) / (chroma * found[1:].norm())
        assert along.item() == pytest.approx(1, abs=2e-3)
        assert found[1:].norm() <= chroma + 1e-3


def test_as_much_chroma_as_there_is() -> None:
    """The reddest red of red's lightness is red itself."""
    red = color.to_oklab(_row(PRIMARIES[1:2]))
    red[:, 1:] *= 3
    torch.testing.assert_close(color.to_srgb(red), _row(PRIMARIES[1:2]), rtol=0, atol=0.01)


def test_grey_has_the_lightness(make_picture: MakePicture) -> None:
    image = make_picture(9, 7)
    grey = color.to_grey(image)
    assert (grey.amax(1) - grey.amin(1)).max() < 1e-6
    torch.testing.assert_close(color.to_oklab(grey)[:, :1], color.to_oklab(image)[:, :1], rtol=0, atol=1e-6)


def test_kept_colours(make_picture: MakePicture) -> None:
    """Lightness of the one, chroma of the other; and of a picture with itself nothing changes."""
    painted, photograph = _soft(make_picture, 1), _soft(make_picture, 2)
    kept = color.to_oklab(color.keep_color(painted, photograph))
    torch.testing.assert_close(kept[:, :1], color.to_oklab(painted)[:, :1], rtol=0, atol=1e-6)
    torch.testing.assert_close(kept[:, 1:], color.to_oklab(photograph)[:, 1:], rtol=0, atol=1e-6)
    torch.testing.assert_close(color.keep_color(painted, painted), painted, rtol=0, atol=1e-6)


def test_matched_lightness(make_picture: MakePicture) -> None:
    grey = [color.to_grey(_soft(make_picture, seed, low, 0.6)) for seed, low in ((1, 0.35), (2, 0.45))]
    matched = color.to_oklab(color.match_lightness(*grey))[:, 0]
    wanted = color.to_oklab(grey[1])[:, 0]
    assert matched.mean().item() == pytest.approx(wanted.mean().item(), abs=1e-6)
    assert matched.std().item() == pytest.approx(wanted.std().item(), rel=1e-3)


def test_a_map_gives_the_targets_moments(make_picture: MakePicture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(color, "LEAST_VARIANCE", 1e-12)  # which keeps them apart a little
    source, target = _soft(make_picture, 1), _soft(make_picture, 2, 0.4, 0.55)
    mapped = color.apply_color_map(source, color.color_map(source, target))
    for found, wanted in zip(_moments(mapped), _moments(target), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-6)


def test_a_map_to_itself_changes_nothing(make_picture: MakePicture) -> None:
    source = make_picture(20, 30)
    mapped = color.apply_color_map(source, color.color_map(source, source))
    torch.testing.assert_close(mapped, source, rtol=0, atol=1e-3)


def test_a_map_does_not_depend_on_the_size(make_picture: MakePicture) -> None:
    source, target = make_picture(20, 30, 1), make_picture(20, 30, 2)
    colors = color.color_map(source, target)
    whole = color.apply_color_map(source, colors)
    torch.testing.assert_close(color.apply_color_map(source[..., :5, :7], colors), whole[..., :5, :7])


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("which", ["source", "target", "both"])
def test_pictures_of_one_colour(make_picture: MakePicture, level: float, which: str) -> None:
    """No spread to divide by, and none to be had: finite, inside, and not noise made loud."""
    flat, other = torch.full((1, 3, 8, 9), level, dtype=torch.float64), make_picture(8, 9)
    source, target = {"source": (flat, other), "target": (other, flat), "both": (flat, flat)}[which]
    mapped = color.apply_color_map(source, color.color_map(source, target))
    assert mapped.isfinite().all()
    assert 0 <= mapped.min() <= mapped.max() <= 1
    assert color.match_lightness(color.to_grey(source), color.to_grey(target)).isfinite().all()
    if which == "target":
        assert mapped.std() < 0.3 * source.std()
