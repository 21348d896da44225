"""Rule R for the whole corpus in every role, by the real command line: refused soon, in a line, without a trace.

A picture that cannot be used ends with exit code 1 within 2 s, with at most 3 lines on stderr of which the first
names the file and the reason; without a traceback, an output or anything left behind.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from clicalls import Caller
from corpus import grey_photo, hostile, many_scans, photo, welcome
from forks import Ended, Forks
from PIL import Image

from impasto.errors import ImageError
from impasto.image import open_picture
from impasto.options import Options

PROMISED = 2.0  # seconds, here of a processor: what else the machine does must not count
QUICK = "--size 16 --min-size 16 --iterations 1 --precision float32"

# {} is the file; content.png, style.png, small.png and sheet.png are as they should be
ROLES = {
    "content": "stylize {} style.png -o out.png",
    "style": "stylize content.png {} -o out.png",
    "init": "stylize content.png style.png --init {} -o out.png",
    "content mask": "stylize content.png style.png --content-mask {} -o out.png",
    "style mask": "stylize content.png style.png --style-mask {} -o out.png",
    "--from": "stylize --from {} --size 20 -o out.png",
    "content of a sheet": "sweep {} style.png --vary seed=1,2 -o out.png",
    "varied style": "sweep content.png --vary style=style.png;{} -o out.png",
    "sheet": "sweep --render A1 -o out.png {}",
    "sheet's content": "sweep --render A1 -o out.png sheet.png {} style.png",
    "sheet's style": "sweep --render A1 -o out.png sheet.png content.png {}",
    "weights": "stylize content.png style.png --weights {} -o out.png",
    "texture's style": "texture {} --size 20x20 -o out.png",
    "shown": "show {}",
    "measured": "measure {} --content content.png --style style.png",
}
CENTRAL = {"content", "style", "init", "content mask", "style mask", "--from", "sheet", "sheet's content"}
LATE = {"measured", "weights"}  # where all there is to do needs torch
OF_RECIPES = {"--from", "sheet", "shown"}  # which may miss the recipe first
NUMBERS = sorted(
    name
    for name, field in Options.model_fields.items()
    if re.search("int|float", str(field.annotation)) and not name.endswith("_layers")
)
CASES = hostile()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good pictures, and every bad one in a folder of its own."""
    folder = tmp_path_factory.mktemp("promises")
    photo().save(folder / "content.png")
    photo(20, 20, seed=2).save(folder / "style.png")
    before = Path.cwd()
    for number, case in enumerate(CASES.values()):
        (folder / str(number)).mkdir()
        os.chdir(folder / str(number))
        case.make(folder / str(number) / case.name)
    os.chdir(before)
    return folder


@pytest.fixture(scope="module")
def early(folder: Path) -> Iterator[Forks]:
    yield from _open(folder, torch=False)


@pytest.fixture(scope="module")
def late(folder: Path) -> Iterator[Forks]:
    """The same with torch; it has painted a picture and a sheet."""
    for forks in _open(folder, torch=True):
        for command in (
            f"stylize content.png style.png -o small.png {QUICK}",
            f"sweep content.png style.png --vary seed=1,2 -o sheet.png {QUICK}",
        ):
            ended = forks(command.split())
            assert ended.code == 0, ended.err
        yield forks


def _open(folder: Path, *, torch: bool) -> Iterator[Forks]:
    forks = Forks(folder, torch=torch)
    yield forks
    forks.close()


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    monkeypatch.chdir(tmp_path)
    return Caller(tmp_path, capsys)


def arguments(role: str, path: str) -> list[str]:
    return [word.replace("{}", path) for word in ROLES[role].split()]


def files(folder: Path) -> dict[str, int]:
    """All that lies in the folder, hidden files too, with the instant of its last change."""
    return {entry.path: entry.stat(follow_symlinks=False).st_mtime_ns for entry in os.scandir(folder)}


def check_rule(ended: Ended, path: str, reason: str) -> None:
    lines = ended.err.splitlines()
    assert ended.code == 1, ended
    assert ended.out == "", ended
    assert ended.seconds < PROMISED, ended
    assert 1 <= len(lines) <= 3, ended
    assert all(line.startswith("impasto: ") and line.isprintable() for line in lines), ended
    assert repr(path) in lines[0], ended
    assert reason in lines[0], ended
    assert "defect" not in ended.err, ended
    assert "object at 0x" not in ended.err, ended


@pytest.mark.parametrize("role", ROLES)
def test_every_hostile_picture_in_every_role(folder: Path, early: Forks, late: Forks, role: str) -> None:
    broken = []
    for number, (name, case) in list(enumerate(CASES.items()))[:: 1 if role in CENTRAL else 4]:
        path = f"{number}/{case.name}"
        places = folder, folder / str(number)
        before = [files(place) for place in places]
        in_time = case.early and role not in LATE
        ended = (early if in_time else late)(arguments(role, path))
        no_recipe = role in OF_RECIPES and "holds no Impasto recipe" in ended.err
        try:
            check_rule(ended, path, "" if no_recipe or role == "weights" else case.reason)
            assert not (in_time and ended.torch), "torch was imported"
            assert [files(place) for place in places] == before, "something is left"
        except AssertionError as error:
            broken.append(f"{name}: {str(error)[:1000]}")
    assert not broken, "\n".join(broken)


def test_the_traceback_is_shown_on_request_alone(early: Forks) -> None:
    missing = arguments("style", "nowhere.png")
    assert "Traceback" not in early(missing).err
    debugged = early(["--debug", *missing])
    assert debugged.code == 1
    assert "Traceback" in debugged.err


@pytest.mark.parametrize("value", ["nonsense", "nan", "-1", "9" * 5000])
def test_every_impossible_number_is_named_by_its_flag(folder: Path, early: Forks, value: str) -> None:
    before = files(folder)
    for name in NUMBERS:
        flag = f"--{name.replace('_', '-')}"
        ended = early(["stylize", "content.png", "style.png", "-o", "out.png", flag, value])
        first, *more = ended.err.splitlines()
        assert (ended.code, ended.out, ended.torch) == (2, "", False), ended
        assert flag in first, ended
        assert len(first) < 400, ended
        assert len(more) <= 2, ended
    assert files(folder) == before


@pytest.mark.parametrize("flag", ["--content-layers", "--style-layers"])
def test_impossible_layers_are_named_by_their_flag(early: Forks, flag: str) -> None:
    ended = early(["stylize", "content.png", "style.png", "-o", "out.png", flag, "nonsense"])
    assert ended.code == 2
    assert flag in ended.err.splitlines()[0]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("nowhere/out.png", "there is no folder"),
        ("out.gif", "has no extension we can write"),
        ("0", "has no extension we can write"),
        ("content.png", "is the same file as the input"),
        ("./0/../style.png", "is the same file as the input"),
        ("folder.png", "is a folder"),
        ("pipe.png", "is not a regular file"),
        ("loop.png", "cannot be written"),
        ("full.png", "is not a regular file"),
        ("x" * 300 + ".png", "File name too long"),
        ("/proc/self/out.png", "cannot be written"),
    ],
)
def test_every_impossible_output_is_found_before_work_starts(
    folder: Path, early: Forks, output: str, reason: str
) -> None:
    for name, make in (
        ("folder.png", Path.mkdir),
        ("pipe.png", os.mkfifo),
        ("loop.png", lambda path: path.symlink_to("loop.png")),
        ("full.png", lambda path: path.symlink_to("/dev/full")),
    ):
        if not os.path.lexists(folder / name):
            make(folder / name)
    before = files(folder)
    ended = early(["stylize", "content.png", "style.png", "-o", output])
    check_rule(ended, output, reason)
    assert not ended.torch
    assert files(folder) == before


@pytest.mark.parametrize("name", welcome(photo()))
@pytest.mark.usefixtures("quick_runs")
def test_odd_pictures_are_painted_from_in_every_role(call: Caller, name: str) -> None:
    """In colours as photograph, style and start; in grey, so as not to be taken for labels, as masks."""
    Path("odd").write_bytes(welcome(photo())[name])
    Path("mask").write_bytes(welcome(grey_photo())[name])
    roles = ["odd", "./odd", "--init", "odd", "--content-mask", "mask", "--style-mask", "mask"]
    outcome = call("stylize", *roles, "--size", "32", "--iterations", "2", "-o", "out.png")
    noted = {line.partition("note: ")[2] for line in outcome.err.splitlines()}
    assert outcome.code == 0, outcome
    assert noted <= {
        "broken colour profile ignored",
        "unreadable EXIF ignored: the picture may not be upright",
        "32-bit samples were read as 8 bits",
    }
    assert bool(noted) == (name.startswith("broken") or name == "float tiff")  # whose bits are more than 8
    with Image.open("out.png") as picture:
        assert picture.size == (32, 24)
        assert np.asarray(picture).std() > 5
        assert not picture.getexif()


@pytest.mark.parametrize("name", ["-rf.png", "sea shore.png", "Müller 畫.png", "two\nlines.png", "\udcff\udc80.png"])
@pytest.mark.usefixtures("quick_runs")
def test_odd_names_work_in_every_role(call: Caller, name: str) -> None:
    """Behind `--` where they begin with a dash, as everywhere."""
    grey_photo().resize((80, 60)).save("mask.png")
    for made in ("content", "style", "mask"):
        os.replace(f"{made}.png", f"{name}{made}.png")  # noqa: PTH105
    flags = [f"--init={name}content.png", f"--content-mask={name}mask.png", "--size=20", "--iterations=2"]
    outcome = call("stylize", *flags, f"--output={name}", "--", f"{name}content.png", f"{name}style.png")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.count("\n") == 1
    assert outcome.out.rstrip("\n").isprintable()
    assert call("stylize", f"--from={name}", "--size=24", f"--output={name}larger.png").code == 0


@pytest.mark.parametrize("name", ["-rf.png", "two\nlines.png", "\udcff\udc80.png"])
def test_odd_names_are_shown_on_one_line(folder: Path, late: Forks, name: str) -> None:
    (folder / name).write_bytes((folder / "small.png").read_bytes())
    ended = late(["show", "--command", "--", name])
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("impasto stylize content.png style.png ")
    assert ended.out.count("\n") == 1


def test_what_lies_beside_a_picture_does_no_harm(folder: Path, late: Forks, tmp_path: Path) -> None:
    """Files are looked for by their hashes among the whole corpus, and the photograph is the last of them."""
    for number, (name, case) in enumerate(CASES.items()):
        if not name.startswith(("name", "socket")):  # whose names are what is hostile, or must be short
            case.make(tmp_path / f"{number:03}.png")
    for name in ("small.png", "sheet.png", "content.png", "style.png"):
        (tmp_path / f"zz {name}").write_bytes((folder / name).read_bytes())
    last = ["--size", "20", "--iterations", "2", "-o", f"{tmp_path}/out.png"]
    for command in (
        ["stylize", "--from", f"{tmp_path}/zz small.png", *last],
        ["sweep", "--render", "A2", f"{tmp_path}/zz sheet.png", *last],
    ):
        ended = late(command)
        assert ended.code == 0, ended


def test_a_bomb_of_scans_is_refused(tmp_path: Path) -> None:
    """Each takes 12 bytes and a walk through the whole picture: 120 kB of them keep a processor busy for minutes."""
    (tmp_path / "photo.jpg").write_bytes(many_scans(64, 5000))
    with pytest.raises(ImageError, match=r"photo\.jpg' has .* scans"):
        open_picture(tmp_path / "photo.jpg")


def test_reasons_are_for_people(folder: Path, late: Forks) -> None:
    """And name no class, function or number of a decoder."""
    for number, name in enumerate(CASES):
        if name in ("png without width", "png without its palette", "tiff of huge tiles", "bmp of 16 bytes"):
            err = late(arguments("content", f"{number}/photo.jpg")).err
            assert not re.search(r"Error|driver|unpack_from|decoder|[A-Z]{3}_", err), err
