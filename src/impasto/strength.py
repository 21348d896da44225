"""The strength dial: which content weight gives every pair of pictures the same share of style.

At one content weight some pairs keep nearly all of the photograph and others lose the face in it. The dial therefore
names how far to go from the photograph (content error 0) towards a picture that has the style's features and nothing
to do with the photograph, whose content error can be told beforehand. The weight is corrected towards that while the
coarsest scale is painted, where an evaluation is cheapest; the scales above keep it: docs/method.md#strength.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

FULL = 0.65  # of the way at the coarsest scale, at strength 1: 0.75 in the end, beyond which little of it is left
START = 0.1  # the weight to begin with: right for an average pair at strength 0.5
LEAST, MOST = 0.002, 100.0
EXPONENT = 2.0  # a finished picture's content error falls about as the 0.3rd to 0.5th power of the weight
CHANGE = 4.0  # at most, in one correction: an early picture tells little


def target_error(strength: float, unrelated: float) -> float:
    """Relative content error Σ (F-P)² / Σ P² that a strength in 0..1 asks for, of a pair's `unrelated` error."""
    return FULL * strength * unrelated


def first_weight(strength: float, style_weight: float) -> float:
    """The content weight to begin with."""
    return _bounded(START * (0.5 / max(strength, 1e-3)) ** EXPONENT, style_weight)


def corrected_weight(weight: float, error: float, target: float, style_weight: float) -> float:
    """The content weight that should bring the relative content error to its target."""
    ratio = error / target if target * CHANGE > error else CHANGE
    change = min(CHANGE, max(1 / CHANGE, min(ratio, CHANGE) ** EXPONENT))
    return _bounded(weight / (style_weight or 1) * change, style_weight)


def rounds(evaluations: int) -> list[int]:
    """The evaluations of the coarsest scale in up to three rounds, with a correction after each."""
    if evaluations < 6:
        return [evaluations]
    later = evaluations * 3 // 10
    return [evaluations - 2 * later, later, later]


def left(rounds: Iterable[int], done: int) -> Iterator[tuple[int, int]]:
    """The evaluations of each round that is not done after so many, and how many of them are."""
    for evaluations in rounds:
        before = min(done, evaluations)
        done -= before
        if before < evaluations:
            yield evaluations, before


def _bounded(share: float, style_weight: float) -> float:
    """A content weight for a share of the style weight, or for itself where there is no style."""
    return min(MOST, max(LEAST, share)) * (style_weight or 1)
