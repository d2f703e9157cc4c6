"""The progress of a film on standard error: a bar of its frames on a terminal, otherwise a line every ten seconds."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from brushwork import messages
from brushwork.messages import logger
from brushwork.schedule import Pace
from brushwork.watch.progress import SECONDS_BETWEEN_LINES, can_redraw, clock, terminal_size

if TYPE_CHECKING:
    from brushwork.video.painters import Painter
    from brushwork.video.plan import FilmPlan

RECENT = 8  # frames whose mean time is that of those to come


class FilmProgress:
    """Shows how far a film is, and how long it still takes; a context manager."""

    def __init__(self, film: FilmPlan):
        self._count, self._quiet = len(film.numbers), film.options.quiet
        self._recent = deque(maxlen=RECENT)  # seconds of the last frames, without the first one, which takes longer
        self._bar, self._shown, self._told = None, time.monotonic(), False
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
        schedule, began = painter.schedule, time.monotonic()
        pace = Pace(schedule, began) if schedule else None
        with closing(steps):
            for step in steps:
                if step is not None and pace:
                    pace.record(step.iteration, step.scale, time.monotonic())
                self._show(index, self._seconds_left(index, pace, painter, time.monotonic() - began))
                yield step
        if not painter.begins:
            self._recent.append(time.monotonic() - began)
        if self._bar is not None:
            self._bar.update(index + 1 - self._bar.n)

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
