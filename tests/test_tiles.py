"""Tiles cover the picture once, and give the whole's gradient to the last digit with no pixel to spare."""

import pytest
import torch
from conftest import TINY, VGG19, MakeEncoder, MakePicture, MakeTensors
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from impasto.objective import Objective, from_images
from impasto.tiles import Tile, plan, sum_statistics, value_and_grad
from impasto.vgg import Encoder, Tap


def _names(convolutions: tuple[int, ...]) -> list[str]:
    places = [(b, i) for b, count in enumerate(convolutions, 1) for i in range(1, count + 1)]
    return [f"{kind}{block}_{index}" for block, index in places for kind in ("conv", "relu")]


@given(
    height=st.integers(1, 400), width=st.integers(1, 400), tile=st.none() | st.integers(16, 500),
    halo=st.integers(0, 130), stride=st.sampled_from([1, 2, 4, 8, 16]),
)  # fmt: skip
@settings(max_examples=150, deadline=None, database=None)
def test_tiles_cover_every_pixel_once(height: int, width: int, tile: int | None, halo: int, stride: int) -> None:
    count = torch.zeros(height, width)
    for part in plan(height, width, tile, halo, stride):
        count[part.top : part.bottom, part.left : part.right] += 1
        vertical = (part.top, part.bottom, part.crop_top, part.crop_bottom, height)
        horizontal = (part.left, part.right, part.crop_left, part.crop_right, width)
        for start, end, crop_start, crop_end, length in (vertical, horizontal):
            assert start < end <= start + (tile or length)
            assert start % stride == crop_start % stride == 0
            assert end == length or end % stride == 0
            assert 0 <= crop_start <= max(0, start - halo)
            assert min(length, end + halo) <= crop_end <= length
    assert (count == 1).all()


def test_tiles_are_nearly_equal() -> None:
    heights = [tile.bottom - tile.top for tile in plan(1040, 16, 1024, 80, 16)]
    assert heights == [528, 512]


def test_no_tile_size_is_one_tile() -> None:
    assert plan(301, 77, None, 80, 16) == [Tile(0, 0, 301, 77, 0, 0, 301, 77)]
    assert plan(301, 77, 301, 80, 16) != plan(301, 77, None, 80, 16)  # 301 is no multiple of 16
    assert plan(301, 77, 304, 80, 16) == plan(301, 77, None, 80, 16)


@pytest.mark.parametrize("tile", [0, 1, 15, -16])
def test_a_tile_below_the_stride(tile: int) -> None:
    with pytest.raises(ValueError, match=f"a tile must be at least 16 pixels, .*, not {tile}"):
        plan(100, 100, tile, 80, 16)


def test_views_of_a_tile() -> None:
    image = torch.arange(12 * 20).view(1, 1, 12, 20)
    part = plan(12, 20, 8, 2, 2)[3]  # in the second of two rows, the first of three
    assert part == Tile(6, 0, 12, 8, 4, 0, 12, 10)
    crop = part.crop(image)
    assert torch.equal(crop, image[..., 4:12, 0:10])
    top, left, bottom, right = part.inner
    assert torch.equal(crop[..., top:bottom, left:right], image[..., 6:12, 0:8])
    assert torch.equal(part.part(image[..., ::2, ::2], 2), image[..., 6:12:2, 0:8:2])
    assert torch.equal(part.with_next(crop, 2), image[..., 6:12, 0:8])  # there is no next row
    assert torch.equal(part.with_next(crop, 3), image[..., 6:12, 0:9])


def _objective(encoder: Encoder, height: int, width: int, make_picture: MakePicture) -> Objective:
    """Every kind of loss, on every tap."""
    layers = dict.fromkeys(encoder.taps, 1.0)
    pictures = make_picture(height, width, seed=1), [make_picture(70, 66, seed=2)]
    return from_images(
        encoder, *pictures, content_layers=layers, style_layers=layers,
        content_weight=0.5, style_weight=1.0, tv_weight=0.1, tile=None,
    )  # fmt: skip


def _difference(image: Tensor, encoder: Encoder, objective: Objective, tile: int, halo: int) -> float:
    """How far the gradient by tiles is from the whole picture's, relative to its largest entry."""
    height, width = image.shape[2:]
    _, whole = value_and_grad(image, encoder, objective, plan(height, width, None, 0, 1))
    tiles = plan(height, width, tile, halo, encoder.stride)
    assert len(tiles) > 1
    _, tiled = value_and_grad(image, encoder, objective, tiles)
    return float((tiled - whole).abs().max() / whole.abs().max())


def _has_free_tile(height: int, tile: int, halo: int, stride: int) -> bool:
    """Whether some crop ends inside the picture above and below."""
    parts = plan(height, 1, tile, halo, stride)
    return any(part.crop_top > 0 and part.crop_bottom < height for part in parts)


@pytest.mark.parametrize(
    ("convolutions", "tap"), [(net, tap) for net in (TINY, VGG19) for tap in _names(net)], ids=str
)
def test_tiles_are_exact_with_no_pixel_to_spare(
    make_encoder: MakeEncoder,
    make_tensors: MakeTensors,
    make_picture: MakePicture,
    convolutions: tuple[int, ...],
    tap: str,
) -> None:
    """A strip of three tiles, the middle one free of borders; its halo one stride smaller is wrong."""
    encoder = make_encoder([tap], convolutions, tensors=make_tensors(convolutions, channels=3))
    halo, stride = encoder.halo, encoder.stride
    tile = -(-(halo + 1) // stride) * stride
    height, width = 2 * tile + halo + 3, 2 * stride + 1
    assert _has_free_tile(height, tile, halo, stride)
    if Tap.parse(tap).index % 2:
        height, width = width, height
    image = make_picture(height, width)
    objective = _objective(encoder, height, width, make_picture)
    assert _difference(image, encoder, objective, tile, halo) < 1e-10
    assert _difference(image, encoder, objective, tile, halo - stride) > 1e-6


@pytest.mark.parametrize("pooling", ["avg", "max"])
@pytest.mark.parametrize(("size", "tile"), [((275, 269), 96), ((33, 275), 32), ((97, 1), 16), ((100, 64), 64)])
def test_the_default_layers_by_tiles(
    *,
    make_encoder: MakeEncoder,
    make_tensors: MakeTensors,
    make_picture: MakePicture,
    size: tuple[int, int],
    tile: int,
    pooling: str,
) -> None:
    taps = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1"]
    tensors = make_tensors(VGG19, channels=2)
    encoder = make_encoder(taps, VGG19, tensors=tensors, pooling=pooling)
    objective = _objective(encoder, *size, make_picture)
    assert _difference(make_picture(*size), encoder, objective, tile, 80) < 1e-10


@pytest.mark.parametrize("tile", [4, 8, 12, 20])
@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_statistics_add_up(make_encoder: MakeEncoder, make_picture: MakePicture, tile: int, pooling: str) -> None:
    encoder = make_encoder(_names(TINY), pooling=pooling)
    objective, image = _objective(encoder, 37, 51, make_picture), make_picture(37, 51)
    tiles = plan(37, 51, tile, encoder.halo, encoder.stride)
    whole = sum_statistics(image, encoder, objective, plan(37, 51, None, 0, 1))
    for tiled in (
        sum_statistics(image, encoder, objective, tiles),
        value_and_grad(image, encoder, objective, tiles)[0],
    ):
        for found, expected in zip(tiled, whole, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_the_order_of_tiles_does_not_matter(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    encoder = make_encoder(_names(TINY))
    objective, image = _objective(encoder, 37, 51, make_picture), make_picture(37, 51)
    tiles = plan(37, 51, 12, encoder.halo, encoder.stride)
    forward, backward = (value_and_grad(image, encoder, objective, order)[1] for order in (tiles, tiles[::-1]))
    torch.testing.assert_close(forward, backward, rtol=1e-10, atol=1e-12)


def test_the_picture_is_left_alone(make_encoder: MakeEncoder, make_picture: MakePicture) -> None:
    encoder = make_encoder(_names(TINY))
    objective, image = _objective(encoder, 37, 51, make_picture), make_picture(37, 51)
    before = image.clone()
    for tile in (None, 12):
        value_and_grad(image, encoder, objective, plan(37, 51, tile, encoder.halo, encoder.stride))
    assert torch.equal(image, before)
