"""The quality report: by hand, in tiles as in whole, what noise and borders do to it, and what cannot be measured."""

import json
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from clicalls import Caller
from PIL import Image
from tinyruns import CONTENT, OTHER, STYLE, TINY, make_array

from impasto import measure, quality, stylize
from impasto.errors import ImageError, OptionsError, OutOfMemoryError
from impasto.quality import noise

SIDES = ("top", "bottom", "left", "right")


def test_the_photograph_itself() -> None:
    report = measure(CONTENT, CONTENT, STYLE)
    assert (report.content, report.border, report.grain) == (0, 0, 0)
    assert report.style > 0.01
    assert report.style == pytest.approx(sum(report.taps.values()) / 5)


def test_the_style_itself() -> None:
    report = measure(STYLE, STYLE, STYLE)
    assert report.style == pytest.approx(0, abs=1e-10)


def test_a_painted_picture_is_nearer_to_its_style() -> None:
    plain = measure(CONTENT, CONTENT, STYLE).style
    painted = stylize(CONTENT, STYLE, strength=1, size=80, min_size=40, iterations=15)
    report = measure(painted.image, CONTENT, STYLE)
    assert report.style < 0.85 * plain
    assert 0.1 < report.content < 2


def test_several_styles_are_the_mean_of_their_gram_matrices() -> None:
    one = measure(CONTENT, CONTENT, [STYLE, OTHER], weights=[1, 0])
    assert one.as_dict() == pytest.approx(measure(CONTENT, CONTENT, STYLE).as_dict(), rel=1e-6)
    both = measure(CONTENT, CONTENT, [STYLE, OTHER])
    equal = measure(CONTENT, CONTENT, [STYLE, OTHER], weights=[3, 3])
    assert both.as_dict() == pytest.approx(equal.as_dict(), rel=1e-6)
    assert abs(both.taps["relu1_1"] - one.taps["relu1_1"]) > 0.01


@pytest.mark.parametrize("size", [(150, 70), (161, 33), (130, 20), (97, 131), (16, 40)])
def test_tiles_do_not_show(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    result, photo, style = (make_array(*size, seed) for seed in range(3))
    whole = measure(result, photo, style).as_dict()
    monkeypatch.setattr(quality, "TILE", 32)
    assert measure(result, photo, style).as_dict() == pytest.approx(whole, rel=1e-5)


def test_a_smaller_margin_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    result, photo, style = (make_array(150, 70, seed) for seed in range(3))
    whole = measure(result, photo, style)
    monkeypatch.setattr(quality, "TILE", 32)
    monkeypatch.setattr(quality, "MARGIN", quality.MARGIN - 32)
    assert measure(result, photo, style).taps["relu5_1"] != pytest.approx(whole.taps["relu5_1"], rel=1e-3)


def test_a_style_that_is_missing_is_named_before_the_work_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(quality, "_Network")
    with pytest.raises(ImageError, match=r"style image 'gone.png' cannot be read"):
        measure(CONTENT, CONTENT, [STYLE, "gone.png"])


def test_too_little_memory_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(quality, "_Network", fails)
    with pytest.raises(OutOfMemoryError, match="measure smaller ones"):
        measure(CONTENT, CONTENT, STYLE)


def _flat(level: float = 0.5, height: int = 64, width: int = 80) -> torch.Tensor:
    return torch.full((1, 3, height, width), level)


@pytest.mark.parametrize("deviation", [2, 8])
def test_grain_is_the_deviation_of_noise(deviation: float) -> None:
    generator = torch.Generator().manual_seed(0)
    grain = torch.randn(1, 1, 64, 80, generator=generator) * deviation / 255
    assert noise(_flat() + grain, _flat()) == pytest.approx(deviation, rel=0.1)


def test_a_checkerboard_is_grain_and_edges_and_slopes_are_not() -> None:
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(80), indexing="ij")
    checkerboard = _flat() + ((rows + columns) % 2 - 0.5) * 4 / 255
    slope = (rows / 64 + columns / 80) / 2 + torch.zeros(1, 3, 1, 1)
    edges = (columns // 10 % 2).float() + torch.zeros(1, 3, 1, 1)
    assert noise(checkerboard, _flat()) > 5
    assert noise(slope, _flat()) < 0.01
    assert noise(edges, _flat()) < 0.01


def test_grain_is_looked_for_where_the_photograph_is_flat() -> None:
    left = torch.arange(80) < 40
    grain = torch.randn(1, 1, 64, 80, generator=torch.Generator().manual_seed(0)) * 8 / 255
    photograph = torch.where(left, _flat(), _flat() + grain)
    assert noise(_flat() + grain * left, photograph) > 5
    assert noise(_flat() + grain * ~left, photograph) < 1


@pytest.mark.parametrize("side", SIDES)
def test_a_dark_border_is_seen_on_its_side(side: str) -> None:
    dark = CONTENT.astype(int)
    part = {"top": np.s_[:4], "bottom": np.s_[-4:], "left": np.s_[:, :4], "right": np.s_[:, -4:]}[side]
    dark[part] = np.maximum(dark[part] - 20, 0)
    report = measure(dark.astype(np.uint8), CONTENT, STYLE)
    assert report.sides[side] == pytest.approx(-20, abs=2)
    assert all(abs(report.sides[other]) < 6 for other in SIDES if other != side)
    assert -20 < report.border < -3


@pytest.mark.parametrize(
    ("result", "content", "style", "sentence"),
    [
        (CONTENT[:1, :1], CONTENT, STYLE, "result image is 1 x 1 pixels: expected at least 16 a side"),
        (CONTENT, CONTENT[:30], STYLE, "expected the photograph that it was painted from"),
        (CONTENT, CONTENT, STYLE[:9], "style image is smaller than 16 pixels a side"),
        ("gone.png", CONTENT, STYLE, "result image 'gone.png' cannot be read"),
    ],
)
def test_what_cannot_be_measured(
    result: npt.NDArray[np.uint8], content: npt.NDArray[np.uint8], style: npt.NDArray[np.uint8], sentence: str
) -> None:
    with pytest.raises(ImageError, match=sentence):
        measure(result, content, style)


def test_styles_and_weights_go_together() -> None:
    for weights in ([1.0, 2.0], [0.0], [-1.0], [math.nan], [math.inf]):
        with pytest.raises(OptionsError, match="a weight for each"):
            measure(CONTENT, CONTENT, STYLE, weights=weights)
    with pytest.raises(OptionsError, match="got 0 styles"):
        measure(CONTENT, CONTENT, [])


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    call = Caller(tmp_path, capsys)
    stylize(CONTENT, STYLE, **TINY).save("out.png")
    Image.fromarray(OTHER).save("other.png")
    given = ["measure", "out.png", "--content", "content.png", "--style", "style.png"]
    record = json.loads(call(*given, "--json").out)
    assert record == measure("out.png", "content.png", "style.png").as_dict()
    lines = call(*given).out.splitlines()
    assert [line[:16].strip() for line in lines] == list(record)
    assert float(lines[0].split()[-1]) == pytest.approx(record["style"], abs=1e-4)
    assert json.loads(call(*given, "--style", "other.png", "--json").out)["style"] != record["style"]
    assert call("measure", "gone.png", "--content", "content.png", "--style", "style.png").code == 1
    assert call("measure", "out.png", "--style", "style.png").code == 2
