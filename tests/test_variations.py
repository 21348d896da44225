"""Sweeps: combinations, what cells share, what is kept for the next time, the sheet's own metadata, the command."""

import csv
import json
import os
import signal
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clicalls import Caller, size_of
from PIL import Image
from tinyruns import CONTENT, OTHER, STYLE, picture_bytes

from impasto import cells, objective, preparation, read_recipe, run, stylize, sweep, transfer, variations
from impasto.axes import grid, parse_axis, render_options
from impasto.cache import cache_folder
from impasto.cli.signals import Interrupts, Stopped
from impasto.errors import ImageError, OptionsError
from impasto.output import save_image
from impasto.sheetfile import read_sheet_recipe

TINY: dict[str, Any] = {"size": 40, "min_size": 20, "iterations": 2}
MANY = ",".join(map(str, range(90)))
SIDE_BY_SIDE = ("style.png", "--vary", "seed=1,2")
FLAGS = ("--size", "40", "--min-size", "20", "--iterations", "2")

pytestmark = pytest.mark.usefixtures("quick_runs", "own_cache")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Caller(folder, capsys)


def test_every_cell_is_what_stylize_paints() -> None:
    job = sweep(CONTENT, STYLE, {"strength": [0.2, 0.8], "tv_weight": ["0", "1e-1", 1]}, **TINY)
    done = list(job)
    assert [one.combination.label for one in done] == ["A1", "A2", "B1", "B2", "C1", "C2"]
    assert done[3].combination.caption == "strength = 0.8, λ = 0.1"
    for one in done[3:5]:
        options = one.combination.options
        alone = stylize(CONTENT, STYLE, options=options)
        assert one.image.tobytes() == picture_bytes(alone)
        assert dict(one.losses) == dict(alone.losses)
        assert one.recipe == alone.recipe


def test_styles_can_vary(call: Caller) -> None:
    Image.fromarray(OTHER).save("other one.png")
    job = sweep("content.png", None, {"style": ["style.png", "other one.png"]}, **TINY)
    done = list(job)
    assert [one.combination.caption for one in done] == ["style = style", "style = other one"]
    assert done[1].image.tobytes() == picture_bytes(stylize("content.png", "other one.png", **TINY))


def test_what_cells_share_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets of the style, at each of two scales; and whole scales where only the size differs."""
    encoded: list[int] = []
    original = objective.style_targets
    monkeypatch.setattr(objective, "style_targets", lambda *given: encoded.append(1) or original(*given))
    list(sweep(CONTENT, STYLE, {"content_weight": [0.1, 0.3, 1]}, **TINY))
    assert len(encoded) == 2
    minimized: list[int] = []
    minimize = run.optimize.minimize
    monkeypatch.setattr(
        run.optimize,
        "minimize",
        lambda *given, **more: minimized.append(given[2].shape[3]) or minimize(*given, **more),
    )
    job = sweep(CONTENT, STYLE, {"size": [20, 40, 80]}, content_weight=0.1, min_size=20, iterations=2)
    done = list(job)
    assert [width - 16 for width in minimized] == [20, 40, 80]
    for size, one in zip((20, 40, 80), done, strict=True):
        options = {"content_weight": 0.1, "min_size": 20, "iterations": 2}
        assert one.image.tobytes() == picture_bytes(stylize(CONTENT, STYLE, size=size, **options))


def test_finished_cells_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    first = list(sweep(CONTENT, STYLE, {"seed": [0, 1]}, init="noise", **TINY))
    monkeypatch.setattr(run.Transfer, "_paint", lambda _: iter(()))
    again = list(sweep(CONTENT, STYLE, {"seed": [1, 0]}, init="noise", **TINY))
    assert [one.kept for one in again] == [True, True]
    assert [one.image.tobytes() for one in again] == [one.image.tobytes() for one in reversed(first)]
    assert again[0].losses == first[1].losses
    assert again[0].recipe == first[1].recipe


@pytest.mark.parametrize("damage", ["picture", "bomb", "record", "other record", "no record"])
def test_damaged_cells_are_painted_again(damage: str) -> None:
    first = list(sweep(CONTENT, STYLE, {"seed": [0]}, **TINY))
    (picture,) = (cache_folder() / "sweeps").glob("*.png")
    if damage == "picture":
        picture.write_bytes(picture.read_bytes()[:200])
    elif damage == "bomb":
        data = picture.read_bytes()
        header = data[12:16] + (60_000).to_bytes(4, "big") * 2 + data[24:29]
        picture.write_bytes(data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[33:])
    elif damage == "other record":
        record = json.loads(picture.with_suffix(".json").read_text())
        picture.with_suffix(".json").write_text(json.dumps(record | {"losses": None}))
    elif damage == "record":
        picture.with_suffix(".json").write_text('{"losses": ')
    else:
        picture.with_suffix(".json").unlink()
    (again,) = sweep(CONTENT, STYLE, {"seed": [0]}, **TINY)
    assert not again.kept
    assert again.image.tobytes() == first[0].image.tobytes()


def test_what_was_used_longest_ago_is_swept_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "MOST_KEPT", 1)
    list(sweep(CONTENT, STYLE, {"seed": [0, 1, 2]}, **TINY))
    assert len(list((cache_folder() / "sweeps").iterdir())) == 2  # the newest picture and its record


def test_a_cache_that_is_closed_costs_nothing_but_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "file"))
    assert len(list(sweep(CONTENT, STYLE, {"seed": [0, 1]}, **TINY))) == 2


@pytest.mark.parametrize(
    ("vary", "values", "sentence"),
    [
        ({}, {}, "expected one or two options to vary"),
        ({"seed": []}, {}, "expected one or two options to vary"),
        ({"seed": [1], "size": [2], "strength": [3]}, {}, "expected one or two options to vary"),
        ({"sede": [1]}, {}, "there is no option 'sede' to vary: options are style, size"),
        ({"strength": [0.5, 2]}, {}, "cell A2: strength: "),
        ({"seed": [1], "strength": [0.5, 2]}, {}, "cell B1: strength: "),
        ({"strength": [0.5]}, {"style_loss": "mean"}, "cell A1: the strength dial knows relative losses only"),
    ],
)
def test_impossible_sweeps(vary: dict[str, list[Any]], values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(OptionsError, match=sentence):
        sweep(CONTENT, STYLE, vary, **TINY, **values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tv-weight=1e-4, 1", ("tv_weight", ["1e-4", "1"])),
        ("style_layers=relu1_1,relu2_1;relu3_1", ("style_layers", ["relu1_1,relu2_1", "relu3_1"])),
    ],
)
def test_axes(text: str, expected: tuple[str, list[str]]) -> None:
    assert parse_axis(text) == expected


@pytest.mark.parametrize("text", ["", "size", "size=", "=1", "size=1,,2"])
def test_axes_that_are_none(text: str) -> None:
    with pytest.raises(OptionsError, match="expected OPTION=VALUE,VALUE"):
        parse_axis(text)


@pytest.mark.parametrize("extension", [".png", ".jpg", ".pdf"])
def test_a_sheet_renders_its_cells_again(call: Caller, extension: str) -> None:
    """At another size, from what the sheet's file alone tells; and at the same size to the same bytes."""
    sheet, axes = f"sheet{extension}", ["--vary", "strength=0.2,0.8", "--vary", "seed=3,4"]
    given = ["content.png", "style.png", *FLAGS, "--init", "noise", *axes, "--cells", "single"]
    code, out, err = call("sweep", *given, "-o", sheet)
    assert (code, out) == (0, f"{sheet}: 4 cells\n")
    assert err.splitlines()[-1].startswith("impasto: B2 (4 of 4), strength = 0.8, seed = 4: ")
    assert call("sweep", "--render", "b1", sheet, "--quiet").code == 0
    with Image.open("sheet-B1.png") as rendered, Image.open("single/B1.png") as single:
        assert rendered.tobytes() == single.tobytes()
    assert call("sweep", "--render", "A2", "--size", "60", "-o", "large.png", sheet).code == 0
    assert size_of("large.png") == (60, 45)
    options: Any = read_recipe("large.png")["options"]
    assert (options["strength"], options["seed"], options["size"], options["init"]) == (0.8, 3, 60, "noise")
    assert "content.png" not in json.dumps(read_sheet_recipe(sheet))


def test_masks_of_a_sheet_are_found(call: Caller) -> None:
    mask = Image.new("L", (80, 60))
    mask.paste(255, (0, 0, 40, 60))
    mask.save("mask.png")
    given = ["content.png", "style.png", *FLAGS, "--vary", "seed=1,2", "--content-mask", "mask.png"]
    assert call("sweep", *given, "-o", "sheet.png", "--cells", "single").code == 0
    assert call("sweep", "--render", "A1", "sheet.png", "-o", "cell.png").code == 0
    with Image.open("cell.png") as rendered, Image.open("single/A1.png") as single:
        assert rendered.tobytes() == single.tobytes()
    Path("mask.png").unlink()
    outcome = call("sweep", "--render", "A1", "sheet.png", "-o", "cell.png")
    assert (outcome.code, "give --content-mask" in outcome.err) == (2, True)


def test_cells_of_other_styles_are_rendered(call: Caller) -> None:
    Image.fromarray(OTHER).save("other.png")
    assert call("sweep", "content.png", *FLAGS, "--vary", "style=style.png,other.png", "-o", "sheet.png").code == 0
    Path("other.png").rename("renamed.png")
    assert call("sweep", "--render", "A2", "sheet.png", "-o", "cell.png").code == 0
    with Image.open("cell.png") as rendered:
        assert rendered.tobytes() == picture_bytes(stylize("content.png", "renamed.png", **TINY))
    Path("renamed.png").unlink()
    outcome = call("sweep", "--render", "A2", "sheet.png", "-o", "cell.png")
    assert (outcome.code, "give them behind it" in outcome.err) == (2, True)
    assert call("sweep", "--render", "A2", "sheet.png", "content.png", "style.png", "-o", "cell.png").code == 0


@pytest.mark.parametrize("name", ["losses.csv", "losses.json"])
def test_the_table(call: Caller, name: str) -> None:
    vary = ["--vary", "content-layers=relu2_1;relu3_1=2,relu4_1"]
    given = ["content.png", "style.png", *FLAGS, *vary, "--content-weight", "0.1"]
    assert call("sweep", *given, "-o", "sheet.png", "--table", name).code == 0
    text = Path(name).read_text("utf-8")
    rows = json.loads(text) if name.endswith("json") else list(csv.DictReader(text.splitlines()))
    assert [row["cell"] for row in rows] == ["A1", "A2"]
    assert [row["content_layers"] for row in rows] == ["relu2_1", "relu3_1=2,relu4_1"]
    assert float(rows[0]["content relu2_1"]) > 0
    assert int(rows[0]["evaluations"]) == 4


def test_an_interrupted_sweep_goes_on(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    given = [
        "sweep",
        "content.png",
        "style.png",
        *FLAGS,
        "--vary",
        "seed=1,2,3",
        "--init",
        "noise",
        "-o",
        "sheet.png",
    ]
    keep = variations.keep_cell

    def keep_two(*arguments: Any) -> None:
        keep(*arguments)
        if len(list((cache_folder() / "sweeps").glob("*.json"))) == 2:
            signal.raise_signal(signal.SIGINT)

    interrupts = Interrupts()
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    interrupts.install()
    try:
        monkeypatch.setattr(variations, "keep_cell", keep_two)
        with pytest.raises(Stopped) as caught:
            call(*given, interrupts=interrupts)
    finally:
        monkeypatch.setattr(variations, "keep_cell", keep)
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), handlers, strict=True):
            signal.signal(number, handler)
    assert caught.value.exit_code == 130
    assert caught.value.__notes__ == ["2 of 3 cells are kept: the same command goes on from there"]
    assert not Path("sheet.png").exists()
    outcome = call(*given)
    assert outcome.code == 0
    assert outcome.err.count("kept from before") == 2


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["content.png", "style.png", "-o", "s.png"], 2, "expected --vary OPTION=VALUE"),
        (["content.png", "style.png", "--vary", "seed=1"], 2, "expected --vary OPTION=VALUE"),
        (["content.png", "--vary", "seed=1", "-o", "s.png"], 2, "expected a STYLE"),
        (["content.png", "style.png", "--vary", "seed", "-o", "s.png"], 2, "--vary: expected OPTION=VALUE"),
        (["content.png", "style.png", "--vary", "seed=1", "--vary", "seed=2", "-o", "s.png"], 2, "varied once"),
        (["content.png", "style.png", "--vary", "strength=7", "-o", "s.png"], 2, "cell A1: strength: "),
        (["content.png", "style.png", "--vary", "seed=1", "-o", "s.gif"], 1, "output 's.gif' has no extension"),
        (["content.png", "style.png", "--vary", "seed=1", "-o", "content.png"], 1, "same file as the input"),
        (["content.png", "gone.png", "--vary", "seed=1", "-o", "s.png"], 1, "style image 'gone.png' cannot be read"),
        (["content.png", "--vary", "style=gone.png", "-o", "s.png"], 1, "style image 'gone.png' cannot be read"),
        (
            ["content.png", "style.png", "--vary", "seed=1", "-o", "s.png", "--table", "t.txt"],
            1,
            "expected .csv, .json",
        ),
        (["content.png", *SIDE_BY_SIDE, "-o", "s.png", "--table", "."], 1, "output '.' "),
        (["content.png", *SIDE_BY_SIDE, "-o", "s.png", "--table", "folder.csv"], 1, "'folder.csv' is a folder"),
        (["content.png", *SIDE_BY_SIDE, "-o", "s.png", "--table", "fifo.csv"], 1, "is not a regular file"),
        (["content.png", *SIDE_BY_SIDE, "-o", "s.png", "--cells", "content.png"], 1, "'content.png' is not a folder"),
        (["content.png", *SIDE_BY_SIDE, "-o", "s.png", "--cells", "style.png/x"], 1, "is not a folder"),
        (
            ["content.png", *SIDE_BY_SIDE, "-o", "A1.png", "--cells", "."],
            1,
            "would be one of the pictures in --cells",
        ),
        (["content.png", "--vary", "style=style.png", "style.png", "-o", "s.png"], 2, "not both"),
        (["content.png", *SIDE_BY_SIDE, "--seed", "3", "-o", "s.png"], 2, "seed: it is varied, and cannot be 3"),
        (["content.png", "style.png", "--vary", "height=9,8", "--size", "9", "-o", "s.png"], 2, "in place of size"),
        (["content.png", "style.png", "--vary", "tv-weight=1", "--strength", "7", "-o", "s.png"], 2, "--strength: "),
        (["content.png", *SIDE_BY_SIDE, "--max-pixels", "99", "-o", "s.png"], 1, "more than --max-pixels 99"),
        (["content.png", "style.png", "--vary", "weights=vgg19,nope", "-o", "s.png"], 1, "cell A2: no weights"),
        (["content.png", "style.png", "--vary", "content-mask=white.png,gone.png", "-o", "s.png"], 1, "cell A2: "),
        (["content.png", "style.png", "--vary", "style-layers=relu1_1;relu9_9", "-o", "s.png"], 2, "cell A2: "),
        (
            ["content.png", "style.png", "--vary", "style-weights=1;1,2", "-o", "s.png"],
            2,
            "cell A2: expected a weight",
        ),
        (["content.png", "style.png", "--vary", f"seed={MANY}", "-o", "s.webp"], 1, "cannot hold a side of"),
        (["content.png", *SIDE_BY_SIDE, "-o", "s.png", "--size", "90000"], 2, "cell A1: the result"),
        (["--render", "A1", "content.png"], 1, "holds no Impasto recipe"),
    ],
)
def test_commands_that_cannot_be(
    call: Caller, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, sentence: str
) -> None:
    Path("folder.csv").mkdir()
    os.mkfifo("fifo.csv")
    Image.new("L", (8, 6), 255).save("white.png")
    before = call.names
    monkeypatch.setattr(run.Transfer, "_paint", lambda _: pytest.fail("painted in vain"))
    outcome = call("sweep", *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert sentence in outcome.err.splitlines()[0]
    assert "Traceback" not in outcome.err
    assert call.names == before


def test_a_cell_that_is_not_there(call: Caller) -> None:
    assert call("sweep", "content.png", "style.png", *FLAGS, "--vary", "seed=1,2", "-o", "s.png").code == 0
    outcome = call("sweep", "--render", "B1", "s.png")
    assert outcome.err == "impasto: the sheet has no cell 'B1': they go from A1 to A2\n"
    outcome = call("show", "s.png")
    assert (outcome.code, outcome.err) == (1, "impasto: image 's.png' holds no recipe of a single picture\n")


AXIS = {"name": "seed", "values": [1, 2]}
SHEET = {"sheet": {"axes": [AXIS], "options": {}}, "content": "0", "styles": ["1"]}


@pytest.mark.parametrize(
    "recipe",
    [
        {},
        {"sheet": 3},
        {"sheet": {"axes": [], "options": {}}, "styles": []},
        SHEET | {"content": None},
        SHEET | {"content": {"a": 1}},
        SHEET | {"styles": [1, 2]},
        SHEET | {"styles": "1"},
        *(
            SHEET | {"sheet": {"axes": [axis], "options": {}}}
            for axis in (
                3,
                {"values": [1]},
                {"name": ["seed"], "values": [1]},
                {"name": "seed"},
                {"name": "seed", "values": []},
                {"name": "seed", "values": 7},
                {"name": "style", "values": [{"a": 1}]},
                {"name": "content_mask", "values": [{"a": 1}]},
            )
        ),
        *(SHEET | {"sheet": {"axes": [AXIS], "options": options}} for options in (None, [], {"init": {"a": 1}})),
        SHEET | {"sheet": {"axes": [AXIS] * 3, "options": {}}},
    ],
)
def test_other_recipes(recipe: dict[str, Any]) -> None:
    with pytest.raises(ImageError, match=r"s.png holds no recipe of a sheet"):
        render_options(recipe, "A1", "s.png")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"size": "sha256:0"}, "size: "), ({"glitter": 1}, "no option 'glitter'"), ({"init": "sha256:1"}, "--init")],
)
def test_sheets_that_were_tampered_with(call: Caller, options: dict[str, Any], sentence: str) -> None:
    recipe = {"sheet": {"axes": [AXIS], "options": options}, "content": "0" * 64, "styles": ["1" * 64]}
    save_image(Image.new("RGB", (8, 8)), "s.png", recipe=recipe)
    outcome = call("sweep", "--render", "A1", "s.png", "content.png", "style.png", "-o", "o.png")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert sentence in outcome.err


def test_a_sweep_that_was_not_iterated_is_painted_when_asked_for(tmp_path: Path) -> None:
    job = sweep(CONTENT, STYLE, {"seed": [1, 2]}, **TINY)
    with pytest.raises(ImageError, match="has no extension we can write"):
        job.save(tmp_path / "sheet.gif")
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(ImageError, match="is a folder"):
        job.save_table(tmp_path / "t.csv")
    assert not job.finished
    job.save(tmp_path / "sheet.png")
    assert len(job.finished) == len(list(job)) == 2
    job.save_cells(tmp_path / "cells")
    assert size_of(tmp_path / "cells" / "A2.png") == (40, 30)
    assert len(job.table) == 2


def test_cells_are_prepared_once_to_be_checked_and_once_to_be_painted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often one asks; files and pictures in memory are opened once."""
    prepared, opened = [], []
    prepare, open_picture = transfer.prepare, preparation.open_picture
    monkeypatch.setattr(variations, "prepare", lambda *a, **b: prepared.append(1) or prepare(*a, **b))
    monkeypatch.setattr(
        preparation, "open_picture", lambda *a, **b: opened.append(b["role"]) or open_picture(*a, **b)
    )
    mask = np.full(CONTENT.shape[:2], 255, np.uint8)
    job = sweep(CONTENT, STYLE, {"seed": [1, 2, 3]}, content_mask=mask, **TINY)
    job.check(tmp_path / "s.png")
    job.check(tmp_path / "s.pdf")
    job.save(tmp_path / "s.png")
    job.save_cells(tmp_path / "cells")
    assert (len(prepared), sorted(opened)) == (6, ["content", "content mask", "style"])


def test_a_cell_is_there_before_the_next_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    job = sweep(CONTENT, STYLE, {"seed": [1, 2]}, **TINY)
    first = next(iter(job))
    assert (first.combination.label, list(job.finished)) == ("A1", ["A1"])
    monkeypatch.setattr(variations, "kept_cell", lambda *_: None)
    assert {one.label for one, _ in job.states()} == {"A2"}


def test_a_sheet_that_could_not_hold_its_recipe(tmp_path: Path) -> None:
    layers = ["relu1_1=0." + "1" * 300 + f"{number}" for number in range(250)]
    job = sweep(CONTENT, STYLE, {"style_layers": layers}, size=16, min_size=16, iterations=1)
    with pytest.raises(ImageError, match="cannot hold a recipe of"):
        job.check(tmp_path / "sheet.png")


def test_interrupting_the_check_ends_it(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is painted yet, so that there is nothing to keep."""
    interrupts = Interrupts()
    held = []
    monkeypatch.setattr(interrupts, "hold", lambda: held.append(1))
    monkeypatch.setattr(variations.Sweep, "check", lambda *_, **__: held.append("checked"))
    assert call("sweep", "content.png", *SIDE_BY_SIDE, *FLAGS, "-o", "s.png", interrupts=interrupts).code == 0
    assert held[:2] == ["checked", 1]


def test_lists_of_masks_are_called_by_their_names(call: Caller) -> None:
    Image.new("L", (8, 6), 255).save("white.png")
    array = np.full(CONTENT.shape[:2], 255, np.uint8)
    job = sweep(CONTENT, [STYLE, OTHER], {"content_mask": [[array, array], ["white.png", "./white.png"]]}, **TINY)
    assert [one.caption for one in job.combinations] == ["content mask = 1, 1", "content mask = white, white"]


def test_the_flag_that_is_wrong_is_named(call: Caller) -> None:
    vary = ["--vary", "style-weight=1,2", "--style-weights", "x"]
    assert "impasto: --style-weights" in call("sweep", "content.png", "style.png", *vary, "-o", "s.png").err


def test_a_sheet_is_not_overwritten_by_its_cell(call: Caller) -> None:
    assert call("sweep", "content.png", *SIDE_BY_SIDE, *FLAGS, "-o", "s.png").code == 0
    before = Path("s.png").read_bytes()
    outcome = call("sweep", "--render", "A1", "s.png", "-o", "s.png")
    assert (outcome.code, "is the same file as the input 's.png'" in outcome.err) == (1, True)
    assert Path("s.png").read_bytes() == before
    for flags in (["--vary", "seed=1"], ["--cells", "q"], ["--table", "t.csv"], ["--cell-side", "50"]):
        outcome = call("sweep", "--render", "A1", "s.png", *flags, "-o", "cell.png")
        assert (outcome.code, f"{flags[0]} is for new sheets" in outcome.err) == (2, True)
    assert not Path("cell.png").exists()


def test_a_dial_and_its_weight_do_not_vary_together() -> None:
    with pytest.raises(OptionsError, match="content_weight is in place of strength"):
        sweep(CONTENT, STYLE, {"strength": [0.3, 0.6], "content_weight": [1, 2]})


def test_formulas_may_need_what_is_varied(call: Caller) -> None:
    vary = ["--vary", "content-weight=1,2", "--style-loss", "gatys"]
    assert call("sweep", "content.png", "style.png", *FLAGS, *vary, "-o", "sheet.png").code == 0


def test_masks_in_memory_can_vary() -> None:
    masks = [np.full(CONTENT.shape[:2], 255, np.uint8), np.tri(60, 80, dtype=np.uint8) * 255]
    job = sweep(CONTENT, STYLE, {"content_mask": masks, "seed": [3]}, **TINY)
    assert [one.combination.caption for one in job] == ["content mask = 1, seed = 3", "content mask = 2, seed = 3"]
    assert all(value.startswith("sha256:") for (value,) in job.recipe["sheet"]["axes"][0]["values"])


def test_files_on_an_axis_are_hashes_in_the_sheet(call: Caller) -> None:
    Image.fromarray(OTHER).save("secret.png")
    axes = ["--vary", "init=secret.png,noise"]
    assert call("sweep", "content.png", "style.png", *FLAGS, *axes, "-o", "sheet.png").code == 0
    recipe: Any = read_sheet_recipe("sheet.png")
    assert "secret" not in json.dumps(recipe)
    assert recipe["sheet"]["axes"][0]["values"][0].startswith("sha256:")
    assert call("sweep", "--render", "A1", "sheet.png", "-o", "cell.png").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["content.png", "style.png", "--init", "init.png", "-o", "init.png"],
        ["out/A1.png", "style.png", "--cells", "out", "-o", "sheet.png"],
        ["content.png", "style.png", "--table", "nowhere/t.csv", "-o", "sheet.png"],
    ],
    ids=str,
)
def test_no_input_is_overwritten_and_nothing_is_painted_in_vain(call: Caller, arguments: list[str]) -> None:
    Path("out").mkdir()
    for name in ("init.png", "out/A1.png"):
        Image.fromarray(CONTENT).save(name)
    before = {name: Path(name).read_bytes() for name in ("init.png", "out/A1.png")}
    outcome = call("sweep", *arguments, *FLAGS, "--vary", "seed=1,2")
    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert before == {name: Path(name).read_bytes() for name in before}
    assert not Path("sheet.png").exists()


def test_places_go_row_by_row() -> None:
    assert grid([2]) == {"A1": (0, 0), "A2": (1, 0)}
    assert list(grid([2, 2]).items())[2] == ("B1", (0, 1))


def test_a_sheet_with_more_cells_than_there_can_be_is_refused_at_once() -> None:
    """Before anything is painted; and a hostile sheet before all of its cells are named."""
    with pytest.raises(OptionsError, match="a sheet has 1 to 2,000 cells, not 2,001"):
        sweep(CONTENT, STYLE, {"seed": list(range(2001))})
    values = list(range(9000))
    axes = [{"name": name, "values": values} for name in ("seed", "size")]
    with pytest.raises(OptionsError, match="not 81,000,000"):
        render_options({"sheet": {"axes": axes, "options": {}}, "styles": []}, "A1")


def test_bad_pictures_are_found_before_torch_is_imported(call: Caller) -> None:
    code = "import sys; from impasto.__main__ import main; code = main(); print('torch' in sys.modules); exit(code)"
    arguments = ["sweep", "content.png", "gone.png", "--vary", "seed=1,2", "-o", "sheet.png"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "False\n")
