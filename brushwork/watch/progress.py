"""The progress of a run on standard error: a bar on a terminal, otherwise a line every ten seconds."""

import sys
import time
from contextlib import closing

from brushwork.settings import LOSSES

SECONDS_BETWEEN_LINES = 10.0


def watched(steps, ends, *, verbose, say):
    """Passes the steps on and shows the iteration, the loss, the pace and the time left.

    ends: the number of the last iteration of each scale. verbose: all losses and, without a terminal, every step.
    say: prints one line to standard error.
    """
    return _with_bar(steps, ends, verbose) if sys.stderr.isatty() else _with_lines(steps, ends, verbose, say)


def print_to(file, line):
    """Print a line, above the bar if there is one."""
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)
    if tqdm is None:
        print(line, file=file, flush=True)
        return
    with tqdm.external_write_mode(file=file):
        print(line, file=file, flush=True)


def _with_bar(steps, ends, verbose):
    from tqdm import tqdm

    layout = "{percentage:3.0f}% {bar:20} {n}/{total} {rate_inv_fmt}, {remaining} left{postfix}"
    bar = tqdm(total=ends[-1], bar_format=layout, leave=False, file=sys.stderr, dynamic_ncols=True)
    begun = False
    with closing(steps), bar:
        for step in steps:
            if not begun:  # the pace is counted from here, the step that a resumed run continues from
                bar.initial = bar.n = bar.last_print_n = step.iteration
                bar.unpause()
                begun = True
            where = f"scale {step.scale + 1}/{len(ends)}, " if len(ends) > 1 else ""
            bar.set_postfix_str(f"{where}{_losses(step, verbose)}", refresh=False)
            bar.update(step.iteration - bar.n)
            yield step


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
    """One line; pace: seconds for each iteration."""
    last, end = ends[-1], ends[step.scale]
    where = f"scale {step.scale + 1}, " if len(ends) > 1 else ""
    left = f"{_clock(pace * (end - step.iteration))} left" + (" at this scale" if end < last else "")
    return f"{where}iteration {step.iteration} of {last}, {_losses(step, verbose)}, {pace:.2f} s each, {left}"


def _losses(step, verbose):
    names = LOSSES if verbose else ("total",)
    return ", ".join(f"{name} loss {step.losses[name]:.4g}" for name in names)


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
