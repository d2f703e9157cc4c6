"""Pictures: a batch dealt to the workers of a cluster, a whole picture each."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from brushwork.cluster.members import Members
from brushwork.cluster.orders import Orders, carry_out, command_of, with_files
from brushwork.cluster.painting import Order, Painted
from brushwork.errors import COULD_NOT, DONE, Mistakes
from brushwork.messages import logger
from brushwork.run import outputs, resuming
from brushwork.run.jobs import Job

if TYPE_CHECKING:
    from distributed import Client


class Batch(Orders):
    """The pictures of a command line."""

    def __init__(self, batch: Sequence[Job], options: argparse.Namespace, client: Client, members: Members):
        if options.checkpoint_output:
            raise Mistakes("--checkpoint-output is not for many pictures on a cluster; leave out one of them")
        super().__init__(batch, client, members)
        self._options = options
        self.own: list[Job] = []  # those that go on from a state, which this process paints

    def name(self, piece: Job) -> str:
        return piece.output

    def order(self, number: int, piece: Job, *, is_blind: bool) -> Order | None:
        """None: it is skipped, or goes on from a state."""
        if (job := resuming.resume_or_skip(piece)) is None:
            self.counts["skipped"] += 1
            return None
        if job.resume:
            self.own.append(job)
            return None
        logger.info(f"picture {number} of {self.total}: {job.output}")
        command = command_of([job.content], job.styles, self._options)
        extension = os.path.splitext(job.output)[1]
        return Order(number, command, f"out{extension}", *with_files(command, self._options, is_blind=is_blind))

    def keep(self, piece: Job, painted: Painted) -> None:
        outputs.make_directories(piece, self._options)
        own = resuming.own_files(piece, overwrite=self._options.overwrite)
        with own.replacing(piece.output) as file:
            file.write(painted.pictures[0])
        logger.info(f"wrote {piece.output}")


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
    pictures, sentence = (
        Batch(batch, options, client, members),
        "the cluster has no worker; going on with this process alone",
    )
    rest, is_cut_off = carry_out(pictures, is_quiet=options.quiet, waits=waits, stopped=stopped, alone=sentence)
    own = rest + pictures.own
    status = alone(own) if own and not (stopped() or is_cut_off) else DONE
    counts = {key: count for key, count in pictures.counts.items() if count or key == "done"}
    left = pictures.total - sum(pictures.counts.values()) - len(own)
    counts |= {"not started or not finished": left} if left else {}
    logger.info(", ".join(f"{count} {what}" for what, count in counts.items()))
    return COULD_NOT if pictures.counts["failed"] or is_cut_off else status
