"""Orders: work dealt to the workers of a cluster in whole pieces, each a command line that one of them carries out.

A worker paints into a directory of its own, and the driver alone writes the outputs: each is there once and whole,
whatever happens to workers. Files that a worker does not see where the driver sees them are sent to it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from brushwork import messages
from brushwork.cluster import painting
from brushwork.cluster.members import Member, Members
from brushwork.cluster.painting import Order, Painted
from brushwork.errors import DONE, PictureError
from brushwork.messages import logger
from brushwork.network import store
from brushwork.run import resuming
from brushwork.watch.progress import can_redraw

if TYPE_CHECKING:
    from distributed import Client

LARGEST = 256e6  # bytes of the files that are sent for a piece
MOST_LOSSES = 3  # workers that may be lost with a piece
POLL = 0.2  # s
FETCHING = 8  # results that are fetched at a time
DRIVERS_OWN = {  # flags that are not for the workers
    *("--content", "--styles", "--output", "--pairs", "--skip-existing", "--network", "--print-iterations"),
    *("--verbose", *resuming.NEVER_SAVED),
}


class Orders:
    """Pieces of work, and how far they are. Base class of those of a batch and of a film."""

    unit = "pictures"  # of the progress

    def __init__(self, pieces: Sequence[Any], client: Client, members: Members):
        self.client, self.members = client, members
        self._waiting = list(enumerate(pieces, start=1))[::-1]  # (number, piece), the next one last
        self._running = {}  # {member: (number, piece, future)}
        # {member: its result on the way here}. If the worker ends before it is here, Dask waits for it forever.
        self._arriving: dict[Member, futures.Future] = {}
        self._threads = futures.ThreadPoolExecutor(FETCHING)
        self._losses = dict.fromkeys(range(1, len(pieces) + 1), 0)
        self._blind: set[str] = set()  # addresses of workers that do not see all files
        self._sizes = {number: self.size(piece) for number, piece in self._waiting}
        self._shares: dict[int, float] = {}  # of the pieces that are being painted
        self.counts, self.total = {"done": 0, "failed": 0, "skipped": 0}, len(pieces)

    def size(self, piece: Any) -> int:
        """How much a piece counts in the progress."""
        return 1

    def name(self, piece: Any) -> str:
        """What a piece makes, for messages."""
        raise NotImplementedError

    def order(self, number: int, piece: Any, *, is_blind: bool) -> Order | None:
        """The Order of a piece, or None if no worker is to paint it. is_blind: whether to send all files.

        Raises PictureError.
        """
        raise NotImplementedError

    def keep(self, piece: Any, painted: Painted) -> None:
        """Write what has been painted. Raises PictureError and OSError."""
        raise NotImplementedError

    def report(self, level: str, text: str) -> None:
        """Log a message, a "warning" or an "error"."""
        say = logger.error if level == "error" else logger.warning
        say(text)

    @property
    def is_done(self) -> bool:
        """Whether every piece has been painted, has failed, or has been skipped."""
        return not self._waiting and not self._running

    @property
    def progress(self) -> tuple[float, int]:
        """(how much is painted, how much there is)."""
        left = {number for number, _ in self._waiting} | {number for number, _, _ in self._running.values()}
        done = sum(size for number, size in self._sizes.items() if number not in left)
        return done + sum(self._sizes[each] * share for each, share in self._shares.items()), sum(self._sizes.values())

    def receive(self, event: tuple[float, dict]) -> None:
        """Take note of an event of painting.TOPIC."""
        _, about = event
        if any(number == about["number"] for number, _, _ in list(self._running.values())):
            self._shares[about["number"]] = about["share"]

    def step(self) -> None:
        """Deal pieces to the workers that have none, and take those that are painted."""
        members = self.members.all()
        for member in [each for each in self._running if each not in members]:
            self._again(*self._take_back(member))
        for member in members:
            while member not in self._running and self._waiting:
                self._send(member, *self._waiting.pop())
        for member, (number, piece, future) in list(self._running.items()):
            if future.done() and member not in self._arriving:
                self._arriving[member] = self._threads.submit(future.result)
            if member in self._arriving and self._arriving[member].done():
                del self._running[member]
                self._shares.pop(number, None)
                self._take(member, number, piece, self._arriving.pop(member))

    def rest(self) -> list[Any]:
        """The pieces that are not painted yet, which are taken from the workers."""
        self._waiting += [self._take_back(member) for member in list(self._running)]
        self._threads.shutdown(wait=False)
        rest, self._waiting = [piece for _, piece in reversed(self._waiting)], []
        return rest

    def _take_back(self, member):
        number, piece, future = self._running.pop(member)
        future.cancel(force=True)  # which ends the waiting for its result too
        self._arriving.pop(member, None)
        self._shares.pop(number, None)
        return number, piece

    def _again(self, number, piece):
        """Let another worker paint a piece."""
        self._losses[number] += 1
        if self._losses[number] < MOST_LOSSES:
            self._waiting.append((number, piece))
        else:
            self._fail(f"cannot make {self.name(piece)}: {MOST_LOSSES} workers were lost with it")

    def _send(self, member, number, piece):
        """Let a worker paint a piece."""
        try:
            order = self.order(number, piece, is_blind=member.address in self._blind)
        except PictureError as error:
            self._fail(f"cannot make {self.name(piece)}: {error}")
            return
        if order is None:
            return
        where = {"workers": [member.address], "allow_other_workers": False, "pure": False}
        future = self.client.submit(painting.paint, order, key=f"picture-{number}-{time.monotonic_ns()}", **where)
        self._running[member] = number, piece, future

    def _take(self, member, number, piece, arrived):
        """Take what a worker has painted."""
        try:
            painted = arrived.result()
        except (Exception, futures.CancelledError) as error:
            self.members.lose(member, f"{type(error).__name__}: {error}")
            self._again(number, piece)
            return
        if painted.missing:
            self._blind.add(member.address)
            self._send(member, number, piece)
            return
        for level, text in painted.messages:
            self.report(level, text if level == "warning" else f"{self.name(piece)}: {text}")
        if painted.status == DONE:
            self._keep(piece, painted)
        else:
            self.counts["failed"] += 1

    def _keep(self, piece, painted):
        try:
            self.keep(piece, painted)
            self.counts["done"] += 1
        except (OSError, PictureError) as error:
            self._fail(f"cannot write {self.name(piece)}: {getattr(error, 'strerror', None) or error}")

    def _fail(self, sentence):
        self.report("error", sentence)
        self.counts["failed"] += 1


def with_files(command: Sequence[str], options: argparse.Namespace, *, is_blind: bool) -> tuple[dict, dict]:
    """(files, contents) of the Order of a command line. is_blind: whether to send all files. Raises PictureError."""
    files, contents = {}, {}
    for path in inputs_of(command, options):
        try:
            files[path] = painting.stamp(path)
            if is_blind and sum(size for size, _ in files.values()) <= LARGEST:
                with open(path, "rb") as file:
                    contents[path] = file.read()
        except OSError as error:
            raise PictureError(f"cannot read {path}: {error.strerror}") from None
    if is_blind and len(contents) < len(files):
        raise PictureError(f"its files are too large to be sent, more than {LARGEST / 1e6:.0f} MB; share their folder")
    return files, contents


def command_of(
    contents: Sequence[str], styles: Sequence[str], options: argparse.Namespace, without: Sequence[str] = ()
) -> list[str]:
    """The command line for a piece, without --output, with absolute paths. without: flags that are left out too."""
    words, flag = [], None
    for word in options.command:
        name, equals, value = word.partition("=")
        flag = name if word.startswith("--") else flag
        if flag in DRIVERS_OWN or flag in without:
            continue
        known = options.facts.get(flag)
        is_value = not word.startswith("--") or equals
        value = value if word.startswith("--") else word
        if known and known.is_path and is_value and value not in known.words:
            value = os.path.abspath(value)
            word = f"{name}={value}" if word.startswith("--") else value
        words.append(word)
    network = options.network or store.default()[0]
    network = network if network in ("pocket", "vgg19") else os.path.abspath(network)
    contents, styles = (list(map(os.path.abspath, paths)) for paths in (contents, styles))
    return [*words, "--network", network, "--content", *contents, "--styles", *styles]


def inputs_of(command: Sequence[str], options: argparse.Namespace) -> list[str]:
    """The files that a command line of `command_of` reads."""
    found, flag = {}, None
    for word in command:
        if word.startswith("--"):
            flag, _, word = word.partition("=")
        known = options.facts.get(flag)
        if word and known and known.is_path and word not in known.words and os.path.isabs(word):
            found[word] = True
    return list(found)


def carry_out(
    orders: Orders, *, is_quiet: bool, waits: bool, stopped: Callable[[], bool], alone: str
) -> tuple[list[Any], bool]:
    """Let the workers paint until all is done, or `stopped`. Returns (pieces for this process, whether it was cut off).

    waits: whether to wait for a worker when there is none; otherwise the pieces are for this process. alone: says so.
    """
    members, rest = orders.members, []
    orders.client.subscribe_topic(painting.TOPIC, orders.receive)
    with _progress(orders, is_quiet) as show:
        while not orders.is_done and not stopped():
            if members.scheduler_is_gone:
                logger.error("the scheduler of the cluster has ended, or cannot be reached any more")
                break
            if not members.all() and not waits:
                logger.warning(alone)
                rest = orders.rest()
                break
            orders.step()
            show()
            time.sleep(POLL)
    if not rest:
        orders.rest()
    return rest, members.scheduler_is_gone


@contextmanager
def _progress(orders, is_quiet) -> Iterator[Callable[[], None]]:
    """Yield a function that shows how far all pieces are: in one bar on a terminal."""
    if is_quiet or not can_redraw():
        yield lambda: None
        return
    from tqdm import tqdm

    layout = f"{{percentage:3.0f}}% {{bar:20}} {{n:.1f}}/{{total}} {orders.unit} [{{elapsed}}<{{remaining}}]"
    _, total = orders.progress
    with tqdm(total=total, bar_format=layout, leave=False, file=messages.Tolerant(sys.stderr)) as bar:

        def show():
            bar.update(max(0.0, orders.progress[0] - bar.n))

        yield show
