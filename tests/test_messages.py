"""Messages: who sees which, and with which words before them."""

import logging
import subprocess
import sys

import pytest

from brushwork import messages
from brushwork.messages import logger
from tests.helpers.command import ROOT

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
