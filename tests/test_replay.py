"""A recording gives what its function gives, and is kept only where that is so and it pays. The GPU is played here.

A recording of CUDA's runs the same kernels on the same memory again; so does the one here, by calling once more what
was recorded, and writing over what that has made.
"""

import time
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from impasto.replay import ROUNDS, Replayed, cuda_graph
from impasto.workspace import Workspace

TRIAL = 1 + ROUNDS  # replays of a trial

Call = Callable[[], Sequence[Tensor]]
Recording = tuple[Callable[[], None], Sequence[Tensor]]


class Player:
    """Records as CUDA does, and counts; with a fault, if there is to be one."""

    def __init__(self, fault: str = "") -> None:
        self.fault, self.records, self.replays = fault, 0, 0

    def __call__(self, call: Call) -> Recording:
        self.records += 1
        if self.fault == "refused":
            raise RuntimeError("operation not permitted when stream is capturing")
        made = [tensor.clone() for tensor in call()]

        def replay() -> None:
            self.replays += 1
            for target, new in zip(made, call(), strict=True):
                target.copy_(new * 1.1 if self.fault == "wrong" else new)

        return replay, made


class Function:
    """A sum and a gradient, by way of a buffer; slow when it is asked for by Python, not by a recording."""

    def __init__(self, workspace: Workspace, player: Player, seconds: float = 0.02) -> None:
        self.workspace, self.player, self.seconds, self.asked = workspace, player, seconds, 0

    def __call__(self, image: Tensor) -> Sequence[Tensor]:
        if not self.player.replays and not self.player.records:
            time.sleep(self.seconds)
        self.asked += 1
        squares = self.workspace.take("squares", *image.shape)
        torch.square(image, out=squares)
        return squares.sum(), 2 * image


def _pictures() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(1, 3, 4, 5, generator=generator) for _ in range(6)]


def _check(replayed: Replayed, picture: Tensor) -> Sequence[Tensor]:
    found = replayed(picture)
    torch.testing.assert_close(found[0], picture.square().sum())
    assert torch.equal(found[1], 2 * picture)
    return found


def _made(fault: str = "", seconds: float = 0.02) -> tuple[Replayed, Player]:
    workspace, player = Workspace("cpu", torch.float32), Player(fault)
    return Replayed(Function(workspace, player, seconds), workspace, player), player


def test_from_the_third_call_on_it_is_the_recording() -> None:
    replayed, player = _made()
    pictures = _pictures()
    for number, picture in enumerate(pictures):
        _check(replayed, picture)
        assert player.records == (number >= 1)
        assert player.replays == (0 if number < 1 else TRIAL + number - 1)


def test_what_was_given_before_stays() -> None:
    """The optimiser keeps earlier gradients; a recording writes over its own."""
    replayed, _ = _made()
    kept = [(picture, _check(replayed, picture)) for picture in _pictures()]
    for picture, (_, grad) in kept:
        assert torch.equal(grad, 2 * picture)


@pytest.mark.parametrize("fault", ["refused", "wrong"])
def test_what_cannot_be_recorded_or_is_wrong_is_not_used(fault: str) -> None:
    replayed, player = _made(fault)
    for picture in _pictures():
        _check(replayed, picture)
    assert (player.records, player.replays) == (1, TRIAL * (fault == "wrong"))


def test_what_does_not_pay_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.replay.GAIN", 1e9)
    replayed, player = _made()
    for picture in _pictures():
        _check(replayed, picture)
    assert (player.records, player.replays) == (1, TRIAL)


def test_other_buffers_are_another_recording() -> None:
    """What was recorded writes to the old ones, which are somebody else's by now."""
    replayed, player = _made()
    workspace = replayed.workspace
    pictures = _pictures()
    for change in (lambda: workspace.take("larger", 100), lambda: workspace.take("squares", 1000), workspace.clear):
        player.records = player.replays = 0
        change()
        for picture in pictures[:4]:
            _check(replayed, picture)
        assert (player.records, player.replays) == (1, TRIAL + 2)


def test_a_picture_that_is_no_number_is_not_recorded_from() -> None:
    replayed, player = _made()
    for _ in range(3):
        assert replayed(torch.full((1, 3, 4, 5), float("nan")))[0].isnan()
    assert (player.records, player.replays) == (1, TRIAL)


def test_what_could_not_be_recorded_is_not_tried_again() -> None:
    """Not by the next round of the same scale either, which has the same encoder and its buffers."""
    replayed, player = _made("refused")
    for picture in _pictures():
        _check(replayed, picture)
    again = Replayed(replayed.function, replayed.workspace, player)
    for picture in _pictures():
        _check(again, picture)
    assert player.records == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_recording_of_cuda() -> None:
    """The same to the last bit for every picture, and a recording that fails leaves the process as it was."""
    device, stream = torch.device("cuda"), torch.cuda.current_stream()
    workspace = Workspace(device, torch.float32)

    def function(image: Tensor) -> Sequence[Tensor]:
        return torch.square(image, out=workspace.take("squares", *image.shape)).sum(), 2 * image

    given = torch.zeros(1, 3, 64, 64, device=device)
    function(given)  # makes the buffer
    replay, made = cuda_graph(lambda: function(given))
    for picture in (torch.rand(1, 3, 64, 64, device=device) for _ in range(3)):
        given.copy_(picture)
        replay()
        assert all(torch.equal(one, other) for one, other in zip(made, function(picture), strict=True))
    with pytest.raises(RuntimeError):
        cuda_graph(lambda: [given.sum().cpu()])
    assert torch.cuda.current_stream() == stream
