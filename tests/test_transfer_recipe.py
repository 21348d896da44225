"""The recipe of a run: it makes the picture again, and gives nothing away."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from tinyruns import CONTENT, OTHER, STYLE, TINY, paint, picture_bytes

from impasto import Options, stylize
from impasto.errors import OptionsError
from impasto.image import open_picture
from impasto.weights import load_weights

pytestmark = pytest.mark.usefixtures("quick_runs")


def test_the_recipe_makes_the_picture_again() -> None:
    first = paint(iterations=6, init="noise", seed=3, style_layers="relu1_1,relu3_1=2")
    recipe = json.loads(json.dumps(first.recipe))
    assert recipe == first.recipe
    again = stylize(CONTENT, STYLE, options=Options(**recipe["options"]))
    assert picture_bytes(again) == picture_bytes(first)
    assert again.recipe == recipe


def test_the_recipe_holds_hashes_and_no_paths(tmp_path: Path) -> None:
    paths = []
    for name, array in (
        ("secret content.png", CONTENT),
        ("secret style.png", STYLE),
        ("secret init.png", OTHER),
    ):
        Image.fromarray(array).save(tmp_path / name)
        paths.append(tmp_path / name)
    content, style, init = paths
    result = stylize(content, [style, init], init=str(init), **TINY)
    text = json.dumps(result.recipe)
    assert "secret" not in text
    assert str(tmp_path) not in text
    hashes = [open_picture(path).sha256 for path in paths]
    assert result.recipe["content"] == hashes[0]
    assert result.recipe["styles"] == hashes[1:]
    assert result.recipe["options"]["init"] == f"sha256:{hashes[2]}"
    assert set(result.recipe) == {"impasto", "options", "content", "styles", "weights", "computed", "content_weight"}
    assert set(result.recipe["options"]) == set(Options.model_fields) - {"memory", "tile"}  # the machine's
    assert result.recipe["computed"]["torch"] == torch.__version__


@pytest.mark.parametrize("name", ["secret network.safetensors", "vgg19.safetensors"])
def test_weights_from_a_file_are_named_by_their_hash(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    save_file(_first_layers(), path)
    result = paint(weights=str(path), content_layers="relu2_1", style_layers="relu1_1")
    assert str(tmp_path) not in json.dumps(result.recipe)
    assert "secret" not in json.dumps(result.recipe)
    assert result.recipe["options"]["weights"] == f"sha256:{result.recipe['weights']}"
    with pytest.raises(OptionsError, match="these weights have no layer 'relu4_2'"):
        paint(weights=str(path))


def _first_layers() -> Mapping[str, torch.Tensor]:
    """A file may stop early: the built-in network up to conv2_1."""
    return {name: tensor.contiguous() for name, tensor in load_weights("vgg19").tensors.items() if name < "conv2_2"}
