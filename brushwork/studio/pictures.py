"""A picture or a film that was requested: what the page shows of it, and the record of it that is kept."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any

from brushwork.run.estimate import rounded
from brushwork.run.worker import DEPTHS, Progress
from brushwork.studio import requests
from brushwork.studio.storage import LAST, Storage
from brushwork.studio.words import words

CURVE_POINTS = 400  # of the curve of losses, at most
MOST_MESSAGES = 40  # of a run that are kept
ACTIVE = "waiting", "starting", "painting", "stopping"
ENDED = "done", "stopped", "rescued", "failed", "removed"
REMOVED = "removed from the queue"


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
    status: str = "waiting"  # one of ACTIVE or ENDED
    messages: list[dict[str, str]] = field(default_factory=list)
    losses: list[list[float]] = field(default_factory=list)  # [iteration, total]
    names: list[str] = field(default_factory=list)  # of its content and its styles
    time: float | None = None  # when it was requested, in seconds since 1970
    seconds: float | None = None  # of all its runs so far
    size: list[int] | None = None  # width and height
    rescued: str | None = None  # where its file is if it could not be written to its place
    last: dict[str, int] | None = None  # iteration, iterations: of the last preview of what is not complete
    frames: int | None = None  # of a film; None for a picture
    frames_done: int = 0
    progress: Progress | None = None
    preview: bytes | None = None  # the last one, a JPEG file, if it could not be written either
    version: int = field(default_factory=lambda: int(time.time()))  # grows whenever the picture's files change
    resume: bool = False  # whether it continues from its state

    @property
    def kind(self) -> str:
        """The extension of its file."""
        return ".png" if self.frames is None else ".mp4"

    def record(self) -> dict[str, Any]:
        """The fields that are kept in the storage."""
        names = "number", "stem", "title", "asked", "command", "status", "messages", "losses"
        more = "names", "time", "seconds", "size", "rescued", "last", "frames", "frames_done"
        return {name: getattr(self, name) for name in names + more}

    def summary(self) -> dict[str, Any]:
        """The fields that the page shows in the list of pictures."""
        names = "number", "title", "status", "version", "time", "seconds", "frames", "frames_done"
        fields = {name: getattr(self, name) for name in names}
        width, height = self.size or (None, None)
        return fields | {
            "ordinal": int(self.number),
            "content_name": self.names[0] if self.names else None,
            "style_names": self.names[1:],
            "content": self.asked.get("content"),
            "styles": [style["picture"] for style in self.asked.get("styles", [])],
            "words": words(self.asked, is_film=self.frames is not None),
            "took": None if self.seconds is None or self.status in ACTIVE else rounded(self.seconds),
            "width": width,
            "height": height,
            "image": self._image(),
        }

    def _image(self):
        """The address of what can be shown of the picture, or None."""
        if self.progress is not None or self.last:
            return f"api/pictures/{self.number}/current?{self.version}"
        is_shown = self.status in ("done", "stopped", "rescued") or (self.status == "failed" and self.size)
        if self.is_incomplete_film:
            is_shown = self.frames_done
        return f"api/pictures/{self.number}/current?{self.version}" if is_shown else None

    def running(self) -> dict[str, Any]:
        """The fields that the page shows while the picture is painted."""
        fields = self.summary() | {"messages": self.messages}
        if self.progress is None:
            return fields
        hidden = "picture", "pace", "frames", "frames_done"
        progress = {name: value for name, value in self.progress._asdict().items() if name not in hidden}
        left, total = self.progress.seconds_left, self.progress.seconds_in_all
        times = {"left": None if left is None else rounded(left), "total": None if total is None else rounded(total)}
        return fields | progress | times | {"curve": self.losses}

    def update(self, progress: Progress) -> None:
        """Take over the progress of the run."""
        is_new = self.progress is None or self.progress.picture != progress.picture
        self.progress, self.status = progress, "stopping" if self.status == "stopping" else "painting"
        if self.frames is not None:
            self.version, self.frames_done = self.version + is_new, progress.frames_done
            return
        self.version += 1
        self.losses.append([progress.iteration, progress.losses["total"]])
        if len(self.losses) > CURVE_POINTS:
            self.losses[:] = self.losses[::2]

    def add_message(self, level: str, text: str) -> None:
        """Add a message; the oldest is dropped if there are too many."""
        self.messages = [*self.messages, message_record(level, text)][-MOST_MESSAGES:]

    def path(self, storage: Storage, kind: str) -> str | None:
        """The path of a file of the picture, or None if there is none. kind: its extension."""
        path = storage.path(self.stem, kind)
        if os.path.isfile(path):
            return path
        is_elsewhere = self.rescued and os.path.splitext(self.rescued)[1] == kind and os.path.isfile(self.rescued)
        return self.rescued if is_elsewhere else None

    def details(self, storage: Storage) -> dict[str, Any]:
        """Everything that the page shows about the picture."""
        errors = [each["text"] for each in self.messages if each["level"] == "error"]
        return self.summary() | {
            "asked": self.asked,
            "messages": self.messages,
            "command": requests.to_copy(self.command, self.stem),
            "curve": self.losses,
            "kinds": self._kinds(storage),
            "resumable": os.path.isfile(storage.path(self.stem, ".state")),
            "rescued": self.rescued,
            "last": self.last,
            "reason": errors[-1] if errors and self._has_no_file else None,
            "missing": self._missing(storage),
        }

    def _kinds(self, storage):
        """The extensions of the files that can be saved."""
        kinds = (".png", *DEPTHS) if self.frames is None else (".mp4",)
        return [kind for kind in kinds if self.path(storage, kind)]

    @property
    def is_incomplete_film(self) -> bool:
        return self.frames is not None and self.status != "done"

    @property
    def _has_no_file(self):
        """Whether there is no file of it where it should be."""
        return self.status in ("failed", "rescued") or (self.is_incomplete_film and self.status == "stopped")

    def _missing(self, storage):
        """The names of its pictures that are no longer there."""
        numbers = [self.asked.get("content"), *(style["picture"] for style in self.asked.get("styles", []))]
        known = {upload.number for upload in storage.uploads.all()}
        names = self.names or ["a picture"] * len(numbers)
        return [name for number, name in zip(numbers, names, strict=False) if number not in known]

    def uses(self, upload: str) -> bool:
        """Whether the picture cannot be painted to its end without an upload."""
        styles = self.asked.get("styles", [])
        return upload in (self.asked.get("content"), *(style[key] for style in styles for key in style))

    def keep_last(self, storage: Storage) -> None:
        """Keep what was shown last of a picture that is lost, or of a film that is not complete."""
        self.last = {"iteration": self.progress.iteration, "iterations": self.progress.iterations}
        try:
            with open(storage.path(self.stem, LAST), "wb") as file:
                file.write(self.progress.picture)
        except OSError:  # the disk may be full
            self.preview = self.progress.picture


def restored(record: Any, storage: Storage) -> QueuedPicture | None:
    """The picture of a record that an earlier server wrote, which may have been killed; None if it is damaged."""
    try:
        if "said" in record:  # written by a version whose messages were plain strings
            record["messages"] = [_message_of(text) for text in record.pop("said")]
        picture = QueuedPicture(**record)
        picture.summary()
        is_there, picture.resume = (
            os.path.isfile(storage.path(picture.stem, kind)) for kind in (picture.kind, ".state")
        )
    except (TypeError, AttributeError, KeyError, ValueError):
        return None
    if picture.frames is not None:
        _restore_film(picture, storage, is_there)
    elif picture.status in ACTIVE and picture.status != "waiting":
        picture.status = "stopped" if is_there else "failed"
    if picture.status == "failed" and [each["text"] for each in picture.messages] == [REMOVED]:
        picture.status = "removed"  # in a version that had no such status
    return picture


def _restore_film(picture, storage, is_there):
    """The status of a film whose server may have been killed: its file is complete if it exists."""
    if picture.status not in ACTIVE:
        return
    picture.frames_done = picture.frames if is_there else storage.count_frames(picture.stem)
    if is_there:
        picture.status, picture.resume = "done", False
        storage.remove_state(picture.stem)
    elif picture.status != "waiting":
        picture.status = "stopped" if picture.resume else "failed"


def _message_of(text):
    is_error = text.startswith("error: ")
    return message_record("error" if is_error else "info", text.removeprefix("error: "))
