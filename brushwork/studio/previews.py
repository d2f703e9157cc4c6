"""Previews: made one after the other, in a process that stays."""

from __future__ import annotations

import threading
import time
from typing import Any

from brushwork.errors import DONE
from brushwork.run.worker import Worker
from brushwork.studio import requests
from brushwork.studio.refusals import wrong
from brushwork.studio.storage import Storage

QUIET_SECONDS = 2.0


class Superseded(Exception):
    """A request for a preview after which there was another."""


class Previews:
    """Makes previews. Its methods may be called from several threads."""

    def __init__(self, storage: Storage):
        self._storage, self._turn, self._latest = storage, threading.Lock(), 0
        self._ended, self._status, self._errors = threading.Event(), None, []
        self._worker, self._closing = Worker(self._receive, stays=True), False
        self._last_used = 0.0  # by time.monotonic

    @property
    def is_quiet(self) -> bool:
        """Whether no preview is made, and none was made just now."""
        return not self._turn.locked() and time.monotonic() - self._last_used > QUIET_SECONDS

    def make(self, asked: dict[str, Any]) -> bytes:
        """The preview of a request, a JPEG file. Raises Refused, and Superseded."""
        self._latest = mine = self._latest + 1
        with self._turn:
            if mine != self._latest or self._closing:
                raise Superseded
            if not self._worker.is_alive:
                self._worker = Worker(self._receive, stays=True)
            output = self._storage.path("preview", ".jpg")
            argv = requests.preview_command_line(asked, self._storage, output=output)
            self._ended.clear()
            self._status, self._errors = None, []
            self._worker.carry_out(argv)
            while not self._ended.wait(1) and self._worker.is_alive:
                pass
            self._last_used = time.monotonic()
            if self._status != DONE:
                raise wrong(self._errors[-1:] or ["there is no preview"])
            with open(output, "rb") as file:
                return file.read()

    def stop(self) -> None:
        """Begin to end the process. A preview that is being made is refused."""
        self._closing = True
        self._worker.stop()

    def close(self) -> None:
        """End the process."""
        self.stop()
        self._worker.wait(5)
        self._ended.set()

    def _receive(self, worker, kind, content):
        if worker is not self._worker:
            return
        if kind == "logged" and content[0] == "error":
            self._errors.append(content[1])
        elif kind == "ended":
            self._status = content
            self._ended.set()
