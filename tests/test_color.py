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
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def _row(colours: Tensor) -> Tensor:
    return colours.T.reshape(1, 3, 1, -1)


def _moments(lab: Tensor) -> tuple[Tensor, Tensor]:
    colours = lab[0].flatten(1)
    return colours.mean(1), colours.cov(correction=0)


def _mapped(image: Tensor, colors: color.ColorMap) -> Tensor:
    """Oklab of the mapped picture as the map has it, before the gamut."""
    offset = colors.after - colors.matrix @ colors.before
    return torch.einsum("ij,bjhw->bihw", colors.matrix, color.to_oklab(image)) + offset.view(3, 1, 1)


def _soft(make_picture: MakePicture, seed: int, low: float = 0.35, high: float = 0.6) -> Tensor:
    """Colours far from the edges of the gamut, with another tint for each seed."""
    tint = torch.tensor([0.05, -0.02, 0.03], dtype=torch.float64).roll(seed).view(3, 1, 1)
    return make_picture(40, 50, seed) * (high - low) + low + tint


def _surface(dtype: torch.dtype) -> Tensor:
    """The six faces of the cube that sRGB is: its most colourful colours."""
    steps = torch.linspace(0, 1, 33, dtype=dtype)
    one, other = torch.meshgrid(steps, steps, indexing="ij")
    faces = [
        torch.stack([one, other, torch.full_like(one, end)]).roll(axis, 0) for end in (0, 1) for axis in range(3)
    ]
    return torch.cat(faces, 2)[None]


def _black_and_white(make_picture: MakePicture) -> Tensor:
    return make_picture(20, 30, 5)[:, :1].round().expand(-1, 3, -1, -1)


def test_published_colours() -> None:
    torch.testing.assert_close(color.to_oklab(_row(PRIMARIES)), _row(OKLAB), rtol=0, atol=1e-5)
    torch.testing.assert_close(color.from_oklab(_row(OKLAB)), _row(PRIMARIES), rtol=0, atol=2e-4)
    assert color.to_oklab(torch.zeros(1, 3, 1, 1)).abs().max() == 0


@pytest.mark.parametrize("value", [0.02, 0.04045, 0.0405, 0.5])
def test_the_transfer_curve(value: float) -> None:
    """A grey's lightness is the cube root of its light, on the curve's straight part and on its bend."""
    light = value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
    found = color.to_oklab(torch.full((1, 3, 1, 1), value, dtype=torch.float64))
    assert found[0, 0].item() == pytest.approx(light ** (1 / 3), rel=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_there_and_back(make_picture: MakePicture, dtype: torch.dtype) -> None:
    for image in (make_picture(30, 41).to(dtype), _surface(dtype)):
        for back in (color.from_oklab(color.to_oklab(image)), color.to_srgb(color.to_oklab(image))):
            torch.testing.assert_close(back, image, rtol=0, atol=4e-5 if dtype == torch.float32 else 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_each_dtype_comes_back_as_it_came(make_picture: MakePicture, dtype: torch.dtype) -> None:
    """What half precision holds is worked on in float32, so that only what is stored is rounded."""
    image, other = make_picture(6, 7, 1).to(dtype), make_picture(6, 7, 2).to(dtype)
    precise, precise_other = image.double(), other.double()
    colors = color.color_map(image, other)
    for found, wanted in (
        (color.to_oklab(image), color.to_oklab(precise)),
        (color.in_gamut(image), color.in_gamut(precise)),
        (color.from_oklab(other), color.from_oklab(precise_other)),
        (color.to_grey(image), color.to_grey(precise)),
        (color.keep_color(image, other), color.keep_color(precise, precise_other)),
        (color.apply_color_map(image, colors), color.apply_color_map(precise, colors)),
    ):
        assert found.dtype == dtype
        tolerance = max(1e-4, torch.finfo(dtype).eps) * wanted.abs().max().clamp_min(1).item()
        torch.testing.assert_close(found.double(), wanted, rtol=0, atol=tolerance)


def test_blocks_are_not_seen(make_picture: MakePicture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is the order that a picture's numbers lie in."""
    painted, photograph = make_picture(13, 11, 1), make_picture(13, 11, 2)
    whole = color.keep_color(painted, photograph)
    monkeypatch.setattr(color, "BLOCK", 10)
    last = painted.to(memory_format=torch.channels_last)
    torch.testing.assert_close(color.keep_color(last, photograph), whole, rtol=0, atol=1e-12)


@settings(max_examples=200, deadline=None)
@given(st.floats(-0.5, 1.5), st.floats(-2, 2), st.floats(-2, 2), st.sampled_from([torch.float32, torch.float64]))
def test_any_colour_comes_into_the_gamut(lightness: float, a: float, b: float, dtype: torch.dtype) -> None:
    """With its lightness and its hue, and no more chroma than it had."""
    lab = torch.tensor([lightness, a, b], dtype=dtype).view(1, 3, 1, 1)
    allowed = color.in_gamut(lab)
    image = color.from_oklab(allowed)
    rounding = 5e-5 if dtype == torch.float32 else 2e-7
    assert -rounding <= image.min() <= image.max() <= 1 + rounding
    assert 0 <= color.to_srgb(lab).min() <= color.to_srgb(lab).max() <= 1
    assert allowed[0, 0] == lab[0, 0].clamp(0, 1)
    before, after = lab.flatten()[1:].double(), allowed.flatten()[1:].double()
    assert after.norm() <= before.norm() * (1 + 1e-6)
    assert (before @ after).item() == pytest.approx((before.norm() * after.norm()).item(), rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_colours_inside_stay_exactly_as_they_are(make_picture: MakePicture, dtype: torch.dtype) -> None:
    for image in (make_picture(30, 41).to(dtype), _surface(dtype)):
        lab = color.to_oklab(image)
        allowed = color.in_gamut(lab)
        assert torch.equal(allowed[:, 1:], lab[:, 1:])
        assert torch.equal(allowed[:, 0], lab[:, 0].clamp(0, 1))  # white's comes out a rounding above 1


def test_neighbours_of_a_colour_outside_stay_too(make_picture: MakePicture) -> None:
    lab = color.to_oklab(make_picture(5, 5))
    lab[0, 1, 2, 3] = 2
    same = (color.in_gamut(lab) == lab).all(1)
    assert not same[0, 2, 3]
    assert same.sum() == 24


def test_as_much_chroma_as_there_is() -> None:
    """The most colourful colour of a corner's lightness and hue is the corner."""
    colours = torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 1, 0], [0, 1, 1], [1, 0, 1]], dtype=torch.float64)
    lab = color.to_oklab(_row(colours))
    lab[:, 1:] *= 3
    torch.testing.assert_close(color.to_srgb(lab), _row(colours), rtol=0, atol=2e-5)


def test_as_much_chroma_as_there_is_beside_blue() -> None:
    """There sRGB is dented: blue's own line leaves it at 0.848 of blue's chroma, and comes back in blue alone."""
    blue = color.to_oklab(_row(PRIMARIES[3:]))
    beyond = torch.cat([blue[:, :1], 1.05 * blue[:, 1:]], 1)
    kept = color.in_gamut(beyond)[0, 1:].norm() / blue[0, 1:].norm()
    assert kept.item() == pytest.approx(0.848, abs=1e-3)


def test_grey_has_the_lightness(make_picture: MakePicture) -> None:
    image = make_picture(9, 7)
    grey = color.to_grey(image)
    assert torch.equal(grey.amax(1), grey.amin(1))
    torch.testing.assert_close(color.to_oklab(grey)[:, :1], color.to_oklab(image)[:, :1], rtol=0, atol=1e-6)


def test_kept_colours(make_picture: MakePicture) -> None:
    """Lightness of the one, chroma of the other; and of a picture with itself nothing changes."""
    painted, photograph = _soft(make_picture, 1), _soft(make_picture, 2)
    kept = color.to_oklab(color.keep_color(painted, photograph))
    torch.testing.assert_close(kept[:, :1], color.to_oklab(painted)[:, :1], rtol=0, atol=1e-9)
    torch.testing.assert_close(kept[:, 1:], color.to_oklab(photograph)[:, 1:], rtol=0, atol=1e-9)
    torch.testing.assert_close(color.keep_color(painted, painted), painted, rtol=0, atol=1e-9)


def test_colours_of_a_grey_photograph_are_kept(make_picture: MakePicture) -> None:
    painted = make_picture(9, 7, 1)
    kept = color.keep_color(painted, color.to_grey(make_picture(9, 7, 2)))
    torch.testing.assert_close(kept, color.to_grey(painted), rtol=0, atol=1e-5)


def test_kept_colours_are_of_one_size(make_picture: MakePicture) -> None:
    with pytest.raises(ValueError, match=r"of one size, got \[1, 3, 4, 5\] and \[1, 3, 5, 4\]"):
        color.keep_color(make_picture(4, 5), make_picture(5, 4))


def test_matched_lightness(make_picture: MakePicture) -> None:
    grey = [color.to_grey(_soft(make_picture, seed, low, 0.6)) for seed, low in ((1, 0.35), (2, 0.45))]
    matched = color.to_oklab(color.match_lightness(*grey))[:, 0]
    wanted = color.to_oklab(grey[1])[:, 0]
    assert matched.mean().item() == pytest.approx(wanted.mean().item(), abs=1e-6)
    assert matched.std(correction=0).item() == pytest.approx(wanted.std(correction=0).item(), rel=1e-6)


def test_matched_lightness_is_grey_and_cut_off(make_picture: MakePicture) -> None:
    """And a faint picture's noise is not made as loud as the other picture."""
    faint = 0.5 + 0.01 * color.to_grey(make_picture(20, 30))
    matched = color.match_lightness(faint, _black_and_white(make_picture))
    assert torch.equal(matched.amax(1), matched.amin(1))
    spreads = [color.to_oklab(one)[:, 0].std().item() for one in (faint, matched)]
    assert spreads[1] == pytest.approx(color.GAIN * spreads[0], rel=1e-3)
    cut = color.match_lightness(color.to_grey(make_picture(20, 30)), _black_and_white(make_picture))
    assert cut.min() == 0
    assert cut.max().item() == pytest.approx(1, abs=1e-12)
    assert ((cut == 0) | (cut > 1 - 1e-9)).float().mean() > 0.1


@pytest.mark.parametrize("seeds", [(1, 2), (2, 1), (3, 1)])
def test_a_map_gives_the_targets_moments(make_picture: MakePicture, seeds: tuple[int, int]) -> None:
    """As the map has it; and in the picture, where all of it is inside the gamut."""
    source, target = _soft(make_picture, seeds[0]), _soft(make_picture, seeds[1], 0.4, 0.55)
    colors = color.color_map(source, target)
    for lab in (_mapped(source, colors), color.to_oklab(color.apply_color_map(source, colors))):
        for found, wanted in zip(_moments(lab), _moments(color.to_oklab(target)), strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-9)


def test_moments_hold_where_the_gamut_does_not(make_picture: MakePicture) -> None:
    target = make_picture(20, 30, 2).round()  # nothing but the cube's corners
    colors = color.color_map(make_picture(20, 30, 1), target)
    found = _moments(_mapped(make_picture(20, 30, 1), colors))
    torch.testing.assert_close(found, _moments(color.to_oklab(target)), rtol=1e-6, atol=1e-9)


def test_a_map_is_symmetric_and_turns_no_colour_around(make_picture: MakePicture) -> None:
    matrix = color.color_map(make_picture(20, 30, 1), _soft(make_picture, 2)).matrix
    torch.testing.assert_close(matrix, matrix.T, rtol=0, atol=1e-9)
    assert torch.linalg.eigvalsh(matrix).min() > 0


def test_a_map_to_itself_changes_nothing(make_picture: MakePicture) -> None:
    """However little some of its colours vary."""
    for source in (make_picture(20, 30), 0.5 + 0.002 * make_picture(20, 30), color.to_grey(make_picture(20, 30))):
        mapped = color.apply_color_map(source, color.color_map(source, source))
        torch.testing.assert_close(mapped, source, rtol=0, atol=1e-6)


def test_a_map_does_not_depend_on_the_size(make_picture: MakePicture) -> None:
    source, target = make_picture(20, 30, 1), make_picture(20, 30, 2)
    colors = color.color_map(source, target)
    whole = color.apply_color_map(source, colors)
    torch.testing.assert_close(color.apply_color_map(source[..., :5, :7], colors), whole[..., :5, :7])


def test_a_faint_picture_is_spread_as_far_as_the_gain(make_picture: MakePicture) -> None:
    """Its lightness, which varies enough, still gets all that it is to have."""
    faint = color.to_grey(make_picture(20, 30, 1)) * 0.5 + 0.2 + 0.002 * make_picture(20, 30, 2)
    target = make_picture(20, 30, 3)
    colors = color.color_map(faint, target)
    assert torch.linalg.eigvalsh(colors.matrix).max().item() == pytest.approx(color.GAIN, rel=1e-4)
    found, wanted = (_moments(lab)[1][0, 0] for lab in (_mapped(faint, colors), color.to_oklab(target)))
    assert found.item() == pytest.approx(wanted.item(), rel=0.05)


def test_lights_and_shadows_are_eased_into_the_gamut(make_picture: MakePicture) -> None:
    """What the map throws beyond black and white is still told apart, in its order; the middle stays."""
    steps = torch.linspace(0.1, 0.9, 401, dtype=torch.float64).expand(1, 3, 1, -1)
    colors = color.color_map(steps, _black_and_white(make_picture))
    straight, eased = _mapped(steps, colors)[0, 0, 0], color.to_oklab(color.apply_color_map(steps, colors))[0, 0, 0]
    assert straight.min() < -0.05
    assert straight.max() > 1.05
    assert (eased.diff() > 0).sum() >= 398
    middle = (straight > 0.25) & (straight < 0.75)
    torch.testing.assert_close(eased[middle], straight[middle], rtol=0, atol=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("which", ["source", "target", "both"])
def test_pictures_of_one_colour(make_picture: MakePicture, level: float, which: str) -> None:
    """No spread to divide by, and none to be had: finite, inside, and not noise made loud."""
    flat, other = torch.full((1, 3, 8, 9), level, dtype=torch.float64), make_picture(8, 9)
    source, target = {"source": (flat, other), "target": (other, flat), "both": (flat, flat)}[which]
    colors = color.color_map(source, target)
    mapped = color.apply_color_map(source, colors)
    assert mapped.isfinite().all()
    assert 0 <= mapped.min() <= mapped.max() <= 1
    wanted = color.to_oklab(target).mean((2, 3), keepdim=True)
    torch.testing.assert_close(mapped, color.to_srgb(wanted).expand_as(mapped), rtol=0, atol=1e-3)
    assert torch.linalg.eigvalsh(colors.matrix).max() <= color.GAIN + 1e-9
    grey = color.match_lightness(color.to_grey(source), color.to_grey(target))
    torch.testing.assert_close(color.to_oklab(grey)[:, :1], wanted[:, :1].expand(-1, 1, 8, 9), rtol=0, atol=1e-4)


def test_a_grey_target_gives_greys(make_picture: MakePicture) -> None:
    source, target = make_picture(20, 30, 1), color.to_grey(make_picture(20, 30, 2))
    mapped = color.apply_color_map(source, color.color_map(source, target))
    assert (mapped.amax(1) - mapped.amin(1)).max() < 1e-4
    assert mapped.std() > 0.5 * target.std()
