"""Who may import whom, and the house rules that can be read off the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import impasto

SOURCE = Path(impasto.__file__).parent

# A file imports only from rows below its own. Folders count as one.
ROWS = (
    ("__main__",),
    ("cli",),
    ("studio",),
    ("__init__",),
    ("remaining", "variations"),
    ("cells", "quality", "transfer"),
    ("preparation",),
    ("run",),
    ("outset",),
    ("cost",),
    ("calibration",),
    ("snapshots",),
    ("materials", "stage", "states"),
    ("axes", "command", "objective", "optimize", "pyramid", "regions", "strength"),
    ("precondition", "remake", "replay", "terms"),
    ("color", "device", "losses", "masks", "sheet", "sheetfile", "tiles", "vgg", "weights"),
    ("output", "page", "styles"),
    ("encoding",),
    ("checkpoint", "convolution", "image", "pooling", "recipe"),
    ("lettering", "notation", "paintings", "picture"),
    ("deep",),
    ("architecture", "cache", "deeppng", "imagefile", "options", "preprocessing", "srgb", "tensorfile", "workspace"),
    ("fieldtypes", "presets"),
    ("room",),
    ("atomic", "memory"),
    ("errors", "limits", "sections", "shared", "threads", "views"),
)

# What these may know of the rest at all: numbers and tensors are enough for them.
KNOWS: dict[str, set[str]] = {
    "convolution": {"workspace"},
    "color": set(),
    "losses": set(),
    "masks": set(),
    "optimize": {"errors", "precondition", "room"},
    "precondition": {"room"},
    "pooling": {"workspace"},
    "pyramid": {"room"},
    "strength": set(),
    "tiles": {"room"},
    "room": {"errors", "memory"},
    "views": set(),
    "workspace": {"memory"},
    "objective": {"losses", "masks", "room", "shared", "terms", "tiles", "vgg"},
    "replay": {"device", "workspace"},
    "stage": {"masks", "objective", "optimize", "pyramid", "replay", "room", "tiles", "vgg"},
    "terms": {"losses", "tiles", "vgg"},
}

USE_OPTIONS = {
    "__init__", "cli", "studio", "axes", "cells", "command", "outset", "preparation", "run", "transfer", "variations",
}  # fmt: skip
USE_TORCH = {
    "calibration",
    "cells",
    "color",
    "convolution",
    "cost",
    "device",
    "losses",
    "masks",
    "materials",
    "objective",
    "optimize",
    "outset",
    "pooling",
    "precondition",
    "preparation",
    "pyramid",
    "quality",
    "regions",
    "replay",
    "room",
    "run",
    "snapshots",
    "stage",
    "states",
    "tensorfile",
    "terms",
    "tiles",
    "transfer",
    "variations",
    "vgg",
    "views",
    "workspace",
}

FILES = {path.relative_to(SOURCE).as_posix(): path for path in sorted(SOURCE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in FILES.items()}
every_file = pytest.mark.parametrize("name", FILES)


def _unit(path: str) -> str:
    """`cli/info.py` -> `cli`, `vgg.py` -> `vgg`."""
    return path.partition("/")[0].removesuffix(".py")


def _row(unit: str) -> int:
    return next(index for index, row in enumerate(ROWS) if unit in row)


def _imports(nodes: Iterator[ast.AST]) -> set[str]:
    """Full names of all that the statements among these nodes import."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _ours(names: set[str]) -> set[str]:
    """Which units of ours these names are of; the version is nobody's secret."""
    parts = (name.split(".") for name in names - {"impasto.__version__"})
    units = {_unit(path) for path in FILES}
    return {(rest[0] if rest and rest[0] in units else "__init__") for first, *rest in parts if first == "impasto"}


def _at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when a module is imported: none in functions, or for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from _at_import(node)


def _calls(tree: ast.AST) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_quality_is_measured_apart_from_the_engine() -> None:
    engine = {"losses", "masks", "objective", "optimize", "run", "stage", "terms", "tiles", "transfer", "vgg"}
    assert not _ours(_imports(ast.walk(TREES["quality.py"]))) & engine


def test_every_file_has_a_row() -> None:
    units = [unit for row in ROWS for unit in row]
    assert sorted(units) == sorted({_unit(path) for path in FILES})


@every_file
def test_imports_go_down(name: str) -> None:
    unit = _unit(name)
    for imported in _ours(_imports(ast.walk(TREES[name]))) - {unit}:
        assert _row(imported) > _row(unit), f"{name} imports {imported}"


@pytest.mark.parametrize("unit", KNOWS)
def test_what_the_engine_knows(unit: str) -> None:
    assert _ours(_imports(ast.walk(TREES[f"{unit}.py"]))) == KNOWS[unit]


@every_file
def test_options_stop_at_the_main_path(name: str) -> None:
    if _unit(name) not in USE_OPTIONS:
        assert "options" not in _ours(_imports(ast.walk(TREES[name]))) - {_unit(name)}


@every_file
def test_torch_is_loaded_late(name: str) -> None:
    """So that `--help`, and an error in a file name, need not wait for it."""
    imported = _imports(_at_import(TREES[name]))
    torch = {full for full in imported if full.partition(".")[0] == "torch"}
    assert bool(torch or _ours(imported) & USE_TORCH - {_unit(name)}) == (_unit(name) in USE_TORCH)


@every_file
def test_the_library_prints_nothing_and_ends_nothing(name: str) -> None:
    if _unit(name) not in ("cli", "__main__"):
        assert not _calls(TREES[name]) & {"print", "input", "exit", "quit", "sys.exit", "os._exit"}


@every_file
def test_no_global_state(name: str) -> None:
    assert not any(isinstance(node, ast.Global) for node in ast.walk(TREES[name]))
    assert not _calls(TREES[name]) & {"torch.manual_seed", "random.seed", "np.random.seed", "torch.seed"}


@every_file
def test_files_are_short_and_say_what_they_are(name: str) -> None:
    text = FILES[name].read_text("utf-8")
    assert text.count("\n") <= 300
    if text:
        assert ast.get_docstring(TREES[name])


@every_file
def test_public_names_are_documented(name: str) -> None:
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    bare = [
        node.name
        for node in TREES[name].body
        if isinstance(node, definitions) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert bare == []


def test_no_drawer_for_odds_and_ends() -> None:
    assert not {Path(name).stem for name in FILES} & {"utils", "util", "helpers", "common", "misc"}
