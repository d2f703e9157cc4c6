"""Files: every file of the program is written through `replacing`, whole or not at all."""

import errno
import os
import secrets
import stat
from contextlib import contextmanager, suppress

_unfinished = set()


def open_regular(path):
    """A regular file that is not empty, open for reading in binary. OSError, its strerror in the user's words."""
    try:
        status = os.stat(path)
    except ValueError as error:  # a null character in the name
        raise OSError(errno.EINVAL, str(error)) from error
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, "it is a directory")
    if not stat.S_ISREG(status.st_mode):  # to open a pipe would wait for a writer
        raise OSError(errno.EINVAL, "it is not a regular file")
    if status.st_size == 0:
        raise OSError(errno.EINVAL, "it is empty")
    return open(path, "rb")


@contextmanager
def replacing(path):
    """A context manager: the binary file it gives, open for writing and reading, becomes `path` when the block ends.

    Until then it has no name, where the system knows such files, so that not even a process that is killed leaves half
    a file behind; elsewhere it is a hidden temporary file beside the target. Whatever exception ends the block, it is
    gone and the target is as it was. An existing target keeps its permissions; where it is a symbolic link, the file it
    points at is replaced and the link stays. Raises OSError.
    """
    target = os.path.realpath(path)
    directory = os.path.dirname(target)
    permissions = _permissions(target)
    temporary = os.path.join(directory, f".{secrets.token_hex(8)}.unfinished")
    _unfinished.add(temporary)
    try:
        nameless = _nameless(directory)
        with open(temporary, "x+b") if nameless is None else nameless as file:
            if permissions is not None:  # before anything is in it: the target may be private
                os.chmod(temporary if nameless is None else file.fileno(), permissions)
            yield file
            file.flush()
            os.fsync(file.fileno())
            if nameless is not None:
                os.link(_by_handle(file.fileno()), temporary, src_dir_fd=file.fileno(), follow_symlinks=True)
        os.replace(temporary, target)
        _sync(directory)
    finally:
        with suppress(OSError):
            os.remove(temporary)
        _unfinished.discard(temporary)


def _nameless(directory):
    """A new file without a name in the directory's file system, or None where there are no such files (Linux has)."""
    if not hasattr(os, "O_TMPFILE"):
        return None
    try:
        handle = os.open(directory, os.O_TMPFILE | os.O_RDWR, 0o666)
    except OSError:  # of this file system; if something else is wrong, opening a file with a name tells
        return None
    if not os.path.exists(_by_handle(handle)):
        os.close(handle)
        return None
    return open(handle, "r+b")


def _by_handle(handle):
    return f"/proc/self/fd/{handle}"


def remove_unfinished():
    """Remove the temporary files of all blocks that have not ended; for a process that is about to exit at once."""
    for temporary in list(_unfinished):
        with suppress(OSError):
            os.remove(temporary)


def _permissions(target):
    """The permission bits of `target`, None where there is no such file. OSError if it is no regular file."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
    if not stat.S_ISREG(mode):  # os.replace would put a file in the place of /dev/null
        raise OSError(errno.EINVAL, "Not a regular file", target)
    return stat.S_IMODE(mode)


def _sync(directory):
    """Make the new name of a file last, where a directory can be opened and synced."""
    with suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
