"""How to compute is chosen by measurement, within what the options leave open, and kept for the next run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from impasto import device
from impasto.device import Compute, choose_compute, choose_device, measured_seconds
from impasto.errors import OptionsError

DIRECT = Compute("cpu", "float32", "direct")
WINOGRAD = Compute("cpu", "float32", "winograd")
HALF = Compute("cpu", "bfloat16", "winograd")
HALF_DIRECT = Compute("cpu", "bfloat16", "direct")


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("IMPASTO_CACHE", str(folder))
    return folder


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, cache: Path) -> dict[Compute, float]:
    """What measurements find from now on; change it, and the next one finds something else."""
    seconds = {DIRECT: 2.0, WINOGRAD: 1.0, HALF_DIRECT: 4.0, HALF: 3.0}
    monkeypatch.setattr(device, "_measure", lambda name: dict(seconds))
    return seconds


@pytest.mark.parametrize(
    ("precision", "half", "expected"),
    [
        ("auto", 0.8, HALF), ("auto", 0.9, WINOGRAD), ("auto", 3.0, WINOGRAD),
        ("float32", 0.1, WINOGRAD), ("bfloat16", 3.0, HALF), ("bfloat16", 5.0, HALF_DIRECT),
    ],
)  # fmt: skip
def test_the_fastest_that_the_options_leave_open(
    measured: dict[Compute, float], precision: str, half: float, expected: Compute
) -> None:
    """Half precision only where it is 1.15 times as fast, unless it was asked for."""
    measured[HALF] = half
    assert choose_compute("cpu", precision) == expected


def test_a_device_without_half_precision(measured: dict[Compute, float]) -> None:
    del measured[HALF], measured[HALF_DIRECT]
    assert choose_compute("auto" if choose_device("auto") == "cpu" else "cpu", "auto") == WINOGRAD
    with pytest.raises(OptionsError, match="cpu cannot compute in bfloat16: choose --precision"):
        choose_compute("cpu", "bfloat16")


@pytest.mark.parametrize("there", [[], ["mps"], ["cuda"], ["cuda", "mps"]])
def test_auto_is_the_fastest_kind_of_device(monkeypatch: pytest.MonkeyPatch, there: list[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in there)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in there)
    assert choose_device("auto") == [*there, "cpu"][0]
    assert choose_device("cpu") == "cpu"
    for name in ("cuda", "mps"):
        if name in there:
            assert choose_device(name) == name
        else:
            with pytest.raises(OptionsError, match=f"no {name} device: choose --device auto"):
                choose_device(name)


def test_every_way_is_measured_once(cache: Path) -> None:
    """Really, on this machine; the second answer is read, to the last digit."""
    first = measured_seconds("cpu")
    assert DIRECT in first
    assert WINOGRAD in first
    assert all(value > 0 for value in first.values())
    assert measured_seconds("cpu") == first
    assert [path.name for path in cache.iterdir()] == ["speed.json"]


def test_a_measurement_is_kept(monkeypatch: pytest.MonkeyPatch, measured: dict[Compute, float]) -> None:
    assert measured_seconds("cpu") == measured
    before = dict(measured)
    measured[DIRECT] = 9.0
    assert measured_seconds("cpu") == before
    monkeypatch.setattr(torch, "get_num_threads", lambda: 99)
    assert measured_seconds("cpu") == measured


def test_measurements_of_other_machines_are_kept_too(
    monkeypatch: pytest.MonkeyPatch, cache: Path, measured: dict[Compute, float]
) -> None:
    for name in ("one", "other"):
        monkeypatch.setattr(device, "machine", lambda _, name=name: name)
        measured_seconds("cpu")
    assert len(json.loads((cache / "speed.json").read_text())) == 2


@pytest.mark.parametrize(
    "content",
    ["", "{", "[" * 100_000, '{"a": 1}', "\x00", "null", "7", "[]", '"x"'],
)
def test_a_damaged_cache_is_measured_again(cache: Path, measured: dict[Compute, float], content: str) -> None:
    cache.mkdir()
    (cache / "speed.json").write_text(content)
    assert measured_seconds("cpu") == measured


@pytest.mark.parametrize("content", ['{"a": 1}', "", "{", "\x00", "[]"])
def test_a_damaged_cache_is_mended(cache: Path, measured: dict[Compute, float], content: str) -> None:
    cache.mkdir()
    (cache / "speed.json").write_text(content)
    before = measured_seconds("cpu")
    measured[DIRECT] = 9.0
    assert measured_seconds("cpu") == before


@pytest.mark.parametrize(
    "entry",
    [
        7, None, "x", [[vars(DIRECT), 10**400], [vars(WINOGRAD), 1]], [[vars(DIRECT), -1], [vars(WINOGRAD), 1]],
        [["x", 1]], [[{"device": "cpu"}, 1]], [[{}, None]],
        [], {},
    ],
)  # fmt: skip
def test_a_damaged_entry_is_measured_again(cache: Path, measured: dict[Compute, float], entry: object) -> None:
    measured_seconds("cpu")
    path = cache / "speed.json"
    path.write_text(json.dumps(dict.fromkeys(json.loads(path.read_text()), entry)))
    assert choose_compute("cpu", "auto") == WINOGRAD


def test_a_cache_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, measured: dict[Compute, float]
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("IMPASTO_CACHE", str(file / "cache"))
    assert measured_seconds("cpu") == measured


def _layers(broken: str) -> Callable[[Compute, int], Callable[[], float]]:
    """Layers that take a second, but for one precision that the device does not have."""

    def layer(way: Compute, side: int) -> Callable[[], float]:
        if way.precision == broken:
            raise RuntimeError(f"not implemented for {broken}")
        return lambda: 1.0

    return layer


def test_half_precision_may_be_missing(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(device, "_typical_layers", _layers(broken="bfloat16"))
    assert set(measured_seconds("cpu")) == {DIRECT, WINOGRAD}


def test_float32_may_not(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(device, "_typical_layers", _layers(broken="float32"))
    with pytest.raises(RuntimeError, match="not implemented for float32"):
        measured_seconds("cpu")


@pytest.mark.parametrize("slower", [3.0, 5.0])
def test_a_precision_that_is_imitated_is_only_glanced_at(
    monkeypatch: pytest.MonkeyPatch, cache: Path, slower: float
) -> None:
    """Without bf16 units a whole probe takes a minute. `--precision bfloat16` still works there."""
    calls: list[tuple[Compute, int]] = []

    def layer(way: Compute, side: int) -> Callable[[], float]:
        def run() -> float:
            calls.append((way, side))
            return side**2 * 1e-6 * (slower if way.precision == "bfloat16" else 1.0)

        return run

    monkeypatch.setattr(device, "_typical_layers", layer)
    found = measured_seconds("cpu")
    assert set(found) == {DIRECT, WINOGRAD, HALF, HALF_DIRECT}
    assert found[HALF] == pytest.approx(slower * found[WINOGRAD])
    assert (HALF in {way for way, side in calls if side == device.SIDE}) == (slower < device.HOPELESS)
    assert choose_compute("cpu", "auto").precision == "float32"
    assert choose_compute("cpu", "bfloat16").precision == "bfloat16"


def test_dtypes() -> None:
    assert DIRECT.dtype == torch.float32
    assert HALF.dtype == torch.bfloat16


def test_an_incomplete_entry_is_measured_again(cache: Path, measured: dict[Compute, float]) -> None:
    """Well-formed, but without the way that everything falls back to."""
    measured_seconds("cpu")
    path = cache / "speed.json"
    entry = [[{"device": "cpu", "precision": "bfloat16", "method": "direct"}, 1.0]]
    path.write_text(json.dumps(dict.fromkeys(json.loads(path.read_text()), entry)))
    assert measured_seconds("cpu") == measured
