"""Messages: who sees which, and with which words before them."""

import io
import logging
import subprocess
import sys

import pytest

from brushwork import messages
from brushwork.messages import logger
from brushwork.watch import progress
from tests.helpers.command import ROOT
from tests.watch.steps import run, schedule_of

LOG = "from brushwork.messages import logger; logger.info('information'); logger.warning('a warning')"


@pytest.mark.parametrize(
    ("configure", "seen"),
    [("", "a warning\n"), ("import logging; logging.basicConfig(level='INFO', format='%(message)s'); ", "both")],
    ids=["unconfigured", "configured"],
)
def test_a_python_user_sees_warnings_and_information_when_asked(configure, seen):
    result = subprocess.run([sys.executable, "-c", configure + LOG], capture_output=True, text=True, cwd=ROOT)
    assert (result.stdout, result.stderr) == ("", seen.replace("both", "information\na warning\n"))


def test_the_command_shows_each_level_once(capfd):
    root = logging.StreamHandler(sys.stdout)
    logging.getLogger().addHandler(root)
    try:
        with messages.shown():
            for level in ("debug", "info", "warning", "error"):
                getattr(logger, level)(f"this is {level}")
    finally:
        logging.getLogger().removeHandler(root)
    lines = [
        "neural_style: this is info",
        "neural_style: warning: this is warning",
        "neural_style: error: this is error",
    ]
    assert capfd.readouterr() == ("", "".join(f"{line}\n" for line in lines))
    assert (logger.handlers, logger.level, logger.propagate) == ([], logging.NOTSET, True)


def test_a_handler_of_the_caller_replaces_standard_error(logged, capfd):
    with messages.shown():
        logger.info("a note")
    assert logged == [("info", "a note")]
    assert capfd.readouterr().err == ""


class Broken(io.StringIO):
    """A stream that fails as it is told."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise self.error

    flush = isatty = lambda self: self.write("")


@pytest.mark.parametrize(
    "stream",
    [None, Broken(OSError(5, "Input/output error")), Broken(BrokenPipeError()), Broken(ValueError("closed file"))],
    ids=["none", "gone", "nobody", "closed"],
)
def test_what_cannot_be_written_ends_nothing(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "stdout", stream)
    with messages.shown():
        logger.error("nobody reads this")
    assert messages.print_to(sys.stdout, "nor this") is False
    messages.flush()
    steps = progress.show_progress(run(ends=(2,)), schedule_of(2), verbose=True)
    assert [step.iteration for step in steps] == [0, 1, 2]
    monkeypatch.setattr(progress, "can_redraw", lambda: True)
    steps = progress.show_progress(run(ends=(2,)), schedule_of(2), verbose=True)
    assert [step.iteration for step in steps] == [0, 1, 2]


def test_characters_that_a_stream_does_not_have_are_escaped():
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert messages.print_to(file, "\u00e9t\u00e9") is True
    assert file.buffer.getvalue() == b"\\xe9t\\xe9\n"


def test_repeated_messages_are_dropped_except_errors(logged):
    with messages.without_repeats():
        for _ in range(2):
            logger.info("a note")
            logger.error("an error")
    assert [text for _, text in logged] == ["a note", "an error", "an error"]
    logger.info("a note")
    assert len(logged) == 4


def test_only_errors_are_noted(logged):
    with messages.noting_errors() as errors:
        for level in ("info", "warning", "error"):
            getattr(logger, level)(f"this is {level}")
    assert errors == ["this is error"]


def test_errors_are_noted_also_when_only_they_are_shown(logged):
    logger.setLevel("ERROR")
    with messages.noting_errors() as errors:
        logger.warning("a warning")
        logger.error("an error")
    logger.error("later")
    assert errors == ["an error"]
