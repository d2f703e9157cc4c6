"""The process of the command: its standard streams, interrupts before and after the run, and its end.

A call of `neural_style.main` from Python with arguments of its own changes nothing of the process.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from brushwork import messages

ONE_PRESS = 1.0  # s: shells and terminals may send the same signal twice within it
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_began: list[Callable[[], int]] = []  # what `run` carries out, if the process is the command's own
_interrupted: list[float] = []  # when SIGINT came before the run, by time.monotonic


def run(command: Callable[[], int]) -> int:
    """Carry out the command for which the process was started. Returns the exit status, or ends the process with it."""
    with suppress(ValueError):  # another thread than the main one
        signal.signal(signal.SIGINT, _interrupt)
    _began.append(command)
    try:
        _open_streams()
        status = command()
    finally:
        with suppress(ValueError):
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)
        messages.flush()
    if "tensorflow" in sys.modules:  # its threads sometimes abort the process while Python ends
        os._exit(status)
    return status


def is_own() -> bool:
    """Whether the process was started for the command, and ends with it."""
    return bool(_began)


def check_interrupt() -> None:
    """Raise KeyboardInterrupt if one was raised before, which an import may have caught."""
    if _interrupted:
        raise KeyboardInterrupt


def was_interrupted() -> bool:
    """Whether SIGINT came before the run began."""
    return bool(_interrupted)


def _interrupt(*_):
    """The handler of SIGINT until the run begins."""
    is_new = not _interrupted or time.monotonic() > _interrupted[-1] + ONE_PRESS
    _interrupted.append(time.monotonic())
    if is_new:
        raise KeyboardInterrupt


def _open_streams():
    """Open standard streams that are closed: the next file would get their numbers, and what is written to them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, until the process ends
