"""Resuming: which picture of a command line goes on from which state, and which are left alone.

In a batch that is resumed, the picture of the state goes on from it, those that exist are left alone, and the others
are made. With --skip-existing, a picture beside which there is the state of its unfinished run goes on from that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from brushwork.errors import Mistakes, StateError
from brushwork.facts import Flag
from brushwork.messages import logger

if TYPE_CHECKING:  # NumPy is not imported until a state is read
    from brushwork.state import Saved


def default_state(output):
    """The path of the state of an interrupted run, unless --state names another."""
    return os.path.splitext(output)[0] + ".state"


def origin(saved):
    """The directory in which the paths of a state.Saved begin."""
    return saved.directory if saved.directory and os.path.isdir(saved.directory) else os.curdir


def command(saved: Saved, facts: Mapping[str, Flag]) -> list[str]:
    """The command line of a state.Saved, with its paths as they are found from the current directory."""
    directory, flag, words = origin(saved), None, []
    if os.path.realpath(directory) == os.path.realpath(os.curdir):
        return saved.command
    for word in saved.command:
        name, equals, value = word.partition("=")
        if word.startswith("-"):
            flag = name
        value = value if equals and word.startswith("-") else word
        is_path = flag in facts and facts[flag].is_path
        if is_path and value != flag and value not in facts[flag].words:
            path = os.path.join(directory, value)
            word = f"{flag}={path}" if word.startswith("-") else path
        words.append(word)
    return words


def assigned(jobs, options):
    """The Jobs of a command line; the one that options.resume is of goes on from it. Raises Mistakes."""
    if options.resume is None:
        return [job._replace(keep=options.skip_existing) for job in jobs]
    saved, resume = options.saved, options.resume
    of = [index for index, job in enumerate(jobs) if len(jobs) == 1 or _is_of(saved, resume, job)]
    if not of:
        raise Mistakes(f"cannot resume {resume}: it is of none of these {len(jobs)} pictures; give no other --content")
    if os.path.realpath(origin(saved)) != os.path.realpath(os.curdir):
        logger.info(f"the paths of {resume} begin in {origin(saved)}, where its run began")
    result = []
    for index, job in enumerate(jobs):
        if index == of[0]:
            result.append(job._replace(resume=resume, state=job.state or resume))
        else:  # with --overwrite, what comes later may exist from before
            result.append(job._replace(keep=options.skip_existing or index < of[0] or not options.overwrite))
    return result


def settled(job, options):
    """The Job as it is to be carried out, going on from a state if there is one; None if it is to be left alone."""
    if job.resume or not (job.keep and os.path.exists(job.output)):
        return job
    path = job.state or default_state(job.output)
    if not _is_unfinished(path, job):
        logger.info(f"{job.output} exists: skipped")
        return None
    logger.info(f"{job.output} is not finished: continuing from {path}")
    return job._replace(resume=path, state=path)


def _is_unfinished(path, job):
    """Whether there is a state at `path`, of this picture, whose run has not reached its end."""
    from brushwork import state

    try:
        saved = state.read(path)
    except StateError:
        return False
    return not saved.finished and _is_of(saved, path, job)


def _is_of(saved, path, job):
    """Whether a state.Saved, read from `path`, is of the picture of a Job."""
    if not saved.picture_paths:  # written by an earlier version
        return os.path.realpath(default_state(job.output)) == os.path.realpath(path)
    paths = [os.path.realpath(os.path.join(origin(saved), name)) for name in saved.picture_paths]
    return paths == [os.path.realpath(name) for name in (job.content, *job.styles)]
