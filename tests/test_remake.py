"""From a picture back to the run that made it: `--from`, `show`, and textures on the command line."""

import json
import shlex
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from clicalls import Caller, size_of
from PIL import Image
from tinyruns import CONTENT, OTHER, STYLE

from impasto import Options, iterate, prepare, read_recipe, stylize, texture
from impasto.errors import ImageError, OptionsError
from impasto.options import make_options
from impasto.output import save_image
from impasto.remake import check_recipe, find_files
from impasto.weights import BUILTIN

pytestmark = pytest.mark.usefixtures("quick_runs")


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    monkeypatch.chdir(tmp_path)
    return Caller(tmp_path, capsys)


def _array(path: str) -> npt.NDArray[np.float64]:
    with Image.open(path) as image:
        return np.asarray(image, dtype=float)


def _pixels(path: str) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--strength", "0.31", "--no-clip", "--optimizer", "adam", "--seed", "3", "--init", "noise"],
        ["--style-layers", "relu1_1=0.3,conv2_2", "--tv-weight", "0.123456789", "--color", "match"],
        ["--height", "30", "--style-size", "30", "--content-mask", "mask.png", "--init", "style.png"],
        ["--preset", "seed", "--height", "16", "--iterations", "2"],
    ],
    ids=str,
)
def test_the_command_that_show_prints_makes_the_picture_again(call: Caller, flags: list[str]) -> None:
    mask = np.zeros(CONTENT.shape[:2], np.uint8)
    mask[:30] = 255
    Image.fromarray(mask).save("mask.png")
    size = [] if "--height" in flags else ["--size", "40"]
    assert call("stylize", "content.png", "style.png", "--iterations", "2", *size, *flags, "-o", "out.png").code == 0
    code, command, err = call("show", "out.png", "--command")
    assert (code, err) == (0, "")
    words = shlex.split(command)
    assert words[:4] == ["impasto", "stylize", "content.png", "style.png"]
    assert words[-2:] == ["-o", "again.png"]
    assert call(*words[1:]).code == 0
    assert _pixels("again.png") == _pixels("out.png")
    assert read_recipe("again.png") == read_recipe("out.png")
    assert call("show", "out.png").err == f"impasto: made again by: {command}"


def test_files_that_are_gone_are_named_in_capitals(call: Caller) -> None:
    assert call.stylize("-o", "out.png").code == 0
    Path("content.png").unlink()
    assert "impasto stylize PHOTO style.png" in call("show", "out.png", "--command").out


def test_going_on_from_a_picture(call: Caller) -> None:
    """With what its recipe has, the weight that its dial found, and files found by their hashes."""
    assert call.stylize("-o", "small.png", "--strength", "0.3", "--seed", "5").code == 0
    Path("content.png").rename("other name.png")
    code, out, _ = call("stylize", "--from", "small.png", "--size", "80", "-o", "large.png", "--json")
    assert code == 0
    assert size_of("large.png") == (80, 60)
    recipe, small = read_recipe("large.png"), read_recipe("small.png")
    options: Any = recipe["options"]
    assert (options["strength"], options["seed"], options["size"]) == (0.3, 5, 80)
    assert recipe["content_weight"] == small["content_weight"] == options["content_weight"]
    assert json.loads(out)["evaluations"] == 2  # at 80 alone
    again = call("show", "large.png", "--command").out
    assert "--from small.png" in again
    assert call(*shlex.split(again)[1:]).code == 0
    assert _pixels("again.png") == _pixels("large.png")


@pytest.mark.parametrize("least", ["40", "20"])
def test_going_on_from_a_preview_is_the_larger_run(call: Caller, least: str) -> None:
    """Also where the dial was set at the preview's last evaluation: its correction is for what comes."""
    run = ["stylize", "content.png", "style.png", "--min-size", least, "--iterations", "7"]
    assert call(*run, "--size", "40", "-o", "small.png").code == 0
    assert call("stylize", "--from", "small.png", "--size", "80", "-o", "on.png").code == 0
    assert call(*run, "--size", "80", "-o", "whole.png").code == 0
    small, on, whole = (read_recipe(name) for name in ("small.png", "on.png", "whole.png"))
    assert on["content_weight"] == whole["content_weight"] == small.get("next_weight", small["content_weight"])
    assert ("next_weight" in small) == (least == "40")  # the last evaluation there had another weight
    assert np.abs(_array("on.png") - _array("whole.png")).mean() < 2  # they differ by the rounding of the preview


@pytest.mark.parametrize(
    "flags",
    [
        ["--tv-weight", "0.3", "--optimizer", "lbfgs"],  # back to the defaults
        ["--strength", "0.4"],
        ["--height", "60"],
        ["--seed", "4", "--clip"],
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_the_command_of_a_picture_that_was_gone_on_from(call: Caller, flags: list[str], known: bool) -> None:
    first = ["--tv-weight", "2", "--optimizer", "adam", "--strength", "0.4", "--no-clip"]
    assert call.stylize("-o", "small.png", *first).code == 0
    size = [] if "--height" in flags else ["--size", "80"]
    assert call("stylize", "--from", "small.png", *size, *flags, "-o", "large.png").code == 0
    if not known:
        Path("small.png").rename("small.data")
    again = shlex.split(call("show", "large.png", "--command").out)[1:]
    again = [word if word != "PICTURE" else "small.data" for word in again]
    assert call(*again).code == 0
    assert _pixels("again.png") == _pixels("large.png")
    if known:
        assert len(again) < 20


def test_the_command_of_a_picture_whose_weights_were_taken_away(call: Caller) -> None:
    both = ["content.png", ["style.png", "content.png"]]
    stylize(*both, size=40, iterations=1, style_weights=(2, 1)).save("small.png")
    run = prepare(*both, continued="small.png", size=80, style_weights=(), iterations=1)
    run.result(list(run)[-1]).save("large.png")
    again = call("show", "large.png", "--command").out
    assert "--style-weights 1,1" in again
    assert call(*shlex.split(again)[1:]).code == 0
    assert _pixels("again.png") == _pixels("large.png")


def test_masks_that_were_taken_away_are_beyond_a_command(call: Caller) -> None:
    Image.fromarray(np.full(CONTENT.shape[:2], 255, np.uint8)).save("mask.png")
    assert call.stylize("-o", "small.png", "--content-mask", "mask.png").code == 0
    run = prepare("content.png", "style.png", continued="small.png", size=80, content_mask=())
    run.result(list(run)[-1]).save("large.png")
    assert call("show", "large.png", "--command").code == 0  # the flag was not taken over: masks are given anew


def test_a_large_picture_to_go_on_from(call: Caller) -> None:
    assert call.stylize("-o", "small.png").code == 0
    outcome = call("stylize", "--from", "small.png", "--size", "80", "--max-pixels", "1000", "-o", "out.png")
    assert (outcome.code, "--max-pixels 1,000" in outcome.err) == (1, True)
    with pytest.raises(OptionsError, match="max_pixels: "):
        list(iterate("content.png", "style.png", continued="small.png", max_pixels="many"))


def test_a_picture_to_go_on_from_is_what_the_run_starts_from(call: Caller) -> None:
    assert call.stylize("-o", "small.png", "--init", "noise").code == 0
    outcome = call("stylize", "--from", "small.png", "--size", "80", "--init", "noise", "-o", "out.png")
    assert (outcome.code, "give no --init" in outcome.err) == (2, True)
    with pytest.raises(OptionsError, match="give no init"):
        list(iterate("content.png", "style.png", continued="small.png", size=80, init="noise"))


def test_a_texture_is_not_gone_on_from(call: Caller) -> None:
    tiny = ["--size", "24x24", "--min-size", "24", "--iterations", "1"]
    assert call("texture", "style.png", *tiny, "-o", "texture.png").code == 0
    for arguments in ([], ["content.png", "style.png"]):
        outcome = call("stylize", *arguments, "--from", "texture.png", "--size", "80", "-o", "out.png")
        assert (outcome.code, "a texture cannot be gone on from" in outcome.err) == (2, True)


def test_the_command_names_files_as_one_has_to(call: Caller) -> None:
    """Names that begin with a dash; and an output that is none of the files."""
    for name in ("content", "style"):
        Path(f"{name}.png").rename(f"-{name}.png")
    tiny = ["--size", "40", "--min-size", "20", "--iterations", "2"]
    assert call("stylize", "./-content.png", "./-style.png", *tiny, "-o", "again.png").code == 0
    assert call("stylize", "--from", "again.png", "--size", "80", "-o", "large.png").code == 0
    again = shlex.split(call("show", "large.png", "--command").out)
    assert again[2:4] == ["./-content.png", "./-style.png"]
    assert again[-1] == "again-2.png"
    assert call(*again[1:]).code == 0
    assert _pixels("again-2.png") == _pixels("large.png")


def test_the_help_of_textures_has_their_defaults(call: Caller) -> None:
    shown = " ".join(call("texture", "--help").out.split())
    assert "picture file. [noise]" in shown
    assert "[100,60,40,20]" in shown


def test_what_is_no_recipe_to_go_on_from_in_python(call: Caller) -> None:
    arguments = ("content.png", "style.png", "--size", "24", "--iterations", "1", "--vary", "seed=1,2")
    assert call("sweep", *arguments, "-o", "sheet.png").code == 0
    with pytest.raises(ImageError, match=r"'sheet.png' holds no recipe of a single picture"):
        list(iterate("content.png", "style.png", continued="sheet.png", size=80))


def test_options_that_there_are_not(call: Caller) -> None:
    stylize(CONTENT, STYLE, size=20, iterations=1).save("out.png")
    recipe = {**read_recipe("out.png"), "options": {"glitter": 1}}
    save_image(Image.new("RGB", (4, 4)), "made-up.png", recipe=recipe)
    outcome = call("show", "made-up.png", "--command")
    assert (outcome.code, outcome.out) == (1, "")
    assert "image 'made-up.png': its recipe cannot be followed: there is no option 'glitter'" in outcome.err
    assert json.loads(call("show", "made-up.png").out) == recipe


def test_imported_weights_are_known_by_their_hash_and_found_again(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = replace(BUILTIN, name="mine", sha256="ab" * 32)
    monkeypatch.setattr("impasto.remake.available_weights", lambda: [BUILTIN, known])
    assert find_files(["ab" * 32, "0" * 64], ["."]) == {"ab" * 32: "mine"}


def test_going_on_in_python(call: Caller) -> None:
    assert call.stylize("-o", "small.png", "--seed", "5").code == 0
    states = list(iterate("content.png", "style.png", continued="small.png", size=80))
    assert [state.scale for state in states] == [80, 80]
    assert call("stylize", "--from", "small.png", "--size", "80", "-o", "large.png").code == 0
    assert states[-1].picture().tobytes() == _pixels("large.png")


def test_the_picture_to_go_on_from_is_not_overwritten(call: Caller) -> None:
    assert call.stylize("-o", "small.png").code == 0
    before = Path("small.png").read_bytes()
    outcome = call("stylize", "--from", "small.png", "--size", "80", "-o", "small.png")
    assert outcome.code == 1
    assert "same file as the input" in outcome.err
    assert Path("small.png").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--from", "content.png"], 1, "holds no Impasto recipe"),
        (["--from", "nowhere.png"], 1, "No such file"),
        (["--from", "small.png", "--size", "20"], 2, "is 40 x 30 pixels already: give a size of 40 or more"),
        (["--from", "small.png", "--preset", "fine"], 2, "--from brings the picture's own options"),
        (["other.png", "style.png", "--from", "small.png", "--size", "80"], 2, "painted with other photograph"),
        (["content.png", "other.png", "--from", "small.png", "--size", "80"], 2, "painted with other styles"),
    ],
)
def test_what_cannot_be_gone_on_from(call: Caller, arguments: list[str], code: int, sentence: str) -> None:
    assert call.stylize("-o", "small.png").code == 0
    Image.fromarray(CONTENT // 2).save("other.png")
    before = call.names
    outcome = call("stylize", *arguments, "-o", "out.png")
    assert (outcome.code, outcome.out) == (code, "")
    assert sentence in outcome.err.splitlines()[0]
    assert call.names == before


def test_files_that_are_not_there(call: Caller) -> None:
    assert call.stylize("-o", "small.png").code == 0
    for name in ("content.png", "style.png"):
        Path(name).unlink()
    outcome = call("stylize", "--from", "small.png", "--size", "80", "-o", "out.png")
    assert outcome.code == 2
    assert "the photograph and styles of 'small.png' are not beside it" in outcome.err


def test_masks_are_found_or_have_to_be_given_again(call: Caller) -> None:
    Image.fromarray(np.full(CONTENT.shape[:2], 255, np.uint8)).save("mask.png")
    assert call.stylize("-o", "small.png", "--content-mask", "mask.png").code == 0
    assert call("stylize", "--from", "small.png", "--size", "80", "-o", "out.png").code == 0
    Path("mask.png").rename("mask.data")
    outcome = call("stylize", "--from", "small.png", "--size", "80", "-o", "out.png")
    assert (outcome.code, "give --content-mask" in outcome.err) == (2, True)
    given = ["--content-mask", "mask.data"]
    with pytest.raises(OptionsError, match="give --content-mask"):
        list(iterate("content.png", "style.png", continued="small.png", size=80))
    assert call("stylize", "--from", "small.png", "--size", "80", "-o", "out.png", *given).code == 0


def test_a_built_in_style_is_found_by_its_name(call: Caller) -> None:
    assert call("stylize", "content.png", "whirl", "--size", "30", "--iterations", "1", "-o", "out.png").code == 0
    assert "impasto stylize content.png whirl " in call("show", "out.png", "--command").out
    assert call("stylize", "--from", "out.png", "--size", "40", "-o", "large.png").code == 0
    outcome = call("stylize", "content.png", "wirl", "-o", "no.png")
    assert (outcome.code, "no style is named 'wirl': choose from" in outcome.err) == (1, True)


def test_find_files_looks_at_pictures_only(tmp_path: Path) -> None:
    Image.fromarray(CONTENT).save(tmp_path / "a.png")
    (tmp_path / "b.txt").write_bytes((tmp_path / "a.png").read_bytes())
    (tmp_path / "c.png").mkdir()
    (tmp_path / "d.png").symlink_to(tmp_path / "nowhere.png")
    digest = stylize(tmp_path / "a.png", STYLE, size=20, iterations=1).recipe["content"]
    assert find_files([digest, "0" * 64], [tmp_path, tmp_path / "nowhere"]) == {digest: str(tmp_path / "a.png")}


@pytest.mark.parametrize(
    "recipe",
    [
        {},
        {"content": 1, "styles": [], "options": {}},
        {"content": None, "styles": [3]},
        {"content": "a", "styles": [], "options": {}},
        {"content": None, "styles": ["b"], "options": {}},
        {"content": None, "styles": ["b"], "options": {}, "texture": [3, "x"]},
        {"content": "a", "styles": ["b"], "options": {"content_mask": {"sha256": 1}}},
        {"content": "a", "styles": ["b"], "options": {"init": [["x"]]}},
        {"content": "a", "styles": ["b"], "options": {}, "continued": ["x"]},
    ],
)
def test_other_json_is_no_recipe(recipe: dict[str, Any]) -> None:
    with pytest.raises(ImageError, match="holds no recipe of a single picture"):
        check_recipe(recipe, "a.png")


def test_a_texture(call: Caller) -> None:
    tiny = ["--min-size", "20", "--iterations", "3"]
    assert call("texture", "style.png", "--size", "48x32", *tiny, "-o", "texture.png").code == 0
    assert size_of("texture.png") == (48, 32)
    recipe = read_recipe("texture.png")
    assert (recipe["content"], recipe["texture"]) == (None, [48, 32])
    again = call("show", "texture.png", "--command").out
    assert again.startswith("impasto texture style.png --size 48x32")
    assert call(*shlex.split(again)[1:]).code == 0
    assert _pixels("again.png") == _pixels("texture.png")
    result = texture("style.png", (48, 32), min_size=20, iterations=3)
    assert result.image.tobytes() == _pixels("texture.png")


@pytest.mark.parametrize("preset", ["fine", "seed", "neural-style"])
def test_a_texture_of_a_preset_starts_from_noise(call: Caller, preset: str) -> None:
    tiny = ["--size", "24x24", "--min-size", "24", "--iterations", "2", "--preset", preset]
    assert call("texture", "style.png", *tiny, "--seed", "1", "-o", "one.png").code == 0
    assert call("texture", "style.png", *tiny, "--seed", "2", "-o", "two.png").code == 0
    assert _pixels("one.png") != _pixels("two.png")


def test_a_texture_with_other_formulas(call: Caller) -> None:
    tiny = ["--size", "24x24", "--min-size", "24", "--iterations", "2", "--preset", "gatys2016"]
    assert call("texture", "style.png", *tiny, "-o", "preset.png").code == 0
    assert call("texture", "style.png", *tiny[:-2], "--style-loss", "gatys", "-o", "texture.png").code == 0
    for name in ("preset.png", "texture.png"):
        again = call("show", name, "--command").out
        assert call(*shlex.split(again)[1:]).code == 0
        assert _pixels("again.png") == _pixels(name)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"strength": 0.3}, "strength: a texture has no content, and so no such option"),
        ({"tileable": True, "borders": "zeros"}, "those of a tileable texture are circular, not zeros"),
        ({"init": "content"}, "no content to start from: expected init 'noise' or a picture"),
        ({"options": Options(init="noise"), "seed": 3}, "give either options, or a preset and single values"),
        ({"options": Options(init="noise"), "tileable": True}, "of a tileable texture are circular, not replicate"),
    ],
)
def test_what_would_be_ignored_in_a_texture_is_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(OptionsError, match=sentence):
        texture(STYLE, (20, 20), **values)


def test_a_texture_nears_its_style() -> None:
    values = {"min_size": 32, "style_layers": "relu1_1,relu2_1,relu3_1"}
    first, last = (texture(STYLE, (64, 48), iterations=count, **values).losses["total"] for count in (1, 30))
    assert last < 0.2 * first


def test_a_tileable_texture_has_no_seam() -> None:
    """Along the seam neighbours differ as much as inside; without the flag they have nothing in common."""
    ratios = []
    for tileable in (True, False):
        image = texture(
            OTHER, (64, 48), tileable=tileable, min_size=32, iterations="30,20", style_layers="relu1_1,relu2_1"
        )
        array = np.asarray(image.image, dtype=float)
        ratios.append(np.abs(array[0] - array[-1]).mean() / np.abs(np.diff(array, axis=0)).mean())
    assert ratios[0] < 1.4
    assert ratios[1] > 1.6


@pytest.mark.parametrize(
    "flags", [["--strength", "1"], ["--size", "0x4"], ["--size", "big"], ["--content-mask", "a.png"]]
)
def test_what_a_texture_has_no_use_for(call: Caller, flags: list[str]) -> None:
    outcome = call("texture", "style.png", "-o", "out.png", *flags)
    assert outcome.code == 2
    assert flags[0] in outcome.err
    assert not Path("out.png").exists()


def test_a_texture_in_python_has_no_content() -> None:
    with pytest.raises(OptionsError, match="a texture has no content"):
        texture(STYLE, (20, 20), color="match")
    with pytest.raises(OptionsError, match="at least 1 pixel"):
        texture(STYLE, (0, 20))
    with pytest.raises(OptionsError):
        texture(STYLE, (20, 20), options=Options(color="content"))


def test_presets_are_shown(call: Caller) -> None:
    out = call("presets", "seed").out
    assert 'content_layers = "relu5_2"' in out
    assert "content_weight = 0.025" in out
    defaults = tomllib.loads(call("presets", "default").out)
    assert Options(**defaults) == Options()
    assert set(defaults) == {name for name, field in Options.model_fields.items() if field.default is not None}
    assert make_options(tomllib.loads(out)) == make_options("seed")
    assert call("presets", "nothing").code == 2
