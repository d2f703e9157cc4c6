"""The storage: the folder of a studio, with its uploads and a record of each picture that was requested.

Nothing that a page sends becomes a path: pictures and uploads have numbers that are looked up here. The names of
uploads are for people to read and are reduced to letters, digits, hyphens and underscores.

    FOLDER/0007-chelsea-woodcut.png   a picture, as the command writes it
    FOLDER/.studio/uploads/           uploads, and a small JPEG file of each for the page
    FOLDER/.studio/pictures/0007.json the record of a picture
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from PIL import Image, ImageChops

from brushwork import files
from brushwork.errors import PictureError
from brushwork.pictures import read, sizes, write

MOST_UPLOADS = 1000
MOST_BYTES = 64e6  # of an upload
VIEW = 1024  # px: the longer side of the picture that is shown for an upload


class Upload(NamedTuple):
    """A picture that can be a content or a style."""

    number: str
    name: str  # for people to read
    path: str  # of the file
    width: int
    height: int
    view: str  # the path of a JPEG file, at most VIEW px long, upright
    is_example: bool = False

    def public(self) -> dict[str, Any]:
        """The fields that the page receives."""
        return {name: getattr(self, name) for name in ("number", "name", "width", "height", "is_example")}


class Storage:
    """The folder of a studio, with uploads, pictures and records. Its methods may be called from several threads."""

    def __init__(self, folder: str | os.PathLike):
        """folder: it is created if it does not exist. Raises OSError."""
        self.folder = Path(folder).expanduser().resolve()
        self._uploads, self._hidden = {}, self.folder / ".studio"
        self._decoding = threading.Lock()  # one picture at a time, since each may take hundreds of megabytes
        for name in ("uploads", "pictures"):
            (self._hidden / name).mkdir(parents=True, exist_ok=True)
        for path in self._hidden.glob("uploads/*.part"):  # of a server that was killed
            path.unlink()
        for path in sorted(self._hidden.glob("uploads/*.json")):
            with suppress(OSError, ValueError, TypeError):
                upload = self._found(json.loads(path.read_text(encoding="utf-8")))
                if os.path.isfile(upload.path) and os.path.isfile(upload.view):
                    self._uploads[upload.number] = upload

    def lock(self) -> None:
        """Keep other servers out of this folder until the process ends. Raises OSError."""
        with suppress(ImportError):  # Windows has none
            import fcntl

            handle = os.open(self._hidden / "lock", os.O_RDWR | os.O_CREAT)  # it stays open
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(handle)
                raise

    def free_number(self, used: Iterable[str]) -> str:
        """A number for a picture, which neither one of `used` is nor a file in the folder has."""
        names = [path.name for path in (*self.folder.iterdir(), *(self._hidden / "pictures").iterdir())]
        numbers = [int(name[:4]) for name in names if re.match(r"[0-9]{4}[-.]", name)]
        return f"{1 + max([*map(int, used), *numbers], default=0):04}"

    def temporary(self) -> tuple[BinaryIO, str]:
        """A new, empty file for an upload: (open binary file, path)."""
        handle, path = tempfile.mkstemp(".part", dir=self._hidden / "uploads")
        return os.fdopen(handle, "wb"), path

    def add(self, path: str | os.PathLike, name: str, *, is_example: bool = False, in_place: bool = False) -> Upload:
        """The Upload of a picture file, which is moved into the storage unless it is used `in_place`.

        Raises PictureError for a file that cannot be read as a picture, and if there are too many.
        """
        number = _digest(path)
        if number in self._uploads:
            if not in_place:
                os.unlink(path)
            return self._uploads[number]
        if len(self._uploads) >= MOST_UPLOADS:
            raise PictureError(f"there are {MOST_UPLOADS} pictures in {self.folder}; remove some of {self._hidden}")
        name = _plain(name)
        with self._decoding:
            picture = _read(path, name)
            height, width = picture.full_size
            view = str(self._hidden / "uploads" / f"{number}.view.jpg")
            _save_view(picture.image, view)
        if not in_place:
            path = shutil.move(path, self._hidden / "uploads" / f"{number}-{name}{_extension(picture.kind)}")
        upload = Upload(number, name, str(path), width, height, view, is_example)
        moved = upload if in_place else upload._replace(path=os.path.basename(path))
        record = moved._replace(view=os.path.basename(view))._asdict()
        self._write(self._hidden / "uploads" / f"{number}.json", record)
        self._uploads[number] = upload
        return upload

    def rest_of(self, masks: Sequence[str], size: tuple[int, int]) -> str:
        """The path of a mask that is white where none of these masks is. size: (width, height)."""
        text = json.dumps([masks, size]).encode()
        path = self._hidden / "uploads" / f"rest-{hashlib.sha256(text).hexdigest()[:16]}.png"
        union = Image.new("L", size)
        for mask in masks:
            with Image.open(mask) as picture:
                union = ImageChops.lighter(union, picture.convert("L").resize(size))
        with files.replacing(path) as file:
            ImageChops.invert(union).save(file, "PNG")
        return str(path)

    def upload(self, number: str) -> Upload:
        """The Upload of a number. Raises KeyError."""
        return self._uploads[number]

    def uploads(self) -> list[Upload]:
        """All uploads, the examples first."""
        return sorted(self._uploads.values(), key=lambda upload: not upload.is_example)

    def records(self) -> list[Any]:
        """The records of earlier pictures, the oldest first."""
        found = []
        for path in sorted(self._hidden.glob("pictures/*.json")):
            with suppress(OSError, ValueError):
                found.append(json.loads(path.read_text(encoding="utf-8")))
        return found

    def write_record(self, record: dict[str, Any]) -> None:
        """Write the record of a picture, which has a "number". Raises OSError."""
        self._write(self._hidden / "pictures" / f"{record['number']}.json", record)

    def remove(self, record: dict[str, Any]) -> None:
        """Remove a record and the files of its picture."""
        paths = [self._hidden / "pictures" / f"{record['number']}.json"]
        if stem := record.get("stem"):
            paths += [self.path(stem, extension) for extension in (".png", ".jpg", ".tif", ".state")]
        for path in paths:
            with suppress(OSError):
                os.unlink(path)

    def remove_state(self, stem: str) -> None:
        """Remove the state of a finished picture."""
        with suppress(OSError):
            os.unlink(self.path(stem, ".state"))

    def path(self, stem: str, extension: str) -> str:
        """The path of a file of a picture; stem: from the function `stem`. Copies are hidden."""
        is_visible = extension in (".png", ".state")  # the command writes the state beside the picture
        return str((self.folder if is_visible else self._hidden / "pictures") / f"{stem}{extension}")

    def _found(self, record):
        """The Upload of a record. Paths are relative to the uploads, so that the folder can be moved."""
        upload = Upload(**record)
        path, view = (str(self._hidden / "uploads" / each) for each in (upload.path, upload.view))
        return upload._replace(path=path, view=view)

    def _write(self, path, record):
        with files.replacing(path) as file:
            file.write(json.dumps(record).encode())


def stem(number: str, content: Upload, styles: Sequence[Upload]) -> str:
    """The name, without extension, of the files of a picture."""
    return "-".join([number, content.name, *(style.name for style in styles)])[:80]


def examples() -> list[Path]:
    """The paths of the example pictures, in a clone or in an installation."""
    import sysconfig

    import brushwork

    beside = Path(brushwork.__file__).resolve().parents[1] / "examples"
    installed = Path(sysconfig.get_path("data")) / "share" / "neural-style" / "examples"
    return sorted((beside if beside.is_dir() else installed).glob("*.jpg"))


def _read(path, name):
    """The read.Picture in a file, in the size of its view. Raises PictureError, which has its name."""
    try:
        return read.picture(path, lambda *size: sizes.scale_size(size, min(1, VIEW / max(size))))
    except PictureError as error:
        raise PictureError(str(error).replace(str(path), name or "this file")) from None


def _save_view(image, path):
    with files.replacing(path) as file:
        Image.fromarray(write.quantize(image)).save(file, "JPEG", quality=88)


def _extension(kind):
    """The usual extension for a picture format."""
    return {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif"}.get(kind, f".{kind.lower()}")


def _digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def _plain(name):
    """The name of a file, reduced to characters that are safe in any file system."""
    stem = os.path.splitext(name.replace("\\", "/").rpartition("/")[2])[0]
    return re.sub(r"[^A-Za-z0-9_]+", "-", stem).strip("-")[:40] or "picture"
