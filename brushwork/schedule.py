"""The schedule of a run: size, iterations and cost of each scale, and the pace at which the run goes through it.

Costs are in pixels: the cost of an evaluation is the number of pixels that the network processes in the same time.
"""

import math
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from brushwork.network.layers import reach
from brushwork.settings import TILE_GRID, Settings

EVALUATION_OVERHEAD = 20_000  # px: the part of the cost of an evaluation that does not depend on the picture
TILED = 4 / 3  # cost of a pixel in tiles, which pass through the network twice, relative to an untiled one
WINDOW = 30  # the pace is the mean of the last WINDOW iterations
RECENT = 5  # the next step is expected to take as long as the longest of the last RECENT steps
FIRST_STEP = 3  # time of the first step of a scale, which includes its targets, relative to other steps


class Scale(NamedTuple):
    """One of the sizes at which the picture is optimised."""

    height: int  # px
    width: int  # px
    iterations: int
    before: int  # iterations at all coarser scales
    pixels: float  # cost of an evaluation: the pixels of an untiled picture that takes as long

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)"""
        return self.height, self.width

    @property
    def last(self) -> int:
        """The number of the last iteration at this scale, counted over all scales."""
        return self.before + self.iterations

    @property
    def evaluation_cost(self) -> float:
        """The cost of one evaluation."""
        return self.pixels + EVALUATION_OVERHEAD

    @property
    def cost(self) -> float:
        """The cost of all iterations at this scale."""
        return self.iterations * self.evaluation_cost


@dataclass(frozen=True)
class Schedule:
    """The scales of a run, the coarsest first."""

    scales: tuple[Scale, ...]

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(height, width) at each scale."""
        return tuple(scale.size for scale in self.scales)

    @property
    def iterations(self) -> int:
        """The number of iterations at all scales, which is the number of the last one."""
        return self.scales[-1].last

    @cached_property
    def cost(self) -> float:
        """The cost of the run."""
        return sum(scale.cost for scale in self.scales)

    def cost_left(self, iteration: int, scale: int) -> float:
        """The cost of all that follows an iteration at a scale. Iterations are counted over all scales."""
        here, *finer = self.scales[scale:]
        return max(0, here.last - iteration) * here.evaluation_cost + sum(each.cost for each in finer)

    def share_done(self, iteration: int, scale: int) -> float:
        """The share of the run's cost that has been spent after an iteration at a scale, 0..1."""
        return 1 - self.cost_left(iteration, scale) / self.cost if self.cost else 1.0

    def share_of_rest(self, scale: int) -> float:
        """The cost of a scale relative to that of itself and all finer scales, 0..1; 1 if it costs nothing."""
        here, *finer = (each.cost for each in self.scales[scale:])
        return here / (here + sum(finer)) if here else 1.0


def make_schedule(settings: Settings, height: int, width: int, tile_sizes: Sequence[int | None] = ()) -> Schedule:
    """The Schedule of a picture of height x width px.

    tile_sizes: px of a tile at each scale, or None for untiled; (): all scales are untiled.
    """
    sizes = _sizes(settings, height, width)
    counts = _iteration_counts(settings, len(sizes))
    befores = accumulate(counts, initial=0)
    layers = settings.layers
    tiles = tile_sizes or (None,) * len(sizes)
    return Schedule(
        tuple(
            Scale(*size, count, before, _evaluated_pixels(size, tile_size, margin(layers)))
            for size, count, before, tile_size in zip(sizes, counts, befores, tiles, strict=False)
        )
    )


def grows_by_a_factor(settings: Settings) -> bool:
    """Whether there may be several scales, and scale_factor sets their widths."""
    return settings.scale_count is None or (settings.scale_count > 1 and not settings.scale_widths)


def _sizes(settings, height, width):
    """(height, width) of a picture at each scale; the last is its own."""
    from brushwork.pictures.sizes import pixels  # here, as it imports NumPy

    if settings.scale_widths:
        widths = [*settings.scale_widths, width]
    else:
        shares = [settings.scale_factor**-index for index in range(_scale_count(settings, max(height, width)))]
        widths = [pixels(width, share) for share in reversed(shares)]
    return [(pixels(height, each / width), each) for each in widths]


def _scale_count(settings, side):
    """The number of scales of a picture whose longer side has so many px."""
    if settings.scale_count is not None:
        return settings.scale_count
    return 1 + max(0, math.floor(math.log(side / settings.smallest_scale, settings.scale_factor) + 1e-9))


def _iteration_counts(settings, count):
    """The number of iterations at each of `count` scales."""
    if settings.scale_iterations:
        missing = count - len(settings.scale_iterations)
        return (settings.scale_iterations[:1] * missing + settings.scale_iterations)[-count:]
    growth = 2.0 if settings.scale_widths else settings.scale_factor
    return tuple(math.ceil(settings.iterations / growth**index) for index in range(count))


def _evaluated_pixels(size, tile_size, margin):
    """The pixels of an untiled picture whose evaluation takes as long. Tiles overlap."""
    height, width = size
    if not is_tiled(size, tile_size):
        return height * width
    rows, columns = (
        sum(end - start for start, _, _, end in spans(length, tile_size, margin)) for length in (height, width)
    )
    return TILED * rows * columns


def is_tiled(size: tuple[int, int], tile_size: int | None) -> bool:
    """Whether a picture of `size` (height, width) is evaluated in tiles of `tile_size` px; None: untiled."""
    return tile_size is not None and tile_size < max(size)


def margin(layers: Collection[str]) -> int:
    """The px around the core of a tile that influence its cells in these layers, a multiple of TILE_GRID.

    80 px for relu5_1, 96 px for relu5_2. Never 0, as the variation compares the last pixels of a core with the next.
    """
    return max((-(-reach(layer) // TILE_GRID) * TILE_GRID for layer in layers), default=TILE_GRID)


def spans(length: int, tile_size: int, margin: int, padding: int = 0) -> Iterator[tuple[int, int, int, int]]:
    """Yields (start of a tile, start of its core, end of its core, end of the tile) along a side of `length` px.

    Cores have at most `tile_size` px, a multiple of TILE_GRID. padding: px by which the side is extended at both ends.
    """
    count = -(-length // tile_size)
    step = -(-length // (count * TILE_GRID)) * TILE_GRID  # cores of about equal size
    for start in range(0, length, step):
        end = min(start + step, length)
        yield max(-padding, start - margin), start, end, min(length + padding, end + margin)


class Pace:
    """Estimates how long a run takes from the times of its steps.

    The pace is the mean time per cost of the last WINDOW iterations. The first step of each scale is left out, as it
    includes the targets.
    """

    def __init__(self, schedule: Schedule, now: float):
        """now: the time when the run begins, in seconds of any clock."""
        self._schedule, self._now = schedule, now
        self._first = self._latest = None  # (iteration, scale)
        self._timed = deque(maxlen=WINDOW)  # (seconds, cost) of each iteration
        self._recent = deque(maxlen=RECENT)  # seconds of the last steps at this scale

    def record(self, iteration: int, scale: int, now: float) -> None:
        """Record a step. Call it for every step, in order. iteration: counted over all scales. now: as for the Pace."""
        seconds, self._now = now - self._now, now
        if self._first is None:
            self._first = iteration, scale
        elif scale != self._latest[1]:
            self._recent.clear()
        else:
            self._timed.append((seconds, self._schedule.scales[scale].evaluation_cost))
        self._recent.append(seconds)
        self._latest = iteration, scale

    @property
    def timed(self) -> tuple[int, float]:
        """The number of iterations that the pace is the mean of, and their seconds in all."""
        return len(self._timed), sum(seconds for seconds, _ in self._timed)

    @property
    def seconds_per_cost(self) -> float | None:
        """Seconds of an iteration divided by the cost of an evaluation; None before the pace is known."""
        return self._seconds(1.0) if self._timed else None

    @property
    def seconds_each(self) -> float | None:
        """Seconds of an iteration at this scale; None before the pace is known."""
        return self._seconds(self._schedule.scales[self._latest[1]].evaluation_cost) if self._timed else None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end of the run; None before the pace is known."""
        return self._seconds(self._schedule.cost_left(*self._latest)) if self._timed else None

    @property
    def seconds_in_all(self) -> float | None:
        """Seconds from the first recorded step to the end of the run; None before the pace is known."""
        return self._seconds(self._schedule.cost_left(*self._first)) if self._timed else None

    def seconds_of(self, cost: float) -> float | None:
        """The seconds that something of this cost takes at the pace; None before it is known."""
        return self._seconds(cost) if self._timed else None

    def longest_step(self, scale: int) -> float:
        """The seconds that the next step takes at most, as far as can be told.

        scale: of the next step, the current one or the one after it.
        """
        here = self._latest[1]
        if scale == here:
            return max(self._recent)
        costs = [self._schedule.scales[each].evaluation_cost for each in (scale, here)]
        return max(self._recent) * FIRST_STEP * costs[0] / costs[1]

    def _seconds(self, cost):
        seconds, costs = (sum(column) for column in zip(*self._timed, strict=True))
        return seconds * cost / costs
