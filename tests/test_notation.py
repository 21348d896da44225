"""Options as one would print them."""

from pathlib import Path

import pytest

from impasto.notation import format_value, option_words, symbol
from impasto.options import Options


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (1.0, "1"),
        (100.0, "100"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.01, "0.01"),
        (0.1 + 0.2, "0.3"),
        (10**-0.5, "0.316228"),
        (-0.5, "−0.5"),
        (99_999.0, "99999"),
        (99_999.96, "10⁵"),
        (1e5, "10⁵"),
        (1e12, "10¹²"),
        (0.001, "0.001"),
        (9.999999e-4, "0.001"),
        (1e-4, "10⁻⁴"),
        (-1e-4, "−10⁻⁴"),
        (2.5e-5, "2.5 × 10⁻⁵"),
        (float("inf"), "inf"),
        (512, "512"),
        (100_000, "100000"),
        (-3, "−3"),
        (True, "yes"),
        (False, "no"),
        (None, "auto"),
        ("lbfgs", "lbfgs"),
        ((26, 24), "26, 24"),
        ([1.0, 1e-6], "1, 10⁻⁶"),
        ((), "none"),
        ({}, "none"),
        ({"relu1_1": 1.0, "relu2_1": 1}, "relu1_1, relu2_1"),
        ({"relu1_1": 0.5, "relu2_1": 1.0}, "relu1_1 = 0.5, relu2_1"),
        (Path("folder/a b.safetensors"), "a b.safetensors"),
        (Path("/"), "/"),
    ],
)
def test_values(value: object, printed: str) -> None:
    assert format_value(value) == printed


@pytest.mark.parametrize("exponent", range(-12, 13))
def test_no_number_is_lost(exponent: int) -> None:
    plain = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")
    for mantissa in (1.0, 2.5, 9.99999):
        value = float(f"{mantissa}e{exponent}")
        text = format_value(value)
        if text[-1] in "⁰¹²³⁴⁵⁶⁷⁸⁹":
            factor, _, power = text.rpartition("10")
            text = f"{factor.removesuffix(' × ') or 1}e{power.translate(plain)}"
        assert float(text) == pytest.approx(value, rel=1e-9)


def test_symbols() -> None:
    assert [symbol(f"{name}_weight") for name in ("content", "style", "tv")] == ["α", "β", "λ"]
    assert symbol("style_layers") == "style layers"
    assert option_words("tv_weight") == "TV weight"
    symbols = [symbol(name) for name in Options.model_fields]
    assert len(set(symbols)) == len(symbols)
