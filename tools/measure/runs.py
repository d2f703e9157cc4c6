"""Measures whole runs of the command: the seconds and the peak memory of each preset at each size.

    python -m tools.measure.runs --network FILE --content PICTURE --style PICTURE [--sizes WxH ...] [--presets NAME ...]

A run is cut short after 20 iterations. Each of the missing ones counts as the median of the last eight, in which L-BFGS
has a full history. Prints a Markdown table.
"""

import argparse
import statistics
import sys
import tempfile
import time

import numpy as np

from brushwork.settings import DEFAULTS, PRESETS
from tools.measure.machine import add_inputs, command_for, machine, peak

COUNT, LAST = 20, 8  # iterations


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure whole runs.")
    add_inputs(parser)
    parser.add_argument("--sizes", nargs="+", default=["512x384", "1024x768"], metavar="WxH")
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=PRESETS)
    options = parser.parse_args(arguments)
    print(f"Measured on {machine()}.\n")
    cells = [f"{size}: seconds | GB" for size in options.sizes]
    print(f"| preset | network | iterations | {' | '.join(cells)} |\n{'|---' * (3 + 2 * len(cells))}|")
    for preset in options.presets:
        for name, network in (("embedded", "pocket"), ("full", options.network)):
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
