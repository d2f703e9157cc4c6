"""The queue: pictures and films that were requested are painted one at a time, each in a process of its own.

The process is started before it is needed, so that painting begins at once, and ends with its picture, so that its
memory is freed. A second process keeps running and makes previews.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from brushwork.errors import DONE
from brushwork.run.saving import finished_state
from brushwork.run.worker import Worker
from brushwork.studio import films, requests
from brushwork.studio.estimates import Estimates
from brushwork.studio.pictures import ACTIVE, REMOVED, QueuedPicture, restored
from brushwork.studio.previews import Previews
from brushwork.studio.refusals import Wrong
from brushwork.studio.storage import Storage

SAVING_SECONDS = 300  # how long the server waits at its end for a picture to be saved
MOST_WAITING = 100  # pictures in the queue


class PictureQueue:
    """The queue. Its methods may be called from several threads."""

    def __init__(self, storage: Storage, *, network: str | None = None, changed: Callable[[], None] = lambda: None):
        """network: the value of --network. changed: called after every change."""
        self._storage, self._network = storage, network
        self._changed, self._lock, self._queue, self._closing = changed, threading.RLock(), [], False
        records = storage.records()
        storage.uploads.remove_unused(str(records))
        found = filter(None, (restored(record, storage) for record in records))
        self.pictures = {picture.number: picture for picture in found}
        self.structure = 0  # changes whenever the list of pictures does
        self.current: QueuedPicture | None = None  # the one that is being painted
        self.previews = Previews(storage)
        self.estimates = Estimates(storage, network=network, is_busy=self._is_busy, changed=changed)
        self._worker, self._began, self._first = Worker(self._receive), 0.0, 0.0
        with self._lock:
            self._queue += [picture for picture in self.pictures.values() if picture.status == "waiting"]
            self._start_next()

    def add(self, asked: dict[str, Any]) -> str:
        """Add the picture of a request; returns its number. Raises Refused."""
        with self._lock:
            if len(self._queue) >= MOST_WAITING:
                raise Wrong(f"{MOST_WAITING} pictures are waiting already; remove some from the queue")
            pictures = requests.pictures_of(asked, self._storage)
            number = self._storage.free_number(self.pictures)
            name, names = self._storage.stem(number, pictures), [picture.name for picture in pictures]
            title = f"{names[0]} in the style of {' and '.join(names[1:])}"
            picture = QueuedPicture(number, name, title, asked, [], names=names, time=time.time())
            if pictures[0].is_clip:
                picture.frames = len(films.numbers(asked, pictures[0]))
            output = self._storage.path(name, picture.kind)
            picture.command = requests.command_line(asked, self._storage, self._network, output=output)
            self._enqueue(picture)
            return number

    def resume(self, number: str) -> None:
        """Continue a picture that was stopped. Raises KeyError, and Wrong if there is no state."""
        with self._lock:
            picture = self.pictures[number]
            if picture.status in ACTIVE or not os.path.isfile(self._storage.path(picture.stem, ".state")):
                raise Wrong("there is no stopped run to continue")
            picture.resume = True
            self._enqueue(picture)

    def stop(self, number: str) -> None:
        """Stop painting a picture and save it as it is, or remove it from the queue. Raises KeyError."""
        with self._lock:
            picture = self.pictures[number]
            if picture.status == "waiting":
                self._queue.remove(picture)
                picture.status = "stopped" if picture.resume else "removed"
                picture.add_message("info", REMOVED)
                self._storage.write_record(picture.record())
            elif picture is self.current and picture.status != "stopping":
                picture.status = "stopping"
                self._worker.stop()
            self._structure_changed()

    def remove(self, number: str) -> None:
        """Remove a picture and its files. Raises KeyError, and Wrong for one that is waiting or being painted."""
        with self._lock:
            picture = self.pictures[number]
            if picture.status in ACTIVE:
                raise Wrong("stop it first")
            del self.pictures[number]
            self._storage.remove(picture.record())
            self._structure_changed()

    def remove_upload(self, number: str) -> None:
        """Remove an upload. Raises KeyError, and Wrong if a picture needs it that is not painted to its end."""
        with self._lock:
            upload = self._storage.uploads.find(number)
            for picture in self.pictures.values():
                resumable = os.path.isfile(self._storage.path(picture.stem, ".state"))
                if (picture.status in ACTIVE or resumable) and picture.uses(number):
                    raise Wrong(f"picture {int(picture.number)} needs {upload.name}; delete that picture first")
            self._storage.uploads.remove(number)

    def estimate(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What is known of a request before it is painted; see Estimates.of. Raises Refused."""
        with self._lock:
            before = [*filter(None, [self.current]), *self._queue]
        return self.estimates.of(asked, [(picture.asked, picture.progress) for picture in before])

    def _is_busy(self):
        return self.current is not None or not self.previews.is_quiet

    def close(self) -> str | None:
        """Save what is being painted, and end all processes. Returns the path of the picture, or None.

        Of a film, it is that of the frames that are finished.
        """
        with self._lock:
            self._closing, picture = True, self.current
            self._worker.stop()
        self.previews.close()
        self.estimates.close()
        self._worker.wait(SAVING_SECONDS)
        if picture is not None and picture.frames and picture.status == "stopped":
            return self._storage.frames(picture.stem).directory
        return picture and picture.path(self._storage, picture.kind)

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
        picture.rescued = picture.last = picture.preview = None
        state = self._storage.path(picture.stem, ".state")
        kinds = (".jpg", ".tif") if picture.frames is None else (".jpg",)  # the first frame of a film
        copies = [self._storage.path(picture.stem, kind) for kind in kinds]
        if picture.frames is not None and not picture.resume:
            self._storage.frames(picture.stem).remove()  # of a server that was killed before there was a state
        self._began = time.monotonic()
        self._worker.carry_out(["--resume", state, "--overwrite"] if picture.resume else picture.command, copies)

    def _receive(self, worker, kind, content):
        """Take a message of a worker; those of an earlier picture's worker are ignored."""
        with self._lock:
            picture = self.current
            if picture is None or worker is not self._worker:
                return
            if kind == "logged":
                picture.add_message(*content)
            elif kind == "rescued":
                picture.rescued = content if content.endswith(picture.kind) else picture.rescued
            elif kind == "progress":
                if picture.progress is None:
                    self.structure += 1  # its status changes
                    self._first = time.monotonic()
                picture.update(content)
            else:
                self._end(picture, content)
                return
        self._changed()

    def _end(self, picture, status):
        """Record how the run of a picture ended, and start the next one."""
        picture.status = self._status_at_end(picture, status)
        if picture.status == "failed" or (picture.status == "stopped" and status < 0):
            self._explain(picture, status)
        elif picture.is_incomplete_film and picture.progress:
            picture.keep_last(self._storage)
        if picture.status == "done":
            state = self._storage.path(picture.stem, ".state")
            self._storage.remove_state(picture.stem)
            picture.frames_done = picture.frames or 0
            for message in picture.messages:
                message["text"] = message["text"].replace(f"; {finished_state(state)}", "")
        if picture.progress:
            self.estimates.record(picture.asked, picture.progress, self._first - self._began)
            picture.size = list(picture.progress.final_size)
        picture.seconds = (picture.seconds or 0.0) + time.monotonic() - self._began
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

    def _status_at_end(self, picture, status):
        """The status of a picture whose run has ended. status: of the process, -N if signal N killed it."""
        if status == DONE:
            return "done"
        kinds = picture.kind, ".state"
        has_picture, has_state = (os.path.isfile(self._storage.path(picture.stem, kind)) for kind in kinds)
        if picture.frames is not None:
            return "stopped" if has_state else "failed"
        if has_picture and (has_state or picture.status == "stopping" or self._closing):
            return "stopped"
        return "rescued" if picture.rescued and not has_picture else "failed"

    def _explain(self, picture, status):
        """Say why there is no picture, and keep the last preview instead of it."""
        if picture.progress and not picture.path(self._storage, picture.kind):
            picture.keep_last(self._storage)
        if any(each["level"] == "error" for each in picture.messages):
            return
        if status < 0:
            memory = "; the memory may have been full" if -status == getattr(signal, "SIGKILL", 9) else ""
            picture.add_message("error", f"the process that painted it was killed by signal {-status}{memory}")
        elif picture.progress:
            picture.add_message("error", "it ended before it was saved")
        else:
            picture.add_message("error", "it ended before there was a picture")

    def _structure_changed(self):
        self.structure += 1
        self._changed()
