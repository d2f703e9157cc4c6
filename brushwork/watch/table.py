"""The table of the losses, as text and as a plot. Its columns are the iteration and the losses of the terms."""

import io
import math
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import NamedTuple

from brushwork import files
from brushwork.messages import logger
from brushwork.watch import Steps
from brushwork.watch.report import due

SECONDS_BETWEEN_WRITES = 5.0
HEADER = "# itr"  # the header line begins with it; the names of the losses follow


class Row(NamedTuple):
    """The losses of one iteration."""

    iteration: int
    losses: dict[str, float]  # by the name of the term; "total"


class Paths(NamedTuple):
    """Where the losses are written; None: nowhere."""

    table: str | os.PathLike | None = None
    plot: str | os.PathLike | None = None


def record_losses(
    steps: Steps,
    every: int,
    last: int,
    paths: Paths,
    *,
    rows: Iterable[Row] = (),
    replacing: Callable = files.replacing,
) -> Steps:
    """Passes the steps on and writes the losses of some: the table every few seconds, table and plot at the end.

    every: iterations are recorded at its multiples and at the last. rows: those of the run that this one continues.
    replacing: opens the files, as files.replacing does.
    """
    rows, written = list(rows), time.monotonic()
    with closing(steps):
        try:
            for step in steps:
                if due(step.iteration, every, last):
                    rows.append(Row(step.iteration, step.term_losses))
                if paths.table and time.monotonic() - written > SECONDS_BETWEEN_WRITES:
                    _write(paths.table, rows, text, replacing)
                    written = time.monotonic()
                yield step
        finally:
            for path, contents in ((paths.table, text), (paths.plot, plot)):
                if rows and path:
                    _write(path, rows, contents, replacing)


def rows_before(path: str | os.PathLike, iteration: int) -> list[Row]:
    """The rows before an iteration of the table in a file; none if it holds no table that can be read."""
    try:
        with open(path, encoding="ascii") as file:
            header = file.readline()
            if not header.startswith(f"{HEADER} "):
                return []
            names = header.removeprefix(HEADER).split()
            rows = [[float(word) for word in line.split()] for line in file if not line.startswith("#")]
        complete = [row for row in rows if row[0] < iteration and len(row) == 1 + len(names)]
        return [Row(int(number), dict(zip(names, losses, strict=True))) for number, *losses in complete]
    except (OSError, ValueError, IndexError):
        return []


def _write(path, rows, contents, replacing):
    """Write contents(rows) to a file; an error is logged."""
    try:
        made = contents(rows)
        with replacing(path) as file:
            file.write(made)
    except (OSError, ImportError) as error:  # Matplotlib wants a directory of its own
        reason = getattr(error, "strerror", None) or error
        logger.error(f"cannot write {path}: {reason}; going on")


def text(rows: Sequence[Row]) -> bytes:
    """The rows as text that numpy.loadtxt reads."""
    names = _columns(rows)
    lines = (
        " ".join([str(row.iteration), *(f"{row.losses.get(name, math.nan):.9g}" for name in names)]) for row in rows
    )
    return ("\n".join([" ".join([HEADER, *names]), *lines]) + "\n").encode()


def plot(rows: Sequence[Row]) -> bytes:
    """The rows as curves on a logarithmic axis: a PNG file of 800x500 pixels. Needs matplotlib."""
    from matplotlib.figure import Figure  # pyplot would need a display

    figure = Figure(figsize=(8, 5), dpi=100, layout="constrained")
    axes = figure.add_subplot(xlabel="iteration", ylabel="loss", yscale="log")
    for name in _columns(rows):
        points = [(row.iteration, row.losses[name]) for row in rows if name in row.losses]
        if any(loss > 0 for _, loss in points):
            axes.plot(*zip(*points, strict=True), label=name)
    axes.grid(alpha=0.3)
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _columns(rows):
    """The names of all losses in the rows, in order."""
    return list(dict.fromkeys(name for row in rows for name in row.losses))
