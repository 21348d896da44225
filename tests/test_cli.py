"""`impasto` and its small commands: help without weight, usage errors in a sentence, info, presets, show, weights."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
import torch
from clicalls import Caller
from safetensors.torch import save_file

from impasto import Options, __version__, device
from impasto.architecture import layer_shapes
from impasto.cli import group
from impasto.cli.flags import OptionsCommand
from impasto.cli.messages import say, shown
from impasto.cli.stylize import stylize
from impasto.device import Compute
from impasto.errors import OutOfMemoryError

MODULES = """
import sys
from impasto.cli.group import run
from impasto.cli.signals import Interrupts
run(sys.argv[1:], Interrupts())
print(*{"torch", "numpy", "PIL", "pydantic", "rich"} & sys.modules.keys(), file=sys.stderr)
"""


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    monkeypatch.chdir(tmp_path)
    return Caller(tmp_path, capsys)


def imported(*arguments: str) -> set[str]:
    """The heavy modules that a command line has loaded."""
    done = subprocess.run([sys.executable, "-c", MODULES, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


def test_help_imports_nothing_heavy() -> None:
    assert imported("--help") == set()
    assert imported("stylize", "--help") == {"pydantic"}


def test_a_missing_picture_is_found_before_torch_is_imported(call: Caller) -> None:
    assert "torch" not in imported("stylize", "content.png", "nowhere.png", "-o", "out.png")


def test_weights_are_listed_without_torch() -> None:
    assert "torch" not in imported("weights")


def test_help_shows_every_option_once_with_its_default(call: Caller) -> None:
    code, out, _ = call("stylize", "--help")
    assert code == 0
    words = out.split()
    for name, field in Options.model_fields.items():
        assert words.count("--" + name.replace("_", "-")) == 1
        assert str(field.description).split()[0] in out
    assert "[512]" in out
    assert "[26,24,20,10,6]" in out
    assert "content|noise|FILE" in out
    assert "lbfgs|adam" in out
    assert "None" not in out
    assert out.index("Picture:") < out.index("Balance:") < out.index("Engine:") < out.index("Output:")


def test_flags_cover_exactly_the_options() -> None:
    own = {param.name for param in click.Command.get_params(stylize, click.Context(stylize))}
    every = {param.name for param in stylize.get_params(click.Context(stylize))}
    assert isinstance(stylize, OptionsCommand)
    assert every - own == set(Options.model_fields)


def test_without_a_command_the_help_is_shown(call: Caller) -> None:
    assert call() == call("--help")
    assert "stylize" in call().out


def test_version(call: Caller) -> None:
    assert call("--version").out == f"impasto {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["frobnicate"], "frobnicate"),
        (["stylize"], "CONTENT"),
        (["stylize", "content.png"], "STYLE"),
        (["stylize", "content.png", "style.png"], "--output"),
        (["stylize", "content.png", "style.png", "-o", "out.png", "--sise", "3"], "--sise"),
        (["stylize", "content.png", "style.png", "-o", "out.png", "--save-every", "0"], "--save-every"),
        (["--frobnicate"], "--frobnicate"),
    ],
)
def test_usage_errors(call: Caller, arguments: list[str], named: str) -> None:
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    first, *rest = err.splitlines()
    assert first.startswith("impasto: ")
    assert named in first
    assert len(rest) <= 1


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--size", "0"], "--size: input should be greater than or equal to 1, not '0'"),
        (["--size", "many"], "--size: "),
        (["--strength", "1.5"], "--strength: "),
        (["--strength", "nan"], "--strength: "),
        (["--tv-weight", "-1"], "--tv-weight: "),
        (["--iterations", "10,0"], "--iterations.1: "),
        (["--style-layers", "relu1_1=x"], "--style-layers.relu1_1: "),
        (["--device", "abacus"], "--device: "),
        (["--preset", "nowhere"], "no preset is named 'nowhere': choose from default, draft, fine"),
        (["--content-weight", "0", "--style-weight", "0"], "style_weight and content_weight cannot both be 0"),
    ],
)
def test_impossible_options_name_their_flag(call: Caller, flags: list[str], sentence: str) -> None:
    before = call.names
    code, out, err = call("stylize", "content.png", "style.png", "-o", "out.png", *flags)
    assert (code, out) == (2, "")
    assert err.startswith(f"impasto: {sentence}")
    assert err.count("\n") == 1
    assert call.names == before


def test_impossible_options_of_a_preset_name_the_preset(call: Caller) -> None:
    Path("mine.toml").write_text("size = 0")
    assert call.stylize("-o", "out.png", "--preset", "mine.toml", "--size", "40x").err.startswith("impasto: --size")
    code, _, err = call("stylize", "content.png", "style.png", "-o", "out.png", "--preset", "mine.toml")
    assert code == 2
    assert err.startswith("impasto: preset 'mine.toml': size: ")


def test_info(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    way = Compute("cpu", "float32", "winograd")
    monkeypatch.setattr(device, "measured_seconds", lambda _: {way: 0.0123})
    monkeypatch.setattr(device, "choose_device", lambda _: "cpu")
    record = json.loads(call("info", "--json").out)
    assert record["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert (record["device"], record["precision"], record["method"]) == ("cpu", "float32", "winograd")
    assert record["measured"] == {"float32 winograd": 0.0123}
    assert record["weights"]["name"] == "vgg19"
    assert len(record["weights"]["sha256"]) == 64
    out = call("info").out
    assert all(f"\n{name} " in f"\n{out}" for name in record)
    assert "float32 winograd 12.3 ms" in out


def test_presets(call: Caller) -> None:
    lines = call("presets").out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "default", "draft", "fine", "gatys2016", "neural-style", "seed",
    ]  # fmt: skip
    assert all(len(line.split()) > 3 for line in lines)


def test_show_refuses_pictures_without_a_recipe(call: Caller) -> None:
    code, out, err = call("show", "content.png")
    assert (code, out, err) == (1, "", "impasto: image 'content.png' holds no Impasto recipe\n")


def test_weights_are_imported_listed_and_verified(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_CACHE", str(call.folder / "cache"))
    shapes = layer_shapes("vgg16")
    tensors = {f"{name}.weight": torch.full(shapes[name], 0.01) for name in ("conv1_1", "conv1_2")}
    tensors |= {f"{name}.bias": torch.zeros(64) for name in ("conv1_1", "conv1_2")}
    save_file(tensors, "small.safetensors")
    assert call("weights", "import", "small.safetensors", "--name", "mine").out.startswith("mine: ")
    listed = call("weights").out
    assert listed == call("weights", "list").out
    assert [line.split()[0] for line in listed.splitlines()] == ["vgg19", "mine"]
    code, out, _ = call("weights", "verify", "mine")
    assert code == 0
    assert out.split()[-1] in listed
    assert call("weights", "verify", "nowhere").code == 1
    assert call("weights", "import", "small.safetensors", "--preprocessing", "x").code == 2


def fail(error: Exception) -> None:
    raise error


def test_a_defect_is_said_to_be_one(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("json.dumps", lambda *_, **__: fail(KeyError("two\nlines")))
    recipe = {"content": "0" * 64, "styles": ["1" * 64], "options": {}}
    monkeypatch.setattr("impasto.remake.run_recipe", lambda *_: recipe)
    code, out, err = call("show", "content.png")
    assert (code, out) == (1, "")
    assert err.startswith("impasto: this is a defect of Impasto: KeyError: ")
    assert "--debug" in err
    assert err.count("\n") == 1
    assert "Traceback" in call("--debug", "show", "content.png").err


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (OutOfMemoryError("try size 256"), 3, "try size 256"),
        (
            OSError(28, "No space left on device"),
            1,
            "the system refuses to go on: [Errno 28] No space left on device",
        ),
    ],
)
def test_failures_that_are_no_defects(
    call: Caller, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, sentence: str
) -> None:
    monkeypatch.setattr("impasto.remake.run_recipe", lambda *_: fail(error))
    assert call("show", "content.png") == (code, "", f"impasto: {sentence}\n")


def test_names_are_shown_on_one_line() -> None:
    assert shown("été 1.png") == "été 1.png"
    assert shown("two\nlines") == r"'two\nlines'"
    assert shown("not utf-8 \udcff") == r"'not utf-8 \udcff'"


def test_saying_something_to_nobody(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr", None)
    say("hello")
    assert capsys.readouterr().out == ""


def test_the_group_has_a_help_text_for_every_command() -> None:
    assert all(command.get_short_help_str() for command in group.impasto.commands.values())
