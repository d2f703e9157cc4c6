"""The table of the losses, as text and as a plot; its rows are (iteration, content, style, tv, total)."""

import io
import time
from contextlib import closing

from brushwork import files
from brushwork.settings import LOSSES
from brushwork.watch.report import due

SECONDS_BETWEEN_WRITES = 5.0


def recorded(steps, every, last, *, table_path, plot_path, rows=(), complain):
    """Passes the steps on and writes the losses of some: the table every few seconds, table and plot at the end.

    every: iterations are recorded at its multiples and at the last. table_path, plot_path: None if it is not wanted.
    rows: of the run that this one continues. complain: called with one sentence if a file cannot be written.
    """
    rows, written = list(rows), time.monotonic()
    with closing(steps):
        try:
            for step in steps:
                if due(step.iteration, every, last):
                    rows.append((step.iteration, *(step.losses[name] for name in LOSSES)))
                if table_path and time.monotonic() - written > SECONDS_BETWEEN_WRITES:
                    _write(table_path, text(rows), complain)
                    written = time.monotonic()
                yield step
        finally:
            for path, contents in ((table_path, text), (plot_path, plot)):
                if rows and path:
                    _write(path, contents(rows), complain)


def rows_before(path, done):
    """The rows of the table at `path` for iterations below `done`; none if there is no table that can be read."""
    try:
        with open(path, encoding="ascii") as file:
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


def text(rows):
    """The rows as text that numpy.loadtxt reads; bytes."""
    lines = (f"{row[0]} " + " ".join(f"{loss:.9g}" for loss in row[1:]) for row in rows)
    return ("\n".join([f"# itr {' '.join(LOSSES)}", *lines]) + "\n").encode()


def plot(rows):
    """The rows as curves on a logarithmic axis; the bytes of a PNG of 800x500 pixels. Needs matplotlib."""
    from matplotlib.figure import Figure  # pyplot would need a display

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
