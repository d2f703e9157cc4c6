"""Members: the workers of a cluster that a run uses, from the moment they join until they are lost.

A thread asks the scheduler once a second who is there. Each worker that is new is asked who it is, in a thread of its
own, and builds the graph of the run before it is used. Whoever evaluates is never kept waiting by one that joins. One
that falls silent is lost, and used again once it sends heartbeats.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections import Counter
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import vgg
from brushwork.cluster import facts
from brushwork.cluster.actor import TileActor
from brushwork.cluster.heartbeats import Heartbeats
from brushwork.messages import logger

if TYPE_CHECKING:
    from distributed import Client
    from distributed.actor import Actor

    from brushwork.engine.tile_graph import Recipe

EVERY = 1.0  # s between two questions to the scheduler
ADMISSION = 120.0  # s that a worker may take for each step until it is ready
LEAVING = 2.0  # s that workers have to stop at the end
MOST_LOSSES = 3  # of workers that are started again in the same place, before no more of them are used


@dataclass(eq=False)
class Member:
    """A worker that is used."""

    address: str
    nanny: str  # the address of the process that restarts the worker when it ends
    about: facts.Facts
    actor: Actor
    loop: asyncio.AbstractEventLoop
    is_ready: bool = False  # whether it has built the graph
    inputs: int | None = None  # number of the inputs of which it has the constants
    fields: set[int] = field(default_factory=set)  # tiles of which it has the fields
    picture: int | None = None  # number of the picture of which it has pixels
    pixels: set[int] = field(default_factory=set)  # tiles of which it has the pixels
    warm: set[str] = field(default_factory=set)  # kinds of passes in which it has computed a tile

    def call(self, method: str, *arguments: Any) -> futures.Future:
        """Call a method of its actor."""

        async def called():
            return await getattr(self.actor, method)(*arguments)

        return asyncio.run_coroutine_threadsafe(called(), self.loop)

    def forget(self) -> None:
        """Assume that it knows nothing of the picture and the inputs."""
        self.inputs = self.picture = None
        self.fields.clear()
        self.pixels.clear()


class Members:
    """The workers of a cluster, as seen from the run. A context manager."""

    def __init__(self, client: Client, on_change: Callable[[], None] = lambda: None):
        """on_change: called, in another thread, when a worker is ready or the scheduler is gone."""
        self._client, self.on_change, self._loop = client, on_change, client.loop.asyncio_loop
        self._lock, self._closed = threading.RLock(), threading.Event()
        self._known: set[str] = set()  # addresses that were seen
        self._asked: set[str] = set()  # addresses of those that are being admitted
        self._members: list[Member] = []
        self._heartbeats, self._silent = Heartbeats(), []  # members that were lost because they fell silent
        self._unanswered: set[str] = set()  # addresses of those that fell silent while they were getting ready
        self._losses: Counter[str] = Counter()
        self.recipe: Recipe | None = None  # of the graph that they build
        self._own = facts.here()
        self.scheduler_is_gone = False

    def __enter__(self) -> Members:
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closed.set()
        stopped = [member.call("stop") for member in self.all()]
        futures.wait(stopped, LEAVING)
        self._watcher.join(LEAVING)

    def all(self) -> list[Member]:
        """The workers that are used or are about to be."""
        with self._lock:
            return list(self._members)

    def ready(self) -> list[Member]:
        """The workers that can evaluate."""
        return [member for member in self.all() if member.is_ready]

    @property
    def is_settled(self) -> bool:
        """Whether every worker that the scheduler has listed is ready, refused, or silent."""
        with self._lock:
            pending = {each.address for each in self._members if not self._is_settled(each)} | self._asked
            return all(map(self._heartbeats.is_silent, pending))

    @property
    def has_seen_any(self) -> bool:
        """Whether the scheduler has listed a worker."""
        return bool(self._known)

    def use(self, recipe: Recipe) -> None:
        """Let all workers, and those to come, build the graph of a recipe."""
        with self._lock:
            if self.recipe is recipe:
                return
            self.recipe = recipe
            for member in self._members:
                member.is_ready = False
                self._in_thread(self._build, member)

    def lose(self, member: Member, reason: str) -> None:
        """Use a worker no more, and say why."""
        with self._lock:
            if member not in self._members:
                return
            self._members.remove(member)
            member.is_ready = False
            self._losses[member.nanny] += 1
        logger.warning(f"worker {member.address} is lost: {reason}; its work goes to others")

    def restore(self, member: Member) -> None:
        """Use a worker again that has answered after it was lost."""
        with self._lock:
            if member in self._members or self._closed.is_set():
                return
            member.forget()
            self._members.append(member)
            self._heartbeats.heard(member.address)
            if self.recipe is not None:
                self._in_thread(self._build, member)
        logger.info(f"worker {member.address} answers again")

    def _watch(self):
        """Ask the scheduler who is there, until the end."""
        while not self._closed.wait(EVERY if self._known else EVERY / 10):
            try:
                workers = self._on_loop(self._client.scheduler.identity(n_workers=-1), ADMISSION)["workers"]
            except (OSError, futures.TimeoutError, futures.CancelledError, RuntimeError):
                if not self._closed.is_set():
                    self.scheduler_is_gone = True
                    self.on_change()
                return
            for address, about in workers.items():
                self._greet(address, about.get("nanny") or address)
            with self._lock:
                self._heartbeats.look({address: about["last_seen"] for address, about in workers.items()})
                self._check(workers)
            self.on_change()

    def _check(self, workers):
        """Lose members that have ended or fallen silent, and restore those that are not silent any more."""
        for member in self.all():
            if member.address not in workers:
                self.lose(member, "it has ended")
            elif self._heartbeats.is_silent(member.address):
                self._give_up(member)
        for member in [each for each in self._silent if not self._heartbeats.is_silent(each.address)]:
            self._silent.remove(member)
            if member.address in workers:
                self.restore(member)

    def _give_up(self, member):
        """Lose a silent member, unless it is getting ready: then it is only not waited for."""
        if self._is_settled(member):
            self._silent.append(member)
            self.lose(member, "it does not answer")
        elif member.address not in self._unanswered:
            self._unanswered.add(member.address)
            logger.warning(f"worker {member.address} does not answer, and is not waited for")

    def _is_settled(self, member):
        """Whether a member has done what it is asked. While it imports TensorFlow, it may be silent for seconds."""
        return member.is_ready == (self.recipe is not None)

    def _greet(self, address, place):
        """Admit a worker that is new."""
        with self._lock:
            if address in self._known:
                return
            self._known.add(address)
            if self._losses[place] >= MOST_LOSSES:
                logger.warning(f"worker {address} is left out: {MOST_LOSSES} before it in the same place were lost")
                return
            self._asked.add(address)
        self._in_thread(self._admit, address, place)

    def _admit(self, address, place):
        try:
            made = {"actor": True, "workers": [address], "allow_other_workers": False, "pure": False}
            actor = self._client.submit(TileActor, **made).result(ADMISSION)
            about = actor.meet(self._own.environment).result(ADMISSION)
            if objection := facts.objection(about, self._own):
                self._refuse(address, objection)
                return
            member = Member(address, place, about, actor, self._loop)
            with self._lock:
                self._members.append(member)
                self._heartbeats.heard(address)
                if self.recipe is not None:
                    self._in_thread(self._build, member)
        except Exception as error:
            self._refuse(address, _reason(error))
        finally:
            with self._lock:
                self._asked.discard(address)
            self.on_change()

    def _build(self, member):
        """Let a worker build the graph."""
        recipe = self.recipe
        try:
            objection = facts.objection(member.about, self._own, recipe.precision)
            if objection is None:
                member.call("load").result(ADMISSION)
                network = None if recipe.network.digest == _included_digest() else recipe.network
                sent = replace(recipe, network=network)
                objection = member.call("build", sent, recipe.network.digest).result(ADMISSION)
        except Exception as error:
            objection = _reason(error)
        with self._lock:
            if recipe is not self.recipe or member not in self._members:
                return
            member.forget()
            member.warm.clear()
            member.is_ready = objection is None
            self._heartbeats.heard(member.address)
            if objection:
                self._members.remove(member)
        if objection:
            self._refuse(member.address, objection)
        self.on_change()

    def _refuse(self, address, objection):
        if not self._closed.is_set() and not self.scheduler_is_gone:
            logger.warning(f"worker {address} is left out: {objection}")

    def _on_loop(self, coroutine, seconds):
        return asyncio.run_coroutine_threadsafe(_awaited(coroutine), self._loop).result(seconds)

    def _in_thread(self, function, *arguments):
        threading.Thread(target=function, args=arguments, daemon=True).start()


async def _awaited(awaitable):
    return await awaitable


@functools.cache
def _included_digest():
    return vgg.load("pocket").digest


def _reason(error):
    """A clause about an error of a worker."""
    if isinstance(error, futures.TimeoutError | asyncio.TimeoutError):
        return f"it has not answered for {ADMISSION:.0f} s"
    if isinstance(error, ImportError | AttributeError):
        return f"it has no such version of this program ({error})"
    if isinstance(error, OSError):
        return "it cannot be reached from here"
    return f"{type(error).__name__}: {error}"
