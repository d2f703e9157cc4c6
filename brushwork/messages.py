"""Messages to the user: the logger that every module writes to, and the handler with which the command shows them.

Levels: `info` for what a run does, `warning` for what the user should know, `error` for what could not be done. A
program that uses these modules attaches its own handlers to the logger, or leaves it to logging's defaults.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, TextIO

logger = logging.getLogger("brushwork")
UNWRITABLE = (OSError, ValueError, AttributeError)  # of a stream whose file fails, that is closed, that is None


@contextmanager
def shown() -> Iterator[None]:
    """A context manager that shows messages on standard error, unless the logger has a handler already.

    All levels from INFO on are logged; the block may set another level.
    """
    level, propagate = logger.level, logger.propagate
    handler = None if logger.handlers else CommandHandler()
    logger.setLevel(logging.INFO)
    if handler:
        logger.addHandler(handler)
        logger.propagate = False  # handlers of the root logger would show everything again
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.propagate = propagate
        if handler:
            logger.removeHandler(handler)


class CommandHandler(logging.Handler):
    """Writes messages to standard error as the command does: with its name and, for warnings and errors, the level."""

    def emit(self, record: logging.LogRecord) -> None:
        level = f"{record.levelname.lower()}: " if record.levelno > logging.INFO else ""
        print_to(sys.stderr, f"neural_style: {level}{record.getMessage()}")


def print_to(file: TextIO | None, line: str) -> bool:
    """Print a line, above the progress bar if there is one. Returns whether that succeeded; it raises nothing.

    A message that cannot be written is no reason to end a run: the terminal may be gone, a log's disk be full.
    """
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)
    try:
        with tqdm.external_write_mode(file=file) if tqdm else nullcontext():
            file.write(f"{line}\n")
            file.flush()
    except UnicodeEncodeError:
        return line.isascii() is False and print_to(file, line.encode("ascii", "backslashreplace").decode())
    except UNWRITABLE:
        return False
    return True


def flush() -> None:
    """Flush standard output and standard error, as far as that is possible."""
    for file in (sys.stdout, sys.stderr):
        with suppress(*UNWRITABLE):
            file.flush()


class Tolerant:
    """A stream that ignores what cannot be written to it. It equals the stream that it wraps."""

    def __init__(self, file: TextIO | None):
        self._wrapped = file  # tqdm compares what has this name

    def write(self, text: str) -> int:
        with suppress(*UNWRITABLE):
            self._wrapped.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(*UNWRITABLE):
            self._wrapped.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)

    def __eq__(self, other: object) -> bool:
        return self._wrapped == getattr(other, "_wrapped", other)

    def __hash__(self) -> int:
        return hash(self._wrapped)


@contextmanager
def without_repeats() -> Iterator[None]:
    """A context manager that drops messages that were logged before in the block, except errors."""
    seen: set[str] = set()

    def is_wanted(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        is_new = text not in seen
        seen.add(text)
        return is_new or record.levelno >= logging.ERROR

    logger.addFilter(is_wanted)
    try:
        yield
    finally:
        logger.removeFilter(is_wanted)


@contextmanager
def noting_errors() -> Iterator[list[str]]:
    """A context manager that yields a list; errors logged in the block are appended to it."""
    noted: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: noted.append(record.getMessage())
    logger.addHandler(handler)
    try:
        yield noted
    finally:
        logger.removeHandler(handler)
