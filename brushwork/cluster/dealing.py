"""Dealing: which worker computes which tiles, by their speed and their memory, and how large tiles should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TypeVar

from brushwork.schedule import TILED, spans

Worker = TypeVar("Worker")
GAIN = 0.85  # tiles move to other workers if that shortens an evaluation to this share of its time
DRIVER = 0.05  # of the pixels of a picture: the cost of adding up its tiles, which one process does


def deal(
    costs: Sequence[float],
    speeds: Mapping[Worker, float],
    room: Mapping[Worker, int],
    before: Mapping[int, Worker] | None = None,
) -> dict[int, Worker]:
    """{tile: worker}: the largest tile first, each to the worker that would have finished it first.

    costs: of the tiles. speeds: cost per second. room: how many tiles a worker has memory for; if that is not enough
    for all of them, it is not respected. before: how some of the tiles were dealt, which stays as far as the workers
    are still there, unless another way is much faster.
    """
    fresh = _dealt(costs, speeds, room, {})
    kept = {tile: worker for tile, worker in (before or {}).items() if worker in speeds and tile < len(costs)}
    if not kept:
        return fresh
    completed = _dealt(costs, speeds, room, kept)
    return fresh if seconds(fresh, costs, speeds) < GAIN * seconds(completed, costs, speeds) else completed


def seconds(dealt: Mapping[int, Worker], costs: Sequence[float], speeds: Mapping[Worker, float]) -> float:
    """How long the slowest worker takes."""
    loads = dict.fromkeys(speeds, 0.0)
    for tile, worker in dealt.items():
        loads[worker] += costs[tile]
    return max(load / speeds[worker] for worker, load in loads.items())


def _dealt(costs, speeds, room, kept):
    loads, counts, dealt = dict.fromkeys(speeds, 0.0), dict.fromkeys(speeds, 0), dict(kept)
    for tile, worker in kept.items():
        loads[worker] += costs[tile]
        counts[worker] += 1
    has_room = sum(room.get(worker, len(costs)) for worker in speeds) >= len(costs)
    for tile in sorted(set(range(len(costs))) - set(kept), key=lambda tile: (-costs[tile], tile)):
        free = [each for each in speeds if not has_room or counts[each] < room.get(each, len(costs))]
        worker = min(free or speeds, key=lambda each: (loads[each] + costs[tile]) / speeds[each])
        dealt[tile] = worker
        loads[worker] += costs[tile]
        counts[worker] += 1
    return dict(sorted(dealt.items()))


def best_tile_size(
    size: tuple[int, int], allowed: Sequence[int | None], *, workers: int, margin: int, padding: int = 0
) -> int | None:
    """Of some tile sizes, px, or None for untiled, the one with the shortest evaluation on so many equal workers.

    size: (height, width) of the picture.
    """

    def cost(tile_size):
        if tile_size is None:
            return size[0] * size[1]
        rows, columns = (
            [below - above for above, _, _, below in spans(side, tile_size, margin, padding)] for side in size
        )
        costs = [height * width for height in rows for width in columns]
        equal = dict.fromkeys(range(workers), 1.0)
        return TILED * (seconds(deal(costs, equal, {}), costs, equal) + DRIVER * size[0] * size[1])

    return min(allowed, key=cost)


class Speeds:
    """How fast workers are: pixels per second, from the tiles that they have computed."""

    def __init__(self):
        self._measured: dict[object, float] = {}

    def record(self, worker: Worker, cost: float, taken: float) -> None:
        """A worker has taken so many seconds for a cost."""
        speed, before = cost / max(taken, 1e-6), self._measured.get(worker)
        self._measured[worker] = speed if before is None else 0.7 * before + 0.3 * speed

    def of(self, workers: Sequence[Worker]) -> dict[Worker, float]:
        """Their speeds; one that has not been measured counts as the median of the others does."""
        known = [self._measured[each] for each in workers if each in self._measured]
        usual = median(known) if known else 1.0
        return {each: self._measured.get(each, usual) for each in workers}

    def forget(self) -> None:
        """Measure anew, as the tiles are others."""
        self._measured.clear()
