"""examples/paintings.py: every style image paints at its size and seed, with darks, lights and detail."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

SOURCE = Path(__file__).parents[1] / "examples" / "paintings.py"
NAMES = ["whirl", "pointillist", "autumn", "stained-glass", "woodblock"]


@pytest.fixture(scope="module")
def paintings() -> ModuleType:
    spec = importlib.util.spec_from_file_location("paintings", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def grey(image: Image.Image) -> NDArray[Any]:
    return np.asarray(image.convert("L"), np.float32)


def test_the_five_are_there(paintings: ModuleType) -> None:
    assert list(paintings.PAINTINGS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_size_and_mode_are_those_asked_for(paintings: ModuleType, name: str) -> None:
    image = paintings.paint(name, 101, 67)
    assert (image.size, image.mode) == ((101, 67), "RGB")


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_is_one_picture(paintings: ModuleType, name: str) -> None:
    first, again, other = (paintings.paint(name, 160, 120, seed) for seed in (3, 3, 4))
    assert first.tobytes() == again.tobytes()
    assert np.abs(grey(first) - grey(other)).mean() > 3


@pytest.mark.parametrize("name", NAMES)
def test_darks_lights_and_relief(paintings: ModuleType, name: str) -> None:
    light = grey(paintings.paint(name, 160, 120))
    low, high = np.percentile(light, [5, 95])
    assert low < 65
    assert high > 195
    tiles = light.reshape(6, 20, 8, 20).std((1, 3))
    assert tiles.min() > 3  # no empty area


@pytest.mark.parametrize("name", NAMES)
def test_the_composition_is_that_of_any_size(paintings: ModuleType, name: str) -> None:
    small, large = (paintings.paint(name, 80 * scale, 60 * scale) for scale in (2, 3))
    same = [grey(image.resize((20, 15), Image.Resampling.BOX)) for image in (small, large)]
    assert np.corrcoef(same[0].ravel(), same[1].ravel())[0, 1] > 0.9


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(32, 96), (96, 32)])
def test_small_and_narrow(paintings: ModuleType, name: str, size: tuple[int, int]) -> None:
    assert paintings.paint(name, *size).size == size


def test_an_unknown_name_is_refused(paintings: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"no painting 'mona-lisa': choose from whirl, pointillist"):
        paintings.paint("mona-lisa")


def test_too_small_is_refused(paintings: ModuleType) -> None:
    with pytest.raises(ValueError, match="at least 32 pixels wide and high, not 31x40"):
        paintings.paint("whirl", 31, 40)


def test_the_command_writes_what_paint_paints(paintings: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "styles"
    paintings.main(["woodblock", "autumn", "--size", "64x48", "--seed", "2", "-o", str(folder)])
    assert sorted(path.name for path in folder.iterdir()) == ["autumn.png", "woodblock.png"]
    with Image.open(folder / "autumn.png") as image:
        assert image.tobytes() == paintings.paint("autumn", 64, 48, 2).tobytes()


def test_the_command_paints_all_when_none_is_named(paintings: ModuleType, tmp_path: Path) -> None:
    paintings.main(["--size", "32x32", "-o", str(tmp_path)])
    assert {path.stem for path in tmp_path.iterdir()} == set(NAMES)


def test_the_command_refuses_an_unknown_name_in_one_sentence(
    paintings: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        paintings.main(["whirl", "mona-lisa", "-o", str(tmp_path / "styles")])
    complaint = capsys.readouterr().err
    assert ended.value.code == 2
    assert complaint.startswith("There is no painting 'mona-lisa'")
    assert complaint.count("\n") == 1
    assert not (tmp_path / "styles").exists()


@pytest.mark.parametrize("size", ["big", "12", "0x0", "-5x40", "64x"])
def test_the_command_refuses_an_impossible_size(paintings: ModuleType, tmp_path: Path, size: str) -> None:
    with pytest.raises(SystemExit) as ended:
        paintings.main(["whirl", f"--size={size}", "-o", str(tmp_path / "styles")])
    assert ended.value.code == 2
    assert not (tmp_path / "styles").exists()
