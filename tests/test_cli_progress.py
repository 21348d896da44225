"""The progress display: what it says, and how it estimates the time that is left."""

import io
import sys
from pathlib import Path

import pytest
import torch
from clicalls import Caller

from impasto import Iterate
from impasto.cli.progress import progress_display
from impasto.remaining import Remaining

SCALES = (128, 256, 300)
PARTS = [(4, 128.0**2), (4, 256.0**2), (2, 300.0**2)]  # evaluations that cost what they have pixels


def state(scale: int, step: int, seconds: float = 0.0, steps: int = 4) -> Iterate:
    return Iterate(scale, SCALES, step, steps, step, {"total": 0.12345}, 0.1, 0.1, seconds, torch.empty(0))


def test_work_is_evaluations_times_pixels() -> None:
    estimate = Remaining(PARTS)
    total = 4 * 128**2 + 4 * 256**2 + 2 * 300**2
    assert estimate.work(state(128, 1)) == (128**2, total)
    assert estimate.work(state(256, 3)) == (4 * 128**2 + 3 * 256**2, total)
    assert estimate.work(state(300, 2)) == (total, total)


def test_time_left_where_the_cost_is_in_proportion_to_pixels() -> None:
    estimate, seconds, rate = Remaining(PARTS), 5.0, 1e-5  # five seconds went into getting ready
    left = []
    for scale, steps in zip(SCALES, (4, 4, 2), strict=True):
        for step in range(1, steps + 1):
            seconds += rate * scale**2
            left.append((seconds, estimate.seconds_left(state(scale, step, seconds))))
    end = seconds
    assert left[0][1] is None
    assert [remaining for _, remaining in left[1:]] == pytest.approx([end - now for now, _ in left[1:]])


def test_each_scale_is_measured_anew() -> None:
    estimate = Remaining([(2, 128.0**2), (3, 256.0**2), (0, 300.0**2)])
    estimate.seconds_left(state(128, 1, 1.0))
    estimate.seconds_left(state(128, 2, 2.0))
    assert estimate.seconds_left(state(256, 1, 9.0)) == pytest.approx(2 * 4)  # as the scale before
    assert estimate.seconds_left(state(256, 2, 10.0)) == pytest.approx(1)  # as this one


def test_nothing_is_shown_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_display(False) as begin:
        begin(PARTS)(state(128, 1))
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def open_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """In place of stderr, and wide enough. No fixture: pytest puts its own stderr back before each test."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    return terminal


def test_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    with progress_display(True) as begin:
        watch = begin(PARTS)
        assert "getting ready" in terminal.getvalue()
        for step, seconds in ((1, 1.0), (2, 2.0)):
            watch(state(128, step, seconds))
    shown = terminal.getvalue()
    assert "128 px (1 of 3)" in shown
    assert "evaluation 2 of 4, loss 0.123, 0:29 left" in shown
    assert shown.rstrip("\n").endswith("\x1b[2K")  # the last line is wiped


@pytest.mark.usefixtures("quick_runs")
@pytest.mark.parametrize("quiet", [False, True])
def test_a_run_on_a_terminal(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    quiet: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    terminal = open_terminal(monkeypatch)
    call = Caller(tmp_path, capsys)
    assert call.stylize("-o", "out.png", *["--quiet"] * quiet).code == 0
    assert ("40 px (2 of 2)" in terminal.getvalue()) is not quiet
    assert (terminal.getvalue() == "") is quiet
