"""Resuming: which picture of a command line continues from a state, and which are skipped.

In a batch that is resumed, the picture of the state continues from it, pictures that exist are skipped, and the others
are made. With --skip-existing, a picture continues from the state of its unfinished run if that is beside it.
"""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from brushwork.errors import Mistakes, StateError
from brushwork.facts import Flag
from brushwork.messages import logger

if TYPE_CHECKING:  # NumPy is not imported until a state is read
    from brushwork.run.jobs import Job
    from brushwork.run.own_files import OwnFiles
    from brushwork.state import Saved

# Flags that only the user gives, who gives them now.
NEVER_SAVED = "--quiet", "--overwrite", "--dry-run", "--resume"
NEVER_SAVED += "--cluster", "--cluster-tls", "--cluster-wait", "--trust-network"


def default_state(output: str) -> str:
    """The path of the state of an interrupted run, unless --state names another."""
    return os.path.splitext(output)[0] + ".state"


def states_beside(output: str) -> Iterator[str]:
    """Yield the paths at which the state of an interrupted run may be: out.state, out-2.state, out-3.state, ..."""
    yield default_state(output)
    stem = os.path.splitext(output)[0]
    yield from (f"{stem}-{number}.state" for number in itertools.count(2))


class Whereabouts:
    """Where the files of a state.Saved are, which was read from `path`.

    Its paths are relative to the directory where its run began. If the state has been moved or copied since, it belongs
    to the directory where it is now, whose files have the same places around it as before: a copy of a directory never
    leads back to the directory that it was copied from.
    """

    def __init__(self, saved: Saved, path: str):
        real = os.path.realpath(path)
        self.is_moved = bool(saved.place) and saved.place != real
        began = saved.directory if self.is_moved or os.path.isdir(saved.directory) else os.getcwd()
        before, now, top = os.path.dirname(saved.place), os.path.dirname(real), os.path.realpath(began)
        self._began, self._place, self._moves = began, saved.place, [(before, now)]
        while before != top and _is_below(before, top) and os.path.basename(before) == os.path.basename(now):
            before, now = os.path.dirname(before), os.path.dirname(now)
        self._moves.append((before, now))  # of the largest directory that was moved, as far as can be told
        self.directory = self.output(".") if self.is_moved else began

    def output(self, path: str) -> str:
        """The path of a file that the run writes."""
        path = os.path.join(self._began, path)
        if not self.is_moved:
            return path
        path = os.path.normpath(path)
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        moves = [now + real[len(before) :] for before, now in self._moves if _is_below(real, before)]
        return next(iter(moves), path)

    def is_itself(self, path: str) -> bool:
        """Whether a path led to the state itself, which has another name now."""
        return self.is_moved and os.path.realpath(os.path.join(self._began, path)) == self._place

    def input(self, path: str) -> str:
        """The path of a file that the run reads: where it was before, if it was not moved with the state."""
        before, now = os.path.join(self._began, path), self.output(path)
        return now if os.path.exists(now) or not os.path.exists(before) else before


def _is_below(path, directory):
    """Whether a path is that of a directory or leads into it."""
    return path == directory or path.startswith(os.path.join(directory, ""))


def command(saved: Saved, path: str, facts: Mapping[str, Flag]) -> list[str]:
    """The command line of a state.Saved that was read from `path`, with paths relative to the current directory.

    Flags that only the user may give now are left out.
    """
    where, flag, words = Whereabouts(saved, path), None, []
    is_here = os.path.realpath(where.directory) == os.path.realpath(os.curdir)
    for word in saved.command:
        name, equals, value = word.partition("=")
        if word.startswith("-"):
            flag = name
        if flag in NEVER_SAVED:
            continue
        value = value if equals and word.startswith("-") else word
        known = facts.get(flag)
        if known and known.is_path and value != flag and value not in known.words:
            moved = (where.output if known.is_output else where.input)(value)
            if flag == "--state" and where.is_itself(value):
                moved = path
            if not (is_here and os.path.normpath(moved) == os.path.normpath(os.path.join(where.directory, value))):
                word = f"{flag}={moved}" if word.startswith("-") else moved
        words.append(word)
    return words


def choose_job(jobs: list[Job], options: argparse.Namespace) -> list[Job]:
    """The Jobs of a command line, of which one continues from the state of --resume. Raises Mistakes."""
    if options.resume is None:
        return [job._replace(skip_existing=options.skip_existing) for job in jobs]
    saved, resume = options.saved, options.resume
    if saved.film:
        raise Mistakes(f"{resume} is the state of a film; give no other --output than that of a film")
    where = Whereabouts(saved, resume)
    found = (index for index, job in enumerate(jobs) if len(jobs) == 1 or _belongs_to(saved, resume, job))
    if (place := next(found, None)) is None:
        raise Mistakes(f"cannot resume {resume}: it is of none of these {len(jobs)} pictures; give no other --content")
    if where.is_moved:
        logger.info(f"{resume} was {saved.place} when it was written; its paths are relative to {where.directory} now")
    elif os.path.realpath(where.directory) != os.path.realpath(os.curdir):
        logger.info(f"the paths in {resume} are relative to {where.directory}, where its run began")
    # With --overwrite, a picture after the resumed one may be older than the run.
    keep = options.skip_existing or not options.overwrite
    kept = [job._replace(skip_existing=keep or index < place) for index, job in enumerate(jobs)]
    kept[place] = jobs[place]._replace(resume=resume, state=jobs[place].state or resume, saved=saved)
    return kept


def resume_or_skip(job: Job) -> Job | None:
    """A Job that continues from the state of its unfinished run, if there is one; None if its picture is skipped."""
    if job.resume or not (job.skip_existing and os.path.exists(job.output)):
        return job
    others = []
    for path in [job.state] if job.state else states_beside(job.output):
        if not os.path.lexists(path):
            break
        if (saved := _unfinished(path, job)) is None:
            continue
        if _is_picture_of(saved, path, job):
            logger.info(f"{job.output} is not finished: continuing from {path}")
            return job._replace(resume=path, state=path, saved=saved)
        others.append(path)
    other = f"; it is not the picture of the unfinished run in {others[0]}" if others else ""
    logger.info(f"{job.output} exists: skipped{other}")
    return None


def own_files(job: Job, *, overwrite: bool) -> OwnFiles:
    """The OwnFiles of a Job, with those that were written before it was interrupted."""
    from brushwork.run.own_files import OwnFiles  # it would slow down the start of the command

    if job.saved is None:
        return OwnFiles(overwrite=overwrite)
    where = Whereabouts(job.saved, job.resume)
    recorded = {where.output(path): digest for path, digest in job.saved.written.items()}
    return OwnFiles(overwrite=overwrite, recorded=recorded, state=job.resume)


def _unfinished(path, job):
    """The state.Saved in a file if it is that of an unfinished run of a Job, or None."""
    from brushwork import state

    try:
        saved = state.read(path)
    except StateError:
        return None
    return saved if saved.state and not saved.finished and _belongs_to(saved, path, job) else None


def _is_picture_of(saved, path, job):
    """Whether the picture of a Job is as the run of a state.Saved, read from `path`, has left it."""
    return own_files(job._replace(resume=path, saved=saved), overwrite=False).wrote(job.output)


def _belongs_to(saved, path, job):
    """Whether a state.Saved, read from `path`, belongs to the picture of a Job."""
    if not saved.picture_paths:  # written by an earlier version
        return os.path.realpath(default_state(job.output)) == os.path.realpath(path)
    where = Whereabouts(saved, path)
    paths = [os.path.realpath(where.input(name)) for name in saved.picture_paths]
    return paths == [os.path.realpath(name) for name in (job.content, *job.styles)]
