"""The queue: the pictures that were asked for, painted one at a time, each in a process of its own.

The process is started before it is needed, so that painting begins at once, and ends with its picture, so that its
memory comes back. A second process keeps running and makes instant pictures.
"""

import os
import threading
import time
from dataclasses import dataclass, field
from importlib.util import find_spec

from brushwork.errors import DONE
from brushwork.studio import requests
from brushwork.studio.storage import stem
from brushwork.studio.worker import DEPTHS, Progress, Worker

SAVING = 300  # s: so long the server waits at its end for a picture to be saved
CURVE = 400  # points of the curve of losses
SENTENCES = 40  # of what a run says
ACTIVE = "waiting", "starting", "painting", "stopping"


@dataclass
class Picture:
    """A picture that was asked for."""

    number: str
    stem: str  # of its files
    title: str
    asked: dict  # see requests.command_line
    command: list[str]  # the command line
    status: str = "waiting"  # one of ACTIVE, or done, stopped, failed
    said: list[str] = field(default_factory=list)
    losses: list = field(default_factory=list)  # [iteration, total]
    progress: Progress | None = None
    version: int = field(default_factory=lambda: int(time.time()))  # of what there is to be seen; it only grows
    resume: bool = False  # whether it goes on from its state

    def record(self):
        """What is kept in the storage."""
        names = "number", "stem", "title", "asked", "command", "status", "said", "losses"
        return {name: getattr(self, name) for name in names}

    def summary(self):
        """The fields that the page shows in the list of pictures."""
        return {name: getattr(self, name) for name in ("number", "title", "status", "version")}

    def running(self):
        """The fields that the page shows while the picture is painted."""
        if self.progress is None:
            return self.summary() | {"said": self.said[-1:]}
        progress = {name: value for name, value in self.progress._asdict().items() if name != "picture"}
        return self.summary() | progress | {"curve": self.losses, "said": self.said[-1:]}

    def learn(self, progress):
        """Take over a Progress."""
        self.progress, self.status = progress, "stopping" if self.status == "stopping" else "painting"
        self.version += 1
        self.losses.append([progress.iteration, progress.losses["total"]])
        if len(self.losses) > CURVE:
            self.losses[:] = self.losses[::2]


class PictureQueue:
    """The queue. Its methods may be called from several threads."""

    def __init__(self, storage, program, make_parser, *, network=None, changed=lambda: None):
        """program, make_parser: of neural_style. network: for --network. changed: called after every change."""
        self._storage, self._program, self._make_parser, self._network = storage, program, make_parser, network
        self._changed, self._lock, self._queue, self._closing = changed, threading.RLock(), [], False
        recalled = filter(None, (_recalled(record, storage) for record in storage.records()))
        self.pictures = {picture.number: picture for picture in recalled}
        self.structure = 0  # changes whenever the list of pictures does
        self.current = None  # the Picture that is being painted
        self._instant = _Instant(program, storage)
        self._painter = Worker(program, self._receive)
        with self._lock:
            self._queue += [picture for picture in self.pictures.values() if picture.status == "waiting"]
            self._next()

    def paint(self, asked):
        """Ask for a picture; returns its number. Raises KeyError and ValueError."""
        with self._lock:
            number = self._storage.free_number(self.pictures)
            content = self._storage.upload(asked["content"])
            styles = [self._storage.upload(style["picture"]) for style in asked["styles"]]
            name = stem(number, content, styles)
            output = self._storage.path(name, ".png")
            argv = requests.command_line(asked, self._storage, self._network, output=output)
            title = f"{content.name} in the style of {' and '.join(style.name for style in styles)}"
            self._wait(Picture(number, name, title, asked, argv))
            return number

    def resume(self, number):
        """Go on with a picture that was stopped. Raises KeyError, and ValueError if there is no state."""
        with self._lock:
            picture = self.pictures[number]
            if picture.status in ACTIVE or not os.path.isfile(self._storage.path(picture.stem, ".state")):
                raise ValueError("there is nothing to go on from")
            picture.resume = True
            self._wait(picture)

    def stop(self, number):
        """Stop painting a picture and keep it as it is, or take it out of the queue. Raises KeyError."""
        with self._lock:
            picture = self.pictures[number]
            if picture.status == "waiting":
                self._queue.remove(picture)
                picture.status = "stopped" if picture.resume else "failed"
                picture.said.append("taken out of the queue")
                self._storage.write_record(picture.record())
            elif picture is self.current and picture.status != "stopping":
                picture.status = "stopping"
                self._painter.stop()
            self._structure_changed()

    def remove(self, number):
        """Remove a picture and its files. Raises KeyError, and ValueError for one that is being painted."""
        with self._lock:
            picture = self.pictures[number]
            if picture.status in ACTIVE:
                raise ValueError("stop it first")
            del self.pictures[number]
            self._storage.remove(picture.record())
            self._structure_changed()

    def details(self, number):
        """All that the page can be told about a picture. Raises KeyError."""
        picture = self.pictures[number]
        command = requests.to_copy(picture.command, picture.stem)
        kinds = [kind for kind in (".png", *DEPTHS) if os.path.isfile(self._storage.path(picture.stem, kind))]
        resumable = os.path.isfile(self._storage.path(picture.stem, ".state"))
        about = {"asked": picture.asked, "said": picture.said, "command": command, "curve": picture.losses}
        return picture.summary() | about | {"kinds": kinds, "resumable": resumable}

    def instant(self, asked):
        """The instant picture of a request, a JPEG file. Raises KeyError, ValueError, and Superseded."""
        return self._instant.picture(asked)

    def close(self):
        """Save what is being painted, and end all processes. Returns the path of the picture, or None."""
        with self._lock:
            self._closing, picture = True, self.current
            self._painter.stop()
        self._instant.close()
        self._painter.wait(SAVING)
        path = picture and self._storage.path(picture.stem, ".png")
        return path if path and os.path.isfile(path) else None

    def _wait(self, picture):
        picture.status, picture.progress = "waiting", None
        self._storage.write_record(picture.record())
        self.pictures[picture.number] = picture
        self._queue.append(picture)
        self._next()
        self._structure_changed()

    def _next(self):
        """Start the next picture if none is being painted."""
        if self.current or not self._queue or self._closing:
            return
        if not self._painter.is_alive:
            self._painter = Worker(self._program, self._receive)
        self.current = picture = self._queue.pop(0)
        picture.status, picture.said = "starting", []
        state = self._storage.path(picture.stem, ".state")
        copies = [".jpg", *([".tif"] if find_spec("tifffile") else [])]
        copies = [self._storage.path(picture.stem, extension) for extension in copies]
        self._painter.paint(["--resume", state] if picture.resume else picture.command, copies)

    def _receive(self, worker, kind, what):
        """Take a message of a worker; that of an earlier picture's worker is ignored."""
        with self._lock:
            picture = self.current
            if picture is None or worker is not self._painter:
                return
            if kind == "said":
                picture.said = [*picture.said, what][-SENTENCES:]
            elif kind == "shown":
                self.structure += picture.progress is None  # its status changes
                picture.learn(what)
            else:
                self._end(picture, what)
                return
        self._changed()

    def _end(self, picture, status):
        """Note how a picture ended, and begin with the next one."""
        files = [os.path.isfile(self._storage.path(picture.stem, extension)) for extension in (".png", ".state")]
        stopped = all(files) or (files[0] and (picture.status == "stopping" or self._closing))
        picture.status = "done" if status == DONE else "stopped" if stopped else "failed"
        if picture.status == "failed" and not any(said.startswith("error: ") for said in picture.said):
            picture.said.append("it ended before there was a picture")
        if picture.status == "done":
            self._storage.remove_state(picture.stem)
        picture.version += 1
        self.current, picture.progress, picture.resume = None, None, False
        try:
            self._storage.write_record(picture.record())
        except OSError as error:  # the next picture is painted all the same
            picture.said.append(f"error: cannot write the record of this picture: {error.strerror}")
        if not self._closing:
            self._painter = Worker(self._program, self._receive)
            self._next()
        self._structure_changed()

    def _structure_changed(self):
        self.structure += 1
        self._changed()


class Superseded(Exception):
    """A request for an instant picture after which there was another."""


class _Instant:
    """Makes instant pictures, one after the other, in a process that stays."""

    def __init__(self, program, storage):
        self._program, self._storage, self._turn, self._latest = program, storage, threading.Lock(), 0
        self._ended, self._status, self._said = threading.Event(), None, []
        self._worker = Worker(program, self._receive, stays=True)

    def picture(self, asked):
        self._latest = mine = self._latest + 1
        with self._turn:
            if mine != self._latest:
                raise Superseded
            if not self._worker.is_alive:
                self._worker = Worker(self._program, self._receive, stays=True)
            output = self._storage.path("instant", ".jpg")
            argv = requests.preview_command_line(asked, self._storage, output=output)
            self._ended.clear()
            self._status, self._said = None, []
            self._worker.paint(argv)
            while not self._ended.wait(1) and self._worker.is_alive:
                pass
            if self._status != DONE:
                said = self._said or ["there is no instant picture"]
                raise ValueError(said[-1].removeprefix("error: "))
            with open(output, "rb") as file:
                return file.read()

    def close(self):
        self._worker.stop()
        self._worker.wait(5)
        self._ended.set()

    def _receive(self, worker, kind, what):
        if worker is not self._worker:
            return
        if kind == "said":
            self._said.append(what)
        elif kind == "ended":
            self._status = what
            self._ended.set()


def _recalled(record, storage):
    """The Picture of a record that an earlier server wrote, which may have been killed; None if it is damaged."""
    try:
        picture = Picture(**record)
        is_there, picture.resume = (os.path.isfile(storage.path(picture.stem, kind)) for kind in (".png", ".state"))
    except TypeError:
        return None
    if picture.status in ACTIVE and picture.status != "waiting":
        picture.status = "stopped" if is_there else "failed"
    return picture
