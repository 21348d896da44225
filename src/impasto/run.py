"""A run: the scales of one picture, from coarse to fine, evaluation by evaluation."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
from torch import Tensor

from impasto import __version__, optimize, pyramid, strength
from impasto.cache import code_version
from impasto.calibration import Speed, speed
from impasto.cost import Estimate, Layout, Plan
from impasto.device import Compute
from impasto.encoding import Encoding
from impasto.errors import is_out_of_memory, memory_told
from impasto.image import Picture
from impasto.materials import Materials
from impasto.optimize import Point
from impasto.options import OF_FILE, OF_MACHINE, Options
from impasto.outset import Outset
from impasto.recipe import anonymous_options
from impasto.room import Room
from impasto.shared import Shared
from impasto.snapshots import Snapshot, Snapshots
from impasto.states import Behind, Iterate, Result, result_of
from impasto.vgg import Encoder
from impasto.weights import BUILTIN, WeightsInfo


@dataclass(frozen=True, eq=False)
class Transfer:
    """A run that is ready to start: iterate over it."""

    options: Options
    materials: Materials
    start: Picture | None  # a picture to start from, at the coarsest scale
    continued: Picture | None  # a picture of the same recipe at a smaller size, to go on from
    masks: Sequence[str]  # SHA-256 of the content masks, then of the style masks
    weights: WeightsInfo
    compute: Compute
    encoder: Encoder
    preparation: float  # seconds
    shared: Shared | None = None  # with other runs
    snapshots: Snapshots | None = None  # where it is kept meanwhile
    base: int = 0  # bytes that its process had in memory when it was made
    layouts: list[Layout] = field(default_factory=list)  # of each scale
    mishaps: list[str] = field(default_factory=list)  # notes of what has happened on the way

    def __iter__(self) -> Iterator[Iterate]:
        with memory_told(self.size):
            yield from self._paint()

    @property
    def size(self) -> int:
        """The longest side of the result."""
        return max(self.materials.size)

    @property
    def schedule(self) -> list[tuple[int, int]]:
        """The scales to paint, and the evaluations at each; without those that a continued run has behind it."""
        scales = pyramid.scales(self.size, self.options.min_size)
        both = list(zip(scales, pyramid.evaluations(self.options.iterations, len(scales)), strict=True))
        behind = max(self.continued.size) if self.continued else 0
        return [part for part in both if part[0] > behind] or both[-1:]

    @property
    def tiles(self) -> list[int | None]:
        """Longest side of those of each scale; None: one piece."""
        return [layout.tile for layout in self.layouts]

    @property
    def plan(self) -> Plan:
        """What its cost depends on."""
        return self._outset.plan(self.schedule, self.base)

    @property
    def estimate(self) -> Estimate:
        """What it will take on this machine. The first of a network on a machine takes some seconds itself."""
        return replace(self.plan.estimate(self.layouts, self.speed), preparation=self.preparation)

    @property
    def speed(self) -> Speed:
        """Of this machine with this network."""
        taps = tuple(self.options.style_layers), tuple(self.options.content_layers)
        key = f"{self.weights.sha256}, {self.compute}, {self.options.pooling}, {' '.join(sum(taps, ()))}"
        return speed(self.encoder, key, *taps)

    @property
    def recipe(self) -> dict[str, Any]:
        """What it takes to make the picture again: options and hashes, no paths and no names."""
        content = self.materials.content
        return {
            "impasto": __version__,
            "options": anonymous_options(
                self.options.model_dump(mode="json", exclude=OF_MACHINE),
                masks=self.masks,
                start=self.start.sha256 if self.start else None,
                weights=None if self.options.weights == BUILTIN.name else self.weights.sha256,
            ),
            "content": content.sha256 if content else None,
            **({} if content else {"texture": list(self.materials.size[::-1])}),  # width, height
            **({"continued": self.continued.sha256} if self.continued else {}),
            "styles": [style.sha256 for style in self.materials.styles],
            "weights": self.weights.sha256,
            "computed": asdict(self.compute)
            | {"threads": torch.get_num_threads(), "torch": torch.__version__, "tiles": self.tiles},
        }

    @cached_property
    def identity(self) -> str:
        """A hash of all that its pictures depend on, however stored and in whatever tiles: a snapshot knows those."""
        code = code_version(Path(__file__).parent, np.__version__, PIL.__version__)
        return hashlib.sha256((json.dumps(self._essence, sort_keys=True) + code).encode()).hexdigest()

    @property
    def _essence(self) -> dict[str, Any]:
        """The recipe without what the painting does not depend on: the file, and, but for rounding, the tiles."""
        recipe = self.recipe
        del recipe["computed"]["tiles"]
        recipe["options"] = {name: value for name, value in recipe["options"].items() if name not in OF_FILE}
        return recipe

    def recipe_of(self, state: Iterate) -> dict[str, Any]:
        """The recipe of a state: with its content weight and the one to go on with, and how far it got."""
        reached = {} if state.last else {"reached": {"scale": state.scale, "evaluations": state.evaluations}}
        weights = {"content_weight": state.content_weight}
        if state.next_weight != state.content_weight:
            weights["next_weight"] = state.next_weight
        return self.recipe | weights | reached

    def result(self, state: Iterate) -> Result:
        """The state of this run as a finished picture, with the recipe that makes it again."""
        return result_of(state, self.recipe_of(state), self.encoding)

    @property
    def encoding(self) -> Encoding:
        """How its pictures are stored, by the options about the file."""
        return self.materials.encoding(self.options.depth, self.options.dpi, self.options.profile)

    @property
    def notes(self) -> list[str]:
        """What could not be honoured in the pictures, for people."""
        pictures = [self.materials.content, *self.materials.styles, self.start, self.continued]
        notes = [note for picture in pictures if picture for note in picture.notes]
        notes += [*self.options.unused, *self.materials.missing(self.options.profile)]
        short = self.materials.shortfalls if self.materials.stroke != 1 else []
        return notes + [
            f"style {number} is smaller than its strokes ask for, and is not enlarged" for number in short
        ]

    def _paint(self) -> Iterator[Iterate]:
        began, behind = time.perf_counter() - self.preparation, self._behind()
        dial = self._outset.dial
        left = self._left()
        if left is not None:
            began -= left.numbers.seconds
        for index, scale in enumerate(self._scales, 1):
            if left is not None and scale < left.numbers.scale:
                dial = False
                continue
            known = self._known(index)
            for state in self._timed([known] if known else self._fitted(index - 1, left or behind, dial=dial), began):
                yield state
            behind, dial, left = Behind(state.image, scale, state.next_weight, state.evaluations), False, None
            if self.shared and known is None:
                self.shared.keep("scale", self._key(index), replace(state, finish=None), state.image.nbytes)

    def _timed(self, states: Iterable[Iterate], began: float) -> Iterator[Iterate]:
        """States with their time, once a snapshot may have been taken: who keeps them keeps no optimiser."""
        for state in states:
            timed = replace(state, seconds=time.perf_counter() - began)
            if self.snapshots:
                self.snapshots.take(timed, self.tiles, self._room_of(state.scale))
            yield replace(timed, point=None)

    def _known(self, count: int) -> Iterate | None:
        """The last state of so many scales, if another run has painted them."""
        known = self.shared.get("scale", self._key(count)) if self.shared else None
        if not isinstance(known, Iterate):
            return None
        return replace(known, scales=self._scales, finish=self._finish(known.scale))

    def _left(self) -> Snapshot | None:
        """What is kept of a run that has not ended."""
        return self.snapshots.newest(self.compute.device, self._room_of) if self.snapshots else None

    def _fitted(self, number: int, behind: Behind | Snapshot | None, *, dial: bool) -> Iterator[Iterate]:
        """A scale by its number; once more in smaller tiles where memory has run out all the same."""
        while True:
            layout = self.layouts[number]
            try:
                yield from self._scale(self._laid_out(number), *self.schedule[number], behind, dial=dial)
                return
            except (MemoryError, RuntimeError) as error:
                smaller = None if self.options.tile else self.plan.smaller(number, layout)
                if not is_out_of_memory(error) or smaller is None:
                    raise
                self.layouts[number] = smaller
                if isinstance(behind, Snapshot) and (behind := self._left()) is None:  # its progress has gone on
                    raise
                where = f"memory ran out at {self._scales[number]} px"
                others = [note for note in self.mishaps if not note.startswith(where)]
                self.mishaps[:] = [*others, f"{where}, which was painted {smaller.in_words}"]
            finally:
                self.encoder.clear()  # what follows needs the memory: a larger scale, the file

    def _scale(
        self, outset: Outset, scale: int, steps: int, behind: Behind | Snapshot | None, *, dial: bool
    ) -> Iterator[Iterate]:
        """Every evaluation of a scale; with the dial, in rounds, each with a weight corrected by the one before."""
        finish, progress, step = self._finish(scale), None, 0
        content = outset.room.keep(self.materials.photograph(scale))
        if isinstance(behind, Snapshot):
            past, progress, canvas = behind.numbers, behind.progress, behind.canvas
            weight, step, done = past.next_weight, past.step, past.evaluations - past.step
        else:
            weight, done = (behind.weight, behind.evaluations) if behind else (outset.weight, 0)
            canvas = outset.canvas(behind, content)
        stage = outset.stage(content, scale, weight)
        target = outset.target_error(stage) if dial else None
        if isinstance(behind, Snapshot):
            counts, weights = (step, steps, done + step), (past.content_weight, past.next_weight)
            point = Point(canvas, behind.progress.point.value, behind.progress)
            image = stage.shown(canvas)
            yield Iterate(scale, self._scales, *counts, past.losses, *weights, 0.0, image, finish, point)
        for evaluations, before in strength.left(strength.rounds(steps) if dial else [steps], step):
            points = outset.minimize(stage, canvas, evaluations, progress if before else None, known=step > 0)
            for number, point in enumerate(points, before + 1):
                step, canvas = step + 1, point.image
                losses, after = {"total": point.value.loss, **point.value.terms}, weight
                if target is not None and number == evaluations:
                    error = stage.objective.content_error(losses)
                    after = strength.corrected_weight(weight, error, target, self.options.style_weight)
                image, counts = stage.shown(canvas), (step, steps, done + step)
                yield Iterate(scale, self._scales, *counts, losses, weight, after, 0.0, image, finish, point)
            if after != weight:
                weight, stage = after, stage.with_content_weight(after)

    @property
    def _scales(self) -> tuple[int, ...]:
        return tuple(scale for scale, _ in self.schedule)

    def _key(self, count: int) -> str:
        """What the picture after so many scales depends on: a preview at 512 is a state of the run at 1024."""
        recipe = self._essence
        without = ("size", "height", "iterations", "style_scale", "style_size", "max_pixels")
        options = {name: value for name, value in recipe.pop("options").items() if name not in without}
        recipe.pop("texture", None)
        scales = [(self.materials.shape(scale), steps) for scale, steps in self.schedule[:count]]
        return repr((recipe, options, self.materials.stroke, scales, self.tiles[:count]))

    def _behind(self) -> Behind | None:
        """What a run goes on from that is not from the start."""
        if self.continued is None:
            return None
        picture = self.materials.in_mode(self.continued.at(*self.continued.size).to(self.compute.device))
        return Behind(picture, max(self.continued.size), self._outset.weight, 0)

    def _laid_out(self, number: int) -> Outset:
        """The scale of that number in its layout, and always in the same room."""
        layout = self.layouts[number]
        return self._outsets.setdefault((number, layout), self._outset.laid_out(layout))

    @cached_property
    def _outsets(self) -> dict[tuple[int, Layout], Outset]:
        return {}

    def _room_of(self, scale: int) -> Room:
        return self._laid_out(self._scales.index(scale)).room

    def _finish(self, scale: int) -> Callable[[Tensor], Tensor] | None:
        return partial(self.materials.finished, scale=scale) if self.materials.keeps_photograph else None

    @cached_property
    def _outset(self) -> Outset:
        return Outset(self.options, self.materials, self.encoder, self.start, self.shared)

    def function(self, scale: int, content_weight: float) -> tuple[optimize.Function, Tensor]:
        """What a scale minimises, and the photograph there, [1, 3, H, W] with its bleed: for benchmarks."""
        stage = self._laid_out(self._scales.index(scale)).stage(
            self.materials.photograph(scale), scale, content_weight
        )
        return stage.function, stage.photograph
