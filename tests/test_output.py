"""A file is written whole or not at all, and what would prevent it is found before the work."""

import errno
import io
import os
import platform
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import get_sampling

from impasto.atomic import sweep_leftovers
from impasto.errors import ImageError
from impasto.output import check_output, save_image, write_output

EXTENSIONS = ["png", "jpg", "JPEG", "webp", "tif", "Tiff"]


def noise(side: int = 40, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def leftovers(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.startswith(".")]


@pytest.fixture
def umask() -> Iterator[None]:
    old = os.umask(0o027)
    yield
    os.umask(old)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_picture_is_written_and_tagged(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a.{extension}"
    image = noise()
    save_image(image, path)
    with Image.open(path) as written:
        assert written.mode == "RGB"
        assert written.size == image.size
        profile = ImageCms.ImageCmsProfile(io.BytesIO(written.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        if extension in ("png", "tif", "Tiff"):
            assert written.tobytes() == image.tobytes()
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_the_same_bytes_each_time(tmp_path: Path, extension: str) -> None:
    one, two = tmp_path / f"1.{extension}", tmp_path / f"2.{extension}"
    for path in (one, two):
        save_image(noise(), path, recipe={"seed": 1})
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("extension", ["jpg", "webp"])
def test_quality(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a.{extension}"
    save_image(noise(), path, quality=30)
    small = path.stat().st_size
    save_image(noise(), path)
    assert path.stat().st_size > 1.5 * small


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_nothing_of_the_input_is_copied(tmp_path: Path, extension: str) -> None:
    secret = "taken at home"
    tags = Image.Exif()
    tags[0x010E], tags[0x0112], tags[0x8825] = secret, 6, {1: "N", 2: (51.0, 30.0, 0.0)}
    source = tmp_path / "source.jpg"
    noise().save(source, exif=tags, comment=secret, xmp=secret.encode(), dpi=(123, 123))
    with Image.open(source) as image:
        path = tmp_path / f"a.{extension}"
        save_image(image, path)
    assert secret.encode() not in path.read_bytes()
    with Image.open(path) as written:
        written.load()
        assert not set(written.getexif()) & {0x010E, 0x0112, 0x8825}
        assert not {"comment", "xmp", "exif"} & set(written.info)
        assert written.info.get("dpi") not in ((123, 123), (123.0, 123.0))


def test_colours_of_a_jpeg_keep_their_resolution(tmp_path: Path) -> None:
    save_image(noise(), tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as written:
        assert get_sampling(written) == 0  # 4:4:4


def test_transparent_images_are_laid_on_white(tmp_path: Path) -> None:
    save_image(Image.new("RGBA", (2, 2), (0, 0, 0, 0)), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as written:
        assert written.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.usefixtures("umask")
def test_permissions_are_those_of_a_new_file_or_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    save_image(noise(), path)
    assert path.stat().st_mode & 0o777 == 0o640
    path.chmod(0o604)
    save_image(noise(), path)
    assert path.stat().st_mode & 0o777 == 0o604


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "data", tmp_path / "a.png"
    link.symlink_to("folder/data")
    for seed in (0, 1):  # dangling at first
        check_output(link, [])
        save_image(noise(seed=seed), link)
        assert link.is_symlink()
        with Image.open(target) as written:
            assert written.tobytes() == noise(seed=seed).tobytes()


@pytest.mark.parametrize("name", ["x" * 251 + ".png", "two\nlines.png", "-rf.png", "畫 é.png", "\udcff.png"])
def test_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    check_output(name, [])
    save_image(noise(), name)
    assert names(tmp_path) == [name]


def make_link_loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("a.gif", None, "has no extension we can write: expected .png, .jpg, .jpeg, .webp, .tif, .tiff"),
        ("a", None, "has no extension we can write"),
        (".png", None, "has no extension we can write"),
        ("missing/a.png", None, "cannot be written: there is no folder"),
        ("a.png", Path.mkdir, "is a folder"),
        ("a.png", os.mkfifo, "is not a regular file"),
        ("a.png", make_link_loop, "cannot be written: "),
        ("a.png", lambda path: path.symlink_to("/dev/full"), "is not a regular file"),
        ("x" * 252 + ".png", None, "cannot be written: File name too long"),
        ("nul\0.png", None, "cannot be written: "),
    ],
)
def test_outputs_that_cannot_be(tmp_path: Path, name: str, make: Callable[[Path], None] | None, reason: str) -> None:
    path = tmp_path / name
    if make is not None:
        make(path)
    before = names(tmp_path)
    for attempt in (lambda: check_output(path, []), lambda: save_image(noise(), path)):
        with pytest.raises(ImageError) as caught:
            attempt()
        assert str(caught.value).startswith(f"output {str(path)!r} {reason}")
        assert str(caught.value).isprintable()
        assert names(tmp_path) == before


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(ImageError, match="there is no folder"):
        check_output(tmp_path / "a.png" / "b.png", [])


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that not even root can write to")
def test_a_folder_that_takes_no_files() -> None:
    with pytest.raises(ImageError, match=r"output '/proc/self/a.png' cannot be written: "):
        check_output("/proc/self/a.png", [])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_what_is_read_only(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch(0o444)
    with pytest.raises(ImageError, match="Permission denied"):
        check_output(path, [])
    tmp_path.chmod(0o555)
    with pytest.raises(ImageError, match="Permission denied"):
        check_output(tmp_path / "b.png", [])
    tmp_path.chmod(0o755)


def test_an_old_file_that_cannot_be_opened_for_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What even root meets on an immutable file."""
    path = tmp_path / "a.png"
    path.touch()
    opened = os.open

    def refusing(name: str | os.PathLike[str], *rest: int) -> int:
        if Path(name) == path:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return opened(name, *rest)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(ImageError, match="cannot be written: Operation not permitted"):
        check_output(path, [])


def test_a_good_output_passes_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    check_output(path, [tmp_path / "missing.png", noise(), np.zeros((2, 2), np.uint8), "nul\0"])
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"old")
    check_output(path, [])
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("make", [None, "hardlink_to", "symlink_to"])
def test_the_output_must_not_be_an_input(tmp_path: Path, make: str | None) -> None:
    source, path = tmp_path / "in.png", tmp_path / "in.png"
    noise().save(source)
    if make is not None:
        path = tmp_path / "out.png"
        getattr(path, make)(source)
    other = tmp_path / "folder" / ".." / path.name
    (tmp_path / "folder").mkdir()
    for output in (path, other):
        with pytest.raises(ImageError, match=rf"is the same file as the input {str(source)!r}"):
            check_output(output, [noise(), str(source)])


def test_overwriting_can_be_forbidden(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    check_output(path, [], clobber=False)
    path.touch()
    check_output(path, [])
    with pytest.raises(ImageError, match="exists already, and overwriting was not allowed"):
        check_output(path, [], clobber=False)


@pytest.mark.parametrize(("extension", "limit"), [("jpg", 65500), ("webp", 16383)])
def test_sides_that_a_format_cannot_hold(tmp_path: Path, extension: str, limit: int) -> None:
    path = tmp_path / f"a.{extension}"
    check_output(path, [], size=(1, limit))
    save_image(Image.new("RGB", (limit, 1)), path)
    for attempt in (
        lambda: check_output(path, [], size=(limit + 1, 1)),
        lambda: save_image(Image.new("RGB", (1, limit + 1)), path),
    ):
        with pytest.raises(ImageError, match=f"cannot hold a side of {limit + 1:,} pixels"):
            attempt()
    check_output(tmp_path / "a.png", [], size=(1, 10**6))


def test_others_may_encode_other_formats(tmp_path: Path) -> None:
    """With the same guarantees: `impasto.sheetfile` writes PDF."""
    path, asked = tmp_path / "a.TXT", []

    def encode(kind: str) -> bytes:
        asked.append(kind)
        return b"new"

    check_output(path, [], kinds={".txt": "TEXT"})
    write_output(path, encode, (1, 10**6), kinds={".txt": "TEXT"})
    assert (path.read_bytes(), asked) == (b"new", ["TEXT"])
    for kinds, size, reason in (
        ({".md": "TEXT"}, (1, 1), "has no extension we can write: expected .md$"),
        ({".txt": "JPEG"}, (65_501, 1), "cannot hold a side of 65,501 pixels"),
    ):
        with pytest.raises(ImageError, match=reason):
            write_output(path, encode, size, kinds=kinds)
    assert (path.read_bytes(), asked) == (b"new", ["TEXT"])


@contextmanager
def small_files() -> Iterator[None]:
    """No file may grow beyond 1,000 bytes; Python ignores the signal, so that writing fails with EFBIG.

    Around the call alone: the file that pytest's own output goes to may be larger.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    refused = pytest.raises(ImageError, match=r"needs [4-6],\d{3} bytes: File too large; nothing was changed")
    with refused, small_files():
        save_image(noise(), path)
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_fails_at_the_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def failing(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(ImageError) as caught:
        save_image(noise(), path)
    assert os.strerror(number) in str(caught.value)
    assert bool(re.search(r"needs [\d,]+ bytes", str(caught.value))) == (number != errno.EIO)
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == []


def test_an_interrupt_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_image(noise(), path)
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == []


KILLED = """
import os, pathlib, signal, sys
from PIL import Image
from impasto.output import save_image

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

moment, path = sys.argv[1:]
if moment == "flush":
    os.fsync = die
elif moment == "rename":
    pathlib.Path.replace = die
elif moment == "renamed":
    rename = pathlib.Path.replace
    pathlib.Path.replace = lambda *names: (rename(*names), die())
pictures = [Image.effect_noise((500, 500), sigma).convert("RGB") for sigma in (40, 80)]
print("ready", flush=True)
while True:
    for picture in pictures:
        save_image(picture, path)
"""


def killed(moment: str, path: Path) -> None:
    """Save two pictures in turn, in a process that is killed at this moment or after so many seconds."""
    with subprocess.Popen([sys.executable, "-c", KILLED, moment, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        if moment[0].isdigit():
            time.sleep(float(moment))
            process.kill()
        assert process.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize("moment", ["flush", "rename", "renamed", "0.05", "0.11", "0.23"])
def test_killed_while_writing(tmp_path: Path, moment: str) -> None:
    path = tmp_path / "a.png"
    save_image(noise(), path)
    old = path.read_bytes()
    killed(moment, path)
    with Image.open(path) as image:
        image.load()  # whole, be it the old or the new
        assert image.size == ((40, 40) if path.read_bytes() == old else (500, 500))
    if moment in ("flush", "rename"):
        assert path.read_bytes() == old
        assert len(leftovers(tmp_path)) == 1
    sweep_leftovers(path)
    assert names(tmp_path) == ["a.png"]


def test_only_leftovers_of_the_dead_are_swept(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        dead = process.pid
        process.wait()
    host = re.sub(r"[^A-Za-z0-9_.-]", "", platform.node())[:64] or "localhost"
    swept = tmp_path / f".impasto-{host}-{dead}-0123abcd.tmp"
    kept = [
        tmp_path / f".impasto-{host}-{os.getpid()}-0123abcd.tmp",
        tmp_path / f".impasto-{host}-1-0123abcd.tmp",
        tmp_path / f".impasto-elsewhere-{dead}-0123abcd.tmp",
        tmp_path / f".impasto-{host}-{dead}-0123abcd.tmp.png",
        tmp_path / f".impasto-{host}-{'9' * 30}-0123abcd.tmp",
        tmp_path / f"impasto-{host}-{dead}-0123abcd.tmp",
        tmp_path / "a.png",
    ]
    for file in (swept, *kept):
        file.touch()
    sweep_leftovers(tmp_path / "a.png")
    assert sorted(tmp_path.iterdir()) == sorted(kept)


@pytest.mark.parametrize("path", ["missing/a.png", "nul\0/a.png", "/dev/null/a.png", "loop/a.png"])
def test_sweeping_where_nothing_can_be_is_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    sweep_leftovers(path)
    assert names(tmp_path) == ["loop"]
