"""Sends signals to runs at random moments, and checks that every file is whole and that resumed runs are the same.

python -m tools.signals --count 200

INT, TERM, HUP and KILL in turn, to runs that write their state after every step. After each: no traceback, an exit
status of the signal, a picture and a state that can be read, and after --resume the picture of a run that nothing
has interrupted, byte for byte.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from brushwork import state
from brushwork.pictures import read, write
from tests.helpers.command import FAST
from tests.helpers.forks import Server

SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL
COMMAND = f"--content c.png --styles s.png --output o.png --network pocket --iterations 12 --tile-size none {FAST}"
COMMAND += " --state o.state --state-iterations 1"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    server = Server()
    try:
        with tempfile.TemporaryDirectory() as directory:
            problems, resumed = send_signals(server, directory, options.count, options.seed)
    finally:
        server.close()
    print(f"{options.count} signals, {resumed} runs resumed, {len(problems)} problems", *problems, sep="\n")
    return 1 if problems else 0


def send_signals(server, directory, count, seed):
    """(what was wrong, how many runs were resumed) after so many signals to runs in a directory."""
    before, problems, resumed = os.getcwd(), [], 0
    os.chdir(directory)
    try:
        pixels = np.random.default_rng(1).uniform(0, 255, (2, 24, 32, 3)).astype(np.float32)
        for name, image in zip(("c.png", "s.png"), pixels, strict=True):
            write.save(name, image)
        expected, seconds = _whole_run(server)
        moments = random.Random(seed)
        for number in range(count):
            kind = SIGNALS[number % len(SIGNALS)]
            after_a_state = number // len(SIGNALS) % 2 == 1
            delay = moments.uniform(0, seconds / 4 if after_a_state else 1.1 * seconds)
            found, was_resumed = _one(server, kind, delay, expected, after_a_state=after_a_state)
            problems += [f"{number}, {kind.name}: {each}" for each in found]
            resumed += was_resumed
    finally:
        os.chdir(before)
    return problems, resumed


def _whole_run(server):
    """(the picture of a run that nothing interrupts, the seconds that it takes)."""
    start = time.monotonic()
    if server.start(*COMMAND.split(), err="err.txt").wait():
        raise RuntimeError(Path("err.txt").read_text())
    seconds, picture = time.monotonic() - start, Path("o.png").read_bytes()
    _clear()
    return picture, seconds


def _one(server, kind, delay, expected, *, after_a_state):
    """(what was wrong, whether the run was resumed) after a signal, some time after the start or the first state."""
    run, end = server.start(*COMMAND.split(), err="err.txt"), time.monotonic() + 60
    while after_a_state and not os.path.exists("o.state") and time.monotonic() < end:
        time.sleep(0.001)
    time.sleep(delay)
    with suppress(ProcessLookupError):
        os.kill(run.pid, kind)
    found = list(_left(kind, run.wait()))
    resumed = os.path.exists("o.state")
    if resumed:
        # A picture that was written after the last state is not known to be the run's.
        overwrite = ["--overwrite"] if kind == signal.SIGKILL else []
        if server.start("--resume", "o.state", *overwrite, err="err.txt").wait():
            found.append(f"not resumed: {Path('err.txt').read_text()}")
        elif Path("o.png").read_bytes() != expected:
            found.append("the resumed run has another picture")
        found += [f"{name} is left" for name in os.listdir() if name.endswith(".unfinished")]
    _clear()
    return found, resumed


def _left(kind, status):
    """Yield what is wrong with what a run has left that a signal ended."""
    said = Path("err.txt").read_text()
    if "Traceback" in said or status not in (0, 128 + kind, -kind):
        yield f"status {status}: {said}"
    if status == 128 + kind and "interrupted" not in said and "wrote o.png" not in said:  # it may have just finished
        yield f"nothing said: {said}"
    if status != -kind and any(name.endswith(".unfinished") for name in os.listdir()):
        yield "a file is unfinished"
    if os.path.exists("o.png"):
        read.image("o.png")
    if os.path.exists("o.state"):
        state.read("o.state")


def _clear():
    """Remove everything but the inputs."""
    for name in set(os.listdir()) - {"c.png", "s.png"}:
        shutil.rmtree(name) if os.path.isdir(name) else os.remove(name)


if __name__ == "__main__":
    sys.exit(main())
