"""The progress of a run on standard error: a bar on a terminal, otherwise a line every ten seconds."""

import os
import sys
import time
from contextlib import closing

from brushwork.settings import LOSSES

SECONDS_BETWEEN_LINES = 10.0
COLUMNS, ROWS = 80, 24  # of a terminal that does not say how large it is


def watched(steps, ends, *, verbose, say):
    """Passes the steps on and shows the iteration, the loss, the pace and the time left.

    ends: the number of the last iteration of each scale. verbose: all losses and, without a terminal, every step.
    say: prints one line to standard error.
    """
    can_redraw = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return _with_bar(steps, ends, verbose) if can_redraw else _with_lines(steps, ends, verbose, say)


def _with_bar(steps, ends, verbose):
    from tqdm import tqdm

    layout = "{percentage:3.0f}% {bar:20} {n}/{total} {rate_inv_fmt}, {remaining} left{postfix}"
    bar = tqdm(total=ends[-1], bar_format=layout, leave=False, file=sys.stderr, **_size())
    first = None
    with closing(steps), bar:
        for step in steps:
            if first is None:  # the pace is counted from here, the step that a resumed run continues from
                first = bar.initial = bar.n = bar.last_print_n = step.iteration
                bar.unpause()
            where = f"scale {step.scale + 1}/{len(ends)}, " if len(ends) > 1 else ""
            bar.set_postfix_str(f"{where}{_losses(step, verbose)}", refresh=False)
            bar.update(step.iteration - bar.n)
            yield step


def _size():
    """Arguments of tqdm: that it follows the size of the terminal, or a size where the terminal has none."""
    try:
        columns, rows = os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError):  # a stream that is no file
        columns = rows = None
    return {"ncols": columns or COLUMNS, "nrows": rows or ROWS} if 0 in (columns, rows) else {"dynamic_ncols": True}


def _with_lines(steps, ends, verbose, say):
    every = 0.0 if verbose else SECONDS_BETWEEN_LINES
    said = first = began = None  # when the last line was said; the first step of this scale and its time
    with closing(steps):
        for step in steps:
            now = time.monotonic()
            if first is None or step.scale != first.scale:
                said, first, began = now, step, now
            elif now - said >= every:
                said, pace = now, (now - began) / (step.iteration - first.iteration)
                say(_line(step, ends, pace, verbose))
            yield step


def _line(step, ends, pace, verbose):
    last, end = ends[-1], ends[step.scale]
    where = f"scale {step.scale + 1}, " if len(ends) > 1 else ""
    minutes, seconds = divmod(round(pace * (end - step.iteration)), 60)
    left = (f"{minutes} min " if minutes else "") + f"{seconds} s left" + (" at this scale" if end < last else "")
    return f"{where}iteration {step.iteration} of {last}, {_losses(step, verbose)}, {pace:.2f} s each, {left}"


def _losses(step, verbose):
    names = LOSSES if verbose else ("total",)
    return ", ".join(f"{name} loss {step.losses[name]:.4g}" for name in names)
