"""Measures the peak memory of the command against the estimate of --dry-run, and that of the plain classic loop.

    python -m tools.measure.memory --network FILE --content PICTURE --style PICTURE [--cases CASE ...]

Every case is a run of the real command in a process of its own. Prints a Markdown table.
"""

import argparse
import sys
import tempfile

from brushwork.pictures import read, sizes
from brushwork.settings import Settings
from tests.reference.classic import Apart
from tools.measure.machine import add_inputs, command_for, machine, peak

CASES = (
    "512x384:none:float32:lbfgs",
    "1024x768:none:float32:adam",
    "1024x768:256:float32:lbfgs",
    "1600x1200:512:float32:lbfgs",
    "2048x1536:none:float32:adam",
    "3072x2304:768:float32:lbfgs",
)


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure peak memory.")
    add_inputs(parser)
    parser.add_argument("--cases", nargs="*", default=CASES, metavar="SIZE:TILE:PRECISION:OPTIMIZER")
    parser.add_argument("--classic", nargs="*", default=["1024x768"], metavar="SIZE")
    options = parser.parse_args(arguments)
    print(f"Measured on {machine()}.\n\n| run | estimated GB | measured GB | ratio |\n| --- | --- | --- | --- |")
    for case in options.cases:
        estimated, measured = of_case(options, *case.split(":"))
        print(f"| {case} | {estimated:.2f} | {measured:.2f} | {estimated / measured:.2f} |", flush=True)
    for size in options.classic:
        width, height = map(int, size.split("x"))
        picture = sizes.resize(read.image(options.content), height, width)
        loop = Apart(options.network, picture, [picture], picture, Settings())
        loop.iterate(), loop.iterate()
        print(f"| {size}, the classic loop | | {loop.close():.2f} | |", flush=True)
    return 0


def of_case(options, size, tile, precision, optimizer):
    """(GB that the dry run says, GB at the peak of the run)."""
    with tempfile.TemporaryDirectory() as directory:
        command = command_for(options, options.network, size, directory)
        command += ["--tile-size", tile, "--precision", precision]
        command += ["--optimizer", optimizer, "--lbfgs-memory", "3", "--iterations", "3"]
        _, lines = peak([*command, "--dry-run"])
        measured, _ = peak(command)
    return next(float(line.split()[1]) for line, _ in lines if line.startswith("memory: ")), measured


if __name__ == "__main__":
    sys.exit(main())
