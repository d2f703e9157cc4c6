"""Files: opened only if they are regular, written completely or not at all."""

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

_unfinished = set()  # paths of the temporary files of this process


def open_regular(path: str | os.PathLike) -> BinaryIO:
    """Open a file for reading in binary mode.

    Raises OSError, whose strerror is written for the user, also if the file is empty or not a regular file.
    """
    if is_address(path):
        _, local, name = os.fspath(path).partition("file://")
        remedy = f"write it as {name}" if local else "download it first"
        raise OSError(errno.EINVAL, f"it is an address, not a file; {remedy}")
    try:
        status = os.stat(path)
    except ValueError as error:  # a null character in the name
        raise OSError(errno.EINVAL, str(error)) from error
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, "it is a directory; give a file in it")
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for a writer
        raise OSError(errno.EINVAL, "it is not a regular file")
    if status.st_size == 0:
        raise OSError(errno.EINVAL, "it is empty")
    return open(path, "rb")


def is_address(path: str | os.PathLike) -> bool:
    """Return whether a path is a URL, such as https://example.org/photo.jpg."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/+\S", os.fspath(path)) is not None and not os.path.exists(path)


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Replace a file when the block ends: a context manager that gives a binary file, open for writing and reading.

    Until the block ends, it is a hidden temporary file in the directory of the target. If the block raises an
    exception, the temporary file is removed and the target does not change. An existing target keeps its permissions.
    If `path` is a symbolic link, the file that it points to is replaced. Raises OSError.
    """
    target = os.path.realpath(path)
    directory, mode = os.path.dirname(target), None
    with suppress(FileNotFoundError):
        mode = os.stat(target).st_mode
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
    if mode is not None and not stat.S_ISREG(mode):  # a device like /dev/null must not be replaced by a file
        raise OSError(errno.EINVAL, "Not a regular file", target)
    temporary = os.path.join(directory, f".{secrets.token_hex(8)}.unfinished")
    _unfinished.add(temporary)
    try:
        with open(temporary, "x+b") as file:
            if mode is not None:  # while it is still empty: the target may be private
                os.chmod(temporary, stat.S_IMODE(mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        with suppress(OSError):  # so that the new name survives a power failure; not every system can sync directories
            handle = os.open(directory, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    finally:
        with suppress(OSError):
            os.remove(temporary)
        _unfinished.discard(temporary)


def remove_unfinished() -> None:
    """Remove the temporary files of all open `replacing` blocks, before a process exits without ending them."""
    for temporary in list(_unfinished):
        with suppress(OSError):
            os.remove(temporary)
