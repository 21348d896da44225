"""Snapshots of a run on the disk: from the newest one, the same run goes on to the same bytes.

One file, safetensors with JSON in its header: pictures, gradients and what the optimiser remembers as they are, and
the numbers beside them. It is replaced only by a whole newer one, and belongs to one run, known by its recipe
and code: `run.Transfer.identity`.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError, safe_open
from torch import Tensor

from impasto import atomic
from impasto.errors import SnapshotError, is_out_of_memory
from impasto.imagefile import describe
from impasto.optimize import Point, Progress, Value
from impasto.room import Room
from impasto.states import Iterate
from impasto.tensorfile import blocks, save_file

FILE = "impasto-checkpoint.safetensors"
INTERVAL = 30.0  # seconds between snapshots, at least
SHARE = 0.03  # of the run's time that they may take
_KEY = "impasto"


class Numbers(BaseModel):
    """What a snapshot holds beside its tensors."""

    model_config = ConfigDict(extra="forbid", strict=True, ser_json_inf_nan="constants")

    run: str  # whose it is
    sha256: str  # of the tensors
    strides: dict[str, list[int]]  # of the tensors: sums are taken in the order of the memory
    finished: bool  # whether the run has ended
    tiles: list[int | None]  # of each scale
    scale: int
    step: int
    evaluations: int
    content_weight: float
    next_weight: float
    losses: dict[str, float]
    seconds: float
    size: float
    unit: float
    restarts: int
    done: int  # evaluations of the method
    inverses: list[float]  # 1 / sᵀy
    curvature: float  # γ
    values: dict[str, float]  # the loss at the point, and at the best one if that is another
    terms: dict[str, dict[str, float]]
    canvas: str  # which of them the scale goes on with


@dataclass(frozen=True)
class Snapshot:
    """What a run goes on from."""

    numbers: Numbers
    canvas: Tensor  # as the scale was left
    progress: Progress


class Snapshots:
    """The folder of one run's snapshots."""

    def __init__(self, folder: str | os.PathLike[str], run: str) -> None:
        """run: what the same run has, and no other."""
        self.file = Path(folder) / FILE
        self.run = run
        self.problem: str | None = None  # why no more can be kept
        self._due = time.perf_counter() + INTERVAL

    def check(self) -> None:
        """SnapshotError where the folder cannot be written, or has the unfinished run of somebody else."""
        with _naming(self.file):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            atomic.check(self.file)
            self._read_numbers()

    def require(self) -> None:
        """SnapshotError where this run has left nothing."""
        with _naming(self.file):
            if self._read_numbers() is None:
                raise SnapshotError("is not there: leave --resume away to begin anew")

    def newest(self, device: str, room_of: Callable[[int], Room]) -> Snapshot | None:
        """What this run has left; None for nothing, and for another run that has ended.

        room_of: where what has the size of a scale is to lie.
        """
        with _naming(self.file):
            numbers = self._read_numbers()
            if numbers is None:
                return None
            room, tensors, digest = room_of(numbers.scale), {}, hashlib.sha256()
            with safe_open(self.file, "pt") as file:
                names = sorted(file.keys())
            for name in names:
                with safe_open(self.file, "pt") as file:  # anew, so that no more of it than this one is in memory
                    tensor = file.get_tensor(name)
                _add_to(digest, name, tensor)
                tensors[name] = _laid_out(tensor, numbers.strides[name], device, room)
            if digest.hexdigest() != numbers.sha256:
                raise SnapshotError("is damaged: its hash is another")
            return _unpacked(numbers, tensors)

    def tiles(self) -> list[int | None] | None:
        """Those that this run was painted in, whatever memory was free then; None where it has left nothing."""
        with _naming(self.file):
            numbers = self._read_numbers()
            return None if numbers is None else numbers.tiles

    def take(self, state: Iterate, tiles: list[int | None], room: Room | None = None) -> None:
        """Keeps a state if it is time for it, or the last. If that fails the old one stays, and the run goes on.

        room: where its tensors lie.
        """
        began = time.perf_counter()
        if state.point is None or self.problem or not (state.last or began >= self._due):
            return
        tensors, described = _packed(state.point)
        alike = {name: getattr(state, name) for name in Numbers.model_fields if hasattr(state, name)}
        alike["losses"] = dict(state.losses)
        release = room.release if room else None
        digest = hashlib.sha256()
        for name in sorted(tensors):
            _add_to(digest, name, tensors[name], release)
        alike |= {"run": self.run, "sha256": digest.hexdigest(), "finished": state.last, "tiles": tiles}
        numbers = Numbers(**alike, **described)
        metadata = {_KEY: numbers.model_dump_json()}
        try:
            atomic.replace(self.file, lambda path: save_file(tensors, path, metadata, release))
        except (OSError, SafetensorError) as error:  # the latter of a full disk, too
            reason = getattr(error, "strerror", None) or str(error)
            self.problem = f"checkpoint {describe(self.file)} could not be written, and is as old as it is: {reason}"
        now = time.perf_counter()
        self._due = now + max(INTERVAL, (now - began) / SHARE)

    def clear(self) -> None:
        """Removes the snapshot of a run whose picture is safe."""
        self.file.unlink(missing_ok=True)

    def _read_numbers(self) -> Numbers | None:
        if not os.path.lexists(self.file):
            return None
        with safe_open(self.file, "pt") as file:
            numbers = Numbers.model_validate_json((file.metadata() or {}).get(_KEY, ""))
        if numbers.run == self.run:
            return numbers
        if numbers.finished:
            return None
        raise SnapshotError(
            "is of another run, or of another version, which has not ended: give another folder, or remove it"
        )


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """Whatever fails inside is one SnapshotError that names the file."""
    subject = f"checkpoint {describe(file)}"
    try:
        yield
    except SnapshotError as error:
        raise SnapshotError(f"{subject} {error}") from None
    except OSError as error:
        raise SnapshotError(f"{subject} cannot be used: {error.strerror or error}") from None
    except (SafetensorError, ValueError, LookupError, RuntimeError) as error:  # pydantic's are ValueErrors
        if is_out_of_memory(error):
            raise
        raise SnapshotError(f"{subject} is damaged: remove it to begin anew") from None


def _packed(point: Point) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors on the CPU, each once, and numbers of a method's progress."""
    progress = point.progress
    assert progress is not None, "points of `minimize` have a progress"
    ends = {"point": progress.point, "best": progress.best}
    if progress.best is progress.point:
        del ends["best"]
    tensors: dict[str, Tensor] = {}
    for name, end in ends.items():
        tensors |= {f"{name}.image": end.image, f"{name}.grad": end.value.grad}
    for number, (step, difference, _) in enumerate(progress.pairs):
        tensors |= {f"step.{number}": step, f"difference.{number}": difference}
    tensors |= {f"moment.{number}": moment for number, moment in enumerate(progress.moments)}
    numbers: dict[str, Any] = {
        "size": progress.size, "unit": progress.unit, "restarts": progress.restarts, "done": progress.evaluations,
        "inverses": [inverse for *_, inverse in progress.pairs], "curvature": progress.scale,
        "values": {name: end.value.loss for name, end in ends.items()},
        "terms": {name: dict(end.value.terms) for name, end in ends.items()},
        "canvas": next(name for name, end in ends.items() if end.image is point.image),
        "strides": {name: list(tensor.stride()) for name, tensor in tensors.items()},
    }  # fmt: skip
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, numbers


def _laid_out(tensor: Tensor, stride: list[int], device: str, room: Room) -> Tensor:
    """A tensor in memory of its own, aligned and ordered as it was: else sums would differ in their last digit."""
    if list(tensor.stride()) == stride:
        return room.map(torch.clone, tensor, out=room.empty(tuple(tensor.shape), tensor.new_empty(0, device=device)))
    return torch.empty_strided(tensor.shape, stride, dtype=tensor.dtype, device=device).copy_(tensor)


def _unpacked(numbers: Numbers, tensors: Mapping[str, Tensor]) -> Snapshot:
    ends = {
        name: Point(tensors[f"{name}.image"], Value(loss, numbers.terms[name], tensors[f"{name}.grad"]))
        for name, loss in numbers.values.items()
    }
    pairs = deque(
        (tensors[f"step.{index}"], tensors[f"difference.{index}"], inverse)
        for index, inverse in enumerate(numbers.inverses)
    )
    point = ends["point"]
    progress = Progress(
        point,
        ends.get("best", point),
        numbers.size,
        numbers.unit,
        evaluations=numbers.done,
        restarts=numbers.restarts,
        pairs=pairs,
        scale=numbers.curvature,
        moments=tuple(tensors[name] for name in ("moment.0", "moment.1") if name in tensors),
    )
    return Snapshot(numbers, ends[numbers.canvas].image, progress)


def _add_to(digest: Any, name: str, tensor: Tensor, release: Callable[[], None] | None = None) -> None:
    """A contiguous tensor to the hash of all."""
    digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
    for block in blocks(tensor):
        digest.update(block)
        if release is not None:
            release()
