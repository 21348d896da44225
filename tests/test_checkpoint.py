"""Weights files in every format, whole, damaged and harmful; networks that are no VGG."""

import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from networkfiles import Tensors, as_torchvision, hollow, same, write_keras, write_torch
from safetensors.torch import save_file

from impasto import checkpoint
from impasto.errors import WeightsError
from impasto.preprocessing import CAFFE, TORCH
from impasto.weights import load_weights


@pytest.fixture(scope="module")
def network() -> Tensors:
    """The real network as far as conv2_1: 0.1 M parameters."""
    return dict(load_weights(deepest="conv2_1").tensors)


# Formats


@pytest.mark.parametrize("layout", ["{0}_{1}:0", "{0}/{2}:0", "{2}", "{0}/nested/{2}:0"])
@pytest.mark.parametrize("root", ["/", "/model_weights"])
def test_keras(tmp_path: Path, network: Tensors, layout: str, root: str) -> None:
    weights = load_weights(write_keras(tmp_path / "notop.h5", network, layout, root))
    assert same(dict(weights.tensors), network)
    assert (weights.name, weights.source, weights.preprocessing) == ("notop", "notop.h5", CAFFE)


@pytest.mark.parametrize("architecture", ["vgg16", "vgg19"])
@pytest.mark.parametrize("prefix", ["features.", "", "module.features."])
def test_torchvision_keys_tell_the_architectures_apart(tmp_path: Path, architecture: str, prefix: str) -> None:
    state = as_torchvision(hollow(architecture), architecture, prefix)
    state["classifier.0.weight"] = torch.zeros(1).expand(4096, 25088)
    path = write_torch(tmp_path / "net.pth", state)
    weights = load_weights(path, preprocessing="torch")
    assert weights.architecture == architecture
    assert {key: value.shape for key, value in weights.tensors.items()} == {
        key: value.shape for key, value in hollow(architecture).items()
    }
    assert weights.preprocessing == TORCH


@pytest.mark.parametrize("architecture", ["vgg16", "vgg19"])
@pytest.mark.parametrize("deepest", ["conv4_1", "conv5_3"])
def test_our_keys_tell_the_architectures_apart(tmp_path: Path, architecture: str, deepest: str) -> None:
    weights = load_weights(write_torch(tmp_path / "vgg_conv.pth", hollow(architecture, deepest)))
    assert (weights.architecture, weights.preprocessing) == (architecture, CAFFE)


@pytest.mark.parametrize("legacy", [False, True])
def test_torch_formats_and_wrappers(tmp_path: Path, network: Tensors, legacy: bool) -> None:
    state = {"epoch": 3, "state_dict": {key: torch.nn.Parameter(value) for key, value in network.items()}}
    weights = load_weights(write_torch(tmp_path / "net.pt", state, legacy=legacy))
    assert same(dict(weights.tensors), network)
    assert not weights.tensors["conv1_1.weight"].requires_grad


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(tmp_path: Path, network: Tensors, dtype: torch.dtype) -> None:
    state = {key: value.to(dtype) for key, value in network.items()}
    save_file(state, tmp_path / "net.safetensors")
    weights = load_weights(tmp_path / "net.safetensors")
    assert same(dict(weights.tensors), {key: value.float() for key, value in state.items()})


def test_the_tensors_survive_the_file(tmp_path: Path, network: Tensors) -> None:
    save_file(network, tmp_path / "net.safetensors")
    weights = load_weights(tmp_path / "net.safetensors")
    (tmp_path / "net.safetensors").write_bytes(b"")  # a mapped file would now end the process
    assert same(dict(weights.tensors), network)


@pytest.mark.parametrize("name", ["with space.pth", "-dash.pth", "new\nline.pth", "ñ彩.pth"])
def test_file_names(tmp_path: Path, network: Tensors, name: str) -> None:
    write_torch(tmp_path / "plain", network).rename(tmp_path / name)
    weights = load_weights(tmp_path / name)
    assert same(dict(weights.tensors), network)
    weights.source.encode()
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(WeightsError) as caught:
        load_weights(tmp_path / name)
    assert str(caught.value).encode()
    assert "\n" not in str(caught.value)


# What is refused


def test_missing_file_folder_and_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.pth")
    (tmp_path / "loop.pth").symlink_to(tmp_path / "loop.pth")
    for path, reason in (
        (tmp_path / "no.pth", "does not exist"),
        (tmp_path, "is a folder"),
        (tmp_path / "fifo.pth", "not a regular file"),
        (tmp_path / "loop.pth", "cannot be opened"),
        (Path("a\0b"), "cannot be opened"),
        (Path(os.fsdecode(b"\xff.pth")), r"'\\udcff\.pth' has a name that .* cannot open"),
    ):
        with pytest.raises(WeightsError, match=reason):
            load_weights(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
        (b"MATLAB 5.0 MAT-file", r"not a \.safetensors, \.pth"),
        (b"PK\x03\x04 no archive", "damaged"),
        (b"\x80\x02 no pickle", "damaged"),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f{}", "damaged"),
        (b"\x89HDF\r\n\x1a\n no file", "damaged"),
    ],
)
def test_other_files(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "net.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=reason):
        load_weights(tmp_path / "net.pth")


def test_too_large(tmp_path: Path) -> None:
    with (tmp_path / "net.pth").open("wb") as file:
        file.truncate(checkpoint.MAX_FILE_BYTES + 1)
    with pytest.raises(WeightsError, match="no VGG has more than"):
        load_weights(tmp_path / "net.pth")


def test_truncated_anywhere(tmp_path: Path, network: Tensors) -> None:
    save_file(network, tmp_path / "net.safetensors")
    files = [
        tmp_path / "net.safetensors",
        write_torch(tmp_path / "net.pth", network),
        write_torch(tmp_path / "old.pth", network, legacy=True),
        write_keras(tmp_path / "net.h5", network, "{2}"),
    ]
    for path in files:
        content = path.read_bytes()
        for length in (9, 40, 700, len(content) // 2, len(content) - 70_000):
            path.write_bytes(content[:length])
            with pytest.raises(WeightsError, match=path.name):
                load_weights(path)


def test_damaged_anywhere(tmp_path: Path, network: Tensors) -> None:
    small = {key: network[key] for key in list(network)[:2]}
    save_file(small, tmp_path / "net.safetensors")
    files = [
        tmp_path / "net.safetensors",
        write_torch(tmp_path / "net.pth", small),
        write_torch(tmp_path / "old.pth", small, legacy=True),
        write_keras(tmp_path / "net.h5", small, "{2}"),
    ]
    random = np.random.default_rng(0)
    for path in files:
        content = path.read_bytes()
        refusals = []
        for position in random.integers(-400, 1200, 60):  # both ends: what is between are numbers
            damaged = bytearray(content)
            damaged[position] ^= random.integers(1, 256)
            path.write_bytes(damaged)
            try:
                load_weights(path)
            except WeightsError as error:  # nothing else may come out
                refusals.append(str(error))
        assert refusals, path.name
        assert "\n" not in "".join(refusals)


class Harmful:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return (os.mkdir, ("harm",))


@pytest.mark.parametrize("writer", ["zip", "legacy", "pickle"])
def test_code_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net.pth"
    if writer == "pickle":
        path.write_bytes(pickle.dumps(Harmful(), protocol=2))
    else:
        write_torch(path, {"conv1_1.weight": Harmful()}, legacy=writer == "legacy")
    with pytest.raises(WeightsError, match="holds code besides tensors"):
        load_weights(path)
    assert not (tmp_path / "harm").exists()


def test_a_whole_module_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = write_torch(tmp_path / "net.pth", torch.nn.Sequential(torch.nn.Conv2d(3, 64, 3)))
    with pytest.raises(WeightsError, match=r"holds code besides tensors.*state_dict") as caught:
        load_weights(path)
    assert len(str(caught.value)) < 300


def vary(**changes: torch.Tensor | None) -> Callable[[Tensors], Tensors]:
    """Replace entries (None: remove); `__` stands for the dot."""
    renamed = {key.replace("__", "."): value for key, value in changes.items()}
    return lambda state: {key: value for key, value in {**state, **renamed}.items() if value is not None}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (vary(conv1_2__weight=None), r"conv1_2.*missing"),
        (vary(conv3_4__weight=None), r"conv3_4.*missing"),
        (vary(conv5_4__bias=None), r"conv5_4.*missing"),
        (vary(conv1_1__weight=torch.zeros(1).expand(64, 4, 3, 3)), r"shape \[64, 4, 3, 3\].*\[64, 3, 3, 3\]"),
        (vary(conv5_1__bias=torch.zeros(1).expand(10**12)), r"shape \[1000000000000\]"),
        (vary(conv1_1__bias=torch.full((64,), torch.nan)), "NaN or infinity in conv1_1.bias"),
        (vary(conv4_1__bias=torch.full((512,), torch.inf)), "NaN or infinity in conv4_1.bias"),
        (vary(conv1_1__bias=torch.zeros(64, dtype=torch.int32)), "stores conv1_1.bias as torch.int32"),
        (vary(conv1_1__bias=torch.zeros(64, device="meta")), "stores conv1_1.bias"),
        (vary(conv1_1__bias=torch.zeros(64).to_sparse()), "stores conv1_1.bias"),
        (vary(conv1_1__running_mean=torch.zeros(64)), "batch normalisation"),
        (vary(conv1_1__weight_g=torch.zeros(64)), "weight normalisation"),
        (lambda _: {"fc.weight": torch.zeros(3)}, "holds no VGG"),
        (lambda _: {}, "holds no VGG"),
    ],
)
def test_wrong_networks(tmp_path: Path, change: Callable[[Tensors], Tensors], reason: str) -> None:
    path = write_torch(tmp_path / "net.pth", change(hollow("vgg19")))
    with pytest.raises(WeightsError, match=reason):
        load_weights(path)


def test_vgg13_is_refused(tmp_path: Path) -> None:
    state = as_torchvision(hollow("vgg16"), "vgg16")
    for index in (14, 19, 21, 24, 26, 28):
        del state[f"features.{index}.weight"]
    for index in (15, 20, 22):
        state[f"features.{index}.weight"] = torch.zeros(1).expand(512, 512, 3, 3)
    with pytest.raises(WeightsError, match=r"features\.14"):
        load_weights(write_torch(tmp_path / "net.pth", state), preprocessing="torch")


# Keras files with tricks


def keras_with(path: Path, replace: Callable[[h5py.File], None]) -> Path:
    write_keras(path, hollow("vgg19", "conv1_1"), "{2}")
    with h5py.File(path, "a") as file:
        del file["block1_conv1/kernel"]
        replace(file)
    return path


def link_soft(file: h5py.File) -> None:
    file["kernel"] = np.zeros((3, 3, 3, 64), np.float32)
    file["block1_conv1/kernel"] = h5py.SoftLink("/kernel")


def link_external(file: h5py.File) -> None:
    file["block1_conv1/kernel"] = h5py.ExternalLink("other.h5", "/kernel")


def store_externally(file: h5py.File) -> None:
    file.create_dataset("block1_conv1/kernel", (3, 3, 3, 64), "f4", external=[("/etc/hostname", 0, 6912)])


def store_virtually(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3, 3, 3, 64), "f4")
    layout[...] = h5py.VirtualSource("other.h5", "kernel", (3, 3, 3, 64))
    file.create_virtual_dataset("block1_conv1/kernel", layout)


def chunk_hugely(file: h5py.File) -> None:
    sizes = {"maxshape": (None, 3, 3, 64), "chunks": (50_000, 3, 3, 64), "compression": "gzip"}
    file.create_dataset("block1_conv1/kernel", (3, 3, 3, 64), "f4", **sizes)


def claim_terabytes(file: h5py.File) -> None:
    file.create_dataset("block1_conv1/kernel", (10**6, 10**6, 3, 64), "f4", chunks=(1, 1, 3, 64))


def store_text(file: h5py.File) -> None:
    file.create_dataset("block1_conv1/kernel", (3, 3, 3, 64), "S4")


def order_like_theano(file: h5py.File) -> None:
    file["block1_conv1/kernel"] = np.zeros((64, 3, 3, 3), np.float32)


def link_in_circles(file: h5py.File) -> None:
    for i in range(3000):
        file[f"block1_conv1/{i}"] = file["block1_conv1"]


@pytest.mark.parametrize(
    ("trick", "reason"),
    [
        (link_soft, "not None"),
        (link_external, "not None"),
        (store_externally, "other files"),
        (store_virtually, "other files"),
        (chunk_hugely, "unexpected form"),
        (claim_terabytes, r"not \[1000000, 1000000, 3, 64\]"),
        (store_text, "unexpected form"),
        (order_like_theano, r"not \[64, 3, 3, 3\]"),
        (link_in_circles, "holds no VGG"),
    ],
)
def test_keras_tricks(tmp_path: Path, trick: Callable[[h5py.File], None], reason: str) -> None:
    path = keras_with(tmp_path / "net.h5", trick)
    with pytest.raises(WeightsError, match=reason):
        load_weights(path)


def test_keras_without_h5py(tmp_path: Path, network: Tensors, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_keras(tmp_path / "net.h5", network, "{2}")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(WeightsError, match=r"pip install 'impasto\[keras\]'"):
        load_weights(path)
