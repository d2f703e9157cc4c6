"""Watchers of a run: iterators that pass the steps on as they come and tell of them on the way."""

import io
import itertools
import math
import sys
import time
from collections import deque
from contextlib import closing

import files
import images
import progress
import state
from plan import checkpoint_path
from settings import LOSSES

SECONDS_BETWEEN_WRITES = 5.0


def watch(steps, plan, say, complain):
    """The iterator `steps` of a run with every watcher that its plan asks for. What goes wrong here ends no run."""
    last = plan.settings.total_iterations
    sizes = plan.settings.sizes(*plan.content.shape[:2])
    scales = list(zip(sizes, itertools.accumulate(plan.settings.iteration_counts), strict=True))
    if plan.deadline < math.inf:
        steps = limited(steps, plan.deadline, scales)
    if len(scales) > 1:
        steps = announced(steps, scales, say)
    if plan.settings.on_nan == "retry":
        steps = retried(steps, plan.settings.learning_rate, say)
    if plan.print_iterations:
        steps = printed(steps, plan.print_iterations, last)
    if plan.progress_table or plan.progress_plot:
        steps = recorded(steps, plan, complain)
    if plan.checkpoint_output:
        steps = with_checkpoints(steps, plan, complain)
    if plan.state_iterations:
        steps = with_states(steps, plan, complain)
    return progress.watched(steps, plan, say)


def in_tiles(size, tile_size):
    """In what tiles, if any, a picture of `size` (height, width) is evaluated: the end of a sentence."""
    return "" if tile_size is None or tile_size >= max(size) else f", in tiles of {tile_size} pixels"


def due(iteration, every, last):
    """Whether an iteration is one of every so many, or the last."""
    return iteration % every == 0 or iteration == last


def limited(steps, deadline, scales):
    """Ends when one more step, should it take as long as the longest of the last few, would end after the deadline.

    scales: (height and width, the number of its last iteration) of each. The first step of another scale takes as much
    longer as it has more pixels, and three times that: targets and start are evaluated as well.
    """
    before = time.monotonic()
    durations, scale = deque(maxlen=5), 0
    with closing(steps):
        for step in steps:
            yield step
            now = time.monotonic()
            if step.scale > scale:
                durations.clear()
                scale = step.scale
            durations.append(now - before)
            before, expected = now, max(durations)
            if step.iteration == scales[scale][1] and scale + 1 < len(scales):
                expected *= 3 * math.prod(scales[scale + 1][0]) / math.prod(scales[scale][0])
            if now + expected > deadline:
                return


def announced(steps, scales, say):
    """Says which scale begins."""
    said = -1

    def announce(scale):
        nonlocal said
        if said < scale < len(scales):
            height, width = scales[scale][0]
            say(f"scale {scale + 1} of {len(scales)}: {width}x{height}")
            said = scale

    announce(0)
    with closing(steps):
        for step in steps:
            announce(step.scale)
            yield step
            if step.iteration == scales[step.scale][1]:
                announce(step.scale + 1)


def retried(steps, learning_rate, say):
    """Says when the loss was not finite."""
    retries = 0
    with closing(steps):
        for step in steps:
            if step.retries > retries:
                retries, rate = step.retries, learning_rate / 2**step.retries
                where = f"went on from iteration {step.iteration - 1}"
                say(f"the loss was not finite; {where} with --learning-rate {rate:g}")
            yield step


def printed(steps, every, last):
    """Prints the losses to standard output."""
    with closing(steps):
        for step in steps:
            if due(step.iteration, every, last):
                losses = "".join(f"  {name} loss: {step.losses[name]:<11g}" for name in LOSSES)
                try:
                    progress.print_to(sys.stdout, f"Iteration {step.iteration:4}/{last}{losses}".rstrip())
                except BrokenPipeError:
                    every = last + 1  # nobody reads on
            yield step


def with_checkpoints(steps, plan, complain):
    """Writes the picture that the run would give if it ended there."""
    every, last = plan.checkpoint_iterations, plan.settings.total_iterations
    with closing(steps):
        for step in steps:
            if due(step.iteration, every, last) and (step.iteration or not last):
                try:
                    plan.save(checkpoint_path(plan.checkpoint_output, step.iteration), step)
                except images.PictureError as error:
                    complain(f"{error}; going on")
            yield step


def with_states(steps, plan, complain):
    """Writes the state of the run."""
    with closing(steps):
        for step in steps:
            if step.iteration % plan.state_iterations == 0 and step.iteration:
                try:
                    state.write(plan.state, plan.saved(step.state()))
                except OSError as error:
                    complain(f"cannot write {plan.state}: {error.strerror}; going on")
            yield step


def recorded(steps, plan, complain):
    """Keeps the losses of the printed iterations, or of all, in a table, and at the end in a plot."""
    every, last = plan.print_iterations or 1, plan.settings.total_iterations
    rows, written = _rows_before(plan), time.monotonic()
    with closing(steps):
        try:
            for step in steps:
                if due(step.iteration, every, last):
                    rows.append((step.iteration, *(step.losses[name] for name in LOSSES)))
                if plan.progress_table and time.monotonic() - written > SECONDS_BETWEEN_WRITES:
                    _write(plan.progress_table, table(rows), complain)
                    written = time.monotonic()
                yield step
        finally:
            if rows and plan.progress_table:
                _write(plan.progress_table, table(rows), complain)
            if rows and plan.progress_plot:
                _write(plan.progress_plot, plot(rows), complain)


def _rows_before(plan):
    """The rows that a run which goes on from a state has written before it."""
    if not plan.resume or not plan.progress_table:
        return []
    done = sum(plan.settings.iteration_counts[: plan.resume.scale]) + plan.resume.index
    try:
        with open(plan.progress_table, encoding="ascii") as file:
            rows = [[float(value) for value in line.split()] for line in file if not line.startswith("#")]
        return [(int(row[0]), *row[1:]) for row in rows if row[0] < done and len(row) == len(LOSSES) + 1]
    except (OSError, ValueError, IndexError):
        return []


def _write(path, contents, complain):
    try:
        with files.replacing(path) as file:
            file.write(contents)
    except OSError as error:
        complain(f"cannot write {path}: {error.strerror}; going on")


def table(rows):
    """The rows (iteration, content, style, tv, total) as text that numpy.loadtxt reads; bytes."""
    lines = [
        "# itr content style tv total",
        *(f"{row[0]} " + " ".join(f"{loss:.9g}" for loss in row[1:]) for row in rows),
    ]
    return ("\n".join(lines) + "\n").encode()


def plot(rows):
    """The rows (iteration, content, style, tv, total) as a picture of curves; the bytes of a PNG."""
    from matplotlib.figure import Figure  # without pyplot: no display and no state

    figure = Figure(figsize=(8, 5), dpi=100, layout="constrained")
    axes = figure.add_subplot(xlabel="iteration", ylabel="loss", yscale="log")
    iterations, *columns = zip(*rows, strict=True)
    for name, losses in zip(LOSSES, columns, strict=True):
        if any(loss > 0 for loss in losses):
            axes.plot(iterations, losses, label=name)
    axes.grid(alpha=0.3)
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
