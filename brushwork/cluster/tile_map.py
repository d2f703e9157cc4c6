"""The tile map: passes over the tiles of a picture, each tile computed by a member of the cluster.

A member is sent what it does not know yet: the constants and fields once for all evaluations with the same inputs, the
pixels once for both passes of an evaluation. It has at most WINDOW tiles at a time, so that the next one arrives while
it computes. The tiles of a member that is lost are dealt to the others, and without members they are computed here.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent import futures
from statistics import median
from typing import Any

import numpy as np

from brushwork.cluster import dealing
from brushwork.cluster.actor import MEMORY, Begin, Failure, TileCall
from brushwork.cluster.members import ADMISSION, Member, Members
from brushwork.engine.evaluator import map_here, run_tile
from brushwork.engine.limits import PROCESS
from brushwork.engine.memory import SHARE
from brushwork.engine.tile_graph import TileGraph
from brushwork.engine.tiles import TiledPicture
from brushwork.errors import ClusterLost, Interrupted
from brushwork.messages import logger

WINDOW = 2  # tiles that a member has at a time
POLL = 0.1  # s between two looks at whether the run is interrupted, or a member late
FIRST = 120.0  # s that the first tile of a kind may take: its graph is built, and kernels are prepared
FACTOR = 8  # a tile may take so many times as long as usual
LEAST = 10.0  # s that any tile may take


class TileMap:
    """A function that maps work over tiles; see brushwork/engine/evaluator.py."""

    def __init__(self, members: Members, *, waits: bool = False, peak: float = 2 * PROCESS, least: float = LEAST):
        """waits: whether to wait for a worker when there is none. peak: bytes that a worker takes beside what it holds
        of its tiles. least: s that any tile may take.
        """
        self.members, self.waits, self.peak = members, waits, peak
        self.speeds, self.patience = dealing.Speeds(), _Patience(least)
        self._picture = self._inputs = None
        self._picture_number = self._inputs_number = 0
        self._costs, self._dealt, self._is_alone = [], {}, False

    def __call__(
        self, graph: TileGraph, outputs: Any, picture: TiledPicture, sum_gradients: Mapping[str, np.ndarray]
    ) -> Iterable:
        """The results of the tiles, in their order."""
        if len(picture) == 1:
            return map_here(graph, outputs, picture, sum_gradients)
        return self._pass(graph, outputs, picture, sum_gradients)

    def _pass(self, graph, outputs, picture, sum_gradients):
        self._wait_for_members(graph)
        self._number(picture)
        return Pass(self, graph, outputs, picture, sum_gradients).results()

    def _wait_for_members(self, graph):
        """Let the workers build the graph, and wait until they have; later ones are used when they are ready."""
        is_first = graph.recipe is not self.members.recipe
        self.members.use(graph.recipe)
        deadline = time.monotonic() + ADMISSION
        while is_first and not self.members.is_settled and time.monotonic() < deadline:
            self.check(graph)
            time.sleep(POLL / 5)
        while not self.members.ready() and self.waits:
            self.say_alone("waiting for a worker (--cluster-wait)")
            self.check(graph)
            time.sleep(POLL)
        self._is_alone = self._is_alone and not self.members.ready()

    def check(self, graph: TileGraph) -> None:
        """Raise Interrupted if the evaluation is cancelled, and ClusterLost if the scheduler is gone."""
        if graph.cancelled.done():
            raise Interrupted
        if self.members.scheduler_is_gone:
            raise ClusterLost("the scheduler of the cluster has ended, or cannot be reached any more")

    def say_alone(self, what: str = "going on with this process alone") -> None:
        """Say once that there is no worker."""
        if not self._is_alone:
            self._is_alone = True
            logger.warning(f"the cluster has no worker; {what}")

    def _number(self, picture):
        """Number the picture and its inputs, by which members know what they have."""
        if picture.inputs is not self._inputs:
            self._inputs, self._dealt = picture.inputs, {}
            self._inputs_number += 1
        if picture is not self._picture:
            self._picture = picture
            self._picture_number += 1
            costs = [picture.area(tile) for tile in range(len(picture))]
            if costs != self._costs:
                self._costs, self._dealt = costs, {}

    def deal(self, members: list[Member], *, anew: bool) -> dict[int, Member]:
        """Deal all tiles to members. anew: tiles may move; otherwise only those without a member are dealt."""
        missing = any(self._dealt.get(tile) not in members for tile in range(len(self._costs)))
        if anew or missing:
            held = self._picture
            largest = sum(each.nbytes for part in (held.pixels(0), held.fields(0)) for each in part.values())
            room = {each: max(1, int((SHARE * each.about.memory - self.peak) / largest)) for each in members}
            speeds = self.speeds.of(members)
            kept = {tile: member for tile, member in self._dealt.items() if member in members}
            self._dealt = dealing.deal(self._costs, speeds, room, kept)
        return self._dealt

    @property
    def costs(self) -> list[float]:
        """Of the tiles of the picture: px."""
        return self._costs

    def begin(self, member: Member, tiles: Iterable[int], sum_gradients: Mapping[str, np.ndarray]) -> Begin:
        """The message that opens a pass, with what the member does not have."""
        if member.inputs != self._inputs_number:
            member.forget()
        constants = None if member.inputs == self._inputs_number else self._picture.constants
        if member.picture != self._picture_number:
            member.pixels.clear()
        forgotten = tuple(member.fields - set(tiles))
        member.fields -= set(forgotten)
        member.pixels -= set(forgotten)
        member.inputs, member.picture = self._inputs_number, self._picture_number
        return Begin(member.picture, member.inputs, constants, dict(sum_gradients), forgotten)

    def tile_call(self, member: Member, tile: int, outputs: Any) -> TileCall:
        """The call for a tile, with what the member does not have."""
        pixels = None if tile in member.pixels else self._picture.pixels(tile)
        fields = None if tile in member.fields else self._picture.fields(tile)
        member.pixels.add(tile)
        member.fields.add(tile)
        return TileCall(tile, outputs, pixels, fields)


class Pass:
    """One pass over the tiles of a picture."""

    def __init__(self, tile_map: TileMap, graph: TileGraph, outputs: Any, picture, sum_gradients):
        self._map, self._graph, self._outputs = tile_map, graph, outputs
        self._picture, self._sum_gradients = picture, sum_gradients
        self._kind = str(outputs)
        self._events: queue.SimpleQueue = queue.SimpleQueue()
        self._waiting: dict[Member, deque[int]] = {}  # tiles that have not been sent
        self._sent: dict[Member, dict[int | None, futures.Future]] = {}  # None: the beginning of the pass
        self._since: dict[Member, float] = {}  # when it last answered, or was sent the first of its calls
        self._results: dict[int, Any] = {}
        self._finished: set[int] = set()  # tiles whose results are there, or have been yielded
        self._late: set[Member] = set()  # members that were given up, and may still answer
        self._short: list[Member] = []  # members whose memory ran out

    def results(self) -> Iterator:
        """Yield the results of the tiles, in their order."""
        self._start()
        for tile in range(len(self._picture)):
            while tile not in self._results:
                self._map.check(self._graph)
                if not self._waiting:
                    self._compute_here(tile)
                    continue
                self._receive()
                self._give_up_on_lost_ones()
                self._give_up_on_late_ones()
            yield self._results.pop(tile)

    def _start(self):
        members = self._map.members.ready()
        if members:
            self._send_to(members, self._map.deal(members, anew=not self._sum_gradients))

    def _send_to(self, members, dealt):
        """Begin the pass at members, with the tiles that are dealt to them and have not been computed."""
        done = self._finished | {tile for sent in self._sent.values() for tile in sent}
        done |= {tile for waiting in self._waiting.values() for tile in waiting}
        for member in members:
            own = [tile for tile, owner in dealt.items() if owner is member]
            new = [tile for tile in own if tile not in done]
            if member in self._waiting:
                self._waiting[member].extend(new)
                self._fill(member)
            elif new:
                self._waiting[member], self._sent[member] = deque(new), {}
                begun = self._map.begin(member, own, self._sum_gradients)
                self._submit(member, None, "begin", begun)

    def _submit(self, member, tile, method, argument):
        if not self._sent[member]:
            self._since[member] = time.monotonic()
        future = self._sent[member][tile] = member.call(method, argument)
        future.add_done_callback(lambda future: self._answered(member, tile, future))

    def _answered(self, member, tile, future):
        """Called in another thread."""
        self._events.put((member, tile, future))
        if member in self._late and not future.cancelled() and future.exception() is None:
            self._map.members.restore(member)

    def _fill(self, member):
        """Send a member as many tiles as it may have at a time, once the pass has begun there."""
        while self._waiting[member] and None not in self._sent[member] and len(self._sent[member]) < WINDOW:
            tile = self._waiting[member].popleft()
            self._submit(member, tile, "run", self._map.tile_call(member, tile, self._outputs))

    def _receive(self):
        """Wait for an answer, for a moment, and take it."""
        try:
            member, tile, future = self._events.get(timeout=POLL)
        except queue.Empty:
            return
        if self._sent.get(member, {}).pop(tile, None) is not future:
            return  # the member was lost
        error = future.exception()
        if error is not None:
            self._lose(member, "it has ended" if isinstance(error, OSError | RuntimeError) else f"{error!r}")
            return
        answer = future.result()
        if isinstance(answer, Failure):
            if answer.reason == MEMORY:
                self._short.append(member)
            self._lose(member, "its memory has run out" if answer.reason == MEMORY else answer.reason)
            return
        if tile is not None:
            self._results[tile] = answer.arrays
            self._finished.add(tile)
            self._measure(member, tile)
        self._since[member] = time.monotonic()
        self._fill(member)

    def _measure(self, member, tile):
        """Take note of how long a tile took; the first of a kind takes longer, and does not count."""
        taken, cost = time.monotonic() - self._since[member], self._map.costs[tile]
        if self._kind in member.warm:
            self._map.patience.record(self._kind, taken / cost)
            if self._sum_gradients:
                self._map.speeds.record(member, cost, taken)
        member.warm.add(self._kind)

    def _give_up_on_lost_ones(self):
        members = self._map.members.all()
        for member in [each for each in self._waiting if each not in members]:
            self._late.add(member)
            self._lose(member, "it has ended")

    def _give_up_on_late_ones(self):
        now = time.monotonic()
        for member in [each for each, sent in self._sent.items() if sent]:
            largest = max((self._map.costs[tile] for tile in self._sent[member] if tile is not None), default=0)
            kind = self._kind if self._kind in member.warm else None
            limit = self._map.patience.limit(kind, largest)
            if now - self._since[member] > limit:
                self._late.add(member)
                self._lose(member, f"it has not answered for {limit:.0f} s")

    def _lose(self, member, reason):
        """Deal the tiles of a member to the others."""
        self._waiting.pop(member, None)
        self._sent.pop(member, None)
        self._map.members.lose(member, reason)
        others = list(self._waiting)
        if others:
            self._send_to(others, self._map.deal(others, anew=False))
        elif self._short:
            for each in self._short:
                self._map.members.restore(each)
            raise MemoryError("the memory of the workers has run out")

    def _compute_here(self, tile):
        """Compute a tile in this process, or wait for a worker that may join."""
        members = self._map.members.ready()
        if members:
            self._send_to(members, self._map.deal(members, anew=False))
        elif self._map.waits:
            self._map.say_alone("waiting for a worker (--cluster-wait)")
            time.sleep(POLL)
        else:
            self._map.say_alone()
            self._results[tile] = run_tile(self._graph, self._outputs, self._picture, tile, self._sum_gradients)
            self._finished.add(tile)


class _Patience:
    """How long a tile may take."""

    def __init__(self, least):
        self._least, self._usual = least, {}

    def record(self, kind, taken):
        """taken: s per px of a tile."""
        self._usual.setdefault(kind, deque(maxlen=64)).append(taken)

    def limit(self, kind, cost):
        """The seconds for a tile of a cost; kind: of the pass, or None for the first one of a member."""
        known = self._usual.get(kind)
        return max(self._least, FACTOR * median(known) * cost) if known else max(self._least, FIRST)
