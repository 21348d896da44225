"""The public surface, spelled out: whoever changes it changes this list, on purpose."""

import importlib
import inspect
import subprocess
import sys

import pytest

import impasto

NAMES = {
    "Estimate": "impasto.cost",
    "ImpastoError": "impasto.errors",
    "Iterate": "impasto.states",
    "Options": "impasto.options",
    "Result": "impasto.states",
    "Transfer": "impasto.run",
    "estimate": "impasto.transfer",
    "iterate": "impasto.transfer",
    "load_image": "impasto.image",
    "measure": "impasto.quality",
    "prepare": "impasto.transfer",
    "read_recipe": "impasto.recipe",
    "save_image": "impasto.output",
    "stylize": "impasto.transfer",
    "sweep": "impasto.variations",
    "texture": "impasto.transfer",
}


def test_names() -> None:
    assert impasto.__all__ == list(NAMES)
    assert dir(impasto) == sorted([*NAMES, "__version__"])


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_what_its_module_has(name: str) -> None:
    found = getattr(impasto, name)
    assert found is getattr(importlib.import_module(NAMES[name]), name)
    assert found.__module__ == NAMES[name]
    assert inspect.getdoc(found)


def test_no_other_name() -> None:
    with pytest.raises(AttributeError, match="module 'impasto' has no attribute 'stylise'"):
        impasto.stylise  # noqa: B018


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        ("stylize", ["content", "style", "preset", "options", "values"]),
        ("prepare", ["content", "style", "preset", "options", "continued", "shared", "checkpoint", "values"]),
        ("iterate", ["content", "style", "values"]),
        ("measure", ["result", "content", "style", "weights"]),
        ("sweep", ["content", "style", "vary", "preset", "values"]),
        ("texture", ["style", "size", "tileable", "preset", "options", "values"]),
        ("load_image", ["source", "size"]),
        ("save_image", None),
        ("read_recipe", ["path", "max_pixels"]),
    ],
)
def test_parameters(function: str, parameters: list[str] | None) -> None:
    found = list(inspect.signature(getattr(impasto, function)).parameters)
    assert parameters is None or found == parameters


def _modules_after(statement: str) -> set[str]:
    command = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import impasto; dir(impasto); impasto.ImpastoError",
        "from impasto import Options, load_image, save_image, read_recipe",
    ],
)
def test_importing_is_free_of_torch(statement: str) -> None:
    modules = _modules_after(statement)
    assert "impasto" in modules
    assert "torch" not in modules


def test_the_engine_loads_torch() -> None:
    """Else the test above would prove nothing."""
    assert "torch" in _modules_after("from impasto import stylize")
