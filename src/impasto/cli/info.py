"""`impasto info`: this machine, and how Impasto will compute on it."""

import json
import os
import platform
from importlib.metadata import version
from typing import Any

import click

from impasto import __version__


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(as_json: bool) -> None:
    """Print versions, device, precision and weights in use."""
    record = _record()
    if as_json:
        click.echo(json.dumps(record, indent=2))
        return
    for name, value in record.items():
        click.echo(f"{name:<10}  {_in_words(value)}")


def _record() -> dict[str, Any]:
    import torch

    from impasto.cache import cache_folder
    from impasto.device import choose_compute, measured_seconds
    from impasto.memory import available, resident, shown
    from impasto.options import make_options

    options = make_options()
    compute = choose_compute(options.device, options.precision)
    seconds = measured_seconds(compute.device)
    return {
        "impasto": __version__,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("torch", "numpy", "pillow")},
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "instructions": torch.backends.cpu.get_cpu_capability(),
        },
        "memory": f"{shown(resident(compute.device) + available(compute.device))} for a run",
        "device": compute.device,
        "precision": compute.precision,
        "method": compute.method,
        "measured": {f"{way.precision} {way.method}": value for way, value in seconds.items()},
        "weights": _weights(options.weights),
        "cache": str(cache_folder()),
    }


def _weights(name: str) -> dict[str, str]:
    from impasto.weights import available_weights

    known = next(known for known in available_weights() if known.name == name)
    return {"name": known.name, "source": known.source, "sha256": known.sha256}


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(part)}" for name, part in value.items())
    return f"{value * 1000:.1f} ms" if isinstance(value, float) else str(value)
