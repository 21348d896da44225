"""Scales, evaluations at each, and the way of a picture from one scale to the next."""

import pytest
import torch
from conftest import MakePicture
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from impasto.pyramid import enlarge, evaluations, scales, with_bleed, without_bleed


@pytest.mark.parametrize(
    ("size", "least", "expected"),
    [
        (512, 128, [128, 256, 512]),
        (700, 128, [128, 256, 512, 700]),
        (513, 128, [128, 256, 512, 513]),
        (129, 128, [128, 129]),
        (128, 128, [128]),
        (40, 128, [40]),
        (1, 1, [1]),
        (5, 1, [1, 2, 4, 5]),
    ],
)
def test_scales(size: int, least: int, expected: list[int]) -> None:
    assert scales(size, least) == expected


@given(size=st.integers(1, 100_000), least=st.integers(1, 100_000))
def test_a_smaller_run_is_the_beginning_of_a_larger(size: int, least: int) -> None:
    """The scales below the last are the same for every size: so a preview is a state of the final run."""
    run = scales(size, least)
    assert run[-1] == size
    assert run == sorted(set(run))
    assert scales(100_000, least)[: len(run) - 1] == run[:-1]
    assert all(scales(side, least) == run[: index + 1] for index, side in enumerate(run))


@pytest.mark.parametrize(
    ("iterations", "count", "expected"),
    [
        ([7], 3, [7, 7, 7]),
        ([30, 20, 10], 3, [30, 20, 10]),
        ([30, 20], 4, [30, 20, 20, 20]),
        ([30, 20, 10], 1, [30]),
    ],
)
def test_the_last_number_serves_all_further_scales(iterations: list[int], count: int, expected: list[int]) -> None:
    assert evaluations(iterations, count) == expected


@pytest.mark.parametrize(
    ("coarse", "fine"), [((8, 6), (16, 12)), ((8, 6), (15, 11)), ((1, 1), (2, 2)), ((1, 5), (1, 10))]
)
def test_the_content_itself_comes_back(
    make_picture: MakePicture, coarse: tuple[int, int], fine: tuple[int, int]
) -> None:
    """A picture that is still the content becomes the finer content, with all its detail."""
    small, large = make_picture(*coarse), make_picture(*fine, seed=1)
    torch.testing.assert_close(enlarge(small, small, large, 1.0), large)


def test_without_detail_it_only_grows(make_picture: MakePicture) -> None:
    image, coarse, fine = make_picture(8, 6), make_picture(8, 6, 1), make_picture(16, 12, 2)
    expected = F.interpolate(image, size=(16, 12), mode="bicubic", align_corners=False).clamp(0, 1)
    torch.testing.assert_close(enlarge(image, coarse, fine, 0.0), expected)


def test_detail_is_what_the_coarser_content_did_not_show() -> None:
    flat = torch.full((1, 3, 4, 4), 0.5)
    stripes = torch.tensor([0.4, 0.6]).repeat(4).expand(1, 3, 8, 8)
    painted = torch.full((1, 3, 4, 4), 0.25)
    found = enlarge(painted, flat, stripes, 0.5)
    torch.testing.assert_close(found, torch.tensor([0.2, 0.3]).repeat(4).expand(1, 3, 8, 8))


def test_stays_in_range_and_leaves_its_arguments_alone(make_picture: MakePicture) -> None:
    pictures = make_picture(8, 6), make_picture(8, 6, 1), make_picture(16, 12, 2)
    before = [picture.clone() for picture in pictures]
    found = enlarge(*pictures, 4.0)
    assert found.shape == pictures[2].shape
    assert (found.min(), found.max()) == (0, 1)
    assert all(torch.equal(*pair) for pair in zip(pictures, before, strict=True))


@pytest.mark.parametrize(
    ("size", "margin"),
    [((64, 48), 8), ((40, 30), 8), ((3, 64), 2), ((1, 4096), 0), ((4, 4096), 3), ((1, 1), 0)],
)
def test_bleed_is_small_and_comes_off_again(make_picture: MakePicture, size: tuple[int, int], margin: int) -> None:
    picture = make_picture(*size)
    canvas, found = with_bleed(picture)
    assert found == margin
    assert canvas.shape[2:] == tuple(side + 2 * margin for side in size)
    assert torch.equal(without_bleed(canvas, margin), picture)


def test_bleed_continues_what_reaches_the_border() -> None:
    """A slope goes on as a slope, as far as there are values for it."""
    slope = torch.tensor([0.7, 0.8, 0.9]).expand(1, 3, 3, 3)
    canvas, _ = with_bleed(slope)
    assert canvas[0, 0, 2].tolist() == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9, 1, 1])
    assert torch.equal(with_bleed(slope.mT)[0], canvas.mT)


@pytest.mark.parametrize("size", [(12, 21), (7, 31), (4, 5)])
def test_a_picture_that_goes_on_is_resized_as_copies_of_it_are(size: tuple[int, int]) -> None:
    image = torch.rand(1, 3, 6, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    copies = F.interpolate(
        image.repeat(1, 1, 3, 3), size=(3 * size[0], 3 * size[1]), mode="bicubic", align_corners=False
    )
    expected = copies[..., size[0] : 2 * size[0], size[1] : 2 * size[1]].clamp(0, 1)
    fine = torch.zeros(1, 3, *size, dtype=torch.float64)
    torch.testing.assert_close(enlarge(image, image, fine, 0.0, circular=True), expected, rtol=0, atol=1e-12)
