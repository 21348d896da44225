"""Masks: erosion by hand, guides of positions, labels of colours, and which style paints where."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from impasto import masks, regions
from impasto.errors import OptionsError
from impasto.image import open_picture
from impasto.regions import Division, Mask, divide, read_mask


def _half(height: int = 32, width: int = 64) -> Tensor:
    mask = torch.zeros(1, 1, height, width)
    mask[..., : width // 2] = 1
    return mask


def test_erosion_by_hand() -> None:
    mask = torch.tensor([1.0, 1, 1, 0, 1, 1, 0.5, 1, 1]).view(1, 1, 1, 9)
    assert masks.erode(mask, 1).flatten().tolist() == [1, 1, 0, 0, 0, 0.5, 0.5, 0.5, 1]
    assert masks.erode(mask.transpose(2, 3), 2).flatten().tolist() == [1, 0, 0, 0, 0, 0, 0.5, 0.5, 0.5]


@pytest.mark.parametrize("radius", [1, 3, 50])
def test_a_border_of_the_picture_is_none_of_the_region(radius: int) -> None:
    assert masks.erode(torch.ones(1, 1, 5, 7), radius).min() == 1


def test_guides_are_coverage_of_positions() -> None:
    guide = masks.guide(_half(), stride=4, reach=0)
    assert guide.shape == (1, 1, 8, 16)
    assert torch.equal(guide, _half(8, 16))
    odd = masks.guide(torch.ones(1, 1, 9, 13), stride=8, reach=0)
    assert torch.equal(odd, torch.ones(1, 1, 2, 2))  # the last positions, over the pixels that are there


def test_guides_are_eroded_by_the_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "EROSION", 1.0)
    eroded = masks.guide(_half(), stride=1, reach=5)
    assert torch.equal(eroded[..., :27], torch.ones(1, 1, 32, 27))
    assert eroded[..., 27:].sum() == 0


def test_a_small_region_keeps_most_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "EROSION", 1.0)
    eroded = masks.guide(_half(), stride=1, reach=30)
    assert masks.KEPT * 32 * 32 <= eroded.sum() < 32 * 32


def _picture(array: np.ndarray) -> object:
    return open_picture(array.astype(np.uint8))


def _read(array: np.ndarray, size: tuple[int, int] = (30, 40)) -> Mask:
    of = open_picture(np.zeros((*size, 3), np.uint8))
    return read_mask(open_picture(array.astype(np.uint8)), of, "content mask 'mask.png'")


def _stripes(*colours: tuple[int, int, int], height: int = 30, width: int = 40) -> np.ndarray:
    array = np.zeros((height, width, 3))
    for index, colour in enumerate(colours):
        array[:, width * index // len(colours) : width * (index + 1) // len(colours)] = colour
    return array


def test_grey_masks_are_soft() -> None:
    mask = _read(np.linspace(0, 255, 40)[None].repeat(30, 0).round())
    assert mask.grey
    torch.testing.assert_close(mask.coverage[""][0, 0, 0], torch.linspace(0, 1, 40), rtol=0, atol=0.003)


def test_colours_are_labels() -> None:
    """Also of a JPEG, whose colours are not exact, and at another size."""
    stripes = _stripes((250, 5, 8), (0, 0, 0), (10, 240, 3), (255, 255, 255), height=60, width=80)
    stripes += np.random.default_rng(0).integers(-4, 4, stripes.shape)
    mask = _read(stripes.clip(0, 255))
    assert list(mask.coverage) == ["red", "green", "white"]
    assert not mask.grey
    assert [round(float(part.float().mean()), 2) for part in mask.coverage.values()] == [0.25] * 3
    resized = regions.resize(mask.coverage["red"], 3, 4)
    assert resized[0, 0].tolist() == [[1, 0, 0, 0]] * 3


@pytest.mark.parametrize("size", [(30, 30), (40, 30), (60, 90)])
def test_a_mask_of_another_shape(size: tuple[int, int]) -> None:
    with pytest.raises(OptionsError, match=r"content mask 'mask.png' is \d+ x \d+ pixels and its picture 40 x 30"):
        _read(np.full(size, 255))


def test_a_mask_of_nothing() -> None:
    with pytest.raises(OptionsError, match="is black all over"):
        _read(np.zeros((30, 40)))


def _grey(level: float = 1.0) -> Mask:
    return Mask({"": torch.full((1, 1, 2, 2), level)}, "")


def _coloured(*labels: str) -> Mask:
    return Mask({label: torch.ones(1, 1, 2, 2) for label in labels}, "")


def _shares(divisions: list[Division]) -> list[tuple[float, ...]]:
    return [division.shares for division in divisions]


def test_no_masks_no_regions() -> None:
    assert divide([], [], [1, 2]) == [Division(None, (1, 2), (None, None))]


def test_a_grey_mask_for_each_style() -> None:
    first, second = _grey(), _grey(0.5)
    divisions = divide([first, second], [], [1, 3])
    assert _shares(divisions) == [(1, 0), (0, 3)]
    assert [division.coverage is mask.coverage[""] for division, mask in zip(divisions, (first, second), strict=True)]


def test_one_mask_in_colours() -> None:
    """Its colours are the styles', in the palette's order, whatever their order in the picture."""
    divisions = divide([_coloured("green", "red")], [], [1, 1])
    assert _shares(divisions) == [(1, 0), (0, 1)]


def test_styles_with_the_same_mask_are_mixed_in_it() -> None:
    """A painting may come twice: mixed here and alone there."""
    half = Mask({"": 1 - _half(4, 6)}, "other")
    divisions = divide([_grey(), half, _grey()], [], [1, 2, 3])
    assert _shares(divisions) == [(1, 0, 3), (0, 2, 0)]
    assert torch.equal(divisions[0].coverage, _grey().coverage[""])
    assert [division.strength for division in divisions] == [1, 1]


def test_style_masks_in_grey() -> None:
    part = _grey()
    (division,) = divide([], [part], [1])
    assert division.coverage is None
    assert division.parts == (part.coverage[""],)


def test_style_masks_in_the_same_colours() -> None:
    divisions = divide([_coloured("red", "blue")], [_coloured("red", "blue"), _coloured("blue")], [1, 2])
    assert _shares(divisions) == [(1, 0), (1, 2)]
    assert [part is None for part in divisions[0].parts] == [False, True]


@pytest.mark.parametrize(
    ("content", "style", "count", "sentence"),
    [
        ([_grey()], [], 2, "expected a content mask in grey for each of 2 styles, or one in colours; got 1"),
        ([_coloured("red", "green")], [], 1, r"2 colours \(red, green\) and there are 1 style"),
        ([_coloured("red")], [], 2, "1 colours"),
        ([_coloured("red"), _grey()], [], 2, "masks in colours go with one content mask in colours"),
        ([], [_coloured("red")], 1, "masks in colours go with one content mask in colours"),
        ([], [_grey()], 2, "expected one style mask for each of 2 styles, got 1"),
        ([_coloured("red")], [_coloured("blue")], 1, "a region in red, and no style mask has that colour"),
        ([_coloured("red")], [_grey()], 1, "a region in red, and no style mask has that colour"),
    ],
)
def test_what_does_not_go_together(content: list[Mask], style: list[Mask], count: int, sentence: str) -> None:
    with pytest.raises(OptionsError, match=sentence):
        divide(content, style, [1.0] * count)


def test_a_file_is_a_mask(tmp_path: object) -> None:
    image = Image.fromarray(np.full((30, 40), 255, np.uint8))
    mask = read_mask(open_picture(image), open_picture(image), "style mask 'x'")
    assert mask.grey
    assert len(mask.sha256) == 64


def _alpha(colour: tuple[int, int, int]) -> Image.Image:
    """A shape in the left half, by its alpha alone."""
    image = Image.new("RGBA", (40, 30), (*colour, 0))
    image.paste((*colour, 255), (0, 0, 20, 30))
    return image


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (3, 2, 1)])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_shape_in_the_alpha_channel(colour: tuple[int, int, int], mode: str) -> None:
    picture = open_picture(_alpha(colour).convert(mode), mask=True)
    mask = read_mask(picture, picture, "content mask")
    assert torch.equal(mask.coverage[""], _half(30, 40))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_black_that_is_opaque_everywhere_is_no_shape(mode: str) -> None:
    picture = open_picture(Image.new("RGBA", (40, 30), (0, 0, 0, 255)).convert(mode), mask=True)
    with pytest.raises(OptionsError, match="is black all over"):
        read_mask(picture, picture, "content mask")


def test_a_coloured_shape_on_nothing_is_a_label() -> None:
    picture = open_picture(_alpha((255, 0, 0)), mask=True)
    assert list(read_mask(picture, picture, "content mask").coverage) == ["red"]


def test_a_picture_of_nothing_is_no_mask() -> None:
    picture = open_picture(Image.new("RGBA", (40, 30)), mask=True)
    with pytest.raises(OptionsError, match="content mask is black all over"):
        read_mask(picture, picture, "content mask")


@pytest.mark.parametrize(
    ("mask", "picture", "alike"),
    [
        ((1, 400), (1, 500), True),
        ((100, 500), (1, 500), False),
        ((2, 2), (1, 500), False),
        ((1, 100), (9, 1000), True),  # 0.9 rounds to 1
        ((1, 1), (500, 400), True),
        ((300, 401), (600, 800), True),
        ((300, 420), (600, 800), False),
    ],
)
def test_proportions_are_compared_as_far_as_pixels_tell(
    mask: tuple[int, int], picture: tuple[int, int], alike: bool
) -> None:
    white, of = (open_picture(np.full((*size, 3), 255, np.uint8)) for size in (mask, picture))
    if alike:
        assert read_mask(white, of, "mask").grey
    else:
        with pytest.raises(OptionsError, match="a mask has the size or the proportions of its picture"):
            read_mask(white, of, "mask")


def test_a_grey_style_mask_is_of_the_white_region() -> None:
    grey = _grey(0.5)
    divisions = divide([_coloured("red", "white")], [_coloured("red"), grey], [1, 1])
    assert _shares(divisions) == [(1, 0), (0, 1)]
    assert divisions[1].parts[1] is grey.coverage[""]


def test_a_style_mask_without_a_colour_of_the_content_mask() -> None:
    with pytest.raises(OptionsError, match="style mask 2 has blue and the content mask red: expected a colour"):
        divide([_coloured("red")], [_coloured("red"), _coloured("blue")], [1, 1])


def test_weights_are_strengths_of_regions() -> None:
    """Against their mean, where each region has styles of its own; a style of no weight leaves its region alone."""
    assert [one.strength for one in divide([_grey(), _grey(0.5)], [], [1, 3])] == [0.5, 1.5]
    assert [one.strength for one in divide([_coloured("red", "green")], [], [5, 5])] == [1, 1]
    assert divide([], [], [1, 3])[0].strength == 1
    (kept,) = divide([_grey(), _grey(0.5)], [], [0, 3])
    assert (kept.shares, kept.strength) == ((0, 3), 1)
    divisions = divide([_coloured("red", "blue")], [_coloured("red", "blue"), _coloured("blue")], [2, 4])
    assert [one.strength for one in divisions] == [2 / 3, 1]
