"""The process of the command: its streams, an interrupt before the run, and its end."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import neural_style
from brushwork.run import process
from tests.helpers.command import FAST, ROOT, pixels, words
from tests.helpers.tiers import spot_checks

NEEDED = words("--content content.png --styles style.png --output out.png --network net.mat --iterations 2 " + FAST)


def own_process(code, *arguments, **options):
    """Run the command in a process of its own, after `code`: (exit status, standard output, standard error)."""
    start = (
        f"import os, signal, sys, neural_style\nfrom brushwork.run import runner\n{code}\nsys.exit(neural_style.main())"
    )
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, "-c", start, *arguments], env=environment, text=True, **options)
    return result.returncode, result.stdout, result.stderr


@pytest.mark.parametrize(
    "code",
    [
        "neural_style.parse = lambda argv: signal.raise_signal(signal.SIGINT)",
        "signal.signal(signal.SIGINT, signal.SIG_IGN)  # as shells start what is in the background\n"
        "neural_style.parse = lambda argv: signal.raise_signal(signal.SIGINT)",
        "def parse(argv):\n"
        "    try: signal.raise_signal(signal.SIGINT)\n"
        "    except BaseException: raise ImportError('numpy failed')\n"
        "neural_style.parse = parse",
        "def parse(argv):\n"
        "    try: signal.raise_signal(signal.SIGINT)\n"
        "    finally: signal.raise_signal(signal.SIGINT)\n"
        "neural_style.parse = parse",
    ],
    ids=["parser", "background", "import", "twice"],
)
def test_an_interrupt_before_the_run_is_one_sentence(code):
    assert own_process(code) == (130, "", "neural_style: interrupted\n")


def test_signals_after_the_run_change_nothing():
    code = (
        "def run(options, show):\n"
        "    import atexit\n"
        "    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP\n"
        "    atexit.register(lambda: [signal.raise_signal(number) for number in numbers])\n"
        "    return 0\n"
        "runner.run = run"
    )
    assert own_process(code, *NEEDED) == (0, "", "")


REDIRECTS = ["<&- >&- 2>&-", ">/dev/full 2>&1", ">&-", "2>&-", ">/dev/full", "2>/dev/full"]


@pytest.mark.parametrize("redirect", spot_checks(REDIRECTS, keep=(0, 1)))
@pytest.mark.parametrize("flag", ["--help", "--nonsense"])
def test_streams_that_cannot_be_written_to_end_nothing(redirect, flag):
    command = f"{sys.executable} -m neural_style {flag} {redirect}"
    result = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == (2 if flag == "--nonsense" else 0)
    assert "Traceback" not in result.stderr
    assert "Exception" not in result.stderr


@pytest.mark.exhaustive
@pytest.mark.parametrize("redirect", ["2>&-", "<&- >&- 2>&-", "2>/dev/full", ">/dev/full", "2> >(head -1 >/dev/null)"])
def test_a_run_without_streams_makes_its_picture(folder, redirect):
    command = f"{sys.executable} -m neural_style {' '.join(NEEDED)} --verbose --print-iterations 1 {redirect}"
    result = subprocess.run(["bash", "-c", command], env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert result.returncode == 0
    assert pixels("out.png").shape == (30, 40, 3)


def test_a_call_from_python_changes_nothing_of_the_process(command):
    before = signal.getsignal(signal.SIGINT), sys.stderr, sys.stdout, os.readlink("/proc/self/fd/2")
    assert command("--iterations", 1)[0] == 0
    assert (signal.getsignal(signal.SIGINT), sys.stderr, sys.stdout, os.readlink("/proc/self/fd/2")) == before
    assert not process.is_own()


def test_the_command_works_in_another_thread(command):
    status = []
    thread = threading.Thread(target=lambda: status.append(command("--overwrite")[0]))
    thread.start()
    thread.join()
    assert status == [0]
    assert pixels("out.png").shape == (30, 40, 3)


def test_a_hangup_saves_the_picture_and_the_state(server, folder):
    os.mkfifo("pipe")
    run = server.start(*NEEDED, "--iterations", 1000000, "--print-iterations", 1, out="pipe", err="err.txt")
    with open("pipe") as pipe:
        assert pipe.readline().startswith("Iteration")
        os.kill(run.pid, signal.SIGHUP)
        pipe.read()
    assert run.wait() == 129
    assert "continue with --resume out.state" in Path("err.txt").read_text()
    assert pixels("out.png").shape == (30, 40, 3)
    assert neural_style.parse(["--resume", "out.state"]).iterations == 1000000
