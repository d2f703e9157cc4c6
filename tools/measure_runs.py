"""Measures whole runs of the command: the seconds and the peak memory of each preset at each size.

    python tools/measure_runs.py --network FILE --content PICTURE --style PICTURE [--sizes WxH ..] [--presets fast ..]

A run is measured by two short ones, each in a process of its own: the longer one, and for each iteration that the
preset has more, their difference. Start-up and the end of a run are so counted once. Prints a Markdown table.
"""

import argparse
import sys
import tempfile
import time

import benchmark
import images
from measure_memory import ROOT, peak
from settings import DEFAULTS, PRESETS

FEW, MORE = 3, 11  # iterations


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure whole runs.")
    parser.add_argument("--network", required=True, help="the full VGG-19")
    parser.add_argument("--content", required=True)
    parser.add_argument("--style", required=True)
    parser.add_argument("--sizes", nargs="+", default=["512x384", "1024x768"], metavar="WxH")
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=PRESETS)
    options = parser.parse_args(arguments)
    print(f"Measured on {benchmark.machine()}.\n")
    cells = [f"{size}: seconds | GB" for size in options.sizes]
    print(f"| preset | network | iterations | {' | '.join(cells)} |\n{'|---' * (3 + 2 * len(cells))}|")
    for preset in options.presets:
        for network in ("pocket", options.network):
            row = [cell for size in options.sizes for cell in of_run(options, preset, network, size)]
            count = (DEFAULTS | PRESETS[preset])["iterations"]
            name = "pocket" if network == "pocket" else "full"
            print(f"| `{preset}` | {name} | {count} | {' | '.join(row)} |", flush=True)
    return 0


def of_run(options, preset, network, size):
    """(seconds, GB at the peak) of a run, as texts."""
    width, height = map(int, size.split("x"))
    with tempfile.TemporaryDirectory() as directory:
        content = f"{directory}/content.png"
        images.save(content, images.cover(images.read(options.content), height, width))
        command = [str(ROOT / "neural_style.py"), "--network", network, "--content", content, "--styles", options.style]
        command += ["--output", f"{directory}/out.png", "--overwrite", "--preset", preset, "--width", str(width)]
        seconds = []
        for count in (FEW, MORE):
            start = time.perf_counter()
            memory, _ = peak([*command, "--iterations", str(count)])
            seconds.append(time.perf_counter() - start)
    iteration = (seconds[1] - seconds[0]) / (MORE - FEW)
    total = seconds[1] + iteration * ((DEFAULTS | PRESETS[preset])["iterations"] - MORE)
    return f"{total:.0f}", f"{memory:.1f}"


if __name__ == "__main__":
    sys.exit(main())
