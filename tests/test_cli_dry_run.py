"""`--dry-run`: what a run will take, and nothing else happens."""

import json
from pathlib import Path

import pytest
from clicalls import Caller

from impasto import run
from impasto.calibration import Rate, Speed


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quick_runs: None
) -> Caller:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "speed", lambda *_: Speed(Rate(1e-4, 0), Rate(3e-4, 0), 1e-4))
    return Caller(tmp_path, capsys)


def test_a_table_of_the_scales(call: Caller) -> None:
    outcome = call.stylize("--dry-run")
    assert (outcome.code, outcome.err) == (0, "")
    head, first, second, last = outcome.out.splitlines()
    assert head.split() == ["scale", "pixels", "evaluations", "tiles", "time", "memory"]
    assert first.split()[:6] == ["20", "36", "x", "31", "2", "1"]  # with the bleed
    assert second.split()[0] == "40"
    assert last.startswith("in all 0:")
    assert "of memory" in last
    assert call.names == {"content.png", "style.png"}


def test_the_record(call: Caller) -> None:
    outcome = call.stylize("--dry-run", "--json", "--tile", "32", "-o", "out.png")
    record = json.loads(outcome.out)
    assert [scale["scale"] for scale in record["scales"]] == [20, 40]
    assert record["scales"][1]["layout"]["tile"] == 32
    assert record["scales"][1]["tiles"] == 4
    assert record["seconds"] > 0
    assert record["peak_memory"] > 10**8
    assert "out.png" not in call.names


def test_of_a_texture(call: Caller) -> None:
    outcome = call("texture", "style.png", "--size", "48x32", "--min-size", "24", "--dry-run")
    assert outcome.code == 0
    assert "64 x 48" in outcome.out


def test_what_cannot_be_is_told_as_in_a_run(call: Caller) -> None:
    outcome = call.stylize("--dry-run", "--memory", "50MB")
    assert outcome.code == 3
    assert outcome.err.startswith("impasto: size 40 needs ")
    assert "may have 50 MB: " in outcome.err
    assert call.stylize("--dry-run", "--memory", "plenty").code == 2
    assert call.stylize("--dry-run", "-o", "missing/out.png").code == 1


def test_without_it_an_output_is_needed(call: Caller) -> None:
    outcome = call.stylize()
    assert outcome.code == 2
    assert "--output" in outcome.err


def test_a_run_that_ran_out_of_memory_says_so(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    paint = run.Transfer._paint

    def told(self: run.Transfer) -> object:
        self.mishaps.append("memory ran out at 40 px, which was painted in tiles of 32")
        return paint(self)

    monkeypatch.setattr(run.Transfer, "_paint", told)
    outcome = call.stylize("-o", "out.png", "--json")
    assert outcome.err == "impasto: note: memory ran out at 40 px, which was painted in tiles of 32\n"
    assert json.loads(outcome.out)["notes"] == ["memory ran out at 40 px, which was painted in tiles of 32"]
