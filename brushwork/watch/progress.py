"""The progress of a run on standard error: a bar on a terminal, otherwise a line every ten seconds."""

import os
import sys
import time
from contextlib import closing, suppress
from typing import Any

from brushwork import messages
from brushwork.messages import logger
from brushwork.schedule import Pace, Schedule
from brushwork.watch import Steps

SECONDS_BETWEEN_LINES = 10.0
COLUMNS, ROWS = 80, 24  # of a terminal that does not report its size


def show_progress(steps: Steps, schedule: Schedule, *, verbose: bool) -> Steps:
    """Passes the steps on and shows the iteration, the loss, the pace and the time left.

    On a terminal this is a bar, elsewhere messages. verbose: all losses, and a message for every step.
    """
    return _with_bar(steps, schedule, verbose) if can_redraw() else _with_lines(steps, schedule, verbose)


def can_redraw() -> bool:
    """Whether standard error is a terminal on which a bar can be drawn."""
    with suppress(*messages.UNWRITABLE):
        return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return False


def clock(seconds: float) -> str:
    """A duration as hours and minutes, minutes and seconds, or seconds: "2 h 1 min", "1 min 0 s", "59 s"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _with_bar(steps, schedule, verbose):
    from tqdm import tqdm

    pace, scales = Pace(schedule, time.monotonic()), len(schedule.scales)
    layout = "{percentage:3.0f}% {bar:20} {n}/{total} "
    options = {"total": schedule.iterations, "bar_format": layout + _times(pace), "miniters": 1, "leave": False}
    try:
        # position: a bar that could not be drawn in an earlier run of this process may still be counted
        bar = tqdm(**options, position=0, file=messages.Tolerant(sys.stderr), **terminal_size())
    except messages.UNWRITABLE:  # tqdm flushes the streams themselves
        yield from steps
        return
    with closing(steps), bar:
        for step in steps:
            pace.record(step.iteration, step.scale, time.monotonic())
            where = f"scale {step.scale + 1}/{scales}, " if scales > 1 else ""
            bar.bar_format = f"{layout}{_times(pace)}, {where}{_losses(step, verbose)}"
            bar.update(step.iteration - bar.n)
            yield step


def _times(pace):
    """The time of an iteration and the time left, as tqdm writes them."""
    from tqdm import tqdm

    if pace.seconds_left is None:
        return "? left"
    return f"{pace.seconds_each:5.2f}s/it, {tqdm.format_interval(pace.seconds_left)} left"


def terminal_size() -> dict[str, Any]:
    """Arguments of tqdm: that it follows the size of the terminal, or a size where the terminal has none."""
    try:
        columns, rows = os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError):  # a stream that is no file
        columns = rows = None
    return {"ncols": columns or COLUMNS, "nrows": rows or ROWS} if 0 in (columns, rows) else {"dynamic_ncols": True}


def _with_lines(steps, schedule, verbose):
    every, pace = 0.0 if verbose else SECONDS_BETWEEN_LINES, Pace(schedule, time.monotonic())
    shown = None  # time of the last line; the first comes `every` seconds after the first step
    with closing(steps):
        for step in steps:
            now = time.monotonic()
            pace.record(step.iteration, step.scale, now)
            if pace.seconds_left is None:
                shown = now
            elif now - shown >= every:
                shown = now
                logger.info(_line(step, schedule, pace, verbose))
            yield step


def _line(step, schedule, pace, verbose):
    where = f"scale {step.scale + 1}, " if len(schedule.scales) > 1 else ""
    times = f"{pace.seconds_each:.2f} s each, {clock(pace.seconds_left)} left"
    return f"{where}iteration {step.iteration} of {schedule.iterations}, {_losses(step, verbose)}, {times}"


def _losses(step, verbose):
    losses = step.term_losses if verbose else {"total": step.losses["total"]}
    return ", ".join(f"{name} loss {loss:.4g}" for name, loss in losses.items())
