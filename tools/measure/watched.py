"""Measures what it costs to watch a run in the studio: the same command line watched and not watched, in turn.

    python -m tools.measure.watched [--rounds N] -- --content PICTURE --styles PICTURE [FLAGS OF THE COMMAND]

Both run in a process as the studio's, and are timed from its start to its end; a first one, whose start may import
TensorFlow for all, is not timed. Prints a Markdown table.
"""

import argparse
import queue
import statistics
import sys
import tempfile
import time

import neural_style
from brushwork.run import worker as workers
from tools.measure.machine import machine, table


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure what it costs to watch a run in the studio.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("flags", nargs="+", metavar="FLAG", help="of the command, after --")
    options = parser.parse_args(arguments)
    alone, watched, shown = [], [], 0
    with tempfile.TemporaryDirectory() as directory:
        argv = [*options.flags, "--overwrite", "--output", f"{directory}/out.png"]
        seconds_of(unwatched, [*argv, "--iterations", "0", "--scale-iterations", "0"])
        for _ in range(options.rounds):
            alone.append(seconds_of(unwatched, argv)[0])
            seconds, shown = seconds_of(neural_style.main, argv, [f"{directory}/out.jpg"])
            watched.append(seconds)
    ratio = statistics.median(other / one for one, other in zip(alone, watched, strict=True))
    print(f"Measured on {machine()}.\n")
    rows = [
        ("not watched", f"{statistics.median(alone):.1f}", ""),
        ("watched", f"{statistics.median(watched):.1f}", f"{shown}"),
    ]
    print(table(("run", "seconds", "pictures shown"), rows))
    print(f"\nThe watched run takes {ratio:.3f} of the other's time, the median of {options.rounds}.")
    return 0


def unwatched(argv, **shows):
    """The command, without what shows its progress."""
    return neural_style.main(argv)


def seconds_of(command, argv, copies=()):
    """(seconds of a process of the studio, the number of pictures that it sent)"""
    heard, start, shown = queue.SimpleQueue(), time.perf_counter(), 0
    workers.COMMAND = f"{command.__module__}:{command.__name__}"
    worker = workers.Worker(lambda worker, *message: heard.put(message))
    worker.carry_out(argv, copies)
    while (message := heard.get())[0] != "ended":
        shown += message[0] == "progress"
    if message[1]:
        raise SystemExit(f"the run ended with {message[1]}")
    worker.wait(60)
    return time.perf_counter() - start, shown


if __name__ == "__main__":
    sys.exit(main())
