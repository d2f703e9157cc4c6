"""Resuming: which picture of a command line continues from a state, and which are skipped.

In a batch that is resumed, the picture of the state continues from it, pictures that exist are skipped, and the others
are made. With --skip-existing, a picture continues from the state of its unfinished run if that is beside it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from brushwork.errors import Mistakes, StateError
from brushwork.facts import Flag
from brushwork.messages import logger

if TYPE_CHECKING:  # NumPy is not imported until a state is read
    from brushwork.run.jobs import Job
    from brushwork.state import Saved


def default_state(output: str) -> str:
    """The path of the state of an interrupted run, unless --state names another."""
    return os.path.splitext(output)[0] + ".state"


def origin(saved: Saved) -> str:
    """The directory to which the paths in a state.Saved are relative."""
    return saved.directory if saved.directory and os.path.isdir(saved.directory) else os.curdir


def command(saved: Saved, facts: Mapping[str, Flag]) -> list[str]:
    """The command line of a state.Saved, with paths relative to the current directory."""
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


def choose_job(jobs: list[Job], options: argparse.Namespace) -> list[Job]:
    """The Jobs of a command line, of which one continues from the state of --resume. Raises Mistakes."""
    if options.resume is None:
        return [job._replace(skip_existing=options.skip_existing) for job in jobs]
    saved, resume = options.saved, options.resume
    resumed = next((job for job in jobs if len(jobs) == 1 or _belongs_to(saved, resume, job)), None)
    if resumed is None:
        raise Mistakes(f"cannot resume {resume}: it is of none of these {len(jobs)} pictures; give no other --content")
    if os.path.realpath(origin(saved)) != os.path.realpath(os.curdir):
        logger.info(f"the paths in {resume} are relative to {origin(saved)}, where its run began")
    before = jobs[: jobs.index(resumed)]
    # With --overwrite, a picture after the resumed one may be older than the run.
    kept = [job._replace(skip_existing=options.skip_existing or job in before or not options.overwrite) for job in jobs]
    kept[len(before)] = resumed._replace(resume=resume, state=resumed.state or resume)
    return kept


def resume_or_skip(job: Job) -> Job | None:
    """A Job that continues from the state of its unfinished run, if there is one; None if its picture is skipped."""
    if job.resume or not (job.skip_existing and os.path.exists(job.output)):
        return job
    path = job.state or default_state(job.output)
    if not _is_unfinished(path, job):
        logger.info(f"{job.output} exists: skipped")
        return None
    logger.info(f"{job.output} is not finished: continuing from {path}")
    return job._replace(resume=path, state=path)


def _is_unfinished(path, job):
    """Whether a file is the state of an unfinished run of a Job."""
    from brushwork import state

    try:
        saved = state.read(path)
    except StateError:
        return False
    return not saved.finished and _belongs_to(saved, path, job)


def _belongs_to(saved, path, job):
    """Whether a state.Saved, read from `path`, belongs to the picture of a Job."""
    if not saved.picture_paths:  # written by an earlier version
        return os.path.realpath(default_state(job.output)) == os.path.realpath(path)
    paths = [os.path.realpath(os.path.join(origin(saved), name)) for name in saved.picture_paths]
    return paths == [os.path.realpath(name) for name in (job.content, *job.styles)]
