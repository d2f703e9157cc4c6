"""Claims: the files of a command line. No file that it writes may be one that it reads, or be written twice."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress

from brushwork.errors import Mistakes
from brushwork.network import store
from brushwork.run.jobs import Job
from brushwork.settings import STARTS


class Claims:
    """What a command line reads and writes, for all its pictures. Files are the same whatever leads to them."""

    def __init__(self, batch: Sequence[Job], options: argparse.Namespace):
        self._directories = {}  # {directory: its real path}
        self._inputs = {key for path in dict.fromkeys(_inputs(batch, options)) for key in self._keys(path)}
        self._resumed = set() if options.resume is None else {*self._keys(options.resume)}
        self._writers = {}  # {real path: the output of the Job that writes there}
        for job in batch:
            self._writers.setdefault(self._real(job.output), job.output)

    def check_batch(self) -> None:
        """Raise Mistakes if pictures of the command line are inputs of it."""
        mistakes = Mistakes()
        for output in self._writers.values():
            if any(key in self._inputs or key in self._resumed for key in self._keys(output)):
                mistakes.add_usage(_is_input(output))
        mistakes.check()

    def check(self, job: Job, paths: Sequence[str], mistakes: Mistakes) -> None:
        """Claim the files that a Job writes; add those that are inputs, or that are written twice, to `mistakes`."""
        found = set()
        for path in paths:
            keys, real = {*self._keys(path)}, self._real(path)
            if keys & self._inputs or (keys & self._resumed and path != job.state):
                mistakes.add_usage(_is_input(path))
            elif real in found or self._writers.setdefault(real, job.output) != job.output:
                mistakes.add_usage(f"{path} would be written twice; choose different names")
            found.add(real)

    def _keys(self, path):
        """Yield values of which two paths have one in common if they lead to the same file, which need not exist."""
        yield self._real(path)
        with suppress(OSError, ValueError):
            status = os.stat(path)
            yield status.st_dev, status.st_ino

    def _real(self, path):
        """The real path of a file; that of each directory is found once."""
        directory, name = os.path.split(path)
        if name in ("", os.curdir, os.pardir) or os.path.islink(path):
            return os.path.realpath(path)
        if directory not in self._directories:
            self._directories[directory] = os.path.realpath(directory)
        return os.path.join(self._directories[directory], name)


def _is_input(path):
    return f"{path} is an input of this run; choose another name for the output"


def _inputs(batch: Sequence[Job], options: argparse.Namespace) -> Iterator[str]:
    """Yield the paths of all files that a command line reads, but the states that it continues."""
    for job in batch:
        yield job.content
        yield from job.styles
    initial = getattr(options, "initial", None)
    single = options.content_mask, options.settings_from, None if initial in STARTS else initial
    yield from (path for path in single if path is not None)
    yield from options.style_masks or ()
    yield from options.style_source_masks or ()
    yield options.network or os.environ.get("NEURAL_STYLE_NETWORK") or store.CLASSIC_FILE
    yield store.POCKET_FILE
    yield from (os.path.join(store.cache_directory(), source.name) for source in store.SOURCES)
    for directory, _, names in os.walk(options.instant_network or ""):
        yield from (os.path.join(directory, name) for name in names)
