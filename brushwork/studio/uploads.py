"""The uploads: pictures that can be a content or a style, clips, and masks, each with a small JPEG file for the page.

Nothing that a page sends becomes a path: uploads have numbers that are looked up here. Examples are among them, but
stay where they are.
"""

import ctypes
import hashlib
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from PIL import Image, ImageChops

from brushwork import files
from brushwork.errors import PictureError
from brushwork.pictures import masks, read, sizes, write
from brushwork.studio import clips, names
from brushwork.studio.examples import Example
from brushwork.studio.refusals import Wrong

MOST_UPLOADS = 1000
MOST_BYTES = 64e6  # of an upload
VIEW = 1024  # px: the longer side of the picture that is shown for an upload
ROLES = "content", "style", "mask"
UNUSED_DAYS = 7  # after which a mask that no picture uses is removed


class Upload(NamedTuple):
    """A picture that can be a content or a style, a clip that can be a content, or a mask."""

    number: str
    name: str  # for people to read
    path: str  # of the file
    width: int
    height: int
    view: str  # the path of a JPEG file, at most VIEW px long, upright
    is_example: bool = False
    roles: tuple[str, ...] = ()  # some of ROLES: what it was used as
    time: float | None = None  # when it arrived, in seconds since 1970
    example: Example | None = None
    frames: int | None = None  # of a clip; None for a picture
    seconds: float | None = None  # of a clip

    @property
    def is_clip(self) -> bool:
        return self.frames is not None

    @property
    def is_mask(self) -> bool:
        """Whether it is a mask and nothing else."""
        return self.roles == ("mask",)

    def public(self) -> dict[str, Any]:
        """The fields that the page receives."""
        shown = "number", "name", "width", "height", "is_example", "time", "frames", "seconds"
        fields = {name: getattr(self, name) for name in shown}
        roles = [role for role in self.roles if role != "mask"]
        credit = self.example and self.example.credit
        masterpiece = bool(self.example and self.example.is_masterpiece)
        return fields | {
            "roles": roles,
            "credit": credit,
            "is_masterpiece": masterpiece,
            "deletable": not self.is_example,
        }


class _View(NamedTuple):
    """The small JPEG file of an upload, and what was found while it was made."""

    path: str
    size: tuple[int, int]  # (width, height) of the upload, px
    extension: str  # the usual one of its format
    frames: int | None = None
    seconds: float | None = None


class Uploads:
    """The folder of uploads. Its methods may be called from several threads."""

    def __init__(self, folder: Path, changed: Callable[[], None] = lambda: None):
        """folder: it exists. changed: called when there is an upload more or less, or one has another role."""
        self.folder, self._changed = folder, changed
        self._all: dict[str, Upload] = {}
        self._lock = threading.RLock()
        self._decoding = threading.Lock()  # one picture at a time, since each may take hundreds of megabytes
        self._unicode = names.allows_unicode(folder)
        for path in folder.glob("*.part"):  # of a server that was killed
            path.unlink()
        for path in sorted(folder.glob("*.json")):
            with suppress(OSError, ValueError, TypeError):
                upload = self._found(json.loads(path.read_text(encoding="utf-8")))
                if not upload.is_example and os.path.isfile(upload.path) and os.path.isfile(upload.view):
                    self._all[upload.number] = upload

    def temporary(self) -> tuple[BinaryIO, str]:
        """A new, empty file for an upload: (open binary file, path)."""
        handle, path = tempfile.mkstemp(".part", dir=self.folder)
        return os.fdopen(handle, "wb"), path

    def add(self, path: str | os.PathLike, name: str, role: str | None = None) -> Upload:
        """The Upload of a file, which is moved to the others. role: one of ROLES.

        Raises PictureError for a file that cannot be read as a picture or as a clip, and if there are too many.
        """
        number = _digest(path)
        if number in self._all:
            os.unlink(path)
            return self.add_role(number, role)
        if sum(not upload.is_example for upload in self._all.values()) >= MOST_UPLOADS:
            raise PictureError(f"there are {MOST_UPLOADS} uploads; delete some")
        is_clip, name = clips.is_clip(path, name), names.shown(name)
        if is_clip and role not in (None, "content"):
            raise _only_content(name)
        view = self._make_clip_view(path, number, name) if is_clip else self._make_view(path, number, name)
        file = f"{number}-{names.for_file(name, unicode=self._unicode)}{view.extension}"
        path = shutil.move(path, self.folder / file)
        roles = () if role is None else (role,)
        upload = Upload(number, name, str(path), *view.size, view.path, roles=roles, time=time.time())
        self._keep(upload._replace(frames=view.frames, seconds=view.seconds))
        return self._all[number]

    def add_example(self, example: Example) -> Upload:
        """The Upload of an example, whose file stays where it is. Raises PictureError, and OSError."""
        number = _digest(example.path)
        view = self.folder / f"{number}.view.jpg"
        if view.is_file():
            with Image.open(example.path) as picture:
                size = picture.size
        else:
            size = self._make_view(example.path, number, example.path.name).size
        upload = Upload(number, example.name, str(example.path), *size, str(view), True, example.roles, None, example)
        self._all[number] = upload
        return upload

    def find(self, number: str) -> Upload:
        """The Upload of a number. Raises KeyError."""
        return self._all[number]

    def all(self) -> list[Upload]:
        """All uploads but the masks: the examples, then the others from the oldest to the newest."""
        found = [upload for upload in list(self._all.values()) if not upload.is_mask]
        return sorted(found, key=lambda upload: (not upload.is_example, upload.time or 0))

    def add_role(self, number: str, role: str | None) -> Upload:
        """Record that an upload is used in a role, and return it. Raises KeyError, and PictureError for a clip."""
        with self._lock:
            upload = self._all[number]
            if upload.is_clip and role not in (None, "content"):
                raise _only_content(upload.name)
            if role is not None and role not in upload.roles:
                self._keep(upload._replace(roles=(*upload.roles, role)))
            return self._all[number]

    def remove(self, number: str) -> None:
        """Remove an upload and its files. Raises KeyError, and Wrong for an example."""
        with self._lock:
            upload = self._all[number]
            if upload.is_example:
                raise Wrong(f"{upload.name} is an example, which cannot be deleted")
            del self._all[number]
            for path in (self.folder / f"{number}.json", upload.path, upload.view):
                with suppress(OSError):
                    os.unlink(path)
        self._changed()

    def remove_unused(self, used: str) -> None:
        """Remove masks that are not used, if they are some days old. used: a text that has the names of all others."""
        oldest = time.time() - UNUSED_DAYS * 86400
        for upload in list(self._all.values()):
            if upload.is_mask and upload.number not in used and (upload.time or 0) < oldest:
                self.remove(upload.number)
        for path in self.folder.glob("rest-*.png"):
            with suppress(OSError):
                if path.name not in used and path.stat().st_mtime < oldest:
                    path.unlink()

    def rest_of(self, numbers: Sequence[str], size: tuple[int, int]) -> str:
        """The path of a mask that is white where none of these masks is. size: (width, height)."""
        uploads = [self.find(number) for number in numbers]
        text = json.dumps([sorted(numbers), size]).encode()
        path = self.folder / f"rest-{hashlib.sha256(text).hexdigest()[:16]}.png"
        with files.replacing(path) as file:
            ImageChops.invert(_union(uploads, size)).save(file, "PNG")
        return str(path)

    def extent(self, numbers: Iterable[str]) -> tuple[float, float]:
        """The darkest and the brightest level, 0..1, of masks laid over each other."""
        uploads = [self.find(number) for number in numbers]
        with Image.open(uploads[0].view) as first:
            size = first.size
        darkest, brightest = _union(uploads, size).getextrema()
        return darkest / 255, brightest / 255

    def is_empty(self, *numbers: str) -> bool:
        """Whether nothing of these masks is white."""
        return self.extent(numbers)[1] < masks.GREY * 2

    def is_full(self, *numbers: str) -> bool:
        """Whether there is one of these masks that is white, everywhere."""
        return self.extent(numbers)[0] > 1 - masks.GREY * 2

    def _make_view(self, path, number, name):
        """The _View of a picture file. Raises PictureError."""
        view = str(self.folder / f"{number}.view.jpg")
        with self._decoding:
            try:
                picture = _read(path, name)
                _save_view(picture.image, view)
                return _View(view, picture.full_size[::-1], _extension(picture.kind))
            finally:
                _return_memory()

    def _make_clip_view(self, path, number, name):
        """The _View of a clip: its first frame. Raises PictureError."""
        view = str(self.folder / f"{number}.view.jpg")
        with self._decoding:
            try:
                clip = clips.read(path, name)
                _save_view(clip.frame, view)
                return _View(view, (clip.width, clip.height), clip.extension, clip.frames, clip.seconds)
            finally:
                _return_memory()

    def _keep(self, upload):
        """Take over an upload, and write its record unless it is an example."""
        with self._lock:
            if not upload.is_example:
                relative = upload._replace(path=os.path.basename(upload.path), view=os.path.basename(upload.view))
                record = {name: value for name, value in relative._asdict().items() if name != "example"}
                with files.replacing(self.folder / f"{upload.number}.json") as file:
                    file.write(json.dumps(record).encode())
            self._all[upload.number] = upload
        self._changed()

    def _found(self, record):
        """The Upload of a record. Paths are relative to the folder, so that it can be moved."""
        upload = Upload(**record)
        path, view = (str(self.folder / each) for each in (upload.path, upload.view))
        is_old_mask = "roles" not in record and upload.name.startswith("mask-")  # of a version without roles
        roles = ("mask",) if is_old_mask else tuple(upload.roles)
        arrived = os.path.getmtime(path) if upload.time is None else upload.time
        return upload._replace(path=path, view=view, roles=roles, time=arrived)


def _union(uploads, size):
    """Masks laid over each other: a grey Pillow image of (width, height)."""
    union = Image.new("L", size)
    for upload in uploads:
        with _opened(upload) as picture:
            union = ImageChops.lighter(union, picture.convert("L").resize(size))
    return union


def _opened(upload):
    """The Pillow image of an upload; that of its view if Pillow does not know the format of its file."""
    try:
        return Image.open(upload.path)
    except OSError:
        return Image.open(upload.view)


def _read(path, name):
    """The read.Picture in a file, in the size of its view. Raises PictureError, which has its name."""
    try:
        return read.picture(path, lambda *size: sizes.scale_size(size, min(1, VIEW / max(size))))
    except PictureError as error:
        raise PictureError(str(error).replace(str(path), name)) from None


def _save_view(image, path):
    """Write an image [H, W, 3], RGB, 0..255, as the small JPEG file of an upload."""
    with files.replacing(path) as file:
        Image.fromarray(write.quantize(image)).save(file, "JPEG", quality=88)


def _only_content(name):
    return PictureError(f"{name} is a clip, which can only take the place of the photograph; choose a picture")


def _return_memory():
    """Give freed memory back to the system. glibc keeps it for each thread: hundreds of megabytes after some uploads.

    Other C libraries have no such function.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _extension(kind):
    """The usual extension for a picture format."""
    return {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif"}.get(kind, f".{kind.lower()}")


def _digest(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()[:16]
