"""The progress of a film: told to whoever asks, or shown on standard error, as a bar of its frames on a terminal, and
otherwise as a line every ten seconds.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from brushwork import messages
from brushwork.messages import logger
from brushwork.schedule import Pace, Schedule
from brushwork.watch.progress import SECONDS_BETWEEN_LINES, can_redraw, clock, terminal_size

if TYPE_CHECKING:
    from brushwork.video.painters import Painter
    from brushwork.video.plan import FilmPlan

RECENT = 8  # frames whose mean time is that of those to come


class Moment(NamedTuple):
    """Where a film stands after a step, or after a frame."""

    film: FilmPlan
    index: int  # of the frame, from 0
    is_finished: bool  # whether the frame is
    step: Any  # the last one of the frame so far
    schedule: Schedule | None  # of the frame; None in an instant film
    share: float  # of the film's work that is done, 0..1
    seconds_left: float | None
    pace: float | None  # seconds in which a cost of 1 is spent; see schedule.py


ShowFilm = Callable[[Moment], None]


class FilmProgress:
    """Shows how far a film is, and how long it still takes; a context manager."""

    def __init__(self, film: FilmPlan, show: ShowFilm | None = None):
        """show: is told of every step and every finished frame; by default standard error shows them."""
        self._film, self._count, self._tell = film, len(film.numbers), show
        self._quiet = film.options.quiet or show is not None
        self._recent = deque(maxlen=RECENT)  # seconds of the last frames, without the first one, which takes longer
        self._began = self._frame_began = time.monotonic()
        self._cost = 0.0  # of the frames that this run has finished
        self._bar, self._shown = None, time.monotonic()
        if not self._quiet and can_redraw():
            from tqdm import tqdm

            layout = "{percentage:3.0f}% {bar:20} {n}/{total} frames"
            options = {"total": self._count, "initial": film.done, "leave": False, "bar_format": layout}
            self._bar = tqdm(**options, position=0, file=messages.Tolerant(sys.stderr), **terminal_size())

    def __enter__(self) -> FilmProgress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    @property
    def longest(self) -> float:
        """The seconds that the next frame takes at most, as far as can be told."""
        return max(self._recent, default=0.0)

    def watch(self, steps: Iterator[Any], index: int, painter: Painter) -> Iterator[Any]:
        """Pass the steps of a frame on, and show the progress. index: of the frame in the film, from 0."""
        schedule = painter.schedule
        pace = Pace(schedule, time.monotonic()) if schedule else None
        with closing(steps):
            for step in steps:
                if step is not None and pace:
                    pace.record(step.iteration, step.scale, time.monotonic())
                left = self._seconds_left(index, pace, painter, time.monotonic() - self._frame_began)
                self._show(index, left)
                if self._tell and step is not None:
                    share = schedule.share_done(step.iteration, step.scale) if schedule else 0.0
                    self._tell(self._moment(index, step, painter, share, left, pace and pace.seconds_per_cost))
                yield step

    def finish(self, index: int, step: Any, painter: Painter) -> None:
        """Take note of a frame that is finished and saved. step: its last one."""
        now = time.monotonic()
        if not painter.begins:
            self._recent.append(now - self._frame_began)
        self._frame_began = now
        if self._bar is not None:
            self._bar.update(index + 1 - self._bar.n)
        self._cost += painter.schedule.cost if painter.schedule else 0.0
        if self._tell:
            following = self._count - index - 1
            each = sum(self._recent) / len(self._recent) if self._recent else None
            pace = (now - self._began) / self._cost if self._cost else None
            if each is None and pace is not None:
                each = pace * painter.later_cost
            left = None if each is None else following * each
            self._tell(self._moment(index, step, painter, 1.0, left, pace)._replace(is_finished=True))

    def _moment(self, index, step, painter, share, left, pace):
        """The Moment of a step. share: of the frame's work that is done, 0..1."""
        first, later = painter.first_cost, painter.later_cost
        total = first + (self._count - 1) * later
        if total:
            done = first * share if index == 0 else first + (index - 1 + share) * later
        else:
            done, total = index + share, self._count
        return Moment(self._film, index, False, step, painter.schedule, done / total, left, pace)

    def _seconds_left(self, index, pace, painter, spent):
        """The seconds until the end of the film; None before that can be told."""
        following = self._count - index - 1
        if self._recent:
            each = sum(self._recent) / len(self._recent)
            here = pace.seconds_left if pace and painter.begins else max(0.0, each - spent)
        else:
            each = pace and pace.seconds_of(painter.later_cost)
            here = pace and pace.seconds_left
        return None if here is None or each is None else here + following * each

    def _show(self, index, left):
        if left is None or self._quiet:
            return
        now = time.monotonic()
        if self._bar is not None:
            self._bar.set_postfix_str(f"{clock(left)} left", refresh=now > self._shown + 0.5)
        elif now - self._shown >= SECONDS_BETWEEN_LINES:
            each = f", {sum(self._recent) / len(self._recent):.2g} s each" if self._recent else ""
            logger.info(f"frame {index + 1} of {self._count}{each}, {clock(left)} left")
        if self._bar is None and now - self._shown < SECONDS_BETWEEN_LINES:
            return
        self._shown = now
