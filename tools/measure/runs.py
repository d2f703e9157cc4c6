"""Measures whole runs of the command: the seconds and the peak memory of each preset at each size.

    python -m tools.measure.runs --network FILE --content PICTURE --style PICTURE [--sizes WxH ...] [--presets NAME ...]

A run is cut short after 20 iterations at each scale. Each of the missing ones counts as the median of the last eight of
its scale, in which L-BFGS has a full history. Prints a Markdown table.
"""

import argparse
import sys
import tempfile
import time

import numpy as np

from brushwork.presets import PRESETS
from brushwork.schedule import make_schedule
from brushwork.settings import Settings
from tools.measure.machine import add_inputs, command_for, machine, peak

COUNT, LAST = 20, 8  # iterations at each scale


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure whole runs.")
    add_inputs(parser)
    parser.add_argument("--sizes", nargs="+", default=["512x384", "1024x768"], metavar="WxH")
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=PRESETS)
    options = parser.parse_args(arguments)
    print(f"Measured on {machine()}.\n")
    cells = [f"{size}: iterations | seconds | GB" for size in options.sizes]
    print(f"| preset | network | {' | '.join(cells)} |\n{'|---' * (2 + 3 * len(cells))}|")
    for preset in options.presets:
        for name, network in (("included", "pocket"), ("full", options.network)):
            measured = [of_run(options, preset, network, size) for size in options.sizes]
            row = " | ".join(f"{count} | {seconds:.0f} | {memory:.1f}" for count, seconds, memory in measured)
            print(f"| `{preset}` | {name} | {row} |", flush=True)
    return 0


def of_run(options, preset, network, size):
    """(iterations at all scales, seconds, GB of memory at the peak) of a run."""
    width, height = map(int, size.split("x"))
    counts = [scale.iterations for scale in make_schedule(Settings(**PRESETS[preset]), height, width).scales]
    with tempfile.TemporaryDirectory() as directory:
        command = command_for(options, network, size, directory)
        command += ["--preset", preset, "--width", str(width), "--quiet", "--print-iterations", "1"]
        start = time.perf_counter()
        memory, lines = peak([*command, "--scale-iterations" if len(counts) > 1 else "--iterations", str(COUNT)])
        whole = time.perf_counter() - start
    seconds = np.diff([moment for line, moment in lines if line.startswith("Iteration")])
    at_scale = seconds.reshape(len(counts), COUNT)[:, -LAST:]
    missing = sum((count - COUNT) * median for count, median in zip(counts, np.median(at_scale, axis=1), strict=True))
    return sum(counts), whole + missing, memory


if __name__ == "__main__":
    sys.exit(main())
