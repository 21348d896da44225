"""A run that was cut off goes on to the same bytes; what is damaged or of another run is refused."""

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clicalls import Caller
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from tinyruns import CONTENT, OTHER, STYLE, picture_bytes

from impasto import Iterate, cost, iterate, prepare, room, snapshots, stylize, texture
from impasto.cost import Layout
from impasto.errors import SnapshotError
from impasto.snapshots import FILE

pytestmark = pytest.mark.usefixtures("quick_runs")

RUN: dict[str, Any] = {"size": 40, "min_size": 20, "iterations": "8,6"}
FLAGS = ("content.png", "style.png", "--size", "40", "--min-size", "20", "--iterations", "8,6")


@pytest.fixture(autouse=True)
def every_state_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "INTERVAL", -1e9)
    monkeypatch.setattr(snapshots, "SHARE", 1e9)


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    monkeypatch.chdir(tmp_path)
    return Caller(tmp_path, capsys)


def _cut(folder: Path, count: int, **values: Any) -> None:
    """As many evaluations of a run as that, all kept."""
    states = iterate(CONTENT, STYLE, checkpoint=folder, **RUN | values)
    list(itertools.islice(states, count))


def _same(one: Iterate, other: Iterate) -> bool:
    counts = [
        (state.scale, state.step, state.evaluations, dict(state.losses), state.content_weight, state.next_weight)
        for state in (one, other)
    ]
    return counts[0] == counts[1] and bool((one.image == other.image).all())


@pytest.mark.parametrize("count", [1, 4, 5, 6, 8, 9, 12, 14])
def test_a_resumed_run_is_the_unbroken_one(tmp_path: Path, count: int) -> None:
    """In a round of the dial, between two, between scales, at the end: 8 are 4, 2 and 2 rounds."""
    unbroken = list(iterate(CONTENT, STYLE, **RUN))
    _cut(tmp_path, count)
    resumed = list(iterate(CONTENT, STYLE, checkpoint=tmp_path, **RUN))
    assert len(resumed) == len(unbroken) - count + 1  # the state that was kept is shown again
    assert all(itertools.starmap(_same, zip(resumed, unbroken[count - 1 :], strict=True)))


@pytest.mark.parametrize(
    "values",
    [
        {"optimizer": "adam"},
        {"optimizer": "adam", "clip": False, "preset": "seed", "height": None},
        {"color": "content", "init": "noise"},
        {"content_weight": 0.2, "borders": "circular"},
        {"content_mask": np.tri(60, 80, dtype=np.uint8) * 255},
    ],
    ids=str,
)
def test_whatever_the_options(tmp_path: Path, values: dict[str, Any]) -> None:
    unbroken = stylize(CONTENT, STYLE, **RUN | values)
    for count in (3, 5):  # cut off twice
        _cut(tmp_path, count, **values)
    resumed = stylize(CONTENT, STYLE, checkpoint=tmp_path, **RUN | values)
    assert picture_bytes(resumed) == picture_bytes(unbroken)
    assert resumed.recipe == unbroken.recipe


def test_textures_go_on_as_well(tmp_path: Path) -> None:
    unbroken = texture(STYLE, (40, 30), min_size=20, iterations=4)
    run = prepare(CONTENT, STYLE, **RUN)
    assert run.snapshots is None
    for _ in range(2):
        assert texture(STYLE, (40, 30), min_size=20, iterations=4, checkpoint=tmp_path).image == unbroken.image


def test_another_run_is_not_taken_for_this_one(tmp_path: Path) -> None:
    _cut(tmp_path, 3)
    before = (tmp_path / FILE).read_bytes()
    for values in ({"seed": 1}, {"size": 44}):
        with pytest.raises(SnapshotError, match="is of another run, or of another version, which has not ended"):
            prepare(CONTENT, STYLE, checkpoint=tmp_path, **RUN | values)
    with pytest.raises(SnapshotError):
        prepare(CONTENT, OTHER, checkpoint=tmp_path, **RUN)
    assert (tmp_path / FILE).read_bytes() == before


def test_a_run_that_has_ended_makes_room(tmp_path: Path) -> None:
    stylize(CONTENT, STYLE, checkpoint=tmp_path, **RUN)
    other = stylize(CONTENT, STYLE, checkpoint=tmp_path, **RUN | {"strength": 0.9})
    assert picture_bytes(other) == picture_bytes(stylize(CONTENT, STYLE, **RUN | {"strength": 0.9}))


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "text", "folder", "other"])
def test_damage_is_told(tmp_path: Path, damage: str) -> None:
    _cut(tmp_path, 3)
    file = tmp_path / FILE
    data = bytearray(file.read_bytes())
    if damage == "folder":
        file.unlink()
        file.mkdir()
    elif damage == "other":
        save_file({"x": np.zeros(2, np.float32)}, file)
    else:
        data[-1000] ^= 1
        file.write_bytes({"cut": data[:5000], "empty": b"", "flipped": data, "text": b"hello, world"}[damage])
    with pytest.raises(SnapshotError, match=r"^checkpoint '.*' (is damaged|cannot be used)"):
        list(iterate(CONTENT, STYLE, checkpoint=tmp_path, **RUN))


def test_nothing_is_pickled_and_no_name_is_kept(call: Caller, tmp_path: Path) -> None:
    list(itertools.islice(iterate("content.png", "style.png", checkpoint="kept", **RUN), 3))
    data = Path("kept", FILE).read_bytes()
    assert b"content.png" not in data
    assert str(tmp_path).encode() not in data
    with safe_open(f"kept/{FILE}", "np") as file:
        assert set(file.metadata()) == {"impasto"}


@pytest.mark.parametrize("error", [OSError(28, "No space left"), SafetensorError("I/O error: No space left")])
def test_a_checkpoint_that_cannot_be_written_does_not_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    run = prepare(CONTENT, STYLE, checkpoint=tmp_path, **RUN)
    monkeypatch.setattr(snapshots, "save_file", lambda *_: (_ for _ in ()).throw(error))
    last = list(run)[-1]
    assert picture_bytes(last) == picture_bytes(stylize(CONTENT, STYLE, **RUN))
    assert "could not be written, and is as old as it is: " in str(run.snapshots and run.snapshots.problem)
    assert "No space left" in str(run.snapshots and run.snapshots.problem)
    assert list(tmp_path.iterdir()) == []


def test_the_command_goes_on_and_cleans_up(call: Caller) -> None:
    assert call("stylize", *FLAGS, "-o", "whole.png").code == 0
    list(itertools.islice(iterate("content.png", "style.png", checkpoint="kept", **RUN), 9))
    assert call("stylize", *FLAGS, "-o", "out.png", "--checkpoint", "kept", "--resume").code == 0
    assert Path("out.png").read_bytes() == Path("whole.png").read_bytes()
    assert list(Path("kept").iterdir()) == []
    outcome = call("stylize", *FLAGS, "-o", "out.png", "--checkpoint", "kept", "--resume")
    assert (outcome.code, "is not there: leave --resume away" in outcome.err) == (1, True)
    outcome = call("stylize", *FLAGS, "-o", "out.png", "--resume")
    assert (outcome.code, "give --checkpoint DIR" in outcome.err) == (2, True)
    outcome = call("stylize", *FLAGS, "-o", "out.png", "--checkpoint", "content.png")
    assert (outcome.code, outcome.err.count("\n")) == (1, 1)


def test_kill_9_loses_no_more_than_the_last_interval(call: Caller) -> None:
    """The real command, killed in the middle of it, and the same command again."""
    flags = ("stylize", *FLAGS[:-1], "300,6")
    often = (
        "from impasto import snapshots as s; s.INTERVAL, s.SHARE = -1.0, 1e9;"
        "from impasto.__main__ import main; exit(main())"
    )
    command = [sys.executable, "-m", "impasto"]
    assert subprocess.run([*command, *flags, "-o", "whole.png"], check=False).returncode == 0
    on = (*flags, "-o", "out.png", "--checkpoint", "kept")
    killed = subprocess.Popen([sys.executable, "-c", often, *on], stderr=subprocess.DEVNULL)
    while not Path("kept", FILE).exists():
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    assert killed.wait(10) == -signal.SIGKILL
    assert not Path("out.png").exists()
    assert subprocess.run([*command, *on, "--resume"], check=False).returncode == 0
    assert Path("out.png").read_bytes() == Path("whole.png").read_bytes()
    assert list(Path("kept").iterdir()) == []


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_runs_whose_state_lies_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str) -> None:
    """As those in memory, and in the tiles that they were begun in."""
    values = RUN | {"optimizer": optimizer, "content_layers": "relu2_1", "style_layers": "relu2_1"}
    unbroken = list(iterate(CONTENT, STYLE, **values, tile=32))
    monkeypatch.setattr(room, "BLOCK", 500)

    def in_files(tile: int | None) -> None:
        def fit(plan: cost.Plan, *_: object, known: Sequence[int | None] = ()) -> list[Layout]:
            return [Layout(size, True) for size in known or [tile] * len(plan.works)]

        monkeypatch.setattr(cost.Plan, "fit", fit)

    in_files(32)
    kept = list(itertools.islice(iterate(CONTENT, STYLE, checkpoint=tmp_path, **values), 11))
    in_files(None)
    run = prepare(CONTENT, STYLE, checkpoint=tmp_path, **values)
    assert run.tiles == [32, 32]
    resumed = list(run)
    assert len(kept) + len(resumed) - 1 == len(unbroken)
    for one, other in zip([*kept, *resumed[1:]], unbroken, strict=True):
        assert dict(one.losses) == pytest.approx(dict(other.losses), rel=1e-4)  # sums are taken in other blocks
    again = list(iterate(CONTENT, STYLE, checkpoint=tmp_path, **values))
    assert bool((again[-1].image == resumed[-1].image).all())


def test_a_run_that_goes_on_with_less_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps inside it, in other tiles than before, and says so; with as much as before, in the same."""
    values = {"size": 200, "min_size": 200, "iterations": 4, "content_weight": 0.1}
    values |= {"content_layers": "relu3_1", "style_layers": "relu2_1"}
    monkeypatch.setattr(cost, "TILES", (None, 64))
    list(itertools.islice(iterate(CONTENT, STYLE, checkpoint=tmp_path, **values), 2))
    same = prepare(CONTENT, STYLE, checkpoint=tmp_path, **values)
    assert (same.tiles, same.mishaps) == ([None], [])
    least = min(option.memory for option in same.plan._options(0, None)) + 3 * 10**7
    assert least < same.plan.estimate(same.layouts).memory
    less = prepare(CONTENT, STYLE, checkpoint=tmp_path, memory=least, **values)
    assert less.tiles == [64]
    assert less.mishaps == ["the run may have less memory than before, and goes on in smaller tiles"]
    *_, last = less
    assert (last.step, last.last) == (4, True)
