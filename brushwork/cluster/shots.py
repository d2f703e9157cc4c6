"""Shots: a film dealt to the workers of a cluster, a whole shot each, as its frames follow from each other.

Their frames are files of the film (see brushwork/video/frame_files.py), where the driver would have written them. It
paints what is missing afterwards, with whatever reason.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from brushwork import files
from brushwork.cluster.orders import Orders, carry_out, command_of, with_files
from brushwork.cluster.painting import Order, Painted
from brushwork.errors import ClusterLost, Interrupted
from brushwork.messages import logger
from brushwork.video import shots

if TYPE_CHECKING:
    from distributed import Client

    from brushwork.cluster.cluster import Cluster
    from brushwork.cluster.members import Members
    from brushwork.video.painters import Painter
    from brushwork.video.plan import FilmPlan

OF_FILMS = "--fps", "--frames", "--contact-sheet", "--state", "--max-seconds"  # flags that are not for a shot
COLORS = "--colors", "--preserve-colors", "--color-strength"


class Shots(Orders):
    """The shots of a film, each as the range of its indices among the frames of the film."""

    unit = "frames"

    def __init__(
        self,
        pieces: Sequence[range],
        film: FilmPlan,
        client: Client,
        members: Members,
        *,
        decided: Sequence[str],
        finished: set[int],
    ):
        """decided: flags that were decided here. finished: the indices of finished frames; those are added to it."""
        super().__init__(pieces, client, members)
        self._film, self._decided, self._finished = film, decided, finished

    def size(self, piece: range) -> int:
        return len(piece)

    def name(self, piece: range) -> str:
        numbers = self._numbers(piece)
        return f"frames {numbers[0] + 1} to {numbers[-1] + 1}"

    def order(self, number: int, piece: range, *, is_blind: bool) -> Order:
        film, numbers, without = self._film, self._numbers(piece), [*OF_FILMS, *self._decided[::2]]
        without += COLORS if film.files.is_raw else ()  # the driver applies them at the end
        contents = getattr(film.clip, "paths", (film.clip.path,))
        command = command_of(contents, film.options.styles, film.options, without)
        command += ["--frames", f"{numbers[0] + 1}:{numbers[-1] + 1}:{numbers.step}", *self._decided]
        name = f"frame-%06d{os.path.splitext(film.files.kept(1))[1]}"
        return Order(number, command, name, *with_files(command, film.options, is_blind=is_blind), is_shot=True)

    def keep(self, piece: range, painted: Painted) -> None:
        for index, content in zip(piece, painted.pictures, strict=False):  # a clip may end before it should
            with files.replacing(self._film.files.kept(self._film.numbers[index] + 1)) as file:
                file.write(content)
            self._finished.add(index)

    def report(self, level: str, text: str) -> None:
        logger.warning(text)

    def _numbers(self, piece):
        """The frames of the clip."""
        return self._film.numbers[piece.start : piece.stop]


def paint(cluster: Cluster, film: FilmPlan, painter: Painter, finished: set[int], stopped: Callable[[], bool]) -> None:
    """Let workers paint the shots of a film, and add the indices of their frames to those that are finished.

    stopped: whether to stop. Raises ClusterLost if the scheduler ends.
    """
    pieces, decided = _pieces(film, stopped), _decided(film, painter)
    pieces = sorted((each for each in pieces if not finished.issuperset(each)), key=len, reverse=True)
    if len(pieces) < 2 or decided is None:
        if not stopped():
            why = "it has no two shots to paint" if decided else "its scales have tiles of different sizes"
            logger.warning(f"this process paints the film alone, without the cluster, as {why}")
        return
    cluster.stopped, is_cut_off = stopped, False
    with suppress(Interrupted), cluster:  # Interrupted: while it waits for workers
        orders = Shots(pieces, film, cluster.client, cluster.members, decided=decided, finished=finished)
        logger.info(f"the film has {len(pieces)} shots to paint")
        alone = "the cluster has no worker; going on with this process alone"
        options = {"is_quiet": film.options.quiet, "waits": cluster.waits, "stopped": stopped, "alone": alone}
        _, is_cut_off = carry_out(orders, **options)
    if is_cut_off:
        raise ClusterLost("the scheduler")


def _pieces(film, stopped):
    """The shots, as ranges of indices; none if it is stopped."""
    starts, count = [], 0
    contents = film.clip.frames(film.size, film.numbers)
    with closing(contents):
        for begins in shots.beginnings(contents, film.settings.temporal_reach):
            if stopped():
                return []
            starts += [count] if begins else []
            count += 1
    return [range(start, end) for start, end in zip(starts, [*starts[1:], count], strict=True)]


def _decided(film, painter):
    """The flags of what was decided here and affects the frames, or None if there are no such flags."""
    facts = painter.facts()
    flags, tiles = ["--precision", facts["precision"]], {each or "none" for each in facts["tile_sizes"]}
    if len(tiles) == 1:
        return [*flags, "--tile-size", str(tiles.pop())]
    return None if film.first.settings.tile_size == "auto" or film.options.saved else flags
