"""Measures whole runs of the command: the seconds and the peak memory of each preset at each size.

    python tools/measure_runs.py --network FILE --content PICTURE --style PICTURE [--sizes WxH ..] [--presets fast ..]

A run is cut short after 20 iterations; those that it lacks are counted as the median of the last eight, when L-BFGS
has filled its memory. Prints a Markdown table.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

import benchmark
import images
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
    width, height = map(int, size.split("x"))
    with tempfile.TemporaryDirectory() as directory:
        content = f"{directory}/content.png"
        images.save(content, images.cover(images.read(options.content), height, width))
        command = [sys.executable, f"{benchmark.ROOT}/neural_style.py", "--network", network, "--content", content]
        command += ["--styles", options.style, "--output", f"{directory}/out.png", "--preset", preset, "--quiet"]
        command += ["--width", str(width), "--iterations", str(COUNT), "--print-iterations", "1"]
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        moments = [time.perf_counter() for line in process.stdout if line.startswith("Iteration")]
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    whole = time.perf_counter() - start
    steps = [after - before for before, after in zip(moments[-LAST - 1 :], moments[-LAST:], strict=False)]
    return whole + (iterations - COUNT) * statistics.median(steps), usage.ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    sys.exit(main())
