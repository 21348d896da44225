"""The recipe survives its way through every format, and reading one is safe on any file."""

import json
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from impasto.errors import ImageError
from impasto.output import save_image
from impasto.recipe import MAX_RECIPE, read_recipe

EXTENSIONS = ["png", "jpg", "jpeg", "webp", "tif", "tiff", "PNG"]
RECIPE = {
    "version": "0.1.0",
    "seed": 7,
    "content_weight": 0.1,
    "scales": [128, 256],
    "note": 'café "\n\\',
    "tile": None,
}


@pytest.fixture
def image() -> Image.Image:
    return Image.new("RGB", (20, 10), "teal")


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("recipe", [RECIPE, {}])
def test_round_trip(tmp_path: Path, image: Image.Image, extension: str, recipe: dict[str, object]) -> None:
    path = tmp_path / f"picture.{extension}"
    save_image(image, path, recipe=recipe)
    assert read_recipe(path) == recipe


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_picture_without_a_recipe(tmp_path: Path, image: Image.Image, extension: str) -> None:
    path = tmp_path / f"picture.{extension}"
    save_image(image, path)
    with pytest.raises(ImageError, match=r"image '.*' holds no Impasto recipe"):
        read_recipe(path)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_the_longest_recipe(tmp_path: Path, image: Image.Image, extension: str) -> None:
    path = tmp_path / f"picture.{extension}"
    longest = {"k": "x" * (MAX_RECIPE - len('{"k": ""}'))}
    save_image(image, path, recipe=longest)
    assert read_recipe(path) == longest
    before = path.read_bytes()
    with pytest.raises(ImageError, match="cannot hold a recipe of 60,001 characters: expected at most 60,000"):
        save_image(image, path, recipe={"k": longest["k"] + "x"})
    assert path.read_bytes() == before


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", Path("x"), {1, 2}])
def test_a_recipe_that_is_not_json(tmp_path: Path, image: Image.Image, value: object) -> None:
    with pytest.raises(ImageError, match=r"cannot be written: .*JSON"):
        save_image(image, tmp_path / "a.png", recipe={"k": value})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        '{"a":' * 10_000,
        "[1, 2]",
        '"text"',
        "null",
        "{",
        "",
        "A view of the harbour",
        "9" * 50_000,
        json.dumps({"k": "x" * 2 * MAX_RECIPE}),
    ],
)
@pytest.mark.parametrize("extension", ["png", "tif"])
def test_hostile_recipes(tmp_path: Path, image: Image.Image, extension: str, text: str) -> None:
    path = tmp_path / f"picture.{extension}"
    if extension == "png":
        chunks = PngInfo()
        chunks.add_itxt("impasto", text)
        image.save(path, pnginfo=chunks)
    else:
        tags = Image.Exif()
        tags[0x010E] = f'{{"impasto": {text}}}'
        image.save(path, exif=tags)
    with pytest.raises(ImageError, match="holds no Impasto recipe"):
        read_recipe(path)


def test_a_compressed_bomb_in_a_chunk(tmp_path: Path, image: Image.Image) -> None:
    path = tmp_path / "picture.png"
    chunks = PngInfo()
    chunks.add_itxt("impasto", " " * 50_000_000, zip=True)
    image.save(path, pnginfo=chunks)
    assert path.stat().st_size < 100_000
    with pytest.raises(ImageError):
        read_recipe(path)


@pytest.mark.parametrize("content", [None, b"", b"words"])
def test_files_that_are_no_pictures(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "picture.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=r"^image '.*picture.png' "):
        read_recipe(path)


def test_the_description_is_plain_json_for_other_tools(tmp_path: Path, image: Image.Image) -> None:
    path = tmp_path / "picture.jpg"
    save_image(image, path, recipe=RECIPE)
    with Image.open(path) as written:
        description = written.getexif()[0x010E]
    assert description.isascii()
    assert json.loads(description) == {"impasto": RECIPE}
