"""The paintings: every one paints at its size and seed, with darks, lights and detail."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from impasto import paintings
from impasto.errors import OptionsError, OutOfMemoryError

NAMES = ["whirl", "pointillist", "autumn", "stained-glass", "woodblock"]


def grey(image: Image.Image) -> NDArray[Any]:
    return np.asarray(image.convert("L"), np.float32)


def test_the_five_are_there() -> None:
    assert list(paintings.PAINTINGS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_size_and_mode_are_those_asked_for(name: str) -> None:
    image = paintings.paint(name, 101, 67)
    assert (image.size, image.mode) == ((101, 67), "RGB")


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_is_one_picture(name: str) -> None:
    first, again, other = (paintings.paint(name, 160, 120, seed) for seed in (3, 3, 4))
    assert first.tobytes() == again.tobytes()
    assert np.abs(grey(first) - grey(other)).mean() > 3


@pytest.mark.parametrize("name", NAMES)
def test_darks_lights_and_relief(name: str) -> None:
    light = grey(paintings.paint(name, 160, 120))
    low, high = np.percentile(light, [5, 95])
    assert low < 65
    assert high > 195
    tiles = light.reshape(6, 20, 8, 20).std((1, 3))
    assert tiles.min() > 3  # no empty area


@pytest.mark.parametrize("name", NAMES)
def test_the_composition_is_that_of_any_size(name: str) -> None:
    small, large = (paintings.paint(name, 80 * scale, 60 * scale) for scale in (2, 3))
    same = [grey(image.resize((20, 15), Image.Resampling.BOX)) for image in (small, large)]
    assert np.corrcoef(same[0].ravel(), same[1].ravel())[0, 1] > 0.9


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(32, 96), (96, 32)])
def test_small_and_narrow(name: str, size: tuple[int, int]) -> None:
    assert paintings.paint(name, *size).size == size


def test_flow_without_a_direction_is_no_trouble() -> None:
    """At this size a pixel lies exactly on the centre of a star, where 0 was divided by 0."""
    assert paintings.paint("whirl", 480, 375).size == (480, 375)


def test_each_says_what_it_shows_on_one_line() -> None:
    lines = [paintings.describe(name) for name in NAMES]
    assert len(set(lines)) == len(NAMES)
    assert all(20 < len(line) < 110 and line.endswith(".") for line in lines)
    assert paintings.describe("autumn") == "Palette knife: a wet avenue under autumn trees."


@pytest.mark.parametrize("call", [paintings.paint, paintings.describe, paintings.check])
def test_an_unknown_name_is_refused(call: Any) -> None:
    with pytest.raises(OptionsError, match=r"no painting 'mona-lisa': choose from whirl, pointillist"):
        call("mona-lisa")


def test_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 pixels wide and high, not 31x40"):
        paintings.paint("whirl", 31, 40)


def test_too_large_is_refused() -> None:
    with pytest.raises(OptionsError, match="at most 8192 pixels wide and high, not 40x8193: give a smaller size"):
        paintings.paint("whirl", 40, 8193)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(OptionsError, match="a seed is 0 or more, not -1"):
        paintings.paint("whirl", 40, 40, -1)


def test_too_little_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(width: int, height: int, seed: int) -> Image.Image:
        raise MemoryError

    monkeypatch.setitem(paintings.PAINTINGS, "whirl", greedy)
    with pytest.raises(OutOfMemoryError, match=r"of 2000x1000 takes up to 1\.1 GB of memory: give a smaller size"):
        paintings.paint("whirl", 2000, 1000)
