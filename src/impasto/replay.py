"""The operations of an evaluation, recorded once and handed to a GPU all together: a CUDA graph.

Of a small picture they are hundreds of short kernels, and Python takes longer to ask for them than the GPU to run
them. Whether a recording pays is measured, and that it gives what it was recorded from is checked, on the picture at
hand: else the function goes on as it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from impasto.device import timed
from impasto.workspace import Workspace

LARGEST = 1 << 22  # pixels of a picture that is tried: the kernels of a larger one take longer than asking for them
GAIN = 1.05  # a recording must be this much faster
ROUNDS = 2  # replays that are timed

Function = Callable[[Tensor], Sequence[Tensor]]
Record = Callable[[Callable[[], Sequence[Tensor]]], tuple[Callable[[], None], Sequence[Tensor]]]

_ONE_AT_A_TIME = threading.Lock()  # all recordings of a process have one stream


def cuda_graph(call: Callable[[], Sequence[Tensor]]) -> tuple[Callable[[], None], Sequence[Tensor]]:
    """What runs the kernels of the call again, and the tensors that they then write. RuntimeError if it cannot be."""
    stream = torch.cuda.current_stream()
    if not _ONE_AT_A_TIME.acquire(blocking=False):
        raise RuntimeError("another recording is under way")
    try:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # others may write pictures meanwhile
            made = call()
        return graph.replay, made
    finally:
        torch.cuda.set_stream(stream)  # a recording that fails stays on its own
        _ONE_AT_A_TIME.release()


class Replayed:
    """A function of pictures of one size, from its third call on by a recording where that pays.

    Args:
        function: from a picture to tensors, all of its work on the device; what it keeps lies in the workspace.
        workspace: whose buffers a recording writes to. If they are made anew, so is the recording.
        record: how; see `cuda_graph`.
    """

    def __init__(self, function: Function, workspace: Workspace, record: Record = cuda_graph) -> None:
        self.function, self.workspace, self.record = function, workspace, record
        self._calls = 0  # since the buffers were made
        self._generation = -1  # of the buffers
        self._replay: Callable[[], None] | None = None
        self._given = torch.empty(0)
        self._made: Sequence[Tensor] = ()

    def __call__(self, image: Tensor) -> Sequence[Tensor]:
        if self._generation != self.workspace.generation:
            self.forget()
        if self._replay is not None:
            self._given.copy_(image)
            self._replay()
            return [tensor.clone() for tensor in self._made]
        self._calls += 1
        made: list[Tensor] = []
        seconds = timed(lambda: made.extend(self.function(image)), image.device) if self._calls == 2 else None
        made = made or list(self.function(image))
        self._generation = self.workspace.generation
        if seconds is not None:
            self._try(image, made, seconds)
        return made

    def forget(self) -> None:
        """Gives up the recording and its memory; the next call but one makes another."""
        self._calls, self._replay, self._given, self._made = 0, None, torch.empty(0), ()

    def _try(self, image: Tensor, expected: Sequence[Tensor], seconds: float) -> None:
        """Records the function, and keeps it if it gives the same to the last bit, and is faster."""
        if self.workspace.unrecordable:
            return
        given = image.clone()
        try:
            replay, made = self.record(lambda: self.function(given))
            replay()  # the first one takes longer
            replayed = min(timed(replay, image.device) for _ in range(ROUNDS))
            right = all(torch.equal(one, other) for one, other in zip(made, expected, strict=True))
        except RuntimeError:  # what cannot be recorded, or has no memory twice: not tried again
            self.workspace.unrecordable = True
            return
        if right and replayed * GAIN < seconds:
            self._replay, self._given, self._made = replay, given, made
