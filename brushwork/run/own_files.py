"""Own files: those that a run has written, which it may replace; all others only with --overwrite."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import BinaryIO

from brushwork import files


class OwnFiles:
    """What a run has written, each file known by its contents. Somebody else may have replaced it since."""

    def __init__(self, *, overwrite: bool, recorded: Mapping[str, str] | None = None, state: str | None = None):
        """overwrite: whether the user allows the run to replace any file.

        recorded: {path: digest} of what the run had written when it was interrupted. state: the path of the state from
        which it goes on, which it may replace.
        """
        self._overwrite, self._paths = overwrite, {}
        self._recorded = {os.path.realpath(path): digest for path, digest in (recorded or {}).items()}
        self._written = {}  # {real path: what `_signature` returned after writing}
        self._digested = {}  # {real path: the signature of what was digested}
        self._state = None if state is None else os.path.realpath(state)
        if state is not None:
            self._written[self._state] = _signature(state)

    def may_replace(self, path: str) -> bool:
        """Whether the run may replace the file at a path, if there is one."""
        return self._overwrite or not os.path.lexists(path) or self.wrote(path)

    def wrote(self, path: str) -> bool:
        """Whether the run has written the file that is at a path now."""
        real = os.path.realpath(path)
        if real in self._written:
            return self._written[real] == _signature(real)
        with suppress(OSError):
            return real in self._recorded and files.digest(real) == self._recorded[real]
        return False

    @contextmanager
    def replacing(self, path: str, *, is_state: bool = False) -> Iterator[BinaryIO]:
        """As `files.replacing`. Raises FileExistsError if the run may not replace the file at a path.

        is_state: of the files that are written, `digests` leaves out states.
        """
        if not self.may_replace(path):
            raise FileExistsError(errno.EEXIST, "it exists, and this run did not write it", path)
        with files.replacing(path, only_new=not (self._overwrite or os.path.exists(path))) as file:
            yield file
        real = os.path.realpath(path)
        self._written[real] = _signature(real)
        if not is_state:
            self._paths[real] = path
        self._recorded.pop(real, None)

    def digests(self) -> dict[str, str]:
        """{path: digest} of the files that the run has written, but states, as they are if nobody has changed them."""
        for real in self._paths:
            signature = self._written[real]
            if signature not in (None, self._digested.get(real)):
                with suppress(OSError):
                    if signature == _signature(real):
                        self._recorded[real], self._digested[real] = files.digest(real), signature
        return {self._paths.get(real, real): digest for real, digest in self._recorded.items()}


def _signature(path):
    """What changes if a file is replaced or written to; None without a file."""
    with suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
    return None
