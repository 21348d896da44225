"""The main path with the real network on tiny pictures: states, the dial, previews, cancelling, failures."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tinyruns import CONTENT, STYLE, TINY, make_array, paint, picture_bytes

import impasto
from impasto import Options, Result, iterate, optimize, outset, preparation, prepare, stage, stylize
from impasto.device import Compute
from impasto.errors import DivergedError, OptionsError, OutOfMemoryError
from impasto.vgg import Encoder

pytestmark = pytest.mark.usefixtures("quick_runs")


def _change(result: Result) -> float:
    """Root mean square difference to the content, in 0..1."""
    content = Image.fromarray(CONTENT).resize(result.image.size, Image.Resampling.LANCZOS)
    difference = np.asarray(result.image, dtype=float) - np.asarray(content, dtype=float)
    return float(np.sqrt((difference**2).mean())) / 255


def test_a_result(tmp_path: Path) -> None:
    result = paint()
    assert (result.image.mode, result.image.size) == ("RGB", (40, 30))
    assert list(result.losses) == [
        "total", "style relu1_1", "style relu2_1", "style relu3_1", "style relu4_1", "style relu5_1",
        "content relu4_2", "total variation",
    ]  # fmt: skip
    assert all(loss >= 0 for loss in result.losses.values())
    assert result.evaluations == 4
    assert result.seconds > 0
    result.save(tmp_path / "out.png")
    assert impasto.read_recipe(tmp_path / "out.png") == result.recipe
    assert Image.open(tmp_path / "out.png").tobytes() == picture_bytes(result)


def test_the_style_gets_nearer() -> None:
    states = list(iterate(CONTENT, STYLE, size=40, min_size=40, iterations=8, content_weight=0.05))
    assert states[-1].losses["total"] == min(state.losses["total"] for state in states)
    assert states[-1].losses["total"] < 0.8 * states[0].losses["total"]
    assert states[0].losses["content relu4_2"] == pytest.approx(0, abs=1e-6)


def test_states_of_a_run() -> None:
    states = list(iterate(CONTENT, STYLE, size=70, min_size=20, iterations="2,1"))
    assert [(state.scale, state.step, state.steps) for state in states] == [
        (20, 1, 2), (20, 2, 2), (40, 1, 1), (70, 1, 1),
    ]  # fmt: skip
    assert [state.evaluations for state in states] == [1, 2, 3, 4]
    assert [state.last for state in states] == [False, False, False, True]
    assert {state.scales for state in states} == {(20, 40, 70)}
    assert [state.picture().size for state in states] == [(20, 15), (20, 15), (40, 30), (70, 52)]
    assert all(0 <= state.image.min() <= state.image.max() <= 1 for state in states)
    seconds = [state.seconds for state in states]
    assert seconds == sorted(seconds)


def test_same_seed_same_bytes() -> None:
    runs = [picture_bytes(paint(init="noise", seed=seed)) for seed in (7, 7, 8)]
    assert runs[0] == runs[1] != runs[2]
    assert picture_bytes(paint(seed=7)) == picture_bytes(paint(seed=7))


def test_same_bytes_with_several_threads() -> None:
    torch.set_num_threads(2)
    try:
        assert picture_bytes(paint()) == picture_bytes(paint())
    finally:
        torch.set_num_threads(1)


def test_the_global_generator_is_not_touched() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    paint(init="noise")
    assert torch.equal(torch.get_rng_state(), before)


def test_strength_is_a_dial() -> None:
    """From nearly the photograph to far from it; stripes are as unlike it as a style can be."""
    rows, columns = np.mgrid[:64, :64]
    stripes = np.where(((rows + columns) // 6 % 2)[..., None], (210, 180, 70), (60, 50, 110)).astype(np.uint8)
    values = {"size": 64, "min_size": 64, "iterations": 40}
    results = [stylize(CONTENT, stripes, strength=strength, **values) for strength in (0, 0.5, 1)]
    errors = [result.losses["content relu4_2"] for result in results]
    assert errors[0] < 0.2
    assert errors[0] + 0.3 < errors[1] < errors[2] - 0.1
    run = prepare(CONTENT, stripes, strength=1, **values)
    target = run._outset.target_error(run._outset.stage(run.materials.photograph(64), 64, 1.0))
    assert errors[1:] == pytest.approx([target / 2, target], rel=0.5)
    changes = [_change(result) for result in results]
    assert changes[0] < 0.02
    assert changes[0] + 0.05 < changes[1] < changes[2]


@pytest.mark.parametrize("strength", [0.25, 0.5])
def test_the_dial_goes_where_it_is_set(strength: float) -> None:
    run = prepare(CONTENT, STYLE, size=64, min_size=64, iterations=40, strength=strength)
    target = run._outset.target_error(run._outset.stage(run.materials.photograph(64), 64, 1.0))
    assert list(run)[-1].losses["content relu4_2"] == pytest.approx(target, rel=0.25)


def test_options_that_come_to_nothing_are_noted() -> None:
    once = prepare(CONTENT, STYLE, **TINY | {"iterations": 1}).notes
    assert once == ["a single evaluation takes no step: the picture stays what it starts from"]
    assert prepare(CONTENT, STYLE, learning_rate=1, beta2=0.5, optimizer="adam", **TINY).notes == []
    unused = prepare(CONTENT, STYLE, learning_rate=1, borders="circular", bleed=5, **TINY).notes
    assert unused == [
        "learning_rate is Adam's: L-BFGS has no use for it",
        "a picture with circular borders has no bleed",
    ]


def test_a_content_weight_switches_the_dial_off() -> None:
    fixed = list(iterate(CONTENT, STYLE, size=20, iterations=10, content_weight=0.7))
    assert {state.content_weight for state in fixed} == {0.7}
    dialled = list(iterate(CONTENT, STYLE, size=20, iterations=10, strength=0.7))
    assert len({state.content_weight for state in dialled}) == 3
    with pytest.raises(OptionsError, match="content_weight is in place of strength: give one of them"):
        paint(content_weight=0.7, strength=0.5)
    both = [Options(**TINY, content_weight=0.7, strength=strength) for strength in (0, 1)]  # as recipes have them
    low, high = (picture_bytes(stylize(CONTENT, STYLE, options=options)) for options in both)
    assert low == high


def test_the_dial_is_set_at_the_coarsest_scale_only() -> None:
    states = list(iterate(CONTENT, STYLE, size=80, min_size=20, iterations="10,2", strength=0.2))
    assert len({state.content_weight for state in states if state.scale == 20}) > 1
    assert len({state.content_weight for state in states if state.scale > 20}) == 1


def test_weights_are_shares_of_each_other() -> None:
    """Twice everything is the same picture: only their ratio counts."""
    single, double = (
        paint(content_weight=0.2 * factor, style_weight=factor, tv_weight=0.1 * factor) for factor in (1, 2)
    )
    assert double.losses["total"] == pytest.approx(2 * single.losses["total"], rel=1e-3)
    difference = np.asarray(single.image, dtype=float) - np.asarray(double.image, dtype=float)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("values", [{}, {"init": "noise"}, {"optimizer": "adam"}], ids=str)
def test_a_preview_is_a_state_of_the_final_run(values: dict[str, Any]) -> None:
    """Byte for byte: the run at 128 passes through the result of the run at 64, of large sources too."""
    content, style = make_array(300, 400, 1), make_array(333, 200, 2)
    common = {"min_size": 32, "iterations": "6,2,1", **values}
    preview = stylize(content, style, size=64, **common)
    states = [state for state in iterate(content, style, size=128, **common) if state.scale == 64]
    assert picture_bytes(states[-1]) == picture_bytes(preview)


def test_tiles_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same run, with its largest scale in four tiles."""
    values = {"size": 200, "min_size": 200, "iterations": 2, "content_weight": 0.1}
    shallow = {"content_layers": "relu3_1", "style_layers": "relu1_1,relu2_1"}
    whole = stylize(CONTENT, STYLE, **values, **shallow)
    plans: list[int] = []
    original = outset.plan
    monkeypatch.setattr(outset, "plan", lambda *size: plans.append(len(original(*size))) or original(*size))
    tiled = stylize(CONTENT, STYLE, **values, **shallow, tile=128)
    assert plans == [4]
    difference = np.asarray(whole.image, dtype=float) - np.asarray(tiled.image, dtype=float)
    assert np.abs(difference).max() <= 1
    assert tiled.losses == pytest.approx(whole.losses, rel=1e-3)


def test_cancelling_is_to_stop_iterating(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[None] = []
    original = stage.value_and_grad
    monkeypatch.setattr(stage, "value_and_grad", lambda *given: calls.append(None) or original(*given))
    run = prepare(CONTENT, STYLE, **TINY)
    states = iter(run)
    assert calls == []
    state = list(itertools.islice(states, 2))[-1]
    states.close()  # type: ignore[attr-defined]
    assert len(calls) == 2
    assert next(states, None) is None
    result = run.result(state)
    assert (result.image.size, result.evaluations) == ((20, 15), 2)


def test_a_prepared_run_can_be_run_twice() -> None:
    run = prepare(CONTENT, STYLE, **TINY)
    first, second = (list(run)[-1] for _ in range(2))
    assert picture_bytes(first) == picture_bytes(second)


def test_states_stay_as_they_were() -> None:
    """What a consumer keeps is not painted over by the evaluations that follow."""
    kept = [(state.image, state.image.clone()) for state in iterate(CONTENT, STYLE, **TINY)]
    assert all(torch.equal(image, clone) for image, clone in kept)


def test_scales_are_in_register(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ramp stays that ramp on its way up: every pixel keeps its place, out to the borders."""
    monkeypatch.setattr(optimize, "minimize", lambda _, f, start, *__, **___: [optimize.Point(start, f(start))])
    ramp = np.linspace(40, 220, 128).round().astype(np.uint8)[None, :, None].repeat(96, 0).repeat(3, 2)
    states = list(iterate(ramp, STYLE, size=128, min_size=32, detail=0, content_weight=1))
    assert [state.scale for state in states] == [32, 64, 128]
    for state in states:
        slope = np.asarray(state.picture(), dtype=float)[10, :, 0]
        expected = 40 + 180 * (np.arange(state.scale) + 0.5) / state.scale
        assert np.abs(slope - expected)[2:-2].max() < 3


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"),
        RuntimeError("could not create a primitive"),
    ],
)
def test_out_of_memory_says_what_would_fit(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def forward(*_: object) -> None:
        raise error

    monkeypatch.setattr(Encoder, "forward", forward)
    with pytest.raises(OutOfMemoryError, match=r"size 40 does not fit .* try size 20") as caught:
        paint()
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("message", ["something else", "CUDA error: an illegal memory access was encountered"])
def test_other_errors_are_not_taken_for_memory(monkeypatch: pytest.MonkeyPatch, message: str) -> None:
    def forward(*_: object) -> None:
        raise RuntimeError(message)

    monkeypatch.setattr(Encoder, "forward", forward)
    with pytest.raises(RuntimeError, match=message):
        paint()


def test_memory_that_the_network_itself_does_not_find(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 206.00 MiB")

    for name in ("Encoder", "load_weights"):
        with monkeypatch.context() as patch:
            patch.setattr(preparation, name, load)
            with pytest.raises(OutOfMemoryError, match="size 40 does not fit"):
                prepare(CONTENT, STYLE, **TINY)


def test_a_network_of_nan_diverges(monkeypatch: pytest.MonkeyPatch) -> None:
    backward = Encoder.backward
    monkeypatch.setattr(Encoder, "backward", lambda *given: backward(*given) * float("nan"))
    with pytest.raises(DivergedError):
        paint()


@pytest.mark.parametrize(
    "compute", [("float32", "winograd"), ("bfloat16", "direct"), ("bfloat16", "winograd")], ids="-".join
)
def test_other_ways_to_compute_paint_the_same_picture(
    monkeypatch: pytest.MonkeyPatch, compute: tuple[Any, Any]
) -> None:
    """To within what their rounding grows to in a few evaluations."""
    values = {"size": 40, "min_size": 40, "iterations": 4, "content_weight": 0.1}
    expected = stylize(CONTENT, STYLE, **values)
    monkeypatch.setattr(preparation, "choose_compute", lambda *_: Compute("cpu", *compute))
    found = stylize(CONTENT, STYLE, **values)
    assert found.recipe["computed"]["method"] == compute[1]
    assert found.recipe["computed"]["precision"] == compute[0]
    difference = np.asarray(expected.image, dtype=float) - np.asarray(found.image, dtype=float)
    assert np.sqrt((difference**2).mean()) < (0.5 if compute[0] == "float32" else 6)
    assert found.losses["total"] == pytest.approx(expected.losses["total"], rel=0.1)
