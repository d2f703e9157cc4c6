"""Painting: what a worker does for a picture, or a shot of a film, in a process of its own that carries out a command.

The scheduler imports this module too: what is slow is imported in its functions.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brushwork.run.worker import Worker

TOPIC = "brushwork-pictures"  # of the events with the progress
POLL = 0.5  # s between two looks at whether the picture is still wanted
STOPPING = 20.0  # s that a process has to stop
_child: list[Worker] = []  # the process, which stays for the next picture
_inbox: queue.SimpleQueue = queue.SimpleQueue()  # its messages


@dataclass(frozen=True)
class Order:
    """A picture to paint, or a shot of a film."""

    number: int  # in the batch, or the film
    command: Sequence[str]  # without --output
    output: str  # its name; of frames, the pattern of their names
    files: Mapping[str, tuple[int, int]]  # {absolute path of an input: its size and time, in ns}
    contents: Mapping[str, bytes]  # of those that the worker does not see
    is_shot: bool = False


@dataclass(frozen=True)
class Painted:
    """What has become of an order."""

    status: int | None = None  # exit status of the command; None if files are missing
    pictures: Sequence[bytes] = ()  # the file, or those of the frames in order
    messages: Sequence[tuple[str, str]] = ()  # (level, text) of warnings and errors
    missing: Sequence[str] = ()  # inputs that the worker does not see


def stamp(path: str) -> tuple[int, int]:
    """What tells whether a file is the same on two machines: its size and time. Raises OSError."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def paint(order: Order) -> Painted:
    """Paint a picture, or report that files are missing. Runs as a task of Dask, which is cancelled to stop it."""
    from distributed import get_worker

    dask_worker = get_worker()
    key = dask_worker.get_current_task()
    missing = [path for path in order.files if path not in order.contents and not _is_here(path, order.files[path])]
    if missing:
        return Painted(missing=missing)
    with tempfile.TemporaryDirectory(dir=dask_worker.local_directory, ignore_cleanup_errors=True) as directory:
        places = _write(order.contents, directory)
        output = os.path.join(directory, "out", order.output)
        os.mkdir(os.path.dirname(output))
        command = [places.get(word, word) for word in order.command]
        status, messages = _carry_out([*command, "--output", output], dask_worker, key, order.number)
        pictures = [_read(path) for path in _outputs(output, is_shot=order.is_shot)] if status == 0 else []
    originals = {there: path for path, there in places.items()}
    return Painted(status, pictures, [(level, _named(text, originals)) for level, text in messages])


def _is_here(path, expected):
    with suppress(OSError):
        return stamp(path) == expected
    return False


def _write(contents, directory):
    """Write files that were sent; {path: where it is here}."""
    places = {}
    for number, (path, content) in enumerate(contents.items()):
        os.mkdir(os.path.join(directory, str(number)))
        places[path] = os.path.join(directory, str(number), os.path.basename(path))
        with open(places[path], "wb") as file:
            file.write(content)
    return places


def _outputs(output, *, is_shot):
    """The files that have been painted."""
    from brushwork.video import names

    return list(names.matching(output).values()) if is_shot else [output]


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _named(text, originals):
    """A message with the names that files have on the machine of the user."""
    for there, path in originals.items():
        text = text.replace(there, path)
    return text


def _carry_out(argv, dask_worker, key, number):
    """(exit status, warnings and errors) of a command line, in the process."""
    child, messages = _process(), []
    child.carry_out(argv)
    while True:
        if not _is_wanted(dask_worker, key):
            child.stop()
            child.wait(STOPPING)
            _child.clear()
            return 1, []
        try:
            sender, kind, content = _inbox.get(timeout=POLL)
        except queue.Empty:
            continue
        if sender is not child:  # of an earlier process, that was stopped
            continue
        if kind == "progress":
            dask_worker.log_event(TOPIC, {"number": number, "share": content.share})
        elif kind == "logged" and content[0] in ("warning", "error"):
            messages.append(content)
        elif kind == "ended":
            if not child.is_alive:
                _child.clear()
            return content, messages


def _process():
    """The process of this worker."""
    from brushwork.run.worker import Worker

    if not (_child and _child[0].is_alive):
        # Dask marks its workers as daemons, which multiprocessing allows no children, as those might outlive them. This
        # one ends by itself when the connection to the worker closes.
        multiprocessing.current_process()._config["daemon"] = False
        _child[:] = [Worker(lambda worker, kind, content: _inbox.put((worker, kind, content)), stays=True)]
    return _child[0]


def _is_wanted(dask_worker, key):
    """Whether the task has not been cancelled, nor lost the scheduler."""
    task = dask_worker.state.tasks.get(key)
    return task is not None and task.state in ("executing", "long-running") and dask_worker.status.name == "running"
