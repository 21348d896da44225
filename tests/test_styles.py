"""Built-in styles: which names mean one, and that what is kept is always what the code paints."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from impasto import styles
from impasto.errors import ImageError
from impasto.paintings import PAINTINGS, describe, paint
from impasto.styles import builtin_name, builtin_styles, preview_sheet, style_source

SIZE = 96, 75


class Painter:
    """Stands for `paint` at a small size, and counts."""

    def __init__(self) -> None:
        self.painted: list[tuple[object, ...]] = []

    def __call__(self, *arguments: object) -> Image.Image:
        self.painted.append(arguments)
        return paint(*arguments)  # type: ignore[arg-type]


@pytest.fixture
def painter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Painter:
    """In an empty folder, with an empty cache and small paintings."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(styles, "SIZE", SIZE)
    painter = Painter()
    monkeypatch.setattr(styles, "paint", painter)
    return painter


@pytest.fixture
def kept(painter: Painter, tmp_path: Path) -> Path:
    """The file in which whirl is kept."""
    style_source("whirl")
    (file,) = (tmp_path / "cache" / "styles").iterdir()
    painter.painted.clear()
    return file


def pixels(source: object) -> bytes:
    assert isinstance(source, Image.Image)
    assert (source.mode, source.size, source.info) == ("RGB", SIZE, {})
    return source.tobytes()


def true_whirl() -> bytes:
    return paint("whirl", *SIZE).tobytes()


def test_every_painting_is_a_style_and_says_what_it_shows() -> None:
    assert list(builtin_styles()) == list(PAINTINGS)
    assert builtin_styles() == {name: describe(name) for name in PAINTINGS}


def test_the_size_serves_large_pictures() -> None:
    assert styles.SIZE == (1536, 1200)


@pytest.mark.parametrize("name", PAINTINGS)
def test_a_name_means_the_painting(painter: Painter, name: str) -> None:
    assert pixels(style_source(name)) == paint(name, *SIZE).tobytes()
    assert painter.painted == [(name, *SIZE)]


def test_a_file_of_that_name_is_left_alone(painter: Painter) -> None:
    paint("autumn", 32, 32).save("whirl", "PNG")
    assert style_source("whirl") == "whirl"
    Path("autumn").symlink_to("nowhere")
    assert style_source("autumn") == "autumn"
    assert painter.painted == []


def test_a_folder_of_that_name_is_in_nobody_s_way(painter: Painter) -> None:
    Path("whirl").mkdir()
    assert pixels(style_source("whirl")) == true_whirl()


@pytest.mark.parametrize(
    "source",
    [
        "./whirl",
        Path("whirl"),
        os.path.join("folder", "whirl"),  # noqa: PTH118
        "whirl.png",
        "mona-lisa.jpg",
        "folder/",
        ".",
        "nul\0/a",
        Image.new("RGB", (4, 3)),
        np.zeros((3, 4, 3), np.uint8),
        None,
        7,
    ],
)
def test_everything_else_is_left_alone(painter: Painter, source: object) -> None:
    assert builtin_name(source) is None
    assert style_source(source) is source  # type: ignore[arg-type]
    assert painter.painted == []


@pytest.mark.parametrize("word", ["mona-lisa", "Whirl", "", "two\nlines", "nul\0"])
def test_a_word_that_is_neither_names_the_styles(painter: Painter, word: str) -> None:
    with pytest.raises(ImageError) as caught:
        style_source(word)
    sentence = str(caught.value)
    assert sentence.startswith(f"no style is named {word!r}: choose from whirl, pointillist, ")
    assert "\n" not in sentence


def test_a_file_without_extension_is_no_wrong_name(painter: Painter) -> None:
    Path("scan0001").touch()
    assert style_source("scan0001") == "scan0001"


def test_it_is_painted_once(painter: Painter, kept: Path) -> None:
    assert pixels(style_source("whirl")) == true_whirl()
    assert painter.painted == []
    assert kept.name.startswith("whirl-96x75-")


def test_images_are_the_caller_s_own(kept: Path) -> None:
    first = style_source("whirl")
    assert isinstance(first, Image.Image)
    first.paste("white", (0, 0, *SIZE))
    assert pixels(style_source("whirl")) == true_whirl()


def falsify(file: Path) -> None:
    """Another picture of that size, which says that it is the one."""
    info = PngInfo()
    with Image.open(file) as image:
        info.add_text("pixels-sha256", image.info["pixels-sha256"])
        Image.eval(image, lambda level: 255 - level).save(file, pnginfo=info)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:-2000]),
        lambda file: file.write_bytes(b"hello"),
        lambda file: Image.new("RGB", SIZE).save(file),
        lambda file: Image.new("L", SIZE).save(file),
        falsify,
        lambda file: (file.unlink(), os.mkfifo(file)),
        lambda file: (file.unlink(), file.symlink_to("nowhere")),
        lambda file: (file.unlink(), file.symlink_to(file.name)),
    ],
)
def test_a_spoilt_file_is_painted_anew(painter: Painter, kept: Path, spoil: Callable[[Path], object]) -> None:
    spoil(kept)
    assert pixels(style_source("whirl")) == true_whirl()
    assert len(painter.painted) == 1


def test_a_spoilt_file_is_replaced(painter: Painter, kept: Path) -> None:
    kept.write_bytes(b"hello")
    style_source("whirl")
    style_source("whirl")
    assert len(painter.painted) == 1


def test_other_code_reads_no_old_file_and_removes_it(
    painter: Painter, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    style_source("pointillist")
    painter.painted.clear()
    monkeypatch.setattr(styles, "_code_version", lambda: "0123456789abcdef")
    assert pixels(style_source("whirl")) == true_whirl()
    assert len(painter.painted) == 1
    names = {file.name.partition("-")[0]: file.name for file in kept.parent.iterdir()}
    assert names["whirl"] == "whirl-96x75-0123456789abcdef.png"
    assert "0123456789abcdef" not in names["pointillist"]  # that one is replaced when it is asked for
    assert len(list(kept.parent.iterdir())) == 2


def test_the_version_is_that_of_every_painter_s_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "paintings"
    folder.mkdir()
    for name in ("brushed.py", "glass.py"):
        (folder / name).write_text("x = 1\n")
    monkeypatch.setattr(styles.resources, "files", lambda package: folder)
    version = styles._code_version.__wrapped__
    found = [version()]
    for change in (
        lambda: (folder / "glass.py").write_text("x = 2\n"),
        lambda: (folder / "glass.py").rename(folder / "wood.py"),
        lambda: monkeypatch.setattr(styles.np, "__version__", "99.0"),
        lambda: monkeypatch.setattr(styles.PIL, "__version__", "99.0"),
        lambda: monkeypatch.setattr(styles, "__version__", "99.0"),
    ):
        change()
        found.append(version())
    assert len(set(found)) == 6
    (folder / "__pycache__").mkdir()
    (folder / "notes.txt").touch()
    assert version() == found[-1]


@pytest.mark.parametrize("cache", ["/dev/null/nowhere", "loop"])
def test_a_cache_that_is_closed_costs_only_time(
    painter: Painter, monkeypatch: pytest.MonkeyPatch, cache: str
) -> None:
    Path("loop").symlink_to("loop")
    monkeypatch.setenv("IMPASTO_CACHE", cache)
    for _ in range(2):
        assert pixels(style_source("whirl")) == true_whirl()
    assert len(painter.painted) == 2


def test_a_cache_that_is_full_costs_only_time(
    painter: Painter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert pixels(style_source("whirl")) == true_whirl()
    assert list((tmp_path / "cache" / "styles").iterdir()) == []


def test_the_sheet_shows_every_painting() -> None:
    sheet = preview_sheet()
    assert sheet.mode == "RGB"
    shown = np.asarray(sheet)
    for index, name in enumerate(PAINTINGS):
        left, top = 24 + index % 3 * 504, 24 + index // 3 * 423
        assert (shown[top : top + 375, left : left + 480] == np.asarray(paint(name, 480, 375))).all()
        caption = shown[top + 375 : top + 423, left : left + 480]
        assert caption.min() < 60  # ink
        assert (caption[[0, -1]] == shown[0, 0]).all()  # and none of it is cut off
