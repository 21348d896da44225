"""What a run will take, in memory and in time, and how it is laid out to fit: a model of what each scale does.

Its constants were fitted to measured runs: `benchmarks/cost.py` shows by how much it is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from impasto.calibration import Rate, Speed
from impasto.errors import OutOfMemoryError
from impasto.memory import shown
from impasto.optimize import HISTORY
from impasto.tiles import plan
from impasto.vgg import Encoder, Tap
from impasto.views import Load

PIXEL = 12  # bytes of a pixel in three float32
TILES = (None, 2176, 1600, 1088, 832, 576, 448, 320, 192)  # what is tried, the fastest first; None: one piece
STATE = 12.5  # pictures in memory while one is painted: photograph, canvas, gradients, the step to come
STREAMED = 2.0  # the same where pictures lie in files: spectra, and what a scale begins with
BLOCKS = 130e6  # bytes of the blocks that files are worked on in
LIBRARIES = 110e6  # bytes that the libraries of the convolutions take while they work
TRANSFORMS = 60e6  # bytes of Winograd's chunks
IN_TILES, MOST_IN_TILES = 0.4, 150e6  # more where there are several: what the C library keeps of small tensors
HANDLING = 0.6e-6  # seconds a pixel of a scale: opened, resized, enlarged, shown
SLOWER = 2.0  # the optimiser, where its state lies in files


# Of two cores of a server; where only what is faster than what is asked for
TYPICAL = Speed(Rate(1.0e-7, 2.2e-12), Rate(2.0e-7, 4.5e-12), 6e-8)


@dataclass(frozen=True)
class Layout:
    """How a run lies in memory."""

    tile: int | None = None  # longest side that is computed in one piece, with its bleed; None: any
    on_disk: bool = False  # whether what has the picture's size lies in files

    @property
    def in_words(self) -> str:
        """As notes have it."""
        return "in one piece" if self.tile is None else f"in tiles of {self.tile}"


@dataclass(frozen=True)
class Work:
    """What is to be painted at a scale."""

    scale: int
    size: tuple[int, int]  # (height, width) of the canvas, with its bleed
    styles: Sequence[tuple[int, int]]
    evaluations: int
    content_layers: Sequence[str]  # none for a texture


@dataclass(frozen=True)
class ScaleCost:
    """What a scale will take."""

    scale: int
    width: int
    height: int
    evaluations: int
    layout: Layout
    tiles: int
    seconds: float
    memory: int  # bytes, at its peak, of the whole process
    disk: int  # bytes

    @property
    def each(self) -> float:
        """Seconds of an evaluation, with its part of what the scale takes before."""
        return self.seconds / self.evaluations


@dataclass(frozen=True)
class Estimate:
    """What a run will take on this machine."""

    scales: tuple[ScaleCost, ...]
    preparation: float = 0.0  # seconds until the painting begins

    @property
    def seconds(self) -> float:
        """In all."""
        return self.preparation + sum(cost.seconds for cost in self.scales)

    @property
    def memory(self) -> int:
        """The most at a time, in bytes, of the whole process."""
        return max(cost.memory for cost in self.scales)

    @property
    def disk(self) -> int:
        """The most at a time, in bytes of the cache folder."""
        return max(cost.disk for cost in self.scales)


@dataclass(frozen=True)
class Plan:
    """All that the cost of a run depends on, but for how it is laid out."""

    works: Sequence[Work]
    encoder: Encoder
    base: int  # bytes that the process has in memory already
    adam: bool  # which has less to remember than L-BFGS
    divisible: bool = True  # whether it can be computed in tiles
    extra: int = 0  # float32 numbers a pixel beside those: masks, and what puts the photograph's colours back

    def estimate(self, layouts: Sequence[Layout], speed: Speed = TYPICAL) -> Estimate:
        """What the run takes, each scale laid out so."""
        return Estimate(tuple(self._cost(number, layout, speed) for number, layout in enumerate(layouts)))

    def fit(
        self, budget: int, tile: int | None = None, *, known: Sequence[int | None] = (), files: bool = True
    ) -> list[Layout]:
        """Of each scale the fastest layout whose peak is inside the budget; with a tile, one with that.

        known: the tiles that each scale had before, which it has again where they fit. files: whether the picture may
        lie in the cache folder. OutOfMemoryError, which names what would fit, where there is none.
        """
        chosen: list[Layout] = []
        for number in range(len(self.works)):
            again = self._in_tiles(number, known[number : number + 1], files)
            fitting = [cost for cost in again if cost.memory <= budget]
            fitting = fitting or [cost for cost in self._options(number, tile, files) if cost.memory <= budget]
            if not fitting:
                raise OutOfMemoryError(self._refusal(number, budget, tile))
            chosen.append(min(fitting, key=lambda cost: cost.seconds).layout)
        return chosen

    def smaller(self, number: int, layout: Layout) -> Layout | None:
        """The next layout of that scale that takes less memory; None for the least."""
        floor = self.base + LIBRARIES
        most = floor + 0.8 * (self._cost(number, layout).memory - floor)
        less = [cost for cost in self._options(number, None) if cost.memory < most]
        return max(less, key=lambda cost: cost.memory).layout if less else None

    def _options(self, number: int, tile: int | None, files: bool = True) -> list[ScaleCost]:
        """What the scale of that number costs in every layout."""
        work = self.works[number]
        largest = max(map(max, (work.size, *work.styles)))  # a style may be larger than the picture
        tiles = (tile,) if tile is not None or not self.divisible else TILES
        sizes = [size for size in tiles if size is None or size < largest] or [None]
        return self._in_tiles(number, sizes, files)

    def _in_tiles(self, number: int, tiles: Sequence[int | None], files: bool) -> list[ScaleCost]:
        """What it costs in each of these tiles."""
        places = (False, True) if files and self.encoder.workspace.device.type == "cpu" else (False,)
        return [self._cost(number, Layout(size, on_disk)) for on_disk in places for size in tiles]

    def _cost(self, number: int, layout: Layout, speed: Speed = TYPICAL) -> ScaleCost:
        """What the scale of that number takes, laid out so."""
        work, (height, width) = self.works[number], self.works[number].size
        loads = _loads(self.encoder, work.size, layout.tile)
        styles = [load for size in work.styles for load in _loads(self.encoder, size, layout.tile).elements()]
        network = self._network([*loads, *styles], in_tiles=loads.total() > 1)
        pictures, disk = self._pictures(number, layout)
        memory = round(self.base + LIBRARIES + network + pictures)
        seconds = _seconds(work, layout, loads, styles, speed)
        return ScaleCost(work.scale, width, height, work.evaluations, layout, loads.total(), seconds, memory, disk)

    def _network(self, loads: Sequence[Load], *, in_tiles: bool) -> float:
        """Bytes that the encoder works in."""
        most: float = max(load.memory for load in loads)
        most += min(IN_TILES * most, MOST_IN_TILES) if in_tiles else 0
        return most + (TRANSFORMS if self.encoder.uses_winograd else 0)

    def _pictures(self, number: int, layout: Layout) -> tuple[float, int]:
        """Bytes of what has the picture's size, in memory and in files."""
        work = self.works[number]
        pixels = _pixels(work)
        pairs = 1 if self.adam else min(HISTORY, max(0, work.evaluations - 1))
        state = (STATE + 2 * pairs) * PIXEL * pixels + _targets(work, self.encoder)
        extra = self.extra * pixels * PIXEL / 3 + sum(height * width for height, width in work.styles) * PIXEL
        if layout.on_disk:
            return STREAMED * PIXEL * pixels + BLOCKS + extra, round(state)
        behind = PIXEL * _pixels(self.works[number - 1]) if number else 0
        return state + behind + extra, 0

    def _refusal(self, number: int, budget: int, tile: int | None) -> str:
        """Why no layout of the scale of that number fits, and what to do."""
        scale, last = self.works[number].scale, self.works[-1].scale
        needs = min(cost.memory for cost in self._options(number, tile))
        size = f"size {last}{f' in tiles of {tile}' if tile else ''}"
        where = "" if scale == last else f" at {scale} px"
        if tile and any(cost.memory <= budget for cost in self._options(number, None)):
            remedy = "leave --tile to us, or give a smaller one"
        elif number:
            remedy = f"try --size {self.works[number - 1].scale}, or a larger --memory"
        else:
            remedy = "give a larger --memory, or close other programs"
        return f"{size} needs {shown(needs)} of memory{where} and may have {shown(budget)}: {remedy}"


def _pixels(work: Work) -> int:
    return work.size[0] * work.size[1]


def _seconds(work: Work, layout: Layout, loads: Counter[Load], styles: Sequence[Load], speed: Speed) -> float:
    """The time of a scale, of which these are the tiles, and those of its styles."""
    forward, evaluation = (
        sum(count * rate.seconds(load) for load, count in loads.items()) for rate in (speed.forward, speed.evaluation)
    )
    if loads.total() > 1:
        evaluation += forward
    targets = sum(map(speed.forward.seconds, styles)) + (forward if work.content_layers else 0)
    step = speed.step * _pixels(work) * (SLOWER if layout.on_disk else 1)
    once = targets + HANDLING * _pixels(work)
    return work.evaluations * (evaluation + step) + once


def _targets(work: Work, encoder: Encoder) -> int:
    """Bytes of the photograph's features."""
    height, width = work.size
    total = 0
    for tap in work.content_layers:
        stride = Tap.parse(tap).stride
        total += encoder.channels(tap) * -(-height // stride) * -(-width // stride)
    return total * encoder.dtype.itemsize


def _loads(encoder: Encoder, size: tuple[int, int], tile: int | None) -> Counter[Load]:
    """Of the tiles of a picture of that (height, width): how many have each."""
    tiles = plan(*size, tile, encoder.halo, encoder.stride)
    alike = Counter((part.crop_size, part.inner) for part in tiles)
    loads: Counter[Load] = Counter()
    for places, count in alike.items():
        loads[encoder.load(*places)] += count
    return loads
