"""`impasto stylize` in the test's own process: what it writes, prints and refuses."""

import json
import os
import platform
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from clicalls import Caller, Outcome, size_of
from PIL import Image

from impasto import Iterate, Transfer, read_recipe, transfer
from impasto.cli import files, saver
from impasto.errors import DivergedError, ImageError, OutOfMemoryError

pytestmark = pytest.mark.usefixtures("quick_runs")


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    monkeypatch.chdir(tmp_path)
    return Caller(tmp_path, capsys)


def ending_after(count: int, error: Exception) -> Callable[[Transfer], Iterator[Iterate]]:
    """A `Transfer.__iter__` that fails after so many evaluations."""
    whole = Transfer.__iter__

    def states(self: Transfer) -> Iterator[Iterate]:
        yield from islice(whole(self), count)
        raise error

    return states


def refused(outcome: Outcome, *words: str) -> bool:
    """Whether the outcome is exit code 1, nothing on stdout, and one sentence that has these words."""
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err.count("\n") == 1
    return all(word in outcome.err for word in words)


def test_a_picture_and_one_line(call: Caller) -> None:
    code, out, err = call.stylize("-o", "out.png")
    assert (code, err) == (0, "")
    assert out.startswith("out.png: 40 x 30 pixels in ")
    assert out.count("\n") == 1
    assert size_of("out.png") == (40, 30)
    assert call.names == {"content.png", "style.png", "out.png"}
    assert json.loads(call("show", "out.png").out) == read_recipe("out.png")


@pytest.mark.parametrize("extension", ["jpg", "webp", "tiff"])
def test_formats_by_extension(call: Caller, extension: str) -> None:
    assert call.stylize("-o", f"out.{extension}", "--iterations", "1", "--min-size", "40").code == 0
    with Image.open(f"out.{extension}") as image:
        assert str(image.format) in extension.upper().replace("JPG", "JPEG")
        assert image.size == (40, 30)


def test_the_record(call: Caller) -> None:
    code, out, err = call.stylize("-o", "out.png", "--json", "--seed", "7")
    record = json.loads(out)
    assert (code, err) == (0, "")
    assert (record["output"], record["size"], record["evaluations"]) == ("out.png", [40, 30], 4)
    assert record["seconds"] > 0
    assert record["peak_memory"] > 10_000_000
    assert {"total", "style relu1_1", "content relu4_2"} <= record["losses"].keys()
    assert record["recipe"] == read_recipe("out.png")
    assert record["recipe"]["options"]["seed"] == 7
    assert (record["notes"], record["interrupted"]) == ([], False)


def test_quiet(call: Caller) -> None:
    assert call.stylize("-o", "out.png", "--quiet") == (0, "", "")


def test_defaults_then_preset_then_flags(call: Caller) -> None:
    Path("mine.toml").write_text('iterations = [1]\nseed = 5\nstrength = 0.25\ninit = "noise"')
    given = ["--preset", "mine.toml", "--size", "24", "--min-size", "24", "--seed", "6"]
    assert call("stylize", "content.png", "style.png", "-o", "out.png", *given).code == 0
    options: Any = read_recipe("out.png")["options"]
    assert (options["iterations"], options["strength"], options["init"]) == ([1], 0.25, "noise")
    assert (options["seed"], options["size"]) == (6, 24)
    assert options["optimizer"] == "lbfgs"


def test_several_styles_and_layers(call: Caller) -> None:
    Image.new("RGB", (30, 30), "red").save("-red.png")
    layers = ["--style-layers", "relu1_1,relu2_1=0.5", "--content-layers", "relu2_2", "--init", "style.png"]
    arguments = ["-o", "-out.png", "--size", "24", "--iterations", "1", *layers, "--", "content.png", "style.png"]
    assert call("stylize", *arguments, "-red.png").code == 0
    recipe: Any = read_recipe("-out.png")
    assert len(recipe["styles"]) == 2
    assert recipe["options"]["style_layers"] == {"relu1_1": 1, "relu2_1": 0.5}
    assert recipe["options"]["init"] == f"sha256:{recipe['styles'][0]}"


@pytest.mark.parametrize("name", ["été ☼.png", "two\nlines.png", "not utf-8 \udcff.png"])
def test_names(call: Caller, name: str) -> None:
    os.replace("content.png", name)  # noqa: PTH105
    code, out, _ = call("stylize", name, "style.png", "-o", f"out {name}", "--size", "16", "--iterations", "1")
    assert code == 0
    assert out.count("\n") == 1
    assert size_of(f"out {name}") == (16, 12)


def test_inputs_that_are_no_pictures(call: Caller) -> None:
    Path("empty.png").touch()
    Path("text.png").write_text("hello")
    Path("cut.png").write_bytes(Path("style.png").read_bytes()[:1000])
    Path("folder.png").mkdir()
    before = call.names
    for bad in ("nowhere.png", "empty.png", "text.png", "cut.png", "folder.png", "two\nlines.png"):
        assert refused(call("stylize", bad, "style.png", "-o", "out.png"), "content", repr(bad))
        assert refused(call("stylize", "content.png", "style.png", bad, "-o", "out.png"), "style", repr(bad))
        assert refused(call.stylize("--init", bad, "-o", "out.png"), "init", repr(bad))
    assert refused(call.stylize("-o", "out.png", "--max-pixels", "4000"), "content", "--max-pixels 4,000")
    assert call.names == before


def test_outputs_that_cannot_be(call: Caller) -> None:
    Path("folder.png").mkdir()
    Path("link.png").symlink_to("style.png")
    before = call.names, Path("content.png").read_bytes(), Path("style.png").read_bytes()
    for bad in ("content.png", "style.png", "link.png", "folder.png", "nowhere/out.png", "out.gif", "out"):
        assert refused(call.stylize("-o", bad), f"output {bad!r}")
    assert refused(call.stylize("-o", "out.webp", "--size", "20000"), "16,383")
    assert before == (call.names, Path("content.png").read_bytes(), Path("style.png").read_bytes())


@pytest.mark.parametrize(
    "arguments",
    [
        ["stylize", "content.png", "style.png", "--size", "90000"],
        ["stylize", "content.png", "style.png", "--height", "90000"],
        ["texture", "style.png", "--size", "100000x99999"],
    ],
)
def test_results_beyond_measure(call: Caller, arguments: list[str]) -> None:
    outcome = call(*arguments, "-o", "out.png")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "expected are 178,956,970 at most: give a smaller size, or a larger --max-pixels" in outcome.err


def test_the_init_picture_is_no_output(call: Caller) -> None:
    Image.new("RGB", (9, 9)).save("start.png")
    assert refused(call.stylize("--init", "start.png", "-o", "start.png"), "same file as the input 'start.png'")


def test_an_output_is_replaced_unless_that_is_refused(call: Caller) -> None:
    Path("out.png").write_bytes(b"old")
    assert refused(call.stylize("-o", "out.png", "--no-clobber"), "'out.png' exists already")
    assert Path("out.png").read_bytes() == b"old"
    assert call.stylize("-o", "out.png").code == 0
    assert size_of("out.png") == (40, 30)


def test_leftovers_of_killed_runs_are_swept(call: Caller) -> None:
    leftover = Path(f".impasto-{platform.node()}-999999999-0123abcd.tmp")
    leftover.touch()
    assert call.stylize("-o", "out.png").code == 0
    assert not leftover.exists()


def test_save_every(call: Caller) -> None:
    assert call.stylize("-o", "out.png", "--save-every", "2").code == 0
    assert call.names == {"content.png", "style.png", "out.png", "out.0002.png", "out.0004.png"}
    assert size_of("out.0002.png") == (20, 15)
    assert read_recipe("out.0002.png")["reached"] == {"scale": 20, "evaluations": 2}
    assert "reached" not in read_recipe("out.png")
    assert Path("out.0004.png").read_bytes() == Path("out.png").read_bytes()


def test_frames_never_replace_an_input(call: Caller) -> None:
    style = Path("out.0004.png")
    style.write_bytes(Path("style.png").read_bytes())
    tiny = ["--size", "40", "--min-size", "20", "--iterations", "2", "--save-every", "2"]
    assert refused(
        call("stylize", "content.png", "out.0004.png", "-o", "out.png", *tiny), "out.0004.png", "same file"
    )
    assert refused(call.stylize("-o", "out.png", "--save-every", "2", "--no-clobber"), "out.0004.png", "exists")
    assert style.read_bytes() == Path("style.png").read_bytes()
    assert call.names == {"content.png", "style.png", "out.0004.png"}


def written(call: Caller, monkeypatch: pytest.MonkeyPatch, *arguments: str, clock: float) -> list[int]:
    """Widths of the pictures that a run writes to out.png, when time goes on by `clock` seconds a glance."""
    widths: list[int] = []
    now = 0.0

    def glance() -> float:
        nonlocal now
        now += clock
        return now

    monkeypatch.setattr("time.perf_counter", glance)
    monkeypatch.setattr(saver, "save_image", lambda image, *_, **__: widths.append(image.width))
    assert call.stylize("-o", "out.png", *arguments).code == 0
    return widths


def test_previews_are_fresh_but_never_dear(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    assert written(call, monkeypatch, clock=1e-6) == [40]
    assert written(call, monkeypatch, "--preview", clock=1e-6) == [20, 40]  # all within two seconds
    dear = written(call, monkeypatch, "--preview", clock=3.0)  # one takes 3 s, so the next waits for 100
    assert dear == [20, 40]


def test_every_due_preview_is_written(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saver, "_PREVIEW_SECONDS", 0)
    monkeypatch.setattr(saver, "_PREVIEW_SHARE", float("inf"))
    assert written(call, monkeypatch, "--preview", clock=1.0) == [20, 20, 40, 40]


@pytest.mark.parametrize("error", [DivergedError("not a number"), OutOfMemoryError("try size 20")])
def test_a_run_that_fails_keeps_what_it_has(
    call: Caller, monkeypatch: pytest.MonkeyPatch, error: DivergedError | OutOfMemoryError
) -> None:
    monkeypatch.setattr(Transfer, "__iter__", ending_after(3, error))
    code, out, err = call.stylize("-o", "out.png", "--json")
    assert code == error.exit_code
    first, second = err.splitlines()
    assert first == f"impasto: {error}"
    assert second == "impasto: kept the picture as it was at 40 px, after 3 evaluations: out.png"
    assert json.loads(out)["interrupted"] is True
    assert read_recipe("out.png")["reached"] == {"scale": 40, "evaluations": 3}


def test_a_run_that_fails_at_once_leaves_the_old_file(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("out.png").write_bytes(b"old")
    monkeypatch.setattr(Transfer, "__iter__", ending_after(0, DivergedError("not a number")))
    assert call.stylize("-o", "out.png") == (4, "", "impasto: not a number\n")
    assert Path("out.png").read_bytes() == b"old"


def test_a_defect_keeps_what_there_is(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Transfer, "__iter__", ending_after(1, ZeroDivisionError("oh")))
    code, _, err = call.stylize("-o", "out.png")
    assert code == 1
    assert "defect" in err
    assert size_of("out.png") == (20, 15)


def test_a_full_disk(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise ImageError("output 'out.png' needs 9 bytes: No space left on device; nothing was changed")

    monkeypatch.setattr(saver, "save_image", full)
    assert refused(call.stylize("-o", "out.png", "--preview"), "needs 9 bytes")


def test_notes(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer.Transfer, "notes", ["broken colour profile ignored"])
    code, out, err = call.stylize("-o", "out.png", "--json")
    assert (code, err) == (0, "impasto: note: broken colour profile ignored\n")
    assert json.loads(out)["notes"] == ["broken colour profile ignored"]
    assert call.stylize("-o", "out.png", "--quiet") == (0, "", "")


def test_a_header_is_read_before_the_pixels(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs no torch is checked first: with both wrong, the output is what is told."""
    Path("cut.png").write_bytes(Path("style.png").read_bytes()[:1000])
    outcome = call("stylize", "content.png", "cut.png", "-o", "out.gif")
    assert refused(outcome, "out.gif")
    assert files.Files("a", ("b",), "c.d/e.f.png").frame(12) == Path("c.d/e.f.0012.png")
