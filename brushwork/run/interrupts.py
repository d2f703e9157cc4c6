"""Interrupts: Ctrl-C, SIGTERM and SIGHUP, noticed while TensorFlow computes too."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable

from brushwork import messages
from brushwork.run.process import ONE_PRESS, SIGNALS


class Interrupts:
    """A context manager: the first signal sets `status`, to 130, 143 or 129; a later one ends the process with it.

    Signals within ONE_PRESS of the first count as the same one, so that it has time to save the picture. SIGHUP is left
    alone if it is ignored, as by nohup. In another thread than the main one, all signals are: Python allows no more.

    Python runs signal handlers between bytecode instructions of the main thread, so not while TensorFlow computes
    there. Therefore a thread reads the signals from the wake-up socket, to which Python's C code writes their numbers
    as they arrive.
    """

    def __init__(self, before_exit: Callable[[], None] = lambda: None, *, restore: bool = True):
        """before_exit: called before a second signal ends the process. restore: whether signals have their former
        effect in the end; if not, they have none, since the process is about to end.
        """
        self.status = 0
        self._first, self._restore, self._is_active = 0.0, restore, False
        self._react: Callable[[], None] = lambda: None
        self._before_exit = before_exit

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is not threading.main_thread():
            return self
        self._is_active = True
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        numbers = [
            each
            for each in SIGNALS
            if each in (signal.SIGINT, signal.SIGTERM) or signal.getsignal(each) != signal.SIG_IGN
        ]
        self._handlers = {number: signal.signal(number, lambda *_: None) for number in numbers}
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        if not self._is_active:
            return
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._handlers.items() if self._restore else ():
            signal.signal(number, handler)
        self._writer.close()  # ends the thread

    def on_signal(self, function: Callable[[], None]) -> None:
        """Set the function that the first signal calls, in another thread. Runner sets it to Objective.cancel."""
        self._react = function

    def end_process(self) -> None:
        """End the process at once, with `status`."""
        self._before_exit()
        messages.flush()
        os._exit(self.status)

    def _listen(self):
        with self._reader:
            while number := self._reader.recv(1):
                if number[0] not in self._handlers:
                    continue
                if self.status and time.monotonic() < self._first + ONE_PRESS:
                    continue
                if self.status:
                    self.end_process()
                self.status, self._first = 128 + number[0], time.monotonic()
                self._react()
