"""The comparison with TensorFlow, whose part the seed's equations in float64 play: what passes, and what must not.

That the program in Keras computes the same is for `benchmarks/parity_tensorflow/run.sh` to show.
"""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tinyruns import CONTENT, STYLE
from torch import Tensor
from torch.nn import functional as F

from impasto import Transfer

FOLDER = Path(__file__).parents[1] / "benchmarks" / "parity_tensorflow"
MEAN = torch.tensor([103.939, 116.779, 123.68], dtype=torch.float64).view(3, 1, 1)
COUNTS = (2, 2, 4, 4, 2)
LAYERS = [f"block{block}_conv{index}" for block, count in enumerate(COUNTS, 1) for index in range(1, count + 1)]
POOLED = [f"block{block}_conv1" for block in (2, 3, 4, 5)]  # what comes into them
STEPS = 4
Caller = Callable[..., tuple[int, str]]


class Reference:
    """The seed's method, of what compare.py writes for TensorFlow; `changes` make it another method."""

    def __init__(self, source: str, **changes: float) -> None:
        with np.load(source) as file:
            self.data = dict(file)
        self.settings: dict[str, Any] = {"power": 1.25, "rate": 1.0, "clip": 0.0}
        self.settings |= json.loads(str(self.data["settings"])) | changes
        self.layers = {name: self.layer(name) for name in LAYERS}
        self.photo = self.features(self.picture("content"))
        self.style = {tap: self.gram(x) for tap, x in self.features(self.picture("style")).items()}

    def picture(self, name: str, index: int | None = None) -> Tensor:
        """[1, 3, H, W], BGR less the mean."""
        array = self.data[name] if index is None else self.data[name][index]
        return (torch.from_numpy(array).double().permute(2, 0, 1).flip(0) - MEAN)[None]

    def layer(self, name: str) -> tuple[Tensor, Tensor]:
        """Weight and bias as torch has them, of Keras' [height, width, inputs, outputs]."""
        weight, bias = (torch.from_numpy(self.data[f"{name}.{part}"]).double() for part in ("weight", "bias"))
        return weight.permute(3, 2, 0, 1).contiguous(), bias

    def features(self, x: Tensor) -> dict[str, Tensor]:
        found = {}
        for name in LAYERS:
            x = F.max_pool2d(x, 2) if name in POOLED else x
            x = found[name] = F.conv2d(x, *self.layers[name], padding=1).relu()
        return found

    @staticmethod
    def gram(features: Tensor) -> Tensor:
        return features[0].flatten(1) @ features[0].flatten(1).T

    def evaluate(self, x: Tensor) -> tuple[dict[str, float], float, Tensor]:
        """The terms, their weighted sum and its gradient."""
        x, settings = x.clone().requires_grad_(), self.settings
        features, layer, taps = self.features(x), settings["content_layer"], settings["style_layers"]
        size = 3 * x.shape[2] * x.shape[3]
        terms = {"content": (features[layer] - self.photo[layer]).square().sum()}
        for tap in taps:
            terms[f"style {tap}"] = (self.gram(features[tap]) - self.style[tap]).square().sum() / (4 * size**2)
        across, down = x.diff(dim=3)[:, :, :-1], x.diff(dim=2)[..., :-1]
        terms["variation"] = (across.square() + down.square()).pow(settings["power"]).sum()
        weights = {"content": settings["content_weight"], "variation": settings["tv_weight"]}
        share = settings["style_weight"] / len(taps)
        total = torch.stack([weights.get(name, share) * term for name, term in terms.items()]).sum()
        (grad,) = torch.autograd.grad(total, x)
        return {name: term.item() for name, term in terms.items()}, total.item(), grad

    def descend(self) -> Tensor:
        """Adam (Kingma & Ba 2015) with Keras' ε."""
        x, beta2 = self.picture("content"), 0.999
        first, second = torch.zeros_like(x), torch.zeros_like(x)
        for step in range(1, self.settings["steps"] + 1):
            grad = self.evaluate(x)[2]
            first, second = 0.9 * first + 0.1 * grad, beta2 * second + (1 - beta2) * grad.square()
            x = x - self.settings["rate"] * first / (1 - 0.9**step) / ((second / (1 - beta2**step)).sqrt() + 1e-7)
            x = (x + MEAN).clamp(0, 255) - MEAN if self.settings["clip"] else x
        return x

    def save(self, target: str) -> None:
        found = [self.evaluate(self.picture("points", index)) for index in range(len(self.data["points"]))]
        np.savez(
            target,
            names=np.array(list(found[0][0])),
            terms=np.array([list(terms.values()) for terms, _, _ in found]),
            totals=np.array([total for _, total, _ in found]),
            gradients=np.stack([_rgb(grad) for _, _, grad in found]),
            result=_rgb(self.descend() + MEAN),
            seconds=[2.0, 1.0, 3.0],
            seconds_stacked=[4.0],
            version="of the test",
        )


def _rgb(x: Tensor) -> np.ndarray[Any, Any]:
    return x[0].flip(0).permute(1, 2, 0).numpy()


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("compare", FOLDER / "compare.py")
    assert spec is not None
    assert spec.loader is not None
    monkeypatch.syspath_prepend(FOLDER)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "compare", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "STEPS", STEPS)
    return module


@pytest.fixture
def compare(
    program: ModuleType,
    quick_runs: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Caller:
    """`compare(tv_weight=2)` -> the exit code and what it says, where the other side computes that."""
    real, other = subprocess.run, tmp_path / "python"
    for name, array in (("content", CONTENT), ("style", STYLE)):
        stark = ((array.astype(float) - 128) * 3 + 128).clip(0, 255).astype(np.uint8)  # so that steps lead out of it
        Image.fromarray(stark).save(tmp_path / f"{name}.png")

    def call(*arguments: str, **changes: float) -> tuple[int, str]:
        def run(command: Sequence[str], **settings: Any) -> Any:
            if command[0] != str(other):
                return real(command, **settings)
            assert command[1] == str(FOLDER / "seed_tensorflow.py")
            return Reference(command[2], **changes).save(command[3])

        pictures = ["--content", str(tmp_path / "content.png"), "--style", str(tmp_path / "style.png")]
        everything = ["--tensorflow", str(other), "--size", "48x32", *pictures, *arguments]
        monkeypatch.setattr(subprocess, "run", run)
        monkeypatch.setattr(sys, "argv", ["compare.py", *everything])
        with pytest.raises(SystemExit) as ended:
            program.main()
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out + said.err

    return call


def missed(table: str) -> list[str]:
    return [line for line in table.splitlines() if "**no**" in line]


def test_the_equations_in_float64_pass(compare: Caller) -> None:
    code, table = compare()
    assert (code, missed(table)) == (0, [])
    assert len([line for line in table.splitlines() if line.endswith("| yes |")]) == 22
    assert "TensorFlow of the test" in table
    assert "2.000 (1.000 to 3.000)" in table


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"content_weight": 0.0}, "at the style: total less its variation"),
        ({"content_weight": 0.0251}, "at the style: total less its variation"),
        ({"tv_weight": 1.01}, "at the style: total"),
        ({"style_weight": 101.0}, "at the mean: total"),
        ({"power": 1.249}, "at the style: total variation"),
        ({"rate": 0.5}, "PSNR"),
        ({"clip": 1.0}, "mean of levels beyond 0..255"),
    ],
)
def test_another_method_does_not(compare: Caller, changes: dict[str, float], row: str) -> None:
    code, table = compare(**changes)
    assert code == 1
    assert any(line.startswith(f"| {row}") for line in missed(table)), table


def test_a_weight_that_ours_has_otherwise_shows_in_our_total(
    compare: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though relu5_2 is a millionth of the total: our sum is made of numbers in float64."""
    function = Transfer.function

    def changed(run: Any, *arguments: Any) -> Any:
        real, photograph = function(run, *arguments)

        def other(image: Tensor) -> Any:
            value = real(image)
            return type(value)(value.loss + 0.25 * value.terms["style relu5_2"], value.terms, value.grad)

        return other, photograph

    monkeypatch.setattr(Transfer, "function", changed)
    code, table = compare()
    assert code == 1
    assert [line.split(":")[1].strip() for line in missed(table)] == ["our total and its terms by their weights"]


@pytest.mark.parametrize("size", ["250x320", "320", "0x16", "16x16x16", "-16x16", "large"])
def test_sizes_that_keras_would_cut(compare: Caller, size: str) -> None:
    code, said = compare(f"--size={size}")
    assert code == 2
    assert f"{size!r}: expected width x height in multiples of 16" in said


def test_pictures_that_are_not_there(compare: Caller, tmp_path: Path) -> None:
    code, said = compare("--content", str(tmp_path / "none.png"))
    assert code == 2
    assert "none.png" in said
    assert "expected two pictures" in said


def test_a_program_that_fails(program: ModuleType, compare: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise subprocess.CalledProcessError(3, ["python"])

    monkeypatch.setattr(program, "tensorflow", fail)
    code, said = compare()
    assert code == 2
    assert "TensorFlow's program ended with 3" in said
