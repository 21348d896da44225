"""Signals, kills and closed pipes: nothing painted is lost, and nothing is left behind."""

import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clicalls import TINY, Caller, size_of, start
from PIL import Image
from tinyruns import CONTENT, STYLE

from impasto import Iterate, iterate, read_recipe, save_image
from impasto.cli import saver
from impasto.cli.painting import _follow
from impasto.cli.signals import Interrupts, Stopped
from impasto.errors import DivergedError

LONG = ("--size", "64", "--iterations", "5000")
PROMISED = 2.0  # seconds from a signal to the end
PATIENCE = 60.0  # seconds, for a machine that is busy with something else


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    """Installed in the test's own process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    interrupts = Interrupts()
    interrupts.install()
    yield interrupts
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(CONTENT).save("content.png")
    Image.fromarray(STYLE).save("style.png")
    return tmp_path


def interrupt(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path} within {PATIENCE} s"
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_raises_where_it_arrives(interrupts: Interrupts, number: int, code: int) -> None:
    with pytest.raises(Stopped) as stopped:
        interrupt(number)
    assert stopped.value.exit_code == code


def test_no_handler_for_failures_catches_it() -> None:
    assert not issubclass(Stopped, Exception)


def test_while_held_a_signal_is_only_noted(interrupts: Interrupts) -> None:
    interrupts.hold()
    assert interrupts.noted() is None
    interrupt(signal.SIGTERM)
    stopped = interrupts.noted()
    assert stopped is not None
    assert stopped.exit_code == 143


def follow(interrupts: Interrupts, states: Iterable[int], *, interrupted_at: int) -> list[int]:
    """The states that come through, and -1 where the loop was stopped."""
    got = []
    interrupts.hold()
    try:
        for state in interrupts.stoppable(states):
            got.append(state)
            if state == interrupted_at:
                interrupt()
    except Stopped:
        got.append(-1)
    return got


def test_states_are_stopped_while_they_are_computed(interrupts: Interrupts) -> None:
    def states() -> Iterator[int]:
        yield 1
        interrupt()
        yield 2

    assert follow(interrupts, states(), interrupted_at=0) == [1, -1]


def test_states_are_not_stopped_in_between(interrupts: Interrupts) -> None:
    assert follow(interrupts, [1, 2, 3], interrupted_at=2) == [1, 2, -1]


def test_states_to_the_end(interrupts: Interrupts) -> None:
    assert follow(interrupts, [1, 2], interrupted_at=0) == [1, 2]
    interrupt()  # is held again
    assert interrupts.noted() is not None


def test_a_swallowed_signal_is_raised_again(interrupts: Interrupts) -> None:
    try:
        interrupt()
    except BaseException:  # as an import, or a callback from C, may do
        interrupts.hold()
    with pytest.raises(Stopped):
        next(interrupts.stoppable([1]))


def test_the_second_signal_ends_at_once(interrupts: Interrupts, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr("os._exit", ended.append)
    interrupts.hold()
    interrupt(signal.SIGTERM)
    assert ended == []
    interrupt(signal.SIGINT)
    assert ended == [130]


@pytest.mark.usefixtures("quick_runs")
def test_a_signal_while_a_preview_is_saved(
    folder: Path, interrupts: Interrupts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved: list[object] = []

    def interrupted_save(*args: Any, **settings: Any) -> None:
        if not saved:
            interrupt()
        save_image(*args, **settings)
        saved.append(args)

    monkeypatch.setattr(saver, "save_image", interrupted_save)
    with pytest.raises(Stopped) as stopped:
        Caller(folder, capsys).stylize("-o", "out.png", "--preview", interrupts=interrupts)
    assert len(saved) == 2  # the preview whole, and the picture
    assert read_recipe("out.png")["reached"] == {"scale": 20, "evaluations": 1}
    assert stopped.value.__notes__ == ["kept the picture as it was at 20 px, after 1 evaluation: out.png"]


@pytest.mark.usefixtures("quick_runs")
def test_a_signal_while_the_finished_picture_is_saved(
    folder: Path, interrupts: Interrupts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:

    def interrupted_save(*args: Any, **settings: Any) -> None:
        interrupt()
        save_image(*args, **settings)

    monkeypatch.setattr(saver, "save_image", interrupted_save)
    with pytest.raises(Stopped) as stopped:
        Caller(folder, capsys).stylize("-o", "out.png", interrupts=interrupts)
    assert size_of("out.png") == (40, 30)
    assert stopped.value.__notes__ == ["the picture was finished: out.png"]


@pytest.mark.usefixtures("quick_runs")
def test_a_signal_that_has_also_ended_the_reader(
    folder: Path, interrupts: Interrupts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken_echo(_text: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("click.echo", broken_echo)
    monkeypatch.setattr(saver, "save_image", lambda *_, **__: interrupt())
    with pytest.raises(Stopped):
        Caller(folder, capsys).stylize("-o", "out.png", "--json", interrupts=interrupts)


@pytest.mark.usefixtures("quick_runs")
def test_of_one_scale_and_weight_the_best_state_is_kept(interrupts: Interrupts) -> None:
    first = next(iterate(CONTENT, STYLE, size=40, min_size=20, iterations=4))

    def states(*losses: tuple[int, float, float]) -> Iterator[Iterate]:
        for scale, weight, loss in losses:
            yield replace(first, scale=scale, content_weight=weight, losses={"total": loss})
        raise DivergedError("at last")

    def kept(*losses: tuple[int, float, float]) -> tuple[int, float, float]:
        state, ending = _follow(states(*losses), [], interrupts)  # type: ignore[arg-type]
        assert isinstance(ending, DivergedError)
        return state.scale, state.content_weight, state.losses["total"]

    assert kept((20, 1, 3), (20, 1, 1), (20, 1, 2)) == (20, 1, 1)
    assert kept((20, 1, 1), (20, 2, 4), (20, 2, 5)) == (20, 2, 4)
    assert kept((20, 1, 1), (40, 1, 4)) == (40, 1, 4)


def test_ctrl_c_keeps_the_picture(folder: Path) -> None:
    process = start("stylize", "content.png", "style.png", "-o", "out.jpg", *LONG, "--save-every", "3")
    wait_for(folder / "out.0003.jpg")
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, err = process.communicate(timeout=PATIENCE)
    assert time.monotonic() - began < PROMISED
    assert (process.returncode, out) == (130, "")
    first, second = err.splitlines()
    assert first == "impasto: stopped"
    assert second.startswith("impasto: kept the picture as it was at 64 px, after ")
    reached: Any = read_recipe("out.jpg")["reached"]
    assert reached["evaluations"] >= 3
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_torch_is_imported(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    (folder / "torch.py").write_text("import pathlib, time\npathlib.Path('importing').touch()\ntime.sleep(60)\n")
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    process = start("stylize", "content.png", "style.png", "-o", "out.png")
    wait_for(folder / "importing")
    process.send_signal(number)
    began = time.monotonic()
    assert process.communicate(timeout=PATIENCE) == ("", "impasto: stopped\n")
    assert time.monotonic() - began < PROMISED
    assert process.returncode == code
    assert {path.name for path in folder.glob("*.*")} == {"content.png", "style.png", "torch.py"}


def test_a_kill_leaves_a_whole_picture(folder: Path) -> None:
    process = start("stylize", "content.png", "style.png", "-o", "out.png", *LONG, "--preview", "--save-every", "1")
    wait_for(folder / "out.0005.png")
    process.kill()
    process.communicate(timeout=PATIENCE)
    for path in folder.glob("out*.png"):
        assert size_of(path) == (64, 48)
    assert (folder / "out.png").exists()


def test_a_closed_pipe(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start("stylize", "content.png", "style.png", "-o", "out.png", *TINY, "--json", stdout=writing)
    os.close(writing)
    assert process.communicate(timeout=PATIENCE)[1] == ""
    assert process.returncode == 1
    assert size_of("out.png") == (40, 30)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_under_stdout() -> None:
    with Path("/dev/full").open("w") as full:
        process = start("presets", stdout=full)
        err = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 1
    assert err == "impasto: the system refuses to go on: [Errno 28] No space left on device\n"


def test_bare_surroundings(folder: Path) -> None:
    """No HOME, no locale, no cache that could be written, nothing to write to, few files."""
    bare = {"PATH": os.environ["PATH"], "LC_ALL": "C", "IMPASTO_CACHE": "/dev/null/nowhere"}
    bare |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    process = start(
        *("stylize", "content.png", "style.png", "-o", "été.png", *TINY),
        env=bare,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
    )
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert out.count("\n") == 1
    assert size_of("été.png") == (40, 30)
