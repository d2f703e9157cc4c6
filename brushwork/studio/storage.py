"""The storage: the folder of a studio, with its uploads and a record of each picture that was requested.

FOLDER/0007-Chelsea-Woodcut.png   a picture, as the command writes it
FOLDER/0008-Clip-Woodcut.mp4      a film; 0008-Clip-Woodcut.frames has its finished frames until it is complete
FOLDER/.studio/uploads/           uploads, and a small JPEG file of each for the page
FOLDER/.studio/pictures/0007.json the record of a picture
"""

import json
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from brushwork import files
from brushwork.studio import names
from brushwork.studio.uploads import Upload, Uploads
from brushwork.video.frame_files import FrameFiles

LAST = ".last.jpg"  # what was shown last of a picture that could not be saved
KINDS = ".png", ".mp4", ".jpg", ".tif", ".state", LAST  # of the files of a picture or a film
VISIBLE = ".png", ".mp4", ".state"  # the command writes the state beside the picture


class Storage:
    """The folder of a studio. Its methods may be called from several threads."""

    def __init__(self, folder: str | os.PathLike, changed: Callable[[], None] = lambda: None):
        """folder: it is created if it does not exist. changed: called when the uploads change. Raises OSError."""
        self.folder = Path(folder).expanduser().resolve()
        self._hidden = self.folder / ".studio"
        self.paces = self._hidden / "paces.json"  # see estimates.py
        for name in ("uploads", "pictures"):
            (self._hidden / name).mkdir(parents=True, exist_ok=True)
        self.uploads = Uploads(self._hidden / "uploads", changed)
        self._unicode = names.allows_unicode(self._hidden)

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
        found = [path.name for path in (*self.folder.iterdir(), *(self._hidden / "pictures").iterdir())]
        numbers = [int(name[:4]) for name in found if re.match(r"[0-9]{4}[-.]", name)]
        return f"{1 + max([*map(int, used), *numbers], default=0):04}"

    def stem(self, number: str, uploads: Iterable[Upload]) -> str:
        """The name, without extension, of the files of a picture. uploads: its content, and its styles."""
        return names.stem(number, [upload.name for upload in uploads], unicode=self._unicode)

    def records(self) -> list[Any]:
        """The records of earlier pictures, the oldest first."""
        found = []
        for path in sorted(self._hidden.glob("pictures/*.json")):
            with suppress(OSError, ValueError):
                found.append(json.loads(path.read_text(encoding="utf-8")))
        return found

    def write_record(self, record: dict[str, Any]) -> None:
        """Write the record of a picture, which has a "number". Raises OSError."""
        with files.replacing(self._hidden / "pictures" / f"{record['number']}.json") as file:
            file.write(json.dumps(record).encode())

    def remove(self, record: dict[str, Any]) -> None:
        """Remove a record and the files of its picture."""
        paths = [self._hidden / "pictures" / f"{record['number']}.json"]
        rescued = record.get("rescued")
        if rescued and re.fullmatch(r"neural_style-[0-9a-f]{8}\.png", os.path.basename(rescued)):
            paths.append(rescued)
        if stem := record.get("stem"):
            paths += [self.path(stem, extension) for extension in KINDS]
            with suppress(OSError):
                files.remove_leftovers(self.frames(stem).directory)
            self.frames(stem).remove()
        for path in paths:
            with suppress(OSError):
                os.unlink(path)

    def remove_state(self, stem: str) -> None:
        """Remove the state of a finished picture."""
        with suppress(OSError):
            os.unlink(self.path(stem, ".state"))

    def path(self, stem: str, extension: str) -> str:
        """The path of a file of a picture; stem: from the method `stem`. Copies are hidden."""
        return str((self.folder if extension in VISIBLE else self._hidden / "pictures") / f"{stem}{extension}")

    def frames(self, stem: str) -> FrameFiles:
        """The finished frames of a film that is not complete."""
        return FrameFiles(self.path(stem, ".mp4"), is_raw=False)

    def count_frames(self, stem: str) -> int:
        """How many finished frames there are of a film that is not complete."""
        return len(list(Path(self.frames(stem).directory).glob("frame-*.png")))
