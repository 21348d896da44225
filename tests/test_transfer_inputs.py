"""What the main path takes, and what it refuses: every kind and shape of picture, every option."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from tinyruns import CONTENT, OTHER, STYLE, TINY, default_bytes, paint, picture_bytes

from impasto import Options, Result, iterate, prepare, stylize
from impasto.errors import ImageError, OptionsError, WeightsError
from impasto.image import fit, open_picture

pytestmark = pytest.mark.usefixtures("quick_runs")


def test_paths_pillow_images_and_arrays_are_equal(tmp_path: Path) -> None:
    paths = []
    for name, array in (("content.png", CONTENT), ("style.png", STYLE)):
        Image.fromarray(array).save(tmp_path / name)
        paths.append(tmp_path / name)
    kinds = [
        (CONTENT, STYLE),
        (Image.fromarray(CONTENT), Image.fromarray(STYLE)),
        paths,
        [str(path) for path in paths],
    ]
    assert len({picture_bytes(stylize(*kind, **TINY)) for kind in kinds}) == 1


def test_two_styles_are_between_the_two() -> None:
    both = stylize(CONTENT, [STYLE, OTHER], **TINY)
    single = [stylize(CONTENT, style, **TINY) for style in (STYLE, OTHER)]
    assert len({picture_bytes(result) for result in (both, *single)}) == 3
    assert picture_bytes(stylize(CONTENT, (STYLE, OTHER), **TINY)) == picture_bytes(both)
    assert len(both.recipe["styles"]) == 2


def test_every_start(tmp_path: Path) -> None:
    path = tmp_path / "init.png"
    Image.fromarray(OTHER).save(path)
    firsts = {
        init: next(iterate(CONTENT, STYLE, init=init, **TINY)).image for init in ("content", "noise", str(path))
    }
    content = open_picture(CONTENT).at(15, 20)
    assert torch.equal(firsts["content"], content)
    assert torch.equal(firsts[str(path)], open_picture(OTHER).at(15, 20))
    assert 0.25 < firsts["noise"].std() < 0.33  # even between 0 and 1: 0.289
    assert len({picture_bytes(paint(init=init)) for init in firsts}) == 3


@pytest.mark.parametrize(
    "values",
    [
        {"optimizer": "adam"}, {"pooling": "avg"}, {"tv_weight": 10}, {"detail": 0}, {"content_weight": 3},
        {"content_layers": "conv3_2,relu4_2=2"}, {"style_layers": "relu1_1"}, {"style_weight": 0},
        {"content_weight": 0}, {"strength": 1}, {"min_size": 40}, {"iterations": 3},
    ],
    ids=str,
)  # fmt: skip
def test_every_option_shows(values: dict[str, Any]) -> None:
    result = paint(**{"iterations": 4} | values)
    assert result.image.size == (40, 30)
    assert picture_bytes(result) != default_bytes(iterations=4)


def test_total_variation_makes_it_smoother() -> None:
    rough, smooth = (paint(iterations=6, tv_weight=weight, content_weight=0.1) for weight in (0, 100))
    assert "total variation" not in rough.losses
    assert 0 < smooth.losses["total variation"] < _variation(rough)
    assert _variation(smooth) < _variation(rough)


def _variation(result: Result) -> float:
    pixels = np.asarray(result.image, dtype=float) / 255
    sums = sum((np.diff(pixels, axis=axis) ** 2).sum() for axis in (0, 1))
    return float(sums) / (pixels.shape[0] * pixels.shape[1])


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (16, 4096)])
def test_contents_of_odd_shapes(shape: tuple[int, int]) -> None:
    content = np.full((*shape, 3), 90, np.uint8)
    content[shape[0] // 2 :, shape[1] // 2 :] = (200, 40, 10)
    result = stylize(content, STYLE, **TINY)
    assert max(result.image.size) == 40
    assert result.image.size == tuple(reversed(fit(*shape, 40)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1)])
def test_styles_of_odd_shapes(shape: tuple[int, int]) -> None:
    style = np.full((*shape, 3), (30, 90, 200), np.uint8)
    result = stylize(CONTENT, style, **TINY)
    assert result.image.size == (40, 30)
    assert picture_bytes(result) != default_bytes()


@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_pictures(value: int) -> None:
    flat = np.full((20, 30, 3), value, np.uint8)
    assert stylize(flat, STYLE, **TINY).image.size == (40, 27)
    assert stylize(CONTENT, flat, **TINY).image.size == (40, 30)


def test_size_one() -> None:
    assert paint(size=1).image.size == (1, 1)


def test_a_style_is_never_enlarged() -> None:
    """So beyond its own size the style's target does not change."""
    small = STYLE[:10, :10]
    targets = [_style_target(small, size) for size in (10, 20, 40)]
    assert torch.equal(targets[0], targets[1])
    assert torch.equal(targets[1], targets[2])
    assert not torch.equal(_style_target(STYLE, 20), _style_target(STYLE, 40))


def _style_target(style: npt.NDArray[np.uint8], scale: int) -> torch.Tensor:
    run = prepare(CONTENT, style, size=40, min_size=20, style_layers="relu2_1")
    stage = run._outset.stage(torch.zeros(1, 3, scale, scale), scale, 0.1)
    return stage.objective.terms[0].target  # type: ignore[attr-defined, no-any-return]


def test_the_sources_are_left_alone() -> None:
    arrays = CONTENT.copy(), STYLE.copy()
    stylize(*arrays, **TINY)
    assert np.array_equal(arrays[0], CONTENT)
    assert np.array_equal(arrays[1], STYLE)


@pytest.mark.parametrize(
    "given",
    [{"preset": "draft"}, {"size": 30}, {"preset": "draft", "size": 30}],
    ids=str,
)
def test_options_or_values_not_both(given: dict[str, Any]) -> None:
    with pytest.raises(OptionsError, match="give either options, or a preset and single values, not both"):
        stylize(CONTENT, STYLE, options=Options(), **given)


@pytest.mark.parametrize("given", [{"options": {"size": 32}}, {"options": 7}, {"preset": 5}])
def test_options_of_a_wrong_kind(given: dict[str, Any]) -> None:
    with pytest.raises(OptionsError):
        prepare(CONTENT, STYLE, **given)


def test_options_presets_and_values_meet() -> None:
    assert prepare(CONTENT, STYLE, preset="draft").options.iterations == (20, 15, 8, 5, 3)
    assert prepare(CONTENT, STYLE, preset="draft", iterations=3).options.iterations == (3,)
    options = Options(**TINY)
    assert prepare(CONTENT, STYLE, options=options).options is options
    assert picture_bytes(stylize(CONTENT, STYLE, options=options)) == default_bytes()


@pytest.mark.parametrize("layers", ["relu3_5", "relu6_1", "conv9_9", "relu1_3"])
@pytest.mark.parametrize("name", ["content_layers", "style_layers"])
def test_a_layer_that_the_network_does_not_have(name: str, layers: str) -> None:
    with pytest.raises(OptionsError, match=f"have no layer '{layers}'"):
        prepare(CONTENT, STYLE, **{name: layers})


def test_no_style() -> None:
    with pytest.raises(OptionsError, match="at least one style picture"):
        prepare(CONTENT, [])


@pytest.mark.parametrize("role", ["content", "style", "init"])
def test_a_bad_picture_is_refused_by_its_role(tmp_path: Path, role: str) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    given: dict[str, Any] = {"content": CONTENT, "style": STYLE, role: str(bad)}
    with pytest.raises(ImageError, match=rf"^{role} image .*bad\.png"):
        prepare(**given)


def test_pictures_larger_than_allowed() -> None:
    with pytest.raises(ImageError, match=r"^style image"):
        prepare(OTHER[:10, :10], STYLE, max_pixels=50 * 50 - 1)
    assert prepare(OTHER[:10, :10], STYLE, max_pixels=50 * 50)


def test_unknown_weights() -> None:
    with pytest.raises(WeightsError):
        prepare(CONTENT, STYLE, weights="nothing")


def test_notes_come_from_every_picture() -> None:
    assert prepare(CONTENT, STYLE, **TINY).notes == []
    broken = Image.fromarray(STYLE)
    broken.info["icc_profile"] = b"no profile"
    assert len(prepare(broken, [STYLE, broken], **TINY).notes) == 2
