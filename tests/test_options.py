"""Options say what they take, and refuse the rest in one sentence that names the option."""

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from impasto.errors import OptionsError
from impasto.options import Options, load_preset, make_options, presets


def _refusal(**values: Any) -> str:
    """The sentence in which values are refused: one line, without a word of the validator's own."""
    with pytest.raises(OptionsError) as caught:
        make_options(**values)
    sentence = str(caught.value)
    assert caught.value.exit_code == 2
    assert "\n" not in sentence
    assert "pydantic" not in sentence
    assert "Value error" not in sentence
    return sentence


@pytest.mark.parametrize("name", list(Options.model_fields))
def test_every_option_is_described_and_has_a_default(name: str) -> None:
    field = Options.model_fields[name]
    assert not field.is_required()
    assert field.description
    assert field.description.endswith(".")
    assert field.description[0].isupper()
    assert "\n" not in field.description


def test_defaults() -> None:
    options = Options()
    assert options == make_options()
    assert options.size == 512
    assert options.strength == 0.5
    assert options.content_weight is None
    assert options.content_layers == {"relu4_2": 1}
    assert options.style_layers == {"relu1_1": 16, "relu2_1": 8, "relu3_1": 4, "relu4_1": 2, "relu5_1": 1}
    assert (options.optimizer, options.init, options.pooling) == ("lbfgs", "content", "max")


@pytest.mark.parametrize("name", ["content_weight", "style_weight", "tv_weight", "style_layers"])
def test_weights_that_would_vanish(name: str) -> None:
    """In float32, gradients do; and a sum of several might be 0 in any precision."""
    assert "0 or at least 1e-12" in _refusal(**{name: {"relu1_1": 1e-13} if name == "style_layers" else 5e-324})


def test_paths_may_be_paths(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("size = 300")
    options = make_options(path, init=Path("a.png"), weights=Path("b.h5"))
    assert (options.size, options.init, options.weights) == (300, "a.png", "b.h5")


def test_frozen() -> None:
    options = Options()
    with pytest.raises(ValidationError, match="frozen"):
        options.size = 3


def test_options_do_not_share_their_layers() -> None:
    first, second = Options(), Options()
    first.style_layers["relu1_1"] = 9
    assert second.style_layers["relu1_1"] == Options().style_layers["relu1_1"] == 16


@pytest.mark.parametrize(
    ("name", "least", "most", "below", "above"),
    [
        ("size", 1, 100_000, 0, 100_001),
        ("min_size", 1, 100_000, 0, 100_001),
        ("strength", 0.0, 1.0, -0.01, 1.01),
        ("content_weight", 0.0, 1e12, -1e-9, 1.1e12),
        ("style_weight", 0.0, 1e12, -1e-9, 1.1e12),
        ("tv_weight", 0.0, 1e12, -1e-9, 1.1e12),
        ("detail", 0.0, 4.0, -0.01, 4.01),
        ("hold", 0, 100_000, -1, 100_001),
        ("seed", 0, 2**63 - 1, -1, 2**63),
        ("max_pixels", 1, 10**12, 0, 10**12 + 1),
        ("iterations", 1, 100_000, 0, 100_001),
        ("dpi", 1, 10_000, 0, 10_001),
    ],
)
def test_ranges(name: str, least: Any, most: Any, below: Any, above: Any) -> None:
    for value in (least, most, str(least)):
        found, number = getattr(make_options(**{name: value}), name), type(least)(value)
        assert found == ((number,) if name == "iterations" else number)
    for value in (below, above, str(below)):
        sentence = _refusal(**{name: value})
        assert sentence.startswith(name)
        assert repr(value) in sentence


@pytest.mark.parametrize("name", ["strength", "content_weight", "style_weight", "tv_weight", "detail"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", float("nan"), "much", "", None, [1]])
def test_numbers_are_finite_numbers(name: str, value: object) -> None:
    if (name, value) == ("content_weight", None):
        assert make_options(content_weight=None).content_weight is None
    else:
        assert _refusal(**{name: value}).startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("optimizer", ["lbfgs", "adam"]), ("pooling", ["max", "avg"]),
        ("device", ["auto", "cpu", "cuda", "mps"]), ("precision", ["auto", "float32", "bfloat16"]),
        ("profile", ["srgb", "input"]),
    ],
)  # fmt: skip
def test_choices(name: str, choices: list[str]) -> None:
    for choice in choices:
        assert getattr(make_options(**{name: choice}), name) == choice
    sentence = _refusal(**{name: "other"})
    assert sentence.startswith(f"{name}: ")
    assert all(repr(choice) in sentence for choice in choices)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("relu1_1", {"relu1_1": 1}),
        ("relu1_1,relu2_1=2", {"relu1_1": 1, "relu2_1": 2}),
        (" conv4_2=0.5 , relu5_4", {"conv4_2": 0.5, "relu5_4": 1}),
        (["relu1_1", "relu2_1=2"], {"relu1_1": 1, "relu2_1": 2}),
        (("relu1_1=0", "relu2_1"), {"relu1_1": 0, "relu2_1": 1}),
        ({"relu1_1": 3, "relu2_1": "2"}, {"relu1_1": 3, "relu2_1": 2}),
    ],
)
@pytest.mark.parametrize("name", ["content_layers", "style_layers"])
def test_layers(name: str, given: Any, expected: dict[str, float]) -> None:
    layers = getattr(make_options(**{name: given}), name)
    assert layers == expected
    assert list(layers) == list(expected)


@pytest.mark.parametrize(
    "given",
    [
        "", ",", "relu1_1,", "relu1_1=", "relu1_1=x", "relu1_1=-1", "relu1_1=nan", "relu1_1==1",
        "relu1_1=0", "relu1_1,relu1_1=2", [], {}, "relu0_1", "relu1_0", "relu12_1", "RELU1_1", "pool1_1",
        "block1_conv1", "relu1_1\nrelu2_1", 7, None, {"relu1_1": None},
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["content_layers", "style_layers"])
def test_layers_that_are_none(name: str, given: object) -> None:
    assert "layer" in _refusal(**{name: given})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (7, (7,)), ("7", (7,)), ("30,20,10", (30, 20, 10)), (" 30 , 20 ", (30, 20)),
        ([30, 20], (30, 20)), ((5,), (5,)), (["5", 6], (5, 6)),
    ],
)  # fmt: skip
def test_iterations(given: object, expected: tuple[int, ...]) -> None:
    assert make_options(iterations=given).iterations == expected


@pytest.mark.parametrize("given", ["", "30,", "many", "1.5", [], 1.5, None, [0], "30,-1", {}])
def test_iterations_that_are_none(given: object) -> None:
    assert _refusal(iterations=given).startswith("iterations")


@pytest.mark.parametrize("given", [8, 16, "8", "16"])
def test_depth(given: object) -> None:
    assert make_options(depth=given).depth == int(str(given))


@pytest.mark.parametrize("given", [12, "12", "much", None, 8.5, "-8", [8]])
def test_depths_that_are_none(given: object) -> None:
    assert _refusal(depth=given).startswith("depth: ")


def test_an_unknown_option_is_met_with_the_known_ones() -> None:
    sentence = _refusal(stlye_weight=3)
    assert sentence.startswith("there is no option 'stlye_weight'; options are size, strength, ")
    assert "style_weight" in sentence


def test_something_must_be_left_to_paint() -> None:
    assert "cannot both be 0" in _refusal(style_weight=0, content_weight=0)
    assert make_options(style_weight=0).content_weight is None
    assert make_options(content_weight=0).style_weight == 1


def test_options_survive_json() -> None:
    options = make_options(size=300, style_layers="relu1_1=2", iterations="3,2", content_weight=0.2)
    assert Options(**json.loads(json.dumps(options.model_dump(mode="json")))) == options


def test_presets_are_named_described_and_possible() -> None:
    known = presets()
    assert {"draft", "fine"} <= set(known)
    for name, description in known.items():
        assert description.endswith(".")
        assert "#" not in description
        assert make_options(name) == Options(**load_preset(name))
        assert (make_options(name) == Options()) == (name == "default")
        assert bool(load_preset(name)) == (name != "default")


def test_values_go_before_the_preset_before_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('size = 300\nstrength = 0.7\nstyle_layers = "relu1_1=2"\n[content_layers]\nconv4_2 = 1\n')
    options = make_options(str(path), strength=0.2)
    assert (options.size, options.strength, options.seed) == (300, 0.2, 0)
    assert options.style_layers == {"relu1_1": 2}
    assert options.content_layers == {"conv4_2": 1}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"size = ", "cannot be read"),
        (b"size = 1\nsize = 2", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"size = " + b"[" * 3000, "cannot be read: it is nested too deeply"),
        (b"size = " + b"9" * 5000, "cannot be read: "),
        (b"size = 0x" + b"f" * 5000, "^size: .*, not such int$"),
        (b"size." + b"a." * 3000 + b"a = 1", "^size: .*, not such dict$"),
        (b'content_layers = {"x\\ny" = -1}', r"^content_layers\.'x\\ny': "),
        (b"sise = 300", "there is no option 'sise'"),
        (b"size = 'big'", "size: "),
        (b"size = 2020-01-01", "size: "),
        (None, "no such file"),
    ],
)
def test_a_preset_file_that_cannot_be_used(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OptionsError, match=reason) as caught:
        make_options(str(path))
    assert "\n" not in str(caught.value)


def test_a_preset_file_without_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(OptionsError, match=r"holds 1,099,511,627,776 bytes: expected 1,048,576 at most"):
        make_options(str(path))


@pytest.mark.parametrize("name", ["nothing", "../draft", "draft ", "a\nb", "missing.toml", "nul\0.toml"])
def test_a_preset_that_is_not_there(name: str) -> None:
    with pytest.raises(OptionsError, match=r"no preset is named .*draft, fine|no such file") as caught:
        make_options(name)
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_preset(tmp_path: Path) -> None:
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    with pytest.raises(OptionsError, match="no such file"):
        load_preset(str(folder))


def test_a_preset_is_no_option() -> None:
    """Its parameter is positional, so that the name stays free."""
    assert inspect.signature(make_options).parameters["preset"].kind is inspect.Parameter.POSITIONAL_ONLY
    assert "there is no option 'preset'" in _refusal(preset="draft")


def test_options_with_pictures_in_memory_can_be_compared() -> None:
    one, other = np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8)
    assert Options(init=one, content_mask=[one]) == Options(init=one, content_mask=one)
    assert Options(init=one) != Options(init=other)
    assert Options(content_mask=["a", one]) != Options(content_mask=["a", other])
    assert Options(seed=1) == Options(seed="1") != Options(seed=2)
