"""Settings at the ends of what is allowed, and numbers that are none: no black picture with exit code 0."""

import json
import math
from collections.abc import Container
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from clicalls import Caller, Outcome
from PIL import Image
from tinyruns import make_array
from torch import Tensor

from impasto.optimize import Value
from impasto.stage import Stage

pytestmark = pytest.mark.usefixtures("quick_runs")

USUAL = {"--size": "40", "--min-size": "20", "--iterations": "4"}
LEAST_SPREAD = 3.0  # grey levels of 255, standard deviation: a flat picture has none

SETTINGS = [
    "--style-weight 1e12",
    "--style-weight 1e-12",
    "--style-weight 0 --content-weight 1",
    "--style-weight 1e12 --content-weight 1e12 --tv-weight 1e12",
    "--style-weight 1e-12 --content-weight 1e-12 --tv-weight 1e-12",
    "--content-weight 1e12",
    "--content-weight 1e-12",
    "--content-weight 0",
    "--content-weight 0 --tv-weight 0",
    "--tv-weight 1e3",
    "--tv-weight 1e12 --tv-loss power",
    "--tv-weight 1e12 --tv-loss absolute",
    "--strength 0",
    "--strength 1",
    "--strength 0 --init noise",
    "--optimizer adam --learning-rate 255",
    "--optimizer adam --learning-rate 255 --no-clip",
    "--optimizer adam --learning-rate 1e-12",
    "--optimizer adam --beta2 0.999999999",
    "--optimizer adam --style-weight 1e12",
    "--optimizer adam --style-weight 1e-12 --content-weight 1e-12",
    "--no-clip --style-weight 1e12",
    "--no-clip --iterations 12 --tv-weight 0",
    "--iterations 1",
    "--iterations 1 --init noise",
    "--size 1",
    "--size 2 --min-size 1",
    "--size 3 --min-size 100000",
    "--height 1",
    "--bleed 256 --iterations 2 --size 20",
    "--borders zeros",
    "--borders circular",
    "--detail 4",
    "--style-scale 0.05",
    "--style-scale 20",
    "--style-size 1",
    "--seed 9223372036854775807 --init noise",
    "--color content",
    "--color match",
    "--content-mask mask.png",
    "--content-mask mask.png --style-mask mask.png --color content --init noise",
    "--content-layers relu1_1 --style-layers relu1_1",
    "--content-layers relu5_4=1e12 --style-layers relu5_4=1e-12,relu1_1=1e12",
    "--style-layers conv1_1,conv1_2,conv2_1,conv2_2,conv3_1,conv3_4,conv4_1,conv4_4,conv5_1,conv5_4",
    "--content-loss gatys --style-loss gatys --content-weight 1e12 --style-weight 1e12",
    "--content-loss sum --style-loss seed --content-weight 1e-12 --style-weight 1e12",
    "--content-loss mean --style-loss mean --content-weight 1e12 --style-weight 1e-12",
    *(f"--preset {name}" for name in ("draft", "fine", "gatys2016", "neural-style", "seed")),
    "--preset gatys2016 --optimizer adam --learning-rate 255",
    "@thin.png style.png",
    "@tall.png style.png --size 200",
    "@dot.png style.png",
    "@content.png dot.png",
    "@content.png thin.png",
    "@content.png style.png wide.png --style-weights 1e12,1e-12",
    "@black.png style.png",
    "@content.png black.png",
    "@white.png black.png --init noise",
]  # those that begin with @ have other pictures


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    monkeypatch.chdir(tmp_path)
    for name, height, width in (("thin", 1, 5000), ("tall", 5000, 1), ("wide", 16, 4096), ("dot", 1, 1)):
        Image.fromarray(make_array(height, width, 4)).save(f"{name}.png")
    for name in ("black", "white"):
        Image.new("RGB", (30, 20), name).save(f"{name}.png")
    mask = np.zeros((60, 80), np.uint8)
    mask[20:40, 20:50] = 255
    Image.fromarray(mask).save("mask.png")
    Image.fromarray(mask).resize((50, 50)).save("square.png")
    return Caller(tmp_path, capsys)


def test_there_are_as_many_as_promised() -> None:
    assert len(set(SETTINGS)) >= 50


@pytest.mark.parametrize("setting", SETTINGS)
def test_something_is_on_the_picture(call: Caller, setting: str) -> None:
    words = setting.replace("--style-mask mask.png", "--style-mask square.png").removeprefix("@").split()
    pictures = words if setting.startswith("@") else ["content.png", "style.png", *words]
    usual = [word for flag, value in USUAL.items() if flag not in words for word in (flag, value)]
    if "--height" in words:
        usual = usual[2:]
    outcome = call("stylize", *pictures, *usual, "--json", "-o", "out.png")
    assert outcome.code == 0, outcome
    record = json.loads(outcome.out)
    assert all(math.isfinite(loss) for loss in record["losses"].values())
    assert not record["interrupted"]
    with Image.open("out.png") as image:
        assert image.size == tuple(record["size"])
        pixels = np.asarray(image, dtype=float)
    assert pixels.max() > 0, "black"
    assert pixels.size == 3 or pixels.std() > LEAST_SPREAD, "the same everywhere"


class Breaks:
    """What a scale minimises, which answers with numbers that are none at chosen evaluations."""

    def __init__(self, part: str, evaluations: Container[int]) -> None:
        self.part, self.evaluations = part, evaluations
        self.count = 0
        self.whole = Stage.function

    def __call__(self, stage: Stage, canvas: Tensor) -> Value:
        value = self.whole(stage, canvas)
        self.count += 1
        if self.count not in self.evaluations:
            return value
        if self.part == "loss":
            return replace(value, loss=math.nan)
        value.grad[0, 0, 0, 0] = math.inf
        return value


@pytest.fixture(params=["loss", "gradient"])
def part(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _run_broken(
    call: Caller,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    part: str,
    evaluations: Container[int],
    *,
    weight: tuple[str, ...] = ("--content-weight", "0.1"),
) -> Outcome:
    """weight: without one, the dial's rounds are of 6, 3 and 3 evaluations."""
    breaks = Breaks(part, evaluations)
    monkeypatch.setattr(Stage, "function", lambda stage, canvas: breaks(stage, canvas))  # noqa: PLW0108
    one_round = ["--size", "24", "--min-size", "24", "--iterations", "12", *weight]
    return call("stylize", "content.png", "style.png", *one_round, "--optimizer", method, "-o", "out.png", "--json")


def _spread() -> float:
    with Image.open("out.png") as image:
        return float(np.asarray(image, dtype=float).std())


@pytest.mark.parametrize("method", ["lbfgs", "adam"])
@pytest.mark.parametrize("evaluations", [{2}, {3, 4, 5}, {12}], ids=str)
def test_numbers_that_are_none_are_survived(
    call: Caller, monkeypatch: pytest.MonkeyPatch, method: str, part: str, evaluations: set[int]
) -> None:
    outcome = _run_broken(call, monkeypatch, method, part, evaluations)
    assert outcome.code == 0, outcome
    assert all(math.isfinite(loss) for loss in json.loads(outcome.out)["losses"].values())
    assert _spread() > LEAST_SPREAD


@pytest.mark.parametrize("method", ["lbfgs", "adam"])
def test_where_they_do_not_end_the_best_is_kept(
    call: Caller, monkeypatch: pytest.MonkeyPatch, method: str, part: str
) -> None:
    outcome = _run_broken(call, monkeypatch, method, part, range(5, 100))
    assert outcome.code == 4
    first, second = outcome.err.splitlines()
    assert first == "impasto: the loss is not a number, also after 3 more careful restarts"
    assert second.startswith("impasto: kept the picture as it was at 24 px, after ")
    assert all(math.isfinite(loss) for loss in json.loads(outcome.out)["losses"].values())
    assert _spread() > LEAST_SPREAD


def test_where_they_begin_at_once_there_is_no_picture(
    call: Caller, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    before = call.names
    outcome = _run_broken(call, monkeypatch, "lbfgs", part, range(1, 100))
    assert (outcome.code, outcome.out) == (4, "")
    assert outcome.err.startswith("impasto: the loss is not a number at the very start")
    assert outcome.err.count("\n") == 1
    assert call.names == before


def test_a_round_that_begins_with_them_is_survived(call: Caller, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    assert _run_broken(call, monkeypatch, "lbfgs", part, {7}, weight=()).code == 0
