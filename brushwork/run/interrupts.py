"""Interrupts: Ctrl-C and SIGTERM, noticed while TensorFlow computes too."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable


class Interrupts:
    """A context manager: the first signal sets `status` to 130 or 143; a second one ends the process with that status.

    Python runs signal handlers between bytecode instructions of the main thread, so not while TensorFlow computes
    there. Therefore a thread reads the signals from the wake-up socket, to which Python's C code writes their numbers
    as they arrive.
    """

    def __init__(self, before_exit: Callable[[], None] = lambda: None):
        """before_exit: called before a second signal ends the process."""
        self.status = 0
        self._react: Callable[[], None] = lambda: None
        self._before_exit = before_exit

    def __enter__(self) -> Interrupts:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._handlers = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._writer.close()  # ends the thread

    def on_signal(self, function: Callable[[], None]) -> None:
        """Set the function that the first signal calls, in another thread. Runner sets it to Objective.cancel."""
        self._react = function

    def end_process(self) -> None:
        """End the process at once, with `status`."""
        self._before_exit()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(self.status)

    def _listen(self):
        with self._reader:
            while number := self._reader.recv(1):
                if number[0] not in (signal.SIGINT, signal.SIGTERM):
                    continue
                if self.status:
                    self.end_process()
                self.status = 128 + number[0]
                self._react()
