"""`impasto styles`: the list, one painting, the sheet of all, and what is refused."""

from pathlib import Path

import pytest
from clicalls import Caller, size_of
from PIL import Image

from impasto.paintings import PAINTINGS, paint
from impasto.styles import builtin_styles, preview_sheet


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    monkeypatch.chdir(tmp_path)
    return Caller(tmp_path, capsys)


def test_the_list_names_and_describes_every_style(call: Caller) -> None:
    code, out, err = call("styles")
    assert (code, err) == (0, "")
    assert dict(line.split(maxsplit=1) for line in out.splitlines()) == builtin_styles()


def test_one_style_is_what_paint_paints(call: Caller) -> None:
    code, out, err = call("styles", "autumn", "--size", "64x48", "--seed", "2", "-o", "a.png")
    assert (code, out, err) == (0, "a.png: autumn, 64 x 48 pixels\n", "")
    with Image.open("a.png") as image:
        assert image.tobytes() == paint("autumn", 64, 48, 2).tobytes()
    call("styles", "autumn", "--size", "64X48", "-o", "b.png")
    with Image.open("b.png") as image:
        assert image.tobytes() == paint("autumn", 64, 48, 0).tobytes()


def test_without_a_size_it_is_the_one_that_the_name_stands_for(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.styles.SIZE", (40, 33))
    call("styles", "whirl", "-o", "a.jpg")
    assert size_of("a.jpg") == (40, 33)


def test_the_sheet(call: Caller) -> None:
    code, out, err = call("styles", "-o", "sheet.png")
    assert (code, out, err) == (0, "sheet.png: every built-in style, 1536 x 870 pixels\n", "")
    with Image.open("sheet.png") as image:
        assert image.tobytes() == preview_sheet().tobytes()


def test_the_help_states_the_true_size(call: Caller) -> None:
    assert "[1536x1200]" in call("styles", "--help").out
    from impasto.styles import SIZE

    assert SIZE == (1536, 1200)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["mona-lisa", "-o", "a.png"], 2, "there is no painting 'mona-lisa': choose from whirl, pointillist, "),
        (["whirl", "-o", "a.png", "--size", "31x40"], 2, "a painting is at least 32 pixels wide and high, not 31x40"),
        (
            ["whirl", "-o", "a.png", "--size", "40x8193"],
            2,
            "a painting is at most 8192 pixels wide and high, not 40x",
        ),
        (["whirl", "-o", "a.png", "--size", "0x0"], 2, "--size: expected width and height"),
        (["whirl", "-o", "a.png", "--size", "32x32", "--seed", "-1"], 2, "a seed is 0 or more, not -1"),
        (["whirl", "-o", "a.png", "--seed", "x"], 2, "Invalid value for '--seed'"),
        (["whirl"], 2, "say where to paint whirl: -o FILE"),
        (["--size", "64x48"], 2, "say where to paint it: -o FILE"),
        (["-o", "a.png", "--size", "64x48"], 2, "--size and --seed are for one style"),
        (["-o", "a.png", "--seed", "0"], 2, "--size and --seed are for one style"),
        (["whirl", "autumn", "-o", "a.png"], 2, "Got unexpected extra argument"),
        (["whirl", "-o", "folder"], 1, "output 'folder' "),
        (["whirl", "-o", "folder.png"], 1, "output 'folder.png' is a folder"),
        (["-o", "folder.png"], 1, "output 'folder.png' is a folder"),
        (["whirl", "-o", "nowhere/a.png"], 1, "output 'nowhere/a.png' cannot be written: there is no folder"),
        (["-o", "sheet.gif"], 1, "output 'sheet.gif' has no extension we can write"),
        (["whirl", "-o", "content.png", "--no-clobber"], 1, "output 'content.png' exists already"),
        (["-o", "content.png", "--no-clobber"], 1, "output 'content.png' exists already"),
    ],
)
def test_refusals(
    call: Caller, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, sentence: str
) -> None:
    """In a sentence, before anything is painted, and leaving nothing behind."""
    Path("folder.png").mkdir()
    before, old = call.names, Path("content.png").read_bytes()
    for name in PAINTINGS:
        monkeypatch.setitem(PAINTINGS, name, lambda *_: pytest.fail("painted"))
    outcome = call("styles", *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    first, *rest = outcome.err.splitlines()
    assert first.startswith(f"impasto: {sentence}")
    assert len(rest) == ("try 'impasto styles --help'" in outcome.err)
    assert call.names == before
    assert Path("content.png").read_bytes() == old


@pytest.mark.parametrize("size", ["big", "-5x40", "64x", "x64", "64x48x3", "6.5x40", "٣٢x32", "1234567x40", ""])
def test_an_impossible_size(call: Caller, size: str) -> None:
    before = call.names
    code, out, err = call("styles", "whirl", f"--size={size}", "-o", "a.png")
    assert (code, out) == (2, "")
    assert err == f"impasto: --size: expected width and height like 768x512, not {size!r}\n"
    assert call.names == before


def test_too_little_memory_is_said(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(width: int, height: int, seed: int) -> Image.Image:
        raise MemoryError("Unable to allocate 3 GiB")

    monkeypatch.setitem(PAINTINGS, "whirl", greedy)
    code, out, err = call("styles", "whirl", "--size", "4000x3000", "-o", "a.png")
    assert (code, out) == (3, "")
    assert err == "impasto: a painting of 4000x3000 takes up to 6.4 GB of memory: give a smaller size\n"


def test_a_style_that_there_is_not(call: Caller) -> None:
    """Its name is what is wrong, with or without an output."""
    for arguments in (["nope"], ["nope", "-o", "out.png"]):
        outcome = call("styles", *arguments)
        assert (outcome.code, outcome.err.count("\n")) == (2, 1)
        assert "nope" in outcome.err
        assert "whirl" in outcome.err
