"""Pictures: a batch dealt to the workers of a cluster, a whole picture each.

A worker paints into a directory of its own, and the driver alone writes the outputs: each is there once and whole,
whatever happens to workers. Files that a worker does not see where the driver sees them are sent to it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from contextlib import contextmanager
from typing import TYPE_CHECKING

from brushwork import messages
from brushwork.cluster import painting
from brushwork.cluster.members import Member, Members
from brushwork.cluster.painting import Order, Painted
from brushwork.errors import COULD_NOT, DONE, Mistakes, PictureError
from brushwork.messages import logger
from brushwork.network import store
from brushwork.run import outputs, resuming
from brushwork.run.jobs import Job
from brushwork.watch.progress import can_redraw

if TYPE_CHECKING:
    from distributed import Client

LARGEST = 256e6  # bytes of the files that are sent for a picture
MOST_LOSSES = 3  # workers that may be lost with a picture
POLL = 0.2  # s
FETCHING = 8  # results that are fetched at a time
DRIVERS_OWN = {  # flags that are not for the workers
    *("--content", "--styles", "--output", "--pairs", "--skip-existing", "--network", "--print-iterations"),
    *("--verbose", *resuming.NEVER_SAVED),
}


class Batch:
    """The pictures of a command line, and how far they are."""

    def __init__(self, batch: Sequence[Job], options: argparse.Namespace, client: Client, members: Members):
        if options.checkpoint_output:
            raise Mistakes("--checkpoint-output is not for many pictures on a cluster; leave out one of them")
        self._options, self._client, self._members = options, client, members
        self._waiting = list(enumerate(batch, start=1))[::-1]  # (number, job), the next one last
        self._running = {}  # {member: (number, job, future)}
        # {member: its result on the way here}. If the worker ends before it is here, Dask waits for it forever.
        self._arriving: dict[Member, futures.Future] = {}
        self._threads = futures.ThreadPoolExecutor(FETCHING)
        self._losses = dict.fromkeys(range(1, len(batch) + 1), 0)
        self._blind: set[str] = set()  # addresses of workers that do not see all files
        self.shares: dict[int, float] = {}  # of the pictures that are being painted
        self.counts, self.total = {"done": 0, "failed": 0, "skipped": 0}, len(batch)
        self.own: list[Job] = []  # those that go on from a state, which this process paints

    @property
    def is_done(self) -> bool:
        """Whether every picture has been painted, has failed, or has been skipped."""
        return not self._waiting and not self._running

    def step(self) -> None:
        """Deal pictures to the workers that have none, and take those that are painted."""
        members = self._members.all()
        for member in [each for each in self._running if each not in members]:
            self._take_back(member)
        for member in members:
            while member not in self._running and self._waiting:
                self._send(member, *self._waiting.pop())
        for member, (number, job, future) in list(self._running.items()):
            if future.done() and member not in self._arriving:
                self._arriving[member] = self._threads.submit(future.result)
            if member in self._arriving and self._arriving[member].done():
                del self._running[member]
                self.shares.pop(number, None)
                self._take(member, number, job, self._arriving.pop(member))

    def rest(self) -> list[Job]:
        """The pictures that are not painted yet, which are taken from the workers."""
        for member in list(self._running):
            self._take_back(member)
        self._threads.shutdown(wait=False)
        rest, self._waiting = [job for _, job in reversed(self._waiting)], []
        return rest

    def _take_back(self, member):
        number, job, future = self._running.pop(member)
        future.cancel(force=True)  # which ends the waiting for its result too
        self._arriving.pop(member, None)
        self.shares.pop(number, None)
        self._again(number, job)

    def _again(self, number, job):
        """Let another worker paint a picture."""
        self._losses[number] += 1
        if self._losses[number] < MOST_LOSSES:
            self._waiting.append((number, job))
        else:
            self._fail(f"cannot make {job.output}: {MOST_LOSSES} workers were lost with it")

    def _send(self, member, number, job):
        """Let a worker paint a picture, unless it exists."""
        if (job := resuming.resume_or_skip(job)) is None:
            self.counts["skipped"] += 1
            return
        if job.resume:
            self.own.append(job)
            return
        logger.info(f"picture {number} of {self.total}: {job.output}")
        try:
            order = order_of(number, job, self._options, is_blind=member.address in self._blind)
        except PictureError as error:
            self._fail(f"cannot make {job.output}: {error}")
            return
        where = {"workers": [member.address], "allow_other_workers": False, "pure": False}
        future = self._client.submit(painting.paint, order, key=f"picture-{number}-{time.monotonic_ns()}", **where)
        self._running[member] = number, job, future

    def _take(self, member, number, job, arrived):
        """Take what a worker has painted."""
        try:
            painted = arrived.result()
        except (Exception, futures.CancelledError) as error:
            self._members.lose(member, f"{type(error).__name__}: {error}")
            self._again(number, job)
            return
        if painted.missing:
            self._blind.add(member.address)
            self._send(member, number, job)
            return
        self._report(job, painted)
        if painted.status == DONE and self._write(job, painted.picture):
            self.counts["done"] += 1
        else:
            self.counts["failed"] += 1

    def _report(self, job, painted: Painted):
        for level, text in painted.messages:
            say = logger.error if level == "error" else logger.warning
            say(text if level == "warning" else f"{job.output}: {text}")

    def _write(self, job, picture):
        """Write an output, and return whether that succeeded."""
        try:
            outputs.make_directories(job, self._options)
            own = resuming.own_files(job, overwrite=self._options.overwrite)
            with own.replacing(job.output) as file:
                file.write(picture)
        except (OSError, PictureError) as error:
            logger.error(f"cannot write {job.output}: {getattr(error, 'strerror', None) or error}")
            return False
        logger.info(f"wrote {job.output}")
        return True

    def _fail(self, sentence):
        logger.error(sentence)
        self.counts["failed"] += 1


def order_of(number: int, job: Job, options: argparse.Namespace, *, is_blind: bool) -> Order:
    """The Order of a picture. is_blind: whether to send all files. Raises PictureError if one cannot be read."""
    command, files, contents = command_of(job, options), {}, {}
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
    extension = os.path.splitext(job.output)[1]
    return Order(number, command, extension, files, contents)


def command_of(job: Job, options: argparse.Namespace) -> list[str]:
    """The command line for a picture, without --output, with absolute paths."""
    words, flag = [], None
    for word in options.command:
        name, equals, value = word.partition("=")
        flag = name if word.startswith("--") else flag
        if flag in DRIVERS_OWN:
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
    styles = [os.path.abspath(style) for style in job.styles]
    return [*words, "--network", network, "--content", os.path.abspath(job.content), "--styles", *styles]


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


def paint(
    batch: Sequence[Job],
    options: argparse.Namespace,
    client: Client,
    members: Members,
    *,
    waits: bool,
    stopped: Callable[[], bool],
    alone: Callable[[Sequence[Job]], int],
) -> int:
    """Make the pictures of a batch, and return the exit status. A failure is logged, and the rest continue.

    waits: whether to wait for a worker when there is none. stopped: whether to stop. alone: makes pictures without the
    cluster, and returns the exit status.
    """
    pictures, rest = Batch(batch, options, client, members), []

    def receive(event):
        _, about = event
        pictures.shares[about["picture"]] = about["share"]

    client.subscribe_topic(painting.TOPIC, receive)
    with _progress(pictures, options) as show:
        while not pictures.is_done and not stopped():
            if members.scheduler_is_gone:
                logger.error("the scheduler of the cluster has ended, or cannot be reached any more")
                break
            if not members.all() and not waits:
                logger.warning("the cluster has no worker; going on with this process alone")
                rest = pictures.rest()
                break
            pictures.step()
            show()
            time.sleep(POLL)
    cut_off = members.scheduler_is_gone
    if not rest:
        pictures.rest()
    status = alone(rest + pictures.own) if rest + pictures.own and not (stopped() or cut_off) else DONE
    counts = {key: count for key, count in pictures.counts.items() if count or key == "done"}
    left = pictures.total - sum(pictures.counts.values()) - len(rest + pictures.own)
    counts |= {"not started or not finished": left} if left else {}
    logger.info(", ".join(f"{count} {what}" for what, count in counts.items()))
    return COULD_NOT if pictures.counts["failed"] or cut_off else status


@contextmanager
def _progress(pictures, options):
    """Yield a function that shows how far all pictures are: in one bar on a terminal."""
    if options.quiet or not can_redraw():
        yield lambda: None
        return
    from tqdm import tqdm

    layout = "{percentage:3.0f}% {bar:20} {n:.1f}/{total} pictures [{elapsed}<{remaining}]"
    with tqdm(total=pictures.total, bar_format=layout, leave=False, file=messages.Tolerant(sys.stderr)) as bar:

        def show():
            share = sum(pictures.counts.values()) + sum(pictures.shares.values())
            bar.update(max(0.0, share - bar.n))

        yield show
