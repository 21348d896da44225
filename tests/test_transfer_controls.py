"""What artists control on the main path: weights and sizes of styles, colours, masks, going on from a picture."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from tinyruns import CONTENT, OTHER, STYLE, TINY, make_array, paint, picture_bytes

from impasto import Result, color, iterate, prepare, stylize
from impasto.errors import OptionsError
from impasto.image import load_image

pytestmark = pytest.mark.usefixtures("quick_runs")

WHITE = 255
LEFT = np.zeros((60, 80), np.uint8)
LEFT[:, :40] = WHITE


@pytest.fixture
def left(tmp_path: Path) -> str:
    return _saved(LEFT, tmp_path / "left.png")


def _saved(array: npt.NDArray[np.uint8], path: Path) -> str:
    Image.fromarray(array).save(path)
    return str(path)


def _array(result: Result) -> npt.NDArray[np.float64]:
    return np.asarray(result.image, dtype=float)


def test_weights_of_styles() -> None:
    """One that weighs nothing is not there; weights are shares."""
    alone, other = paint(content_weight=0.1), stylize(CONTENT, OTHER, content_weight=0.1, **TINY)
    both = {"content_weight": 0.1, **TINY}
    assert picture_bytes(stylize(CONTENT, [STYLE, OTHER], style_weights="1,0", **both)) == picture_bytes(alone)
    assert picture_bytes(stylize(CONTENT, [STYLE, OTHER], style_weights=(0, 7), **both)) == picture_bytes(other)
    equal = [picture_bytes(stylize(CONTENT, [STYLE, OTHER], style_weights=pair, **both)) for pair in ((), (2, 2))]
    assert equal[0] == equal[1] != picture_bytes(alone)


@pytest.mark.parametrize(("weights", "count"), [("1,2", 1), ("1", 2), ("1,2", 3)])
def test_as_many_weights_as_styles(weights: str, count: int) -> None:
    with pytest.raises(OptionsError, match=rf"a weight for each of {count} styles, got {len(weights.split(','))}"):
        stylize(CONTENT, [STYLE] * count, style_weights=weights)


def test_strokes_by_scale_and_by_size() -> None:
    half = paint(style_scale=0.5, content_weight=0.1)
    assert picture_bytes(half) == picture_bytes(paint(style_size=20, content_weight=0.1))
    assert picture_bytes(half) != picture_bytes(paint(content_weight=0.1))
    run = prepare(CONTENT, STYLE, style_scale=0.5, **TINY)
    assert [tuple(one.shape[2:]) for one in run.materials.paintings(40)] == [(20, 20)]


def test_a_style_that_is_too_small_is_not_enlarged_and_said_to_be() -> None:
    run = prepare(CONTENT, [STYLE[:30, :30], STYLE], style_scale=1.2, **TINY)
    assert [one.shape[3] for one in run.materials.paintings(40)] == [30, 48]
    assert run.notes == ["style 1 is smaller than its strokes ask for, and is not enlarged"]
    assert prepare(CONTENT, STYLE[:30, :30], **TINY).notes == []


def test_height_in_place_of_the_longest_side() -> None:
    assert stylize(CONTENT, STYLE, height=30, min_size=20, iterations=1).image.size == (40, 30)
    portrait = CONTENT.transpose(1, 0, 2)
    assert stylize(portrait, STYLE, height=40, min_size=20, iterations=1).image.size == (30, 40)


def test_content_colours_are_kept() -> None:
    """Hue and chroma at every pixel where the gamut allows; the lightness is painted."""
    result = paint(color="content", iterations=6, strength=1)
    found, wanted = (color.to_oklab(load_image(one)) for one in (result.image, _photograph(result)))
    assert (found[:, 1:] - wanted[:, 1:]).abs().median() < 0.004
    assert (found[:, 0] - wanted[:, 0]).abs().mean() > 0.01


def test_matched_colours() -> None:
    """The style is painted in the photograph's mean colour, and the result is not in the style's."""
    red = STYLE.copy()
    red[..., 1:] //= 4
    run = prepare(CONTENT, red, color="match", **TINY)
    (style,), wanted = run.materials.paintings(40), run.materials.photograph(40)
    plain = load_image(red)
    means = [color.to_oklab(image).mean((2, 3)) for image in (plain, style, wanted)]
    assert (means[1] - means[2]).norm() < 0.1 * (means[0] - means[2]).norm()
    assert picture_bytes(stylize(CONTENT, red, color="match", **TINY)) != picture_bytes(stylize(CONTENT, red, **TINY))


@pytest.mark.parametrize("mode", ["style", "content", "match"])
def test_a_preview_is_a_state_of_the_final_run(mode: str, left: str) -> None:
    values = {"min_size": 20, "iterations": 2, "color": mode, "content_mask": left}
    preview = stylize(CONTENT, STYLE, size=40, **values)
    states = [state for state in iterate(CONTENT, STYLE, size=80, **values) if state.scale == 40]
    assert picture_bytes(states[-1]) == picture_bytes(preview)


def _photograph(result: Result) -> Image.Image:
    return Image.fromarray(CONTENT).resize(result.image.size, Image.Resampling.LANCZOS)


@pytest.mark.parametrize("values", [{}, {"init": "noise"}, {"color": "content"}, {"optimizer": "adam"}], ids=str)
def test_what_no_mask_covers_stays_the_photograph(left: str, values: dict[str, Any]) -> None:
    result = paint(content_mask=left, strength=1, iterations=5, detail=0.5, **values)
    difference = np.abs(_array(result) - np.asarray(_photograph(result), dtype=float))
    assert difference[:, 20:].max() == 0
    assert difference[:, :18].mean() > 3


def test_two_styles_in_two_regions(tmp_path: Path, left: str) -> None:
    """Bright stripes left, dark ones right; greyscale masks and one in colours are the same."""
    bright, dark = (np.where((np.arange(60) // 4 % 2)[None, :, None], high, high - 60) for high in (255, 70))
    styles = [np.broadcast_to(one, (60, 60, 3)).astype(np.uint8) for one in (bright, dark)]
    right = _saved(WHITE - LEFT, tmp_path / "right.png")
    colours = np.zeros((60, 80, 3), np.uint8)
    colours[:, :40, 0], colours[:, 40:, 1] = WHITE, WHITE
    values = {"content_weight": 0.005, "size": 80, "min_size": 40, "iterations": 20}
    grey = stylize(CONTENT, styles, content_mask=[left, right], **values)
    labelled = stylize(CONTENT, styles, content_mask=_saved(colours, tmp_path / "labels.png"), **values)
    assert picture_bytes(grey) == picture_bytes(labelled)
    swapped = _array(stylize(CONTENT, styles[::-1], content_mask=[left, right], **values))
    change = (_array(grey) - swapped).mean((0, 2))
    assert change[:36].mean() > 10
    assert change[44:].mean() < -10
    assert {name for name in grey.losses if "relu1_1" in name} == {"style relu1_1 region 1", "style relu1_1 region 2"}


def test_a_style_without_weight_leaves_its_region_to_the_photograph(left: str, tmp_path: Path) -> None:
    right = _saved(WHITE - LEFT, tmp_path / "right.png")
    masks = {"content_mask": [left, right], "style_weights": "1,0", **TINY}
    result = stylize(CONTENT, [STYLE, OTHER], **masks)
    assert np.abs(_array(result) - np.asarray(_photograph(result), dtype=float))[:, 21:].max() == 0


def test_pictures_in_memory_are_as_good_as_files(left: str, tmp_path: Path) -> None:
    """Masks and the picture to start from; the recipe has hashes of either."""
    start = _saved(OTHER, tmp_path / "start.png")
    from_files = paint(content_mask=left, style_mask=_saved(STYLE[..., 0], tmp_path / "part.png"), init=start)
    in_memory = paint(content_mask=LEFT, style_mask=[Image.fromarray(STYLE[..., 0])], init=OTHER)
    assert picture_bytes(in_memory) == picture_bytes(from_files)
    options = in_memory.recipe["options"]
    for value in (*options["content_mask"], *options["style_mask"], options["init"]):
        assert value.startswith("sha256:")
    json.dumps(in_memory.recipe)
    with pytest.raises(OptionsError, match="a picture is a file, a Pillow image or an array"):
        paint(content_mask=7)


def test_the_dial_knows_which_style_has_how_much(left: str, tmp_path: Path) -> None:
    """One style on three quarters of the picture, another on the rest, as if by these weights."""

    def shares(**values: Any) -> list[float]:
        run = prepare(CONTENT, [STYLE, OTHER], **TINY | {"bleed": 0} | values)
        scale = run.schedule[-1][0]
        stage = run._outset.stage(run.materials.photograph(scale), scale, 1.0)
        return [share for share, _ in stage.objective.paintings]

    third = _saved(LEFT // 3, tmp_path / "third.png")
    assert shares(content_mask=[left, third]) == pytest.approx([0.5, 0.5 / 3], rel=1e-3)
    assert shares(style_weights="1,3") == [0.25, 0.75]


def test_part_of_a_style(tmp_path: Path) -> None:
    """Half of it by a mask is nearly that half alone: the network sees a little beyond."""
    style = np.concatenate([STYLE, WHITE - STYLE], axis=1)
    mask = np.zeros(style.shape[:2], np.uint8)
    mask[:, :50] = WHITE
    run = prepare(CONTENT, style, style_mask=_saved(mask, tmp_path / "mask.png"), style_scale=2.5, **TINY)
    whole = prepare(CONTENT, style, style_scale=2.5, **TINY)
    half = prepare(CONTENT, style[:, :50], style_scale=2.5, **TINY)
    masked, full, alone = (_targets(one) for one in (run, whole, half))
    for tap in ("relu1_1", "relu2_1"):
        assert _distance(masked[tap], alone[tap]) < 0.5 * _distance(full[tap], alone[tap])


def _targets(run: Any) -> dict[str, torch.Tensor]:
    terms = run._outset.stage(run.materials.photograph(40), 40, 0.1).objective.terms
    return {term.tap: term.target for term in terms if term.name.startswith("style")}


def _distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


def test_a_white_mask_is_no_mask(tmp_path: Path) -> None:
    white = _saved(np.full((60, 80), WHITE, np.uint8), tmp_path / "white.png")
    values = {"content_weight": 0.1, "iterations": 3}
    difference = _array(paint(content_mask=white, **values)) - _array(paint(**values))
    assert np.abs(difference).max() <= 1


def test_masks_are_in_the_recipe_by_their_hashes(left: str, tmp_path: Path) -> None:
    result = paint(content_mask=left, style_mask=_saved(LEFT[:50, :50], tmp_path / "secret.png"))
    options = result.recipe["options"]
    assert [part[:7] for part in (*options["content_mask"], *options["style_mask"])] == ["sha256:"] * 2
    assert options["content_mask"] != options["style_mask"]
    assert str(tmp_path) not in json.dumps(result.recipe)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"content_mask": ["left.png", "left.png"]}, "a content mask in grey for each of 1 style, or one in colours"),
        ({"content_mask": "small.png"}, "content mask 'small.png' is 30 x 60 pixels and its picture 80 x 60"),
        ({"content_mask": "black.png"}, "content mask 'black.png' is black all over"),
        ({"content_mask": "none.png"}, "content mask image 'none.png' cannot be read: No such file"),
        ({"style_mask": ["left.png", "left.png"]}, "at most 1 style masks, one for each style, got 2"),
    ],
)
def test_masks_that_do_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    _saved(LEFT, Path("left.png"))
    _saved(LEFT[:, :30], Path("small.png"))
    _saved(LEFT * 0, Path("black.png"))
    with pytest.raises((OptionsError, ValueError), match=sentence):
        paint(**values)


def test_going_on_from_a_picture() -> None:
    """The scales behind it are not painted again, and its content is what the next one starts from."""
    small = paint(iterations=6)
    states = list(
        iterate(CONTENT, STYLE, continued=small.image, size=80, min_size=20, iterations="6,6,1", content_weight=0.1)
    )
    assert [(state.scale, state.step) for state in states] == [(80, 1)]
    straight = [
        state for state in iterate(CONTENT, STYLE, size=80, min_size=20, iterations="6,6,1") if state.scale == 80
    ]
    difference = np.asarray(states[0].picture(), dtype=float) - np.asarray(straight[0].picture(), dtype=float)
    assert np.abs(difference).mean() < 1  # 8 bits between them
    assert [state.scale for state in iterate(CONTENT, STYLE, continued=small.image, **TINY)] == [40, 40]


@pytest.mark.parametrize("mode", ["style", "content"])
def test_odd_proportions_go_on_as_well(mode: str) -> None:
    """641 x 600 is 20 x 19 pixels by way of 40 x 37, and 20 x 19 or 18 by itself: every scale is the photograph's."""
    content = make_array(600, 641, 4)
    values = {"min_size": 20, "iterations": 2, "content_weight": 0.1, "color": mode}
    small = stylize(content, STYLE, size=20, **values)
    (states,) = [[one for one in iterate(content, STYLE, size=40, **values) if one.scale == 20]]
    assert picture_bytes(states[-1]) == picture_bytes(small)
    on = list(iterate(content, STYLE, size=40, continued=small.image, **values))
    straight = stylize(content, STYLE, size=40, **values)
    difference = np.asarray(on[-1].picture(), dtype=float) - _array(straight)
    assert np.abs(difference).mean() < 2


def _coarse(result: Result) -> npt.NDArray[np.float64]:
    """Half as large as the picture that was held: what is finer fades."""
    return np.asarray(result.image.resize((16, 12), Image.Resampling.BOX), dtype=float)


def test_larger_scales_hold_what_the_small_picture_shows() -> None:
    """The scale at 96 paints what is finer than the picture at 32 shows, and nothing else; without, it repaints."""
    run = {"content_weight": 0.01, "min_size": 32, "iterations": 10, "detail": 0}
    small = stylize(CONTENT, STYLE, size=32, hold=32, **run)
    held, free = (stylize(CONTENT, STYLE, size=96, hold=hold, **run) for hold in (32, 0))
    assert np.abs(_coarse(held) - _coarse(small)).mean() < 0.4 * np.abs(_coarse(free) - _coarse(small)).mean()
    assert np.abs(_array(held) - _array(free)).mean() > 2


def test_nothing_is_held_up_to_its_size_nor_at_the_coarsest_scale() -> None:
    free = picture_bytes(paint(hold=0))
    assert free == picture_bytes(paint(hold=40)) == picture_bytes(paint(hold=1000))
    coarsest = {"min_size": 100, "content_weight": 0.1}
    assert picture_bytes(paint(hold=8, **coarsest)) == picture_bytes(paint(hold=0, **coarsest))
