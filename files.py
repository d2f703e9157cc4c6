"""Files: every file of the program is written through `replacing`, whole or not at all."""

import errno
import os
import secrets
import stat
from contextlib import contextmanager, suppress

_unfinished = set()


@contextmanager
def replacing(path):
    """A context manager: the binary file it gives, open for writing and reading, becomes `path` when the block ends.

    It is a hidden temporary file beside the target until then. Whatever exception ends the block, the temporary file is
    removed and the target is as it was. An existing target keeps its permissions; where it is a symbolic link, the file
    it points at is replaced and the link stays. Raises OSError.
    """
    target = os.path.realpath(path)
    directory = os.path.dirname(target)
    permissions = _permissions(target)
    temporary = os.path.join(directory, f".{secrets.token_hex(8)}.unfinished")
    _unfinished.add(temporary)
    try:
        with open(temporary, "x+b") as file:
            if permissions is not None:
                os.chmod(temporary, permissions)  # before anything is in it: the target may be private
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        _sync(directory)
    finally:
        with suppress(OSError):
            os.remove(temporary)
        _unfinished.discard(temporary)


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
