"""Files: opened only if they are regular, written completely or not at all."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, which removes no file that is open
    fcntl = None

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


def digest(path: str | os.PathLike) -> str:
    """Return a digest of the contents of a file. Raises OSError."""
    import hashlib  # it would slow down the start of the command

    result = hashlib.blake2b(digest_size=16)
    with open_regular(path) as file:
        while part := file.read(1 << 20):
            result.update(part)
    return result.hexdigest()


@contextmanager
def replacing(path: str | os.PathLike, *, only_new: bool = False) -> Iterator[BinaryIO]:
    """Replace a file when the block ends: a context manager that gives a binary file, open for writing and reading.

    Until the block ends, it is a hidden temporary file in the directory of the target. If the block raises an
    exception, the temporary file is removed and the target does not change. An existing target keeps its permissions.
    If `path` is a symbolic link, the file that it points to is replaced. Raises OSError.

    only_new: raise FileExistsError if the target exists, also if that was created in the meantime.
    """
    target = os.path.realpath(path)
    directory, mode = os.path.dirname(target), None
    with suppress(FileNotFoundError):
        mode = os.stat(target).st_mode
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
    if mode is not None and not stat.S_ISREG(mode):  # a device like /dev/null must not be replaced by a file
        raise OSError(errno.EINVAL, "Not a regular file", target)
    temporary, file = _temporary_file(directory)
    try:
        with file:
            if mode is not None:  # while it is still empty: the target may be private
                os.chmod(temporary, stat.S_IMODE(mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        _move(temporary, target, only_new)
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


def _temporary_file(directory):
    """(path, file) of a new hidden file, which is locked as long as it is open."""
    while True:
        temporary = os.path.join(directory, f".{os.urandom(8).hex()}.unfinished")
        _unfinished.add(temporary)
        try:
            file = open(temporary, "x+b")  # noqa: SIM115, the caller closes it
        except BaseException:
            _unfinished.discard(temporary)
            raise
        if fcntl is not None:
            with suppress(OSError):  # not every system can lock files
                fcntl.flock(file, fcntl.LOCK_EX)
        if fcntl is None or os.fstat(file.fileno()).st_nlink:
            return temporary, file
        file.close()  # `remove_leftovers` of another process removed it before it was locked


def _move(temporary, target, only_new):
    """Give a temporary file the name of its target."""
    if only_new:
        try:
            os.link(temporary, target)  # unlike a rename, this replaces nothing
            return
        except FileExistsError:
            raise
        except OSError as error:  # a file system without links
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from error
    os.replace(temporary, target)


def remove_leftovers(directory: str | os.PathLike) -> None:
    """Remove the temporary files in a directory that processes have left there which were killed."""
    with suppress(OSError), os.scandir(directory or ".") as entries:
        for entry in entries:
            if re.fullmatch(r"\.[0-9a-f]{16}\.unfinished", entry.name) and entry.path not in _unfinished:
                with suppress(OSError):
                    _remove_unless_locked(entry.path)


def _remove_unless_locked(path):
    """Remove a regular file unless another process writes it."""
    handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISREG(os.fstat(handle).st_mode):
            os.remove(path)
    finally:
        os.close(handle)


def remove_unfinished() -> None:
    """Remove the temporary files of all open `replacing` blocks, before a process exits without ending them."""
    for temporary in list(_unfinished):
        with suppress(OSError):
            os.remove(temporary)
