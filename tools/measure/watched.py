"""Measures what it costs to watch a run in the studio: the same command line as a command, and watched, in turn.

    python -m tools.measure.watched [--rounds N] -- --content PICTURE --styles PICTURE [FLAGS OF THE COMMAND]

Both are timed from the start of their process to its end, with the import of TensorFlow. Prints a Markdown table.
"""

import argparse
import queue
import statistics
import subprocess
import sys
import tempfile
import time

import neural_style
from brushwork.studio.worker import Worker
from tools.measure.machine import machine, table


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure what it costs to watch a run in the studio.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("flags", nargs="+", metavar="FLAG", help="of the command, after --")
    options = parser.parse_args(arguments)
    commands, watched, shown = [], [], 0
    with tempfile.TemporaryDirectory() as directory:
        argv = [*options.flags, "--overwrite", "--output", f"{directory}/out.png"]
        for _ in range(options.rounds):
            commands.append(seconds_of_command(argv))
            seconds, shown = seconds_watched(argv, [f"{directory}/out.jpg"])
            watched.append(seconds)
    ratio = statistics.median(other / one for one, other in zip(commands, watched, strict=True))
    print(f"Measured on {machine()}.\n")
    rows = [
        ("command", f"{statistics.median(commands):.1f}", ""),
        ("watched", f"{statistics.median(watched):.1f}", f"{shown}"),
    ]
    print(table(("run", "seconds", "pictures shown"), rows))
    print(f"\nThe watched run takes {ratio:.3f} of the command's time, the median of {options.rounds}.")
    return 0


def seconds_of_command(argv):
    """Seconds of a process of the command."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "neural_style", *argv], check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def seconds_watched(argv, copies):
    """(seconds of a process of the studio, the number of pictures that it sent)"""
    heard, start, shown = queue.SimpleQueue(), time.perf_counter(), 0
    worker = Worker(neural_style.main, lambda worker, *message: heard.put(message))
    worker.paint(argv, copies)
    while (message := heard.get())[0] != "ended":
        shown += message[0] == "shown"
    if message[1]:
        raise SystemExit(f"the run ended with {message[1]}")
    worker.wait(60)
    return time.perf_counter() - start, shown


if __name__ == "__main__":
    sys.exit(main())
