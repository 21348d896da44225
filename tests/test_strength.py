"""The dial's arithmetic: monotone, bounded, and corrections that settle at the error that was asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto.strength import (
    CHANGE,
    EXPONENT,
    FULL,
    LEAST,
    MOST,
    START,
    corrected_weight,
    first_weight,
    rounds,
    target_error,
)

dials = st.floats(0, 1)
style_weights = st.floats(1e-6, 1e6)
errors = st.floats(0, 1e9)


def test_the_dial_by_hand() -> None:
    assert [target_error(dial, 2.0) for dial in (0, 0.5, 1)] == [0, FULL, 2 * FULL]
    assert first_weight(0.5, 1) == pytest.approx(START)
    assert first_weight(0.25, 1) == pytest.approx(START * 2**EXPONENT)
    assert first_weight(0.5, 10) == pytest.approx(10 * START)
    assert corrected_weight(0.1, 0.8, 0.8, 1) == pytest.approx(0.1)
    assert corrected_weight(0.1, 1.2, 0.8, 1) == pytest.approx(0.1 * 1.5**EXPONENT)
    assert corrected_weight(0.1, 0.6, 0.9, 1) == pytest.approx(0.1 / 1.5**EXPONENT)
    assert corrected_weight(0.1, 0.6, 0, 1) == pytest.approx(0.1 * CHANGE)


@given(low=dials, high=dials, unrelated=errors, style_weight=style_weights)
def test_more_strength_never_weighs_the_content_more(
    low: float, high: float, unrelated: float, style_weight: float
) -> None:
    low, high = sorted((low, high))
    assert first_weight(low, style_weight) >= first_weight(high, style_weight)
    weights = [
        corrected_weight(style_weight, 0.5, target_error(dial, unrelated), style_weight) for dial in (low, high)
    ]
    assert weights[0] >= weights[1]


@given(target=errors, strength=dials, error=errors, share=st.floats(LEAST, MOST), style_weight=style_weights)
def test_weights_are_bounded_and_change_by_steps(
    target: float, strength: float, error: float, share: float, style_weight: float
) -> None:
    weight = corrected_weight(share * style_weight, error, target, style_weight)
    assert LEAST * 0.999 <= weight / style_weight <= MOST * 1.001
    assert 0.999 / CHANGE <= weight / (share * style_weight) <= CHANGE * 1.001
    assert LEAST * 0.999 <= first_weight(strength, style_weight) / style_weight <= MOST * 1.001


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_without_style_a_weight_is_left(strength: float) -> None:
    assert LEAST <= first_weight(strength, 0) <= MOST
    assert LEAST <= corrected_weight(1.0, 0.3, target_error(strength, 1.5), 0) <= MOST


@pytest.mark.parametrize("hardness", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("target", [0.4, 0.7, 1.1])
def test_corrections_settle_where_they_were_aimed(target: float, hardness: float) -> None:
    """On pairs whose content error falls as the 0.4th power of the weight, as the exponent assumes."""
    weight = first_weight(0.5, 1)
    for _ in range(6):
        error = hardness * 0.75 * (START / weight) ** (1 / EXPONENT)
        weight = corrected_weight(weight, error, target, 1)
    assert hardness * 0.75 * (START / weight) ** (1 / EXPONENT) == pytest.approx(target, rel=1e-6)


@given(st.integers(1, 100_000))
def test_rounds_share_all_evaluations(evaluations: int) -> None:
    parts = rounds(evaluations)
    assert sum(parts) == evaluations
    assert min(parts) >= 1
    assert parts[0] == max(parts)


def test_few_evaluations_are_one_round() -> None:
    assert rounds(5) == [5]
    assert rounds(6) == [4, 1, 1]
    assert rounds(30) == [12, 9, 9]
