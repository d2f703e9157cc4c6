"""Measures whole runs of the command: the seconds and the peak memory of each preset at each size.

    python tools/measure_runs.py --network FILE --content PICTURE --style PICTURE [--sizes WxH ..] [--presets fast ..]

A run is cut short after 20 iterations; those that it lacks are counted as the median of the last eight, when L-BFGS
has filled its memory. Prints a Markdown table.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time

import numpy as np

import benchmark
from measure_memory import command_for, peak
from settings import DEFAULTS, PRESETS

COUNT, LAST = 20, 8  # iterations


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure whole runs.")
    parser.add_argument("--network", required=True, help="the full VGG-19")
    parser.add_argument("--content", required=True)
    parser.add_argument("--style", required=True)
    parser.add_argument("--sizes", nargs="+", default=["512x384", "1024x768"], metavar="WxH")
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=PRESETS)
    options = parser.parse_args(arguments)
    print(f"Measured on {benchmark.machine()}, {len(os.sched_getaffinity(0))} cores.\n")
    cells = [f"{size}: seconds | GB" for size in options.sizes]
    print(f"| preset | network | iterations | {' | '.join(cells)} |\n{'|---' * (3 + 2 * len(cells))}|")
    for preset in options.presets:
        for name, network in (("`pocket`", "pocket"), ("full", options.network)):
            iterations = (DEFAULTS | PRESETS[preset])["iterations"]
            measured = [of_run(options, preset, network, size, iterations) for size in options.sizes]
            row = " | ".join(f"{seconds:.0f} | {memory:.1f}" for seconds, memory in measured)
            print(f"| `{preset}` | {name} | {iterations} | {row} |", flush=True)
    return 0


def of_run(options, preset, network, size, iterations):
    """(seconds, GB of memory at the peak) of a run."""
    with tempfile.TemporaryDirectory() as directory:
        command = command_for(options, network, size, directory)
        command += ["--preset", preset, "--width", size.split("x")[0], "--quiet"]
        start = time.perf_counter()
        memory, lines = peak([*command, "--iterations", str(COUNT), "--print-iterations", "1"])
        whole = time.perf_counter() - start
    moments = [moment for line, moment in lines if line.startswith("Iteration")][-LAST - 1 :]
    return whole + (iterations - COUNT) * statistics.median(np.diff(moments)), memory


if __name__ == "__main__":
    sys.exit(main())
