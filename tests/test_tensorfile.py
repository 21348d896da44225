"""What is written block by block is what the library reads."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from impasto import tensorfile


@pytest.mark.parametrize("chunk", [7, 1 << 24])
def test_the_library_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(tensorfile, "CHUNK", chunk)
    kinds = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
    tensors = {f"tensor {kind}": torch.rand(1, 3, 5, 7).to(kind) for kind in kinds} | {"none": torch.empty(0, 3)}
    released: list[None] = []
    tensorfile.save_file(tensors, tmp_path / "file", {"key": '{"a": "ü"}'}, lambda: released.append(None))
    found = load_file(tmp_path / "file")
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
    with safe_open(tmp_path / "file", "pt") as file:
        assert file.metadata() == {"key": '{"a": "ü"}'}
    assert len(released) == sum(-(-tensor.nbytes // chunk) for tensor in tensors.values())


def test_numbers_begin_where_they_are_read_fast(tmp_path: Path) -> None:
    for length in range(9):
        tensorfile.save_file({"x": torch.ones(3)}, tmp_path / "file", {"key": "k" * length})
        assert ((tmp_path / "file").stat().st_size - 12) % 8 == 0
