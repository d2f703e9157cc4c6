"""Outputs: everything that would keep a run from writing its files is found before it starts."""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shlex
import shutil
import stat
import string

import numpy as np

from brushwork import files
from brushwork.errors import Mistakes, PictureError
from brushwork.messages import logger
from brushwork.pictures import write
from brushwork.run.claims import Claims
from brushwork.run.jobs import Job, those_exist
from brushwork.run.own_files import OwnFiles
from brushwork.run.resuming import default_state

MOST_CHECKPOINTS = 10_000  # whose paths are checked


def check_outputs(
    job: Job,
    options: argparse.Namespace,
    *,
    size: tuple[int, ...],
    transparent: bool,
    last: int | None,
    claims: Claims,
    own: OwnFiles,
    mistakes: Mistakes,
) -> None:
    """Add everything that would keep the files of a job from being written to `mistakes`.

    size: (height, width) of the picture, or () if it is unknown. transparent: whether it has an alpha channel.
    last: the number of the last iteration, or None if it is unknown. claims: the files of the command line. own: those
    that this run has written before it was interrupted.
    """
    checkpoints = _checkpoints(job, options.checkpoint_iterations, last, mistakes)
    for path in (job.output, *checkpoints[:1]):
        mistakes.catch(write.check_format, path, *size, depth=options.depth, transparent=transparent)
    if options.contact_sheet is not None:
        mistakes.catch(write.check_format, options.contact_sheet)
    if job.plot and not importlib.util.find_spec("matplotlib"):
        mistakes.add_file("--progress-plot needs matplotlib: python -m pip install matplotlib")
    board = options.tensorboard
    if board is not None and os.path.lexists(board) and not os.path.isdir(board):
        mistakes.add_file(f"cannot write to {board}: it is not a directory")
    paths = [job.output, *checkpoints, job.table, job.plot, options.contact_sheet, job.state]
    paths = [path for path in paths if path is not None]
    _check_nested(paths, board, mistakes)
    check_paths(job, paths, claims, own, mistakes, needed=np.prod(size) * 3)


def check_paths(
    job: Job, paths: list[str], claims: Claims, own: OwnFiles, mistakes: Mistakes, *, needed: float = 0
) -> None:
    """Add files that a job may not write, or cannot write where they are. needed: bytes of the largest one."""
    refused = len(mistakes.sentences)
    claims.check(job, paths, mistakes)
    for directory in dict.fromkeys(os.path.dirname(path) or "." for path in paths):
        _check_directory(directory, needed, mistakes)
    if len(mistakes.sentences) == refused:
        _check_existing(job, dict.fromkeys(paths), own, mistakes)


def _check_existing(job, paths, own, mistakes):
    """Add outputs that are no regular files, and existing files that no flag allows to replace."""
    existing = [path for path in paths if _exists(path, mistakes)]
    kinds = {path: _kind(path) for path in existing}
    for path, kind in kinds.items():
        if kind:
            mistakes.add_file(f"cannot write {path}: it is {kind}")
    existing = [path for path in existing if not own.may_replace(path)]
    if existing:
        beside = default_state(job.output)
        state = (
            f", or continue it with --resume {shlex.quote(beside)}" if os.path.isfile(beside) and not job.resume else ""
        )
        remedy = f"choose another name{',' if state else ' or'} give --overwrite{state}"
        mistakes.add_file(f"{those_exist(existing)}; {remedy}")


def _kind(path):
    """What is at the path of an output that no file can replace, or ""."""
    mode = os.stat(path).st_mode if os.path.exists(path) else None
    if mode is None:
        return "a link to a file that does not exist"
    if stat.S_ISREG(mode):
        return ""
    return "a directory" if stat.S_ISDIR(mode) else "not a regular file"


def _check_nested(paths, board, mistakes):
    """Add files with the name of a directory in which other files, or TensorBoard's, will be."""
    directories = {} if board is None else {os.path.realpath(board): "--tensorboard"}
    for path in paths:
        directory = os.path.dirname(os.path.realpath(path))
        while os.path.dirname(directory) != directory:
            directories.setdefault(directory, path)
            directory = os.path.dirname(directory)
    for path in dict.fromkeys(paths):
        if other := directories.get(os.path.realpath(path)):
            mistakes.add_usage(f"{path} would be a file, and a directory for {other}; choose different names")


def _checkpoints(job, every, last, mistakes):
    """The paths of the first MOST_CHECKPOINTS checkpoints and of the last one."""
    if job.checkpoints is None:
        return []
    try:
        if not _is_bounded(job.checkpoints) or job.checkpoint(1) == job.checkpoint(2):
            raise ValueError
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        how = "write it as in out_{:05}.jpg or out_%05d.jpg"
        mistakes.add_usage(f"--checkpoint-output {job.checkpoints} has no place for the iteration; {how}")
        return []
    numbers = [1]
    if last is not None and every is not None and every >= 1:
        numbers = dict.fromkeys([*range(every, min(last, MOST_CHECKPOINTS * every) + 1, every), last])
    return [job.checkpoint(number) for number in numbers]


def _is_bounded(template):
    """Whether a template makes names that are short, and different for all iterations, as {:g} and %c do not."""
    specs = [spec for _, _, spec, _ in string.Formatter().parse(template) if spec] if "{" in template else []
    specs += re.findall(r"%[^%a-zA-Z]*[a-zA-Z]", template)
    return not any(re.search(r"[0-9]{4}|[{}]|[ceEgG%]$", spec) for spec in specs)


def _check_directory(directory, needed, mistakes):
    """Add a directory that cannot be written to or created.

    needed: bytes of the largest file, if the picture cannot be compressed.
    """
    if files.is_address(directory):
        mistakes.add_file(f"cannot write to {directory}: it is an address; give a file on this machine")
        return
    while not os.path.lexists(directory) and os.path.dirname(directory) != directory:
        directory = os.path.dirname(directory) or "."  # in which it will be created
    if not os.path.isdir(directory):
        mistakes.add_file(f"cannot write to {directory}: it is not a directory")
    elif not os.access(directory, os.W_OK | os.X_OK):
        mistakes.add_file(f"cannot write to {directory}: permission denied")
    elif (free := shutil.disk_usage(directory).free) < needed:
        sentence = f"{free / 1e6:.1f} MB are free and {needed / 1e6:.1f} MB may be needed"
        mistakes.add_file(f"cannot write to {directory}: {sentence}")


def make_directories(job: Job, options: argparse.Namespace) -> None:
    """Create the missing directories of the files of a job, and remove what killed processes have left in the others.

    Raises PictureError.
    """
    paths = [job.output, job.state, options.contact_sheet, job.checkpoints and job.checkpoint(1)]
    for directory in dict.fromkeys(os.path.dirname(path) for path in paths if path):
        files.remove_leftovers(directory)
        if directory and not os.path.isdir(directory):
            try:
                os.makedirs(directory, exist_ok=True)
            except OSError as error:
                raise PictureError(f"cannot create {directory}: {error.strerror}") from error
            logger.info(f"created the directory {directory}")


def _exists(path, mistakes):
    """Whether there is a file, or a link that leads nowhere."""
    try:
        os.lstat(path)
        return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:  # a name that is too long, or that has a null character
        mistakes.add_file(f"cannot write {path}: {getattr(error, 'strerror', None) or error}")
        return False
