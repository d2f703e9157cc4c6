"""The queue: pictures that were requested are painted one at a time, each in a process of its own.

The process is started before it is needed, so that painting begins at once, and ends with its picture, so that its
memory is freed. A second process keeps running and makes previews.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from brushwork.errors import DONE
from brushwork.run.worker import DEPTHS, Progress, Worker
from brushwork.studio import requests
from brushwork.studio.storage import Storage, stem

SAVING_SECONDS = 300  # how long the server waits at its end for a picture to be saved
CURVE_POINTS = 400  # of the curve of losses, at most
MOST_MESSAGES = 40  # of a run that are kept
ACTIVE = "waiting", "starting", "painting", "stopping"


def message_record(level: str, text: str) -> dict[str, str]:
    """A message as the page and the records have it. level: "info", "warning" or "error"."""
    return {"level": level, "text": text}


@dataclass
class QueuedPicture:
    """A picture that was requested; it stays when it is done."""

    number: str
    stem: str  # of its files
    title: str
    asked: dict[str, Any]  # the request; see requests.command_line
    command: list[str]  # the command line
    status: str = "waiting"  # one of ACTIVE, or done, stopped, failed
    messages: list[dict[str, str]] = field(default_factory=list)
    losses: list[list[float]] = field(default_factory=list)  # [iteration, total]
    progress: Progress | None = None
    version: int = field(default_factory=lambda: int(time.time()))  # grows whenever the picture's files change
    resume: bool = False  # whether it continues from its state

    def record(self) -> dict[str, Any]:
        """The fields that are kept in the storage."""
        names = "number", "stem", "title", "asked", "command", "status", "messages", "losses"
        return {name: getattr(self, name) for name in names}

    def summary(self) -> dict[str, Any]:
        """The fields that the page shows in the list of pictures."""
        return {name: getattr(self, name) for name in ("number", "title", "status", "version")}

    def running(self) -> dict[str, Any]:
        """The fields that the page shows while the picture is painted."""
        fields = self.summary() | {"messages": self.messages}
        if self.progress is None:
            return fields
        progress = {name: value for name, value in self.progress._asdict().items() if name != "picture"}
        return fields | progress | {"curve": self.losses}

    def update(self, progress: Progress) -> None:
        """Take over the progress of the run."""
        self.progress, self.status = progress, "stopping" if self.status == "stopping" else "painting"
        self.version += 1
        self.losses.append([progress.iteration, progress.losses["total"]])
        if len(self.losses) > CURVE_POINTS:
            self.losses[:] = self.losses[::2]

    def add_message(self, level: str, text: str) -> None:
        """Add a message; the oldest is dropped if there are too many."""
        self.messages = [*self.messages, message_record(level, text)][-MOST_MESSAGES:]


class PictureQueue:
    """The queue. Its methods may be called from several threads."""

    def __init__(self, storage: Storage, *, network: str | None = None, changed: Callable[[], None] = lambda: None):
        """network: the value of --network. changed: called after every change."""
        self._storage, self._network = storage, network
        self._changed, self._lock, self._queue, self._closing = changed, threading.RLock(), [], False
        restored = filter(None, (_restored(record, storage) for record in storage.records()))
        self.pictures = {picture.number: picture for picture in restored}
        self.structure = 0  # changes whenever the list of pictures does
        self.current: QueuedPicture | None = None  # the one that is being painted
        self._previews = _Previews(storage)
        self._worker = Worker(self._receive)
        with self._lock:
            self._queue += [picture for picture in self.pictures.values() if picture.status == "waiting"]
            self._start_next()

    def add(self, asked: dict[str, Any]) -> str:
        """Add the picture of a request; returns its number. Raises KeyError and ValueError."""
        with self._lock:
            number = self._storage.free_number(self.pictures)
            content = self._storage.upload(asked["content"])
            styles = [self._storage.upload(style["picture"]) for style in asked["styles"]]
            name = stem(number, content, styles)
            output = self._storage.path(name, ".png")
            argv = requests.command_line(asked, self._storage, self._network, output=output)
            title = f"{content.name} in the style of {' and '.join(style.name for style in styles)}"
            self._enqueue(QueuedPicture(number, name, title, asked, argv))
            return number

    def resume(self, number: str) -> None:
        """Continue a picture that was stopped. Raises KeyError, and ValueError if there is no state."""
        with self._lock:
            picture = self.pictures[number]
            if picture.status in ACTIVE or not os.path.isfile(self._storage.path(picture.stem, ".state")):
                raise ValueError("there is no stopped run to continue")
            picture.resume = True
            self._enqueue(picture)

    def stop(self, number: str) -> None:
        """Stop painting a picture and save it as it is, or remove it from the queue. Raises KeyError."""
        with self._lock:
            picture = self.pictures[number]
            if picture.status == "waiting":
                self._queue.remove(picture)
                picture.status = "stopped" if picture.resume else "failed"
                picture.add_message("info", "removed from the queue")
                self._storage.write_record(picture.record())
            elif picture is self.current and picture.status != "stopping":
                picture.status = "stopping"
                self._worker.stop()
            self._structure_changed()

    def remove(self, number: str) -> None:
        """Remove a picture and its files. Raises KeyError, and ValueError for one that is waiting or being painted."""
        with self._lock:
            picture = self.pictures[number]
            if picture.status in ACTIVE:
                raise ValueError("stop it first")
            del self.pictures[number]
            self._storage.remove(picture.record())
            self._structure_changed()

    def details(self, number: str) -> dict[str, Any]:
        """Everything that the page shows about a picture. Raises KeyError."""
        picture = self.pictures[number]
        return picture.summary() | {
            "asked": picture.asked,
            "messages": picture.messages,
            "command": requests.to_copy(picture.command, picture.stem),
            "curve": picture.losses,
            "kinds": [kind for kind in (".png", *DEPTHS) if os.path.isfile(self._storage.path(picture.stem, kind))],
            "resumable": os.path.isfile(self._storage.path(picture.stem, ".state")),
        }

    def preview(self, asked: dict[str, Any]) -> bytes:
        """The preview of a request, a JPEG file. Raises KeyError, ValueError, and Superseded."""
        return self._previews.make(asked)

    def close(self) -> str | None:
        """Save what is being painted, and end all processes. Returns the path of the picture, or None."""
        with self._lock:
            self._closing, picture = True, self.current
            self._worker.stop()
        self._previews.close()
        self._worker.wait(SAVING_SECONDS)
        path = picture and self._storage.path(picture.stem, ".png")
        return path if path and os.path.isfile(path) else None

    def _enqueue(self, picture):
        picture.status, picture.progress = "waiting", None
        self._storage.write_record(picture.record())
        self.pictures[picture.number] = picture
        self._queue.append(picture)
        self._start_next()
        self._structure_changed()

    def _start_next(self):
        """Start the next picture unless one is being painted."""
        if self.current or not self._queue or self._closing:
            return
        if not self._worker.is_alive:
            self._worker = Worker(self._receive)
        self.current = picture = self._queue.pop(0)
        picture.status, picture.messages = "starting", []
        state = self._storage.path(picture.stem, ".state")
        copies = [self._storage.path(picture.stem, kind) for kind in (".jpg", ".tif")]
        self._worker.carry_out(["--resume", state, "--overwrite"] if picture.resume else picture.command, copies)

    def _receive(self, worker, kind, content):
        """Take a message of a worker; those of an earlier picture's worker are ignored."""
        with self._lock:
            picture = self.current
            if picture is None or worker is not self._worker:
                return
            if kind == "logged":
                picture.add_message(*content)
            elif kind == "progress":
                self.structure += picture.progress is None  # its status changes
                picture.update(content)
            else:
                self._end(picture, content)
                return
        self._changed()

    def _end(self, picture, status):
        """Record how the run of a picture ended, and start the next one."""
        files = [os.path.isfile(self._storage.path(picture.stem, extension)) for extension in (".png", ".state")]
        stopped = all(files) or (files[0] and (picture.status == "stopping" or self._closing))
        picture.status = "done" if status == DONE else "stopped" if stopped else "failed"
        if picture.status == "failed" and not any(each["level"] == "error" for each in picture.messages):
            picture.add_message("error", "it ended before there was a picture")
        if picture.status == "done":
            self._storage.remove_state(picture.stem)
        picture.version += 1
        self.current, picture.progress, picture.resume = None, None, False
        try:
            self._storage.write_record(picture.record())
        except OSError as error:  # the next picture is painted all the same
            picture.add_message("error", f"cannot write the record of this picture: {error.strerror}")
        if not self._closing:
            self._worker = Worker(self._receive)
            self._start_next()
        self._structure_changed()

    def _structure_changed(self):
        self.structure += 1
        self._changed()


class Superseded(Exception):
    """A request for a preview after which there was another."""


class _Previews:
    """Makes previews, one after the other, in a process that stays."""

    def __init__(self, storage):
        self._storage, self._turn, self._latest = storage, threading.Lock(), 0
        self._ended, self._status, self._errors = threading.Event(), None, []
        self._worker = Worker(self._receive, stays=True)

    def make(self, asked):
        self._latest = mine = self._latest + 1
        with self._turn:
            if mine != self._latest:
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
            if self._status != DONE:
                raise ValueError(self._errors[-1] if self._errors else "there is no preview")
            with open(output, "rb") as file:
                return file.read()

    def close(self):
        self._worker.stop()
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


def _restored(record: Any, storage: Storage) -> QueuedPicture | None:
    """The picture of a record that an earlier server wrote, which may have been killed; None if it is damaged."""
    try:
        if "said" in record:  # written by a version whose messages were plain strings
            record["messages"] = [_message_of(text) for text in record.pop("said")]
        picture = QueuedPicture(**record)
        is_there, picture.resume = (os.path.isfile(storage.path(picture.stem, kind)) for kind in (".png", ".state"))
    except (TypeError, AttributeError):
        return None
    if picture.status in ACTIVE and picture.status != "waiting":
        picture.status = "stopped" if is_there else "failed"
    return picture


def _message_of(text):
    is_error = text.startswith("error: ")
    return message_record("error" if is_error else "info", text.removeprefix("error: "))
