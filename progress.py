"""How far a run is: a bar on a terminal, a line now and then where standard error goes elsewhere."""

import sys
import time
from contextlib import closing

from settings import LOSSES

SECONDS_BETWEEN_LINES = 10.0


def watched(steps, plan, say):
    """Passes the steps on and shows how far they are; nothing with plan.quiet."""
    if plan.quiet:
        return steps
    return _with_bar(steps, plan) if sys.stderr.isatty() else _with_lines(steps, plan, say)


def print_to(file, line):
    """Print a line, above the bar if there is one."""
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)
    if tqdm is None:
        print(line, file=file, flush=True)
        return
    with tqdm.external_write_mode(file=file):
        print(line, file=file, flush=True)


def _with_bar(steps, plan):
    from tqdm import tqdm

    layout = "{percentage:3.0f}% {bar:20} {n}/{total} {rate_inv_fmt}, {remaining} left{postfix}"
    last, scales = plan.settings.total_iterations, len(plan.settings.iteration_counts)
    with closing(steps), tqdm(total=last, bar_format=layout, leave=False, file=sys.stderr, dynamic_ncols=True) as bar:
        for step in steps:
            if not bar.n:  # a run that goes on, goes on here
                bar.initial = bar.n = step.iteration
            where = f"scale {step.scale + 1}/{scales}, " if scales > 1 else ""
            bar.set_postfix_str(f"{where}{_losses(step, plan.verbose)}", refresh=False)
            bar.update(step.iteration - bar.n)
            yield step


def _with_lines(steps, plan, say):
    last, scales = plan.settings.total_iterations, plan.settings.iteration_counts
    said = began = None
    every = 0.0 if plan.verbose else SECONDS_BETWEEN_LINES
    with closing(steps):
        for step in steps:
            now = time.monotonic()
            if said is None or (began and began[1] != step.scale):
                said, began = now, (step.iteration, step.scale, now)
            elif now - said >= every and step.iteration > began[0]:
                said, pace = now, (now - began[2]) / (step.iteration - began[0])
                where = f"scale {step.scale + 1}, " if len(scales) > 1 else ""
                end = sum(scales[: step.scale + 1])
                left = f"{_clock(pace * (end - step.iteration))} left" + (" at this scale" if end < last else "")
                losses = _losses(step, plan.verbose)
                say(f"{where}iteration {step.iteration} of {last}, {losses}, {pace:.2f} s each, {left}")
            yield step


def _losses(step, verbose):
    names = LOSSES if verbose else ("total",)
    return ", ".join(f"{name} loss {step.losses[name]:.4g}" for name in names)


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
