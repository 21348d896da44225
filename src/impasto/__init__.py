"""Impasto paints a photograph in the style of a painting."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from impasto.cost import Estimate
    from impasto.errors import ImpastoError
    from impasto.image import load_image
    from impasto.options import Options
    from impasto.output import save_image
    from impasto.quality import measure
    from impasto.recipe import read_recipe
    from impasto.run import Transfer
    from impasto.states import Iterate, Result
    from impasto.transfer import estimate, iterate, prepare, stylize, texture
    from impasto.variations import sweep

_HOMES = {
    "Estimate": "cost",
    "ImpastoError": "errors",
    "Iterate": "states",
    "Options": "options",
    "Result": "states",
    "Transfer": "run",
    "estimate": "transfer",
    "iterate": "transfer",
    "load_image": "image",
    "measure": "quality",
    "prepare": "transfer",
    "read_recipe": "recipe",
    "save_image": "output",
    "stylize": "transfer",
    "sweep": "variations",
    "texture": "transfer",
}

__all__ = [
    "Estimate",
    "ImpastoError",
    "Iterate",
    "Options",
    "Result",
    "Transfer",
    "estimate",
    "iterate",
    "load_image",
    "measure",
    "prepare",
    "read_recipe",
    "save_image",
    "stylize",
    "sweep",
    "texture",
]


def __getattr__(name: str) -> Any:
    """Importing is free: torch is loaded when a name that needs it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
