"""What a run takes, and how it is laid out to fit: the model's arithmetic, the choice, and what follows from it."""

import errno
import itertools
import json
import os
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import MakeEncoder
from tinyruns import CONTENT, STYLE, picture_bytes

import impasto
from impasto import calibration, cost, iterate, optimize, outset, prepare, room, snapshots, stylize, texture
from impasto.calibration import Rate, Speed
from impasto.cost import Layout, Plan, Work
from impasto.errors import CacheError, OptionsError, OutOfMemoryError

LARGE: dict[str, Any] = {"size": 300, "min_size": 60, "iterations": 2}


def _plan(encoder: Any, *, base: int = 10**8, divisible: bool = True) -> Plan:
    works = [Work(scale, (scale, scale), [(min(scale, 1024),) * 2], 5, ["relu3_1"]) for scale in (512, 1024, 4096)]
    return Plan(works, encoder, base, adam=False, divisible=divisible)


@pytest.fixture
def plan(make_encoder: MakeEncoder) -> Plan:
    return _plan(make_encoder(["relu3_1", "relu3_2"], dtype=torch.float32))


def test_more_memory_is_never_slower(plan: Plan) -> None:
    seconds = [plan.estimate(plan.fit(budget)).seconds for budget in (10**9, 2 * 10**9, 10**10, 10**12)]
    assert seconds == sorted(seconds, reverse=True)
    assert plan.fit(10**12) == [Layout()] * 3


@pytest.mark.parametrize("budget", [8 * 10**8, 10**9, 3 * 10**9, 10**10])
def test_a_layout_is_inside_its_budget(plan: Plan, budget: int) -> None:
    estimate = plan.estimate(plan.fit(budget))
    assert estimate.memory <= budget
    assert estimate.memory == max(scale.memory for scale in estimate.scales)
    assert (estimate.disk > 0) == any(scale.layout.on_disk for scale in estimate.scales)


def test_small_scales_are_laid_out_as_if_they_were_the_last(plan: Plan) -> None:
    """So that a preview is what the large run goes through."""
    small = replace(plan, works=plan.works[:2])
    assert plan.fit(2 * 10**9)[:2] == small.fit(2 * 10**9)


def test_tiles_by_hand_are_obeyed(plan: Plan) -> None:
    layouts = plan.fit(10**12, 600)
    assert [layout.tile for layout in layouts] == [None, 600, 600]
    assert [scale.tiles for scale in plan.estimate(layouts).scales] == [1, 4, 49]


def test_what_would_fit_is_named(plan: Plan) -> None:
    least = min(cost.memory for cost in plan._options(2, None))
    assert plan.estimate(plan.fit(least)).memory <= least
    with pytest.raises(
        OutOfMemoryError, match=r"size 4096 needs .* may have .*: try --size 1024, or a larger --memory"
    ):
        plan.fit(least - 1)
    with pytest.raises(
        OutOfMemoryError, match=r"in tiles of 4000 needs .*: leave --tile to us, or give a smaller one"
    ):
        plan.fit(least, 4000)
    with pytest.raises(OutOfMemoryError, match="give a larger --memory, or close other programs"):
        plan.fit(10**8)


def test_a_style_that_is_larger_than_the_picture_has_tiles_as_well(make_encoder: MakeEncoder) -> None:
    encoder = make_encoder(["relu3_1", "relu3_2"], dtype=torch.float32)
    works = [Work(scale, (scale, scale), [(8 * scale, 8 * scale)], 5, ["relu3_1"]) for scale in (128, 512)]
    plan = Plan(works, encoder, 10**8, adam=False)
    whole = plan.estimate([Layout()] * 2).scales[0].memory
    (chosen,) = replace(plan, works=works[:1]).fit(round(0.7 * whole))
    assert chosen.tile
    assert [layout.tile for layout in plan.fit(10**12, 192)] == [192, 192]


def test_the_scale_that_does_not_fit_is_named(make_encoder: MakeEncoder) -> None:
    """Which may be a small one, of a large style."""
    encoder = make_encoder(["relu3_1", "relu3_2"], dtype=torch.float32)
    works = [Work(128, (128, 128), [(4096, 4096)], 5, ()), Work(512, (512, 512), [(64, 64)], 5, ())]
    plan = Plan(works, encoder, 10**8, adam=False)
    least = [min(cost.memory for cost in plan._options(number, None)) for number in (0, 1)]
    assert least[0] > least[1]
    with pytest.raises(OutOfMemoryError, match=r"size 512 needs .* of memory at 128 px and may have"):
        plan.fit(least[0] - 1)


def test_known_tiles_come_again_where_they_fit(plan: Plan) -> None:
    roomy = plan.fit(10**12)
    assert [layout.tile for layout in plan.fit(10**12, known=[96, None, 200])] == [96, None, 200]
    least = min(cost.memory for cost in plan._options(2, None))
    tight = plan.fit(least, known=[96, None, None])
    assert tight[0].tile == 96
    assert tight[2].tile is not None
    assert plan.estimate(tight).memory <= least
    assert plan.fit(10**12, known=[None]) == roomy


def test_without_files_all_is_in_memory(plan: Plan) -> None:
    least = min(cost.memory for cost in plan._options(2, None))
    assert any(layout.on_disk for layout in plan.fit(least))
    with pytest.raises(OutOfMemoryError):
        plan.fit(least, files=False)
    assert not any(layout.on_disk for layout in plan.fit(10**12, files=False))


@pytest.mark.usefixtures("quick_runs")
def test_a_cache_folder_without_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Is told before anything is painted; where the picture can lie in memory, it does."""
    values = {"size": 200, "min_size": 200, "iterations": 2, "content_layers": "relu3_1", "style_layers": "relu2_1"}
    monkeypatch.setattr(cost, "TILES", (None, 64))
    monkeypatch.setattr(cost, "STREAMED", -9.0)  # as if files saved memory in so small a picture
    monkeypatch.setattr(cost, "BLOCKS", 0.0)
    plan = prepare(CONTENT, STYLE, **values).plan
    on_disk, in_memory = (
        min(cost.memory for cost in plan._options(0, None) if cost.layout.on_disk is place) for place in (True, False)
    )
    assert on_disk < in_memory - 2 * 10**6
    (tmp_path / "file").touch()
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "file"))
    with pytest.raises(CacheError, match=r"the cache folder has no place for .*: Not a directory; .*IMPASTO_CACHE"):
        prepare(CONTENT, STYLE, **values, memory=(on_disk + in_memory) // 2)
    run = prepare(CONTENT, STYLE, **values, memory=in_memory + 10**8)
    assert not any(layout.on_disk for layout in run.layouts)


@pytest.mark.usefixtures("quick_runs")
def test_a_disk_that_is_full_meanwhile_ends_the_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Smaller tiles would not help: they lie there as well."""
    run = prepare(CONTENT, STYLE, size=100, iterations=3, min_size=100)
    run = replace(run, layouts=[Layout(on_disk=True)])
    count, original = itertools.count(), room._reserve

    def reserve(descriptor: int, size: int) -> None:
        if next(count) > 8:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(descriptor, size)

    monkeypatch.setattr(room, "_reserve", reserve)
    states: list[Any] = []
    with pytest.raises(CacheError, match=r"no place for .* of the picture: No space left on device"):
        states.extend(run)
    assert run.mishaps == []
    assert next(count) == 10


@pytest.mark.usefixtures("quick_runs")
def test_every_scale_that_ran_out_of_memory_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"size": 100, "min_size": 50, "iterations": 1, "content_layers": "relu2_1", "style_layers": "relu2_1"}
    monkeypatch.setattr(cost, "TILES", (None, 40, 16))
    original = outset.plan

    def plan(height: int, width: int, tile: int | None, *rest: int) -> Any:
        if tile is None or (height > 100 and tile > 16):
            raise MemoryError
        return original(height, width, tile, *rest)

    monkeypatch.setattr(outset, "plan", plan)
    run = prepare(CONTENT, STYLE, **values)
    list(run)
    told = [note.partition(",")[0] for note in run.mishaps]
    assert told == ["memory ran out at 50 px", "memory ran out at 100 px"]


def test_features_before_and_after_their_relu_count_twice(make_encoder: MakeEncoder) -> None:
    one, both = (make_encoder(taps, dtype=torch.float32) for taps in (["relu3_2"], ["relu3_2", "conv3_2"]))
    more = both.load((64, 64)).memory - one.load((64, 64)).memory
    assert more == 16 * 16 * both.channels("conv3_2") * 4


def test_an_encoder_gives_back_what_it_holds(make_encoder: MakeEncoder) -> None:
    encoder = make_encoder(["relu3_2"], dtype=torch.float32)
    encoder.forward(torch.rand(1, 3, 64, 64))
    output = weakref.ref(encoder._outputs[0])
    encoder.clear()
    assert output() is None


def test_a_picture_without_ends_is_one_piece(make_encoder: MakeEncoder) -> None:
    plan = _plan(make_encoder(["relu3_2"], dtype=torch.float32), divisible=False)
    assert {layout.tile for layout in plan.fit(10**13)} == {None}
    with pytest.raises(OutOfMemoryError, match="try --size 1024"):
        plan.fit(7 * 10**8)


def test_smaller_layouts_come_to_an_end(plan: Plan) -> None:
    layout, memory = Layout(), []
    while layout is not None:
        memory.append(plan._cost(2, layout).memory)
        layout = plan.smaller(2, layout)
    assert memory == sorted(memory, reverse=True)
    assert len(memory) > 2


def test_seconds_are_passes_times_rates(make_encoder: MakeEncoder) -> None:
    encoder = make_encoder(["relu3_2"], dtype=torch.float32)
    work = Work(64, (64, 64), [(64, 64)], 10, ["relu3_2"])
    speed = Speed(Rate(1e-6, 0), Rate(3e-6, 0), 1e-7)
    found = Plan([work], encoder, 0, adam=False, divisible=True).estimate([Layout()], speed)
    pixels = 64 * 64  # and positions of the only layer of the first block
    assert found.seconds == pytest.approx(10 * (3e-6 + 1e-7) * pixels + 2 * 1e-6 * pixels + cost.HANDLING * pixels)


def test_rates_are_what_two_measurements_have_in_common(make_encoder: MakeEncoder) -> None:
    encoder = make_encoder(["relu3_2"], dtype=torch.float32)
    true = Rate(2e-7, 3e-12)
    loads = [encoder.load((64, 64)), encoder.load((64, 64), (16, 16, 24, 24))]
    found = calibration._rate(loads, [true.seconds(load) for load in loads])
    assert (found.shallow, found.deep) == pytest.approx((true.shallow, true.deep))
    odd = calibration._rate(loads, [1.0, 100.0])  # nonsense: a part that takes longer than the whole
    assert odd.seconds(loads[0]) == pytest.approx(1.0)
    assert odd.shallow > 0
    assert odd.deep > 0


@pytest.mark.usefixtures("quick_runs")
def test_an_estimate_is_timed_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path))
    monkeypatch.setattr(calibration, "SIDE", 96)
    timed: list[None] = []
    original = calibration._timed
    monkeypatch.setattr(calibration, "_timed", lambda *given: timed.append(None) or original(*given))
    first, second = (impasto.estimate(CONTENT, STYLE, **LARGE) for _ in range(2))
    assert len(timed) == 1
    assert [scale.seconds for scale in first.scales] == [scale.seconds for scale in second.scales]
    assert first.seconds > sum(scale.seconds for scale in first.scales) > 0
    assert [scale.scale for scale in first.scales] == [60, 120, 240, 300]
    assert first.memory > 10**8
    kept = (tmp_path / calibration.FILE).read_text()
    (name, right), *_ = json.loads(kept).items()
    wrong = [{"forward": [], "evaluation": None}] + [
        right | {"forward": {"shallow": value, "deep": 1e-12}}
        for value in (10**400, True, 1e300, 0.0, -1.0, "1", None)
    ]
    damages = ['{"damaged', *(json.dumps({name: one}) for one in wrong), kept.replace("{", "[")]
    for count, damage in enumerate(damages, 2):
        (tmp_path / calibration.FILE).write_text(damage)
        assert impasto.estimate(CONTENT, STYLE, **LARGE).seconds < 1e6
        assert len(timed) == count


@pytest.mark.usefixtures("quick_runs")
def test_the_picture_does_not_depend_on_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"size": 200, "min_size": 200, "iterations": 3, "content_layers": "relu3_1", "style_layers": "relu2_1"}
    whole = stylize(CONTENT, STYLE, **values)
    monkeypatch.setattr(cost, "TILES", (None, 64))
    run = prepare(CONTENT, STYLE, **values)
    tight = min(option.memory for option in run.plan._options(0, None))
    tiled = stylize(CONTENT, STYLE, **values, memory=tight + 3 * 10**7)
    assert tiled.recipe["computed"]["tiles"] == [64]
    difference = np.asarray(whole.image, dtype=float) - np.asarray(tiled.image, dtype=float)
    assert np.abs(difference).max() <= 1
    assert set(whole.recipe["options"]) == set(tiled.recipe["options"])


@pytest.mark.usefixtures("quick_runs")
def test_files_give_the_same_bytes_as_memory() -> None:
    run = prepare(CONTENT, STYLE, **LARGE)
    found = []
    for on_disk in (False, True):
        run = replace(run, layouts=[replace(layout, on_disk=on_disk) for layout in run.layouts])
        *_, state = run
        found.append(picture_bytes(state))
    assert found[0] == found[1]


@pytest.mark.usefixtures("quick_runs")
def test_out_of_memory_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once in smaller tiles, and said; never where the tiles were chosen by hand."""
    values = {"size": 100, "min_size": 50, "iterations": 2, "content_layers": "relu2_1", "style_layers": "relu2_1"}
    monkeypatch.setattr(cost, "TILES", (None, 48, 32))
    original, largest = outset.plan, [100]

    def plan(height: int, width: int, tile: int | None, *rest: int) -> Any:
        if (tile or max(height, width)) > largest[0]:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return original(height, width, tile, *rest)

    monkeypatch.setattr(outset, "plan", plan)
    run = prepare(CONTENT, STYLE, **values)
    states = list(run)
    assert run.mishaps == ["memory ran out at 100 px, which was painted in tiles of 48"]
    assert states[-1].last
    assert [layout.tile for layout in run.layouts] == [None, 48]
    with pytest.raises(OutOfMemoryError, match="size 100 does not fit"):
        list(iterate(CONTENT, STYLE, **values, tile=112))
    largest[0] = 20
    with pytest.raises(OutOfMemoryError, match="size 100 does not fit"):
        list(iterate(CONTENT, STYLE, **values))


def test_circular_borders_have_no_tiles() -> None:
    with pytest.raises(OptionsError, match="circular borders is computed in one piece"):
        texture(STYLE, (64, 64), tileable=True, tile=32)


@pytest.mark.parametrize("values", [{"memory": "much"}, {"memory": 0}, {"tile": 8}, {"tile": "half"}], ids=str)
def test_impossible_values(values: dict[str, Any]) -> None:
    with pytest.raises(OptionsError, match=next(iter(values))):
        prepare(CONTENT, STYLE, **values)


def test_the_models_history_is_the_optimisers() -> None:
    assert cost.HISTORY is optimize.HISTORY


@pytest.mark.usefixtures("quick_runs")
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_out_of_memory_after_a_resumption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str) -> None:
    """The scale goes on from what was kept, with as many evaluations as were left."""
    values = {"size": 100, "iterations": 8, "content_weight": 0.1, "optimizer": optimizer, "checkpoint": tmp_path}
    values |= {"content_layers": "relu2_1", "style_layers": "relu2_1", "min_size": 100}
    monkeypatch.setattr(cost, "TILES", (None, 48, 32))
    monkeypatch.setattr(snapshots, "INTERVAL", -1e9)
    monkeypatch.setattr(snapshots, "SHARE", 1e9)
    list(itertools.islice(iterate(CONTENT, STYLE, **values), 3))
    original, asked = outset.optimize.minimize, itertools.count()

    def minimize(*arguments: Any, **settings: Any) -> Any:
        points = original(*arguments, **settings)
        if next(asked):
            yield from points
            return
        yield from itertools.islice(points, 2)
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(outset.optimize, "minimize", minimize)
    run = prepare(CONTENT, STYLE, **values)
    steps = [state.step for state in run]
    assert run.mishaps == ["memory ran out at 100 px, which was painted in tiles of 48"]
    assert steps == [3, 4, 5, 5, 6, 7, 8]
